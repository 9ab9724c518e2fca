/** What the trials of one cell come to. */
import { mean, quantile } from '../../lab/report/stats.ts';
import type { CellResult } from '../../lab/study/study.ts';
import {
  AFTER_S,
  BEFORE_S,
  type Cell,
  GOOD_MS,
  OVERLOAD_S,
  type Sample,
  type Second,
} from './trial.ts';

export type Result = CellResult<Cell, Sample>;

/** Seconds of a run, from the first up to before the last. */
type Part = readonly [from: number, to: number];

const END_S = BEFORE_S + OVERLOAD_S + AFTER_S;
const LAST_PART_S = 5;

export const PARTS = {
  before: [0, BEFORE_S],
  overload: [BEFORE_S, BEFORE_S + OVERLOAD_S],
  last: [END_S - LAST_PART_S, END_S],
} as const satisfies Record<string, Part>;

export const SECONDS: readonly number[] = Array.from({ length: END_S }, (_, second) => second);

/** Ascending; a trial that did not recover counts as the whole time that it was given. */
export function recoveriesMs(samples: readonly Sample[]): number[] {
  return samples.map(({ recoveryMs }) => recoveryMs ?? AFTER_S * 1000).sort((a, b) => a - b);
}

export function recoveredWithin(samples: readonly Sample[], ms: number): number {
  return samples.filter(({ recoveryMs }) => recoveryMs !== null && recoveryMs <= ms).length;
}

/** Over all calls of the part; null where so many got no answer that the quantile is none. */
export function latencyIn(samples: readonly Sample[], part: Part, q: number): number | null {
  const latencies = secondsIn(samples, part).flatMap(({ called, latenciesMs }) => {
    const missing = called - latenciesMs.length;
    return [...latenciesMs, ...Array.from({ length: missing }, () => Number.POSITIVE_INFINITY)];
  });
  const sorted = latencies.sort((a, b) => a - b);
  const value = quantile(sorted, q);
  // Between an answer and none there is nothing either.
  return value === null || !Number.isFinite(value) ? null : value;
}

/** The share of a part's calls that were answered in good time. */
export function inTimeShare(samples: readonly Sample[], part: Part): number | null {
  let [called, inTime] = [0, 0];
  for (const second of secondsIn(samples, part)) {
    called += second.called;
    inTime += second.latenciesMs.filter((ms) => ms <= GOOD_MS).length;
  }
  return called === 0 ? null : inTime / called;
}

/** Answers in one second, the mean of the trials. */
export function answeredAt(samples: readonly Sample[], second: number): number {
  return mean(samples.map(({ seconds }) => seconds[second]?.answered ?? 0)) ?? 0;
}

export function calledAt(samples: readonly Sample[], second: number): number {
  return mean(samples.map(({ seconds }) => seconds[second]?.called ?? 0)) ?? 0;
}

function secondsIn(samples: readonly Sample[], [from, to]: Part): Second[] {
  return samples.flatMap(({ seconds }) => seconds.slice(from, to));
}
