/**
 * The log in a database: a row for each unit, as bytes with a checksum, and a checkpoint for the
 * units that are no more. A unit is one statement, so one commit and one sync.
 */
import type { Entry, PersistChange, SnapshotMeta } from '../raft/types.ts';
import type { AcknowledgedFile } from './acknowledged-file.ts';
import {
  BLANK_CHECKPOINT,
  type Checkpoint,
  checkReplayed,
  Folding,
  parseCheckpoint,
  type Replayed,
  replayUnit,
  startOf,
} from './folding.ts';
import { type Checksum, decodeUnit, encodeUnit, type Unit } from './records.ts';
import { brokenPromise, unitsToKeep, unreadable } from './recovery.ts';
import { fileError, type SqliteFile } from './sqlite-file.ts';
import type { Attempt } from './sqlite-queue.ts';
import { adoptSnapshot, type Stored } from './storage.ts';

export const UNITS_SCHEMA = `
  CREATE TABLE unit (sequence INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT NOT NULL, checksum INTEGER NOT NULL
  );
`;

const INSERT = 'INSERT INTO unit (sequence, bytes) VALUES (?, ?)';
const CUT = 'DELETE FROM unit WHERE sequence > ?';
const DROP = 'DELETE FROM unit WHERE sequence <= ?';
const SET_CHECKPOINT = 'INSERT OR REPLACE INTO checkpoint (one, state, checksum) VALUES (1, ?, ?)';
const GET_CHECKPOINT = 'SELECT state, checksum FROM checkpoint';
/** A commit that takes longer waits for others on the disk, or for the processor. */
const BUSY_MS = 50;

/** Up to 256 of them, and no more behind the one that makes 8 MiB of them. */
const PAGE = `
  WITH
    next AS (
      SELECT sequence, length(bytes) AS size FROM unit
      WHERE sequence > ?1 ORDER BY sequence LIMIT 256
    ),
    page AS (SELECT sequence, sum(size) OVER (ORDER BY sequence) - size AS ahead FROM next)
  SELECT sequence, bytes FROM unit
  WHERE sequence > ?1 AND sequence <= (SELECT max(sequence) FROM page WHERE ahead < ${8 << 20})
  ORDER BY sequence
`;

type Row = { readonly sequence: number; readonly bytes: Buffer };
/** An entry that cannot be executed, unless a later unit or the base has done away with it. */
type Suspect = { readonly entry: Entry; readonly sequence: number; readonly reason: unknown };
type Found = { readonly sequence: number; readonly bytes: number; readonly unit: Unit | null };

const textEncoder = new TextEncoder();

export class SqliteUnits {
  readonly #file: SqliteFile;
  readonly #acknowledged: AcknowledgedFile;
  readonly #checksum: Checksum;
  /** Throws for a command that cannot be executed. */
  readonly #checkCommand: (command: Uint8Array) => void;
  #suspects: Suspect[] = [];
  #folding = new Folding(BLANK_CHECKPOINT);
  #last = 0;

  constructor(
    file: SqliteFile,
    acknowledged: AcknowledgedFile,
    checksum: Checksum,
    checkCommand: (command: Uint8Array) => void,
  ) {
    this.#file = file;
    this.#acknowledged = acknowledged;
    this.#checksum = checksum;
    this.#checkCommand = checkCommand;
  }

  /**
   * Throws StorageError if anything that was acknowledged is not there, or if the log cannot be
   * read or executed: a server that led with it would have nothing to send that others can take.
   */
  async load(snapshot: SnapshotMeta | null): Promise<Stored> {
    await this.#file.syncLog();
    const checkpoint = await this.#checkpoint();
    const state = startOf(checkpoint);
    this.#folding = new Folding(checkpoint);
    this.#suspects = [];
    this.#last = await this.#replay(checkpoint, state);
    this.#judge(state);
    await this.#file.run(CUT, this.#last);
    if (adoptSnapshot(state, snapshot) && snapshot !== null) {
      await this.#setCheckpoint(this.#folding.adopt(snapshot, this.#last));
    }
    // The node goes on from what it reads: from now on it has promised all of it.
    this.#note(this.#last);
    return { ...state, snapshot };
  }

  /** Writes the next unit, however often that is attempted; with `beside`, both or neither. */
  writing(changes: readonly PersistChange[], beside: Attempt | null = null): Attempt {
    let unit: Unit | null = null;
    let size = 0;
    let isDiskBusy = false;
    return async () => {
      if (unit === null) {
        const next = { sequence: this.#last + 1, changes };
        const bytes = encodeUnit(next, this.#checksum);
        const insert = async (): Promise<void> => {
          await this.#file.run(INSERT, next.sequence, bytes);
        };
        const beginMs = performance.now();
        if (beside === null) await insert();
        else await this.#file.transaction(() => beside().then(insert));
        isDiskBusy = performance.now() - beginMs > BUSY_MS;
        // What is not committed yet must not be noted: it would be missed after a crash.
        this.#last = next.sequence;
        unit = next;
        size = bytes.byteLength;
      }
      if (isDiskBusy) await this.#noteAside(unit.sequence);
      else this.#note(unit.sequence);
      this.#folding.take(unit, size);
    };
  }

  /** The next step of giving up units that a compaction has made superfluous. */
  tidy(): Attempt | null {
    const next = this.#folding.next();
    if (next === null) return null;
    return async () => {
      await this.#file.transaction(async () => {
        await this.#setCheckpoint(next);
        await this.#file.run(DROP, next.folded);
      });
      this.#folding.folded(next);
    };
  }

