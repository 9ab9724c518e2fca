/**
 * Processes that must not outlive this one. Whatever ends it ends them as well, with SIGKILL: its
 * own exit, or a signal that nobody else here handles. After a SIGKILL of its own they notice by
 * themselves if they run under npm (`src/stop-signals.ts`); else they go on until they are killed.
 */
import type { ChildProcess } from 'node:child_process';

const living = new Set<ChildProcess>();
let isWatching = false;

export function endWithThisProcess(child: ChildProcess): void {
  living.add(child);
  child.once('exit', () => living.delete(child));
  if (isWatching) return;
  isWatching = true;
  process.once('exit', endAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      // A command that handles it stops them as it should.
      if (process.listenerCount(signal) > 0) return;
      endAll();
      process.kill(process.pid, signal);
    });
  }
}

function endAll(): void {
  for (const child of living) child.kill('SIGKILL');
}
