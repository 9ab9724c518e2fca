/**
 * Where a server keeps what must survive it (figure 3.1, persistent state). Callbacks, not
 * promises: the simulator runs the very node that production runs, with nothing to drain between
 * events.
 */
import type { Entry, NodeId, PersistChange, Term } from '../raft/types.ts';

/** What a disk holds; all empty at the first start. */
export type Stored = {
  readonly currentTerm: Term;
  readonly votedFor: NodeId | null;
  readonly entries: readonly Entry[];
};

/**
 * A storage that cannot keep what it was given; the node answers for it, nothing is acknowledged.
 */
export class StorageError extends Error {
  override name = 'StorageError';
}

export type Done = (error: StorageError | null) => void;

export interface Storage {
  /** Reads everything back; called once, before anything is persisted. */
  load(done: (error: StorageError | null, stored: Stored) => void): void;
  /**
   * Writes the changes, in order, as one unit. `done` is called once all of them are durable, that
   * is, survive a crash that happens right after; it may be called before `persist` returns. After
   * an error none of them counts. The node calls this again only when the previous call is done.
   */
  persist(changes: readonly PersistChange[], done: Done): void;
  /** Finishes what is under way and lets go of the medium. */
  close(done: Done): void;
}

/**
 * The disk's state after a change; shared by all storages that replay changes. Mutates `entries`.
 */
export function applyChange(entries: Entry[], change: PersistChange): void {
  if (change.truncateFrom !== null) {
    const first = entries[0]?.index ?? change.truncateFrom;
    entries.length = Math.max(0, change.truncateFrom - first);
  }
  for (const entry of change.entries) entries.push(entry);
}
