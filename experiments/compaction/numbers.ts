/** The samples of a cell as numbers that a report can state. */
import { type Spread, spreadOf } from '../../lab/report/samples.ts';
import { differenceInterval, type Interval, interval, quantile } from '../../lab/report/stats.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { type Cell, NEVER, VALUE_BYTES } from './setup.ts';
import type { Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

/** Over trials; of what a trial has several of, over all of them together. */
export function mostOf(
  samples: readonly Sample[],
  of: (sample: Sample) => number | readonly number[],
): Spread {
  return spreadOf(samples.flatMap(of));
}

/** Over trials: what the one in the middle has, the least and the greatest. */
export type Range = {
  readonly median: number | null;
  readonly least: number | null;
  readonly greatest: number | null;
};

/** Of what is one number of a trial, as a percentile is: such are shown, and never averaged. */
export function rangeOf(samples: readonly Sample[], of: (sample: Sample) => number): Range {
  const sorted = samples.map(of).sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    least: sorted[0] ?? null,
    greatest: sorted.at(-1) ?? null,
  };
}

export function throughputOf({ samples }: Result): Interval {
  return interval(samples.map(({ opsPerSecond }) => opsPerSecond));
}

/** The same state and storage, and a log that is never compacted. */
export function withoutCompaction(
  results: readonly Result[],
  { keys, storage }: Cell,
): Result | undefined {
  return results.find(
    ({ cell }) => cell.keys === keys && cell.storage === storage && cell.snapshotEntries === NEVER,
  );
}

export type Effect = {
  readonly cell: Cell;
  /** Of the throughput without compaction, how much there is less; negative: more. */
  readonly lostShare: number;
  /** The difference is more than chance makes of trials. */
  readonly isTold: boolean;
};

/** What compacting so often costs of the throughput; null where nothing can be compared. */
export function effectOf(results: readonly Result[], result: Result): Effect | null {
  const without = withoutCompaction(results, result.cell);
  if (without === undefined || result.cell.snapshotEntries === NEVER) return null;
  const [own, other] = [result, without].map((each) =>
    each.samples.map(({ opsPerSecond }) => opsPerSecond),
  );
  const mean = throughputOf(result).mean;
  const reference = throughputOf(without).mean;
  if (mean === null || reference === null || reference === 0) return null;
  const { high, low } = differenceInterval(other ?? [], own ?? []);
  const isTold = low !== null && high !== null && (high < 0 || low > 0);
  return { cell: result.cell, lostShare: 1 - mean / reference, isTold };
}

/** A state in words. */
export function stateText({ keys }: Pick<Cell, 'keys'>): string {
  const megabytes = (keys * VALUE_BYTES) / 1e6;
  return `${megabytes >= 1 ? Math.round(megabytes) : Number(megabytes.toPrecision(1))} MB`;
}

export function howOftenText({ snapshotEntries }: Cell): string {
  return snapshotEntries === NEVER ? 'never' : `every ${snapshotEntries} entries`;
}
