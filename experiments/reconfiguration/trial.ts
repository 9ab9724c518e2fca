/** One change of membership of a cluster that holds some state, while clients write. */
import type { Fault } from '../../lab/faults.ts';
import type { StudyCluster } from '../../lab/study/cluster.ts';
import { Load } from '../../lab/study/load.ts';
import { UplinkCluster } from '../../lab/study/uplink.ts';
import { between, fork } from '../../src/raft/random.ts';
import {
  AFTER_MS,
  BEFORE_MS,
  type Cell,
  CHUNK_BYTES,
  type Change,
  DISK_MS,
  hasNewcomers,
  JUDGED_MB,
  LINK,
  SERVERS,
  STATE_VALUE_BYTES,
  VALUE_BYTES,
  WRITES_PER_SECOND,
} from './setup.ts';

export type Sample = {
  /** From the request until newcomers began to vote; null where there are none. */
  readonly catchUpMs: number | null;
  /** From the request until the last configuration that it takes was committed. */
  readonly doneMs: number;
  /** The longest time without a commit: in a second before the request, and until after the end. */
  readonly gapBeforeMs: number;
  readonly gapMs: number;
  /** Writes called around the request (before it: negative), and what each took. */
  readonly writes: readonly { readonly atMs: number; readonly tookMs: number }[];
  readonly unserved: number;
  readonly elections: number;
};

const BYTES_PER_MB = 1_000_000;
const LIMIT_MS = 5000;
const CHANGE_LIMIT_MS = 60_000;
const SETTLE_MS = 200;
const PHASE_US = 50_000;
const CLIENTS = 20;
const [SPARE, SECOND_SPARE] = [`n${SERVERS + 1}`, `n${SERVERS + 2}`];

export function trial(cell: Cell, seed: number): Sample {
  const cluster = clusterOf(cell, seed);
  cluster.begin();
  if (!cluster.runUntil(LIMIT_MS, () => cluster.committedIndex > 0)) {
    throw new Error('nobody was elected');
  }
  fill(cluster, cell);
  const load = new Load(cluster, { seed, valueBytes: VALUE_BYTES });
  // At any moment between two heartbeats and two writes.
  const phaseUs = between(fork(seed, 'request'), 0, PHASE_US);
  const askedMs = cluster.nowMs + BEFORE_MS + phaseUs / 1000;
  load.arrive(WRITES_PER_SECOND, Number.POSITIVE_INFINITY);
  cluster.runUntil(askedMs);
  const elections = cluster.elections.length;

  const { fault, voters } = requestOf(cell.change, cluster);
  cluster.inject(fault);
  let votingMs: number | null = null;
  const isDone = (): boolean => {
    const { configuration } = cluster;
    const votes = (id: string): boolean => configuration.voters.includes(id);
    if (votingMs === null && votes(SPARE)) votingMs = cluster.nowMs;
    const isSettled = configuration.outgoing.length + configuration.learners.length === 0;
    return isSettled && configuration.voters.length === voters.length && voters.every(votes);
  };
  if (!cluster.runUntil(askedMs + CHANGE_LIMIT_MS, isDone)) {
    throw new Error(`the change was not through after ${CHANGE_LIMIT_MS} ms`);
  }
  const doneMs = cluster.nowMs - askedMs;
  const endMs = cluster.nowMs + AFTER_MS;
  cluster.runUntil(endMs);
  load.stop();
  cluster.runUntil(endMs + LIMIT_MS, () => cluster.clients.pending === 0);
  cluster.runUntil(cluster.nowMs + SETTLE_MS);
  // It reads every value back, which takes several times as long as the run itself.
  if (cell.stateMb <= JUDGED_MB) cluster.judge();

  return {
    catchUpMs: hasNewcomers(cell.change) ? (votingMs ?? cluster.nowMs) - askedMs : null,
    doneMs,
    gapBeforeMs: longestGapMs(cluster, askedMs - BEFORE_MS, askedMs),
    gapMs: longestGapMs(cluster, askedMs, endMs),
    writes: load.calls.flatMap(({ calledMs, ok, returnedMs }) => {
      if (!ok || returnedMs === null) return [];
      return [{ atMs: calledMs - askedMs, tookMs: returnedMs - calledMs }];
    }),
    unserved: load.calls.filter(({ ok }) => !ok).length,
    elections: cluster.elections.length - elections,
  };
}

