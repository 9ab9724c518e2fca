/**
 * Where records are found by the hash of their key: extendible hashing (Fagin et al. 1979), whose
 * directory leads to buckets of a bounded length. A bucket that fills up is split alone, so that
 * no insertion pays for the whole table.
 *
 * Within a bucket: open addressing with linear probing; deletion shifts back, so there are no
 * tombstones.
 */

export const BUCKET_SLOTS = 4096;
/** The first bucket's share of a long one. */
const FIRST_SHARE = 1 / 16;
/** Slots are doubled beyond this load: linear probing degrades quickly above it. */
const MAX_LOAD = 0.5;
/**
 * The directory goes by the lower bits of a hash and a bucket by the upper ones. Keys that share
 * all lower bits gain nothing by another split: their bucket becomes longer.
 */
const MAX_DEPTH = 16;

/** Where in a bucket the search for a hash begins; to be taken modulo the bucket's length. */
export function homeOf(hash: number): number {
  return hash >>> MAX_DEPTH;
}

export class Bucket {
  /**
   * Two words a slot, side by side for the cache: the address of its record (0 is an empty slot),
   * and the hash of its key.
   */
  slots: Uint32Array;
  mask: number;
  /** The lower bits of a hash that all of the bucket have in common. */
  readonly depth: number;
  #size = 0;

  constructor(slotCount: number, depth: number) {
    this.slots = new Uint32Array(slotCount * 2);
    this.mask = slotCount - 1;
    this.depth = depth;
  }

  get isFull(): boolean {
    return this.#size > (this.mask + 1) * MAX_LOAD;
  }

  insert(hash: number, address: number): void {
    const { slots, mask } = this;
    let slot = homeOf(hash) & mask;
    while (slots[slot * 2] !== 0) slot = (slot + 1) & mask;
    slots[slot * 2] = address;
    slots[slot * 2 + 1] = hash;
    this.#size++;
  }

  /** The record has moved. */
  readdress(hash: number, from: number, to: number): void {
    const { slots, mask } = this;
    let slot = homeOf(hash) & mask;
    while (slots[slot * 2] !== from) slot = (slot + 1) & mask;
    slots[slot * 2] = to;
  }

  /**
   * Knuth 6.4, algorithm R: moves later records of the run up, so that probing still finds them.
   */
  remove(emptied: number): void {
    const { slots, mask } = this;
    let hole = emptied;
    for (let slot = (hole + 1) & mask; slots[slot * 2] !== 0; slot = (slot + 1) & mask) {
      const home = homeOf(slots[slot * 2 + 1] as number) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots[hole * 2] = slots[slot * 2] as number;
      slots[hole * 2 + 1] = slots[slot * 2 + 1] as number;
      hole = slot;
    }
    slots[hole * 2] = 0;
    this.#size--;
  }

  double(): void {
    const { slots } = this;
    this.mask = this.mask * 2 + 1;
    this.slots = new Uint32Array(slots.length * 2);
    this.#size = 0;
    for (let at = 0; at < slots.length; at += 2) {
      if (slots[at] !== 0) this.insert(slots[at + 1] as number, slots[at] as number);
    }
  }

  /** Two buckets of one more bit: those of which it is 0, and those of which it is 1. */
  split(): readonly [Bucket, Bucket] {
    const { slots, depth } = this;
    const low = new Bucket(this.mask + 1, depth + 1);
    const high = new Bucket(this.mask + 1, depth + 1);
    for (let at = 0; at < slots.length; at += 2) {
      const hash = slots[at + 1] as number;
      if (slots[at] === 0) continue;
      const half = (hash >>> depth) % 2 === 0 ? low : high;
      half.insert(hash, slots[at] as number);
    }
    return [low, high];
  }
}

export class SlotDirectory {
  readonly #bucketSlots: number;
  #buckets: Bucket[];
  #mask = 0;

  /** A bucket of `bucketSlots`, a power of two, is split when it fills up. */
  constructor(bucketSlots = BUCKET_SLOTS) {
    this.#bucketSlots = bucketSlots;
    this.#buckets = [new Bucket(bucketSlots * FIRST_SHARE, 0)];
  }

  bucketOf(hash: number): Bucket {
    return this.#buckets[hash & this.#mask] as Bucket;
  }

  insert(hash: number, address: number): void {
    const bucket = this.bucketOf(hash);
    bucket.insert(hash, address);
    if (bucket.isFull) this.#makeRoom(bucket, hash);
  }

  #makeRoom(bucket: Bucket, hash: number): void {
    if (bucket.mask + 1 < this.#bucketSlots || bucket.depth === MAX_DEPTH) {
      bucket.double();
      return;
    }
    const bit = 1 << bucket.depth;
    if (bit === this.#buckets.length) {
      this.#buckets = [...this.#buckets, ...this.#buckets];
      this.#mask = this.#buckets.length - 1;
    }
    const [low, high] = bucket.split();
    for (let i = hash & (bit - 1); i < this.#buckets.length; i += bit) {
      this.#buckets[i] = (i & bit) === 0 ? low : high;
    }
  }
}
