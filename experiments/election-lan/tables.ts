/** The tables of the study: every published value with what was measured, and a verdict. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { estimateCells } from '../../lab/report/estimates.ts';
import { count } from '../../lab/report/samples.ts';
import { sharePercent, shortMs } from '../../lab/report/table.ts';
import { bootstrapMean } from '../../lab/statistics/bootstrap.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { type Compared, labelOf, type Result } from './compared.ts';
import {
  PUBLISHED,
  QUANTILES,
  SOURCE,
  STATEMENTS,
  type Statement,
  toleranceOf,
} from './published.ts';

const PERCENT = 100;

export function tablesOf(
  results: readonly Result[],
  compared: readonly Compared[],
  seed: number,
): Table[] {
  return [
    medianTable(compared),
    quantileTable(compared),
    meanTable(results, seed),
    statementTable(compared, seed),
  ];
}

function verdict(isWithin: boolean): TableCell {
  return { text: isWithin ? 'within' : 'outside', tone: isWithin ? 'good' : 'bad' };
}

function medianTable(compared: readonly Compared[]): Table {
  return {
    title: 'Medians, published and measured',
    heads: [
      'timeouts ms',
      'published ms',
      'measured ms',
      '95 % interval',
      'measured / published',
      'tolerance',
      'verdict',
      'heard of ms',
      'distance',
      'of chance',
    ],
    words: 1,
    rows: compared.map(({ chance, distance, label, median, result, tolerance }): TableCell[] => {
      const heard = result.samples.map(({ heardMs }) => heardMs).sort((a, b) => a - b);
      const shape: TableCell = {
        text: distance.toFixed(3),
        tone: distance > chance ? 'fair' : 'quiet',
      };
      return [
        label,
        shortMs(median.publishedMs),
        ...estimateCells(median.measured),
        median.ratio.toFixed(2),
        `${tolerance * PERCENT} %`,
        verdict(median.isWithin),
        shortMs(quantileEstimate(heard, 0.5)?.value ?? null),
        shape,
        chance.toFixed(3),
      ];
    }),
    note:
      'Measured is the time until another server leads. The publication has the time until the ' +
      'others hear of it, which here is the column beside the verdict. Intervals of medians are ' +
      'by order statistics and assume nothing of the distribution. The distance is Kolmogorov ' +
      'and Smirnov’s, the largest difference between the two curves, at the published points ' +
      'alone; beside it, what chance exceeds in one of twenty studies if the published curve ' +
      'were the truth. Beyond it the curves differ in shape, whatever their medians.',
  };
}

function quantileTable(compared: readonly Compared[]): Table {
  return {
    title: 'All published quantiles',
    heads: ['timeouts ms', '', ...QUANTILES.map((q) => `p${q * PERCENT}`)],
    words: 2,
    rows: compared.flatMap(({ label, values }): TableCell[][] => [
      [label, 'published', ...values.map(({ publishedMs }) => shortMs(publishedMs))],
      [
        '',
        'measured',
        ...values.map(({ isWithin, measured }): TableCell => {
          return { text: shortMs(measured.value), tone: isWithin ? 'good' : 'bad' };
        }),
      ],
      [
        '',
        'interval',
        ...values.map(({ measured: { high, isBounded, low } }): TableCell => {
          return { text: `${shortMs(low)}–${shortMs(high)}${isBounded ? '' : '…'}`, tone: 'quiet' };
        }),
      ],
    ]),
    note:
      'In milliseconds, green within the tolerance of the range, which is that of its median, ' +
      'and red outside. 95 % intervals by order statistics; … ends at the last trial, because ' +
      'there are too few to bound it. Of 150-150 there are 100 trials, as published.',
  };
}

function meanTable(results: readonly Result[], seed: number): Table {
  return {
    title: 'Means, and elections that were repeated',
    heads: [
      'timeouts ms',
      'trials',
      'published ms',
      'mean ms',
      '95 % interval',
      'verdict',
      'repeated',
      '95 % interval',
    ],
    words: 1,
    rows: results.map(({ cell, samples }): TableCell[] => {
      const range = cell.electionTimeoutMs;
      const ms = samples.map(({ leaderlessMs }) => leaderlessMs);
      const mean = bootstrapMean(ms, seed);
      const published = PUBLISHED[range]?.meanMs;
      const repeated = samples.filter(({ terms }) => terms > 1).length;
      const share = samples.length === 0 ? null : proportion(repeated, samples.length);
      const isCompared = published !== undefined && mean !== null;
      return [
        labelOf(cell, results),
        count(samples.length),
        shortMs(published ?? null),
        ...estimateCells(mean),
        isCompared ? verdict(Math.abs(mean.value / published - 1) <= toleranceOf(range)) : '',
        ...estimateCells(share, sharePercent),
      ];
    }),
    note:
      'Repeated: the first election after the crash had no winner, because votes were split or ' +
      'because it was begun by a server that cannot win. Intervals of means are bootstrapped, ' +
      '1,000 times; those of shares are exact. Tolerances are those of the medians.',
  };
}

function statementTable(compared: readonly Compared[], seed: number): Table {
  return {
    title: 'What the text says',
    heads: ['timeouts ms', 'of', 'published ms', 'measured ms', 'tolerance', 'verdict'],
    words: 2,
    rows: STATEMENTS.flatMap((statement) =>
      compared
        .filter(({ result }) => result.cell.electionTimeoutMs === statement.range)
        .map((each) => statementRow(statement, each, seed)),
    ),
    note: `Source: ${SOURCE.split(':')[0]}. The longest of all trials is a matter of chance.`,
  };
}

function statementRow(
  { ms: publishedMs, range, what }: Statement,
  { label, median, ms }: Compared,
  seed: number,
): TableCell[] {
  const values = {
    median: median.measured.value,
    mean: bootstrapMean(ms, seed)?.value ?? null,
    longest: ms.at(-1) ?? null,
  };
  const value = values[what];
  const isWithin = value !== null && Math.abs(value / publishedMs - 1) <= toleranceOf(range);
  return [
    label,
    what,
    shortMs(publishedMs),
    shortMs(value),
    `${toleranceOf(range) * PERCENT} %`,
    verdict(isWithin),
  ];
}
