/** One cluster whose followers fail and come back, while clients write. */

import type { StudyCluster } from '../../lab/study/cluster.ts';
import { type Call, Load, latenciesMs, servedPerSecond } from '../../lab/study/load.ts';
import { UplinkCluster } from '../../lab/study/uplink.ts';
import { between, fork } from '../../src/raft/random.ts';
import {
  AFTER_RETURN_MS,
  BEFORE_RETURN_MS,
  type Cell,
  DISK_MS,
  type How,
  LINK,
  MEASURED_MS,
  OUTSTANDING,
  SLOWER_MS,
  THROUGHPUT_MS,
  UPLINK_BYTES_PER_SECOND,
  VALUE_BYTES,
  WRITES_PER_SECOND,
} from './setup.ts';

export type Sample = {
  /** Of writes while the followers were failed, ascending. */
  readonly latenciesMs: readonly number[];
  /** With so many writes outstanding, at the same time. */
  readonly servedPerSecond: number;
  /** Until the last of those who failed knew what was committed when they were back. */
  readonly catchUpMs: number | null;
  /** Of writes that were called before that. */
  readonly catchingUpMs: readonly number[];
  /** Called so long after the return (before it: negative), and what it took. */
  readonly aroundReturn: readonly { readonly atMs: number; readonly tookMs: number }[];
  /** After the first. */
  readonly elections: number;
  readonly unserved: number;
};

const START_LIMIT_MS = 5000;
const CATCH_UP_LIMIT_MS = 10_000;
/** For what changes to settle before it is measured. */
const SETTLE_MS = 200;
const HEARTBEAT_US = 50_000;
/** Of clients: what is open fits in two each, and is never held back. */
const CLIENTS = 20;
const SMALL_VALUE_BYTES = 16;

export function trial({ failed, how, nodes }: Cell, seed: number): Sample {
  const cluster = new UplinkCluster(
    {
      seed,
      nodes,
      link: LINK,
      disk: { latencyMs: DISK_MS, torn: 0, late: 0 },
      clients: CLIENTS,
    },
    UPLINK_BYTES_PER_SECOND,
  );
  cluster.begin();
  const isServing = (): boolean => cluster.committedIndex > 0;
  if (!cluster.runUntil(START_LIMIT_MS, isServing)) throw new Error('nobody was elected');
  introduceClients(cluster);
  const leader = cluster.leader()?.id;
  const followers = [...cluster.members.keys()].filter((id) => id !== leader);
  const struck = followers.slice(0, failed);
  // They are back at any moment between two heartbeats.
  const phaseMs = between(fork(seed, 'return'), 0, HEARTBEAT_US) / 1000;
  const returnMs = cluster.nowMs + MEASURED_MS + THROUGHPUT_MS + 4 * SETTLE_MS + phaseMs;
  for (const id of struck) strike(cluster, how, id, returnMs - cluster.nowMs);
  pass(cluster, SETTLE_MS);

  const measured = { fromMs: cluster.nowMs, toMs: cluster.nowMs + MEASURED_MS };
  const open = new Load(cluster, { seed, valueBytes: VALUE_BYTES });
  open.arrive(WRITES_PER_SECOND, measured.toMs);
  pass(cluster, MEASURED_MS);

  const served = throughput(cluster, seed);

  const around = new Load(cluster, { seed: seed + 1, valueBytes: VALUE_BYTES });
  around.arrive(WRITES_PER_SECOND, returnMs + AFTER_RETURN_MS);
  cluster.runUntil(returnMs);
  const catchUpMs = catchUp(cluster, struck);
  cluster.runUntil(Math.max(cluster.nowMs, returnMs + AFTER_RETURN_MS) + SETTLE_MS);
  cluster.judge();

  const caughtUpMs = returnMs + (catchUpMs ?? 0);
  return {
    latenciesMs: latenciesMs(open.calls, measured.fromMs, Number.POSITIVE_INFINITY),
    servedPerSecond: served,
    catchUpMs,
    catchingUpMs: tookMs(around.calls, returnMs, caughtUpMs).map(({ tookMs }) => tookMs),
    aroundReturn: tookMs(around.calls, returnMs - BEFORE_RETURN_MS, Number.POSITIVE_INFINITY).map(
      ({ atMs, tookMs }) => ({ atMs: atMs - returnMs, tookMs }),
    ),
    elections: cluster.elections.length - 1,
    unserved: [...open.calls, ...around.calls].filter(({ ok }) => !ok).length,
  };
}

/** One write of each, so that all of them know who leads. */
function introduceClients(cluster: StudyCluster): void {
  let answered = 0;
  for (let client = 0; client < CLIENTS; client++) {
    const operation = { atMs: cluster.nowMs, client, op: 'put', key: 'k', value: 'v' } as const;
    cluster.clients.call(operation, () => answered++);
  }
  cluster.runUntil(cluster.nowMs + START_LIMIT_MS, () => answered === CLIENTS);
}

function strike(cluster: StudyCluster, how: How, node: string, forMs: number): void {
  switch (how) {
    case 'none':
      return;
    case 'crash':
    case 'pause':
      cluster.inject({ kind: how, node }, forMs);
      return;
    case 'slow-disk':
      cluster.inject({ kind: 'diskSlow', node, latencyMs: SLOWER_MS }, forMs);
      return;
    case 'slow-link': {
      const settings = { delayMs: LINK.delayMs + SLOWER_MS };
      cluster.inject({ kind: 'link', from: node, to: '*', settings }, forMs);
      cluster.inject({ kind: 'link', from: '*', to: node, settings }, forMs);
    }
  }
}

/** Small writes, always so many at a time. */
function throughput(cluster: StudyCluster, seed: number): number {
  const closed = new Load(cluster, { seed: seed + 2, valueBytes: SMALL_VALUE_BYTES });
  closed.keepOutstanding(OUTSTANDING);
  pass(cluster, SETTLE_MS);
  const fromMs = cluster.nowMs;
  pass(cluster, THROUGHPUT_MS);
  const served = servedPerSecond(closed.calls, fromMs, cluster.nowMs);
  closed.stop();
  pass(cluster, SETTLE_MS);
  return served;
}

/** Waits until those who failed know what is committed now; how long that took. */
function catchUp(cluster: StudyCluster, struck: readonly string[]): number | null {
  if (struck.length === 0) return null;
  const { committedIndex, nowMs } = cluster;
  const isCaughtUp = (): boolean =>
    struck.every((id) => {
      return (cluster.member(id).raft?.volatile.commitIndex ?? 0) >= committedIndex;
    });
  if (!cluster.runUntil(nowMs + CATCH_UP_LIMIT_MS, isCaughtUp)) {
    throw new Error(`who came back had not caught up after ${CATCH_UP_LIMIT_MS} ms`);
  }
  return cluster.nowMs - nowMs;
}

function tookMs(
  calls: readonly Call[],
  fromMs: number,
  toMs: number,
): { atMs: number; tookMs: number }[] {
  return calls.flatMap(({ calledMs, ok, returnedMs }) => {
    if (!ok || returnedMs === null || calledMs < fromMs || calledMs >= toMs) return [];
    return [{ atMs: calledMs, tookMs: returnedMs - calledMs }];
  });
}

function pass(cluster: StudyCluster, ms: number): void {
  cluster.runUntil(cluster.nowMs + ms);
}
