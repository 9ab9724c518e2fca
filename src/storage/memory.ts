/**
 * A storage in memory for a host that decides how long writes take and when the power fails. What
 * had not reported durable when its storage crashed is lost, or torn, or there after all.
 */
import type { Index, PersistChange, SnapshotMeta } from '../raft/types.ts';
import type { MemoryDisk } from './memory-disk.ts';
import { unitBytes } from './records.ts';
import { nothingStored } from './recovery.ts';
import { encodeMeta, type Snapshot } from './snapshot-record.ts';
import {
  type Chunk,
  type Done,
  type SnapshotWriter,
  type Storage,
  StorageError,
  type Stored,
} from './storage.ts';

export { MemoryDisk } from './memory-disk.ts';

/**
 * The device beneath: it takes its time, may be full, and its news may be heard late. A unit, and
 * bytes of snapshots, may be under way at the same time.
 */
export type Medium = {
  /** Calls `written` when the write has ended: at once, later, or never if the power fails. */
  write(bytes: number, written: (outcome: 'durable' | 'full') => void): void;
  /** Calls `done` when so many bytes have been read; left out, that takes no time. */
  read?(bytes: number, done: () => void): void;
  /** Calls `hear` when the process gets to it; never if it dies before. */
  tell(hear: () => void): void;
};

/** What became of a unit that was under way when the power failed. */
export type CrashFate =
  | { readonly kind: 'lost' }
  /** All of it reached the disk, but nobody was told. */
  | { readonly kind: 'whole' }
  /** This share of its bytes reached the disk, 0 … 1. */
  | { readonly kind: 'torn'; readonly share: number };

export class MemoryStorage implements Storage {
  readonly #disk: MemoryDisk;
  readonly #medium: Medium;
  #underWay: readonly PersistChange[] | null = null;
  /** Snapshots of which all is written but the end. */
  readonly #finishing = new Set<Snapshot>();
  #crashed = false;

  constructor(disk: MemoryDisk, medium: Medium) {
    this.#disk = disk;
    this.#medium = medium;
  }

  load(done: (error: StorageError | null, stored: Stored) => void): void {
    let stored = nothingStored();
    const failure = failureOf(() => {
      stored = this.#disk.recover();
    });
    done(failure, stored);
  }

  persist(changes: readonly PersistChange[], done: Done): void {
    this.#underWay = changes;
    this.#write(unitBytes(changes), done, (isWritten) => {
      this.#underWay = null;
      if (!isWritten) return;
      const sequence = this.#disk.write(changes);
      return () => this.#disk.acknowledge(sequence);
    });
  }

  /**
   * Each slice is a write of its own, and so is the end, which makes the snapshot count: until then
   * nothing of it outlives a crash.
   */
  writeSnapshot(meta: SnapshotMeta): SnapshotWriter {
    const slices: Uint8Array[] = [];
    let snapshot: Snapshot | null = null;
    let cancelled = false;
    return {
      write: (data, done) => {
        // A copy: what was given may change afterwards.
        const slice = data.slice();
        this.#write(slice.byteLength, done, (isWritten) => {
          if (isWritten) slices.push(slice);
        });
      },
      finish: (done) => {
        const finishing = { meta, data: concatenated(slices) };
        snapshot = finishing;
        this.#finishing.add(finishing);
        this.#write(encodeMeta(meta).byteLength, done, (isWritten) => {
          this.#finishing.delete(finishing);
          if (isWritten && !cancelled) this.#disk.keepSnapshot(finishing);
        });
      },
      cancel: () => {
        cancelled = true;
        if (snapshot !== null) this.#finishing.delete(snapshot);
      },
    };
  }

  readSnapshot(
    index: Index,
    offset: number,
    length: number,
    done: (error: StorageError | null, chunk: Chunk | null) => void,
  ): void {
    const read = (): void => {
      let chunk: Chunk | null = null;
      const failure = failureOf(() => {
        chunk = this.#disk.readSnapshot(index, offset, length);
      });
      done(failure, chunk);
    };
    if (this.#medium.read === undefined) read();
    else {
      this.#medium.read(length, () => {
        if (!this.#crashed) this.#medium.tell(read);
      });
    }
  }

  close(done: Done): void {
    done(null);
  }

  /**
   * The power fails: the storage is gone. Of a unit under way the disk keeps what it may; a
   * snapshot whose end is under way becomes the latest if the fate is `whole`, and is lost if not.
   */
  crash(fate: CrashFate): void {
    this.#crashed = true;
    if (fate.kind === 'whole') {
      for (const snapshot of this.#finishing) this.#disk.keepSnapshot(snapshot);
      if (this.#underWay !== null) this.#disk.write(this.#underWay);
    }
    if (fate.kind === 'torn' && this.#underWay !== null) {
      this.#disk.tear(this.#underWay, fate.share);
    }
    this.#underWay = null;
    this.#finishing.clear();
  }

  /** `ended` may return what is to happen when the process hears that it is written. */
  #write(bytes: number, done: Done, ended: (isWritten: boolean) => (() => void) | undefined): void {
    this.#medium.write(bytes, (outcome) => {
      if (this.#crashed) return;
      const heard = ended(outcome === 'durable');
      const error =
        outcome === 'full'
          ? new StorageError(`${this.#disk.name}: the disk is full; make room and start`)
          : null;
      this.#medium.tell(() => {
        heard?.();
        done(error);
      });
    });
  }
}

function failureOf(attempt: () => void): StorageError | null {
  try {
    attempt();
    return null;
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}

function concatenated(slices: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(slices.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const slice of slices) {
    bytes.set(slice, at);
    at += slice.byteLength;
  }
  return bytes;
}
