/**
 * Snapshots in a database: slices, each committed by itself, and one row that makes them count.
 * What no such row names, or an earlier one, is given up a few slices at a time.
 */
import type { Index, SnapshotMeta } from '../raft/types.ts';
import type { Checksum } from './records.ts';
import { brokenPromise, unreadable } from './recovery.ts';
import { parseMeta } from './snapshot-record.ts';
import type { SqliteFile } from './sqlite-file.ts';
import type { Attempt, SqliteQueue } from './sqlite-queue.ts';
import type { Chunk, SnapshotWriter } from './storage.ts';

export const SNAPSHOTS_SCHEMA = `
  CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY, meta TEXT NOT NULL, bytes INTEGER NOT NULL,
    entry INTEGER NOT NULL, checksum INTEGER NOT NULL
  );
  CREATE TABLE snapshot_slice (
    snapshot INTEGER NOT NULL, start INTEGER NOT NULL, bytes BLOB NOT NULL,
    checksum INTEGER NOT NULL, UNIQUE (snapshot, start)
  );
`;

/** A chunk that is read costs at most this much more. */
const SLICE_BYTES_MAX = 1 << 18;
const SLICES_GIVEN_UP = 32;

const ADD_SLICE =
  'INSERT INTO snapshot_slice (snapshot, start, bytes, checksum) VALUES (?, ?, ?, ?)';
const ADD = 'INSERT INTO snapshot (id, meta, bytes, entry, checksum) VALUES (?, ?, ?, ?, ?)';
const ALL = 'SELECT id, meta, bytes, entry, checksum FROM snapshot ORDER BY entry DESC, id';
const READ = `
  SELECT start, bytes, checksum FROM snapshot_slice
  WHERE snapshot = ?1 AND start < ?3 AND start >=
    (SELECT max(start) FROM snapshot_slice WHERE snapshot = ?1 AND start <= ?2)
  ORDER BY start
`;
const DROP_SLICES = `
  DELETE FROM snapshot_slice WHERE rowid IN
    (SELECT rowid FROM snapshot_slice WHERE snapshot = ? LIMIT ${SLICES_GIVEN_UP})
`;

type Row = {
  readonly id: number;
  readonly meta: string;
  readonly bytes: number;
  readonly entry: Index;
  readonly checksum: number;
};
type Slice = { readonly start: number; readonly bytes: Buffer; readonly checksum: number };
type Latest = { readonly id: number; readonly meta: SnapshotMeta; readonly bytes: number };

const textEncoder = new TextEncoder();

export class SqliteSnapshots {
  readonly #file: SqliteFile;
  readonly #queue: SqliteQueue;
  readonly #checksum: Checksum;
  #latest: Latest | null = null;
  #nextId = 1;
  /** Snapshots that do not count, with slices left. */
  readonly #givenUp = new Set<number>();

  constructor(file: SqliteFile, queue: SqliteQueue, checksum: Checksum) {
    this.#file = file;
    this.#queue = queue;
    this.#checksum = checksum;
  }

  /** The latest. Throws StorageError if it is not as it was written; its bytes are not read yet. */
  async load(): Promise<SnapshotMeta | null> {
    const rows = await this.#file.all<Row>(ALL);
    const written = await this.#file.all<{ id: number }>(
      'SELECT DISTINCT snapshot AS id FROM snapshot_slice',
    );
    this.#latest = rows[0] === undefined ? null : this.#judged(rows[0]);
    const ids = [...rows, ...written].map(({ id }) => id);
    this.#nextId = ids.reduce((highest, id) => Math.max(highest, id), 0) + 1;
    this.#givenUp.clear();
    for (const id of ids) if (id !== this.#latest?.id) this.#givenUp.add(id);
    return this.#latest?.meta ?? null;
  }

