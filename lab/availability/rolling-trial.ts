/** One rolling restart: how long nothing was committed around each server's, and what was lost. */
import type { RunResult } from '../verdict.ts';
import { longestGapMs, rounded } from './gaps.ts';
import { pointsWithin } from './membership-trial.ts';
import { type Observation, observe, type Restart } from './observed.ts';
import { type Cell, type RestartSlot, rollingPlan } from './rolling-schedule.ts';
import { type Served, servedIn, unserved } from './served.ts';
import type { Curve, Row, Trial } from './trial.ts';

/** A picture begins so long before its first restart. */
const BEFORE_MS = 200;

export type RestartMetrics = {
  readonly node: string;
  /** It led when its turn came, and when it went down. */
  readonly led: boolean;
  readonly ledWhenDown: boolean;
  readonly gapMs: number;
  /** The same before it went down: what handing over costs by itself. */
  readonly gapBeforeDownMs: number;
  /** From going down to knowing all that is committed; `null`: it did not get there in time. */
  readonly backAfterMs: number | null;
};

export type RollingMetrics = {
  readonly served: Served;
  readonly restarts: readonly RestartMetrics[];
};

export type RollingRow = Row<Cell, RollingMetrics>;

export function rollingTrial(task: {
  readonly cell: Cell;
  readonly trial: number;
  readonly seed: number;
  readonly withCurve: boolean;
}): Trial<RollingRow> {
  const { cell, trial, seed, withCurve } = task;
  const { schedule, slots } = rollingPlan(seed, cell);
  const { simulation, observation } = observe(schedule);
  const { result } = observation;
  const metrics: RollingMetrics = {
    served: servedIn(simulation, result.verdict.kind !== 'violation'),
    restarts: slots.flatMap((slot) => restartIn(slot, observation)),
  };
  const row = { factors: cell, trial, seed, metrics, audit: auditOf(cell, metrics, result) };
  return { row, curve: withCurve ? curveOf(slots, metrics, observation) : null };
}

function restartIn(slot: RestartSlot, observation: Observation): RestartMetrics[] {
  const { advances, elections, restarts, result } = observation;
  const restart = restarts.find((each) => each.node === slot.node && isWithin(each, slot));
  if (restart === undefined) return [];
  const { caughtUpMs, downMs, led } = restart;
  const before = advances.filter(({ atMs }) => atMs <= downMs);
  const isBack = caughtUpMs !== null && caughtUpMs < slot.toMs;
  return [
    {
      node: slot.node,
      led: elections.findLast(({ atMs }) => atMs <= slot.fromMs)?.node === slot.node,
      ledWhenDown: led,
      gapMs: rounded(longestGapMs(advances, slot, result.simulatedMs)),
      gapBeforeDownMs: rounded(longestGapMs(before, { ...slot, toMs: downMs }, downMs)),
      backAfterMs: isBack ? rounded(caughtUpMs - downMs) : null,
    },
  ];
}

function isWithin({ downMs }: Restart, { fromMs, toMs }: RestartSlot): boolean {
  return downMs >= fromMs && downMs < toMs;
}

/** What must hold in every run, and what a transfer promises on top of it. */
function auditOf(
  { nodes, way }: Cell,
  { restarts, served }: RollingMetrics,
  { verdict }: RunResult,
): string {
  if (verdict.kind === 'violation') {
    return `${verdict.violation.property}: ${verdict.violation.message}`;
  }
  if (verdict.kind === 'vacuous') return `nothing was put to the test: ${verdict.reason}`;
  const back = restarts.filter(({ backAfterMs }) => backAfterMs !== null);
  if (back.length < nodes) return `${back.length} of ${nodes} servers restarted and caught up`;
  const lost = unserved(served);
  if (way === 'without' || lost === 0) return 'ok';
  return `${lost} of ${served.requests} requests were not served`;
}

/** The first restart: of the whole run a picture would show nothing as short as an election. */
function curveOf(
  slots: readonly RestartSlot[],
  { restarts }: RollingMetrics,
  observation: Observation,
): Curve {
  const { fromMs = 0, toMs = 0 } = slots[0] ?? {};
  const bars = observation.restarts.slice(0, 1).map(({ downMs, node, led }, i) => {
    const startMs = rounded(downMs - fromMs);
    const backAfterMs = restarts[i]?.backAfterMs ?? 0;
    return { fromMs: startMs, toMs: startMs + backAfterMs, label: `${node} down`, strong: led };
  });
  return { points: pointsWithin(observation.advances, fromMs - BEFORE_MS, toMs, fromMs), bars };
}
