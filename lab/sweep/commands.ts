/** What `npm run experiment` does for each request: the steps in order, and the exit status. */

import { mistake, UserError } from '../../src/user-error.ts';
import type { Experiment } from '../experiment.ts';
import { NotWritten } from '../report/write-whole.ts';
import { type Manifest, type ResultDocument, type Row, SCHEMA_VERSION } from '../results.ts';
import { PAPERS_COMMAND, parseArguments, type Request } from './arguments.ts';
import type { Catalogue } from './catalogue.ts';
import { type CellStore, openStore, type StoredRow, storePath } from './cell-store.ts';
import { cellKey, sortRows } from './cells.ts';
import { commandText, complaintsOf } from './complaints.ts';
import { checkDirectory, readDocument } from './document.ts';
import { EXIT_INTERRUPTED } from './interruption.ts';
import { manifestOf, originOf, type Surroundings } from './manifest.ts';
import { mergeSources } from './merge.ts';
import { makeWritable, outputDirectory, shownPath } from './output-directory.ts';
import { OWN_COMMANDS } from './own-commands.ts';
import { clockText, type Output, progressOn } from './progress.ts';
import { type RunCell, type RunOutcome, remaining, runCells } from './runner.ts';
import { defaultCells, planSweep, type Sweep, sameCells } from './sweep.ts';

/** The host that runs trials. */
export type Host = { runCell: RunCell; closeHosts(): Promise<void> };

/** What turns results into pictures and tables. */
export type Reports = {
  writeReport(
    directory: string,
    name: string,
    experiment: Experiment,
    document: ResultDocument,
    manifest: Manifest,
  ): Promise<string>;
  terminalTable(document: ResultDocument, experiment: Experiment, columns: number): string;
};

/** All that the commands need from outside; what is costly to load is loaded when it is used. */
export type Context = {
  words: readonly string[];
  stdout: Output;
  stderr: Output;
  catalogue: Catalogue;
  resultsDirectory: string;
  surroundings(): Surroundings;
  host(): Promise<Host>;
  reports(): Promise<Reports>;
  comparison(before: ResultDocument, after: ResultDocument, columns: number): Promise<string>;
  interruption(): { signal: AbortSignal; release(): void };
};

type RunRequest = Extract<Request, { kind: 'run' }>;

const EXIT_NOT_OK = 1;
const EXIT_MISTAKE = 2;
const DEFAULT_EXPERIMENT = 'throughput';
/** Start, warm-up and audit of a trial, until the first one has shown what they take. */
const OVERHEAD_S = 0.7;
const COLUMNS = 100;
/** Requests after which committed results may be others than before. */
const WRITES_RESULTS: ReadonlySet<Request['kind']> = new Set(['run', 'merge', 'own', 'study']);

/** Runs one command and returns its exit status. */
export async function main(context: Context): Promise<number> {
  try {
    const width = Math.min(context.stdout.columns ?? 80, COLUMNS);
    const request = parseArguments(context.words, context.catalogue, DEFAULT_EXPERIMENT, width);
    const status = await carryOut(context, request);
    if (WRITES_RESULTS.has(request.kind)) {
      const { refreshIndex } = await import('../results-index/refresh.ts');
      await refreshIndex(context.resultsDirectory, context.stderr);
    }
    return status;
  } catch (error) {
    if (!(error instanceof UserError || error instanceof NotWritten)) throw error;
    context.stderr.write(`experiment: ${error.message}\n`);
    return error instanceof UserError ? EXIT_MISTAKE : EXIT_NOT_OK;
  }
}

async function carryOut(context: Context, request: Request): Promise<number> {
  switch (request.kind) {
    case 'help':
      return await helpCommand(context, request.text, request.name);
    case 'list':
      return await listCommand(context);
    case 'run':
      return await runCommand(context, request);
    case 'merge':
      return await mergeCommand(context, request);
    case 'compare':
      return await compareCommand(context, request.before, request.after);
    case 'own':
      return await ownCommand(context, request.name, request.words);
    case 'study':
      return await anyStudyCommand(context, request.name, request.words);
  }
}

async function helpCommand(context: Context, text: string, name: string | undefined) {
  if (name !== undefined) {
    const { question, vary, trials, durationS } = await context.catalogue.load(name);
    const varied = Object.entries(vary).map(([factor, values]) => `${factor} ${values.join(', ')}`);
    const cells = varied.length === 0 ? 'one cell' : varied.join(' x ');
    context.stdout.write(`${name}: ${question}\n`);
    context.stdout.write(`  ${cells}; trials ${trials}, each of ${durationS} s\n\n`);
  }
  context.stdout.write(text);
  return 0;
}

