/**
 * One run of the loss study: a closed load over links between servers that lose messages, then the
 * leader crashes again and again on the same links, then all is healed and the run is judged.
 */
import { StudyCluster } from '../../lab/study/cluster.ts';
import { Load, OUTSTANDING_PER_CLIENT } from '../../lab/study/load.ts';
import { recoverAndJudge } from '../../lab/study/recover.ts';
import { between, fork } from '../../src/raft/random.ts';
import type { LinkSettings } from '../../src/transport/link.ts';

/** How losses come; `netem` is a recipe of several faults at once. */
export const PATTERNS = ['independent', 'burst 5', 'burst 20', 'netem'] as const;
export type Pattern = (typeof PATTERNS)[number];

export type Cell = {
  readonly pattern: Pattern;
  readonly loss: number;
  readonly nodes: number;
  readonly outstanding: number;
};

export type Sample = {
  readonly acknowledged: number;
  /** Writes of which their client heard nothing within its patience. */
  readonly unanswered: number;
  /** How long the load was on, and how often another server became leader meanwhile. */
  readonly loadedMs: number;
  readonly loadedChanges: number;
  /** The same with nothing but heartbeats, over `IDLE_MS`. */
  readonly idleChanges: number;
  /** From each crash of the leader until another server led; at most `ELECTION_MAX_MS`. */
  readonly electionsMs: readonly number[];
};

/** The share that the recipe loses. */
export const NETEM_LOSS = 0.33;
/** As `tc netem delay 30ms 25ms reorder 25% 50% loss 33% duplicate 50%`. */
const NETEM: Partial<LinkSettings> = {
  delayMs: 30,
  jitterMs: 25,
  duplicate: 0.5,
  reorder: 0.25,
  correlation: 0.5,
};
export const DELAY_MS = 1;
export const DISK_MS = [0.1, 0.2] as const;
export const HEARTBEAT_MS = 50;
export const ELECTION_TIMEOUT_MS = [150, 300] as const;
/** The load is on for so long, … */
export const LOADED_MS = 20_000;
/** … or for so many writes. */
export const WRITES_MAX = 2000;
export const IDLE_MS = 20_000;
export const CRASHES = 5;
export const ELECTION_MAX_MS = 60_000;
/** Between an election and the next crash, and up to a heartbeat more. */
export const SETTLE_MS = 500;
const FIRST_LEADER_MS = 120_000;
const REPAIR_MS = 30_000;
export const REQUEST_TIMEOUT_MS = 10_000;
export const RETRY_MS = 500;

export function linkOf({ loss, pattern }: Pick<Cell, 'loss' | 'pattern'>): Partial<LinkSettings> {
  switch (pattern) {
    case 'independent':
      return { delayMs: DELAY_MS, loss };
    case 'burst 5':
      return { delayMs: DELAY_MS, loss, burst: 5 };
    case 'burst 20':
      return { delayMs: DELAY_MS, loss, burst: 20 };
    case 'netem':
      return { ...NETEM, loss };
  }
}

export function trial(cell: Cell, seed: number): Sample {
  const cluster = new StudyCluster({
    seed,
    nodes: cell.nodes,
    settings: { electionTimeoutMs: ELECTION_TIMEOUT_MS, heartbeatMs: HEARTBEAT_MS },
    link: linkOf(cell),
    disk: { latencyMs: DISK_MS, torn: 0, late: 0 },
    clients: Math.ceil(cell.outstanding / OUTSTANDING_PER_CLIENT),
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    retryMs: RETRY_MS,
  });
  cluster.begin();
  if (!cluster.runUntil(FIRST_LEADER_MS, () => cluster.committedIndex > 0)) {
    throw new Error(`no leader committed anything within ${FIRST_LEADER_MS} ms`);
  }
  const loaded = underLoad(cluster, cell, seed);
  const idleChanges = changesDuring(cluster, () => cluster.runUntil(cluster.nowMs + IDLE_MS));
  const rng = fork(seed, 'crashes');
  const electionsMs = Array.from({ length: CRASHES }, () => {
    const phaseMs = between(rng, 0, HEARTBEAT_MS * 1000) / 1000;
    return electionMs(cluster, SETTLE_MS + phaseMs);
  });
  recoverAndJudge(cluster, REPAIR_MS);
  return { ...loaded, idleChanges, electionsMs };
}

function underLoad(cluster: StudyCluster, { outstanding }: Cell, seed: number) {
  const load = new Load(cluster, { seed });
  const fromMs = cluster.nowMs;
  const goal = cluster.committedIndex + WRITES_MAX;
  const loadedChanges = changesDuring(cluster, () => {
    load.keepOutstanding(outstanding);
    cluster.runUntil(fromMs + LOADED_MS, () => cluster.committedIndex >= goal);
  });
  const loadedMs = cluster.nowMs - fromMs;
  load.stop();
  const { calls } = load;
  return {
    acknowledged: calls.filter(({ ok }) => ok).length,
    unanswered: calls.filter(({ ok, returnedMs }) => !ok && returnedMs !== null).length,
    loadedMs,
    loadedChanges,
  };
}

function changesDuring(cluster: StudyCluster, happen: () => void): number {
  const before = cluster.elections.length;
  happen();
  return cluster.elections.length - before;
}

/** Lets so long go by, crashes whoever leads, and waits for the next leader; how long that took. */
function electionMs(cluster: StudyCluster, afterMs: number): number {
  cluster.runUntil(cluster.nowMs + afterMs);
  cluster.runUntil(cluster.nowMs + ELECTION_MAX_MS, () => cluster.leader() !== null);
  const leader = cluster.leader();
  if (leader === null) throw new Error(`there was no leader for ${ELECTION_MAX_MS} ms`);
  const crashedMs = cluster.nowMs;
  const before = cluster.elections.length;
  cluster.crash(leader);
  cluster.runUntil(crashedMs + ELECTION_MAX_MS, () => cluster.elections.length > before);
  const tookMs = cluster.nowMs - crashedMs;
  cluster.start(leader);
  return tookMs;
}
