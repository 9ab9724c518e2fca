/** The samples of a cell as numbers that a report can state. */
import { quantile } from '../../lab/report/stats.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { expectedCatchUpMs, newcomersOf } from './expected.ts';
import type { Cell, Change } from './setup.ts';
import type { Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

/** The time to catch up is as expected where it is off by no more than this share. */
export const TOLERANCE = 0.15;
/** What a change may hold up commits for without anybody standing for election. */
export const ELECTION_TIMEOUT_MS = 150;

export const NAMES: Readonly<Record<Change, string>> = {
  add: 'add one',
  replace: 'replace one',
  'replace-two': 'replace two',
  remove: 'remove a follower',
  'remove-leader': 'remove the leader',
};

export function ascending(samples: readonly number[]): number[] {
  return samples.toSorted((a, b) => a - b);
}

/** The median over trials, with its interval. */
export function medianOf(samples: readonly Sample[], of: (sample: Sample) => number | null) {
  return quantileEstimate(ascending(samples.flatMap((sample) => of(sample) ?? [])), 0.5);
}

export function greatest(
  samples: readonly Sample[],
  of: (sample: Sample) => number,
): number | null {
  return samples.length === 0 ? null : Math.max(...samples.map(of));
}

/** What writes took that were called from one moment of a trial to another, in all trials. */
export function latenciesMs(
  samples: readonly Sample[],
  of: (sample: Sample) => readonly [fromMs: number, toMs: number],
): number[] {
  return ascending(
    samples.flatMap((sample) => {
      const [fromMs, toMs] = of(sample);
      return sample.writes.flatMap(({ atMs, tookMs }) =>
        atMs >= fromMs && atMs < toMs ? [tookMs] : [],
      );
    }),
  );
}

/** Of the time until the change is through. */
export function whileChangingMs(samples: readonly Sample[]): number[] {
  return latenciesMs(samples, ({ doneMs }) => [0, doneMs]);
}

export function beforeMs(samples: readonly Sample[]): number[] {
  return latenciesMs(samples, () => [Number.NEGATIVE_INFINITY, 0]);
}

export type Compared = {
  readonly cell: Cell;
  readonly measuredMs: number;
  readonly expectedMs: number;
  readonly isWithin: boolean;
};

/** The time to catch up beside the expected, where there is a state to be sent. */
export function comparisons(results: readonly Result[]): Compared[] {
  return results.flatMap(({ cell, samples }) => {
    const measured = medianOf(samples, ({ catchUpMs }) => catchUpMs);
    if (measured === null || newcomersOf(cell.change) === 0 || cell.stateMb === 0) return [];
    const expectedMs = expectedCatchUpMs(cell);
    const isWithin = Math.abs(measured.value / expectedMs - 1) <= TOLERANCE;
    return [{ cell, measuredMs: measured.value, expectedMs, isWithin }];
  });
}

/** The cell of a change that has the most to send, over the slowest line. */
export function hardest(results: readonly Result[], change: Change): Result | null {
  const own = results.filter(({ cell, samples }) => cell.change === change && samples.length > 0);
  return own.reduce<Result | null>((a, b) => {
    if (a === null) return b;
    const more = b.cell.stateMb - a.cell.stateMb;
    if (more !== 0) return more > 0 ? b : a;
    return b.cell.megabytesPerSecond < a.cell.megabytesPerSecond ? b : a;
  }, null);
}

export function metricsOf(samples: readonly Sample[]): Record<string, number | null> {
  const during = whileChangingMs(samples);
  return {
    doneMsP50: medianOf(samples, ({ doneMs }) => doneMs)?.value ?? null,
    catchUpMsP50: medianOf(samples, ({ catchUpMs }) => catchUpMs)?.value ?? null,
    gapBeforeMsP50: medianOf(samples, ({ gapBeforeMs }) => gapBeforeMs)?.value ?? null,
    gapMsP50: medianOf(samples, ({ gapMs }) => gapMs)?.value ?? null,
    gapMsMax: greatest(samples, ({ gapMs }) => gapMs),
    latencyBeforeMsP50: quantile(beforeMs(samples), 0.5),
    latencyMsP50: quantile(during, 0.5),
    latencyMsP99: quantile(during, 0.99),
    latencyMsMax: during.at(-1) ?? null,
    elections: samples.reduce((sum, { elections }) => sum + elections, 0),
    unserved: samples.reduce((sum, { unserved }) => sum + unserved, 0),
  };
}
