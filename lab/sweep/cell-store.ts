/**
 * The finished trials of a sweep, on disk as they come: `cells.sqlite`. An interrupted sweep loses
 * at most the trial that was running; `--resume` and `merge` read what is here.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { messageOf, UserError } from '../../src/user-error.ts';
import { NotWritten } from '../report/write-whole.ts';
import { type Part, type Row, SCHEMA_VERSION } from '../results.ts';
import { cellKey } from './cells.ts';

/** A row, how long its trial lasted, and which code on which machine it comes from. */
export type StoredRow = { row: Row; durationS: number; origin: string };

/** What a store says about itself. */
export type StoreHeader = {
  experiment: string;
  schemaVersion: number;
  seed: number;
  /** Absent in stores of earlier days, and where results of several plans were joined. */
  part?: Part;
  /** Whether the run came to its end; absent in stores of earlier days. */
  ended?: boolean;
};

/**
 * What becomes of rows that are there: they are kept, or they go; with `refuse` they go unless they
 * are those of a run that was interrupted.
 */
export type Before = 'keep' | 'overwrite' | 'refuse';

export type CellStore = {
  /** Everything stored, by `cellKey`. */
  rows(): Promise<Map<string, StoredRow>>;
  /** Resolves when the row is durable. */
  put(stored: StoredRow): Promise<void>;
  /** Says that the run has come to its end, with or without all rows. */
  end(): Promise<void>;
  close(): Promise<void>;
};

