/**
 * A hash table from byte strings to byte strings: slots lead from the hash of a key to the address
 * of its record in an arena. A put of a known size copies bytes and allocates nothing, and none
 * takes time in proportion to the table.
 */
import {
  Arena,
  type ArenaSnapshot,
  addressOf,
  CAPACITY,
  DEAD,
  GENERATION,
  HEADER_BYTES,
  KEY_LENGTH,
  SEGMENT_BYTES_MAX,
  type Segment,
  segmentOf,
  VALUE_LENGTH,
  WORD_MASK,
} from './arena.ts';
import { copyBytes } from './command.ts';
import { BUCKET_SLOTS, type Bucket, homeOf, SlotDirectory } from './slots.ts';

/**
 * Segments freed of garbage whenever a new one begins. More than half of such a segment is
 * garbage, so two make up for what is written meanwhile.
 */
const CLEANED_SEGMENTS = 2;

/** Powers of two. With small ones a few keys come past all that happens in a large table. */
export type TableSizes = { readonly segmentBytes: number; readonly bucketSlots: number };
export const TABLE_SIZES: TableSizes = {
  segmentBytes: SEGMENT_BYTES_MAX,
  bucketSlots: BUCKET_SLOTS,
};

export class ByteTable {
  readonly #directory: SlotDirectory;
  readonly #arena: Arena;
  #size = 0;

  constructor({ segmentBytes, bucketSlots }: TableSizes = TABLE_SIZES) {
    this.#arena = new Arena(segmentBytes);
    this.#directory = new SlotDirectory(bucketSlots);
  }

  get size(): number {
    return this.#size;
  }

  /** Records that were moved to make room. */
  get moved(): number {
    return this.#arena.moved;
  }

  /** What the records take up, garbage and free room included. */
  get heldBytes(): number {
    return this.#arena.heldBytes;
  }

