/** The threads of all clusters of this process. */
import { Piscina } from 'piscina';

let pool: Piscina | null = null;
const THREADS_MAX = 64;
const IDLE_MS = 60_000;

/**
 * The pool of all hosts: threads are kept between trials, since starting one takes longer than
 * electing.
 */
export function threads(): Piscina {
  pool ??= new Piscina({
    minThreads: 0,
    maxThreads: THREADS_MAX,
    idleTimeout: IDLE_MS,
    atomics: 'disabled',
  });
  return pool;
}

/** Ends all idle threads; call it when no cluster runs. */
export async function closeThreads(): Promise<void> {
  const closing = pool;
  pool = null;
  await closing?.destroy();
}
