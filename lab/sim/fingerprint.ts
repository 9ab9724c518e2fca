/**
 * A hash over everything that happens in a run, in order: two runs with the same one were the same
 * run. 64 bits as two accumulators, by integer arithmetic alone, so that every machine agrees.
 */
export class Fingerprint {
  #a = 0x9e3779b9;
  #b = 0x85ebca6b;

  /** Any safe integer. */
  number(value: number): void {
    const low = value | 0;
    const high = low === value ? 0 : Math.floor(value / 0x1_0000_0000) | 0;
    this.#a = Math.imul(this.#a ^ low, 0x01000193) + high;
    this.#b = Math.imul(this.#b + low, 0x2c1b3c6d) ^ (this.#a >>> 15);
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i++) this.number(value.charCodeAt(i));
    this.number(value.length);
  }

  /** Sixteen hexadecimal digits. */
  toString(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#a) + hex(this.#b);
  }
}
