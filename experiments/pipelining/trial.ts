/**
 * One run of the pipelining study: a closed load, more outstanding than most windows hold, on a
 * leader whose window, batch, links and disk the cell says.
 */
import { StudyCluster } from '../../lab/study/cluster.ts';
import { Load, latenciesMs, OUTSTANDING_PER_CLIENT } from '../../lab/study/load.ts';

export type Cell = {
  readonly windowMessages: number;
  /** Entries in one message; each entry holds one command. */
  readonly batch: number;
  readonly delayMs: number;
  readonly diskMs: number;
};

export type Sample = {
  readonly perSecond: number;
  /** Of every command that was measured, ascending. */
  readonly latenciesMs: readonly number[];
};

export const OUTSTANDING = 512;
export const SERVERS = 3;
/** A write takes this share less up to this share more than the disk's mean. */
export const DISK_SPREAD = 0.1;
/** Longer than the slowest link's round trip many times over: no election disturbs a run. */
export const ELECTION_TIMEOUT_MS = [1000, 2000] as const;
export const HEARTBEAT_MS = 200;
/** Most commands that are measured; … */
export const COMMANDS_MAX = 1500;
/** … fewer where a round trip carries few, … */
export const ROUND_TRIPS = 150;
/** … but as many as make a quantile. */
export const COMMANDS_MIN = 150;

const NEVER_MS = 3_600_000;
const HALF_US_MS = 0.0005;

/** A message's way to a follower and back, with one write of its disk. */
export function roundTripMs({ delayMs, diskMs }: Cell): number {
  return 2 * delayMs + diskMs;
}

/** How many commands a run measures, once every first call has been answered. */
export function commandsOf({ batch, windowMessages }: Cell): number {
  const held = Math.min(windowMessages * batch, OUTSTANDING);
  return Math.min(Math.max(held * ROUND_TRIPS, COMMANDS_MIN), COMMANDS_MAX);
}

export function trial(cell: Cell, seed: number): Sample {
  const { batch, delayMs, diskMs, windowMessages } = cell;
  const cluster = new StudyCluster({
    seed,
    nodes: SERVERS,
    settings: {
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
      heartbeatMs: HEARTBEAT_MS,
      windowMessages,
      batchEntries: batch,
    },
    batchCommands: 1,
    link: { delayMs },
    disk: {
      latencyMs: [diskMs * (1 - DISK_SPREAD), diskMs * (1 + DISK_SPREAD)],
      torn: 0,
      late: 0,
    },
    clients: OUTSTANDING / OUTSTANDING_PER_CLIENT,
    requestTimeoutMs: NEVER_MS,
    retryMs: NEVER_MS,
  });
  cluster.begin();
  if (!cluster.runUntil(NEVER_MS, () => cluster.committedIndex > 0)) {
    throw new Error('no leader committed anything');
  }
  // All servers come to know who leads.
  cluster.runUntil(cluster.nowMs + 2 * HEARTBEAT_MS);
  const load = new Load(cluster, { seed });
  load.keepOutstanding(OUTSTANDING);
  const fromMs = afterCommits(cluster, OUTSTANDING);
  const toMs = afterCommits(cluster, commandsOf(cell));
  load.stop();
  if (cluster.elections.length > 1) throw new Error('the leader was deposed while it was measured');
  // Of the first moment nothing, and of the last one all.
  const latencies = latenciesMs(load.calls, fromMs + HALF_US_MS, toMs + HALF_US_MS);
  return { perSecond: (latencies.length * 1000) / (toMs - fromMs), latenciesMs: latencies };
}

/** The moment at which so many more entries are committed, and all that it brings has happened. */
function afterCommits(cluster: StudyCluster, count: number): number {
  const goal = cluster.committedIndex + count;
  if (!cluster.runUntil(NEVER_MS, () => cluster.committedIndex >= goal)) {
    throw new Error(`entry ${goal} was never committed`);
  }
  cluster.runUntil(cluster.nowMs);
  return cluster.nowMs;
}
