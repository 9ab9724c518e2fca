/** Changes to write to a disk, and what it holds after them; threads of tests load this, too. */
import type { Entry, PersistChange, SnapshotMeta } from '../../src/raft/types.ts';
import type { Stored } from '../../src/storage/storage.ts';

export const NOTHING: PersistChange = {
  termAndVote: null,
  truncateFrom: null,
  entries: [],
  compactTo: null,
};

export const EMPTY: Stored = {
  currentTerm: 0,
  votedFor: null,
  baseIndex: 0,
  baseTerm: 0,
  entries: [],
  snapshot: null,
};

export function vote(currentTerm: number, votedFor: string | null): PersistChange {
  return { ...NOTHING, termAndVote: { currentTerm, votedFor } };
}

export function command(index: number, term: number, content: string | number): Entry {
  const bytes =
    typeof content === 'string'
      ? new TextEncoder().encode(content)
      : new Uint8Array(content).fill(index);
  return { index, term, kind: 'command', command: bytes };
}

export function entries(...given: Entry[]): PersistChange {
  return { ...NOTHING, entries: given };
}

/** Entries `from` to `to` of a term. */
export function run(from: number, to: number, term: number, content: string | number = 'x') {
  return entries(
    ...Array.from({ length: to - from + 1 }, (_, i) => command(from + i, term, content)),
  );
}

export function compaction(index: number, term: number): PersistChange {
  return { ...NOTHING, compactTo: { index, term } };
}

export function snapshotAt(index: number, term: number): SnapshotMeta {
  const configuration = { voters: ['n1', '节点'], outgoing: [], learners: ['n3'] };
  return { index, term, configuration: { index: Math.min(index, 1), configuration } };
}

/** Bytes that tell where they stand, and which snapshot's they are. */
export function pattern(bytes: number, salt: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes).map((_, i) => (i * 31 + (i >> 8) + salt * 97) % 256);
}

// ---- What a disk holds --------------------------------------------------------------------------

/** The disk's state after a change, told in another way than the storages do. */
export function after(stored: Stored, change: PersistChange): Stored {
  const { termAndVote, truncateFrom, compactTo } = change;
  const kept = stored.entries.filter(({ index }) => truncateFrom === null || index < truncateFrom);
  const changed = { ...stored, ...termAndVote, entries: [...kept, ...change.entries] };
  return compactTo === null ? changed : compacted(changed, compactTo);
}

function compacted(stored: Stored, to: { index: number; term: number }): Stored {
  if (to.index <= stored.baseIndex) return stored;
  const left = stored.entries.some(({ index, term }) => index === to.index && term === to.term)
    ? stored.entries.filter(({ index }) => index > to.index)
    : [];
  return { ...stored, baseIndex: to.index, baseTerm: to.term, entries: left };
}

/** What is found at a start with this snapshot: a log that holds its entry, or begins behind it. */
export function adopted(stored: Stored): Stored {
  const { snapshot } = stored;
  if (snapshot === null) return stored;
  const { index, term } = snapshot;
  const holds = stored.entries.some((entry) => entry.index === index && entry.term === term);
  return holds || index <= stored.baseIndex ? stored : compacted(stored, snapshot);
}
