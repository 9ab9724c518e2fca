/**
 * A disk in shared memory: the parent owns it, a worker writes to it, and it outlives workers that
 * are killed. It is a head, segments for the log and slots for snapshots. Address space is reserved
 * for all of it; memory is used as it fills, and used again, but not given back.
 *
 *   head      end 4 · version 4 · latest slot 4 · spare 4 · next segment 4 … · sealed at 4 … ·
 *             root · root
 *   end       where the log ends, and which root counts: one word, so that one store makes all of
 *             a unit count, and a thread that is killed while it writes leaves no half unit
 *   root      current term 8 · base index 8 · base term 8 · first record 4 · vote length 4 · vote
 *   segment   record …, the last word of a segment stays free
 *   record    kind 1 · entry kind 1 · spare 2 · content length 4 · index 8 · term 8 · content,
 *             padded to words
 *
 * Places in the log are counted in words, from the first segment's start through all segments. The
 * live segments are a chain from the root's first record to the end, through `next segment`. All
 * others are free, and the lowest free one is taken next: memory in use stays what it has to be.
 *
 * `version` changes before anything is written where something that counts was read before. Who
 * finds it changed behind his reading has read in vain.
 */
import { entryKindOf, makeEntry } from '../entry.ts';
import type { Index, NodeId, Term } from '../raft/types.ts';
import { applyChange, type Stored } from './storage.ts';

/** Can be posted to workers as it is. */
export type SharedDisk = {
  readonly head: SharedArrayBuffer;
  readonly segments: readonly SharedArrayBuffer[];
  readonly slots: readonly SharedArrayBuffer[];
};

export type DiskOptions = {
  /** No entry can be larger than a segment. */
  readonly segmentBytes?: number;
  /** Product with `segmentBytes`: at most 4 GiB. */
  readonly segmentCount?: number;
  /** No snapshot can be larger. */
  readonly snapshotBytes?: number;
};

/** State that is not entries; what of the log lies before `first` does not count. */
export type Root = {
  currentTerm: Term;
  votedFor: NodeId | null;
  baseIndex: Index;
  baseTerm: Term;
  /** Place of entry `baseIndex + 1`, or of the end of a log without entries. */
  first: number;
};

/** Bytes of a segment, from `from` up to `to`. */
export type Stretch = { readonly segment: number; readonly from: number; readonly to: number };

const MIB = 1 << 20;
export const WORD_BYTES = 8;
export const RECORD_BYTES = 24;
/** One latest, one that is being taken, and one that is being received. */
const SLOT_COUNT = 3;
const WORDS_MAX = 2 ** 29;

/** Words of the head, as an Int32Array counts them. */
export const END = 0;
export const VERSION = 1;
/** 0 is none; slots count from 1 here. */
export const LATEST_SLOT = 2;
const CHAIN = 4;

const ROOT_HEAD_BYTES = 32;
export const VOTE_BYTES_MAX = 992;
const ROOT_BYTES = ROOT_HEAD_BYTES + VOTE_BYTES_MAX;

export const CUT = 1;
export const ENTRY = 2;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A blank disk. */
export function createDisk(options: DiskOptions = {}): SharedDisk {
  const { segmentBytes = 32 * MIB, segmentCount = 128, snapshotBytes = 1024 * MIB } = options;
  const isAligned = segmentBytes % WORD_BYTES === 0 && segmentBytes > WORD_BYTES;
  if (!isAligned || segmentCount < 1 || segmentBytes * segmentCount > WORDS_MAX * WORD_BYTES) {
    throw new RangeError(
      `expected segments of whole words of ${WORD_BYTES} bytes, and at most ` +
        `${WORDS_MAX * WORD_BYTES} bytes of them; got ${segmentCount} of ${segmentBytes} bytes`,
    );
  }
  return {
    head: new SharedArrayBuffer(rootsAt(segmentCount) + 2 * ROOT_BYTES),
    segments: Array.from({ length: segmentCount }, () => blankBuffer(segmentBytes)),
    slots: Array.from({ length: SLOT_COUNT }, () => blankBuffer(snapshotBytes)),
  };
}

