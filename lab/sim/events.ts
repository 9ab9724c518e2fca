/** Virtual time: what is to happen, in order of its moments, and of its coming for equal ones. */
import TinyQueue from 'tinyqueue';

type Event = {
  readonly atUs: number;
  readonly order: number;
  readonly happen: (argument: number) => void;
  /** Handed to `happen`, so that nobody needs a closure for a number. */
  readonly argument: number;
};

export class Events {
  /** Integer microseconds since the start of the run. */
  nowUs = 0;
  /** Events that have happened. */
  count = 0;
  #order = 0;
  readonly #queue = new TinyQueue<Event>([], (a, b) => a.atUs - b.atUs || a.order - b.order);

  /** Events that are still to happen. */
  get pending(): number {
    return this.#queue.length;
  }

  /** Lets `happen` happen at `atUs`, or now if that is past. O(log events). */
  at(atUs: number, happen: (argument: number) => void, argument = 0): void {
    this.#queue.push({ atUs: Math.max(atUs, this.nowUs), order: this.#order++, happen, argument });
  }

  after(delayUs: number, happen: (argument: number) => void, argument = 0): void {
    this.at(this.nowUs + delayUs, happen, argument);
  }

  /** The next event, if it is due by `untilUs`; false if none is. */
  step(untilUs: number): boolean {
    const next = this.#queue.peek();
    if (next === undefined || next.atUs > untilUs) {
      this.nowUs = Math.max(this.nowUs, untilUs);
      return false;
    }
    this.#queue.pop();
    this.nowUs = next.atUs;
    this.count++;
    next.happen(next.argument);
    return true;
  }
}
