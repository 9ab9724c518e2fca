/** Sentences of the report that go beyond its numbers, each said only of data that bear it out. */
import type { Estimate } from '../../lab/statistics/interval.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { isWithin, recoveryMs } from './expected.ts';
import {
  earlyShares,
  exceptionsOf,
  leftOf,
  measured,
  numbersLeft,
  type Result,
  recoveriesMs,
} from './numbers.ts';
import { HEARTBEAT_MS, hasMajority } from './setup.ts';

type Shows = { readonly text: string; holds(results: readonly Result[]): boolean };

const SHOWS: readonly Shows[] = [
  {
    text:
      'Whether anything is served depends on how many servers are up and on nothing else: not on ' +
      'which ones, not on whether the leader is among them, and not on how the read is made, so ' +
      'long as it promises more than a stale one.',
    holds: (results) => {
      const known = measured(results);
      return (
        known.every((result) => exceptionsOf(result).length === 0) &&
        known.some(({ cell }) => !hasMajority(cell)) &&
        [true, false].every((failed) => known.some((result) => hasServedOn(result, failed)))
      );
    },
  },
  {
    text:
      'How soon depends on whether the leader failed. Where it did not, the next write is served ' +
      'before the next heartbeat; where it did, the servers that are left wait for the first of ' +
      'their timers.',
    holds: (results) => {
      const spared = recoveriesMs(results, 'leaderSpared').at(-1);
      const failed = recoveriesMs(results, 'leaderFailed')[0];
      return (
        spared !== undefined && failed !== undefined && spared < HEARTBEAT_MS && failed > spared
      );
    },
  },
  {
    text:
      'The more servers are left without a leader, the sooner the first of their timers runs ' +
      'out, whatever the size of the cluster they are left from.',
    holds: (results) => {
      const left = mediansByLeft(results);
      const isSooner = (a: Median, b: Median): boolean => b.median.high < a.median.low;
      const pairs = left.flatMap((fewer, i) => left.slice(i + 1).map((more) => ({ fewer, more })));
      return (
        left.every(({ expectedMs, median }) => isWithin(median, expectedMs)) &&
        pairs.some(({ fewer, more }) => isSooner(fewer, more)) &&
        !pairs.some(({ fewer, more }) => isSooner(more, fewer))
      );
    },
  },
  {
    text:
      'A lease outlives the quorum for a moment: a leader that is left alone answers lease reads ' +
      'until the lease runs out, and it is right to.',
    holds: (results) => {
      const alone = { majority: false, leaderFailed: false };
      const reads = earlyShares(results, alone, 'lease');
      const writes = earlyShares(results, alone, 'write');
      return (reads[0] ?? 0) > 0 && reads.at(-1) === 0 && writes.every((share) => share === 0);
    },
  },
];

export function showsOf(results: readonly Result[]): string[] {
  return SHOWS.filter(({ holds }) => holds(results)).map(({ text }) => text);
}

/** A majority was left to serve in a trial whose leader had failed, or had been spared. */
function hasServedOn({ cell, samples }: Result, leaderHasFailed: boolean): boolean {
  if (!hasMajority(cell) || cell.failed === 0) return false;
  return samples.some(({ leaderFailed }) => leaderFailed === leaderHasFailed);
}

type Median = { readonly median: Estimate; readonly expectedMs: number };

/** Times to recover once the leader has failed, the fewest servers left first. */
function mediansByLeft(results: readonly Result[]): Median[] {
  return numbersLeft(results).flatMap((servers) => {
    const own = results.filter(({ cell }) => leftOf(cell) === servers);
    const median = quantileEstimate(recoveriesMs(own, 'leaderFailed'), 0.5);
    return median === null ? [] : [{ median, expectedMs: recoveryMs(servers, 0.5) }];
  });
}
