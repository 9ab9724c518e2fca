/** The tables of the study: what writes notice, and what snapshots take. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { mean } from '../../lab/report/stats.ts';
import {
  meanAndHalf,
  NOTHING,
  sharePercent,
  shortMs,
  shortNumber,
} from '../../lab/report/table.ts';
import {
  type Effect,
  effectOf,
  howOftenText,
  mostOf,
  type Range,
  type Result,
  rangeOf,
  stateText,
  throughputOf,
} from './numbers.ts';

export function writesTable(results: readonly Result[]): Table {
  return {
    title: 'Writes, by how often the log is compacted',
    heads: [
      'storage',
      'state',
      'compacted',
      'writes/s',
      '±',
      'change',
      'p50 ms',
      'p99 ms',
      'longest ms',
    ],
    words: 3,
    rows: results.map((result): TableCell[] => {
      const { cell, samples } = result;
      const [ops = NOTHING, opsHalf = ''] = meanAndHalf(throughputOf(result), shortNumber);
      return [
        cell.storage,
        stateText(cell),
        howOftenText(cell),
        ops,
        opsHalf || NOTHING,
        changeCell(effectOf(results, result)),
        rangeText(rangeOf(samples, ({ latencyMsP50 }) => latencyMsP50)),
        rangeText(rangeOf(samples, ({ latencyMsP99 }) => latencyMsP99)),
        rangeText(rangeOf(samples, ({ latencyMsMax }) => latencyMsMax)),
      ];
    }),
    note:
      'Writes a second are means over trials with Student’s 95 % interval. Each trial has a p50, ' +
      'a p99 and a longest write of its own: the median of these over the trials, and in ' +
      'brackets their range from least to greatest, which is no interval. The change is against ' +
      'a log that is never compacted, in colour where Welch’s interval of the difference leaves ' +
      'out zero.',
  };
}

function rangeText({ greatest, least, median }: Range): string {
  if (least === greatest) return shortMs(median);
  return `${shortMs(median)} (${shortMs(least)} to ${shortMs(greatest)})`;
}

function changeCell(effect: Effect | null): TableCell {
  if (effect === null) return NOTHING;
  const { isTold, lostShare } = effect;
  const sign = lostShare > 0 ? '−' : '+';
  const text = `${sign}${sharePercent(Math.abs(lostShare))}`;
  if (!isTold) return { text, tone: 'quiet' };
  return { text, tone: lostShare > 0 ? 'bad' : 'good' };
}

export function snapshotTable(results: readonly Result[]): Table {
  return {
    title: 'Snapshots',
    heads: [
      'storage',
      'state',
      'compacted',
      'entries/s',
      'snapshots',
      'each ms, median',
      'p90',
      'longest',
      'share of the time',
    ],
    words: 3,
    rows: results.map(({ cell, samples }): TableCell[] => {
      const each = mostOf(samples, ({ snapshotMs }) => snapshotMs);
      const share = mean(samples.map(({ takingShare }) => takingShare));
      const entries = mean(samples.map(({ entriesPerSecond }) => entriesPerSecond));
      return [
        cell.storage,
        stateText(cell),
        howOftenText(cell),
        shortNumber(entries === null ? null : Math.round(entries)),
        count(samples.reduce((sum, { snapshots }) => sum + snapshots, 0)),
        shortMs(each.median),
        shortMs(each.p90),
        shortMs(each.max),
        sharePercent(share),
      ];
    }),
    note:
      'Of all servers and trials; how long each took, of those that began and ended within the ' +
      'measured time. The share of the time is that in which the leader took one.',
  };
}
