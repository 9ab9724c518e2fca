/**
 * What a benchmark is here, and how its result is kept: tinybench's own statistics, nothing
 * derived.
 */
import { Bench, type Statistics } from 'tinybench';

/** One task as measured once; `perIteration` operations make one sample of tinybench. */
export type TaskResult = {
  readonly group: string;
  readonly name: string;
  readonly perIteration: number;
  /** Milliseconds per iteration. */
  readonly latency: Omit<Statistics, 'samples'>;
  /** Iterations per second. */
  readonly throughput: Omit<Statistics, 'samples'>;
};

export type Task = {
  readonly group: string;
  readonly name: string;
  readonly perIteration: number;
  /**
   * Timed as a whole, unless it returns `{ overriddenDuration }` in milliseconds, or a promise of
   * it.
   */
  readonly run: () => unknown;
  /** Said, not found out: tinybench would find out by a call whose messages nobody awaits. */
  readonly async: boolean;
};

export type Budget = { readonly timeMs: number; readonly warmupMs: number };

/** Runs the tasks one after another; a task that throws ends it with its error. */
export async function measureTasks(tasks: readonly Task[], budget: Budget): Promise<TaskResult[]> {
  const bench = new Bench({
    time: budget.timeMs,
    warmupTime: budget.warmupMs,
    iterations: 3,
    warmupIterations: 1,
    throws: true,
  });
  for (const { name, run, async } of tasks) bench.add(name, run, { async });
  await bench.run();
  return bench.tasks.map(({ result }, i) => {
    const { group, name, perIteration } = tasks[i] as Task;
    if (result.state !== 'completed') throw new Error(`benchmark "${name}" ended ${result.state}`);
    const { latency, throughput } = result;
    return {
      group,
      name,
      perIteration,
      latency: summary(latency),
      throughput: summary(throughput),
    };
  });
}

function summary({ samples: _, ...statistics }: Statistics): Omit<Statistics, 'samples'> {
  return statistics;
}
