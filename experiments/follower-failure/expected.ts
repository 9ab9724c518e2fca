/**
 * What the latency of a write should be, from nothing but the model: it is committed when the
 * leader has heard from enough of the followers that are up, and these answer independently.
 */
import { DISK_MS, LINK } from './setup.ts';

/** A follower answers after two ways and one write to its disk, each drawn uniformly. */
const PARTS: readonly (readonly [low: number, high: number])[] = [
  [LINK.delayMs - LINK.jitterMs, LINK.delayMs + LINK.jitterMs],
  [LINK.delayMs - LINK.jitterMs, LINK.delayMs + LINK.jitterMs],
  DISK_MS,
];
const FASTEST_MS = PARTS.reduce((sum, [low]) => sum + low, 0);
const SLOWEST_MS = PARTS.reduce((sum, [, high]) => sum + high, 0);
const BISECTIONS = 50;

/** The share of writes that take at most so long. */
export function expectedShare(nodes: number, failed: number, ms: number): number {
  const answering = nodes - 1 - failed;
  // The leader's own disk has always been faster.
  const needed = Math.floor(nodes / 2);
  return orderStatistic(needed, answering, answered(ms));
}

/** The latency that this share of writes does not exceed. */
export function expectedQuantile(nodes: number, failed: number, share: number): number {
  let [low, high] = [FASTEST_MS, SLOWEST_MS];
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (expectedShare(nodes, failed, middle) < share) low = middle;
    else high = middle;
  }
  return high;
}

/** The distribution as a curve. */
export function expectedCurve(nodes: number, failed: number): { x: number; y: number }[] {
  const steps = 60;
  return Array.from({ length: steps + 1 }, (_, i) => {
    const x = FASTEST_MS + ((SLOWEST_MS - FASTEST_MS) * i) / steps;
    return { x, y: expectedShare(nodes, failed, x) };
  });
}

/** P(one follower has answered): the distribution of a sum of uniform draws, by inclusion. */
function answered(ms: number): number {
  const widths = PARTS.map(([low, high]) => high - low);
  let sum = 0;
  for (let subset = 0; subset < 1 << widths.length; subset++) {
    let rest = ms - FASTEST_MS;
    let sign = 1;
    widths.forEach((width, i) => {
      if ((subset & (1 << i)) === 0) return;
      rest -= width;
      sign = -sign;
    });
    if (rest > 0) sum += sign * rest ** widths.length;
  }
  const volume = widths.reduce((product, width, i) => product * width * (i + 1), 1);
  return Math.min(Math.max(sum / volume, 0), 1);
}

/** P(at least `needed` of `count` independent events), each of the same probability. */
function orderStatistic(needed: number, count: number, probability: number): number {
  let sum = 0;
  let combinations = 1;
  for (let k = 0; k <= count; k++) {
    if (k >= needed) sum += combinations * probability ** k * (1 - probability) ** (count - k);
    combinations = (combinations * (count - k)) / (k + 1);
  }
  return sum;
}
