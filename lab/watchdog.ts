/**
 * Notices a thread that no longer gets anywhere: an endless loop within one event of a simulation
 * ends by itself in no time, and the thread that is in it hears no message and no signal.
 */

export type Watched = {
  /** A number that changes whenever the thread has got on; 0 until it has begun. */
  beat(): number;
  /** How long it may stay the same. */
  limitMs(): number;
  /** Called at most once. */
  hung(): void;
};

/** The limit of all commands, unless a flag sets another. */
export const HANG_S_DEFAULT = 60;
export const HANG_S_BOUNDS = { low: 1, high: 86_400 };
/** A busy machine slows all runs down, but not one of them so much more than the others. */
const TIMES_USUAL = 50;
const TICK_MS = 250;
/** To load what it runs, at least. */
const START_MS = 60_000;

/** Watches until the function that it returns is called, or until there is no beat for too long. */
export function watch({ beat, limitMs, hung }: Watched): () => void {
  let last = beat();
  let lastMs = performance.now();
  let stillMs = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    // While this process was stopped, or did not get a core, neither did the thread.
    stillMs += Math.min(nowMs - lastMs, 2 * TICK_MS);
    lastMs = nowMs;
    const now = beat();
    if (now !== last) stillMs = 0;
    last = now;
    if (stillMs < (now === 0 ? Math.max(START_MS, limitMs()) : limitMs())) return;
    clearInterval(timer);
    hung();
  }, TICK_MS);
  return () => clearInterval(timer);
}

/** `usualMs` is what a run takes so far; `null` before the first. */
export function limitFor(leastMs: number, usualMs: number | null): number {
  return Math.max(leastMs, TIMES_USUAL * (usualMs ?? 0));
}

export function hangText(limitMs: number): string {
  return `the run did not end: nothing happened for ${Math.round(limitMs / 1000)} s (--hang-s)`;
}
