/** Runs the trials of a plan: simulated ones on all cores, those in real time one by one. */
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { Factors } from '../results.ts';
import { closeThreads } from '../threads/pool.ts';
import { type Plan, seedOf } from './cells.ts';
import type { AnyStudy } from './study.ts';
import { type Outcome, runTrials, type Task } from './worker.ts';

const WORKER = new URL('./worker.ts', import.meta.url).href;
/** Of each cell: so many that threads end together, and so few that messages cost nothing. */
const TASKS_PER_CELL = 20;

export type CellOutcomes = { readonly cell: Factors; readonly outcomes: readonly Outcome[] };

/** Threads that outlive a study, for those who run several. */
export class StudyPool {
  readonly #pool: Piscina<Task, Outcome[]>;

  constructor() {
    const threads = availableParallelism();
    this.#pool = new Piscina({
      filename: WORKER,
      name: 'runTrials',
      minThreads: threads,
      maxThreads: threads,
      atomics: 'disabled',
    });
  }

  /**
   * The outcomes of each cell in the order of its trials; `ended` is told how many trials have
   * ended since. Rejects when `signal` aborts.
   */
  async run(
    name: string,
    study: AnyStudy,
    file: string,
    plan: Plan,
    signal: AbortSignal,
    ended: (trials: number) => void,
  ): Promise<CellOutcomes[]> {
    const running = plan.cells.map(({ cell, trials }) => {
      const numbers =
        plan.onlyTrial === null ? Array.from({ length: trials }, (_, i) => i) : [plan.onlyTrial];
      const seeded = numbers.map((trial) => {
        return { trial, seed: seedOf(name, study, cell, plan.seed, trial) };
      });
      const size = study.host === 'threads' ? 1 : Math.ceil(seeded.length / TASKS_PER_CELL);
      const tasks: Task[] = [];
      for (let at = 0; at < seeded.length; at += size) {
        tasks.push({ file, cell, trials: seeded.slice(at, at + size) });
      }
      return { cell, tasks };
    });
    const runTask = async (task: Task): Promise<Outcome[]> => {
      const outcomes =
        study.host === 'sim' ? await this.#pool.run(task, { signal }) : await runTrials(task);
      signal.throwIfAborted();
      ended(outcomes.length);
      return outcomes;
    };
    const results: CellOutcomes[] = [];
    if (study.host === 'sim') {
      const all = running.map(async ({ cell, tasks }) => {
        return { cell, outcomes: (await Promise.all(tasks.map(runTask))).flat() };
      });
      return Promise.all(all);
    }
    for (const { cell, tasks } of running) {
      const outcomes: Outcome[] = [];
      for (const task of tasks) outcomes.push(...(await runTask(task)));
      results.push({ cell, outcomes });
    }
    return results;
  }

  /** Ends the threads of clusters as well. */
  async close(): Promise<void> {
    await this.#pool.destroy();
    await closeThreads();
  }
}
