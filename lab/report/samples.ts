/** Samples of many runs in a few numbers. */
import { quantile } from './stats.ts';
import { shortMs } from './table.ts';

export type Spread = {
  readonly median: number | null;
  readonly p90: number | null;
  readonly max: number | null;
};

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), p90: quantile(sorted, 0.9), max: quantile(sorted, 1) };
}

/** Three cells of a table. */
export function spreadCells({ max, median, p90 }: Spread): string[] {
  return [shortMs(median), shortMs(p90), shortMs(max)];
}

export function count(number: number): string {
  return number.toLocaleString('en');
}
