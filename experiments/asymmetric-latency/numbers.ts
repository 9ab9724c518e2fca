/** What the samples of the study come to. */
import { quantile } from '../../lab/report/stats.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import type { CellResult } from '../../lab/study/study.ts';
import type { Cell, RankBy, Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

/** What a server would win if links made no difference: one crash in four. */
export const FAIR_SHARE = 1 / 4;

/** In minimum election timeouts, ascending. */
export function sortedTimeouts({ samples }: Result): number[] {
  return samples.map(({ leaderlessTimeouts }) => leaderlessTimeouts).sort((a, b) => a - b);
}

export function medianTimeouts(result: Result): number | null {
  return quantile(sortedTimeouts(result), 0.5);
}

/** Crashes after which the first election had no winner. */
export function repeated({ samples }: Result): number {
  return samples.filter(({ terms }) => terms > 1).length;
}

export function wonByRank({ samples }: Result, by: RankBy, rank: number): number {
  return samples.filter(({ ranks }) => ranks[by] === rank).length;
}

/** The share that a rank won; null where nothing was measured. */
export function wonShare(result: Result, by: RankBy, rank: number): Estimate | null {
  const { length } = result.samples;
  if (length === 0) return null;
  return proportion(wonByRank(result, by, rank), length);
}

/** The ratios of timeout to latency that were measured, ascending. */
export function ratiosOf(results: readonly Result[]): number[] {
  return [...new Set(results.map(({ cell }) => cell.timeoutRatio))].sort((a, b) => a - b);
}
