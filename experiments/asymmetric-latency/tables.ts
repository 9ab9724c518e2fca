/** The tables of the study. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { estimateCells, quantileCells, shareCells, shareSpan } from '../../lab/report/estimates.ts';
import { NOTHING } from '../../lab/report/table.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { isAlike } from './figures.ts';
import {
  FAIR_SHARE,
  type Result,
  repeated,
  sortedTimeouts,
  wonByRank,
  wonShare,
} from './numbers.ts';
import { RANKS_BY, type RankBy, timingOf } from './trial.ts';

export function timesTable(results: readonly Result[]): Table {
  return {
    title: 'Times without a leader',
    heads: [
      'links',
      'timeouts ms',
      'in latencies',
      'p50 timeouts',
      '95 % interval',
      'p99 timeouts',
      '95 % interval',
      'repeated',
      '95 % interval',
    ],
    words: 1,
    rows: results.map((result): TableCell[] => {
      const { cell, samples } = result;
      const sorted = sortedTimeouts(result);
      const { electionTimeoutMs } = timingOf(cell);
      const median = quantileEstimate(sorted, 0.5);
      return [
        cell.links,
        electionTimeoutMs.map((ms) => Math.round(ms)).join('–'),
        String(cell.timeoutRatio),
        ...estimateCells(median),
        ...quantileCells(sorted, 0.99),
        ...shareCells(repeated(result), samples.length),
      ];
    }),
    note:
      'In latencies: the minimum timeout, in mean latencies one way. Times are in minimum ' +
      'timeouts, so that networks compare; intervals are by order statistics and assume nothing ' +
      'of the distribution, and “…” stands where the last sample ends one because too few lie ' +
      'beyond. Repeated: the first election after the crash had no winner; exact intervals.',
  };
}

export function winnersTable(results: readonly Result[]): Table {
  const uneven = results.filter(({ cell }) => !isAlike(cell.links));
  return {
    title: 'How often the server with the shortest links wins',
    heads: ['links', 'in latencies', 'both ways, %', 'out, %', 'in, %', 'from the old leader, %'],
    words: 1,
    rows: uneven.map((result): TableCell[] => [
      result.cell.links,
      String(result.cell.timeoutRatio),
      ...RANKS_BY.map((by) => wonCell(result, by)),
    ]),
    note:
      'Of the four servers that are left, the one with the shortest links of that kind; by ' +
      'chance it would win 25 %. With exact 95 % intervals. Coloured where the interval excludes ' +
      'that, as by chance one in twenty does.',
  };
}

function wonCell(result: Result, by: RankBy): TableCell {
  const share = wonShare(result, by, 1);
  if (share === null) return NOTHING;
  const text = shareSpan(wonByRank(result, by, 1), result.samples.length);
  if (share.low > FAIR_SHARE) return { text, tone: 'good' };
  return { text, tone: share.high < FAIR_SHARE ? 'bad' : 'quiet' };
}
