/** What the samples of the study come to. */
import { bootstrapMean } from '../../lab/statistics/bootstrap.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { ofRun } from '../../lab/study/crashes.ts';
import { endsOf } from '../../lab/study/factors.ts';
import type { Rules } from '../../lab/study/failover.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { type Cell, type CrashSample, LOSS_MS, type LossSample, type Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

const MS_PER_MINUTE = 60_000;
const RESAMPLING_SEED = 1;

export function crashesOf(samples: readonly Sample[]): CrashSample[] {
  return ofRun(samples, 'crash');
}

export function lossesOf(samples: readonly Sample[]): LossSample[] {
  return ofRun(samples, 'loss');
}

/** Of each run under loss. */
export function changesPerMinute(samples: readonly Sample[]): number[] {
  return lossesOf(samples).map(({ changes }) => (changes * MS_PER_MINUTE) / LOSS_MS);
}

export function changesEstimate({ samples }: Result): Estimate | null {
  return bootstrapMean(changesPerMinute(samples), RESAMPLING_SEED);
}

/** The ranges that were measured, the shortest timeouts first. */
export function rangesOf(results: readonly Result[]): string[] {
  return [...new Set(results.map(({ cell }) => cell.otherTimeoutMs))].sort(
    (a, b) => endsOf(a)[0] - endsOf(b)[0],
  );
}

/** One range and set of rules, by the number of servers that have the range. */
export function byNumber(
  results: readonly Result[],
  run: Cell['run'],
  rules: Rules,
  range: string,
): Result[] {
  return results
    .filter(({ cell }) => cell.run === run && cell.rules === rules && cell.otherTimeoutMs === range)
    .sort((a, b) => a.cell.others - b.cell.others);
}
