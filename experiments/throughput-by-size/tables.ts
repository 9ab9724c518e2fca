/** The tables of the study. */
import type { StorageKind } from '../../lab/cluster.ts';
import type { Table, TableCell } from '../../lab/report/content.ts';
import { meanAndHalf, NOTHING, shortMs, shortNumber } from '../../lab/report/table.ts';
import {
  type Compared,
  comparisons,
  type Estimated,
  MEASURES,
  measuredOf,
  publishedRatio,
  type Result,
  rangeOf,
  ratiosOf,
  STORAGE_NAMES,
  type Step,
  stepsOf,
  TOLERANCE_FACTOR,
} from './numbers.ts';
import { publishedLatencyMs, publishedOpsPerSecond, REFERENCE_SIZE } from './published.ts';

export function ratioTable(results: readonly Result[]): Table {
  const storages = storagesOf(results);
  const compared = comparisons(results);
  const isCompared = (storage: StorageKind): boolean =>
    compared.some((each) => each.storage === storage);
  const rows = MEASURES.flatMap((measure) => {
    const ratios = storages.flatMap((storage) => ratiosOf(results, storage, measure));
    const sizes = [...new Set(ratios.map(({ nodes }) => nodes))];
    return sizes.map((nodes): TableCell[] => {
      const published = publishedRatio(nodes, measure.name);
      const cells = storages.flatMap((storage): TableCell[] => {
        const is = (other: (typeof ratios)[number]): boolean =>
          other.storage === storage && other.nodes === nodes && other.measure === measure.name;
        const own = ratios.find(is);
        const value = own === undefined ? [NOTHING, NOTHING] : ratioCells(own);
        return isCompared(storage) ? [...value, verdictCell(compared.find(is))] : value;
      });
      return [measure.name, String(nodes), published?.toFixed(2) ?? NOTHING, ...cells];
    });
  });
  return {
    title: `Relative to ${REFERENCE_SIZE} servers`,
    heads: [
      'of',
      'servers',
      'published',
      ...storages.flatMap((storage) =>
        isCompared(storage)
          ? [STORAGE_NAMES[storage], '95 % interval', 'verdict']
          : [STORAGE_NAMES[storage], '95 % interval'],
      ),
    ],
    words: 1,
    rows,
    note:
      `Throughput with ${MEASURES[0].clients} clients, latency with ${MEASURES[1].clients}. ` +
      'Ratios are of geometric means, with Welch’s interval of the logarithms. Within: at most a ' +
      `factor of ${TOLERANCE_FACTOR} off, either way, which is half of what the published ratio ` +
      'furthest from one is off by; unclear: the interval reaches across that bound. The ' +
      'program, the machines and the network are others, so that only the shape can be compared, ' +
      'and only of a cluster that syncs every write, as LogCabin does.',
  };
}

function verdictCell(compared: Compared | undefined): TableCell {
  if (compared === undefined) return NOTHING;
  const { isUnclear, isWithin } = compared;
  const text = isWithin ? 'within' : 'outside';
  if (isUnclear) return { text: `${text}, unclear`, tone: 'fair' };
  return { text, tone: isWithin ? 'good' : 'bad' };
}

const DIRECTION_CELLS: Readonly<Record<NonNullable<Step['direction']>, TableCell>> = {
  falls: { text: 'falls', tone: 'good' },
  unclear: { text: 'within chance', tone: 'quiet' },
  rises: { text: 'rises', tone: 'bad' },
};

/** Empty below two sizes. */
export function stepTable(results: readonly Result[]): Table[] {
  const steps = stepsOf(results);
  if (steps.length === 0) return [];
  return [
    {
      title: 'Throughput from one size to the next',
      heads: ['servers', 'published', 'synced to disk', '95 % interval', 'direction'],
      words: 1,
      rows: steps.map((step): TableCell[] => [
        `${step.from} to ${step.to}`,
        step.published?.toFixed(2) ?? NOTHING,
        ...ratioCells(step),
        step.direction === null ? NOTHING : DIRECTION_CELLS[step.direction],
      ]),
      note:
        `With ${MEASURES[0].clients} clients. As published, the throughput falls with the size; ` +
        'it is judged to fall or to rise where the interval of the step leaves out one.',
    },
  ];
}

function ratioCells({ high, low, value }: Estimated): string[] {
  const interval =
    low === null || high === null ? NOTHING : `${low.toFixed(2)} to ${high.toFixed(2)}`;
  return [value.toFixed(2), interval];
}

export function valueTable(results: readonly Result[]): Table {
  return {
    title: 'Absolute values',
    heads: [
      'storage',
      'clients',
      'servers',
      'writes/s',
      '±',
      'published',
      'mean ms',
      '±',
      'published',
    ],
    words: 1,
    rows: results.map((result): TableCell[] => {
      const { clients, nodes, storage } = result.cell;
      const [ops = NOTHING, opsHalf = ''] = meanAndHalf(
        measuredOf(result, 'throughput'),
        shortNumber,
      );
      const [ms = NOTHING, msHalf = ''] = meanAndHalf(measuredOf(result, 'latency'), shortMs);
      return [
        STORAGE_NAMES[storage],
        String(clients),
        String(nodes),
        ops,
        opsHalf || NOTHING,
        shortNumber(publishedOpsPerSecond(nodes, clients)),
        ms,
        msHalf || NOTHING,
        shortMs(clients === 1 ? publishedLatencyMs(nodes) : null),
      ];
    }),
    note: 'Means over trials with Student’s 95 % interval. Published values are of other hardware.',
  };
}

export function percentileTable(results: readonly Result[]): Table {
  return {
    title: 'Percentiles of the trials',
    heads: ['storage', 'clients', 'servers', 'p50 ms', 'p99 ms'],
    words: 1,
    rows: results.map(({ cell, samples }): TableCell[] => [
      STORAGE_NAMES[cell.storage],
      String(cell.clients),
      String(cell.nodes),
      rangeText(samples.map(({ latencyMsP50 }) => latencyMsP50)),
      rangeText(samples.map(({ latencyMsP99 }) => latencyMsP99)),
    ]),
    note:
      'Each trial has a p50 and a p99 of its own: the median of these over the trials, and in ' +
      'brackets their range from least to greatest, which is no interval.',
  };
}

function storagesOf(results: readonly Result[]): StorageKind[] {
  return [...new Set(results.map(({ cell }) => cell.storage))];
}

function rangeText(values: readonly number[]): string {
  const { greatest, least, median } = rangeOf(values);
  if (values.length < 2) return shortMs(median);
  return `${shortMs(median)} (${shortMs(least)} to ${shortMs(greatest)})`;
}
