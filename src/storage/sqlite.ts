/**
 * A storage on SQLite, for a node that is a process: the file `raft.sqlite` of a data directory,
 * and `acknowledged` beside it. Once it is loaded nothing is done on the thread that the node runs
 * on: whoever waits for the disk would send no heartbeats. One process at a time can have a data
 * directory open.
 */
import { dirname, join } from 'node:path';
import type { Index, PersistChange, SnapshotMeta } from '../raft/types.ts';
import { AcknowledgedFile } from './acknowledged-file.ts';
import { checkForWord, DataDirectory, type DirectoryLost, makeFolder } from './data-directory.ts';
import type { Checksum } from './records.ts';
import { brokenPromise, nothingStored, unitsToKeep } from './recovery.ts';
import { fileError, SqliteFile, syncFolder, unusableFolder } from './sqlite-file.ts';
import { type Attempt, SqliteQueue } from './sqlite-queue.ts';
import { SNAPSHOTS_SCHEMA, SqliteSnapshots } from './sqlite-snapshots.ts';
import { SqliteUnits, UNITS_SCHEMA } from './sqlite-units.ts';
import {
  type Chunk,
  type Done,
  type SnapshotWriter,
  type Storage,
  StorageError,
  type Stored,
} from './storage.ts';

export type SqliteOptions = {
  /** The data directory; made if it is missing. */
  readonly folder: string;
  readonly checksum: Checksum;
  /** The disk has become full, and writes wait for room; or they go on. */
  readonly onFull?: (full: boolean) => void;
  /** It was removed or replaced; nothing is done or acknowledged any more. */
  readonly onLost?: (error: DirectoryLost) => void;
  /** Throws RangeError for a command of the log that the state machine cannot execute. */
  readonly checkCommand?: (command: Uint8Array) => void;
};

/** Within a data directory. */
export const DATABASE = 'raft.sqlite';
const ACKNOWLEDGED = 'acknowledged';

const RECORDS_SCHEMA = `
  CREATE TABLE record (name TEXT PRIMARY KEY, text TEXT NOT NULL, checksum INTEGER NOT NULL)
  WITHOUT ROWID;
`;
const SET_RECORD = 'INSERT OR REPLACE INTO record (name, text, checksum) VALUES (?, ?, ?)';
const GET_RECORD = 'SELECT text, checksum FROM record WHERE name = ?';
/** Before the first row comes a file that says what was acknowledged. */
const IS_BLANK = `
  SELECT NOT EXISTS (
    SELECT 1 FROM unit UNION ALL SELECT 1 FROM checkpoint UNION ALL SELECT 1 FROM record
    UNION ALL SELECT 1 FROM snapshot UNION ALL SELECT 1 FROM snapshot_slice
  ) AS blank
`;

const FORMAT = {
  /** 'RaFt' */
  application: 0x52614674,
  version: 1,
  schema: `${UNITS_SCHEMA}${SNAPSHOTS_SCHEMA}${RECORDS_SCHEMA}`,
};

const textEncoder = new TextEncoder();

export class SqliteStorage implements Storage {
  readonly #file: SqliteFile;
  readonly #acknowledged: AcknowledgedFile;
  readonly #checksum: Checksum;
  readonly #directory: DataDirectory;
  readonly #queue: SqliteQueue;
  readonly #units: SqliteUnits;
  readonly #snapshots: SqliteSnapshots;