type Database = InstanceType<typeof sqlite3.Database>;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS header (value TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS cells (
    key TEXT PRIMARY KEY,
    durationS REAL NOT NULL,
    origin TEXT NOT NULL,
    row TEXT NOT NULL
  );
`;

export function storePath(directory: string): string {
  return join(directory, 'cells.sqlite');
}

/**
 * Opens the store of a sweep for writing and keeps others from writing to it meanwhile. Rows that
 * are kept must belong to the same experiment and schema. Throws a UserError where that is not so,
 * or where `before` refuses.
 */
export async function openStore(
  directory: string,
  wanted: Pick<StoreHeader, 'experiment' | 'part' | 'seed'>,
  before: Before,
): Promise<CellStore> {
  const path = storePath(directory);
  const hasReport = isReported(directory);
  const database = await open(path, sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE);
  try {
    // The lock is held until the store is closed: two sweeps in one directory would mix their rows.
    await execute(database, 'PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;');
    await execute(database, 'BEGIN EXCLUSIVE; COMMIT;');
    await execute(database, SCHEMA);
    const header = await readHeader(database, path);
    checkSame(path, header, wanted.experiment, before === 'keep');
    if (before === 'refuse' && header !== undefined && !(header.ended ?? hasReport)) {
      await checkEmpty(database, path);
    }
    await execute(database, before === 'keep' ? 'BEGIN;' : 'BEGIN; DELETE FROM cells;');
    const now: StoreHeader = { ...wanted, schemaVersion: SCHEMA_VERSION, ended: false };
    await execute(database, 'DELETE FROM header;');
    await query(database, 'INSERT INTO header VALUES (?)', [JSON.stringify(now)]);
    await execute(database, 'COMMIT;');
    return storeOn(database, path);
  } catch (error) {
    await close(database);
    throw explained(path, error);
  }
}

/** Reads a store that exists, or `undefined` where the directory has none. */
export async function readStore(
  directory: string,
): Promise<{ header: StoreHeader; rows: Map<string, StoredRow> } | undefined> {
  const path = storePath(directory);
  if (!existsSync(path)) return undefined;
  const database = await open(path, sqlite3.OPEN_READWRITE);
  try {
    const header = await readHeader(database, path);
    if (header === undefined) return undefined;
    return { header, rows: await storeOn(database, path).rows() };
  } catch (error) {
    throw explained(path, error);
  } finally {
    await close(database);
  }
}

function storeOn(database: Database, path: string): CellStore {
  return {
    rows: async () => {
      const records = await query<{ key: string; durationS: number; origin: string; row: string }>(
        database,
        'SELECT key, durationS, origin, row FROM cells ORDER BY rowid',
      );
      return new Map(
        records.map(({ key, durationS, origin, row }) => [
          key,
          { durationS, origin, row: JSON.parse(row) as Row },
        ]),
      );
    },
    put: async ({ row, durationS, origin }) => {
      const key = cellKey({ ...row, durationS });
      const values = [key, durationS, origin, JSON.stringify(row)];
      await query(database, 'INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?)', values).catch(
        (error: unknown) => {
          throw explained(path, error);
        },
      );
    },
    end: async () => {
      await query(database, "UPDATE header SET value = json_set(value, '$.ended', json('true'))");
    },
    close: () => close(database),
  };
}

/**
 * Whether a report was written after the last row: what stores of earlier days do not say
 * themselves.
 */
function isReported(directory: string): boolean {
  const report = join(directory, 'results.json');
  if (!existsSync(report) || !existsSync(storePath(directory))) return false;
  return statSync(report).mtimeMs >= statSync(storePath(directory)).mtimeMs;
}

/** A night's trials do not go because a flag was forgotten. */
async function checkEmpty(database: Database, path: string): Promise<void> {
  const counts = await query<{ count: number }>(database, 'SELECT COUNT(*) AS count FROM cells');
  const trials = counts[0]?.count ?? 0;
  if (trials === 0) return;
  throw new UserError(
    `${path} holds ${trials} ${trials === 1 ? 'trial' : 'trials'} of a run that was interrupted; ` +
      'go on with it by --resume, begin anew by --overwrite, or give another --out',
  );
}

/** Rows of another experiment are never replaced, those of another schema never continued. */
function checkSame(
  path: string,
  before: StoreHeader | undefined,
  experiment: string,
  resume: boolean,
): void {
  if (before === undefined) return;
  if (before.experiment !== experiment) {
    throw new UserError(
      `${path} holds the experiment '${before.experiment}', not '${experiment}'; ` +
        'allowed: a directory of the same experiment, or a new one (--out)',
    );
  }
  if (resume && before.schemaVersion !== SCHEMA_VERSION) {
    throw new UserError(
      `--resume: ${path} has schema ${before.schemaVersion}; ` +
        `allowed: schema ${SCHEMA_VERSION}, so run it anew without --resume`,
    );
  }
}

async function readHeader(database: Database, path: string): Promise<StoreHeader | undefined> {
  const tables = await query<{ name: string }>(
    database,
    "SELECT name FROM sqlite_master WHERE name IN ('header', 'cells')",
  );
  if (tables.length < 2) return undefined;
  const [record] = await query<{ value: string }>(database, 'SELECT value FROM header');
  if (record === undefined) return undefined;
  try {
    return JSON.parse(record.value) as StoreHeader;
  } catch {
    throw new UserError(`${path} has an unreadable header; remove the file to start anew`);
  }
}

/** What a person can do about the few errors of SQLite that a person can cause. */
function explained(path: string, error: unknown): unknown {
  const message = messageOf(error);
  if (message.includes('SQLITE_BUSY')) {
    return new UserError(`${path} is in use by another run; wait for it or give another --out`);
  }
  if (message.includes('SQLITE_NOTADB') || message.includes('SQLITE_CORRUPT')) {
    return new UserError(`${path} is not a store of this lab; remove it or give another --out`);
  }
  if (/SQLITE_(FULL|IOERR)/.test(message)) return new NotWritten(path, error);
  if (/SQLITE_(CANTOPEN|READONLY)/.test(message)) {
    return new UserError(`${path} cannot be used (${message}); give another --out`);
  }
  return error;
}

function open(path: string, mode: number): Promise<Database> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(path, mode, (error) => {
      if (error === null) resolve(database);
      else reject(explained(path, error));
    });
  });
}

function execute(database: Database, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    database.exec(sql, (error) => (error === null ? resolve() : reject(error)));
  });
}

function query<T>(database: Database, sql: string, values: readonly unknown[] = []): Promise<T[]> {
  return new Promise((resolve, reject) => {
    database.all(sql, [...values], (error: Error | null, rows: T[]) => {
      if (error === null) resolve(rows);
      else reject(error);
    });
  });
}

function close(database: Database): Promise<void> {
  return new Promise((resolve, reject) => {
    database.close((error) => (error === null ? resolve() : reject(error)));
  });
}
