/**
 * Ctrl-C: the first one asks the sweep to stop and keep what is done, a second one ends the
 * process.
 */

/** npm passes on the signal that the terminal has already sent to the whole group. */
const SAME_KEYSTROKE_MS = 500;

export const EXIT_INTERRUPTED = 130;

/** Listens until released; `signal` aborts at the first interruption. */
export function listenForInterruption(): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  let firstMs: number | undefined;
  const onSignal = (): void => {
    const nowMs = performance.now();
    if (firstMs === undefined) {
      firstMs = nowMs;
      controller.abort();
    } else if (nowMs - firstMs > SAME_KEYSTROKE_MS) {
      process.exit(EXIT_INTERRUPTED);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
