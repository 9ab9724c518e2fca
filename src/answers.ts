/**
 * The answers that one session keeps for requests which may be repeated (§6.3), by request number.
 * Their memory follows how many are kept, whatever their numbers. Those of a client that counts lie
 * in a ring from the lowest number pending on; a number too far ahead for a ring that would be
 * mostly empty lies in a map.
 */
import type { Result } from './command.ts';

/** What each answer costs, as long as it is kept; measured by test/sessions.test.ts. */
export const ANSWER_BYTES = 112;
/** What a value in it costs beside its bytes. */
export const VALUE_BYTES = 192;

const FIRST_SLOTS = 16;
/** A ring grows while it has at most as many slots for each answer, and shrinks beyond twice. */
const SLOTS_PER_ANSWER = 4;

export class Answers {
  /** The client waits for nothing below. */
  lowestPending: number;
  /** How many are kept. */
  size = 0;
  /** What those kept cost: a function of them alone, not of how they came. */
  bytes = 0;
  /** Indexed by request number modulo its length, a power of two. */
  #ring: (Result | undefined)[];
  #beyond: Map<number, Result> | null = null;

  constructor(lowestPending: number) {
    this.lowestPending = lowestPending;
    this.#ring = emptyRing(FIRST_SLOTS);
  }

  /** The answer to a request that is not below `lowestPending`. */
  get(requestNumber: number): Result | undefined {
    const ring = this.#ring;
    if (requestNumber - this.lowestPending < ring.length) {
      const answer = ring[requestNumber & (ring.length - 1)];
      if (answer !== undefined) return answer;
    }
    return this.#beyond === null ? undefined : this.#beyond.get(requestNumber);
  }

  /** Keeps the answer to a request that has none yet. O(1), amortized. */
  keep(requestNumber: number, answer: Result): void {
    const ahead = requestNumber - this.lowestPending;
    if (ahead < this.#ring.length || this.#grow(ahead + 1)) {
      this.#ring[requestNumber & (this.#ring.length - 1)] = answer;
    } else {
      this.#beyond ??= new Map();
      this.#beyond.set(requestNumber, answer);
    }
    this.size++;
    this.bytes += costOf(answer);
  }

  /**
   * Forgets the answers below. O(min(numbers passed, answers kept)), but for a factor; never goes
   * back.
   */
  forgetBelow(lowestPending: number): void {
    const passed = lowestPending - this.lowestPending;
    if (passed <= 0) return;
    if (this.size > 0) {
      this.#forgetInRing(passed);
      if (this.#beyond !== null) this.#forgetBeyond(this.#beyond, lowestPending);
    }
    this.lowestPending = lowestPending;
    const { length } = this.#ring;
    if (length > FIRST_SLOTS && length > 2 * SLOTS_PER_ANSWER * this.size) {
      this.#resize(powerOfTwoFrom(2 * this.size));
    }
  }

  /** As they are now. Answers never change: their references are copied. */
  copy(): Answers {
    const copy = new Answers(this.lowestPending);
    copy.size = this.size;
    copy.bytes = this.bytes;
    copy.#ring = this.#ring.slice();
    copy.#beyond = this.#beyond === null ? null : new Map(this.#beyond);
    return copy;
  }

  /** In no particular order. */
  *entries(): Generator<[requestNumber: number, answer: Result], undefined> {
    const ring = this.#ring;
    for (let i = 0; i < ring.length; i++) {
      const requestNumber = this.lowestPending + i;
      const answer = ring[requestNumber & (ring.length - 1)];
      if (answer !== undefined) yield [requestNumber, answer];
    }
    if (this.#beyond !== null) yield* this.#beyond;
  }

  /** False if there are too few answers for a ring that reaches so far. */
  #grow(needed: number): boolean {
    const length = powerOfTwoFrom(needed);
    if (length > SLOTS_PER_ANSWER * (this.size + 1)) return false;
    this.#resize(length);
    return true;
  }

  #resize(length: number): void {
    const { lowestPending } = this;
    const before = this.#ring;
    const ring = emptyRing(length);
    const beyond = this.#beyond ?? new Map<number, Result>();
    for (const [requestNumber, answer] of beyond) {
      if (requestNumber - lowestPending >= length) continue;
      ring[requestNumber & (length - 1)] = answer;
      beyond.delete(requestNumber);
    }
    for (let i = 0; i < before.length; i++) {
      const requestNumber = lowestPending + i;
      const answer = before[requestNumber & (before.length - 1)];
      if (answer === undefined) continue;
      if (i < length) ring[requestNumber & (length - 1)] = answer;
      else beyond.set(requestNumber, answer);
    }
    this.#ring = ring;
    this.#beyond = beyond.size === 0 ? null : beyond;
  }

  #forgetInRing(passed: number): void {
    const ring = this.#ring;
    // What lies a whole ring further has no slot of its own; then all of the ring is forgotten.
    const slots = Math.min(passed, ring.length);
    for (let i = 0; i < slots; i++) {
      const at = (this.lowestPending + i) & (ring.length - 1);
      const answer = ring[at];
      if (answer === undefined) continue;
      ring[at] = undefined;
      this.#forgot(answer);
    }
  }

  #forgetBeyond(beyond: Map<number, Result>, lowestPending: number): void {
    if (lowestPending - this.lowestPending < beyond.size) {
      for (let number = this.lowestPending; number < lowestPending; number++) {
        const answer = beyond.get(number);
        if (answer === undefined) continue;
        beyond.delete(number);
        this.#forgot(answer);
      }
    } else {
      for (const [requestNumber, answer] of beyond) {
        if (requestNumber >= lowestPending) continue;
        beyond.delete(requestNumber);
        this.#forgot(answer);
      }
    }
    if (beyond.size === 0) this.#beyond = null;
  }

  #forgot(answer: Result): void {
    this.size--;
    this.bytes -= costOf(answer);
  }
}

function emptyRing(length: number): (Result | undefined)[] {
  return new Array<Result | undefined>(length).fill(undefined);
}

/** Of at least the first slots. */
function powerOfTwoFrom(least: number): number {
  let length = FIRST_SLOTS;
  while (length < least) length *= 2;
  return length;
}

function costOf({ value }: Result): number {
  return value === null ? ANSWER_BYTES : ANSWER_BYTES + VALUE_BYTES + value.byteLength;
}
