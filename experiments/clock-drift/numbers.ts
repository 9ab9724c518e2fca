/** What the samples of the study come to. */
import type { Estimate } from '../../lab/statistics/interval.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { ofRun } from '../../lab/study/crashes.ts';
import type { Rules } from '../../lab/study/failover.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { clocksOf } from './clocks.ts';
import type { Cell, CrashSample, QuietSample, Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

export function crashesOf(samples: readonly Sample[]): CrashSample[] {
  return ofRun(samples, 'crash');
}

export function quietsOf(samples: readonly Sample[]): QuietSample[] {
  return ofRun(samples, 'quiet');
}

/** Quiet runs in which the first leader lost its lead. */
export function unseated({ samples }: Result): Estimate | null {
  const quiets = quietsOf(samples);
  if (quiets.length === 0) return null;
  return proportion(quiets.filter(({ changes }) => changes > 0).length, quiets.length);
}

export function find(
  results: readonly Result[],
  run: Cell['run'],
  rules: Rules,
  clocks: string,
): Result | undefined {
  return results.find(
    ({ cell }) => cell.run === run && cell.rules === rules && cell.clocks === clocks,
  );
}

/** The rate of the one clock that is off, ascending; 1 stands for true clocks. */
export function byRate(
  results: readonly Result[],
  run: Cell['run'],
  rules: Rules,
): { readonly rate: number; readonly result: Result }[] {
  return results
    .flatMap((result) => {
      if (result.cell.run !== run || result.cell.rules !== rules) return [];
      const clocks = clocksOf(result.cell.clocks);
      if (clocks?.kind === 'one') return [{ rate: clocks.rate, result }];
      return clocks?.share === 0 ? [{ rate: 1, result }] : [];
    })
    .sort((a, b) => a.rate - b.rate);
}

/** The same of clocks that are all off, by the share that they are off at most. */
export function bySpread(
  results: readonly Result[],
  run: Cell['run'],
  rules: Rules,
): { readonly share: number; readonly result: Result }[] {
  return results
    .flatMap((result) => {
      if (result.cell.run !== run || result.cell.rules !== rules) return [];
      const clocks = clocksOf(result.cell.clocks);
      return clocks?.kind === 'spread' ? [{ share: clocks.share, result }] : [];
    })
    .sort((a, b) => a.share - b.share);
}
