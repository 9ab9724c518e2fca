/** The samples of a cell as numbers that a report can state. */
import { quantile } from '../../lab/report/stats.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { expectedQuantile } from './expected.ts';
import type { Cell, How } from './setup.ts';
import type { Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

export const QUANTILES = [
  { name: 'P50', share: 0.5 },
  { name: 'P90', share: 0.9 },
  { name: 'P99', share: 0.99 },
] as const;

/** A measured quantile is as expected where it is off by no more than this share. */
export const TOLERANCE = 0.05;

export type Compared = {
  readonly cell: Cell;
  readonly share: number;
  readonly measured: Estimate;
  readonly expectedMs: number;
  readonly isWithin: boolean;
};

export function ascending(samples: readonly number[]): number[] {
  return samples.toSorted((a, b) => a - b);
}

/** Of all trials of a cell, ascending. */
export function pooled(
  samples: readonly Sample[],
  of: (sample: Sample) => readonly number[],
): number[] {
  return ascending(samples.flatMap(of));
}

/** Every quantile of every cell beside what the order of the answers alone makes of it. */
export function comparisons(results: readonly Result[]): Compared[] {
  return results.flatMap(({ cell, samples }) => {
    const latencies = pooled(samples, ({ latenciesMs }) => latenciesMs);
    return [0.5, 0.99].flatMap((share) => {
      const measured = quantileEstimate(latencies, share);
      if (measured === null) return [];
      const expectedMs = expectedQuantile(cell.nodes, cell.failed, share);
      const isWithin = Math.abs(measured.value / expectedMs - 1) <= TOLERANCE;
      return [{ cell, share, measured, expectedMs, isWithin }];
    });
  });
}

export function find(
  results: readonly Result[],
  nodes: number,
  how: How,
  failed: number,
): Result | undefined {
  return results.find(
    ({ cell }) => cell.nodes === nodes && cell.how === how && cell.failed === failed,
  );
}

/** The median latency of a cell's writes. */
export function medianMs(result: Result | undefined): number | null {
  if (result === undefined) return null;
  return quantile(
    pooled(result.samples, ({ latenciesMs }) => latenciesMs),
    0.5,
  );
}

/** How many times longer the median write takes with the most failures than without any. */
export function slowdowns(results: readonly Result[]): { cell: Cell; ratio: number }[] {
  const most = new Map<number, number>();
  for (const { cell } of results) {
    most.set(cell.nodes, Math.max(most.get(cell.nodes) ?? 0, cell.failed));
  }
  return results.flatMap((result) => {
    const { cell, samples } = result;
    const without = medianMs(find(results, cell.nodes, 'none', 0));
    const own = medianMs(result);
    const isMost = cell.failed > 0 && cell.failed === most.get(cell.nodes);
    if (!isMost || samples.length === 0 || without === null || own === null) return [];
    return [{ cell, ratio: own / without }];
  });
}
