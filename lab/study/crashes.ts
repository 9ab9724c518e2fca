/** Samples of studies that let leaders crash in some cells, and do something else in others. */
import { count } from '../report/samples.ts';
import { quantile } from '../report/stats.ts';
import { type QuantileEstimate, quantileEstimate } from '../statistics/quantiles.ts';
import type { Failover } from './failover.ts';
import { type Leaderless, sortedMs } from './leaderless.ts';

type Run = { readonly run: string };

/** The sample of a crash, to which a study adds what it tells apart. */
export type Crash = Pick<Failover, 'leaderlessMs' | 'terms'> & { readonly run: 'crash' };

type CrashesOrNot = { readonly samples: readonly (Run & Partial<Leaderless>)[] };

/** The samples of one kind of run. */
export function ofRun<S extends Run, Name extends S['run']>(
  samples: readonly S[],
  run: Name,
): Extract<S, { readonly run: Name }>[] {
  return samples.filter(
    (sample): sample is Extract<S, { readonly run: Name }> => sample.run === run,
  );
}

/** Times without a leader, ascending. */
export function sortedOf({ samples }: CrashesOrNot): number[] {
  return sortedMs(
    samples.flatMap(({ leaderlessMs }) => (leaderlessMs === undefined ? [] : { leaderlessMs })),
  );
}

export function medianMs(result: CrashesOrNot): number | null {
  return quantile(sortedOf(result), 0.5);
}

export function medianEstimate(result: CrashesOrNot): QuantileEstimate | null {
  return quantileEstimate(sortedOf(result), 0.5);
}

/** In words, how many samples of one kind of run the cells have that have any. */
export function trialsText<S extends Run>(
  results: readonly { readonly samples: readonly S[] }[],
  run: S['run'],
): string {
  const counts = results.map(({ samples }) => ofRun(samples, run).length);
  const some = new Set(counts.filter((trials) => trials > 0));
  return [...some].map(count).join(' and ') || '0';
}
