/** What a disk holds of the log, by itself or in its snapshot. */
import type { Entry, Index, NodeId, SnapshotMeta, Term } from '../../src/raft/types.ts';

/** What a server's disk would give back if the power failed now. */
export type Durable = {
  readonly currentTerm: Term;
  readonly votedFor: NodeId | null;
  readonly baseIndex: Index;
  readonly baseTerm: Term;
  /** Those after the base. */
  readonly entries: readonly Entry[];
  readonly snapshot: SnapshotMeta | null;
};

/** The snapshot stands for entry `index`, among others. */
export function isCovered({ snapshot }: Durable, index: Index): boolean {
  return snapshot !== null && index <= snapshot.index;
}

/** The last entry that the log or the snapshot tells of. */
export function lastDurable({ baseIndex, entries, snapshot }: Durable): Index {
  return Math.max(baseIndex + entries.length, snapshot?.index ?? 0);
}

/**
 * The term of an entry behind the snapshot; `undefined` where there is none. A log that does not
 * hold the snapshot's own entry gives way to it at the next start (figure 5.3, step 7).
 */
export function termBehindSnapshot(durable: Durable, index: Index): Term | undefined {
  const { baseIndex, entries, snapshot } = durable;
  if (snapshot !== null && snapshot.index > baseIndex) {
    const own = entries[snapshot.index - baseIndex - 1];
    if (own?.term !== snapshot.term) return undefined;
  }
  return entries[index - baseIndex - 1]?.term;
}

/** The disk has this committed entry; snapshots are of committed entries only. */
export function holds(durable: Durable, index: Index, term: Term): boolean {
  return isCovered(durable, index) || termBehindSnapshot(durable, index) === term;
}
