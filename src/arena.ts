/**
 * The records of a table, in segments of a bounded length: a million keys are a few objects to the
 * garbage collector, and neither growth nor the removal of garbage copies more than a segment or
 * two at a time.
 *
 * A record is [key length, value length, value capacity, generation] as 32-bit words, then key and
 * value, padded to words. Its address is its segment's number and its place there in words.
 *
 * A snapshot begins a new generation. What is older than the arena's generation, the snapshot under
 * way has not seen: whoever is about to change such a record has it saved first (copy on write).
 */
import { copyBytes } from './command.ts';

export const HEADER_BYTES = 16;
export const KEY_LENGTH = 0;
export const VALUE_LENGTH = 1;
export const CAPACITY = 2;
export const GENERATION = 3;
/** The generation of a record that is there no longer. */
export const DEAD = 0xffff_ffff;

const ADDRESS_BITS = 16;
export const WORD_MASK = (1 << ADDRESS_BITS) - 1;
/** The most that an address reaches within a segment. */
export const SEGMENT_BYTES_MAX = 4 << ADDRESS_BITS;
/** The first segment's share of the longest. */
const FIRST_SHARE = 1 / 32;
const SEGMENTS_MAX = 1 << ADDRESS_BITS;
/** A record beyond this has a segment of its own: less is wasted where one ends. */
const LARGE_SHARE = 1 / 4;
/** So much garbage is not worth the trouble. */
const GARBAGE_SHARE = 1 / 16;
const SAVED_SHARE = 1 / 8;

export class Segment {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;
  usedBytes = 0;
  garbageBytes = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.words = new Uint32Array(this.bytes.buffer);
  }

  hasRoom(size: number): boolean {
    return this.usedBytes + size <= this.bytes.byteLength;
  }

  /** Makes room for a record that is known to fit; where it begins, in words. */
  append(keyLength: number, valueLength: number, capacity: number, generation: number): number {
    const word = this.usedBytes / 4;
    this.usedBytes += recordBytes(keyLength, capacity);
    const { words } = this;
    words[word + KEY_LENGTH] = keyLength;
    words[word + VALUE_LENGTH] = valueLength;
    words[word + CAPACITY] = capacity;
    words[word + GENERATION] = generation;
    return word;
  }

  recordBytes(word: number): number {
    const { words } = this;
    return recordBytes(words[word + KEY_LENGTH] as number, words[word + CAPACITY] as number);
  }
}

const NO_SEGMENT = new Segment(0);

/** The segment of an address is `segments[segmentOf(address)]`, its word `address & WORD_MASK`. */
export function segmentOf(address: number): number {
  return address >>> ADDRESS_BITS;
}

export function addressOf(segment: number, word: number): number {
  return ((segment << ADDRESS_BITS) | word) >>> 0;
}

export class Arena {
  /** The first stays empty, so that no record has address 0. */
  readonly segments: Segment[] = [NO_SEGMENT];
  readonly #free: number[] = [];
  readonly segmentBytes: number;
  #head = 0;
  #usedBytes = 0;
  #garbageBytes = 0;
  #heldBytes = 0;
  generation = 1;
  /** Records that were copied to leave a segment full of garbage. */
  moved = 0;
  snapshot: ArenaSnapshot | null = null;

  /** `segmentBytes` is a power of two, and what else has a length goes by it. */
  constructor(segmentBytes = SEGMENT_BYTES_MAX) {
    this.segmentBytes = segmentBytes;
  }

  /** What all segments take up. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The record goes to a new segment: the time to remove garbage, before it begins. */
  needsSegment(keyLength: number, capacity: number): boolean {
    const size = recordBytes(keyLength, capacity);
    return !this.#isLarge(size) && !(this.segments[this.#head] as Segment).hasRoom(size);
  }

