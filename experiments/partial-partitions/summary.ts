/** A cell in a few numbers, each with its interval. */
import { mean } from '../../lab/report/stats.ts';
import { bootstrapMean } from '../../lab/statistics/bootstrap.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import type { CellResult } from '../../lab/study/study.ts';
import type { Cell } from './partition.ts';
import type { Sample } from './trial.ts';

export type Summary = {
  readonly cell: Cell;
  /** The seed of the run that is drawn. */
  readonly seed: number;
  readonly trials: number;
  /** Share of the slices in which a write was, or could be, served. */
  readonly availability: Estimate;
  readonly changesPerMinute: Estimate;
  /** Leader changes within the partition. */
  readonly changes: Estimate;
  readonly firstTerm: Estimate;
  readonly finalTerm: Estimate;
  /** Infinite for those that did not recover before the end. */
  readonly recoveryMs: Estimate;
  readonly gapMs: Estimate;
  readonly healedMs: Estimate;
  readonly healedGapMs: Estimate;
  /** Share of the trials that were down for all of the partition. */
  readonly down: Estimate;
};

const MEDIAN = 0.5;
const BOOTSTRAP_SEED = 1;

/** `null` where no trial came to its end. */
export function summaryOf({ cell, samples }: CellResult<Cell, Sample>): Summary | null {
  const [first] = samples;
  if (first === undefined) return null;
  const availabilities = samples.map(({ served, slices }) => served / slices);
  const changes = samples.map((sample) => sample.changes);
  const recoveries = samples.map(({ recoveryMs }) => recoveryMs);
  const down = recoveries.filter((recovery) => recovery === null).length;
  return {
    cell,
    seed: first.seed,
    trials: samples.length,
    availability: meanOf(availabilities),
    changesPerMinute: meanOf(changes.map((count) => (count * 60) / cell.partitionS)),
    changes: medianOf(changes),
    firstTerm: medianOf(samples.map(({ firstTerm }) => firstTerm)),
    finalTerm: medianOf(samples.map(({ finalTerm }) => finalTerm)),
    recoveryMs: recoveryOf(recoveries, cell.partitionS * 1000),
    gapMs: medianOf(samples.map(({ gapMs }) => gapMs)),
    healedMs: medianOf(samples.map(({ healedMs }) => healedMs)),
    healedGapMs: medianOf(samples.map(({ healedGapMs }) => healedGapMs)),
    down: proportion(down, samples.length),
  };
}

export function metricsOf(
  samples: readonly Sample[],
  cell: Cell,
): Readonly<Record<string, number | null>> {
  const of = summaryOf({ cell, samples });
  return {
    availability: of?.availability.value ?? null,
    availabilityLow: of?.availability.low ?? null,
    availabilityHigh: of?.availability.high ?? null,
    changesPerMinute: of?.changesPerMinute.value ?? null,
    finalTermP50: of?.finalTerm.value ?? null,
    recoveryMsP50: finite(of?.recoveryMs.value),
    longestGapMsP50: of?.gapMs.value ?? null,
    healedMsP50: of?.healedMs.value ?? null,
    healedGapMsP50: of?.healedGapMs.value ?? null,
    downShare: of?.down.value ?? null,
  };
}

/** Whether no write was served in any trial. */
export function isDown({ down }: Summary): boolean {
  return down.value === 1;
}

function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}

function meanOf(values: readonly number[]): Estimate {
  const value = mean(values) ?? 0;
  return bootstrapMean(values, BOOTSTRAP_SEED) ?? { value, low: value, high: value };
}

function medianOf(values: readonly number[]): Estimate {
  const sorted = values.toSorted((a, b) => a - b);
  return quantileEstimate(sorted, MEDIAN) ?? { value: 0, low: 0, high: 0 };
}

/** Those that did not recover took longer than all that did. */
function recoveryOf(recoveries: readonly (number | null)[], limitMs: number): Estimate {
  const { value, low, high } = medianOf(recoveries.map((recovery) => recovery ?? limitMs));
  const known = (ms: number): number => (ms >= limitMs ? Number.POSITIVE_INFINITY : ms);
  // Between one that recovered and one that did not there is no middle.
  const half = recoveries.filter((recovery) => recovery !== null).length * 2 > recoveries.length;
  return {
    value: half ? known(value) : Number.POSITIVE_INFINITY,
    low: known(low),
    high: known(high),
  };
}