  writer(meta: SnapshotMeta): SnapshotWriter {
    const id = this.#nextId++;
    let end = 0;
    let cancelled = false;
    let finishing = false;
    const unlessCancelled =
      (attempt: Attempt): Attempt =>
      async () => {
        if (!cancelled) await attempt();
      };
    return {
      write: (data, done) => {
        // A copy: what was given may change while it waits.
        const attempt = this.#writing(id, end, data.slice());
        end += data.byteLength;
        this.#queue.write(unlessCancelled(attempt), done);
      },
      finish: (done) => {
        const attempt = unlessCancelled(async () => {
          finishing = true;
          await this.#finish({ id, meta, bytes: end });
        });
        this.#queue.write(attempt, done);
      },
      cancel: () => {
        cancelled = true;
        if (!finishing) this.#givenUp.add(id);
      },
    };
  }

  /** `null` if the latest is of another entry. */
  async read(index: Index, offset: number, length: number): Promise<Chunk | null> {
    const latest = this.#latest;
    if (latest === null || latest.meta.index !== index) return null;
    const from = Math.min(offset, latest.bytes);
    const to = Math.min(offset + length, latest.bytes);
    const data = new Uint8Array(to - from);
    const slices = from === to ? [] : await this.#file.all<Slice>(READ, latest.id, from, to);
    let at = from;
    for (const { start, bytes, checksum } of slices) {
      const intact = start <= at && this.#checksum(bytes) === checksum;
      if (!intact || start + bytes.byteLength <= at) break;
      data.set(bytes.subarray(at - start, to - start), at - from);
      at = Math.min(to, start + bytes.byteLength);
    }
    if (at < to) {
      throw brokenPromise(`${this.#file.path}: the snapshot of entry ${index} is damaged`);
    }
    return { data, last: to === latest.bytes };
  }

  /** The next step of deleting what does not count. */
  tidy(): Attempt | null {
    const [id] = this.#givenUp;
    if (id === undefined) return null;
    return async () => {
      const dropped = await this.#file.run(DROP_SLICES, id);
      if (dropped === SLICES_GIVEN_UP) return;
      await this.#file.run('DELETE FROM snapshot WHERE id = ?', id);
      this.#givenUp.delete(id);
    };
  }

  /** Within a transaction. */
  async clear(): Promise<void> {
    await this.#file.run('DELETE FROM snapshot');
    await this.#file.run('DELETE FROM snapshot_slice');
  }

  #writing(id: number, start: number, data: Uint8Array): Attempt {
    let written = 0;
    return async () => {
      while (written < data.byteLength) {
        const slice = data.subarray(written, written + SLICE_BYTES_MAX);
        const checksum = this.#checksum(slice);
        await this.#file.run(ADD_SLICE, id, start + written, slice, checksum);
        written += slice.byteLength;
      }
    };
  }

  async #finish(finished: Latest): Promise<void> {
    const { id, meta, bytes } = finished;
    const before = this.#latest;
    if (before !== null && before.meta.index >= meta.index) {
      this.#givenUp.add(id);
      return;
    }
    const text = JSON.stringify(meta);
    await this.#file.run(ADD, id, text, bytes, meta.index, this.#rowChecksum(id, text, bytes));
    this.#latest = finished;
    if (before !== null) this.#givenUp.add(before.id);
  }

  #judged({ id, meta: text, bytes, entry, checksum }: Row): Latest {
    const what = `${this.#file.path}: the snapshot of entry ${entry}`;
    if (checksum !== this.#rowChecksum(id, text, bytes)) throw brokenPromise(`${what} is damaged`);
    let meta: SnapshotMeta;
    try {
      meta = parseMeta(text);
    } catch (error) {
      throw unreadable(`${what} cannot be read`, error);
    }
    if (meta.index !== entry) throw brokenPromise(`${what} is damaged`);
    return { id, meta, bytes };
  }

  #rowChecksum(id: number, meta: string, bytes: number): number {
    return this.#checksum(textEncoder.encode(`${id} ${bytes} ${meta}`));
  }
}