  /**
   * Within a transaction. Sequence numbers go on: what was noted as acknowledged stays true, also
   * if a crash comes in between.
   */
  async clear(): Promise<void> {
    const [found] = await this.#file.all<{ last: number }>(
      'SELECT ifnull(max(sequence), 0) AS last FROM unit',
    );
    const folded = Math.max(this.#acknowledged.sequence, this.#last, found?.last ?? 0);
    await this.#file.run('DELETE FROM unit');
    await this.#setCheckpoint({ ...BLANK_CHECKPOINT, folded });
  }

  // ---- Reading back -----------------------------------------------------------------------------

  /** The last unit that is kept. */
  async #replay(checkpoint: Checkpoint, state: Replayed): Promise<number> {
    const where = this.#file.path;
    let kept = checkpoint.folded;
    for (;;) {
      const page = (await this.#file.all<Row>(PAGE, kept)).map((row) => this.#found(row));
      const found = page.map(({ sequence, unit }) => ({ sequence, intact: unit !== null }));
      const before = kept;
      kept = unitsToKeep(found, 0, where, before);
      for (const { unit, bytes } of page.slice(0, kept - before)) {
        if (unit === null) continue;
        this.#suspect(unit);
        replayUnit(state, unit, checkpoint);
        this.#folding.take(unit, bytes);
      }
      if (page.length === 0 || kept - before < page.length) break;
    }
    return unitsToKeep([], this.#acknowledged.sequence, where, kept);
  }

  #found({ sequence, bytes }: Row): Found {
    // Not as a Buffer: slices of one are no copies, and would keep the whole row.
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const decoded = this.#decoded(sequence, plain);
    const unit = decoded?.sequence === sequence ? decoded : null;
    return { sequence, bytes: bytes.byteLength, unit };
  }

  #decoded(sequence: number, bytes: Uint8Array): Unit | null {
    try {
      return decodeUnit(bytes, this.#checksum);
    } catch (error) {
      throw unreadable(`${this.#file.path}: record ${sequence} cannot be read`, error);
    }
  }

  #suspect({ sequence, changes }: Unit): void {
    for (const { entries } of changes) {
      for (const entry of entries) {
        if (entry.kind !== 'command') continue;
        try {
          this.#checkCommand(entry.command);
        } catch (reason) {
          this.#suspects.push({ entry, sequence, reason });
        }
      }
    }
  }

  #judge(state: Replayed): void {
    const where = this.#file.path;
    const { baseIndex, entries } = state;
    for (const { entry, sequence, reason } of this.#suspects) {
      if (entries[entry.index - baseIndex - 1] !== entry) continue;
      const which = `entry ${entry.index}, term ${entry.term}, in record ${sequence}`;
      throw unreadable(`${where}: ${which}, cannot be executed`, reason);
    }
    try {
      checkReplayed(state);
    } catch (error) {
      throw unreadable(`${where}: its log cannot be read`, error);
    }
  }

  async #checkpoint(): Promise<Checkpoint> {
    type State = { readonly state: string; readonly checksum: number };
    const [row] = await this.#file.all<State>(GET_CHECKPOINT);
    // A blank database has none until the first is written.
    if (row === undefined) return BLANK_CHECKPOINT;
    const what = `${this.#file.path}: the checkpoint of its log`;
    if (row.checksum !== this.#checksum(textEncoder.encode(row.state))) {
      throw brokenPromise(`${what} is damaged`);
    }
    try {
      return parseCheckpoint(row.state);
    } catch (error) {
      throw unreadable(`${what} cannot be read`, error);
    }
  }

  async #setCheckpoint(checkpoint: Checkpoint): Promise<void> {
    const state = JSON.stringify(checkpoint);
    await this.#file.run(SET_CHECKPOINT, state, this.#checksum(textEncoder.encode(state)));
  }

  /** A note takes some microseconds, unless others sync to the disk: then as long as theirs. */
  async #noteAside(sequence: number): Promise<void> {
    await this.#acknowledged.noteAside(sequence).catch((error: unknown) => {
      throw fileError(this.#file.path, error);
    });
  }

  #note(sequence: number): void {
    try {
      this.#acknowledged.note(sequence);
    } catch (error) {
      throw fileError(this.#file.path, error);
    }
  }
}
