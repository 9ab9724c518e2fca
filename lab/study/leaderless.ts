/** The metrics of times without a leader, alike in all studies of elections. */
import { mean, quantile } from '../report/stats.ts';

const QUANTILES = { P10: 0.1, P50: 0.5, P90: 0.9, P99: 0.99, P999: 0.999 } as const;

export type Leaderless = { readonly leaderlessMs: number };

/** `leaderlessMsMean`, `leaderlessMsP10` … `leaderlessMsP999`; null where there are no samples. */
export function leaderlessMetrics(samples: readonly Leaderless[]): Record<string, number | null> {
  const sorted = sortedMs(samples);
  const quantiles = Object.entries(QUANTILES).map(
    ([name, q]) => [`leaderlessMs${name}`, quantile(sorted, q)] as const,
  );
  return { leaderlessMsMean: mean(sorted), ...Object.fromEntries(quantiles) };
}

/** The same, and the share of trials whose first election had no winner. */
export function electionMetrics(
  samples: readonly (Leaderless & { readonly terms: number })[],
): Record<string, number | null> {
  const repeated = samples.filter(({ terms }) => terms > 1).length;
  const repeatedShare = samples.length === 0 ? null : repeated / samples.length;
  return { ...leaderlessMetrics(samples), repeatedShare };
}

/** Ascending. */
export function sortedMs(samples: readonly Leaderless[]): number[] {
  return samples.map(({ leaderlessMs }) => leaderlessMs).sort((a, b) => a - b);
}
