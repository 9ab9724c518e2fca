/** Samples of the study in numbers: of a cell, and of all cells that tell the same story. */
import type { ReadWay } from '../../lab/cluster.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import type { CellResult } from '../../lab/study/study.ts';
import type { CostSample } from './cost-trial.ts';
import { ASSUMED_PERCENT, type Cell } from './situations.ts';
import type { StaleSample } from './stale-trial.ts';
import type { Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

/** What became of the leader, with regard to what leases assume. */
export const STORIES = ['true', 'within', 'beyond', 'paused', 'suspended'] as const;
export type Story = (typeof STORIES)[number];

export const STORY_NAMES: Readonly<Record<Story, string>> = {
  true: 'cut off, clocks true',
  within: 'clocks drift within the bound',
  beyond: 'clocks drift beyond the bound',
  paused: 'paused, clock running',
  suspended: 'suspended, clock standing',
};

/** `null` of a healthy leader. */
function storyOf({ assumedPercent, driftPercent, situation }: Cell): Story | null {
  if (situation === 'healthy') return null;
  if (situation !== 'cutOff') return situation;
  if (driftPercent === 0) return 'true';
  return driftPercent <= assumedPercent ? 'within' : 'beyond';
}

/** Of all trials in question. */
export type Counted = {
  readonly trials: number;
  /** Trials in which any read was stale. */
  readonly staleTrials: number;
  readonly late: number;
  readonly answered: number;
  readonly stale: number;
  readonly staleForMsMax: number;
};

export function countOf(samples: readonly StaleSample[]): Counted {
  const sum = (of: (sample: StaleSample) => number): number =>
    samples.reduce((total, sample) => total + of(sample), 0);
  return {
    trials: samples.length,
    staleTrials: samples.filter(({ stale }) => stale > 0).length,
    late: sum(({ late }) => late),
    answered: sum(({ answered }) => answered),
    stale: sum(({ stale }) => stale),
    staleForMsMax: samples.reduce((most, { staleForMs }) => Math.max(most, staleForMs), 0),
  };
}

/** Everything of this mode and these stories, by leases that allow for the usual bound. */
export function countedOf(
  results: readonly Result[],
  mode: ReadWay,
  stories: readonly Story[] = STORIES,
): Counted {
  const told = results.filter(({ cell }) => {
    const story = storyOf(cell);
    return cell.mode === mode && story !== null && stories.includes(story);
  });
  return countOf(told.flatMap(staleSamples));
}

/** The results that are laid side by side: leases of one bound, and all others. */
export function ofUsualBound(results: readonly Result[]): Result[] {
  const bounds = new Set(results.map(({ cell }) => cell.assumedPercent));
  const [first = ASSUMED_PERCENT] = bounds;
  const bound = bounds.has(ASSUMED_PERCENT) ? ASSUMED_PERCENT : first;
  return results.filter(({ cell }) => cell.assumedPercent === bound);
}

export function shareOf({ staleTrials, trials }: Counted): Estimate | null {
  return trials === 0 ? null : proportion(staleTrials, trials);
}

export function staleSamples({ samples }: Result): StaleSample[] {
  return samples.filter((sample) => 'stale' in sample);
}

export function costSamples({ samples }: Result): CostSample[] {
  return samples.filter((sample) => 'messagesPerRead' in sample);
}

/** The trial in the middle; `null` if there is none. */
export function middleOf(
  samples: readonly CostSample[],
  metric: keyof CostSample,
): Estimate | null {
  const sorted = samples.map((sample) => sample[metric]).sort((a, b) => a - b);
  return quantileEstimate(sorted, 0.5);
}

/** What `results.json` has of a cell; of what was not measured in it, `null`. */
export function metricsOf(samples: readonly Sample[], cell: Cell): Record<string, number | null> {
  const result = { cell, samples };
  const counted = countOf(staleSamples(result));
  const share = shareOf(counted);
  const of = (count: number): number | null => (share === null ? null : count);
  const costs = costSamples(result);
  const middle = (metric: keyof CostSample): number | null =>
    middleOf(costs, metric)?.value ?? null;
  return {
    staleTrials: of(counted.staleTrials),
    staleTrialsShare: share?.value ?? null,
    staleTrialsShareLow: share?.low ?? null,
    staleTrialsShareHigh: share?.high ?? null,
    lateReads: of(counted.late),
    answeredReads: of(counted.answered),
    staleReads: of(counted.stale),
    staleForMsMax: of(counted.staleForMsMax),
    messagesPerRead: middle('messagesPerRead'),
    p50Ms: middle('p50Ms'),
    p99Ms: middle('p99Ms'),
    readsPerSecond: middle('readsPerSecond'),
  };
}