  /** A copy of the value, or `null` if the key is absent. */
  get(source: Uint8Array, keyStart: number, keyLength: number): Uint8Array | null {
    const hash = hashBytes(source, keyStart, keyLength);
    const bucket = this.#directory.bucketOf(hash);
    const slot = this.#find(bucket, hash, source, keyStart, keyLength);
    if (slot < 0) return null;
    const address = bucket.slots[slot * 2] as number;
    return valueAt(this.#segment(address), address & WORD_MASK);
  }

  has(source: Uint8Array, keyStart: number, keyLength: number): boolean {
    const hash = hashBytes(source, keyStart, keyLength);
    return this.#find(this.#directory.bucketOf(hash), hash, source, keyStart, keyLength) >= 0;
  }

  /** Stores value bytes that stand in the same buffer as the key. */
  set(
    source: Uint8Array,
    keyStart: number,
    keyLength: number,
    valueStart: number,
    valueLength: number,
  ): void {
    const hash = hashBytes(source, keyStart, keyLength);
    const bucket = this.#directory.bucketOf(hash);
    const slot = this.#find(bucket, hash, source, keyStart, keyLength);
    if (slot >= 0) {
      const present = bucket.slots[slot * 2] as number;
      if (this.#overwrite(present, source, valueStart, valueLength)) return;
    }
    if (this.#arena.needsSegment(keyLength, valueLength)) this.#clean();
    const address = this.#arena.allocate(keyLength, valueLength, valueLength);
    const { bytes } = this.#segment(address);
    const at = (address & WORD_MASK) * 4 + HEADER_BYTES;
    copyBytes(source, keyStart, bytes, at, keyLength);
    copyBytes(source, valueStart, bytes, at + keyLength, valueLength);
    if (slot >= 0) {
      this.#arena.kill(bucket.slots[slot * 2] as number);
      bucket.slots[slot * 2] = address;
      return;
    }
    this.#directory.insert(hash, address);
    this.#size++;
  }

  delete(source: Uint8Array, keyStart: number, keyLength: number): boolean {
    const hash = hashBytes(source, keyStart, keyLength);
    const bucket = this.#directory.bucketOf(hash);
    const slot = this.#find(bucket, hash, source, keyStart, keyLength);
    if (slot < 0) return false;
    this.#arena.kill(bucket.slots[slot * 2] as number);
    bucket.remove(slot);
    this.#size--;
    return true;
  }

  /** A 53-bit digest of the content, whatever the order in which it came. O(n). */
  digest(): number {
    let low = 0;
    let high = 0;
    for (const [{ bytes, words }, word] of this.#records()) {
      const start = word * 4 + HEADER_BYTES;
      const keyLength = words[word + KEY_LENGTH] as number;
      const key = hashBytes(bytes, start, keyLength);
      const value = hashBytes(bytes, start + keyLength, words[word + VALUE_LENGTH] as number);
      low = (low + mix(key, value)) >>> 0;
      high = (high + mix(value, key ^ keyLength)) >>> 0;
    }
    return (high & 0x1f_ffff) * 0x1_0000_0000 + low;
  }

  /** Every key with its value, copied, in no particular order. */
  *entries(): Generator<[key: Uint8Array, value: Uint8Array]> {
    for (const [segment, word] of this.#records()) {
      const start = word * 4 + HEADER_BYTES;
      const key = segment.bytes.slice(start, start + (segment.words[word + KEY_LENGTH] as number));
      yield [key, valueAt(segment, word)];
    }
  }

  /** Begins a snapshot of the records as they are, `size` of them. One at a time. */
  beginSnapshot(): ArenaSnapshot {
    if (this.#arena.snapshot !== null) throw new Error('a snapshot of the table is under way');
    return this.#arena.beginSnapshot();
  }

  *#records(): Generator<readonly [segment: Segment, word: number]> {
    for (const segment of this.#arena.segments) {
      for (let word = 0; word * 4 < segment.usedBytes; word += segment.recordBytes(word) / 4) {
        if (segment.words[word + GENERATION] !== DEAD) yield [segment, word];
      }
    }
  }

  #segment(address: number): Segment {
    return this.#arena.segments[segmentOf(address)] as Segment;
  }

  #find(
    bucket: Bucket,
    hash: number,
    source: Uint8Array,
    keyStart: number,
    keyLength: number,
  ): number {
    const { slots, mask } = bucket;
    for (let slot = homeOf(hash) & mask; ; slot = (slot + 1) & mask) {
      const address = slots[slot * 2] as number;
      if (address === 0) return -1;
      if (slots[slot * 2 + 1] !== hash) continue;
      const { bytes, words } = this.#segment(address);
      const word = address & WORD_MASK;
      if (words[word + KEY_LENGTH] !== keyLength) continue;
      const at = word * 4 + HEADER_BYTES;
      let same = 0;
      while (same < keyLength && bytes[at + same] === source[keyStart + same]) same++;
      if (same === keyLength) return slot;
    }
  }

  /** Writes the new value where the old one stands; false, and nothing done, if it does not fit. */
  #overwrite(
    address: number,
    source: Uint8Array,
    valueStart: number,
    valueLength: number,
  ): boolean {
    const segment = this.#segment(address);
    const word = address & WORD_MASK;
    const { bytes, words } = segment;
    if (valueLength > (words[word + CAPACITY] as number)) return false;
    this.#arena.beforeChange(segment, word);
    words[word + VALUE_LENGTH] = valueLength;
    const at = word * 4 + HEADER_BYTES + (words[word + KEY_LENGTH] as number);
    copyBytes(source, valueStart, bytes, at, valueLength);
    return true;
  }

  /** Moves what lives out of the segments with most garbage, and lets go of them. */
  #clean(): void {
    for (let i = 0; i < CLEANED_SEGMENTS; i++) {
      const index = this.#arena.wasteful();
      if (index === 0) return;
      const segment = this.#arena.segments[index] as Segment;
      for (let word = 0; word * 4 < segment.usedBytes; word += segment.recordBytes(word) / 4) {
        if (segment.words[word + GENERATION] !== DEAD) this.#move(segment, index, word);
      }
      this.#arena.release(index);
    }
  }

  #move(segment: Segment, index: number, word: number): void {
    const start = word * 4 + HEADER_BYTES;
    const hash = hashBytes(segment.bytes, start, segment.words[word + KEY_LENGTH] as number);
    const moved = this.#arena.move(segment, word);
    this.#directory.bucketOf(hash).readdress(hash, addressOf(index, word), moved);
  }
}

function valueAt({ bytes, words }: Segment, word: number): Uint8Array {
  const start = word * 4 + HEADER_BYTES + (words[word + KEY_LENGTH] as number);
  return bytes.slice(start, start + (words[word + VALUE_LENGTH] as number));
}

/** Of FNV-1a. */
export const HASH_OF_NOTHING = 0x811c9dc5;

/** FNV-1a with a final avalanche, so that the low bits serve as slot numbers. */
export function hashBytes(bytes: Uint8Array, start: number, length: number): number {
  return mix(hashOn(HASH_OF_NOTHING, bytes, start, start + length), length);
}

/** FNV-1a of these bytes behind those that `before` is the hash of. */
export function hashOn(before: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = before;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash >>> 0;
}

function mix(a: number, b: number): number {
  let z = (a ^ Math.imul(b, 0x9e3779b1)) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
