/**
 * A mean whose distribution nobody knows: the percentile bootstrap (B. Efron, Annals of Statistics
 * 7, 1979). Samples are redrawn with replacement from a seeded stream, so a rerun reports the same
 * interval. For skewed samples it is as lopsided as they are, where Student's is not.
 */
import { between, fork } from '../../src/raft/random.ts';
import { mean, quantile } from '../report/stats.ts';
import { requireCount, requireFinite } from './input.ts';
import { type Estimate, missPerSide } from './interval.ts';

/**
 * The mean of independent samples, in their unit; null below two samples, since a single one says
 * nothing of how far the next would be.
 */
export function bootstrapMean(
  samples: readonly number[],
  seed: number,
  resamples = 1000,
  confidence = 0.95,
): Estimate | null {
  requireFinite(samples);
  const miss = missPerSide(confidence);
  // Fewer would have no resample beyond the interval's ends.
  requireCount(`resamples for a confidence of ${confidence}`, resamples, Math.ceil(1 / miss));
  const value = mean(samples);
  if (value === null || samples.length < 2) return null;
  const means = resampledMeans(samples, seed, resamples);
  return {
    value,
    low: Math.min(quantile(means, miss) ?? value, value),
    high: Math.max(quantile(means, 1 - miss) ?? value, value),
  };
}

/** Ascending. */
function resampledMeans(samples: readonly number[], seed: number, resamples: number): number[] {
  const rng = fork(seed, 'bootstrap');
  const last = samples.length - 1;
  return Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i <= last; i++) sum += samples[between(rng, 0, last)] ?? 0;
    return sum / samples.length;
  }).sort((a, b) => a - b);
}

/**
 * What the first numbers of independent pairs sum to, over the sum of the second ones, such as
 * events over the time they took: pairs are redrawn whole. Null below two pairs, or where the
 * second numbers sum to nothing.
 */
export function bootstrapRatio(
  pairs: readonly (readonly [over: number, under: number])[],
  seed: number,
  resamples = 1000,
  confidence = 0.95,
): Estimate | null {
  requireFinite(pairs.flat());
  const miss = missPerSide(confidence);
  requireCount(`resamples for a confidence of ${confidence}`, resamples, Math.ceil(1 / miss));
  const value = ratioOf(pairs);
  if (value === null || pairs.length < 2) return null;
  const rng = fork(seed, 'bootstrap ratio');
  const last = pairs.length - 1;
  const ratios = Array.from({ length: resamples }, () => {
    return ratioOf(pairs.map((pair) => pairs[between(rng, 0, last)] ?? pair)) ?? value;
  }).sort((a, b) => a - b);
  return {
    value,
    low: Math.min(quantile(ratios, miss) ?? value, value),
    high: Math.max(quantile(ratios, 1 - miss) ?? value, value),
  };
}

function ratioOf(pairs: readonly (readonly [over: number, under: number])[]): number | null {
  let [over, under] = [0, 0];
  for (const pair of pairs) {
    over += pair[0];
    under += pair[1];
  }
  return under === 0 ? null : over / under;
}
