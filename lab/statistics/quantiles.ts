/**
 * Quantiles with intervals that assume nothing of the distribution: how many samples lie below the
 * true quantile is binomial, so two order statistics enclose it (H. A. David, Order Statistics,
 * §2.5). Exact for independent samples of a continuous distribution, conservative where values tie.
 */
import { quantile } from '../report/stats.ts';
import { requireAscending, requireShare } from './input.ts';
import type { Estimate } from './interval.ts';
import { acceptance } from './proportion.ts';

export type QuantileEstimate = Estimate & {
  /**
   * False where there are too few samples for this quantile: an end that no order statistic reaches
   * is the least or the greatest sample, and the truth may well lie beyond it.
   */
  readonly isBounded: boolean;
};

/** The q-quantile (0 … 1) of ascending samples, in their unit; null for no samples. */
export function quantileEstimate(
  sorted: readonly number[],
  q: number,
  confidence = 0.95,
): QuantileEstimate | null {
  requireShare('quantile', q);
  requireAscending(sorted);
  const value = quantile(sorted, q);
  const [fewest, most] = acceptance(q, sorted.length, confidence);
  const least = sorted[0];
  const greatest = sorted.at(-1);
  if (value === null || least === undefined || greatest === undefined) return null;
  // With `fewest` … `most` samples below the true quantile it lies between these two.
  const low = sorted[fewest - 1];
  const high = sorted[most];
  return {
    value,
    // At a low confidence the interpolated value may fall outside by less than one sample.
    low: Math.min(low ?? least, value),
    high: Math.max(high ?? greatest, value),
    isBounded: low !== undefined && high !== undefined,
  };
}
