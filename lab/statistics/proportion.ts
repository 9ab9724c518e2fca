/**
 * How often something happens, from how often it did: Clopper and Pearson's exact interval
 * (Biometrika 26, 1934), and its converse, the counts that a given probability allows. Exact means
 * that the confidence is reached at least, whatever the probability and however few the trials.
 */
import { tails } from './binomial.ts';
import { requireCount, requireShare } from './input.ts';
import { type Estimate, missPerSide } from './interval.ts';

/** The probability behind `successes` of `trials`, with its exact interval. */
export function proportion(successes: number, trials: number, confidence = 0.95): Estimate {
  requireCount('trials', trials, 1);
  requireCount('successes', successes, 0);
  if (successes > trials) {
    throw new RangeError(`successes: expected at most the ${trials} trials, got ${successes}`);
  }
  const miss = missPerSide(confidence);
  const value = successes / trials;
  const isTooLow = (probability: number): boolean =>
    tails(successes, trials, probability).atLeast <= miss;
  const isTooHigh = (probability: number): boolean =>
    tails(successes, trials, probability).atMost <= miss;
  return {
    value,
    low: successes === 0 ? 0 : lastExcluded(0, value, isTooLow),
    high: successes === trials ? 1 : lastExcluded(1, value, isTooHigh),
  };
}

/**
 * The counts that `trials` with this probability give with at least `confidence`, both ends
 * included: either tail beyond them weighs at most half of what is left. A count lies within
 * exactly if the probability lies within `proportion` of that count.
 */
export function acceptance(
  probability: number,
  trials: number,
  confidence = 0.95,
): readonly [low: number, high: number] {
  requireShare('probability', probability);
  requireCount('trials', trials, 0);
  const miss = missPerSide(confidence);
  const low = leastCount(trials, (count) => tails(count, trials, probability).atMost > miss);
  const beyond = leastCount(trials + 1, (count) => {
    return tails(count, trials, probability).atLeast <= miss;
  });
  return [low, beyond - 1];
}

/**
 * The confidence that each of `count` statements needs for all of them to hold at once with
 * `confidence` (Bonferroni: it assumes nothing of how they depend on each other).
 */
export function simultaneous(confidence: number, count: number): number {
  requireCount('statements', count, 1);
  return 1 - (2 * missPerSide(confidence)) / count;
}

/** Bisection to neighbouring doubles; of the two, the one outside the interval. */
function lastExcluded(
  outside: number,
  inside: number,
  isExcluded: (probability: number) => boolean,
): number {
  let [excluded, included] = [outside, inside];
  for (;;) {
    const middle = (excluded + included) / 2;
    if (middle === excluded || middle === included) return excluded;
    if (isExcluded(middle)) excluded = middle;
    else included = middle;
  }
}

/** The least count of 0 … `limit` that fulfils a rule all larger ones fulfil; `limit` does. */
function leastCount(limit: number, fulfils: (count: number) => boolean): number {
  let [low, high] = [0, limit];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (fulfils(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
