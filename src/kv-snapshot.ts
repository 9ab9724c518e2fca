/**
 * The state machine's snapshot (§5.1), written slice by slice while commands go on.
 *
 *   head      'KVS' and the version as a byte, 4 · executed 8 · registered 8 · uses 8
 *   session   1 · client id 8 · lowest pending 4 · spare 4 · executed 8 · last use 8
 *   answer    2 · request number 4 · status 1 · has value 1 · value length 4 · index 8 · value
 *   key       3 · key length 2 · value length 4 · key · value
 *   end       4 · sessions 8 · answers 8 · keys 8 · hash of all bytes before it 4
 *
 * First the head, last the end; in between sessions, each followed by its answers, then keys.
 * Numbers are little-endian, those of 8 bytes float64. The content is the same on all servers that
 * have applied the same entries; the order of sessions and keys is each server's own.
 */
import type { ArenaSnapshot } from './arena.ts';
import { copyBytes, type Result, STATUSES } from './command.ts';
import type { SessionSnapshot, Sessions } from './sessions.ts';
import type { SnapshotSource } from './snapshots.ts';
import { type ByteTable, HASH_OF_NOTHING, hashOn } from './table.ts';

/** All that a snapshot is of. */
export type KvState = {
  readonly table: ByteTable;
  readonly sessions: Sessions;
  readonly executed: number;
};

/** Three letters and the version. The first version had no hash. */
export const HEAD = 'KVS\x02';
export const FIRST_HEAD = 'KVS\x01';
export const HEAD_BYTES = 28;
export const SESSION = 1;
export const SESSION_BYTES = 33;
export const ANSWER = 2;
export const ANSWER_HEADER_BYTES = 19;
export const KEY = 3;
export const KEY_HEADER_BYTES = 7;
export const END = 4;
export const END_BYTES = 29;
export const HASH_BYTES = 4;

/** Room for the record that goes beyond the bytes asked for, unless it is a long one. */
const OVERHANG_BYTES = 1024;

