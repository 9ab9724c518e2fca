/**
 * From trials to statements: means, quantiles, 95 % intervals, and the cells of a result (the
 * trials that share all factors). Trials are few, so intervals are Student's; nothing here returns
 * NaN.
 */
import jStat from 'jstat';
import type { NumericMetric } from '../experiment.ts';
import type { Factors, FactorValue, ResultDocument, Row } from '../results.ts';

const CONFIDENCE = 0.95;

/** A mean with its 95 % interval; `low` and `high` are null below two samples, `mean` below one. */
export type Interval = {
  mean: number | null;
  low: number | null;
  high: number | null;
  n: number;
};

/** Mean of `b` minus mean of `a`, with its 95 % interval, null where there are too few samples. */
export type Difference = {
  difference: number | null;
  low: number | null;
  high: number | null;
  degreesOfFreedom: number | null;
};

/** The trials of one combination of factors. */
export type Cell = { factors: Factors; rows: readonly Row[] };

/** The arithmetic mean; null for no samples. */
export function mean(samples: readonly number[]): number | null {
  if (samples.length === 0) return null;
  let sum = 0;
  for (const sample of samples) sum += sample;
  return sum / samples.length;
}

/** Mean and 95 % Student-t interval of independent samples. */
export function interval(samples: readonly number[]): Interval {
  const n = samples.length;
  const center = mean(samples);
  if (center === null || n < 2) return { mean: center, low: null, high: null, n };
  const half = tQuantile(n - 1) * Math.sqrt(variance(samples, center) / n);
  return { mean: center, low: center - half, high: center + half, n };
}

/** Half the width of an interval: what stands after the ±; null where there is no interval. */
export function halfWidth(of: Interval): number | null {
  return of.low === null || of.high === null ? null : (of.high - of.low) / 2;
}

/**
 * How far `b` lies above `a`: Welch's interval, which does not assume that both vary alike
 * (B. L. Welch, Biometrika 34, 1947; degrees of freedom after Satterthwaite).
 */
export function differenceInterval(a: readonly number[], b: readonly number[]): Difference {
  const [meanA, meanB] = [mean(a), mean(b)];
  if (meanA === null || meanB === null) {
    return { difference: null, low: null, high: null, degreesOfFreedom: null };
  }
  const difference = meanB - meanA;
  if (a.length < 2 || b.length < 2) {
    return { difference, low: null, high: null, degreesOfFreedom: null };
  }
  const errorA = variance(a, meanA) / a.length;
  const errorB = variance(b, meanB) / b.length;
  const error = errorA + errorB;
  // Samples without any spread: the formula would divide zero by zero.
  const degreesOfFreedom =
    error === 0
      ? a.length + b.length - 2
      : error ** 2 / (errorA ** 2 / (a.length - 1) + errorB ** 2 / (b.length - 1));
  const half = tQuantile(degreesOfFreedom) * Math.sqrt(error);
  return { difference, low: difference - half, high: difference + half, degreesOfFreedom };
}

/**
 * The q-quantile (0 … 1) of ascending samples, linear between neighbours (Hyndman and Fan's type 7,
 * as R and NumPy have it); null for no samples.
 */
export function quantile(sorted: readonly number[], q: number): number | null {
  const position = Math.min(Math.max(q, 0), 1) * (sorted.length - 1);
  const lower = sorted[Math.floor(position)];
  const upper = sorted[Math.ceil(position)];
  if (lower === undefined || upper === undefined) return null;
  return lower + (upper - lower) * (position - Math.floor(position));
}

/** The cells of a result in the order of their factors; `names` come first in that order. */
export function cellsOf(result: ResultDocument, names: readonly string[] = []): Cell[] {
  const cells = new Map<string, { factors: Factors; rows: Row[] }>();
  for (const row of result.rows) {
    const key = factorsKey(row.factors);
    const cell = cells.get(key) ?? { factors: row.factors, rows: [] };
    cell.rows.push(row);
    cells.set(key, cell);
  }
  const order = [...new Set([...names, ...factorNames(result)])];
  const sorted = [...cells.values()].sort((a, b) => compareFactors(a.factors, b.factors, order));
  for (const cell of sorted) cell.rows.sort((a, b) => a.trial - b.trial);
  return sorted;
}

/** One text per combination of factors, whatever the order in which they were written. */
export function factorsKey(factors: Factors, names?: readonly string[]): string {
  const chosen = names ?? Object.keys(factors);
  return JSON.stringify([...chosen].sort().map((name) => [name, factors[name] ?? null]));
}

/** All factors that any row has, in the order in which they appear. */
export function factorNames(result: ResultDocument): string[] {
  return [...new Set(result.rows.flatMap((row) => Object.keys(row.factors)))];
}

/** The values a factor takes in a result, ascending; absent counts as null. */
export function factorValues(result: ResultDocument, name: string): FactorValue[] {
  const values = new Set(result.rows.map((row) => row.factors[name] ?? null));
  return [...values].sort(compareValues);
}

/** The factors that take more than one value; `names` come first in that order. */
export function variedFactors(result: ResultDocument, names: readonly string[] = []): string[] {
  const order = [...new Set([...names, ...factorNames(result)])];
  return order.filter((name) => factorValues(result, name).length > 1);
}

/** What a metric measured over some trials; trials in which it was null are left out. */
export function metricSamples(rows: readonly Row[], metric: NumericMetric): number[] {
  return rows
    .map((row) => row.metrics[metric])
    .filter((value): value is number => value !== null && Number.isFinite(value));
}

/** A metric's mean over the trials of a cell with its 95 % interval. */
export function metricInterval(cell: Cell, metric: NumericMetric): Interval {
  return interval(metricSamples(cell.rows, metric));
}

/** A count summed over the trials of a cell. */
export function metricTotal(cell: Cell, metric: NumericMetric): number {
  return metricSamples(cell.rows, metric).reduce((sum, value) => sum + value, 0);
}

function compareFactors(a: Factors, b: Factors, order: readonly string[]): number {
  for (const name of order) {
    const difference = compareValues(a[name] ?? null, b[name] ?? null);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Null first, then `false` before `true`, numbers by size, then texts by code unit. */
function compareValues(a: FactorValue, b: FactorValue): number {
  const rank = (value: FactorValue): number =>
    value === null ? 0 : ['boolean', 'number', 'string'].indexOf(typeof value) + 1;
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [textA, textB] = [String(a), String(b)];
  return textA < textB ? -1 : textA > textB ? 1 : 0;
}

function variance(samples: readonly number[], center: number): number {
  let sum = 0;
  for (const sample of samples) sum += (sample - center) ** 2;
  return sum / (samples.length - 1);
}

function tQuantile(degreesOfFreedom: number): number {
  return jStat.studentt.inv(1 - (1 - CONFIDENCE) / 2, degreesOfFreedom);
}
