/**
 * A storage in shared memory that outlives its thread: the parent owns the buffer, a worker appends
 * records to it, and a worker that starts again reads them back. A record counts once the length at
 * the head of the buffer covers it, so a thread that is killed while it writes leaves no half
 * record.
 *
 *   buffer   durable words 4 · spare 4 · records
 *   record   kind 1 · entry kind 1 · spare 2 · content length 4 · a 8 · b 8 · content,
 *            padded to words
 */

import { entryContent, entryKindByte, entryKindOf, makeEntry } from '../entry.ts';
import type { Entry, PersistChange } from '../raft/types.ts';
import { applyChange, type Done, type Storage, StorageError, type Stored } from './storage.ts';

const HEAD_BYTES = 8;
const WORD_BYTES = 8;
const RECORD_BYTES = 24;
const INITIAL_BYTES = 1 << 20;

const TERM_AND_VOTE = 1;
const TRUNCATE = 2;
const ENTRY = 3;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
const NO_BYTES = new Uint8Array(0);

/** A blank disk. Address space is reserved up to `maxBytes`; memory is used as it fills. */
export function createDisk(maxBytes = 4 * 2 ** 30): SharedArrayBuffer {
  return new SharedArrayBuffer(INITIAL_BYTES, { maxByteLength: maxBytes });
}

/**
 * Everything durable on a disk. Its owner may read it at any time, also while a node writes to it.
 */
export function readDisk(disk: SharedArrayBuffer): Stored {
  const end = HEAD_BYTES + durableWords(disk) * WORD_BYTES;
  const bytes = new Uint8Array(disk, 0, end);
  const view = new DataView(disk, 0, end);
  const stored = { currentTerm: 0, votedFor: null as string | null, entries: [] as Entry[] };
  for (let at = HEAD_BYTES; at < end; ) {
    const kind = view.getUint8(at);
    const length = view.getUint32(at + 4, true);
    const a = view.getFloat64(at + 8, true);
    const content = bytes.slice(at + RECORD_BYTES, at + RECORD_BYTES + length);
    if (kind === TERM_AND_VOTE) {
      stored.currentTerm = a;
      stored.votedFor = length === 0 ? null : textDecoder.decode(content);
    } else if (kind === TRUNCATE) {
      applyChange(stored.entries, { termAndVote: null, truncateFrom: a, entries: [] });
    } else {
      const entryKind = entryKindOf(view.getUint8(at + 1));
      stored.entries.push(makeEntry(a, view.getFloat64(at + 16, true), entryKind, content));
    }
    at += paddedBytes(RECORD_BYTES + length);
  }
  return stored;
}

export class SharedStorage implements Storage {
  readonly #disk: SharedArrayBuffer;
  #bytes: Uint8Array<SharedArrayBuffer>;
  #view: DataView<SharedArrayBuffer>;
  #end: number;

  constructor(disk: SharedArrayBuffer) {
    this.#disk = disk;
    this.#bytes = new Uint8Array(disk);
    this.#view = new DataView(disk);
    this.#end = HEAD_BYTES + durableWords(disk) * WORD_BYTES;
  }

  load(done: (error: StorageError | null, stored: Stored) => void): void {
    done(null, readDisk(this.#disk));
  }

  persist(changes: readonly PersistChange[], done: Done): void {
    const before = this.#end;
    try {
      for (const change of changes) this.#write(change);
    } catch (error) {
      this.#end = before;
      if (!(error instanceof StorageError)) throw error;
      done(error);
      return;
    }
    const words = (this.#end - HEAD_BYTES) / WORD_BYTES;
    // The store that makes all of it count; what stands beyond the length does not exist.
    Atomics.store(new Int32Array(this.#disk, 0, 1), 0, words);
    done(null);
  }

  close(done: Done): void {
    done(null);
  }

  #write(change: PersistChange): void {
    if (change.termAndVote !== null) {
      const { currentTerm, votedFor } = change.termAndVote;
      const vote = votedFor === null ? NO_BYTES : textEncoder.encode(votedFor);
      this.#record(TERM_AND_VOTE, 0, currentTerm, 0, vote);
    }
    if (change.truncateFrom !== null) this.#record(TRUNCATE, 0, change.truncateFrom, 0, NO_BYTES);
    for (const entry of change.entries) {
      this.#record(ENTRY, entryKindByte(entry.kind), entry.index, entry.term, entryContent(entry));
    }
  }

  #record(kind: number, entryKind: number, a: number, b: number, content: Uint8Array): void {
    const at = this.#end;
    const end = at + paddedBytes(RECORD_BYTES + content.byteLength);
    if (end > this.#bytes.byteLength) this.#grow(end);
    const view = this.#view;
    view.setUint8(at, kind);
    view.setUint8(at + 1, entryKind);
    view.setUint32(at + 4, content.byteLength, true);
    view.setFloat64(at + 8, a, true);
    view.setFloat64(at + 16, b, true);
    this.#bytes.set(content, at + RECORD_BYTES);
    this.#end = end;
  }

  #grow(needed: number): void {
    const { maxByteLength } = this.#disk;
    if (needed > maxByteLength) {
      throw new StorageError(
        `the node's storage is full: ${needed} bytes are needed and ${maxByteLength} allowed; ` +
          'use a shorter run or smaller values',
      );
    }
    this.#disk.grow(Math.min(maxByteLength, Math.max(needed, this.#disk.byteLength * 2)));
    this.#bytes = new Uint8Array(this.#disk);
    this.#view = new DataView(this.#disk);
  }
}

function durableWords(disk: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(disk, 0, 1), 0);
}

function paddedBytes(bytes: number): number {
  return Math.ceil(bytes / WORD_BYTES) * WORD_BYTES;
}
