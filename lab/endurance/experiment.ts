/** The experiment `endurance`: full load for long, and then a fresh node. */

import { messageOf, oneLine } from '../../src/user-error.ts';
import { commandText } from '../sweep/complaints.ts';
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import { manifestOf } from '../sweep/manifest.ts';
import { makeWritable, outputDirectory, shownPath } from '../sweep/output-directory.ts';
import type { OwnContext } from '../sweep/own-commands.ts';
import { closeThreads } from '../threads/pool.ts';
import { type Plan, parseArguments } from './arguments.ts';
import { complaintsOf, documentOf, EXPERIMENT } from './document.ts';
import { documentText, terminalTable, writeReport } from './report.ts';
import { type Measured, runEndurance } from './run.ts';

const EXIT_NOT_OK = 1;
const COLUMNS = 100;

export async function main(
  words: readonly string[],
  context: OwnContext,
  run: typeof runEndurance = runEndurance,
): Promise<number> {
  const { resultsDirectory, stdout, stderr } = context;
  const columns = Math.min(stdout.columns ?? 80, COLUMNS);
  const request = parseArguments(words, columns);
  if (request.kind === 'help') {
    stdout.write(request.text);
    return 0;
  }
  const { plan, json, isDefault, out } = request;
  const sweep = { name: EXPERIMENT, isDefault };
  const directory = outputDirectory(resultsDirectory, sweep, out, undefined);
  makeWritable(directory);
  const startedAt = new Date().toISOString();
  const where = context.surroundings();
  const measured = await measure(plan, context, run);
  if (typeof measured === 'number') return measured;
  const document = documentOf(plan, measured);
  const command = commandText([EXPERIMENT, ...words.filter((word) => word !== '--json')]);
  const about = { experiment: EXPERIMENT, command, seed: plan.seed, startedAt };
  const path = await writeReport(directory, document, manifestOf(about, where));
  const told = json ? stderr : stdout;
  told.write(`${terminalTable(document, told.columns ?? COLUMNS)}\n`);
  const complaints = complaintsOf(document);
  for (const complaint of complaints) stderr.write(`${EXPERIMENT}: ${complaint}\n`);
  told.write(`report: ${shownPath(path)}\n`);
  if (json) stdout.write(documentText(document));
  return complaints.length > 0 ? EXIT_NOT_OK : 0;
}

/** What was measured, or the exit status of a run that did not come to its end. */
async function measure(
  plan: Plan,
  { stderr, interruption }: OwnContext,
  run: typeof runEndurance,
): Promise<Measured | number> {
  const { signal, release } = interruption();
  try {
    return await run(plan, signal, (what) => stderr.write(`${EXPERIMENT}: ${what} …\n`));
  } catch (error) {
    if (signal.aborted) {
      stderr.write('stopped: nothing was written\n');
      return EXIT_INTERRUPTED;
    }
    stderr.write(`${EXPERIMENT}: ${oneLine(messageOf(error))}\n`);
    return EXIT_NOT_OK;
  } finally {
    await closeThreads();
    release();
  }
}
