/** A thread that runs seeds of the simulator, one after the other, and tells what came of each. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Profile, scheduleOf } from '../../lab/sim/profiles.ts';
import { runSchedule } from '../../lab/sim/run.ts';
import type { RunResult } from '../../lab/verdict.ts';

export type SeedTask = {
  readonly seed: number;
  readonly profile: Profile;
  readonly trace: boolean;
};

/** What a run has shown, without all that happened in it. */
export type SeedResult = Pick<
  RunResult,
  'verdict' | 'traceHash' | 'coverage' | 'simulatedMs' | 'events'
> & { readonly task: SeedTask; readonly operations: number };

export function runSeed(task: SeedTask): SeedResult {
  const { seed, profile, trace } = task;
  const { verdict, traceHash, coverage, simulatedMs, events, history } = runSchedule(
    scheduleOf(seed, profile),
    { trace },
  );
  return { task, verdict, traceHash, coverage, simulatedMs, events, operations: history.length };
}

const tasks = (workerData ?? {}) as { readonly seedTasks?: readonly SeedTask[] };
for (const task of tasks.seedTasks ?? []) parentPort?.postMessage(runSeed(task));