function blankBuffer(maxByteLength: number): SharedArrayBuffer {
  return new SharedArrayBuffer(0, { maxByteLength });
}

/** Makes room for `bytes`, which the buffer's limit allows. */
export function growTo(buffer: SharedArrayBuffer, bytes: number): void {
  // Doubled, so that a buffer that fills up grows a handful of times.
  const wanted = Math.max(bytes, buffer.byteLength * 2, MIB);
  if (bytes > buffer.byteLength) buffer.grow(Math.min(buffer.maxByteLength, wanted));
}

// ---- Places -------------------------------------------------------------------------------------

function segmentWords({ segments }: SharedDisk): number {
  return (segments[0] as SharedArrayBuffer).maxByteLength / WORD_BYTES;
}

/** The last word stays free: an end there would be the next segment's start. */
export function segmentCapacity(disk: SharedDisk): number {
  return (segmentWords(disk) - 1) * WORD_BYTES;
}

export function placeOf(disk: SharedDisk, segment: number, offset: number): number {
  return segment * segmentWords(disk) + offset / WORD_BYTES;
}

export function located(disk: SharedDisk, place: number): { segment: number; offset: number } {
  const words = segmentWords(disk);
  return { segment: Math.floor(place / words), offset: (place % words) * WORD_BYTES };
}

export function paddedBytes(bytes: number): number {
  return Math.ceil(bytes / WORD_BYTES) * WORD_BYTES;
}

// ---- Head ---------------------------------------------------------------------------------------

export function headWords({ head }: SharedDisk): Int32Array<SharedArrayBuffer> {
  return new Int32Array(head);
}

/** What counts: the log up to this place, and this root. */
export function published(words: Int32Array): { end: number; rootNumber: number } {
  const word = Atomics.load(words, END);
  return { end: word >>> 1, rootNumber: word & 1 };
}

export function publish(words: Int32Array, end: number, rootNumber: number): void {
  Atomics.store(words, END, (end << 1) | rootNumber);
}

/** Where the log goes on behind `segment`, which ends at `sealedAt` bytes. */
export function link(
  { segments }: SharedDisk,
  words: Int32Array,
  { segment, sealedAt, next }: { segment: number; sealedAt: number; next: number },
): void {
  Atomics.store(words, CHAIN + segment, next);
  Atomics.store(words, CHAIN + segments.length + segment, sealedAt);
}

function rootsAt(segmentCount: number): number {
  return paddedBytes((CHAIN + 2 * segmentCount) * 4);
}

export function readRoot({ head, segments }: SharedDisk, rootNumber: number): Root {
  const at = rootsAt(segments.length) + rootNumber * ROOT_BYTES;
  const view = new DataView(head, at, ROOT_BYTES);
  // One more than the vote's length, so that a blank disk holds none.
  const voteLength = Math.min(view.getUint32(28, true), VOTE_BYTES_MAX + 1) - 1;
  const vote = new Uint8Array(head, at + ROOT_HEAD_BYTES, Math.max(0, voteLength)).slice();
  return {
    currentTerm: view.getFloat64(0, true),
    votedFor: voteLength < 0 ? null : textDecoder.decode(vote),
    baseIndex: view.getFloat64(8, true),
    baseTerm: view.getFloat64(16, true),
    first: view.getUint32(24, true),
  };
}

