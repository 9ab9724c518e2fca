/** One run of the simulator, shown in words. */
import type { Schedule } from '../schedule.ts';
import { formatSchedule, parseSchedule } from '../schedule-file.ts';
import type { RunResult } from '../verdict.ts';
import type { SingleRequest, Source } from './arguments.ts';
import { columnsOf, EXIT_FAILED, EXIT_OK, type Simulator, type SingleContext } from './context.ts';
import { checkWritable, readText, writeText } from './files.ts';
import { commandOf, reproduceLine } from './reproduce.ts';
import { resultText, scheduleText } from './run-text.ts';

/** Runs the schedule of a request, shows and writes what was asked for, returns the exit status. */
export async function singleRun(context: SingleContext, request: SingleRequest): Promise<number> {
  const { source, shrinkMs } = request;
  const simulator = await context.simulator(source.mutant);
  const schedule = scheduleFrom(source, simulator);
  if (request.save !== undefined) writeText('--save', request.save, formatSchedule(schedule));
  if (request.history !== undefined) checkWritable('--history', request.history);
  const told = request.json ? context.stderr : context.stdout;
  const tell = (lines: readonly string[]): void => {
    if (lines.length > 0) told.write(`${lines.join('\n')}\n`);
  };
  tell([...scheduleText(schedule, columnsOf(told)), '']);
  const { result, wallMs } = runOnce(context, simulator, schedule, request);
  tell(result.trace === null ? [] : [...result.trace.lines, '']);
  tell(resultText(result, wallMs, columnsOf(told)));
  await writeHistory(request.history, result);
  if (request.json) context.stdout.write(`${jsonText(schedule, result, wallMs)}\n`);
  const { kind } = result.verdict;
  if (shrinkMs !== undefined && kind === 'violation') {
    const { shrinkRun } = await import('./shrink-run.ts');
    return shrinkRun(context, simulator, { schedule, mutant: source.mutant }, shrinkMs);
  }
  if (shrinkMs !== undefined) tell(['nothing to shrink: no property was broken']);
  if (kind === 'pass') return EXIT_OK;
  tell([reproduceLine(source, context.commit())]);
  if (kind === 'violation') tell([`to make it small: ${commandOf(source, '--shrink')}`]);
  return EXIT_FAILED;
}

function scheduleFrom(source: Source, simulator: Simulator): Schedule {
  if (source.kind === 'seed') return simulator.scheduleOf(source.seed, source.profile);
  return parseSchedule(readText('--schedule', source.path), source.path);
}

/** Whatever the run throws is a defect of the lab, and says how to see it again. */
function runOnce(
  context: SingleContext,
  { runSchedule }: Simulator,
  schedule: Schedule,
  { trace, source }: SingleRequest,
): { result: RunResult; wallMs: number } {
  const beganMs = context.nowMs();
  try {
    const result = runSchedule(schedule, { trace });
    return { result, wallMs: context.nowMs() - beganMs };
  } catch (error) {
    context.stderr.write(`${reproduceLine(source, context.commit())}\n`);
    throw error;
  }
}

async function writeHistory(path: string | undefined, result: RunResult): Promise<void> {
  if (path === undefined) return;
  const { formatHistory } = await import('../history-file.ts');
  writeText('--history', path, formatHistory(result.history));
}

/** Without the lists of operations, messages and events, which have files of their own. */
function jsonText(schedule: Schedule, result: RunResult, wallMs: number): string {
  const { history: _history, trace: _trace, ...counted } = result;
  const { operations, ...set } = schedule;
  const document = {
    schemaVersion: 1,
    schedule: { ...set, operations: operations.length },
    result: { ...counted, wallMs },
  };
  return JSON.stringify(document, null, 2);
}
