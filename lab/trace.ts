/** What happened in a run, for people: lines to read and the data of its pictures. */
import type { NodeId } from '../src/raft/types.ts';

/** A message between nodes; who and when, and what became of it. */
export type TracedMessage = {
  readonly from: NodeId;
  readonly to: NodeId;
  /** As `describeMessage` says it. */
  readonly text: string;
  readonly kind: string;
  readonly term: number;
  readonly sentUs: number;
  /** `null` if it never arrived. */
  arrivedUs: number | null;
  /**
   * `delivered`, or why not: `lost`, `cut` and `overflowed` by the link, `damaged` found by its
   * checksum, `down` where nobody listened, `under way` when the run ended.
   */
  fate: 'delivered' | 'lost' | 'cut' | 'overflowed' | 'damaged' | 'down' | 'under way';
};

/** A node is this from a moment on, until the next record of it. */
export type TracedRole = {
  readonly node: NodeId;
  readonly atUs: number;
  readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader' | 'down' | 'paused';
  readonly term: number;
};

export type TracedCommit = { readonly node: NodeId; readonly atUs: number; readonly index: number };

export type TracedFault = {
  /** For example `crash n1`. */
  readonly text: string;
  readonly nodes: readonly NodeId[];
  readonly fromUs: number;
  /** `null` if it is not undone. */
  untilUs: number | null;
};

export type Trace = {
  readonly nodes: readonly NodeId[];
  /** One line an event. */
  readonly lines: readonly string[];
  readonly messages: readonly TracedMessage[];
  readonly roles: readonly TracedRole[];
  readonly commits: readonly TracedCommit[];
  readonly faults: readonly TracedFault[];
  /** When the second phase began; `null` if it was not reached. */
  readonly recoveryUs: number | null;
  readonly endUs: number;
};
