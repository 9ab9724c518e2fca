/** The threads of a swarm. */
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { Pool } from './context.ts';
import type { SeedSummary } from './seed-summary.ts';
import type { ChunkTask } from './worker.ts';

const WORKER = new URL('./worker.ts', import.meta.url);

/** One thread per core unless told otherwise. */
export function createPool(threads = availableParallelism()): Pool {
  const pool = new Piscina({
    filename: WORKER.href,
    minThreads: threads,
    maxThreads: threads,
    atomics: 'disabled',
  });
  return {
    threads,
    run: (seeds, profile): Promise<SeedSummary[]> =>
      pool.run({ seeds, profile } satisfies ChunkTask),
    close: () => pool.destroy(),
  };
}
