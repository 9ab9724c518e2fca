/** The thread of one run: tells its parent what to print, and with which status to exit. */
import { Writable } from 'node:stream';
import { parentPort, workerData } from 'node:worker_threads';
import type { Output } from '../sweep/progress.ts';
import type { SingleRequest } from './arguments.ts';
import { withMistakes } from './commands.ts';
import type { Simulator, SingleContext } from './context.ts';
import { singleRun } from './single-run.ts';

type Terminal = { readonly isTTY: boolean; readonly columns: number | undefined };

export type SingleWorkerData = {
  readonly request: SingleRequest;
  readonly resultsDirectory: string;
  readonly terminals: { readonly stdout: Terminal; readonly stderr: Terminal };
  readonly commit: string | null;
  /** The first element counts what has begun and ended. */
  readonly beats: Int32Array;
};

export type Told =
  | { readonly to: 'stdout' | 'stderr'; readonly text: string }
  | { readonly to: 'exit'; readonly status: number };

const data = workerData as SingleWorkerData;

function tell(told: Told): void {
  parentPort?.postMessage(told);
}

/** Posts at once, so that what is told before a loop is seen. */
function outputTo(to: 'stdout' | 'stderr'): Output {
  const { isTTY, columns } = data.terminals[to];
  const stream = new Writable({
    decodeStrings: false,
    write: (text, _encoding, done) => {
      tell({ to, text: String(text) });
      done();
    },
  });
  return Object.assign(stream, { isTTY }, columns === undefined ? {} : { columns });
}

async function simulator(mutant: string | undefined): Promise<Simulator> {
  // Before the simulator, so that no module of the source is loaded without its edits.
  const isLoaded = mutant === undefined ? () => true : await plant(mutant);
  const [{ runSchedule }, { scheduleOf }] = await Promise.all([
    import('../sim/run.ts'),
    import('../sim/profiles.ts'),
  ]);
  if (!isLoaded()) throw new Error(`mutant ${mutant} was loaded too late`);
  return {
    scheduleOf,
    runSchedule: (schedule, options) => {
      Atomics.add(data.beats, 0, 1);
      const result = runSchedule(schedule, options);
      Atomics.add(data.beats, 0, 1);
      return result;
    },
  };
}

async function plant(mutant: string): Promise<() => boolean> {
  const [{ loadMutant }, { mutantNamed }] = await Promise.all([
    import('../mutants/patch.ts'),
    import('../mutants/catalogue.ts'),
  ]);
  return loadMutant(mutantNamed(mutant));
}

const interruption = new AbortController();
parentPort?.once('message', () => interruption.abort());
// Whoever listens must not keep the thread alive.
parentPort?.unref();

const context: SingleContext = {
  stdout: outputTo('stdout'),
  stderr: outputTo('stderr'),
  resultsDirectory: data.resultsDirectory,
  commit: () => data.commit,
  nowMs: () => performance.now(),
  simulator,
  interruption: () => ({ signal: interruption.signal, release: () => {} }),
};
tell({ to: 'exit', status: await withMistakes(context, () => singleRun(context, data.request)) });
