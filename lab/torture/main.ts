/**
 * The command `npm run torture`: processes of a cluster are killed under load, one each second and
 * then all at once, and clients judge what is left. Writes `results/torture/`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { standardOutput } from '../../src/standard-output.ts';
import { messageOf, oneLine, UserError } from '../../src/user-error.ts';
import type { HistoryOperation } from '../history.ts';
import { formatHistory } from '../history-file.ts';
import type { Content } from '../report/content.ts';
import { shortMs, textTable } from '../report/table.ts';
import { measuredOn, writeContent } from '../report/write-content.ts';
import { writeWhole } from '../report/write-whole.ts';
import type { Manifest } from '../results.ts';
import { refreshIndex } from '../results-index/refresh.ts';
import { EXIT_INTERRUPTED, listenForInterruption } from '../sweep/interruption.ts';
import { manifestOf, surroundings } from '../sweep/manifest.ts';
import { makeWritable, outputDirectory, shownPath } from '../sweep/output-directory.ts';
import type { OwnContext } from '../sweep/own-commands.ts';
import { commandText, type Plan, parseArguments, QUESTION } from './arguments.ts';
import { complaintsOf, documentOf, documentText, type TortureDocument } from './document.ts';
import { findingsOf } from './findings.ts';
import { type PartResult, runPart } from './run.ts';

const NAME = 'torture';
const COLUMNS = 100;
const EXIT_NOT_OK = 1;
const EXIT_MISTAKE = 2;

/** Takes the words of the command and returns the exit status. */
export async function main(words: readonly string[], context: OwnContext): Promise<number> {
  const { stdout, stderr } = context;
  const request = parseArguments(words, Math.min(stdout.columns ?? 80, COLUMNS));
  if (request.kind === 'help') {
    stdout.write(request.text);
    return 0;
  }
  const { plan, isDefault, json } = request;
  const sweep = { name: NAME, isDefault };
  const out = outputDirectory(context.resultsDirectory, sweep, request.out, undefined);
  makeWritable(out);
  const about = { experiment: NAME, command: commandText(plan), seed: plan.seed };
  const startedAt = new Date().toISOString();
  const where = context.surroundings();
  const { signal, release } = context.interruption();
  const data = mkdtempSync(join(tmpdir(), 'torture-'));
  try {
    const parts = await runParts(plan, data, signal, (line) => stderr.write(`${line}\n`));
    const document = documentOf(plan, parts);
    const manifest = manifestOf({ ...about, startedAt }, where);
    const path = await writeReport(out, document, manifest);
    const complaints = complaintsOf(document);
    for (const complaint of complaints) stderr.write(`${complaint}\n`);
    if (complaints.length > 0) await keepHistories(out, parts, stderr);
    const told = json ? stderr : stdout;
    told.write(`${terminalTable(document, told.columns ?? COLUMNS)}\n`);
    told.write(`report: ${shownPath(path)}\n`);
    await refreshIndex(context.resultsDirectory, stderr);
    if (json) stdout.write(documentText(document));
    return complaints.length > 0 ? EXIT_NOT_OK : 0;
  } catch (error) {
    if (signal.aborted) {
      stderr.write('stopped: nothing was written\n');
      return EXIT_INTERRUPTED;
    }
    if (error instanceof UserError) throw error;
    stderr.write(`torture: ${oneLine(messageOf(error))}; again: ${commandText(plan)}\n`);
    return EXIT_NOT_OK;
  } finally {
    release();
    rmSync(data, { recursive: true, force: true });
  }
}

async function runParts(
  plan: Plan,
  data: string,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<PartResult[]> {
  const parts: PartResult[] = [];
  for (const part of ['one', 'all'] as const) {
    if ((part === 'one' ? plan.seconds : plan.allAtOnce) === 0) continue;
    tell(part === 'one' ? 'killing one server each second' : 'killing all servers at once');
    parts.push(await runPart(part, plan, join(data, part), signal, tell));
  }
  return parts;
}

/** So that `npm run check-history` can show what did not hold. */
async function keepHistories(
  directory: string,
  parts: readonly { readonly part: string; readonly history: readonly HistoryOperation[] }[],
  stderr: OwnContext['stderr'],
): Promise<void> {
  for (const { part, history } of parts) {
    const path = await writeWhole(directory, `history-${part}.ndjson`, formatHistory(history));
    stderr.write(`history: ${shownPath(path)}\n`);
  }
}

function writeReport(
  directory: string,
  document: TortureDocument,
  manifest: Manifest,
): Promise<string> {
  const complaints = complaintsOf(document);
  const content: Content = {
    name: NAME,
    question: QUESTION,
    complaints,
    ...findingsOf(document, complaints),
    provenance: measuredOn(manifest),
    command: manifest.command,
  };
  return writeContent(directory, { content, document: documentText(document), manifest });
}

function terminalTable({ rows }: TortureDocument, columns: number): string {
  const table = textTable(
    [
      { head: 'killed', cells: rows.map(({ part }) => part), left: true },
      { head: 'kills', cells: rows.map(({ kills }) => String(kills.length)) },
      { head: 'operations', cells: rows.map(({ verdict }) => String(verdict.operations)), drop: 1 },
      { head: 'unknown', cells: rows.map(({ verdict }) => String(verdict.unknown)), drop: 2 },
      { head: 'lost', cells: rows.map(({ verdict }) => String(verdict.lost.length)) },
      { head: 'start-up ms', cells: rows.map(({ startUpMs }) => shortMs(startUpMs.median)) },
      { head: 'served ms', cells: rows.map((row) => shortMs(row.servedAfterMs.median)) },
      { head: 'beyond ms', cells: rows.map((row) => shortMs(row.beyondStartUpMs.median)) },
      { head: 'max', cells: rows.map((row) => shortMs(row.beyondStartUpMs.max)) },
      { head: 'history', cells: rows.map(({ verdict }) => verdict.linearizable), left: true },
    ],
    columns,
  );
  return table.join('\n');
}

if (import.meta.main) {
  const { stdout, stderr } = standardOutput();
  const project = join(import.meta.dirname, '..', '..');
  try {
    process.exitCode = await main(process.argv.slice(2), {
      stdout,
      stderr,
      resultsDirectory: join(project, 'results'),
      surroundings: () => surroundings(project),
      interruption: listenForInterruption,
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    stderr.write(`${error.message}\n`);
    process.exitCode = EXIT_MISTAKE;
  }
}