export function writeRoot({ head, segments }: SharedDisk, rootNumber: number, root: Root): void {
  const at = rootsAt(segments.length) + rootNumber * ROOT_BYTES;
  const view = new DataView(head, at, ROOT_BYTES);
  view.setFloat64(0, root.currentTerm, true);
  view.setFloat64(8, root.baseIndex, true);
  view.setFloat64(16, root.baseTerm, true);
  view.setUint32(24, root.first, true);
  const vote = root.votedFor === null ? null : textEncoder.encode(root.votedFor);
  view.setUint32(28, vote === null ? 0 : vote.byteLength + 1, true);
  if (vote !== null) new Uint8Array(head, at + ROOT_HEAD_BYTES).set(vote);
}

// ---- Reading ------------------------------------------------------------------------------------

/**
 * The log's bytes from one place to another; `null` if they do not hang together, which they do
 * unless they are written over meanwhile. O(segments).
 */
export function stretches(disk: SharedDisk, from: number, to: number): Stretch[] | null {
  const words = headWords(disk);
  const { segments } = disk;
  const last = located(disk, to);
  const found: Stretch[] = [];
  let { segment, offset } = located(disk, from);
  while (found.length < segments.length) {
    const isLast = segment === last.segment;
    const end = isLast ? last.offset : Atomics.load(words, CHAIN + segments.length + segment);
    const buffer = segments[segment];
    if (buffer === undefined || offset > end || end > buffer.byteLength) return null;
    found.push({ segment, from: offset, to: end });
    if (isLast) return found;
    segment = Atomics.load(words, CHAIN + segment);
    offset = 0;
  }
  return null;
}

/** Calls `visit` with the offset of each record. */
export function eachRecord(view: DataView, visit: (at: number) => void): void {
  for (let at = 0; at < view.byteLength; ) {
    visit(at);
    at += paddedBytes(RECORD_BYTES + view.getUint32(at + 4, true));
  }
}

/** The result of a reading during which nothing that it read was written over. */
export function readConsistently<T>(disk: SharedDisk, read: () => T | null): T {
  const words = headWords(disk);
  for (;;) {
    const version = Atomics.load(words, VERSION);
    const result = read();
    // A load alone would not keep the reads above from moving behind it.
    const isSame = Atomics.add(words, VERSION, 0) === version;
    if (isSame && result !== null) return result;
    if (isSame) throw new Error('the disk in shared memory is not one that a node has written');
  }
}

/** The log as it stands on the disk: what is read meanwhile is checked, and replayed, later. */
export type LogCopy = { readonly root: Root; readonly stretches: readonly Uint8Array[] };

/** `null` if it is written over meanwhile. O(bytes). */
export function copyLog(disk: SharedDisk): LogCopy | null {
  const { end, rootNumber } = published(headWords(disk));
  const root = readRoot(disk, rootNumber);
  const found = stretches(disk, root.first, end);
  return found === null ? null : { root, stretches: found.map((each) => copied(disk, each)) };
}

/** The entries are views of the copy. */
export function replayLog({ root, stretches }: LogCopy): Omit<Stored, 'snapshot'> {
  const { currentTerm, votedFor, baseIndex, baseTerm } = root;
  const stored = { currentTerm, votedFor, baseIndex, baseTerm, entries: [] };
  for (const bytes of stretches) replay(bytes, stored);
  return stored;
}

function copied({ segments }: SharedDisk, { segment, from, to }: Stretch): Uint8Array {
  return new Uint8Array(segments[segment] as SharedArrayBuffer, from, to - from).slice();
}

function replay(bytes: Uint8Array, stored: Omit<Stored, 'snapshot'>): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  eachRecord(view, (at) => {
    const index = view.getFloat64(at + 8, true);
    if (view.getUint8(at) === CUT) {
      const cut = { termAndVote: null, truncateFrom: index, entries: [], compactTo: null };
      applyChange(stored, cut);
      return;
    }
    const kind = entryKindOf(view.getUint8(at + 1));
    const contentAt = at + RECORD_BYTES;
    const content = bytes.subarray(contentAt, contentAt + view.getUint32(at + 4, true));
    stored.entries.push(makeEntry(index, view.getFloat64(at + 16, true), kind, content));
  });
}
