/** What became of the requests of a run, counted from the moments at which they were due. */
import type { HistoryOperation } from '../history.ts';
import { countLost, replayCommitted } from '../replay.ts';
import type { Schedule } from '../schedule.ts';
import type { Simulation } from '../sim/simulation.ts';
import { rounded } from './gaps.ts';

const NS_PER_MS = 1_000_000;

export type Served = {
  readonly requests: number;
  /** Surely without effect. */
  readonly failed: number;
  /** Without an answer: they may have taken effect. */
  readonly unknown: number;
  /** Their clients were still waiting for others when the run ended. */
  readonly notCalled: number;
  /** From the moment a request was due to its answer; of those that were answered. */
  readonly slowestMs: number;
  readonly acknowledgedWritesLost: number;
};

/** Requests that were not served. */
export function unserved({ failed, notCalled, unknown }: Served): number {
  return failed + unknown + notCalled;
}

export function servedIn({ clients, committed, schedule }: Simulation, passed: boolean): Served {
  let [failed, unknown, notCalled, slowestMs] = [0, 0, 0, 0];
  const called = calledBy(clients.history, schedule);
  for (const { atMs, client } of schedule.operations) {
    const operation = called[client]?.shift();
    if (operation === undefined) notCalled++;
    else if (operation.outcome === 'fail') failed++;
    else if (operation.outcome === 'unknown') unknown++;
    else slowestMs = Math.max(slowestMs, (operation.return ?? 0) / NS_PER_MS - atMs);
  }
  const { length: requests } = schedule.operations;
  // A run that passed has compared them already.
  const acknowledgedWritesLost = passed
    ? 0
    : countLost(clients.acknowledged, replayCommitted(committed, () => '').executed);
  return {
    requests,
    failed,
    unknown,
    notCalled,
    slowestMs: rounded(slowestMs),
    acknowledgedWritesLost,
  };
}

/** By client, in order; without what was called to see whether the cluster has recovered. */
function calledBy(
  history: readonly HistoryOperation[],
  { clients, durationMs }: Schedule,
): HistoryOperation[][] {
  const called: HistoryOperation[][] = Array.from({ length: clients.count }, () => []);
  for (const operation of history) {
    if (operation.call < durationMs * NS_PER_MS) called[operation.client]?.push(operation);
  }
  return called;
}
