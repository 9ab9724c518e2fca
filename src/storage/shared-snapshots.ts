/**
 * Snapshots in the slots of a shared disk. The head names the slot of the latest; one that is being
 * written has a slot of its own until then, and a slot's memory is used again.
 *
 *   slot   checksum 4 · length of meta 4 · length of data 8 · meta · data
 *
 * The checksum covers meta and data.
 */
import { crc32 } from 'node:zlib';
import type { Index, SnapshotMeta } from '../raft/types.ts';
import { brokenPromise } from './recovery.ts';
import {
  growTo,
  headWords,
  LATEST_SLOT,
  readConsistently,
  type SharedDisk,
  VERSION,
} from './shared-disk.ts';
import { decodeMeta, encodeMeta, type Snapshot } from './snapshot-record.ts';
import { type Chunk, type SnapshotWriter, StorageError } from './storage.ts';

const HEAD_BYTES = 16;

/** The slot of the latest snapshot. */
function latestSlot(disk: SharedDisk): number {
  return Atomics.load(headWords(disk), LATEST_SLOT) - 1;
}

type Lengths = { readonly metaBytes: number; readonly dataBytes: number };

/** `null` if they do not fit the slot, as while it is written over. */
function lengthsOf(slot: SharedArrayBuffer): Lengths | null {
  if (slot.byteLength < HEAD_BYTES) return null;
  const head = new DataView(slot, 0, HEAD_BYTES);
  const lengths = { metaBytes: head.getUint32(4, true), dataBytes: head.getFloat64(8, true) };
  return HEAD_BYTES + lengths.metaBytes + lengths.dataBytes <= slot.byteLength ? lengths : null;
}

export type SnapshotCopy = { readonly meta: Uint8Array; readonly data: Uint8Array };

/**
 * What the latest slot holds, up to `dataBytesMax` of the data; `null` if it is written over
 * meanwhile, and `'none'` if there is no snapshot.
 */
export function copySnapshot(disk: SharedDisk, dataBytesMax: number): SnapshotCopy | 'none' | null {
  const slot = disk.slots[latestSlot(disk)];
  if (slot === undefined) return 'none';
  const lengths = lengthsOf(slot);
  if (lengths === null) return null;
  const { metaBytes, dataBytes } = lengths;
  const data = new Uint8Array(slot, HEAD_BYTES + metaBytes, Math.min(dataBytesMax, dataBytes));
  return { meta: new Uint8Array(slot, HEAD_BYTES, metaBytes).slice(), data: data.slice() };
}

export function metaOf(copy: SnapshotCopy | 'none'): SnapshotMeta | null {
  return copy === 'none' ? null : decodeMeta(copy.meta);
}

/** The latest snapshot, in bytes of its own; the disk's owner may ask at any time. */
export function readDiskSnapshot(disk: SharedDisk): Snapshot | null {
  const copy = readConsistently(disk, () => copySnapshot(disk, Number.POSITIVE_INFINITY));
  return copy === 'none' ? null : { meta: decodeMeta(copy.meta), data: copy.data };
}

export class SharedSnapshots {
  readonly #disk: SharedDisk;
  readonly #words: Int32Array;
  readonly #busy = new Set<SlotWriter>();
  /** Once asked for: a start first sees whether it is damaged. */
  #latest: SnapshotMeta | null = null;

  constructor(disk: SharedDisk) {
    this.#disk = disk;
    this.#words = headWords(disk);
  }

  get latest(): SnapshotMeta | null {
    this.#latest ??= metaOf(readConsistently(this.#disk, () => copySnapshot(this.#disk, 0)));
    return this.#latest;
  }

  /** Throws StorageError if the latest snapshot is not as it was written. O(its bytes). */
  verify(): void {
    const slot = this.#disk.slots[latestSlot(this.#disk)];
    if (slot === undefined) return;
    const lengths = lengthsOf(slot);
    const checksum = new DataView(slot).getUint32(0, true);
    if (lengths !== null) {
      const { metaBytes, dataBytes } = lengths;
      if (crc32(new Uint8Array(slot, HEAD_BYTES, metaBytes + dataBytes)) === checksum) return;
    }
    throw brokenPromise("the node's storage: its snapshot is damaged");
  }

