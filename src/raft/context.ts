/**
 * One step under way: the state it moves, the time it happens at, and the effects it has asked for
 * so far. The few functions here are the only ones that append effects.
 */
import * as log from './log.ts';
import type {
  Answer,
  Effect,
  Entry,
  Index,
  Message,
  NodeId,
  PersistChange,
  RaftState,
  Refusal,
  Term,
} from './types.ts';

export type Context = {
  readonly state: RaftState;
  readonly nowUs: number;
  readonly effects: Effect[];
};

export function send(context: Context, message: Message, after: 'term' | 'log' = 'term'): void {
  context.effects.push({ kind: 'send', message, after });
}

export function answer(context: Context, id: number, content: Answer): void {
  context.effects.push({ kind: 'answer', id, answer: content });
}

export function reject(context: Context, id: number, reason: Refusal): void {
  const { leaderId } = context.state.volatile;
  answer(context, id, { kind: 'rejected', reason, leaderId });
}

/** §3.4, figure 3.1: term and vote are "updated on stable storage before responding to RPCs". */
export function saveTermAndVote(context: Context, term: Term, votedFor: NodeId | null): void {
  const { persistent } = context.state;
  persistent.currentTerm = term;
  persistent.votedFor = votedFor;
  persist(context, {
    termAndVote: { currentTerm: term, votedFor },
    truncateFrom: null,
    entries: [],
    compactTo: null,
  });
}

/** Cuts the log at `truncateFrom` (if not null), then appends; one persist for both. */
export function saveEntries(
  context: Context,
  truncateFrom: Index | null,
  entries: readonly Entry[],
): void {
  const { persistent, volatile } = context.state;
  if (truncateFrom !== null) {
    log.truncateFrom(persistent.log, truncateFrom);
    // What was on its way to the disk behind the cut no longer counts when it gets there, even if
    // the same index and term are appended again later: each persist vouches for what it wrote
    // itself.
    for (const pending of volatile.pendingPersists) {
      pending.lastIndex = Math.min(pending.lastIndex, truncateFrom - 1);
    }
    volatile.persistedIndex = Math.min(volatile.persistedIndex, truncateFrom - 1);
  }
  log.append(persistent.log, entries);
  persist(context, { termAndVote: null, truncateFrom, entries, compactTo: null });
}

/**
 * Removes the log up to `index`, and all of it if it holds another entry there; what it stands for
 * is in a snapshot that is durable. O(entries kept).
 */
export function saveCompaction(context: Context, index: Index, term: Term): void {
  const { persistent, volatile } = context.state;
  log.compactTo(persistent.log, index, term);
  const last = log.lastIndex(persistent.log);
  for (const pending of volatile.pendingPersists) {
    pending.lastIndex = Math.min(pending.lastIndex, last);
  }
  const covered = Math.max(volatile.persistedIndex, index);
  volatile.persistedIndex = Math.min(covered, last);
  persist(context, {
    termAndVote: null,
    truncateFrom: null,
    entries: [],
    compactTo: { index, term },
  });
}

function persist(context: Context, change: PersistChange): void {
  const { persistent, volatile } = context.state;
  volatile.persistSequence++;
  const sequence = volatile.persistSequence;
  volatile.pendingPersists.push({ sequence, lastIndex: log.lastIndex(persistent.log) });
  context.effects.push({ kind: 'persist', sequence, change });
}

/** The disk reports every persist up to `sequence`. True if the durable log grew. */
export function markPersisted(state: RaftState, sequence: number): boolean {
  const { volatile } = state;
  const before = volatile.persistedIndex;
  let done = 0;
  for (const pending of volatile.pendingPersists) {
    if (pending.sequence > sequence) break;
    volatile.persistedIndex = Math.max(volatile.persistedIndex, pending.lastIndex);
    done++;
  }
  if (done > 0) volatile.pendingPersists.splice(0, done);
  return volatile.persistedIndex > before;
}

/**
 * Moves commitIndex and hands the newly committed entries to the state machine. O(these entries).
 */
export function commitTo(context: Context, index: Index): void {
  const { persistent, volatile, role } = context.state;
  const entries = log.slice(persistent.log, volatile.commitIndex + 1, index);
  volatile.commitIndex = index;
  let bytes = 0;
  for (const entry of entries) bytes += log.entryBytes(entry);
  volatile.bytesSinceSnapshot += bytes;
  if (role.kind === 'leader') role.uncommittedBytes -= bytes;
  context.effects.push({ kind: 'apply', entries });
}
