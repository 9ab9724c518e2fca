/**
 * A hash table from byte strings to byte strings whose records live in one buffer, so that a
 * million keys are a few objects to the garbage collector, and a put of a known size copies bytes
 * and allocates nothing.
 *
 * Open addressing with linear probing; deletion shifts back, so there are no tombstones. A record
 * is [key length, value length, value capacity] as 32-bit words, then key and value, padded to
 * words.
 */
import { copyBytes } from './command.ts';

const HEADER_BYTES = 12;
const INITIAL_SLOTS = 256;
const INITIAL_BYTES = 1 << 13;
/** Slots are doubled beyond this load: linear probing degrades quickly above it. */
const MAX_LOAD = 0.5;

export class ByteTable {
  /**
   * Two words a slot, side by side for the cache: the offset of its record in words, plus 1 (0 is
   * an empty slot), and the hash of its key.
   */
  #slots = new Uint32Array(INITIAL_SLOTS * 2);
  #slotCount = INITIAL_SLOTS;
  #bytes = new Uint8Array(INITIAL_BYTES);
  #words = new Uint32Array(this.#bytes.buffer);
  #used = 0;
  #garbage = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** A copy of the value, or `null` if the key is absent. */
  get(source: Uint8Array, keyStart: number, keyLength: number): Uint8Array | null {
    const slot = this.#find(hashBytes(source, keyStart, keyLength), source, keyStart, keyLength);
    return slot < 0 ? null : this.#valueAt(slot);
  }