  write(meta: SnapshotMeta): SnapshotWriter {
    const number = this.#freeSlot();
    // Ahead of the first byte: whoever still reads what stood there must not believe it.
    Atomics.add(this.#words, VERSION, 1);
    const slot = new SlotWriter(this.#disk, number, meta);
    // The slot may be another's, or the latest, by then.
    const whileOpen = (): void => {
      if (!this.#busy.has(slot)) throw new Error('this snapshot was finished or cancelled before');
    };
    this.#busy.add(slot);
    return {
      write: (data, done) => {
        whileOpen();
        done(slot.append(data));
      },
      finish: (done) => {
        whileOpen();
        slot.seal();
        this.#busy.delete(slot);
        this.#keep(slot);
        done(null);
      },
      cancel: () => {
        this.#busy.delete(slot);
      },
    };
  }

  /** `null` if the latest is of another entry. */
  read(index: Index, offset: number, length: number): Chunk | null {
    if (this.latest?.index !== index) return null;
    const slot = this.#disk.slots[latestSlot(this.#disk)] as SharedArrayBuffer;
    const { metaBytes, dataBytes } = lengthsOf(slot) as Lengths;
    const from = Math.min(offset, dataBytes);
    const to = Math.min(offset + length, dataBytes);
    const data = new Uint8Array(slot, HEAD_BYTES + metaBytes + from, to - from).slice();
    return { data, last: to === dataBytes };
  }

  /** The store that makes it count. */
  #keep({ number, meta }: SlotWriter): void {
    if ((this.latest?.index ?? 0) >= meta.index) return;
    Atomics.store(this.#words, LATEST_SLOT, number + 1);
    this.#latest = meta;
  }

  #freeSlot(): number {
    const latest = latestSlot(this.#disk);
    const taken = new Set([latest, ...[...this.#busy].map(({ number }) => number)]);
    const free = this.#disk.slots.findIndex((_, number) => !taken.has(number));
    if (free < 0) {
      throw new Error(
        `${this.#busy.size} snapshots are being written, and there is room for no more: ` +
          'finish or cancel one first',
      );
    }
    return free;
  }
}

/** Fills a slot; what it has written counts for nobody until the head names the slot. */
class SlotWriter {
  readonly number: number;
  readonly meta: SnapshotMeta;
  readonly #slot: SharedArrayBuffer;
  readonly #metaBytes: number;
  #checksum: number;
  #end: number;

  constructor(disk: SharedDisk, number: number, meta: SnapshotMeta) {
    const bytes = encodeMeta(meta);
    this.number = number;
    this.meta = meta;
    this.#slot = disk.slots[number] as SharedArrayBuffer;
    this.#metaBytes = bytes.byteLength;
    this.#checksum = crc32(bytes);
    this.#end = HEAD_BYTES + bytes.byteLength;
    growTo(this.#slot, this.#end);
    new Uint8Array(this.#slot, HEAD_BYTES, bytes.byteLength).set(bytes);
  }

  append(data: Uint8Array): StorageError | null {
    const end = this.#end + data.byteLength;
    const { maxByteLength } = this.#slot;
    if (end > maxByteLength) {
      return new StorageError(
        `the node's storage is full: a snapshot needs at least ${end} bytes, and ` +
          `${maxByteLength} are allowed; use fewer keys or smaller values`,
      );
    }
    growTo(this.#slot, end);
    new Uint8Array(this.#slot, this.#end, data.byteLength).set(data);
    this.#checksum = crc32(data, this.#checksum);
    this.#end = end;
    return null;
  }

  seal(): void {
    const head = new DataView(this.#slot, 0, HEAD_BYTES);
    head.setUint32(0, this.#checksum, true);
    head.setUint32(4, this.#metaBytes, true);
    head.setFloat64(8, this.#end - HEAD_BYTES - this.#metaBytes, true);
  }
}
