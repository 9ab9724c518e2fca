/** The tables of the study. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { interval } from '../../lab/report/stats.ts';
import { meanAndHalf, NOTHING, shortMs, shortNumber } from '../../lab/report/table.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { ascending, type Compared, pooled, type Result, TOLERANCE } from './numbers.ts';
import { type Cell, UPLINK_BYTES_PER_SECOND, VALUE_BYTES } from './setup.ts';

/** A write to one follower, without what is around the value. */
const SENDING_US = Math.ceil((VALUE_BYTES * 1_000_000) / UPLINK_BYTES_PER_SECOND);

/** Who failed, in words. */
export function failureText({ failed, how }: Cell): string {
  return failed === 0 ? 'none' : `${failed} ${NAMES[how]}`;
}

const NAMES: Readonly<Record<Cell['how'], string>> = {
  none: '',
  crash: 'crashed',
  pause: 'paused',
  'slow-disk': 'with a slow disk',
  'slow-link': 'with a slow link',
};

export function latencyTable(results: readonly Result[], compared: readonly Compared[]): Table {
  return {
    title: 'Latency of a write while followers are failed',
    heads: [
      'servers',
      'failed',
      'p50 ms',
      '95 % interval',
      'expected',
      'p99 ms',
      '95 % interval',
      'expected',
      'verdict',
      'writes/s',
      '±',
    ],
    words: 2,
    rows: results.map(({ cell, samples }): TableCell[] => {
      const own = compared.filter((each) => each.cell === cell);
      const served = interval(samples.map(({ servedPerSecond }) => servedPerSecond));
      const [middle = NOTHING, half = ''] = meanAndHalf(served, shortNumber);
      return [
        String(cell.nodes),
        failureText(cell),
        ...comparedCells(own.find(({ share }) => share === 0.5)),
        ...comparedCells(own.find(({ share }) => share === 0.99)),
        verdictOf(own),
        middle,
        half === '' ? NOTHING : half,
      ];
    }),
    note:
      'Expected: from the ranges of links and disks and the order of the answers alone; within ' +
      `is at most ${TOLERANCE * 100} % off, at both quantiles. Left out of it: that the leader ` +
      `sends to one after the other, ${SENDING_US} µs each. Intervals of quantiles are by order ` +
      'statistics over the writes of all trials, which do not overlap and so are independent; ' +
      'writes a second are means over trials with Student’s interval.',
  };
}

function comparedCells(compared: Compared | undefined): TableCell[] {
  if (compared === undefined) return [NOTHING, NOTHING, NOTHING];
  const { expectedMs, measured } = compared;
  return [shortMs(measured.value), rangeOf(measured), shortMs(expectedMs)];
}

/** Of both quantiles. */
function verdictOf(compared: readonly Compared[]): TableCell {
  if (compared.length === 0) return NOTHING;
  const isWithin = compared.every((each) => each.isWithin);
  return { text: isWithin ? 'within' : 'outside', tone: isWithin ? 'good' : 'bad' };
}

export function returnTable(results: readonly Result[]): Table {
  return {
    title: 'When they are back',
    heads: [
      'servers',
      'failed',
      'caught up after ms',
      '95 % interval',
      'writes meanwhile',
      'p50 ms',
      'longest ms',
      'elections',
    ],
    words: 2,
    rows: results.flatMap(({ cell, samples }): TableCell[][] => {
      if (cell.failed === 0) return [];
      const after = ascending(samples.flatMap(({ catchUpMs }) => catchUpMs ?? []));
      const caughtUp = quantileEstimate(after, 0.5);
      const meanwhile = pooled(samples, ({ catchingUpMs }) => catchingUpMs);
      return [
        [
          String(cell.nodes),
          failureText(cell),
          shortMs(caughtUp?.value ?? null),
          caughtUp === null ? NOTHING : rangeOf(caughtUp),
          count(meanwhile.length),
          shortMs(quantileEstimate(meanwhile, 0.5)?.value ?? null),
          shortMs(meanwhile.at(-1) ?? null),
          count(samples.reduce((sum, { elections }) => sum + elections, 0)),
        ],
      ];
    }),
    note:
      'Caught up: the last of those who failed knows what was committed when they were back; the ' +
      'median over trials. A server that crashed waits for a heartbeat first. Writes meanwhile ' +
      'are those called until then, in all trials.',
  };
}

function rangeOf({ high, low }: Estimate): string {
  return `${shortMs(low)} to ${shortMs(high)}`;
}
