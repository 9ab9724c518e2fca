/**
 * One run in a thread of its own: this one stays free to notice that the run hangs, and to hear
 * signals meanwhile.
 */
import { Worker } from 'node:worker_threads';
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import { hangText, watch } from '../watchdog.ts';
import type { SingleRequest } from './arguments.ts';
import { type Context, columnsOf, EXIT_FAILED } from './context.ts';
import { reproduceLine } from './reproduce.ts';
import type { SingleWorkerData, Told } from './single-worker.ts';
import { labelled } from './text.ts';

const WORKER = new URL('./single-worker.ts', import.meta.url);
/** To write what shrinking has come to when somebody interrupts. */
const SHRINK_GRACE_MS = 5000;

/** Returns the exit status; rejects with what the run throws. */
export async function singleInThread(context: Context, request: SingleRequest): Promise<number> {
  const { resultsDirectory, stdout, stderr } = context;
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const terminal = ({ isTTY = false, columns }: Context['stdout']) => ({ isTTY, columns });
  const worker = new Worker(WORKER, {
    workerData: {
      request,
      resultsDirectory,
      terminals: { stdout: terminal(stdout), stderr: terminal(stderr) },
      commit: context.commit(),
      beats,
    } satisfies SingleWorkerData,
  });
  let status: number | undefined;
  const end = (as: number): void => {
    status ??= as;
    void worker.terminate();
  };
  worker.on('message', (told: Told) => {
    if (told.to === 'exit') status ??= told.status;
    else context[told.to].write(told.text);
  });
  const interruption = context.interruption();
  const interrupt = (): void => {
    worker.postMessage('interrupt');
    const graceMs = request.shrinkMs === undefined ? 0 : SHRINK_GRACE_MS;
    setTimeout(() => end(EXIT_INTERRUPTED), graceMs).unref();
  };
  interruption.signal.addEventListener('abort', interrupt);
  const release = watch({
    beat: () => Atomics.load(beats, 0),
    limitMs: () => request.hangMs,
    hung: () => {
      tellHang(context, request);
      end(EXIT_FAILED);
    },
  });
  try {
    await ended(worker);
  } finally {
    release();
    interruption.signal.removeEventListener('abort', interrupt);
    interruption.release();
  }
  return status ?? EXIT_FAILED;
}

function tellHang(
  { stdout, stderr, commit }: Context,
  { source, hangMs, json }: SingleRequest,
): void {
  const told = json ? stderr : stdout;
  const verdict = labelled('verdict', `HANG: ${hangText(hangMs)}`, columnsOf(told));
  told.write(`${[...verdict, reproduceLine(source, commit())].join('\n')}\n`);
}

function ended(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
}
