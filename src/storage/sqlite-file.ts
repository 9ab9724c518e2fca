/**
 * One SQLite database, held by this process alone, as promises: statements are prepared once, and
 * what SQLite says is put into words for whoever runs a node. Statements are run one at a time.
 */
import { open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sqlite3 from 'sqlite3';
import { brokenPromise } from './recovery.ts';
import { StorageError } from './storage.ts';

type Database = InstanceType<typeof sqlite3.Database>;
type Statement = sqlite3.Statement;
type Failure = Error & { readonly code?: string };

export type Value = string | number | null | Uint8Array;

/** There is no room now; the same may succeed later. */
export class DiskFull extends StorageError {
  constructor(where: string) {
    super(`${where}: the disk is full; make room and start`);
  }
}

/** The directory is another process's, or none to write to: nothing is wrong with what it holds. */
export class DirectoryUnusable extends StorageError {}

/** What is found where a database should be, but for damage and locks. */
export type Format = {
  /** Which program's database it is, and of which version; 32 bits each. */
  readonly application: number;
  readonly version: number;
  /** The statements that make a blank one. */
  readonly schema: string;
};

/**
 * In exclusive mode, set before the log is looked at, the lock is held until the end, and the
 * log's index needs no shared memory. A commit is synced before it is reported.
 */
const MODES = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON;
`;

/**
 * The log is copied into the database when it has 16 MiB: once in thousands of small commits, so
 * that its cost is small, while the pause is no longer than a few large commits take, and a start
 * has little to read. A larger one, of a huge commit, is cut down again.
 */
const LOG_MODES = `
  PRAGMA wal_autocheckpoint = 4096;
  PRAGMA journal_size_limit = ${64 << 20};
`;

export class SqliteFile {
  readonly path: string;
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  private constructor(path: string, database: Database) {
    this.path = path;
    this.#database = database;
  }

  /** Throws StorageError if it cannot be had, is another's, or has another format. */
  static async open(path: string, format: Format): Promise<SqliteFile> {
    const file = new SqliteFile(path, await connected(path));
    try {
      file.#database.configure('busyTimeout', 0);
      await file.execute(MODES);
      const blank = await file.#isBlank(format);
      const [mode] = await file.all<{ journal_mode: string }>('PRAGMA journal_mode = WAL');
      if (mode?.journal_mode !== 'wal') {
        throw new StorageError(`${path}: this file system allows no write-ahead log; use another`);
      }
      await file.execute(LOG_MODES);
      if (blank) await file.#create(format);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Several statements without values. */
  execute(sql: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#database.exec(sql, (error) => this.#settle(error, resolve, reject));
    });
  }

  /** How many rows were changed. */
  async run(sql: string, ...values: Value[]): Promise<number> {
    const statement = await this.#statement(sql);
    return new Promise((resolve, reject) => {
      const settle = this.#settle.bind(this);
      statement.run(values.map(bound), function (error) {
        settle(error, () => resolve(this.changes), reject);
      });
    });
  }

  /** All rows: a statement that has more to give keeps the log from being used again. */
  async all<Row>(sql: string, ...values: Value[]): Promise<Row[]> {
    const statement = await this.#statement(sql);
    return new Promise((resolve, reject) => {
      statement.all<Row>(values.map(bound), (error, rows) => {
        this.#settle(error, () => resolve(rows), reject);
      });
    });
  }

  /** All of it counts, or nothing. */
  async transaction(work: () => Promise<void>): Promise<void> {
    await this.run('BEGIN IMMEDIATE');
    try {
      await work();
      await this.run('COMMIT');
    } catch (error) {
      // After some errors SQLite has done so itself, and says that there is nothing to roll back.
      await this.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /**
   * What an earlier process had written, but not synced, when it was killed, is read as any other
   * commit: from now on it must survive a power failure as well. Never the database itself: closing
   * it a second time would give up the lock.
   */
  async syncLog(): Promise<void> {
    try {
      await synced(`${this.path}-wal`, 'r+');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError(this.path, error);
    }
  }

  async close(): Promise<void> {
    for (const statement of this.#statements.values()) {
      await new Promise<void>((resolve) => statement.finalize(() => resolve()));
    }
    this.#statements.clear();
    return new Promise((resolve, reject) => {
      this.#database.close((error) => this.#settle(error, resolve, reject));
    });
  }

  async #isBlank({ application, version }: Format): Promise<boolean> {
    const [found] = await this.all<{ application: number; version: number; tables: number }>(
      'SELECT application_id AS application, user_version AS version, ' +
        '(SELECT count(*) FROM sqlite_master) AS tables ' +
        'FROM pragma_application_id, pragma_user_version',
    );
    if (found?.application === application && found.version === version) return false;
    if (found?.application === 0 && found.version === 0 && found.tables === 0) return true;
    const isOurs = found?.application === application;
    throw new StorageError(
      `${this.path}: expected a database of format ${version}, got ` +
        `${isOurs ? `format ${found.version}` : "another program's"}; ` +
        `${isOurs ? 'run the version that wrote it' : 'keep it'}, or name another data directory`,
    );
  }

  async #create({ application, version, schema }: Format): Promise<void> {
    const marks = `PRAGMA application_id = ${application}; PRAGMA user_version = ${version};`;
    await this.transaction(() => this.execute(`${schema}${marks}`));
  }

  async #statement(sql: string): Promise<Statement> {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = await new Promise<Statement>((resolve, reject) => {
      const prepared = this.#database.prepare(sql, (error) =>
        this.#settle(error, () => resolve(prepared), reject),
      );
    });
    this.#statements.set(sql, statement);
    return statement;
  }

  #settle(error: Failure | null, resolve: () => void, reject: (error: StorageError) => void): void {
    if (error === null) resolve();
    else void sqliteError(this.path, error).then(reject);
  }
}

function connected(path: string): Promise<Database> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(path, (error) => {
      if (error === null) resolve(database);
      else void sqliteError(path, error).then(reject);
    });
  });
}

/** As the library wants bytes; the same memory. */
function bound(value: Value): string | number | null | Buffer {
  if (!(value instanceof Uint8Array)) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

// ---- What went wrong ----------------------------------------------------------------------------

async function sqliteError(path: string, error: Failure): Promise<StorageError> {
  const folder = dirname(path);
  switch (error.code) {
    case 'SQLITE_FULL':
      return new DiskFull(path);
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return new DirectoryUnusable(
        `${folder}: another process has it open; stop that one, or name another data directory`,
      );
    case 'SQLITE_CORRUPT':
    case 'SQLITE_NOTADB':
      return brokenPromise(`${path} is damaged (${error.message})`);
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_READONLY':
    case 'SQLITE_PERM':
      return unusableFolder(folder, error);
    case 'SQLITE_IOERR':
      if (await hasNoRoom(folder)) return new DiskFull(path);
      return new StorageError(
        `${path}: ${error.message}; see whether the disk is sound, and start`,
      );
    default:
      return new StorageError(`${path}: ${error.message}`);
  }
}

/** Of a file that is not the database. */
export function fileError(path: string, error: unknown): StorageError {
  if (isFull(error)) return new DiskFull(path);
  return unusableFolder(dirname(path), error);
}

export function unusableFolder(folder: string, error: unknown): StorageError {
  const reason = error instanceof Error ? error.message : String(error);
  return new DirectoryUnusable(
    `${folder}: cannot be used as data directory (${reason}); ` +
      'name a directory that this process may make or write to',
  );
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** SQLite calls an exhausted quota a failure of the disk; a file of our own tells which it is. */
async function hasNoRoom(folder: string): Promise<boolean> {
  const path = join(folder, 'probe');
  try {
    const file = await open(path, 'w');
    try {
      await file.write(new Uint8Array(1 << 16));
      await file.sync();
    } finally {
      await file.close();
    }
    return false;
  } catch (error) {
    return isFull(error);
  } finally {
    await rm(path, { force: true }).catch(() => undefined);
  }
}

/** That the files in a folder are there is durable only once the folder is. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder, and its file systems keep the order by themselves.
  if (process.platform !== 'win32') await synced(folder, 'r');
}

async function synced(path: string, flags: string): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