class Slice {
  #bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.view = new DataView(this.#bytes.buffer);
  }

  /** Where a record of this size begins. */
  reserve(size: number): number {
    const at = this.length;
    this.length = at + size;
    if (this.length > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(this.length, this.#bytes.byteLength * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    return at;
  }

  copy(from: Uint8Array, start: number, at: number, length: number): void {
    copyBytes(from, start, this.#bytes, at, length);
  }

  /** Of what is in it, going on from `before`. */
  hash(before: number): number {
    return hashOn(before, this.#bytes, 0, this.length);
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.length);
  }
}

/** Writes the state as it was when this was made. */
export class KvSnapshot implements SnapshotSource {
  readonly bytes: number;
  readonly #executed: number;
  readonly #registered: number;
  readonly #uses: number;
  readonly #keys: number;
  readonly #sessions: SessionSnapshot;
  readonly #table: ArenaSnapshot;
  readonly #ended: () => void;
  #part: 'head' | 'sessions' | 'keys' | 'end' | 'over' = 'head';
  /** Those of the session at hand that are not written yet. */
  #answers: Iterator<[requestNumber: number, answer: Result], undefined> | null = null;
  #sessionCount = 0;
  #answerCount = 0;
  /** Of the last slice; the next one is likely to need as much. */
  #sliceBytes = 0;
  /** Of the slices so far: whoever restores them compares it, whichever disks they went over. */
  #hash = HASH_OF_NOTHING;

  constructor({ table, sessions, executed }: KvState, ended: () => void) {
    this.#executed = executed;
    this.#registered = sessions.registered;
    this.#uses = sessions.uses;
    this.#keys = table.size;
    this.bytes = table.heldBytes;
    this.#sessions = sessions.beginSnapshot();
    this.#table = table.beginSnapshot();
    this.#ended = ended;
  }

  next(bytes: number): Uint8Array<ArrayBuffer> | null {
    if (this.#part === 'over') return null;
    const slice = new Slice(Math.min(bytes, this.#sliceBytes) + OVERHANG_BYTES);
    do this.#write(slice);
    while (slice.length < bytes && !this.#isOver());
    this.#hash = slice.hash(this.#hash);
    if (this.#isOver()) {
      // Room first: it may bring another view.
      const at = slice.reserve(HASH_BYTES);
      slice.view.setUint32(at, this.#hash, true);
    }
    this.#sliceBytes = slice.length;
    return slice.take();
  }

  cancel(): void {
    if (this.#isOver()) return;
    this.#sessions.cancel();
    this.#table.cancel();
    this.#part = 'over';
    this.#ended();
  }

  #isOver(): boolean {
    return this.#part === 'over';
  }

  /** Writes one record: whatever comes next. */
  #write(slice: Slice): void {
    if (this.#part === 'head') {
      this.#writeHead(slice);
      this.#part = 'sessions';
      return;
    }
    if (this.#part === 'sessions') {
      if (this.#writeAnswer(slice) || this.#writeSession(slice)) return;
      this.#part = 'keys';
    }
    if (this.#part === 'keys') {
      if (this.#writeKey(slice)) return;
      this.#part = 'end';
    }
    this.#writeEnd(slice);
    this.cancel();
  }

  #writeHead(slice: Slice): void {
    const at = slice.reserve(HEAD_BYTES);
    for (let i = 0; i < HEAD.length; i++) slice.view.setUint8(at + i, HEAD.charCodeAt(i));
    slice.view.setFloat64(at + 4, this.#executed, true);
    slice.view.setFloat64(at + 12, this.#registered, true);
    slice.view.setFloat64(at + 20, this.#uses, true);
  }

  #writeSession(slice: Slice): boolean {
    const session = this.#sessions.next();
    if (session === null) return false;
    this.#answers = session.answers.entries();
    this.#sessionCount++;
    const at = slice.reserve(SESSION_BYTES);
    slice.view.setUint8(at, SESSION);
    slice.view.setFloat64(at + 1, session.clientId, true);
    slice.view.setUint32(at + 9, session.answers.lowestPending, true);
    slice.view.setUint32(at + 13, 0, true);
    slice.view.setFloat64(at + 17, session.executed, true);
    slice.view.setFloat64(at + 25, session.lastUse, true);
    return true;
  }

  /** The next answer of the session at hand; false if it has no more. */
  #writeAnswer(slice: Slice): boolean {
    const next = this.#answers?.next().value;
    if (next === undefined) return false;
    const [requestNumber, { status, value, index }] = next;
    const length = value?.byteLength ?? 0;
    const at = slice.reserve(ANSWER_HEADER_BYTES + length);
    slice.view.setUint8(at, ANSWER);
    slice.view.setUint32(at + 1, requestNumber, true);
    slice.view.setUint8(at + 5, STATUSES.indexOf(status));
    slice.view.setUint8(at + 6, value === null ? 0 : 1);
    slice.view.setUint32(at + 7, length, true);
    slice.view.setFloat64(at + 11, index, true);
    if (value !== null) slice.copy(value, 0, at + ANSWER_HEADER_BYTES, length);
    this.#answerCount++;
    return true;
  }

  #writeKey(slice: Slice): boolean {
    const record = this.#table;
    if (!record.next()) return false;
    const { keyLength, valueLength } = record;
    const at = slice.reserve(KEY_HEADER_BYTES + keyLength + valueLength);
    slice.view.setUint8(at, KEY);
    slice.view.setUint16(at + 1, keyLength, true);
    slice.view.setUint32(at + 3, valueLength, true);
    slice.copy(record.bytes, record.keyStart, at + KEY_HEADER_BYTES, keyLength + valueLength);
    return true;
  }

  #writeEnd(slice: Slice): void {
    const at = slice.reserve(END_BYTES - HASH_BYTES);
    slice.view.setUint8(at, END);
    slice.view.setFloat64(at + 1, this.#sessionCount, true);
    slice.view.setFloat64(at + 9, this.#answerCount, true);
    slice.view.setFloat64(at + 17, this.#keys, true);
  }
}