  /** The address of a new record, whose key and value are yet to be written. */
  allocate(keyLength: number, valueLength: number, capacity: number): number {
    const size = recordBytes(keyLength, capacity);
    let index = this.#head;
    if (this.#isLarge(size)) index = this.#add(size);
    else if (!(this.segments[index] as Segment).hasRoom(size)) index = this.#newHead(size);
    const segment = this.segments[index] as Segment;
    this.#usedBytes += size;
    const word = segment.append(keyLength, valueLength, capacity, this.generation);
    return addressOf(index, word);
  }

  /** To be called before a record changes in its place. */
  beforeChange(segment: Segment, word: number): void {
    if (this.snapshot === null) return;
    const { words } = segment;
    if (words[word + GENERATION] === this.generation) return;
    this.snapshot.save(segment, word);
    words[word + GENERATION] = this.generation;
  }

  kill(address: number): void {
    const index = segmentOf(address);
    const segment = this.segments[index] as Segment;
    const word = address & WORD_MASK;
    this.beforeChange(segment, word);
    segment.words[word + GENERATION] = DEAD;
    const size = segment.recordBytes(word);
    segment.garbageBytes += size;
    this.#garbageBytes += size;
    if (segment.garbageBytes === segment.usedBytes && index !== this.#head) this.release(index);
  }

  /** The segment that most is gained by leaving; 0 while there is little garbage in all. */
  wasteful(): number {
    const liveBytes = this.#usedBytes - this.#garbageBytes;
    if (this.#garbageBytes <= liveBytes + this.segmentBytes * GARBAGE_SHARE) return 0;
    let most = 0;
    for (let i = 1; i < this.segments.length; i++) {
      if (i === this.#head) continue;
      const { garbageBytes } = this.segments[i] as Segment;
      if (garbageBytes > (this.segments[most] as Segment).garbageBytes) most = i;
    }
    return most;
  }

  /**
   * Copies a record to the head. The original is left as it is: a snapshot that has not seen it
   * still walks through its segment.
   */
  move(segment: Segment, word: number): number {
    this.moved++;
    const { words } = segment;
    const keyLength = words[word + KEY_LENGTH] as number;
    const valueLength = words[word + VALUE_LENGTH] as number;
    const address = this.allocate(keyLength, valueLength, words[word + CAPACITY] as number);
    const to = this.segments[segmentOf(address)] as Segment;
    const from = word * 4 + HEADER_BYTES;
    const at = (address & WORD_MASK) * 4 + HEADER_BYTES;
    copyBytes(segment.bytes, from, to.bytes, at, keyLength + valueLength);
    return address;
  }

  /** Lets go of a segment that no record is looked for in any more. */
  release(index: number): void {
    const { usedBytes, garbageBytes, bytes } = this.segments[index] as Segment;
    this.#usedBytes -= usedBytes;
    this.#garbageBytes -= garbageBytes;
    this.#heldBytes -= bytes.byteLength;
    this.segments[index] = NO_SEGMENT;
    this.#free.push(index);
  }

  /** Begins a snapshot of the records as they are. O(segments). */
  beginSnapshot(): ArenaSnapshot {
    this.generation++;
    this.snapshot = new ArenaSnapshot(this);
    return this.snapshot;
  }

  /** Segments are as long as all that lives, within bounds: a small table takes little. */
  #newHead(size: number): number {
    const liveBytes = this.#usedBytes - this.#garbageBytes;
    let capacity = this.segmentBytes * FIRST_SHARE;
    while (capacity < this.segmentBytes && capacity < Math.max(liveBytes, size)) capacity *= 2;
    const before = this.#head;
    this.#head = this.#add(capacity);
    const { usedBytes, garbageBytes } = this.segments[before] as Segment;
    if (usedBytes > 0 && usedBytes === garbageBytes) this.release(before);
    return this.#head;
  }

  #isLarge(size: number): boolean {
    return size > this.segmentBytes * LARGE_SHARE;
  }

  #add(capacity: number): number {
    const index = this.#free.pop() ?? this.segments.length;
    if (index >= SEGMENTS_MAX) {
      throw new Error(`a table has at most ${SEGMENTS_MAX - 1} segments, all are in use`);
    }
    this.segments[index] = new Segment(capacity);
    this.#heldBytes += capacity;
    return index;
  }
}

/**
 * Walks through the records as they were when it began, each once, in no particular order, while
 * the arena goes on changing: the fields speak of the record that `next` came to.
 */
export class ArenaSnapshot {
  readonly #arena: Arena;
  /** Yet to be walked through; those that the arena has left since then, too. */
  readonly #segments: Segment[];
  /** Records saved before they were changed. */
  readonly #saved: Segment[] = [];
  #saving = NO_SEGMENT;
  #segment = NO_SEGMENT;
  #word = 0;
  bytes = NO_SEGMENT.bytes;
  keyStart = 0;
  keyLength = 0;
  valueStart = 0;
  valueLength = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#segments = arena.segments.filter(({ usedBytes }) => usedBytes > 0);
  }

  next(): boolean {
    do {
      while (this.#word * 4 < this.#segment.usedBytes) {
        const word = this.#word;
        const { words } = this.#segment;
        this.#word += this.#segment.recordBytes(word) / 4;
        const generation = words[word + GENERATION];
        if (generation === DEAD || generation === this.#arena.generation) continue;
        words[word + GENERATION] = this.#arena.generation;
        this.#comeTo(word);
        return true;
      }
    } while (this.#nextSegment());
    this.cancel();
    return false;
  }

  /** The arena need not save anything for it any more. */
  cancel(): void {
    if (this.#arena.snapshot === this) this.#arena.snapshot = null;
    this.#segments.length = 0;
    this.#saved.length = 0;
    this.#saving = this.#segment = NO_SEGMENT;
  }

  save(from: Segment, word: number): void {
    const keyLength = from.words[word + KEY_LENGTH] as number;
    const valueLength = from.words[word + VALUE_LENGTH] as number;
    const size = recordBytes(keyLength, valueLength);
    if (!this.#saving.hasRoom(size)) {
      if (this.#saving.usedBytes > 0) this.#saved.push(this.#saving);
      this.#saving = new Segment(Math.max(size, this.#arena.segmentBytes * SAVED_SHARE));
    }
    const to = this.#saving;
    // Generation 0: older than any, so that `next` comes to it.
    const at = to.append(keyLength, valueLength, valueLength, 0) * 4 + HEADER_BYTES;
    copyBytes(from.bytes, word * 4 + HEADER_BYTES, to.bytes, at, keyLength + valueLength);
  }

  #comeTo(word: number): void {
    const { words, bytes } = this.#segment;
    this.bytes = bytes;
    this.keyStart = word * 4 + HEADER_BYTES;
    this.keyLength = words[word + KEY_LENGTH] as number;
    this.valueStart = this.keyStart + this.keyLength;
    this.valueLength = words[word + VALUE_LENGTH] as number;
  }

  /** What was saved comes first, so that little of it lies about. */
  #nextSegment(): boolean {
    this.#word = 0;
    this.#segment = this.#saved.pop() ?? this.#segments.pop() ?? this.#saving;
    if (this.#segment === this.#saving) this.#saving = NO_SEGMENT;
    return this.#segment !== NO_SEGMENT;
  }
}

/** The length of a record in bytes, a multiple of 4. */
export function recordBytes(keyLength: number, capacity: number): number {
  return (HEADER_BYTES + keyLength + capacity + 3) & ~3;
}
