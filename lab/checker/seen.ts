/** What was last seen of each server, to judge the next step by. */
import { lastIndex, lastTerm } from '../../src/raft/log.ts';
import type {
  Entry,
  Index,
  Log,
  NodeId,
  RaftState,
  SnapshotMeta,
  Term,
} from '../../src/raft/types.ts';
import { fail } from './properties.ts';

/** What was last seen of a server; of a new one nothing but what it has promised before. */
export type Seen = {
  role: RaftState['role'] | null;
  currentTerm: Term;
  votedFor: NodeId | null;
  commitIndex: Index;
  lastApplied: Index;
  /** The last entry that was handed to the state machine. */
  applied: Index;
  readonly log: Log;
  /** The log's last entry, as the changes that are persisted make it. */
  lastIndex: Index;
  lastTerm: Term;
  snapshot: SnapshotMeta | null;
  /** Of a leader: the latest read round that a quorum has confirmed (§6.4). */
  confirmedRound: number;
};

/** A server as it starts. */
export function begun({ persistent, role, volatile }: RaftState): Seen {
  const { currentTerm, log, snapshot, votedFor } = persistent;
  return {
    role,
    currentTerm,
    votedFor,
    commitIndex: volatile.commitIndex,
    lastApplied: volatile.lastApplied,
    applied: volatile.lastApplied,
    log,
    lastIndex: lastIndex(log),
    lastTerm: lastTerm(log),
    snapshot,
    confirmedRound: 0,
  };
}

/** The server led in this step; one that is removed may have committed that and stepped down. */
export function hasLed({ persistent, role }: RaftState, seen: Seen): boolean {
  if (role.kind === 'leader') return true;
  return seen.role?.kind === 'leader' && seen.currentTerm === persistent.currentTerm;
}

export function checkMonotonic({ id, persistent, volatile }: RaftState, seen: Seen): void {
  const { currentTerm, votedFor } = persistent;
  if (currentTerm < seen.currentTerm) {
    fail('monotonicTerm', `${id} goes from term ${seen.currentTerm} back to ${currentTerm}`);
  }
  if (currentTerm === seen.currentTerm && seen.votedFor !== null && votedFor !== seen.votedFor) {
    const now = votedFor ?? 'nobody';
    fail('oneVotePerTerm', `${id} voted for ${seen.votedFor}, now ${now}, in ${currentTerm}`);
  }
  if (volatile.commitIndex < seen.commitIndex) {
    const { commitIndex } = volatile;
    fail('monotonicCommitIndex', `${id} goes from ${seen.commitIndex} back to ${commitIndex}`);
  }
  if (volatile.lastApplied < seen.lastApplied) {
    const { lastApplied } = volatile;
    fail('monotonicLastApplied', `${id} goes from ${seen.lastApplied} back to ${lastApplied}`);
  }
}

export function note({ persistent, role, volatile }: RaftState, seen: Seen): void {
  seen.role = role;
  seen.currentTerm = persistent.currentTerm;
  seen.votedFor = persistent.votedFor;
  seen.commitIndex = volatile.commitIndex;
  seen.lastApplied = volatile.lastApplied;
  seen.lastIndex = lastIndex(persistent.log);
  seen.lastTerm = lastTerm(persistent.log);
  seen.snapshot = persistent.snapshot;
  seen.confirmedRound = role.kind === 'leader' ? role.confirmedRound : 0;
}

export function entryAt(state: RaftState, index: Index): Entry {
  const { log } = state.persistent;
  const entry = log.entries[index - log.baseIndex - 1];
  if (entry === undefined) throw new Error(`${state.id} has no entry ${index}`);
  return entry;
}
