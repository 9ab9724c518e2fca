/**
 * A data directory as a medium: whoever opens it is given a copy of the files as they are then,
 * with the log that a killed process would leave. So one may look at what another would find.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { PersistChange, SnapshotMeta } from '../../src/raft/types.ts';
import { SqliteStorage } from '../../src/storage/sqlite.ts';
import type {
  Chunk,
  Done,
  SnapshotWriter,
  Storage,
  StorageError,
  Stored,
} from '../../src/storage/storage.ts';
import { close, load, type Medium, type Room } from './storages.ts';

const PAGE_BYTES = 4096;

const folders = new Set<string>();
let count = 0;

/** Where nobody waits for a disk, where there is such a place; for what is opened often. */
export const IN_MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A directory of its own, which `removeFolders` removes. */
export function newFolder(parent: string = tmpdir()): string {
  const folder = mkdtempSync(join(parent, 'raft-sqlite-'));
  folders.add(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

/** As a crash would leave it: the log is copied last, so that nothing in it is older. */
export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).sort()) copyFileSync(join(from, name), join(to, name));
}

export class SqliteMedium implements Medium {
  readonly #root = newFolder();
  readonly #pagesMax: number;
  #current: OpenedStorage | null = null;

  constructor(maxBytes: number) {
    this.#pagesMax = Math.ceil(maxBytes / PAGE_BYTES);
  }

  open(): Storage {
    const folder = join(this.#root, String(count++));
    if (this.#current !== null) copyFolder(this.#current.folder, folder);
    return new OpenedStorage(folder, this.#pagesMax, (opened) => this.#writtenTo(opened));
  }

  readonly room: Room = {
    isFull: () => this.#current?.isFull ?? false,
    make: () => this.#current?.makeRoom(),
  };

  /** The one that writes is the one to go on from; the last one is dead. */
  #writtenTo(opened: OpenedStorage): void {
    if (this.#current === opened) return;
    const before = this.#current;
    this.#current = opened;
    before?.close(() => {});
  }
}

/** Opened and loaded by the time that anything is done. */
class OpenedStorage implements Storage {
  readonly folder: string;
  isFull = false;
  readonly #ready: Promise<SqliteStorage>;
  readonly #written: (opened: OpenedStorage) => void;
  #storage: SqliteStorage | null = null;
  #loaded: Promise<Stored>;

  constructor(folder: string, pagesMax: number, written: (opened: OpenedStorage) => void) {
    this.folder = folder;
    this.#written = written;
    const onFull = (full: boolean): void => {
      this.isFull = full;
    };
    const opening = SqliteStorage.open({ folder, checksum: crc32, onFull });
    this.#loaded = opening.then(load);
    this.#ready = opening.then(async (storage) => {
      await this.#loaded;
      await new Promise((resolve) => storage.limitPages(pagesMax, resolve));
      this.#storage = storage;
      return storage;
    });
  }

  load(done: (error: StorageError | null, stored: Stored) => void): void {
    void this.#ready.then(async () => done(null, await this.#loaded));
  }

  persist(changes: readonly PersistChange[], done: Done): void {
    this.#whenReady((storage) => storage.persist(changes, done));
  }

  writeSnapshot(meta: SnapshotMeta): SnapshotWriter {
    let writer: SnapshotWriter | null = null;
    const withWriter = (then: (writer: SnapshotWriter) => void): void =>
      this.#whenReady((storage) => {
        writer ??= storage.writeSnapshot(meta);
        then(writer);
      });
    return {
      write: (data, done) => withWriter((opened) => opened.write(data, done)),
      finish: (done) => withWriter((opened) => opened.finish(done)),
      cancel: () => withWriter((opened) => opened.cancel()),
    };
  }

  readSnapshot(
    index: number,
    offset: number,
    length: number,
    done: (error: StorageError | null, chunk: Chunk | null) => void,
  ): void {
    void this.#ready.then((storage) => storage.readSnapshot(index, offset, length, done));
  }

  close(done: Done): void {
    void this.#ready.then(async (storage) => {
      const error = await close(storage);
      rmSync(this.folder, { recursive: true });
      done(error);
    });
  }

  makeRoom(): void {
    this.#storage?.limitPages(2 ** 30, () => {});
  }

  #whenReady(then: (storage: SqliteStorage) => void): void {
    const go = (storage: SqliteStorage): void => {
      this.#written(this);
      then(storage);
    };
    if (this.#storage === null) void this.#ready.then(go);
    else go(this.#storage);
  }
}
