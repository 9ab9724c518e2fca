/** What follows from the settings alone, without a run: latencies and times to recover. */
import { tails } from '../../lab/statistics/binomial.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { AWAIT_EVERY_MS, ELECTION_TIMEOUT_MS, LINK, majorityOf } from './setup.ts';

/** Measured quantiles may be off what is expected by this share. */
export const TOLERANCE = 0.05;

/** Pre-votes, votes, and the commit of the first write: one round trip each. */
const ROUNDS = 3;

/**
 * A write has committed when a majority has it: with the leader's own copy, when as many followers
 * as are still missing have answered. Each answers after two draws of the link's delay.
 */
export function commitMs(nodes: number, share: number): number {
  const needed = majorityOf(nodes) - 1;
  if (needed === 0) return 0;
  let [low, high] = [roundTripMs(-1), roundTripMs(1)];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (tails(needed, nodes - 1, answeredShare(middle)).atLeast < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * The first of those that are left times out: the least of so many draws from the range, all made
 * when the leader was heard last. Then it has to be elected, and the next write to come.
 */
export function recoveryMs(left: number, share: number): number {
  const [low, high] = ELECTION_TIMEOUT_MS;
  const firstMs = low + (high - low) * (1 - (1 - share) ** (1 / left));
  return firstMs + ROUNDS * roundTripMs(0) + AWAIT_EVERY_MS / 2;
}

/** A few samples say little: only an interval that lies outside as a whole speaks against it. */
export function isWithin({ high, low }: Estimate, expectedMs: number): boolean {
  return low <= expectedMs * (1 + TOLERANCE) && high >= expectedMs * (1 - TOLERANCE);
}

/** The shortest (-1), mean (0) and longest (1) time there and back. */
function roundTripMs(at: -1 | 0 | 1): number {
  return 2 * (LINK.delayMs + at * LINK.jitterMs);
}

/** Of followers that have answered by then: the sum of two uniform draws is triangular. */
function answeredShare(ms: number): number {
  const [low, high] = [roundTripMs(-1), roundTripMs(1)];
  const x = Math.min(Math.max((2 * (ms - low)) / (high - low), 0), 2);
  return x <= 1 ? x ** 2 / 2 : 1 - (2 - x) ** 2 / 2;
}
