/**
 * Lines of a stream of bytes. Only the line feed ends one: `node:readline` takes U+2028 for an end
 * too, which JSON text may hold.
 */
const LINE_FEED = 0x0a;

export class Lines {
  readonly #hear: (line: Uint8Array) => void;
  /** The pieces of a line whose end has not come. */
  #begun: Uint8Array[] = [];

  constructor(hear: (line: Uint8Array) => void) {
    this.#hear = hear;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    let end = chunk.indexOf(LINE_FEED);
    while (end >= 0) {
      this.#begun.push(chunk.subarray(from, end));
      this.#finish();
      from = end + 1;
      end = chunk.indexOf(LINE_FEED, from);
    }
    if (from < chunk.byteLength) this.#begun.push(chunk.subarray(from));
  }

  /** The stream is over: what it ends with is a line even so. */
  end(): void {
    if (this.#begun.length > 0) this.#finish();
  }

  #finish(): void {
    const line = Buffer.concat(this.#begun);
    this.#begun = [];
    if (line.byteLength > 0) this.#hear(line);
  }
}
