/**
 * Frames on their way, one timer for all of a thread's links. Precise to the timers' millisecond.
 */
import TinyQueue from 'tinyqueue';

type Delayed = { readonly atUs: number; readonly order: number; readonly deliver: () => void };

export class DelayQueue {
  /** By time, and by arrival where times are equal: a constant delay does not reorder. */
  readonly #queue = new TinyQueue<Delayed>([], (a, b) => a.atUs - b.atUs || a.order - b.order);
  #order = 0;
  readonly #nowUs: () => number;
  #timer: NodeJS.Timeout | null = null;
  #timerAtUs = Number.POSITIVE_INFINITY;

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  add(atUs: number, deliver: () => void): void {
    this.#queue.push({ atUs, order: this.#order++, deliver });
    if (atUs < this.#timerAtUs) this.#arm(atUs);
  }

  clear(): void {
    while (this.#queue.pop() !== undefined);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerAtUs = Number.POSITIVE_INFINITY;
  }

  #arm(atUs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtUs = atUs;
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, (atUs - this.#nowUs()) / 1000));
  }

  #fire(): void {
    this.#timerAtUs = Number.POSITIVE_INFINITY;
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      if (next.atUs > this.#nowUs()) {
        this.#arm(next.atUs);
        return;
      }
      this.#queue.pop();
      next.deliver();
    }
  }
}