async function listCommand({ catalogue, stdout }: Context): Promise<number> {
  const lines: [name: string, about: string][] = [];
  for (const name of catalogue.names) lines.push([name, (await catalogue.load(name)).question]);
  for (const [name, { about }] of Object.entries(OWN_COMMANDS)) lines.push([name, about]);
  for (const name of catalogue.studies) {
    const { study } = await catalogue.loadStudy(name);
    lines.push([name, study.question]);
  }
  const width = Math.max(...lines.map(([name]) => name.length));
  for (const [name, about] of lines) stdout.write(`${name.padEnd(width)}  ${about}\n`);
  return 0;
}

async function ownCommand(context: Context, name: string, words: readonly string[]) {
  const command = OWN_COMMANDS[name];
  if (command === undefined) throw new Error(`there is no command ${name}`);
  const { main } = await command.load();
  return main(words, context);
}

async function anyStudyCommand(context: Context, name: string, words: readonly string[]) {
  const { loadStudy } = context.catalogue;
  if (name === PAPERS_COMMAND) {
    const { papersCommand } = await import('../study/papers.ts');
    return papersCommand(loadStudy, words, context);
  }
  const { studyCommand } = await import('../study/command.ts');
  return studyCommand(await loadStudy(name), words, context);
}

async function compareCommand(context: Context, before: string, after: string): Promise<number> {
  const documents = [before, after].map((directory) => {
    checkDirectory('compare', directory);
    return { directory, document: readDocument(directory) };
  });
  const [old, young] = documents;
  if (old === undefined || young === undefined) throw new Error('compare: two documents expected');
  if (old.document.experiment !== young.document.experiment) {
    const allowed = `a result of '${old.document.experiment}', as in ${before}`;
    throw mistake('compare', `${after} (of '${young.document.experiment}')`, allowed);
  }
  for (const { directory, document } of documents) {
    for (const what of document.missing ?? [])
      context.stderr.write(`note: ${directory}: ${what}\n`);
  }
  const columns = context.stdout.columns ?? COLUMNS;
  const text = await context.comparison(old.document, young.document, columns);
  context.stdout.write(`${text.trimEnd()}\n`);
  return 0;
}

async function runCommand(context: Context, request: RunRequest): Promise<number> {
  const { name, flags } = request;
  const written = await context.catalogue.load(name);
  const sweep = planSweep(name, written, flags);
  const { resultsDirectory } = context;
  const directory = outputDirectory(resultsDirectory, sweep, request.out, flags.shard);
  makeWritable(directory);
  const startedAt = new Date().toISOString();
  const where = context.surroundings();
  const wanted = { experiment: name, seed: sweep.seed, part: sweep.part };
  const store = await openStore(directory, wanted, request.before);
  try {
    const kept = remaining(sweep.cells, await store.rows());
    const notes = [...sweep.notes, ...originNotes(kept.done, originOf(where))];
    for (const note of notes) context.stderr.write(`note: ${note}\n`);
    announce(context, sweep, kept.done.length, directory);
    const outcome = await runRest(context, sweep, store, kept.rest, originOf(where));
    if (outcome.interrupted) {
      const done = kept.done.length + outcome.finished;
      return interrupted(context, request, directory, done, sweep.cells.length);
    }
    const stored = await store.rows();
    const rows = sweep.cells.flatMap((cell) => stored.get(cellKey(cell))?.row ?? []);
    const about = { experiment: name, command: regenerating(context, request), seed: sweep.seed };
    const status = await conclude(context, {
      directory,
      facts: {
        name,
        written,
        experiment: withCaveats(sweep.experiment, notes),
        baseSeeds: [sweep.seed],
      },
      about: { part: sweep.part },
      rows,
      failures: outcome.failures.map(({ cell, reason }) => ({ trial: cell, reason })),
      manifest: () => manifestOf({ ...about, startedAt }, where),
      json: request.json,
    });
    await store.end();
    return status;
  } finally {
    await store.close();
  }
}

async function runRest(
  context: Context,
  sweep: Sweep,
  store: CellStore,
  rest: Sweep['cells'],
  origin: string,
): Promise<RunOutcome> {
  if (rest.length === 0) return { finished: 0, failures: [], interrupted: false };
  const interruption = context.interruption();
  const host = await context.host();
  const total = sweep.cells.length;
  const secondsPerTrial = sweep.experiment.durationS + OVERHEAD_S;
  const plan = { total, done: total - rest.length, secondsPerTrial };
  const progress = progressOn(context.stderr, plan);
  progress.start();
  try {
    return await runCells({
      experiment: sweep.experiment,
      cells: rest,
      runCell: host.runCell,
      store,
      origin,
      progress,
      signal: interruption.signal,
    });
  } finally {
    progress.stop();
    await host.closeHosts();
    interruption.release();
  }
}