  has(source: Uint8Array, keyStart: number, keyLength: number): boolean {
    return this.#find(hashBytes(source, keyStart, keyLength), source, keyStart, keyLength) >= 0;
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
    const slot = this.#find(hash, source, keyStart, keyLength);
    if (slot >= 0 && this.#overwrite(slot, source, valueStart, valueLength)) return;
    const record = this.#allocate(keyLength, valueLength);
    const word = record / 4;
    this.#words[word] = keyLength;
    this.#words[word + 1] = valueLength;
    this.#words[word + 2] = valueLength;
    copyBytes(source, keyStart, this.#bytes, record + HEADER_BYTES, keyLength);
    copyBytes(source, valueStart, this.#bytes, record + HEADER_BYTES + keyLength, valueLength);
    if (slot >= 0) {
      this.#garbage += this.#recordBytes(this.#wordOf(slot));
      this.#slots[slot * 2] = word + 1;
      return;
    }
    this.#insert(hash, word);
    this.#size++;
    if (this.#size > this.#slotCount * MAX_LOAD) this.#rehash();
  }

  delete(source: Uint8Array, keyStart: number, keyLength: number): boolean {
    const slot = this.#find(hashBytes(source, keyStart, keyLength), source, keyStart, keyLength);
    if (slot < 0) return false;
    this.#garbage += this.#recordBytes(this.#wordOf(slot));
    this.#size--;
    this.#shiftBack(slot);
    return true;
  }

  /** A 53-bit digest of the content, whatever the order in which it came. O(n). */
  digest(): number {
    let low = 0;
    let high = 0;
    for (let slot = 0; slot < this.#slotCount; slot++) {
      const occupied = this.#slots[slot * 2] as number;
      if (occupied === 0) continue;
      const record = (occupied - 1) * 4;
      const keyLength = this.#words[occupied - 1] as number;
      const valueLength = this.#words[occupied] as number;
      const key = hashBytes(this.#bytes, record + HEADER_BYTES, keyLength);
      const value = hashBytes(this.#bytes, record + HEADER_BYTES + keyLength, valueLength);
      low = (low + mix(key, value)) >>> 0;
      high = (high + mix(value, key ^ keyLength)) >>> 0;
    }
    return (high & 0x1f_ffff) * 0x1_0000_0000 + low;
  }

  /** Every key with its value, copied, in no particular order. */
  *entries(): Generator<[key: Uint8Array, value: Uint8Array]> {
    for (let slot = 0; slot < this.#slotCount; slot++) {
      if (this.#slots[slot * 2] === 0) continue;
      const word = this.#wordOf(slot);
      const start = word * 4 + HEADER_BYTES;
      const key = this.#bytes.slice(start, start + (this.#words[word] as number));
      yield [key, this.#valueAt(slot)];
    }
  }

  #wordOf(slot: number): number {
    return (this.#slots[slot * 2] as number) - 1;
  }

  #valueAt(slot: number): Uint8Array {
    const word = this.#wordOf(slot);
    const start = word * 4 + HEADER_BYTES + (this.#words[word] as number);
    return this.#bytes.slice(start, start + (this.#words[word + 1] as number));
  }

  #find(hash: number, source: Uint8Array, keyStart: number, keyLength: number): number {
    const mask = this.#slotCount - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const occupied = this.#slots[slot * 2] as number;
      if (occupied === 0) return -1;
      if (this.#slots[slot * 2 + 1] !== hash || this.#words[occupied - 1] !== keyLength) continue;
      const at = (occupied - 1) * 4 + HEADER_BYTES;
      let same = 0;
      while (same < keyLength && this.#bytes[at + same] === source[keyStart + same]) same++;
      if (same === keyLength) return slot;
    }
  }

  /** Writes the new value where the old one stands; false, and nothing done, if it does not fit. */
  #overwrite(slot: number, source: Uint8Array, valueStart: number, valueLength: number): boolean {
    const word = this.#wordOf(slot);
    if (valueLength > (this.#words[word + 2] as number)) return false;
    this.#words[word + 1] = valueLength;
    const at = word * 4 + HEADER_BYTES + (this.#words[word] as number);
    copyBytes(source, valueStart, this.#bytes, at, valueLength);
    return true;
  }

  #recordBytes(word: number): number {
    return recordBytes(this.#words[word] as number, this.#words[word + 2] as number);
  }

  #allocate(keyLength: number, valueLength: number): number {
    const needed = recordBytes(keyLength, valueLength);
    if (this.#used + needed > this.#bytes.byteLength) this.#makeRoom(needed);
    const record = this.#used;
    this.#used += needed;
    return record;
  }

  /**
   * Copies the live records into a buffer that leaves as much again free. Amortised O(1) per put.
   */
  #makeRoom(needed: number): void {
    const live = this.#used - this.#garbage + needed;
    let capacity = INITIAL_BYTES;
    while (capacity < live * 2) capacity *= 2;
    const bytes = new Uint8Array(capacity);
    const words = new Uint32Array(bytes.buffer);
    let used = 0;
    for (let slot = 0; slot < this.#slotCount; slot++) {
      const occupied = this.#slots[slot * 2] as number;
      if (occupied === 0) continue;
      const from = (occupied - 1) * 4;
      const size = this.#recordBytes(occupied - 1);
      bytes.set(this.#bytes.subarray(from, from + size), used);
      this.#slots[slot * 2] = used / 4 + 1;
      used += size;
    }
    this.#bytes = bytes;
    this.#words = words;
    this.#used = used;
    this.#garbage = 0;
  }

  #insert(hash: number, word: number): void {
    const mask = this.#slotCount - 1;
    let slot = hash & mask;
    while (this.#slots[slot * 2] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot * 2] = word + 1;
    this.#slots[slot * 2 + 1] = hash;
  }

  #rehash(): void {
    const slots = this.#slots;
    this.#slotCount *= 2;
    this.#slots = new Uint32Array(this.#slotCount * 2);
    for (let at = 0; at < slots.length; at += 2) {
      const occupied = slots[at] as number;
      if (occupied !== 0) this.#insert(slots[at + 1] as number, occupied - 1);
    }
  }

  /**
   * Knuth 6.4, algorithm R: moves later records of the run up, so that probing still finds them.
   */
  #shiftBack(emptied: number): void {
    const mask = this.#slotCount - 1;
    let hole = emptied;
    for (let slot = (hole + 1) & mask; this.#slots[slot * 2] !== 0; slot = (slot + 1) & mask) {
      const home = (this.#slots[slot * 2 + 1] as number) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#slots[hole * 2] = this.#slots[slot * 2] as number;
      this.#slots[hole * 2 + 1] = this.#slots[slot * 2 + 1] as number;
      hole = slot;
    }
    this.#slots[hole * 2] = 0;
  }
}

function recordBytes(keyLength: number, capacity: number): number {
  return (HEADER_BYTES + keyLength + capacity + 3) & ~3;
}

/** FNV-1a with a final avalanche, so that the low bits serve as slot numbers. */
export function hashBytes(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5;
  const end = start + length;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return mix(hash, length);
}

function mix(a: number, b: number): number {
  let z = (a ^ Math.imul(b, 0x9e3779b1)) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
