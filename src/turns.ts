/**
 * The turns of a node on an event loop: what comes in during one goes out together at its end, and
 * long work is done in slices between them.
 */
export class Turns {
  readonly #flush: () => void;
  #flushing: NodeJS.Immediate | null = null;
  readonly #later = new Set<NodeJS.Immediate>();

  /** `flush` ends a turn. */
  constructor(flush: () => void) {
    this.#flush = flush;
  }

  /** Something has come in: the turn ends with the event loop's, if not before. */
  readonly flushSoon = (): void => {
    this.#flushing ??= setImmediate(this.flush);
  };

  /** Ends the turn, if anything has come in. */
  readonly flush = (): void => {
    if (this.#flushing === null) return;
    clearImmediate(this.#flushing);
    this.#flushing = null;
    this.#flush();
  };

  /** Calls `then` in a turn of its own. */
  readonly later = (then: () => void): void => {
    const immediate = setImmediate(() => {
      this.#later.delete(immediate);
      then();
      this.flushSoon();
    });
    this.#later.add(immediate);
  };

  stop(): void {
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    this.#flushing = null;
    for (const immediate of this.#later) clearImmediate(immediate);
    this.#later.clear();
  }
}
