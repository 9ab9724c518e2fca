/**
 * The experiment `mutants`: every known bug is put into the code, one at a time, and the simulator
 * runs seeds until a checker notices.
 */

import { messageOf, oneLine } from '../../src/user-error.ts';
import { commandText } from '../sweep/complaints.ts';
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import { manifestOf } from '../sweep/manifest.ts';
import { makeWritable, outputDirectory, shownPath } from '../sweep/output-directory.ts';
import type { OwnContext } from '../sweep/own-commands.ts';
import { parseArguments, type Request } from './arguments.ts';
import { MUTANTS } from './catalogue.ts';
import { complaintsOf, documentOf, EXPERIMENT } from './document.ts';
import { checkMutants } from './patch.ts';
import { progressOn } from './progress.ts';
import { documentText, terminalTable, writeReport } from './report.ts';
import { type GroupResult, groupsOf, runGroups } from './search.ts';

type RunRequest = Extract<Request, { kind: 'run' }>;

const EXIT_NOT_OK = 1;
const COLUMNS = 100;

export async function main(words: readonly string[], context: OwnContext): Promise<number> {
  const request = parseArguments(words, Math.min(context.stdout.columns ?? 80, COLUMNS));
  if (request.kind === 'help') {
    context.stdout.write(request.text);
    return 0;
  }
  const { resultsDirectory } = context;
  const sweep = { name: EXPERIMENT, isDefault: request.isDefault };
  const directory = outputDirectory(resultsDirectory, sweep, request.out, undefined);
  makeWritable(directory);
  const startedAt = new Date().toISOString();
  const where = context.surroundings();
  const results = await search(request, directory, context);
  if (typeof results === 'number') return results;
  const kept = words.filter((word) => word !== '--json');
  const command = commandText([EXPERIMENT, ...kept]);
  const { seed } = request.plan;
  const manifest = manifestOf({ experiment: EXPERIMENT, command, seed, startedAt }, where);
  const document = documentOf(results);
  const path = await writeReport(directory, request.plan, results, document, manifest);
  return conclude(request, results, path, context);
}

/** The results, or the exit status of a search that did not come to its end. */
async function search(
  { plan }: RunRequest,
  directory: string,
  { stderr, interruption }: OwnContext,
): Promise<GroupResult[] | number> {
  const groups = groupsOf(plan);
  const { signal, release } = interruption();
  stderr.write(
    `${EXPERIMENT}: ${plan.mutants.length} of them, ${plan.repeats} searches each, ` +
      `results in ${shownPath(directory)}\n`,
  );
  const progress = progressOn(stderr, groups.length);
  try {
    checkMutants(MUTANTS);
    return await runGroups(groups, plan, signal, progress.ended);
  } catch (error) {
    progress.stop();
    if (signal.aborted) {
      stderr.write('stopped: nothing was written\n');
      return EXIT_INTERRUPTED;
    }
    stderr.write(`${EXPERIMENT}: ${oneLine(messageOf(error))}\n`);
    return EXIT_NOT_OK;
  } finally {
    progress.stop();
    release();
  }
}

function conclude(
  { json }: RunRequest,
  results: readonly GroupResult[],
  path: string,
  { stdout, stderr }: OwnContext,
): number {
  const told = json ? stderr : stdout;
  const document = documentOf(results);
  const complaints = complaintsOf(document);
  told.write(`${terminalTable(results, told.columns ?? COLUMNS)}\n`);
  for (const complaint of complaints) stderr.write(`${complaint}\n`);
  told.write(`report: ${shownPath(path)}\n`);
  if (json) stdout.write(documentText(document));
  return complaints.length > 0 ? EXIT_NOT_OK : 0;
}
