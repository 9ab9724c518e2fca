/**
 * Where a server keeps what must survive it (figure 3.1, persistent state; figure 5.3). Callbacks,
 * not promises: the simulator runs the very node that production runs, with nothing to drain
 * between events.
 */
import { compactTo, type LogContent } from '../raft/log.ts';
import type { Index, NodeId, PersistChange, SnapshotMeta, Term } from '../raft/types.ts';

/** What a disk holds; all empty at the first start. */
export type Stored = LogContent & {
  readonly currentTerm: Term;
  readonly votedFor: NodeId | null;
  /** The latest snapshot. It lies within the log, or is its base (`adoptSnapshot`). */
  readonly snapshot: SnapshotMeta | null;
};

/**
 * A storage that cannot keep what it was given; the node answers for it, nothing is acknowledged.
 */
export class StorageError extends Error {
  override name = 'StorageError';
}

/**
 * What is stored is not what was promised, or cannot be read although it is as it was written:
 * every start would end here until somebody sees to it.
 */
export class DamageError extends StorageError {
  override name = 'DamageError';
}

/**
 * The state machine cannot take what the storage holds, which is as it was written: the same would
 * come of every start. It is no fault of the storage's.
 */
export class ExecutionError extends Error {
  override name = 'ExecutionError';

  /** `what` names where it is, and what it is. */
  constructor(what: string, cause: RangeError) {
    super(withRemedy(what, cause), { cause });
  }
}

/** Of what cannot be read, executed or restored though its checksum is right. */
export function withRemedy(what: string, cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return (
    `${what} (${reason}); run the version of this program that wrote it, or remove this server ` +
    'from the cluster, clear its data directory, and let it join again under a new name; if all ' +
    'servers say so, see docs/processes.md'
  );
}

/** A state machine says so by a RangeError; V8 says by the same that memory has run out. */
export function isMalformed(error: unknown): error is RangeError {
  return error instanceof RangeError && !error.message.includes('allocation failed');
}

export type Done = (error: StorageError | null) => void;

/** Some bytes of a snapshot; `last` if it ends with them. */
export type Chunk = { readonly data: Uint8Array; readonly last: boolean };

/**
 * A snapshot on its way to the disk, beside the queue of `persist`. Until `finish` is done it does
 * not exist: a crash leaves the latest one as it was.
 */
export interface SnapshotWriter {
  /** Appends bytes; called again only when the previous call is done. */
  write(data: Uint8Array, done: Done): void;
  /**
   * Makes it the latest snapshot, durably, unless there is one as late or later; earlier ones are
   * given up.
   */
  finish(done: Done): void;
  /** Gives it up. */
  cancel(): void;
}

export interface Storage {
  /** What people look for when something is wrong with it, such as a file. */
  readonly where?: string;
  /** Reads everything back; called once, before anything is persisted. */
  load(done: (error: StorageError | null, stored: Stored) => void): void;
  /**
   * Writes the changes, in order, as one unit. `done` is called once all of them are durable, that
   * is, survive a crash that happens right after; it may be called before `persist` returns. After
   * an error none of them counts. The node calls this again only when the previous call is done.
   */
  persist(changes: readonly PersistChange[], done: Done): void;
  /** Begins to write a snapshot. At most one of the node's own and one received are under way. */
  writeSnapshot(meta: SnapshotMeta): SnapshotWriter;
  /**
   * Bytes of the snapshot of entry `index` from `offset` on, at most `length`; `null` if the latest
   * snapshot is another one. `done` may be called before this returns.
   */
  readSnapshot(
    index: Index,
    offset: number,
    length: number,
    done: (error: StorageError | null, chunk: Chunk | null) => void,
  ): void;
  /** Finishes what is under way and lets go of the medium. */
  close(done: Done): void;
}

/**
 * The log's content after a change; shared by all storages that replay changes. Mutates `content`.
 */
export function applyChange(content: LogContent, change: PersistChange): void {
  const { entries, baseIndex } = content;
  if (change.truncateFrom !== null) {
    entries.length = Math.max(0, change.truncateFrom - baseIndex - 1);
  }
  for (const entry of change.entries) entries.push(entry);
  if (change.compactTo !== null) {
    compactTo(content, change.compactTo.index, change.compactTo.term);
  }
}

/**
 * What a disk's log is beside its latest snapshot: a crash may have come between a received
 * snapshot and the change that makes room for it in the log. Then that change is made up for, here
 * and on the disk (§5.1, figure 5.3, step 6 on). True if the content was changed.
 */
export function adoptSnapshot(content: LogContent, snapshot: SnapshotMeta | null): boolean {
  if (snapshot === null || snapshot.index <= content.baseIndex) return false;
  const { index, term } = snapshot;
  if (content.entries[index - content.baseIndex - 1]?.term === term) return false;
  compactTo(content, index, term);
  return true;
}
