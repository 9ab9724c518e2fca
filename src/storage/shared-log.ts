/**
 * The writing side of a log in shared memory. It appends records, and remembers where each entry's
 * record stands: after a compaction the root names the place of the first entry that is left, and
 * segments that lie before it are free.
 */
import { entryContent, entryKindByte } from '../entry.ts';
import type { Entry, PersistChange, SnapshotMeta } from '../raft/types.ts';
import {
  CUT,
  ENTRY,
  eachRecord,
  growTo,
  headWords,
  link,
  located,
  paddedBytes,
  placeOf,
  publish,
  published,
  RECORD_BYTES,
  type Root,
  readRoot,
  type SharedDisk,
  type Stretch,
  segmentCapacity,
  stretches,
  VERSION,
  VOTE_BYTES_MAX,
  writeRoot,
} from './shared-disk.ts';
import { StorageError } from './storage.ts';

const NO_BYTES = new Uint8Array(0);
const textEncoder = new TextEncoder();

export class SharedLog {
  readonly #disk: SharedDisk;
  readonly #words: Int32Array;
  /** The segment that is written to, up to where, and its bytes. */
  #segment = 0;
  #end = 0;
  #bytes: Uint8Array<SharedArrayBuffer> = new Uint8Array(new SharedArrayBuffer(0));
  #view: DataView<SharedArrayBuffer> = new DataView(this.#bytes.buffer);
  /** The place of each entry behind the base. */
  #places: number[] = [];
  #root: Root;
  #rootNumber = 0;
  #rootChanged = false;

  constructor(disk: SharedDisk) {
    this.#disk = disk;
    this.#words = headWords(disk);
    this.#root = readRoot(disk, 0);
    this.#restore();
  }

  /** Writes the changes as one unit. Throws StorageError if there is no room; nothing counts. */
  write(changes: readonly PersistChange[]): void {
    try {
      for (const change of changes) this.#change(change);
    } catch (error) {
      this.#restore();
      throw error;
    }
    this.#publish();
  }