  private constructor(file: SqliteFile, acknowledged: AcknowledgedFile, options: SqliteOptions) {
    const { checksum, folder, onFull, onLost, checkCommand } = options;
    this.#file = file;
    this.#acknowledged = acknowledged;
    this.#checksum = checksum;
    this.#directory = new DataDirectory(
      folder,
      [DATABASE, `${DATABASE}-wal`, ACKNOWLEDGED],
      (error) => {
        this.#queue.end(error);
        onLost?.(error);
      },
    );
    this.#queue = new SqliteQueue(folder, {
      tidy: () => this.#units.tidy() ?? this.#snapshots.tidy(),
      onFull: onFull ?? (() => {}),
      lost: () => this.#directory.lookAtDatabase(),
    });
    this.#units = new SqliteUnits(file, acknowledged, checksum, checkCommand ?? (() => {}));
    this.#snapshots = new SqliteSnapshots(file, this.#queue, checksum);
  }

  /** Rejects with StorageError if the directory cannot be used, or another process uses it. */
  static async open(options: SqliteOptions): Promise<SqliteStorage> {
    const { folder, checksum } = options;
    try {
      makeFolder(folder);
      checkForWord(folder);
    } catch (error) {
      throw error instanceof StorageError ? error : unusableFolder(folder, error);
    }
    const file = await SqliteFile.open(join(folder, DATABASE), FORMAT);
    try {
      const [found] = await file.all<{ blank: number }>(IS_BLANK);
      const isBlank = found?.blank === 1;
      const acknowledged = new AcknowledgedFile(join(folder, ACKNOWLEDGED), checksum, isBlank);
      // Before anybody takes it for a first start.
      if (isBlank) unitsToKeep([], acknowledged.sequence, file.path);
      await syncFolder(folder);
      await syncFolder(dirname(folder));
      return new SqliteStorage(file, acknowledged, options);
    } catch (error) {
      await file.close();
      throw error instanceof StorageError ? error : fileError(file.path, error);
    }
  }

  /** The database. */
  get where(): string {
    return this.#file.path;
  }

  load(done: (error: StorageError | null, stored: Stored) => void): void {
    let stored = nothingStored();
    const attempt = async (): Promise<void> => {
      stored = await this.#units.load(await this.#snapshots.load());
    };
    this.#queue.write(attempt, (error) => done(error, stored));
  }

  persist(changes: readonly PersistChange[], done: Done): void {
    this.#queue.write(this.#units.writing(changes), done);
  }

  writeSnapshot(meta: SnapshotMeta): SnapshotWriter {
    return this.#snapshots.writer(meta);
  }

  readSnapshot(
    index: Index,
    offset: number,
    length: number,
    done: (error: StorageError | null, chunk: Chunk | null) => void,
  ): void {
    let chunk: Chunk | null = null;
    const attempt = async (): Promise<void> => {
      chunk = await this.#snapshots.read(index, offset, length);
    };
    this.#queue.read(attempt, (error) => done(error, chunk));
  }

  close(done: Done): void {
    const release = async (): Promise<void> => {
      this.#directory.close();
      // SQLite would remove the log of the database that has taken the place of this one.
      if (!this.#directory.isLost) await this.#file.close();
      this.#acknowledged.close();
    };
    this.#queue.close(release, done);
  }

  // ---- Beside the log ---------------------------------------------------------------------------

  /** A small text by its name; `null` if there is none. May be called before `load`. */
  readRecord(name: string, done: (error: StorageError | null, text: string | null) => void): void {
    let text: string | null = null;
    const attempt = async (): Promise<void> => {
      type Row = { readonly text: string; readonly checksum: number };
      const [row] = await this.#file.all<Row>(GET_RECORD, name);
      if (row !== undefined && row.checksum !== this.#recordChecksum(name, row.text)) {
        throw brokenPromise(`${this.#file.path}: the record '${name}' is damaged`);
      }
      text = row?.text ?? null;
    };
    this.#queue.read(attempt, (error) => done(error, text));
  }

  /** Durable when it is done. */
  writeRecord(name: string, text: string, done: Done): void {
    this.#queue.write(this.#writingRecord(name, text), done);
  }

  /** A persist and a record, all or nothing. */
  persistWithRecord(
    changes: readonly PersistChange[],
    name: string,
    text: string,
    done: Done,
  ): void {
    this.#queue.write(this.#units.writing(changes, this.#writingRecord(name, text)), done);
  }

  /**
   * Forgets log, term, vote and snapshots, all or nothing, and keeps records; `load` comes next,
   * also if it has failed before.
   */
  clear(done: Done): void {
    const attempt = () =>
      this.#file.transaction(async () => {
        await this.#units.clear();
        await this.#snapshots.clear();
      });
    this.#queue.write(attempt, done);
  }

  /** Makes the disk so small, or as large as it is if it holds more; pages have 4 KiB. */
  limitPages(pagesMax: number, done: Done): void {
    this.#queue.read(() => this.#file.execute(`PRAGMA max_page_count = ${pagesMax}`), done);
  }

  #writingRecord(name: string, text: string): Attempt {
    const checksum = this.#recordChecksum(name, text);
    return async () => {
      await this.#file.run(SET_RECORD, name, text, checksum);
    };
  }

  #recordChecksum(name: string, text: string): number {
    return this.#checksum(textEncoder.encode(`${name}\n${text}`));
  }
}
