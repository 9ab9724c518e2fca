/** What the availability experiments have in common: from the words of a command to its report. */

import { messageOf, oneLine } from '../../src/user-error.ts';
import type { Content, Findings, Pairs } from '../report/content.ts';
import { type Column, textTable } from '../report/table.ts';
import { writeContent } from '../report/write-content.ts';
import { type Manifest, SCHEMA_VERSION } from '../results.ts';
import { commandText } from '../sweep/complaints.ts';
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import { manifestOf } from '../sweep/manifest.ts';
import { makeWritable, outputDirectory, shownPath } from '../sweep/output-directory.ts';
import type { OwnContext } from '../sweep/own-commands.ts';
import { clockText } from '../sweep/progress.ts';
import { progressOn } from '../sweep/run-progress.ts';
import { type Described, parseArguments, type Request } from './arguments.ts';
import { runTasks } from './pool.ts';
import type { Row, Task, Trial } from './trial.ts';

export type Experiment<R extends Row<object, object>> = Described & {
  tasks(seeds: readonly number[]): Task[];
  /** What makes the command fail, in sentences; the rows' audits are told anyway. */
  complaints(rows: readonly R[]): string[];
  /** A run's factors in a few words. */
  cellText(factors: R['factors']): string;
  findings(trials: readonly Trial<R>[], complaints: readonly string[], seeds: string): Findings;
  /** For a terminal. */
  columns(rows: readonly R[]): Column[];
};

type RunRequest = Extract<Request, { kind: 'run' }>;

const EXIT_NOT_OK = 1;
const COLUMNS = 100;
/** Of runs that failed, so that a terminal still shows what they have in common. */
const COMPLAINTS_MAX = 20;

/** The command: takes the words behind its name, and returns the exit status. */
export function commandOf<R extends Row<object, object>>(experiment: Experiment<R>) {
  return async (words: readonly string[], context: OwnContext): Promise<number> => {
    const columns = Math.min(context.stdout.columns ?? 80, COLUMNS);
    const request = parseArguments(words, experiment, columns);
    if (request.kind === 'help') {
      context.stdout.write(request.text);
      return 0;
    }
    const { name } = experiment;
    const sweep = { name, isDefault: request.isDefault };
    const directory = outputDirectory(context.resultsDirectory, sweep, request.out, undefined);
    makeWritable(directory);
    const about = { startedAt: new Date().toISOString(), where: context.surroundings() };
    const startedMs = performance.now();
    const trials = await runAll(experiment, request, directory, context);
    if (typeof trials === 'number') return trials;
    const seconds = (performance.now() - startedMs) / 1000;
    const kept = words.filter((word) => word !== '--json');
    const command = commandText([name, ...kept]);
    const seed = request.seeds[0] ?? 0;
    const { startedAt, where } = about;
    const manifest = manifestOf({ experiment: name, command, seed, startedAt }, where);
    const path = await writeReport(experiment, request, trials, manifest, directory);
    return conclude(experiment, request, trials, { path, seconds }, context);
  };
}

/** The trials, or the exit status of a command that did not come to its end. */
async function runAll<R extends Row<object, object>>(
  experiment: Experiment<R>,
  { seeds, seedsText }: RunRequest,
  directory: string,
  { stderr, interruption }: OwnContext,
): Promise<Trial<R>[] | number> {
  const tasks = experiment.tasks(seeds);
  const { name } = experiment;
  stderr.write(
    `${name}: ${tasks.length} runs, seeds ${seedsText}, results in ${shownPath(directory)}\n`,
  );
  const { signal, release } = interruption();
  const progress = progressOn(stderr, tasks.length);
  try {
    return await runTasks<R>(tasks, signal, progress.ended);
  } catch (error) {
    progress.stop();
    if (signal.aborted) {
      stderr.write('stopped: nothing was written\n');
      return EXIT_INTERRUPTED;
    }
    stderr.write(`${name}: ${oneLine(messageOf(error))}\n`);
    return EXIT_NOT_OK;
  } finally {
    progress.stop();
    release();
  }
}

function conclude<R extends Row<object, object>>(
  experiment: Experiment<R>,
  { json }: RunRequest,
  trials: readonly Trial<R>[],
  { path, seconds }: { readonly path: string; readonly seconds: number },
  { stdout, stderr }: OwnContext,
): number {
  const told = json ? stderr : stdout;
  const rows = trials.map(({ row }) => row);
  const complaints = complaintsOf(experiment, rows);
  const table = textTable(experiment.columns(rows), told.columns ?? COLUMNS);
  told.write(`${table.join('\n')}\n`);
  for (const complaint of complaints.slice(0, COMPLAINTS_MAX)) stderr.write(`${complaint}\n`);
  const more = complaints.length - COMPLAINTS_MAX;
  if (more > 0) stderr.write(`and ${more} more; all are in the report\n`);
  told.write(`${trials.length} runs in ${clockText(seconds)}; report: ${shownPath(path)}\n`);
  if (json) stdout.write(documentText(experiment.name, rows));
  return complaints.length > 0 ? EXIT_NOT_OK : 0;
}

export function complaintsOf<R extends Row<object, object>>(
  experiment: Experiment<R>,
  rows: readonly R[],
): string[] {
  const failed = rows.flatMap(({ audit, factors, seed }) => {
    if (audit === 'ok') return [];
    const again = commandText([experiment.name, '--seeds', String(seed)]);
    return [`${experiment.cellText(factors)}, seed ${seed}: ${audit}; again: ${again}`];
  });
  return [...failed, ...experiment.complaints(rows)];
}

// ---- Files --------------------------------------------------------------------------------------

/** A line for each row, so that a change of one run is a change of one line. */
export function documentText(experiment: string, rows: readonly object[]): string {
  const lines = rows.map((row) => `\n    ${JSON.stringify(row)}`).join(',');
  const head = `  "schemaVersion": ${SCHEMA_VERSION},\n  "experiment": "${experiment}"`;
  return `{\n${head},\n  "rows": [${lines}\n  ]\n}\n`;
}

/**
 * Writes all files, each whole; the page comes last. Returns its path. Time and machine are in the
 * manifest alone: the others are the same bytes whenever and wherever the seeds are run.
 */
export function writeReport<R extends Row<object, object>>(
  experiment: Experiment<R>,
  { seedsText }: Pick<RunRequest, 'seedsText'>,
  trials: readonly Trial<R>[],
  manifest: Manifest,
  directory: string,
): Promise<string> {
  const rows = trials.map(({ row }) => row);
  const complaints = complaintsOf(experiment, rows);
  const { name, question } = experiment;
  const content: Content = {
    name,
    question,
    complaints,
    ...experiment.findings(trials, complaints, seedsText),
    provenance: provenanceOf(manifest, seedsText),
    command: manifest.command,
  };
  return writeContent(directory, { content, document: documentText(name, rows), manifest });
}

function provenanceOf({ commit, nodeVersion }: Manifest, seeds: string): Pairs {
  return [
    ['commit', commit ?? 'not in a repository'],
    ['Node', nodeVersion],
    ['seeds', seeds],
    ['time', 'virtual: the same on every machine'],
  ];
}
