/** The threads of a swarm. */
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { hangText, limitFor, watch } from '../watchdog.ts';
import type { Pool } from './context.ts';
import { hangSummary, type SeedSummary } from './seed-summary.ts';
import { Distribution } from './tally.ts';
import type { SeedTask } from './worker.ts';

const WORKER = new URL('./worker.ts', import.meta.url);

/**
 * One thread per core unless told otherwise. A thread that stays at one seed for `hangMs`, and for
 * many times as long as the others, is ended, and another takes its place.
 */
export function createPool(threads = availableParallelism(), hangMs: number): Pool {
  const pool = new Piscina({
    filename: WORKER.href,
    minThreads: threads,
    maxThreads: threads,
    atomics: 'disabled',
  });
  const wallMs = new Distribution();
  const limitMs = (): number => limitFor(hangMs, wallMs.quantile(0.5));
  let closed: Promise<void> | undefined;
  return {
    threads,
    run: async (seed, profile): Promise<SeedSummary> => {
      const hang = new AbortController();
      const hung = (): void => hang.abort();
      const begun = new Int32Array(new SharedArrayBuffer(4));
      const release = watch({ beat: () => Atomics.load(begun, 0), limitMs, hung });
      try {
        const task: SeedTask = { seed, profile, begun };
        const summary: SeedSummary = await pool.run(task, { signal: hang.signal });
        wallMs.add(Math.round(summary.result.wallMs));
        return summary;
      } catch (error) {
        if (!hang.signal.aborted) throw error;
        return hangSummary(seed, hangText(limitMs()));
      } finally {
        release();
      }
    },
    close: () => {
      closed ??= pool.destroy();
      return closed;
    },
  };
}
