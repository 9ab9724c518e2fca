/** The command `schedule`: the very file that the simulator replays, on worker threads. */
import { closeSync, openSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { messageOf, mistake, oneLine } from '../../src/user-error.ts';
import { formatHistory } from '../history-file.ts';
import { checkLinearizability } from '../linearizability.ts';
import { historyPage } from '../report/history-picture.ts';
import type { Schedule } from '../schedule.ts';
import { parseSchedule } from '../schedule-file.ts';
import { readText, writeText } from '../swarm/files.ts';
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import { makeWritable, outputDirectory, shownPath } from '../sweep/output-directory.ts';
import type { OwnContext } from '../sweep/own-commands.ts';
import { closeThreads } from './pool.ts';
import { parseArguments, type Request } from './schedule-arguments.ts';
import { runSchedule } from './schedule-run.ts';
import { complaintsOf, documentOf, type Outcome, outcomeText } from './schedule-text.ts';

type RunRequest = Extract<Request, { kind: 'run' }>;
type Files = { readonly history: string; readonly picture: string };

const EXIT_NOT_OK = 1;
const COLUMNS_MAX = 100;

export async function main(
  words: readonly string[],
  context: OwnContext,
  run: typeof runSchedule = runSchedule,
): Promise<number> {
  const columns = Math.min(context.stdout.columns ?? 80, COLUMNS_MAX);
  const request = parseArguments(words, columns);
  if (request.kind === 'help') {
    context.stdout.write(request.text);
    return 0;
  }
  const schedule = parseSchedule(readText('schedule', request.path), request.path);
  const files = filesOf(request, context.resultsDirectory);
  const outcome = await outcomeOf(schedule, context, run);
  if (typeof outcome === 'number') return outcome;
  return conclude(outcome, request, files, context);
}

/** That they can be written is tried before anything runs. */
function filesOf({ history, out }: RunRequest, resultsDirectory: string): Files {
  const own = { name: 'schedule', isDefault: false };
  const directory = outputDirectory(resultsDirectory, own, out, undefined);
  makeWritable(directory);
  if (history !== undefined) tryToWrite('--history', history);
  return {
    history: history === undefined ? join(directory, 'history.ndjson') : resolve(history),
    picture: join(directory, 'timeline.html'),
  };
}

function tryToWrite(flag: string, path: string): void {
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    throw mistake(flag, path, `a file that can be written (${messageOf(error)})`);
  }
}

/** What the run has come to, or the exit status of one that did not come to its end. */
async function outcomeOf(
  schedule: Schedule,
  { stderr, interruption }: OwnContext,
  run: typeof runSchedule,
): Promise<Outcome | number> {
  const { signal, release } = interruption();
  const startMs = performance.now();
  stderr.write(`schedule: about ${Math.ceil(schedule.durationMs / 1000) + 1} s on threads\n`);
  try {
    const ended = await run(schedule, signal);
    const wallMs = performance.now() - startMs;
    return { schedule, run: ended, linearizability: checkLinearizability(ended.history), wallMs };
  } catch (error) {
    if (signal.aborted) {
      stderr.write('stopped: nothing was written\n');
      return EXIT_INTERRUPTED;
    }
    stderr.write(`schedule: ${oneLine(messageOf(error))}\n`);
    return EXIT_NOT_OK;
  } finally {
    await closeThreads();
    release();
  }
}

function conclude(
  outcome: Outcome,
  { json }: RunRequest,
  files: Files,
  { stdout, stderr }: OwnContext,
): number {
  const { schedule, run, linearizability } = outcome;
  const told = json ? stderr : stdout;
  const lines = outcomeText(outcome, Math.min(told.columns ?? 80, COLUMNS_MAX));
  writeText('--history', files.history, formatHistory(run.history));
  lines.push('', `history: ${shownPath(files.history)}`);
  // One from an earlier run would be about another history.
  rmSync(files.picture, { force: true });
  if (linearizability.verdict !== 'ok') {
    const page = historyPage(run.history, linearizability, schedule.name);
    writeText('--out', files.picture, page);
    lines.push(`picture: ${shownPath(files.picture)}`);
  }
  told.write(`${lines.join('\n')}\n`);
  const complaints = complaintsOf(outcome);
  for (const complaint of complaints) stderr.write(`schedule: ${complaint}\n`);
  if (json) stdout.write(`${JSON.stringify(documentOf(outcome), null, 2)}\n`);
  return complaints.length === 0 ? 0 : EXIT_NOT_OK;
}
