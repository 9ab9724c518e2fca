/**
 * A run as data: all that a host needs to do it again. The simulator draws what is not listed here
 * (delays, losses, election timeouts) from streams that the seed names, so the same schedule gives
 * the same run; on other hosts it is best effort in real time.
 */
import type { OperationKind } from '../src/command.ts';
import type { NodeId, Settings } from '../src/raft/types.ts';
import type { LinkSettings } from '../src/transport/link.ts';
import type { ReadWay } from './cluster.ts';
import type { FaultAction } from './faults.ts';

export const SCHEDULE_VERSION = 2;

export type DiskSettings = {
  /** A write is durable after a time drawn uniformly from this range. */
  readonly latencyMs: readonly [low: number, high: number];
  /** Probability that a write under way in a crash is found half done. */
  readonly torn: number;
  /** Probability that it is found whole, though the node was never told. */
  readonly late: number;
  /** A piece of a snapshot is read after a time drawn from this range; left out, at once. */
  readonly readMs?: readonly [low: number, high: number];
};

export type ClockSettings = {
  /** How far the node's clock is ahead at the start. */
  readonly offsetMs: number;
  /** Microseconds that it gains a second. */
  readonly driftPpm: number;
};

export type ScheduledOperation = {
  /** Called then, or when its client has fewer than two operations outstanding. */
  readonly atMs: number;
  /** Counted from 0. */
  readonly client: number;
  readonly op: OperationKind;
  readonly key: string;
  /** What is stored by put, create, update and cas. */
  readonly value?: string | null;
  /** What a cas expects; `null` is absent. */
  readonly expected?: string | null;
  /** Of a get; absent is `linearizable`. */
  readonly read?: ReadWay;
};

/**
 * The second phase: the faults of the core are healed, and within `boundMs` it must have one leader
 * and equal logs, and have served a write and a read of every client.
 */
export type Recovery = {
  /** As many as a majority of `nodes`; spares that have joined may be among them. */
  readonly core: readonly NodeId[];
  /** The other nodes are healed as well, or cut off from core and clients. */
  readonly others: 'healed' | 'cutOff';
  readonly boundMs: number;
};

export type Schedule = {
  readonly schemaVersion: typeof SCHEDULE_VERSION;
  /** Where it comes from, for people: a profile, `shrunk from …`. */
  readonly name: string;
  readonly seed: number;
  /** They make up the first configuration, and are called n1, n2, … */
  readonly nodes: number;
  /**
   * Servers with blank disks that belong to no configuration until they join; their names go on
   * behind those of the nodes.
   */
  readonly spares: number;
  readonly settings: Settings;
  /** Most commands that share a log entry. */
  readonly batchCommands: number;
  readonly link: LinkSettings;
  /** Between clients and nodes. */
  readonly clientLink: LinkSettings;
  readonly disk: DiskSettings;
  /** Left out, as servers have them: small ones are met in every run, those of servers in none. */
  readonly sizes?: {
    /** Snapshots are taken and restored in slices of about so many bytes. */
    readonly sliceBytes: number;
    /** Of the state machine's table, powers of two. */
    readonly segmentBytes: number;
    readonly bucketSlots: number;
  };
  /** Messages are bytes on their way, and what a disk holds is bytes before it is read again. */
  readonly asBytes?: boolean;
  /** All servers begin in this term; left out, 0. */
  readonly firstTerm?: number;
  /** Per node, in order, and then per spare. */
  readonly clocks: readonly ClockSettings[];
  readonly clients: {
    readonly count: number;
    readonly requestTimeoutMs: number;
    readonly retryMs: number;
    /** Clients let the cluster name their sessions, and learn when they expire (§6.3). */
    readonly registered: boolean;
    /** Most sessions that the state machine keeps; beyond it the least recently used one goes. */
    readonly sessionsMax: number;
    /**
     * So many of them, the first, ask once and without a session: a refusal that says that nothing
     * was executed stands in the history as failed. Left out, none.
     */
    readonly once?: number;
    /** Where the numbers of a session begin; left out, 1. */
    readonly firstRequestNumber?: number;
  };
  /** Length of the first phase. */
  readonly durationMs: number;
  readonly faults: readonly FaultAction[];
  readonly operations: readonly ScheduledOperation[];
  readonly recovery: Recovery;
};

/** All servers of a schedule: its nodes, and behind them its spares. */
export function serverIds({ nodes, spares }: Pick<Schedule, 'nodes' | 'spares'>): NodeId[] {
  return nodeIds(nodes + spares);
}

export function nodeIds(count: number): NodeId[] {
  return Array.from({ length: count }, (_, i) => `n${i + 1}`);
}
