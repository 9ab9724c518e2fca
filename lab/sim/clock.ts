/**
 * A server's own clock against the simulator's time: ahead or behind, fast or slow, stopped or made
 * to jump. As a monotonic clock it never goes back; one that is set back stands still instead.
 */
import type { ClockSettings } from '../schedule.ts';

const PPM = 1_000_000;

export class NodeClock {
  /** The line that the clock follows: `#baseUs` at `#fromUs`, and on at its own rate. */
  #fromUs = 0;
  #baseUs: number;
  #driftPpm: number;
  /** What it has shown already. */
  #shownUs = 0;
  #stopped = false;

  constructor({ offsetMs, driftPpm }: ClockSettings) {
    this.#baseUs = Math.round(offsetMs * 1000);
    this.#driftPpm = driftPpm;
  }

  /** What the clock shows at a moment of the simulator's time; both never fall. */
  readUs(atUs: number): number {
    this.#shownUs = Math.max(this.#shownUs, this.#lineUs(atUs));
    return this.#shownUs;
  }

  /** The first moment at which the clock shows `localUs`, as it goes now. */
  whenUs(localUs: number): number {
    if (localUs <= this.#shownUs) return this.#fromUs;
    const elapsedUs = Math.ceil(((localUs - this.#baseUs) * PPM) / (PPM + this.#driftPpm));
    return this.#fromUs + Math.max(0, elapsedUs);
  }

  /** From now on it gains so many microseconds a second. */
  drift(atUs: number, driftPpm: number): void {
    this.#rebase(atUs, this.#lineUs(atUs));
    this.#driftPpm = driftPpm;
  }

  get driftPpm(): number {
    return this.#driftPpm;
  }

  jump(atUs: number, byUs: number): void {
    this.#rebase(atUs, this.#lineUs(atUs) + byUs);
  }

  /** Stands still, as a suspended machine's does. */
  stop(atUs: number): void {
    this.#rebase(atUs, this.#lineUs(atUs));
    this.#stopped = true;
  }

  go(atUs: number): void {
    this.#rebase(atUs, this.#lineUs(atUs));
    this.#stopped = false;
  }

  #rebase(atUs: number, baseUs: number): void {
    this.#fromUs = atUs;
    this.#baseUs = baseUs;
  }

  #lineUs(atUs: number): number {
    if (this.#stopped) return this.#baseUs;
    const elapsedUs = atUs - this.#fromUs;
    return this.#baseUs + elapsedUs + Math.floor((elapsedUs * this.#driftPpm) / PPM);
  }
}