/** Everything after the last trial, for a sweep and for a merge alike. */
async function conclude(
  context: Context,
  result: {
    directory: string;
    facts: Parameters<typeof complaintsOf>[0];
    /** What the document says of itself besides. */
    about: Pick<ResultDocument, 'missing' | 'part'>;
    rows: readonly Row[];
    failures: Parameters<typeof complaintsOf>[2];
    manifest: () => Manifest;
    json: boolean;
  },
): Promise<number> {
  const { directory, facts, failures, json } = result;
  const rows = sortRows(result.rows);
  const complaints = complaintsOf(facts, rows, failures);
  const tell = (text: string): void => {
    (json ? context.stderr : context.stdout).write(`${text}\n`);
  };
  const head = { schemaVersion: SCHEMA_VERSION, experiment: facts.name } as const;
  const document: ResultDocument = { ...head, ...result.about, rows };
  const complain = (): void => {
    for (const complaint of complaints) context.stderr.write(`${complaint}\n`);
  };
  if (rows.length === 0) {
    complain();
    context.stderr.write('no trial ended with a result, so no report is written\n');
  } else {
    const { writeReport, terminalTable } = await context.reports();
    const { name, experiment } = facts;
    const path = await writeReport(directory, name, experiment, document, result.manifest());
    const columns = (json ? context.stderr : context.stdout).columns ?? COLUMNS;
    tell(terminalTable(document, experiment, columns).trimEnd());
    complain();
    tell(`report: ${shownPath(path)}`);
  }
  if (json) context.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  return complaints.length > 0 ? EXIT_NOT_OK : 0;
}

async function mergeCommand(
  context: Context,
  { before, directories, out, partial }: Extract<Request, { kind: 'merge' }>,
): Promise<number> {
  const startedAt = new Date().toISOString();
  const merged = await mergeSources(directories, context.catalogue, partial);
  const { baseSeeds, experiment, missing, name, part, stored, written } = merged;
  const cells = stored.map(({ row, durationS }) => ({ ...row, durationS }));
  const isDefault = sameCells(cells, defaultCells(written));
  const { resultsDirectory } = context;
  const directory = outputDirectory(resultsDirectory, { name, isDefault }, out, undefined);
  makeWritable(directory);
  const where = context.surroundings();
  const notes = [...merged.notes, ...originNotes(stored, originOf(where))];
  for (const note of [...missing, ...notes]) context.stderr.write(`note: ${note}\n`);
  const [seed = 0] = baseSeeds;
  // The rows as well as their report, so that `--resume` and another merge find them there.
  const told = part === undefined ? {} : { part };
  const store = await openStore(directory, { experiment: name, seed, ...told }, before);
  try {
    for (const row of stored) await store.put(row);
    await store.end();
  } finally {
    await store.close();
  }
  const about = { experiment: name, command: commandText(context.words), seed, startedAt };
  return await conclude(context, {
    directory,
    facts: { name, written, experiment: withCaveats(experiment, notes), baseSeeds },
    about: { ...told, ...(missing.length > 0 && { missing }) },
    rows: stored.map(({ row }) => row),
    failures: [],
    manifest: () => manifestOf(about, where),
    json: false,
  });
}

function announce(context: Context, sweep: Sweep, done: number, directory: string): void {
  const { durationS } = sweep.experiment;
  const total = sweep.cells.length;
  const seconds = (total - done) * (durationS + OVERHEAD_S);
  const kept = done === 0 ? '' : `, ${done} already done`;
  context.stderr.write(
    `${sweep.name}: trials ${total} of ${durationS} s${kept}, about ${clockText(seconds)}\n` +
      `results in ${shownPath(directory)}\n`,
  );
}

/** Rows of other code or another machine are welcome, but never without a word. */
function originNotes(rows: readonly StoredRow[], origin: string): string[] {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row.origin, (counts.get(row.origin) ?? 0) + 1);
  counts.delete(origin);
  return [...counts].map(([other, count]) => `${count} trials come from ${other}, not ${origin}`);
}

function withCaveats(experiment: Experiment, notes: readonly string[]): Experiment {
  return { ...experiment, caveats: [...experiment.caveats, ...notes] };
}

function interrupted(
  context: Context,
  request: RunRequest,
  directory: string,
  done: number,
  total: number,
): number {
  const command = `${regenerating(context, request)} --resume`;
  const path = shownPath(storePath(directory));
  context.stderr.write(
    `stopped: ${done} of ${total} trials are in ${path}; go on with: ${command}\n`,
  );
  return EXIT_INTERRUPTED;
}

/** The command as it came, without what only says how to go about it. */
function regenerating({ words }: Context, { name, named }: RunRequest): string {
  const kept = words.filter((word) => !['--resume', '--overwrite', '--json'].includes(word));
  return commandText(named ? kept : [name, ...kept]);
}
