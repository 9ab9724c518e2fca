/** Samples of the study in numbers: of a cell, and of all cells that tell the same story. */
import { quantile } from '../../lab/report/stats.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import type { CellResult } from '../../lab/study/study.ts';
import type { CostSample } from './cost-trial.ts';
import type { LossSample } from './loss-trial.ts';
import type { Cell, Loss, Policy } from './policies.ts';
import type { Sample } from './trial.ts';
import type { VoteSample } from './vote-trial.ts';

export type Result = CellResult<Cell, Sample>;

/** When servers sync, the interval of the lazy included. */
export type Way = Pick<Cell, 'policy' | 'flushMs'>;

export function nameOf({ flushMs, policy }: Way): string {
  return policy === 'lazy' ? `lazy, every ${flushMs} ms` : policy;
}

/** The ways of the results, each once. */
export function waysOf(results: readonly Result[]): Way[] {
  const ways = new Map(results.map(({ cell }) => [nameOf(cell), cell]));
  return [...ways.values()].map(({ flushMs, policy }) => ({ flushMs, policy }));
}

/** Of all trials in question, whatever a sync takes. */
export type Counted = {
  readonly trials: number;
  /** Trials that lost anything; of votes, trials in which two servers led in one term. */
  readonly struck: number;
  /** Of the trials that lost any, ascending. */
  readonly lost: readonly number[];
  /** How old the oldest lost write was, ascending. */
  readonly oldestMs: readonly number[];
  readonly refusing: number;
  /** Trials after which a server stayed behind its leader. */
  readonly behindTrials: number;
};

export function countedOf(results: readonly Result[], isMeant: (cell: Cell) => boolean): Counted {
  const samples = results.filter(({ cell }) => isMeant(cell)).flatMap((result) => result.samples);
  return countOf(samples);
}

function countOf(samples: readonly Sample[]): Counted {
  const losses = samples.filter(isLoss);
  const votes = samples.filter(isVote);
  const lossy = losses.filter(({ lost }) => lost > 0);
  return {
    trials: losses.length + votes.length,
    struck: lossy.length + votes.filter(({ termsOfTwo }) => termsOfTwo > 0).length,
    lost: ascending(lossy.map(({ lost }) => lost)),
    oldestMs: ascending(lossy.map(({ oldestMs }) => oldestMs)),
    refusing: losses.reduce((sum, { refusing }) => sum + refusing, 0),
    behindTrials: losses.filter(({ behind }) => behind > 0).length,
  };
}

/** Failures of power that may cost acknowledged writes. */
export const WRITES_LOST: readonly Loss[] = ['follower', 'leader', 'majority', 'all'];

export function isOf(policies: readonly Policy[], losses: readonly Loss[]) {
  return ({ loss, policy }: Cell): boolean => policies.includes(policy) && losses.includes(loss);
}

export function ofWay(way: Way, loss: Loss): (cell: Cell) => boolean {
  return (cell) => nameOf(cell) === nameOf(way) && cell.loss === loss;
}

export function shareOf({ struck, trials }: Counted): Estimate | null {
  return trials === 0 ? null : proportion(struck, trials);
}

export function costSamples({ samples }: Result): CostSample[] {
  return samples.filter((sample) => 'writesPerSecond' in sample);
}

function isLoss(sample: Sample): sample is LossSample {
  return 'lost' in sample;
}

function isVote(sample: Sample): sample is VoteSample {
  return 'termsOfTwo' in sample;
}

/** The trial in the middle; `null` if there is none. */
export function middleOf(
  samples: readonly CostSample[],
  metric: keyof CostSample,
): Estimate | null {
  return quantileEstimate(ascending(samples.map((sample) => sample[metric])), 0.5);
}

export function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

/** What `results.json` has of a cell; of what was not measured in it, `null`. */
export function metricsOf(samples: readonly Sample[], cell: Cell): Record<string, number | null> {
  const counted = countOf(samples);
  const share = shareOf(counted);
  const costs = costSamples({ cell, samples });
  const middle = (metric: keyof CostSample): number | null =>
    middleOf(costs, metric)?.value ?? null;
  const isOfVotes = cell.loss === 'voter';
  const ofLosses = (value: number): number | null => (share === null || isOfVotes ? null : value);
  return {
    lossTrials: ofLosses(counted.struck),
    lostMedian: quantile(counted.lost, 0.5),
    lostMax: ofLosses(counted.lost.at(-1) ?? 0),
    oldestMsMax: ofLosses(counted.oldestMs.at(-1) ?? 0),
    refusingServers: ofLosses(counted.refusing),
    behindTrials: ofLosses(counted.behindTrials),
    twoLeadersTrials: share !== null && isOfVotes ? counted.struck : null,
    share: share?.value ?? null,
    shareLow: share?.low ?? null,
    shareHigh: share?.high ?? null,
    writesPerSecond: middle('writesPerSecond'),
    p50Ms: middle('p50Ms'),
    p99Ms: middle('p99Ms'),
  };
}
