/** All trials of an experiment, on as many threads as there are cores. */
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { Task, Trial } from './trial.ts';

const WORKER = new URL('./worker.ts', import.meta.url).href;

/**
 * Runs the tasks; the results have their order. Rejects with the first error, and when `signal`
 * aborts.
 */
export async function runTasks<R>(
  tasks: readonly Task[],
  signal: AbortSignal,
  ended: () => void,
): Promise<Trial<R>[]> {
  const threads = Math.min(availableParallelism(), tasks.length);
  const pool = new Piscina({
    filename: WORKER,
    minThreads: threads,
    maxThreads: threads,
    atomics: 'disabled',
  });
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const run = async ({ run: name, ...argument }: Task): Promise<Trial<R>> => {
    try {
      const trial: Trial<R> = await pool.run(argument, { name, signal: stop });
      ended();
      return trial;
    } catch (error) {
      // The others need not begin.
      if (!stop.aborted) failed.abort(error);
      throw error;
    }
  };
  try {
    return await Promise.all(tasks.map(run));
  } catch (error) {
    signal.throwIfAborted();
    throw failed.signal.aborted ? failed.signal.reason : error;
  } finally {
    await pool.destroy();
  }
}
