/** What a node's thread and its parent say to each other. */
import type { MessagePort } from 'node:worker_threads';
import type { MembershipChange } from '../../src/membership-plan.ts';
import type { Answer, Configuration, Index, NodeId, Settings, Term } from '../../src/raft/types.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import type { DiskEnd } from './disks.ts';

export type NodeTask = {
  /** What the protocol knows it by: address and incarnation. */
  readonly name: NodeId;
  readonly settings: Settings;
  readonly configuration: Configuration;
  readonly batchCommands: number;
  /** Most sessions that its state machine keeps; the same on all nodes. */
  readonly sessionsMax: number;
  readonly seed: number;
  /** How often this node has started before; each start draws from streams of its own. */
  readonly starts: number;
  readonly disk: DiskEnd;
  /** One word: while it is 1, the thread stands still. */
  readonly pauseWord: SharedArrayBuffer;
  readonly control: MessagePort;
};

export const RUNNING = 0;
export const PAUSED = 1;

/** What an operator asks of one node; all but a snapshot are for the one that leads. */
export type NodeOperation =
  | MembershipChange
  | { readonly kind: 'transfer'; readonly to: NodeId }
  | { readonly kind: 'snapshot' };

/** What a status shall have beside what costs nothing. */
export type Asked = {
  /** The audit's digests, and a check of the whole state. O(keys + log). */
  readonly digest?: boolean;
  /** How many requests of these clients have taken effect. */
  readonly executedBy?: readonly number[];
  /** O(log). */
  readonly logBytes?: boolean;
  /** Memory is measured after a forced collection. */
  readonly collect?: boolean;
};

/** From the parent to a node. */
export type Order =
  | {
      readonly kind: 'connect';
      /** Its address, as in `link`. */
      readonly peer: string;
      readonly port: MessagePort;
      readonly settings: LinkSettings;
    }
  | { readonly kind: 'client'; readonly port: MessagePort }
  | { readonly kind: 'link'; readonly peer: string; readonly settings: LinkSettings }
  | { readonly kind: 'pause' }
  | { readonly kind: 'status'; readonly id: number; readonly asked: Asked }
  | { readonly kind: 'operate'; readonly id: number; readonly operation: NodeOperation }
  | { readonly kind: 'stop' };

/** From a node to the parent. */
export type Report =
  | { readonly kind: 'role'; readonly role: string; readonly term: Term; readonly reason: string }
  /** As the leader knows it, whenever that changes. */
  | ({ readonly kind: 'membership'; readonly term: Term } & KnownMembership)
  /** It takes a snapshot of its own, or does no longer. */
  | { readonly kind: 'snapshot'; readonly taking: boolean; readonly atUs: number }
  | { readonly kind: 'counters'; readonly counters: Counters }
  | { readonly kind: 'status'; readonly id: number; readonly status: Status }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'failure'; readonly message: string };

export type KnownMembership = {
  readonly configuration: Configuration;
  readonly isCommitted: boolean;
};

export type Counters = {
  readonly messagesSent: number;
  readonly messagesDropped: number;
  readonly messagesDamaged: number;
  readonly bytesSent: number;
};

export type Status = {
  /** Its address. */
  readonly id: string;
  readonly name: NodeId;
  readonly role: string;
  readonly term: Term;
  readonly leaderId: NodeId | null;
  readonly configuration: Configuration;
  readonly commitIndex: Index;
  readonly lastApplied: Index;
  readonly lastIndex: Index;
  /** The log holds the entries behind it. */
  readonly baseIndex: Index;
  /** Of the latest snapshot; 0 is none. */
  readonly snapshotIndex: Index;
  /** Of the entries that the log holds, if asked for. */
  readonly logBytes: number | null;
  /** Commands that have taken effect since the log began. */
  readonly executed: number;
  /** The same of the clients asked for. */
  readonly executedBy: ReadonlyMap<number, number> | null;
  readonly sessions: number;
  /** Digest of the state machine, if asked for. */
  readonly digest: string | null;
  /** The same without sessions. */
  readonly contentDigest: string | null;
  readonly heapBytes: number;
  /** Outside of the heap, of this thread; the disk, which is shared, is not in it. */
  readonly bufferBytes: number;
};
