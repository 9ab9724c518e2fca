/**
 * The configurations that a search has been in: which operations it had placed, and the state they
 * led to. Lowe (Testing for linearizability, 2017) found that remembering them is what keeps Wing
 * and Gong's search from going through the same futures again and again. Entries are compared
 * whole, so that two that share a hash are never taken for one another.
 */

/**
 * Operations by number, a bit each. Most have been placed up to some point and none from a little
 * later on, so only the words between are written out.
 */
export class PlacedSet {
  readonly #words: Int32Array;
  /** The first word that is not all ones. */
  #low = 0;
  /** The last word that is not zero; -1 if all are. */
  #high = -1;

  constructor(size: number) {
    // One word more than needed, which never fills.
    this.#words = new Int32Array((size >>> 5) + 1);
  }

  /** Words that an entry takes at most. */
  get capacity(): number {
    return this.#words.length + 2;
  }

  has(number: number): boolean {
    return ((this.#words[number >>> 5] as number) & (1 << (number & 31))) !== 0;
  }

  add(number: number): void {
    const words = this.#words;
    const at = number >>> 5;
    words[at] = (words[at] as number) | (1 << (number & 31));
    if (at > this.#high) this.#high = at;
    while (words[this.#low] === -1) this.#low++;
  }

  remove(number: number): void {
    const words = this.#words;
    const at = number >>> 5;
    words[at] = (words[at] as number) & ~(1 << (number & 31));
    if (at < this.#low) this.#low = at;
    while (this.#high >= 0 && words[this.#high] === 0) this.#high--;
  }

  /** Writes itself to `target` from `at` on, and returns where it ends. */
  write(target: Int32Array, at: number): number {
    const low = this.#low;
    const count = Math.max(0, this.#high - low + 1);
    target[at] = low;
    target[at + 1] = count;
    for (let i = 0; i < count; i++) target[at + 2 + i] = this.#words[low + i] as number;
    return at + 2 + count;
  }
}

/** A hash table with linear probing over entries that lie one after another in one array. */
export class VisitedSet {
  /** Where an entry starts, plus 1; 0 is a free slot. */
  #slots: Int32Array;
  #entries: Int32Array;
  #end = 0;
  #count = 0;
  /** Entries that the last `add` has looked at. */
  compared = 0;

  /** `expected` is about how many configurations will come. */
  constructor(expected: number) {
    let slots = 64;
    while (slots < 2 * expected) slots *= 2;
    this.#slots = new Int32Array(slots);
    this.#entries = new Int32Array(10 * Math.max(64, expected));
  }

  /**
   * Adds a configuration: two states, what has been placed, and what has been spent. `false` if one
   * is there that differs at most in having spent less, from which all the same can be reached.
   * `hash` must follow from all but `spent`; the two sets are the same ones, changed, in all calls.
   */
  add(hash: number, state: number, also: number, placed: PlacedSet, spent: PlacedSet): boolean {
    const start = this.#end;
    const needed = start + 3 + placed.capacity + spent.capacity;
    if (needed > this.#entries.length) this.#growEntries(needed);
    const entries = this.#entries;
    entries[start] = hash;
    entries[start + 1] = state;
    entries[start + 2] = also;
    const middle = placed.write(entries, start + 3);
    const end = spent.write(entries, middle);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    this.compared = 0;
    for (let there = slots[slot] as number; there !== 0; there = slots[slot] as number) {
      this.compared++;
      if (this.#covers(there - 1, start, middle)) return false;
      slot = (slot + 1) & mask;
    }
    slots[slot] = start + 1;
    this.#end = end;
    this.#count++;
    if (2 * this.#count > slots.length) this.#growSlots();
    return true;
  }

  /** Whether the entry `there` is equal to the one at `start` up to `middle`, and spent no more. */
  #covers(there: number, start: number, middle: number): boolean {
    const entries = this.#entries;
    // Lengths stand within, so sets that differ in length differ before the shorter one's end.
    let at = there;
    for (let i = start; i < middle; i++, at++) if (entries[i] !== entries[at]) return false;
    const low = entries[middle] as number;
    const high = low + (entries[middle + 1] as number);
    const lowThere = entries[at] as number;
    const countThere = entries[at + 1] as number;
    if (lowThere > low) return false;
    for (let i = 0; i < countThere; i++) {
      const word = lowThere + i;
      if (word < low) continue;
      const spent = word < high ? (entries[middle + 2 + word - low] as number) : 0;
      if (((entries[at + 2 + i] as number) & ~spent) !== 0) return false;
    }
    return true;
  }

  #growEntries(needed: number): void {
    const grown = new Int32Array(Math.max(needed, 2 * this.#entries.length));
    grown.set(this.#entries.subarray(0, this.#end));
    this.#entries = grown;
  }

  #growSlots(): void {
    const old = this.#slots;
    const slots = new Int32Array(2 * old.length);
    const mask = slots.length - 1;
    for (const there of old) {
      if (there === 0) continue;
      let slot = (this.#entries[there - 1] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = there;
    }
    this.#slots = slots;
  }
}

/** Spreads a number over 32 bits; the finalizer of MurmurHash3 (Appleby). */
export function scramble(number: number): number {
  let h = number;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
