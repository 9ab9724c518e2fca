/** What theory allows in a cell, and how what was measured compares with it. */
import { type Interval, interval, mean } from '../../lab/report/stats.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { type Cell, OUTSTANDING, roundTripMs, type Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

/**
 * How far below the ceiling still counts as reaching it. Writes differ by as much, and an entry is
 * committed with the faster of two followers.
 */
export const TOLERANCE = 0.1;

/** Whose limit is the lower one: that of the pipeline, or that of the clients. */
export type Bound = 'window' | 'clients';

/** A cell that was measured, beside what it may reach. */
export type Measured = {
  readonly cell: Cell;
  readonly throughput: Interval;
  readonly bound: Bound;
  readonly ceiling: number;
  readonly floor: number;
  /** Of the ceiling. */
  readonly share: number;
  readonly latencies: readonly number[];
};

/** Commands a second that no cell exceeds: what can be under way at once, in every round trip. */
export function ceilingOf(cell: Cell): number {
  return (Math.min(held(cell), OUTSTANDING) * 1000) / roundTripMs(cell);
}

/**
 * Commands a second that every cell reaches: a message waits for at most one write of the disk
 * before its own, and a command for at most one round trip until the window has room for it.
 */
export function floorOf(cell: Cell): number {
  const { delayMs, diskMs } = cell;
  return (Math.min(held(cell), OUTSTANDING / 2) * 1000) / (2 * delayMs + 2 * diskMs);
}

export function boundOf(cell: Cell): Bound {
  return held(cell) < OUTSTANDING ? 'window' : 'clients';
}

function held({ batch, windowMessages }: Cell): number {
  return batch * windowMessages;
}

export function measuredOf({ cell, samples }: Result): Measured | null {
  const throughput = interval(samples.map(({ perSecond }) => perSecond));
  if (throughput.mean === null) return null;
  const ceiling = ceilingOf(cell);
  return {
    cell,
    throughput,
    bound: boundOf(cell),
    ceiling,
    floor: floorOf(cell),
    share: throughput.mean / ceiling,
    latencies: latenciesOf(samples),
  };
}

export function standingOf({ ceiling, floor, throughput }: Measured): 'at' | 'between' | 'outside' {
  const perSecond = throughput.mean ?? 0;
  if (perSecond > ceiling * (1 + TOLERANCE)) return 'outside';
  if (perSecond >= ceiling * (1 - TOLERANCE)) return 'at';
  return perSecond >= floor * (1 - TOLERANCE) ? 'between' : 'outside';
}

export function perSecondOf(samples: readonly Sample[]): number | null {
  return mean(samples.map(({ perSecond }) => perSecond));
}

/** Of all trials together, ascending. */
export function latenciesOf(samples: readonly Sample[]): number[] {
  return samples.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
}
