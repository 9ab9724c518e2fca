/**
 * A storage in shared memory that outlives its thread. Everything is written, and durable, at once:
 * a worker that starts again finds all that the last one was told.
 */
import type { Index, PersistChange, SnapshotMeta } from '../raft/types.ts';
import { nothingStored } from './recovery.ts';
import { copyLog, readConsistently, replayLog, type SharedDisk } from './shared-disk.ts';
import { SharedLog } from './shared-log.ts';
import { copySnapshot, metaOf, SharedSnapshots } from './shared-snapshots.ts';
import {
  adoptSnapshot,
  type Chunk,
  type Done,
  type SnapshotWriter,
  type Storage,
  StorageError,
  type Stored,
} from './storage.ts';

export { createDisk, type DiskOptions, type SharedDisk } from './shared-disk.ts';
export { readDiskSnapshot } from './shared-snapshots.ts';

/**
 * Everything durable on a disk. Its owner may read it at any time, also while a node writes to it.
 */
export function readDisk(disk: SharedDisk): Stored {
  const copy = readConsistently(disk, () => {
    // The snapshot first: a log that was compacted to a later one meanwhile is read again.
    const snapshot = copySnapshot(disk, 0);
    const log = copyLog(disk);
    return snapshot === null || log === null ? null : { snapshot, log };
  });
  const stored = { ...replayLog(copy.log), snapshot: metaOf(copy.snapshot) };
  adoptSnapshot(stored, stored.snapshot);
  return stored;
}

export class SharedStorage implements Storage {
  readonly #disk: SharedDisk;
  readonly #log: SharedLog;
  readonly #snapshots: SharedSnapshots;

  constructor(disk: SharedDisk) {
    this.#disk = disk;
    this.#log = new SharedLog(disk);
    this.#snapshots = new SharedSnapshots(disk);
  }

  load(done: (error: StorageError | null, stored: Stored) => void): void {
    let failure: StorageError | null = null;
    let stored = nothingStored();
    try {
      this.#snapshots.verify();
      const { latest } = this.#snapshots;
      if (latest !== null) this.#log.adopt(latest);
      stored = readDisk(this.#disk);
    } catch (error) {
      failure = storageError(error);
    }
    done(failure, stored);
  }

  persist(changes: readonly PersistChange[], done: Done): void {
    let failure: StorageError | null = null;
    try {
      this.#log.write(changes);
    } catch (error) {
      failure = storageError(error);
    }
    done(failure);
  }

  writeSnapshot(meta: SnapshotMeta): SnapshotWriter {
    return this.#snapshots.write(meta);
  }

  readSnapshot(
    index: Index,
    offset: number,
    length: number,
    done: (error: StorageError | null, chunk: Chunk | null) => void,
  ): void {
    done(null, this.#snapshots.read(index, offset, length));
  }

  close(done: Done): void {
    done(null);
  }
}

function storageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  throw error;
}
