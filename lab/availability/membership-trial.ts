/** One run of growing and shrinking: the gaps between commits, and what became of requests. */
import type { RunResult } from '../verdict.ts';
import { HEARTBEAT_MS } from './cluster.ts';
import { longestGapMs, rounded, type Span } from './gaps.ts';
import { type Cell, type Change, membershipPlan, type Size } from './membership-schedule.ts';
import { type Committed, type Observation, observe } from './observed.ts';
import { type Served, servedIn, unserved } from './served.ts';
import type { Curve, Row, Trial } from './trial.ts';

/** No longer may the cluster commit nothing while its membership changes. */
export const GAP_MAX_MS = 2 * HEARTBEAT_MS;

export type ChangeMetrics = {
  readonly name: string;
  /** Until the last configuration that it needs was committed; `null`: it was not. */
  readonly tookMs: number | null;
  readonly gapMs: number;
};

export type MembershipMetrics = {
  readonly served: Served;
  /** The longest time without a commit while membership changes, and shortly before. */
  readonly gapMs: number;
  readonly gapBeforeMs: number;
  readonly changes: readonly ChangeMetrics[];
  /** Without the first. */
  readonly elections: number;
};

export type MembershipRow = Row<Cell, MembershipMetrics>;

export function membershipTrial(task: {
  readonly cell: Cell;
  readonly trial: number;
  readonly seed: number;
  readonly size: Size;
  readonly withCurve: boolean;
}): Trial<MembershipRow> {
  const { cell, trial, seed, size, withCurve } = task;
  const { schedule, changes, before } = membershipPlan(seed, cell, size);
  const { simulation, observation } = observe(schedule);
  const { result, configurations, elections } = observation;
  const gapMs = (span: Span): number => gapOf(observation, span);
  const metrics: MembershipMetrics = {
    served: servedIn(simulation, result.verdict.kind !== 'violation'),
    gapMs: Math.max(...changes.map(gapMs)),
    gapBeforeMs: gapMs(before),
    changes: changes.map((change) => {
      const { name } = change;
      return { name, tookMs: tookMs(change, configurations), gapMs: gapMs(change) };
    }),
    elections: Math.max(0, elections.length - 1),
  };
  const row = { factors: cell, trial, seed, metrics, audit: auditOf(cell, metrics, result) };
  return { row, curve: withCurve ? curveOf(changes, metrics, observation) : null };
}

function gapOf({ advances, result }: Observation, span: Span): number {
  return rounded(longestGapMs(advances, span, result.simulatedMs));
}

function tookMs({ fromMs, voters }: Change, configurations: readonly Committed[]): number | null {
  const through = configurations.find(({ atMs, configuration }) => {
    const { learners, outgoing } = configuration;
    const settled = learners.length === 0 && outgoing.length === 0;
    return atMs >= fromMs && settled && configuration.voters.length === voters;
  });
  return through === undefined ? null : rounded(through.atMs - fromMs);
}

/** What must hold in every run, and what learners promise on top of it. */
function auditOf(
  { variant }: Cell,
  { changes, gapMs, served }: MembershipMetrics,
  { verdict }: RunResult,
): string {
  if (verdict.kind === 'violation') {
    return `${verdict.violation.property}: ${verdict.violation.message}`;
  }
  if (verdict.kind === 'vacuous') return `nothing was put to the test: ${verdict.reason}`;
  const open = changes.filter((change) => change.tookMs === null).map(({ name }) => name);
  if (open.length > 0) return `did not come through: ${open.join(', ')}`;
  if (variant === 'blank') return 'ok';
  const lost = unserved(served);
  if (lost > 0) return `${lost} of ${served.requests} requests were not served`;
  if (gapMs <= GAP_MAX_MS) return 'ok';
  return `nothing was committed for ${gapMs} ms; at most ${GAP_MAX_MS} ms is allowed`;
}

function curveOf(
  changes: readonly Change[],
  { changes: measured }: MembershipMetrics,
  { advances }: Observation,
): Curve {
  const fromMs = changes[0]?.fromMs ?? 0;
  const toMs = changes.at(-1)?.toMs ?? 0;
  return {
    points: pointsWithin(advances, fromMs - 500, toMs, fromMs),
    bars: changes.map((change, i) => {
      const startMs = change.fromMs - fromMs;
      const lengthMs = measured[i]?.tookMs ?? change.toMs - change.fromMs;
      return { fromMs: startMs, toMs: startMs + lengthMs, label: change.name, strong: false };
    }),
  };
}

/** Those of a time, counted from the moment `zeroMs` and from what was committed by then. */
export function pointsWithin(
  advances: Observation['advances'],
  fromMs: number,
  toMs: number,
  zeroMs: number,
): Curve['points'] {
  const zero = advances.findLast(({ atMs }) => atMs <= zeroMs)?.index ?? 0;
  return advances
    .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
    .map(({ atMs, index }) => ({ atMs: rounded(atMs - zeroMs), index: index - zero }));
}