function clusterOf({ megabytesPerSecond }: Cell, seed: number): StudyCluster {
  return new UplinkCluster(
    {
      seed,
      nodes: SERVERS,
      spares: 2,
      // Who comes gets the state as a snapshot, and the little that was written since as entries.
      settings: { chunkBytes: CHUNK_BYTES, keptEntries: 0, keptBytes: 0 },
      link: LINK,
      disk: { latencyMs: DISK_MS, torn: 0, late: 0 },
      clients: CLIENTS,
      // Writes of the state are large, and wait for each other.
      requestTimeoutMs: 10_000,
    },
    megabytesPerSecond * BYTES_PER_MB,
  );
}

/** Fills the state machines, and has all servers keep that as a snapshot. */
function fill(cluster: StudyCluster, { stateMb }: Cell): void {
  // At least one of each client, so that all of them know who leads.
  const large = Math.round((stateMb * BYTES_PER_MB) / STATE_VALUE_BYTES);
  const writes = Math.max(large, CLIENTS);
  let answered = 0;
  let called = 0;
  const next = (client: number): void => {
    if (called === writes) return;
    const number = called++;
    const value = '.'.repeat(number < large ? STATE_VALUE_BYTES : 1);
    const operation = {
      atMs: cluster.nowMs,
      client,
      op: 'put',
      key: `state ${number}`,
      value,
    } as const;
    cluster.clients.call(operation, () => {
      answered++;
      cluster.events.after(0, () => next(client));
    });
  };
  for (let client = 0; client < CLIENTS; client++) next(client);
  if (!cluster.runUntil(cluster.nowMs + CHANGE_LIMIT_MS, () => answered === writes)) {
    throw new Error('the state could not be written');
  }
  cluster.runUntil(cluster.nowMs + SETTLE_MS);
  for (let i = 1; i <= SERVERS; i++) cluster.inject({ kind: 'snapshot', node: `n${i}` });
  const isKept = (): boolean =>
    [...cluster.members.values()]
      .slice(0, SERVERS)
      .every(({ raft }) => (raft?.persistent.snapshot?.index ?? 0) > 0);
  if (!cluster.runUntil(cluster.nowMs + CHANGE_LIMIT_MS, isKept)) {
    throw new Error('the snapshots were not taken');
  }
}

/** What is asked for, and who votes when it is through. */
function requestOf(
  change: Change,
  cluster: StudyCluster,
): { readonly fault: Fault; readonly voters: readonly string[] } {
  const leader = cluster.leader()?.id ?? '';
  const voters = [...cluster.members.keys()].slice(0, SERVERS);
  const [first, second] = voters.filter((id) => id !== leader);
  const without = (...ids: (string | undefined)[]): string[] =>
    voters.filter((id) => !ids.includes(id));
  const configured = (wanted: readonly string[]) => {
    return { fault: { kind: 'configure', voters: wanted }, voters: wanted } as const;
  };
  switch (change) {
    case 'add':
      return configured([...voters, SPARE]);
    case 'replace':
      return configured([...without(first), SPARE]);
    case 'replace-two':
      return configured([...without(first, second), SPARE, SECOND_SPARE]);
    case 'remove':
      return configured(without(first));
    case 'remove-leader':
      return configured(without(leader));
  }
}

/** The longest stretch of a time within which nothing was committed. */
function longestGapMs(cluster: StudyCluster, fromMs: number, toMs: number): number {
  let longest = 0;
  let lastMs = fromMs;
  for (const { atMs } of cluster.commits) {
    if (atMs < fromMs || atMs > toMs) continue;
    longest = Math.max(longest, atMs - lastMs);
    lastMs = atMs;
  }
  return Math.max(longest, toMs - lastMs);
}
