/**
 * Real time: one clock for all threads of a process, and a cheap timer on
 * it.
 */
import type { Clock } from './node.ts';

// `performance.now` counts from the start of its own thread; `hrtime` is the same in all of them.
const offsetUs = measureOffsetUs();

/** From the tightest of several readings: a thread may lose its core between the two clocks. */
function measureOffsetUs(): number {
  let bestUs = Number.POSITIVE_INFINITY;
  let offset = 0;
  for (let i = 0; i < 20; i++) {
    const beforeUs = performance.now() * 1e3;
    const [seconds, nanoseconds] = process.hrtime();
    const afterUs = performance.now() * 1e3;
    if (afterUs - beforeUs >= bestUs) continue;
    bestUs = afterUs - beforeUs;
    offset = seconds * 1e6 + nanoseconds / 1e3 - (beforeUs + afterUs) / 2;
  }
  return offset;
}

/** Integer microseconds on a monotonic clock that all threads share. */
export function nowUs(): number {
  return Math.floor(performance.now() * 1e3 + offsetUs);
}

/**
 * A clock whose timer is moved at every step and seldom fires: a later deadline leaves the running
 * timer alone, which then finds that it is early and waits for the rest.
 */
export function createClock(): Clock {
  let deadlineUs = Number.POSITIVE_INFINITY;
  let fire: (lateUs: number) => void = () => {};
  let timer: NodeJS.Timeout | null = null;
  let armedUs = Number.POSITIVE_INFINITY;
  const arm = (): void => {
    if (timer !== null) clearTimeout(timer);
    armedUs = deadlineUs;
    timer = setTimeout(onTimeout, Math.max(0, Math.ceil((deadlineUs - nowUs()) / 1000)));
  };
  const onTimeout = (): void => {
    timer = null;
    armedUs = Number.POSITIVE_INFINITY;
    const lateUs = nowUs() - deadlineUs;
    if (lateUs >= 0) {
      deadlineUs = Number.POSITIVE_INFINITY;
      fire(lateUs);
    } else if (deadlineUs < Number.POSITIVE_INFINITY) arm();
  };
  return {
    nowUs,
    setTimer(atUs, callback) {
      deadlineUs = atUs;
      fire = callback;
      if (atUs < armedUs) arm();
    },
  };
}
