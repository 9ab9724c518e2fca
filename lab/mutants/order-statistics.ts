/**
 * The median of a few samples with an interval that assumes nothing of their distribution: seeds
 * until a catch are skewed, and cut off where the search ended (Infinity). The interval lies
 * between two of the samples themselves (H. A. David and H. N. Nagaraja, Order Statistics, 2003).
 */

const CONFIDENCE = 0.95;

/** `low` and `high` are null where there are too few samples for an interval of 95 %. */
export type MedianInterval = {
  readonly median: number;
  readonly low: number | null;
  readonly high: number | null;
};

/** The median, NaN-free: Infinity where half of the samples or more are infinite. */
export function medianInterval(samples: readonly number[]): MedianInterval {
  const sorted = samples.toSorted((a, b) => a - b);
  const n = sorted.length;
  const [under, over] = [sorted[Math.floor((n - 1) / 2)], sorted[Math.floor(n / 2)]];
  if (under === undefined || over === undefined) throw new RangeError('a median of no samples');
  const median = under === over ? under : (under + over) / 2;
  const left = samplesBelowInterval(n);
  if (left === null) return { median, low: null, high: null };
  return { median, low: sorted[left] as number, high: sorted[n - 1 - left] as number };
}

/**
 * How many samples lie outside on each side. The true median has fewer than k of n samples below it
 * with the probability of fewer than k heads in n throws of a coin.
 */
function samplesBelowInterval(n: number): number | null {
  let outside: number | null = null;
  let probability = 0.5 ** n;
  let tail = probability;
  for (let k = 0; 2 * tail <= 1 - CONFIDENCE; k++) {
    outside = k;
    probability *= (n - k) / (k + 1);
    tail += probability;
  }
  return outside;
}
