/** A study as a command: from its words to its report. */
import { messageOf, oneLine } from '../../src/user-error.ts';
import { count } from '../report/samples.ts';
import { type Column, shortNumber, textTable } from '../report/table.ts';
import { writeContent } from '../report/write-content.ts';
import { commandText } from '../sweep/complaints.ts';
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import { manifestOf } from '../sweep/manifest.ts';
import { makeWritable, outputDirectory, shownPath } from '../sweep/output-directory.ts';
import type { OwnContext } from '../sweep/own-commands.ts';
import { clockText } from '../sweep/progress.ts';
import { progressOn } from '../sweep/run-progress.ts';
import { parseArguments, type Request } from './arguments.ts';
import { type Plan, printed, variedFactors } from './cells.ts';
import {
  complaintsOf,
  contentOf,
  documentOf,
  documentText,
  type StudyDocument,
} from './document.ts';
import { type CellOutcomes, StudyPool } from './pool.ts';
import type { AnyStudy } from './study.ts';

/** A study where it is kept. */
export type KeptStudy = {
  readonly name: string;
  readonly study: AnyStudy;
  /** The file that exports its `trial`. */
  readonly file: string;
};

export type StudyRun = {
  readonly plan: Plan;
  readonly directory: string;
  readonly command: string;
  readonly json: boolean;
};

type RunRequest = Extract<Request, { kind: 'run' }>;

const EXIT_NOT_OK = 1;
const COLUMNS = 100;

/** Takes the words behind the name of the study, and returns the exit status. */
export async function studyCommand(
  kept: KeptStudy,
  words: readonly string[],
  context: OwnContext,
): Promise<number> {
  const columns = Math.min(context.stdout.columns ?? 80, COLUMNS);
  const request = parseArguments(words, kept.name, kept.study, columns);
  if (request.kind === 'help') {
    context.stdout.write(request.text);
    return 0;
  }
  const run = runOf(kept, request, words, context);
  const { signal, release } = context.interruption();
  const pool = new StudyPool();
  try {
    return await runStudy(kept, run, pool, signal, context);
  } finally {
    await pool.close();
    release();
  }
}

function runOf(
  { name }: KeptStudy,
  { isDefault, json, out, plan }: RunRequest,
  words: readonly string[],
  { resultsDirectory }: OwnContext,
): StudyRun {
  const directory = outputDirectory(resultsDirectory, { name, isDefault }, out, undefined);
  makeWritable(directory);
  const command = commandText([name, ...wordsThatMatter(words)]);
  return { plan, directory, command, json };
}

/** Words that the result depends on: not where it goes, so that two places get the same bytes. */
function wordsThatMatter(words: readonly string[]): string[] {
  return words.filter((word, i) => {
    if (word === '--json' || word === '--out' || word.startsWith('--out=')) return false;
    return words[i - 1] !== '--out';
  });
}

/** Runs the plan, writes its report and tells of it; returns the exit status. */
export async function runStudy(
  kept: KeptStudy,
  run: StudyRun,
  pool: StudyPool,
  signal: AbortSignal,
  context: OwnContext,
): Promise<number> {
  const { name, study } = kept;
  const { command, directory, plan } = run;
  const about = { startedAt: new Date().toISOString(), where: context.surroundings() };
  const startedMs = performance.now();
  const outcomes = await runAll(kept, run, pool, signal, context);
  if (typeof outcomes === 'number') return outcomes;
  const complaints = complaintsOf(name, study, plan.seed, outcomes);
  const document = documentOf(name, study, plan.seed, outcomes);
  const told = run.json ? context.stderr : context.stdout;
  told.write(`${terminalTable(study, document, told.columns ?? COLUMNS)}\n`);
  for (const complaint of complaints) context.stderr.write(`${complaint}\n`);
  const { startedAt, where } = about;
  const manifest = manifestOf({ experiment: name, command, seed: plan.seed, startedAt }, where);
  const content = contentOf(name, study, outcomes, complaints, manifest);
  const text = documentText(document);
  const path = await writeContent(directory, { content, document: text, manifest });
  const seconds = (performance.now() - startedMs) / 1000;
  told.write(`${content.verdict}\nreport: ${shownPath(path)}  (${clockText(seconds)})\n`);
  if (run.json) context.stdout.write(text);
  return complaints.length > 0 ? EXIT_NOT_OK : 0;
}

/** What came of all trials, or the exit status of a command that did not come to its end. */
async function runAll(
  { file, name, study }: KeptStudy,
  { directory, plan }: StudyRun,
  pool: StudyPool,
  signal: AbortSignal,
  { stderr }: OwnContext,
): Promise<CellOutcomes[] | number> {
  const total =
    plan.onlyTrial === null
      ? plan.cells.reduce((sum, { trials }) => sum + trials, 0)
      : plan.cells.length;
  const counts = `cells ${plan.cells.length}, trials ${count(total)}, seed ${plan.seed}`;
  stderr.write(`${name}: ${counts}, results in ${shownPath(directory)}\n`);
  const progress = progressOn(stderr, total);
  try {
    return await pool.run(name, study, file, plan, signal, progress.ended);
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
  }
}

function terminalTable(study: AnyStudy, { rows }: StudyDocument, columns: number): string {
  const names = variedFactors(
    study,
    rows.map(({ factors }) => factors),
  );
  const factors = names.map((name): Column => {
    return {
      head: name,
      cells: rows.map((row) => printed(study, name, row.factors[name] ?? null)),
    };
  });
  const metrics = study.terminal.map(([metric, head], i): Column => {
    const cells = rows.map((row) => shortNumber(row.metrics[metric] ?? null));
    return { head, cells, ...(i === 0 ? {} : { drop: i }) };
  });
  const trials = { head: 'trials', cells: rows.map((row) => String(row.trials)), drop: 99 };
  return textTable([...factors, trials, ...metrics], columns).join('\n');
}
