/** Estimates as cells of tables, each with its 95 % interval. */
import type { Estimate } from '../statistics/interval.ts';
import { proportion } from '../statistics/proportion.ts';
import { type QuantileEstimate, quantileEstimate } from '../statistics/quantiles.ts';
import { NOTHING, sharePercent, shortMs } from './table.ts';

type Write = (value: number | null) => string;

/** Two cells: the value, and its interval as `1.20 to 1.31`. */
export function estimateCells(estimate: Estimate | null, write: Write = shortMs): string[] {
  if (estimate === null) return [NOTHING, NOTHING];
  const { high, low, value } = estimate;
  return [write(value), `${write(low)} to ${write(high)}`];
}

/**
 * Two cells: a quantile of ascending samples; `…` behind an interval that ends at the last sample
 * because too few lie beyond the quantile.
 */
export function quantileCells(sorted: readonly number[], q: number, write: Write = shortMs) {
  const estimate: QuantileEstimate | null = quantileEstimate(sorted, q);
  const [value = NOTHING, interval = NOTHING] = estimateCells(estimate, write);
  return [value, estimate?.isBounded === false ? `${interval}…` : interval];
}

/** Two cells: how often something was so, with the exact interval. */
export function shareCells(successes: number, trials: number): string[] {
  return estimateCells(trials === 0 ? null : proportion(successes, trials), sharePercent);
}

/** A share in a sentence: `13.1 % (11.0 to 15.3 %)`. */
export function shareText(successes: number, trials: number): string {
  if (trials === 0) return NOTHING;
  const { high, low, value } = proportion(successes, trials);
  const [from = ''] = sharePercent(low).split(' %');
  return `${sharePercent(value)} (${from} to ${sharePercent(high)})`;
}

/** A share and its exact interval in one narrow cell, in per cent: `13.1 (11.0–15.3)`. */
export function shareSpan(successes: number, trials: number): string {
  if (trials === 0) return NOTHING;
  const { high, low, value } = proportion(successes, trials);
  const [middle, from, to] = [value, low, high].map((share) => (share * 100).toFixed(1));
  return `${middle} (${from}–${to})`;
}
