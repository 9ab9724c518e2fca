/** Ranges beside their published curves: quantile by quantile, and as a whole. */
import { criticalDistance, distanceToCurve } from '../../lab/statistics/distance.ts';
import { type QuantileEstimate, quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { sortedMs } from '../../lab/study/leaderless.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { PUBLISHED, QUANTILES, toleranceOf } from './published.ts';
import type { Cell, Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

/** A quantile that was measured and published. */
export type Value = {
  readonly q: number;
  readonly publishedMs: number;
  readonly measured: QuantileEstimate;
  /** Measured over published, and whether that is within the range's tolerance. */
  readonly ratio: number;
  readonly isWithin: boolean;
};

export type Compared = {
  readonly result: Result;
  readonly label: string;
  /** Ascending. */
  readonly ms: readonly number[];
  readonly tolerance: number;
  readonly values: readonly Value[];
  readonly median: Value;
  /** Kolmogorov and Smirnov's, at the published points, and what chance exceeds once in twenty. */
  readonly distance: number;
  readonly chance: number;
};

/** The cells whose ranges were published. */
export function compare(results: readonly Result[]): Compared[] {
  return results.flatMap((result) => {
    const range = result.cell.electionTimeoutMs;
    const published = PUBLISHED[range]?.quantilesMs ?? [];
    const ms = sortedMs(result.samples);
    const tolerance = toleranceOf(range);
    const values = published.flatMap((publishedMs, i): Value[] => {
      const q = QUANTILES[i] ?? 0;
      const measured = quantileEstimate(ms, q);
      if (measured === null) return [];
      const ratio = measured.value / publishedMs;
      return [{ q, publishedMs, measured, ratio, isWithin: Math.abs(ratio - 1) <= tolerance }];
    });
    const median = values.find(({ q }) => q === 0.5);
    if (median === undefined) return [];
    const curve = values.map(({ publishedMs, q }) => ({ x: publishedMs, cumulative: q }));
    const distance = distanceToCurve(ms, curve);
    const chance = criticalDistance(ms.length, Number.POSITIVE_INFINITY);
    const label = labelOf(result.cell, results);
    return [{ result, label, ms, tolerance, values, median, distance, chance }];
  });
}

/** A cell by its range, and by its clocks where these vary. */
export function labelOf({ clockPpm, electionTimeoutMs }: Cell, results: readonly Result[]): string {
  const varies = new Set(results.map(({ cell }) => cell.clockPpm)).size > 1;
  return varies ? `${electionTimeoutMs}, ${clockPpm} ppm` : electionTimeoutMs;
}

/** Whether the ranges, sorted by what was measured, are sorted by what was published. */
export function sameOrder(compared: readonly Compared[]): boolean {
  const byMeasured = compared.toSorted((a, b) => a.median.measured.value - b.median.measured.value);
  const published = byMeasured.map(({ median }) => median.publishedMs);
  return published.every((ms, i) => i === 0 || ms >= (published[i - 1] ?? 0));
}
