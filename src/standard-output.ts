/**
 * Where a command prints. Who reads that may go away, as `head -1` does, and the disk behind it may
 * be full: then what is printed is lost, and nothing else. The work goes on, and the exit status
 * says what came of it.
 */

type Stream = typeof process.stdout | typeof process.stderr;

let isGuarded = false;

/** Standard output and standard error; from the first call on, no failed write ends the process. */
export function standardOutput(): { stdout: typeof process.stdout; stderr: typeof process.stderr } {
  const { stdout, stderr } = process;
  if (!isGuarded) {
    isGuarded = true;
    outlive(stdout, (reason) => {
      stderr.write(`standard output is not complete: ${reason}\n`);
    });
    // There is no place left to tell of it.
    outlive(stderr, () => {});
  }
  return { stdout, stderr };
}

/** `tell` hears of the first failure that is more than a reader who has seen enough. */
function outlive(stream: Stream, tell: (reason: string) => void): void {
  let hasFailed = false;
  stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (!hasFailed && code !== 'EPIPE') tell(message);
    hasFailed = true;
  });
}
