/** The samples of a cell as numbers, and as ratios to the cluster of three servers. */
import type { StorageKind } from '../../lab/cluster.ts';
import { differenceInterval, type Interval, interval, quantile } from '../../lab/report/stats.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { publishedLatencyMs, publishedOpsPerSecond, REFERENCE_SIZE } from './published.ts';
import type { Cell, Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

/**
 * A ratio is as published where it is off by no more than this factor, either way: half of what the
 * published ratio furthest from one is off by (29.5 to 19.6 thousand writes a second, 1.51), so
 * that a curve that does not depend on the size at all is not as published.
 */
export const TOLERANCE_FACTOR = 1.25;

/** What is compared, and with how many clients it was published. */
export const MEASURES = [
  { name: 'throughput', clients: 100 },
  { name: 'latency', clients: 1 },
] as const;
export type Measure = (typeof MEASURES)[number]['name'];

/** Writes a second, or the mean latency of a write in milliseconds. */
export function measuredOf({ cell, samples }: Result, measure: Measure): Interval {
  if (measure === 'throughput') return interval(samples.map(({ opsPerSecond }) => opsPerSecond));
  // Of so many writes outstanding all the time, this is what each of them takes (Little's law).
  return interval(samples.map(({ opsPerSecond }) => (cell.clients * 1000) / opsPerSecond));
}

/** A ratio with its 95 % interval; the ends are null where there are too few trials. */
export type Estimated = {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
};

export type Ratio = Estimated & {
  readonly storage: StorageKind;
  readonly measure: Measure;
  readonly nodes: number;
};

/** To the cluster of three; empty where that was not measured. */
export function ratiosOf(
  results: readonly Result[],
  storage: StorageKind,
  { clients, name }: (typeof MEASURES)[number],
): Ratio[] {
  const own = results.filter(({ cell }) => cell.storage === storage && cell.clients === clients);
  const reference = own.find(({ cell }) => cell.nodes === REFERENCE_SIZE);
  if (reference === undefined) return [];
  return own.flatMap((result) => {
    const ratio = throughputRatio(result, reference);
    if (ratio === null) return [];
    const { nodes } = result.cell;
    return [{ storage, measure: name, nodes, ...(name === 'latency' ? inverse(ratio) : ratio) }];
  });
}

/**
 * Of geometric means: Welch's interval of the difference of logarithms, which knows that both
 * clusters were measured, and in few trials. With so few, a bootstrap would be too sure.
 */
function throughputRatio(own: Result, reference: Result): Estimated | null {
  const [over, under] = [own, reference].map(({ samples }) =>
    samples.map(({ opsPerSecond }) => Math.log(opsPerSecond)),
  );
  const { difference, high, low } = differenceInterval(under ?? [], over ?? []);
  if (difference === null) return null;
  // What is measured once is not off from itself.
  if (own === reference || low === null || high === null) {
    return { value: Math.exp(difference), low: null, high: null };
  }
  return { value: Math.exp(difference), low: Math.exp(low), high: Math.exp(high) };
}

/** With as many writes outstanding, latencies are to each other as throughputs are, inverted. */
function inverse({ high, low, value }: Estimated): Estimated {
  return {
    value: 1 / value,
    low: high === null ? null : 1 / high,
    high: low === null ? null : 1 / low,
  };
}

/** Of a cluster of so many to one of three, as published. */
export function publishedRatio(nodes: number, measure: Measure): number | null {
  const at = (size: number): number | null => {
    return measure === 'throughput' ? publishedOpsPerSecond(size, 100) : publishedLatencyMs(size);
  };
  const [own, reference] = [at(nodes), at(REFERENCE_SIZE)];
  return own === null || reference === null ? null : own / reference;
}

export type Compared = Ratio & {
  readonly published: number;
  readonly isWithin: boolean;
  /** The interval reaches across a bound of the tolerance, so that another run may judge else. */
  readonly isUnclear: boolean;
};

/** What LogCabin’s storage is compared with: it syncs every write as well. */
const COMPARED_STORAGE: StorageKind = 'sqlite';

/** The ratios of which one is published; that to itself says nothing. */
export function comparisons(results: readonly Result[]): Compared[] {
  const ratios = MEASURES.flatMap((measure) => ratiosOf(results, COMPARED_STORAGE, measure));
  return ratios.flatMap((ratio) => {
    const published = publishedRatio(ratio.nodes, ratio.measure);
    if (published === null || ratio.nodes === REFERENCE_SIZE) return [];
    const [least, most] = [published / TOLERANCE_FACTOR, published * TOLERANCE_FACTOR];
    const { high, low, value } = ratio;
    const isUnclear = [least, most].some(
      (bound) => low !== null && high !== null && low < bound && bound < high,
    );
    return [{ ...ratio, published, isWithin: value >= least && value <= most, isUnclear }];
  });
}

/** From one size to the next that was measured. */
export type Step = Estimated & {
  readonly from: number;
  readonly to: number;
  readonly published: number | null;
  /** Beyond what chance makes of trials; null where these are too few to tell. */
  readonly direction: 'falls' | 'rises' | 'unclear' | null;
};

/**
 * How the throughput changes with each step in size. It falls with every published one; and since a
 * follower more is one more to send everything to, it has no reason to rise beyond.
 */
export function stepsOf(results: readonly Result[]): Step[] {
  const own = results
    .filter(({ cell, samples }) => {
      const isCompared = cell.storage === COMPARED_STORAGE && cell.clients === MEASURES[0].clients;
      return isCompared && samples.length > 0;
    })
    .sort((a, b) => a.cell.nodes - b.cell.nodes);
  return own.flatMap((result, i): Step[] => {
    const before = own[i - 1];
    const ratio = before === undefined ? null : throughputRatio(result, before);
    if (before === undefined || ratio === null) return [];
    const [from, to] = [before.cell.nodes, result.cell.nodes];
    const [fewer, more] = [publishedRatio(from, 'throughput'), publishedRatio(to, 'throughput')];
    const published = fewer === null || more === null ? null : more / fewer;
    return [{ ...ratio, from, to, published, direction: directionOf(ratio) }];
  });
}

function directionOf({ high, low }: Estimated): Step['direction'] {
  if (low === null || high === null) return null;
  if (high < 1) return 'falls';
  return low > 1 ? 'rises' : 'unclear';
}

/** Over trials: what the one in the middle has, the least and the greatest. */
export type Range = {
  readonly median: number | null;
  readonly least: number | null;
  readonly greatest: number | null;
};

/** A percentile is one of a trial: percentiles of several are shown, and never averaged. */
export function rangeOf(values: readonly number[]): Range {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    least: sorted[0] ?? null,
    greatest: sorted.at(-1) ?? null,
  };
}

export const STORAGE_NAMES: Readonly<Record<StorageKind, string>> = {
  sqlite: 'synced to disk',
  memory: 'in memory',
};
