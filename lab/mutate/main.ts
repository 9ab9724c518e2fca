/**
 * The command `npm run mutate`: draws small edits of the source, runs the simulator and then tests
 * against each, and lists those that nothing notices.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { standardOutput } from '../../src/standard-output.ts';
import { UserError } from '../../src/user-error.ts';
import { TestRuns } from '../mutants/test-runs.ts';
import { writeContent } from '../report/write-content.ts';
import { NotWritten } from '../report/write-whole.ts';
import { refreshIndex } from '../results-index/refresh.ts';
import { EXIT_INTERRUPTED, listenForInterruption } from '../sweep/interruption.ts';
import { manifestOf, surroundings } from '../sweep/manifest.ts';
import { makeWritable, outputDirectory, shownPath } from '../sweep/output-directory.ts';
import type { OwnContext } from '../sweep/own-commands.ts';
import { clockText } from '../sweep/progress.ts';
import { commandText, parseArguments, type Request } from './arguments.ts';
import { type Drawn, draw, sourceFiles } from './draw.ts';
import { fateText, judge } from './judge.ts';
import { contentOf, documentOf, documentText, editText, NAME, terminalText } from './report.ts';
import { Rows } from './rows.ts';
import { Sources } from './sources.ts';

type RunRequest = Extract<Request, { kind: 'run' }>;

const PROJECT = join(import.meta.dirname, '..', '..');
const COLUMNS = 100;
const EXIT_FAILED = 1;
const EXIT_MISTAKE = 2;

/** Takes the words of the command and returns the exit status. */
export async function main(words: readonly string[], context: OwnContext): Promise<number> {
  const { stdout, stderr } = context;
  const request = parseArguments(words, Math.min(stdout.columns ?? 80, COLUMNS), PROJECT);
  if (request.kind === 'help') {
    stdout.write(request.text);
    return 0;
  }
  const drawn = drawnBy(request);
  if (request.list) {
    const text = drawn.map((each) => `${each.area}  ${editText(each)}\n`).join('');
    stdout.write(request.json ? `${JSON.stringify(drawn, null, 2)}\n` : text);
    return 0;
  }
  const sweep = { name: NAME, isDefault: request.isDefault };
  const out = outputDirectory(context.resultsDirectory, sweep, request.out, undefined);
  makeWritable(out);
  const rows = new Rows(out, request.plan, drawn, request.resume);
  const about = { experiment: NAME, command: commandText(words), seed: request.plan.seed };
  const startedAt = new Date().toISOString();
  const where = context.surroundings();
  stderr.write(`${NAME}: ${drawn.length} mutants, results in ${shownPath(out)}\n`);
  const { signal, release } = context.interruption();
  try {
    await judgeAll(request, drawn, rows, { signal, stderr });
  } catch (error) {
    if (!signal.aborted) throw error;
    stderr.write(`stopped after ${rows.all.length}; --resume goes on\n`);
    return EXIT_INTERRUPTED;
  } finally {
    release();
  }
  const document = documentOf(request.plan, drawn, rows.all);
  const manifest = manifestOf({ ...about, startedAt }, where);
  const content = contentOf(document, manifest);
  const path = await writeContent(out, { content, document: documentText(document), manifest });
  rows.done();
  const told = request.json ? stderr : stdout;
  told.write(`${terminalText(document, told.columns ?? COLUMNS)}\n`);
  told.write(`report: ${shownPath(path)}\n`);
  if (request.isDefault && request.out === undefined) {
    await refreshIndex(context.resultsDirectory, stderr);
  }
  if (request.json) stdout.write(documentText(document));
  return 0;
}

function drawnBy({ plan }: RunRequest): Drawn[] {
  const sources = new Sources(PROJECT);
  try {
    return draw(sources, sourceFiles(PROJECT), plan);
  } finally {
    sources.close();
  }
}

/** Rejects when `signal` aborts; what has been judged until then is kept. */
async function judgeAll(
  { plan, threads }: RunRequest,
  drawn: readonly Drawn[],
  rows: Rows,
  { signal, stderr }: { signal: AbortSignal } & Pick<OwnContext, 'stderr'>,
): Promise<void> {
  const tests = new TestRuns(PROJECT, (line) => stderr.write(`${line}\n`));
  const limits = { ...plan, hangMs: 1000 * plan.hangS, budgetMs: 1000 * plan.budgetS };
  const left = drawn.filter((each) => !rows.has(each));
  const beganMs = performance.now();
  let next = 0;
  let ended = 0;
  const lane = async (): Promise<void> => {
    for (let each = left[next++]; each !== undefined; each = left[next++]) {
      const startedMs = performance.now();
      const fate = await judge(each, tests, limits, signal);
      rows.add({ ...each, fate, wallMs: Math.round(performance.now() - startedMs) });
      ended++;
      const secondsLeft = ((performance.now() - beganMs) / ended / 1000) * (left.length - ended);
      stderr.write(
        `${rows.all.length}/${drawn.length}  ${clockText(secondsLeft)} left  ` +
          `${editText(each)}: ${fateText(fate)}\n`,
      );
    }
  };
  await Promise.all(Array.from({ length: threads ?? availableParallelism() }, lane));
}

if (import.meta.main) {
  const { stdout, stderr } = standardOutput();
  try {
    process.exitCode = await main(process.argv.slice(2), {
      stdout,
      stderr,
      resultsDirectory: join(PROJECT, 'results'),
      surroundings: () => surroundings(PROJECT),
      interruption: listenForInterruption,
    });
  } catch (error) {
    if (!(error instanceof UserError || error instanceof NotWritten)) throw error;
    stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof UserError ? EXIT_MISTAKE : EXIT_FAILED;
  }
}
