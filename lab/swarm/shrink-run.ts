/** Makes a failing run small within a time, and writes it down. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Schedule } from '../schedule.ts';
import { type ShrinkProgress, type Shrunk, shrink } from '../shrink.ts';
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import { shownPath } from '../sweep/output-directory.ts';
import { clockText } from '../sweep/progress.ts';
import type { RunResult } from '../verdict.ts';
import { columnsOf, EXIT_FAILED, type Simulator, type SingleContext } from './context.ts';
import { SCHEDULE_FILE, writeFailure } from './failure-files.ts';
import { reproduceLine } from './reproduce.ts';
import { scheduleText, verdictText } from './run-text.ts';
import { statusOn } from './status.ts';
import { count, labelled, ms, several } from './text.ts';

/** How long signals and timers wait at most. */
const BREATH_MS = 50;

/**
 * Shrinks a schedule that fails for up to `forMs`, or until interrupted, and writes the smallest
 * found to `failures/<seed>` of the results; the seed is that of the schedule as it came. Returns
 * the exit status.
 */
export async function shrinkRun(
  context: SingleContext,
  simulator: Simulator,
  { schedule, mutant }: { schedule: Schedule; mutant: string | undefined },
  forMs: number,
): Promise<number> {
  const { stdout, resultsDirectory } = context;
  const columns = columnsOf(stdout);
  const beganMs = context.nowMs();
  const interruption = context.interruption();
  const shrunk = await shrinkWithin(context, simulator, schedule, forMs, interruption.signal);
  interruption.release();
  const interrupted = interruption.signal.aborted;
  const planted = mutant === undefined ? '' : ` with mutant ${mutant}`;
  const name = `shrunk from ${schedule.name}${planted}`;
  const small: Schedule = { ...shrunk.schedule, name };
  const result = simulator.runSchedule(small, { trace: true });
  const directory = join(
    resultsDirectory,
    'failures',
    // A bug that was planted must not take the place of one that was not.
    mutant === undefined ? String(schedule.seed) : `${schedule.seed}-${mutant}`,
  );
  const files = writeFailure(directory, small, result);
  const path = shownPath(join(directory, SCHEDULE_FILE));
  const lines = [
    '',
    endText(shrunk, context.nowMs() - beganMs, interrupted),
    ...comparison(schedule, small),
    '',
    ...scheduleText(small, columns),
    ...labelled('verdict', verdictText(result.verdict), columns),
    ...labelled('trace hash', result.traceHash, columns),
    ...labelled('written', `${shownPath(directory)}: ${files.join(', ')}`, columns),
    reproduceLine({ kind: 'file', path, ...(mutant && { mutant }) }, context.commit()),
  ];
  stdout.write(`${lines.join('\n')}\n`);
  return interrupted ? EXIT_INTERRUPTED : EXIT_FAILED;
}

async function shrinkWithin(
  context: SingleContext,
  simulator: Simulator,
  schedule: Schedule,
  forMs: number,
  signal: AbortSignal,
): Promise<Shrunk> {
  const beganMs = context.nowMs();
  const elapsedMs = (): number => context.nowMs() - beganMs;
  const status = statusOn(context.stderr, context.nowMs);
  const mayGoOn = (): boolean => !signal.aborted && elapsedMs() < forMs;
  const budget = { runs: Number.POSITIVE_INFINITY, mayGoOn };
  const steps = shrink(schedule, failsIn(simulator), budget);
  let breathedMs = beganMs;
  try {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      status.update(Math.min(1, elapsedMs() / forMs), progressText(step.value));
      if (context.nowMs() - breathedMs < BREATH_MS) continue;
      await setImmediate();
      breathedMs = context.nowMs();
    }
  } finally {
    status.stop();
  }
}

/** A candidate that ends with an exception is no example of a broken property. */
function failsIn({ runSchedule }: Simulator): (candidate: Schedule) => RunResult | null {
  return (candidate) => {
    try {
      return runSchedule(candidate);
    } catch {
      return null;
    }
  };
}

function progressText({ runs, best }: ShrinkProgress): string {
  const faults = several(best.faults.length, 'fault');
  return `shrinking: ${faults}, ${several(best.operations.length, 'operation')}; ${runs} runs`;
}

function endText({ runs, complete }: Shrunk, wallMs: number, interrupted: boolean): string {
  const why = interrupted ? ', interrupted' : complete ? '' : ', until the time was over';
  return `shrunk in ${several(runs, 'run')} and ${clockText(wallMs / 1000)}${why}:`;
}

function comparison(before: Schedule, after: Schedule): string[] {
  const rows: readonly (readonly [string, (schedule: Schedule) => string])[] = [
    ['nodes', ({ nodes }) => count(nodes)],
    ['faults', ({ faults }) => count(faults.length)],
    ['operations', ({ operations }) => count(operations.length)],
    ['time', ({ durationMs }) => ms(durationMs)],
  ];
  return rows.map(([name, of]) => `  ${name.padEnd(10)}  ${of(before)} → ${of(after)}`);
}
