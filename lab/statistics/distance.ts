/**
 * How far distributions are apart: Kolmogorov and Smirnov's distance, the largest difference of two
 * cumulative distributions (0 … 1, whatever the samples' unit); and the points that draw one.
 */
import { requireAscending, requireCount, requireShare } from './input.ts';

/** A published curve at one of the points where it could be read off. */
export type CurvePoint = { readonly x: number; readonly cumulative: number };

/**
 * The largest difference between the samples' distribution and a curve that is known at some points
 * only: a lower bound of the real distance, and the best one, since between its points all that is
 * known of the curve is that it rises.
 */
export function distanceToCurve(sorted: readonly number[], curve: readonly CurvePoint[]): number {
  requireSamples(sorted);
  requireCount('points of the curve', curve.length, 1);
  requireAscending(curve.map(({ x }) => x));
  requireAscending(curve.map(({ cumulative }) => cumulative));
  let distance = 0;
  for (const { x, cumulative } of curve) {
    requireShare('cumulative share of the curve', cumulative);
    const measured = countUpTo(sorted, x) / sorted.length;
    distance = Math.max(distance, Math.abs(measured - cumulative));
  }
  return distance;
}

/** The largest difference between the distributions of two sets of samples. */
export function distanceBetween(sortedA: readonly number[], sortedB: readonly number[]): number {
  requireSamples(sortedA);
  requireSamples(sortedB);
  let [a, b, distance] = [0, 0, 0];
  for (;;) {
    const [nextA, nextB] = [sortedA[a], sortedB[b]];
    // Behind the last sample of one set the two only approach each other.
    if (nextA === undefined || nextB === undefined) return distance;
    const x = Math.min(nextA, nextB);
    while (sortedA[a] === x) a++;
    while (sortedB[b] === x) b++;
    distance = Math.max(distance, Math.abs(a / sortedA.length - b / sortedB.length));
  }
}

/**
 * The distance that `n` and `m` samples of one continuous distribution exceed with probability
 * `alpha`, for many samples (N. Smirnov, Annals of Mathematical Statistics 19, 1948); conservative
 * for few samples and ties. `m` is Infinity for a curve that is exact.
 */
export function criticalDistance(n: number, m: number, alpha = 0.05): number {
  requireCount('samples', n, 1);
  if (m !== Number.POSITIVE_INFINITY) requireCount('samples', m, 1);
  if (!(alpha > 0 && alpha < 1)) {
    throw new RangeError(`alpha lies between 0 and 1, ends excluded, got ${alpha}`);
  }
  return Math.sqrt(-Math.log(alpha / 2) / 2) * Math.sqrt(1 / n + 1 / m);
}

/**
 * At most `points` points of the samples' distribution, all of them exact: `y` is the share of
 * samples up to `x`. They rise in even steps of `y`, closer and closer towards the last sample, so
 * that the tail keeps its shape on a logarithmic axis too. One point per value.
 */
export function cdfPoints(
  sorted: readonly number[],
  points = 200,
): { readonly x: number; readonly y: number }[] {
  requireAscending(sorted);
  requireCount('points', points, 2);
  const values = new Set(ranks(sorted.length, points).map((rank) => sorted[rank] ?? 0));
  return [...values].map((x) => ({ x, y: countUpTo(sorted, x) / sorted.length }));
}

/** Which samples to draw, ascending: two thirds of them evenly, the rest within the last step. */
function ranks(count: number, points: number): number[] {
  if (count <= points) return Array.from({ length: count }, (_, rank) => rank);
  const even = Math.ceil((points * 2) / 3);
  const step = (count - 1) / (even - 1);
  const inTail = points - even;
  const chosen = [
    ...Array.from({ length: even }, (_, i) => Math.round(i * step)),
    ...Array.from({ length: inTail }, (_, i) => count - Math.round(step ** ((i + 1) / inTail))),
  ];
  return [...new Set(chosen)].sort((a, b) => a - b);
}

/** How many of the ascending samples are `x` or less. */
function countUpTo(sorted: readonly number[], x: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? x) <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}

function requireSamples(sorted: readonly number[]): void {
  requireCount('samples', sorted.length, 1);
  requireAscending(sorted);
}