  /** As `adoptSnapshot`, on the disk. */
  adopt({ index, term }: SnapshotMeta): void {
    if (index <= this.#root.baseIndex || this.#holds(index, term)) return;
    this.#compact(index, term);
    this.#publish();
  }

  #change({ termAndVote, truncateFrom, entries, compactTo }: PersistChange): void {
    if (termAndVote !== null) this.#setTermAndVote(termAndVote);
    if (truncateFrom !== null) {
      this.#record(CUT, 0, truncateFrom, 0, NO_BYTES);
      const kept = Math.max(0, truncateFrom - this.#root.baseIndex - 1);
      if (kept < this.#places.length) this.#places.length = kept;
    }
    for (const entry of entries) this.#append(entry);
    if (compactTo !== null) this.#compact(compactTo.index, compactTo.term);
  }

  #setTermAndVote(termAndVote: Pick<Root, 'currentTerm' | 'votedFor'>): void {
    const { currentTerm, votedFor } = termAndVote;
    const voteBytes = votedFor === null ? 0 : textEncoder.encode(votedFor).byteLength;
    if (voteBytes > VOTE_BYTES_MAX) {
      throw new StorageError(
        `the id of a server that is voted for has ${voteBytes} bytes; at most ${VOTE_BYTES_MAX} ` +
          'can be stored: give servers shorter ids',
      );
    }
    Object.assign(this.#root, { currentTerm, votedFor });
    this.#rootChanged = true;
  }

  #append(entry: Entry): void {
    const kind = entryKindByte(entry.kind);
    const at = this.#record(ENTRY, kind, entry.index, entry.term, entryContent(entry));
    this.#places.push(placeOf(this.#disk, this.#segment, at));
  }

  #compact(index: number, term: number): void {
    const root = this.#root;
    if (index <= root.baseIndex) return;
    if (this.#holds(index, term)) this.#places.splice(0, index - root.baseIndex);
    else this.#places.length = 0;
    root.baseIndex = index;
    root.baseTerm = term;
    this.#rootChanged = true;
  }

  /** Terms are not kept here, since only compactions ask: they stand in the records. */
  #holds(index: number, term: number): boolean {
    const place = this.#places[index - this.#root.baseIndex - 1];
    if (place === undefined) return false;
    const { segment, offset } = located(this.#disk, place);
    const record = new DataView(this.#buffer(segment), offset, RECORD_BYTES);
    return record.getFloat64(16, true) === term;
  }

  // ---- Writing ----------------------------------------------------------------------------------

  /** Where in the segment the record stands. */
  #record(
    kind: number,
    entryKind: number,
    index: number,
    term: number,
    content: Uint8Array,
  ): number {
    const size = paddedBytes(RECORD_BYTES + content.byteLength);
    if (this.#end + size > segmentCapacity(this.#disk)) this.#openNext(size);
    const at = this.#end;
    if (at + size > this.#bytes.byteLength) this.#grow(at + size);
    const view = this.#view;
    view.setUint8(at, kind);
    view.setUint8(at + 1, entryKind);
    view.setUint32(at + 4, content.byteLength, true);
    view.setFloat64(at + 8, index, true);
    view.setFloat64(at + 16, term, true);
    this.#bytes.set(content, at + RECORD_BYTES);
    this.#end = at + size;
    return at;
  }

  /** Goes on in the lowest free segment: it has been used before, if any has. */
  #openNext(needed: number): void {
    const capacity = segmentCapacity(this.#disk);
    if (needed > capacity) {
      throw new StorageError(
        `the node's storage is full: an entry needs ${needed} bytes, and a segment has ` +
          `${capacity}; use smaller values`,
      );
    }
    const live = new Set(this.#live().map(({ segment }) => segment));
    const next = this.#disk.segments.findIndex((_, segment) => !live.has(segment));
    if (next < 0) {
      throw new StorageError(
        `the node's storage is full: all of its ${live.size} segments of ${capacity} bytes hold ` +
          'entries; take snapshots more often, or use a shorter run or smaller values',
      );
    }
    link(this.#disk, this.#words, { segment: this.#segment, sealedAt: this.#end, next });
    // Ahead of the first byte: whoever still reads what stood there must not believe it.
    Atomics.add(this.#words, VERSION, 1);
    this.#segment = next;
    this.#end = 0;
    this.#look();
  }

  /** From what the published root needs up to where this writes. */
  #live(): Stretch[] {
    const { rootNumber } = published(this.#words);
    const { first } = readRoot(this.#disk, rootNumber);
    const found = stretches(this.#disk, first, placeOf(this.#disk, this.#segment, this.#end));
    if (found === null) throw new Error('the segments of the log do not hang together');
    return found;
  }

  /** One store makes the unit count; what stands behind the end before it does not exist. */
  #publish(): void {
    const end = placeOf(this.#disk, this.#segment, this.#end);
    if (this.#rootChanged) {
      this.#root.first = this.#places[0] ?? end;
      this.#rootNumber = 1 - this.#rootNumber;
      Atomics.add(this.#words, VERSION, 1);
      writeRoot(this.#disk, this.#rootNumber, this.#root);
      this.#rootChanged = false;
    }
    publish(this.#words, end, this.#rootNumber);
  }

  #grow(needed: number): void {
    growTo(this.#buffer(this.#segment), needed);
    this.#look();
  }

  /** With lengths: views that follow a growing buffer are four times slower. */
  #look(): void {
    const buffer = this.#buffer(this.#segment);
    this.#bytes = new Uint8Array(buffer, 0, buffer.byteLength);
    this.#view = new DataView(buffer, 0, buffer.byteLength);
  }

  #buffer(segment: number): SharedArrayBuffer {
    return this.#disk.segments[segment] as SharedArrayBuffer;
  }

  // ---- Starting ---------------------------------------------------------------------------------

  /** As the disk says: what an earlier life has written, or what counted before a failed unit. */
  #restore(): void {
    const { end, rootNumber } = published(this.#words);
    const { segment, offset } = located(this.#disk, end);
    this.#segment = segment;
    this.#end = offset;
    this.#look();
    this.#root = readRoot(this.#disk, rootNumber);
    this.#rootNumber = rootNumber;
    this.#rootChanged = false;
    this.#places = [];
    for (const stretch of this.#live()) this.#findPlaces(stretch);
  }

  #findPlaces({ segment, from, to }: Stretch): void {
    const view = new DataView(this.#buffer(segment), from, to - from);
    eachRecord(view, (at) => {
      if (view.getUint8(at) === ENTRY) this.#places.push(placeOf(this.#disk, segment, from + at));
      else {
        const kept = view.getFloat64(at + 8, true) - this.#root.baseIndex - 1;
        this.#places.length = Math.max(0, Math.min(kept, this.#places.length));
      }
    });
  }
}
