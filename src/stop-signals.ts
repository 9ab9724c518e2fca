/**
 * Ctrl-C and SIGTERM: the first asks to stop, a later one ends the process at once. A signal to npm
 * ends the shell in between and does not come this far: there the end of the parent counts as one.
 */

/** npm passes on the signal that a terminal has already sent to all of the group. */
const SAME_KEYSTROKE_MS = 500;

const PARENT_CHECK_MS = 250;

/** Listens from now on; resolves at the first signal. */
export function stopSignal(): Promise<void> {
  let firstMs: number | null = null;
  return new Promise((resolve) => {
    const onSignal = (): void => {
      firstMs ??= performance.now();
      if (performance.now() - firstMs > SAME_KEYSTROKE_MS) process.exit(1);
      resolve();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    if (process.env.npm_lifecycle_event !== undefined) watchParent(onSignal);
  });
}

/** Without npm a process may well be meant to outlive the shell that started it. */
function watchParent(ended: () => void): void {
  const parent = process.ppid;
  const checking = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(checking);
    ended();
  }, PARENT_CHECK_MS);
  checking.unref();
}
