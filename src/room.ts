/** Bytes in memory that are kept for requests under way: how many are, and how many may be. */
export class Room {
  readonly #bytesMax: number;
  #usedBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  has(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#bytesMax;
  }

  /** Whether there is room for them or not. */
  take(bytes: number): void {
    this.#usedBytes += bytes;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/** Of answers that clients have not taken, and of what is read for them. */
const ANSWERS_BYTES_MAX = 64 * 2 ** 20;

export function createAnswerRoom(): Room {
  return new Room(ANSWERS_BYTES_MAX);
}
