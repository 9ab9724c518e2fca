/** Waiting for what must come: a condition, looked at until a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

/** Longer than anything here should take, on however busy a machine. */
const DEADLINE_MS = 30_000;
const LOOK_EVERY_MS = 5;

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await delay(LOOK_EVERY_MS);
  }
}
