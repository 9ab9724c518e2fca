/** The group of studies that `npm run experiment -- papers` runs, one after the other. */
import { Command, Help } from 'commander';
import { UserError } from '../../src/user-error.ts';
import { NotWritten } from '../report/write-whole.ts';
import { commandText } from '../sweep/complaints.ts';
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import { makeWritable, outputDirectory } from '../sweep/output-directory.ts';
import type { OwnContext } from '../sweep/own-commands.ts';
import { parseWords } from '../sweep/own-words.ts';
import { clockText } from '../sweep/progress.ts';
import { writtenPlan } from './arguments.ts';
import { type KeptStudy, runStudy } from './command.ts';
import { StudyPool } from './pool.ts';

/** In the order of the publications, and then of the questions that they leave open. */
export const PAPERS = [
  'election-lan',
  'election-wan',
  'election-wan-reset',
  'split-vote',
  'quorum-sizes',
  'partial-partitions',
  'throughput-by-size',
  'pipelining',
  'read-modes',
  'fsync',
  'loss',
  'disruptive-rejoin',
  'overload',
  'asymmetric-latency',
  'clock-drift',
  'mixed-timeouts',
  'initial-terms',
  'follower-failure',
  'reconfiguration',
  'compaction',
] as const;

const COLUMNS = 100;

/** Takes the words behind `papers`, and returns the exit status: the worst of the studies'. */
export async function papersCommand(
  load: (name: string) => Promise<KeptStudy>,
  words: readonly string[],
  context: OwnContext,
): Promise<number> {
  const columns = Math.min(context.stdout.columns ?? 80, COLUMNS);
  const command = new Command('npm run experiment -- papers')
    .description('Regenerates the figures of the Raft papers, and answers what they leave open.')
    .usage('[--quick]')
    .allowExcessArguments(false)
    .option('--quick', 'fewer cells and trials: under three minutes')
    .addHelpText('after', helpAfter(columns));
  const help = parseWords(command, 'papers', words, columns);
  if (help !== null) {
    context.stdout.write(help.text);
    return 0;
  }
  const quick = command.opts().quick === true;
  const startedMs = performance.now();
  const { signal, release } = context.interruption();
  const pool = new StudyPool();
  const failed: string[] = [];
  try {
    for (const [i, name] of PAPERS.entries()) {
      context.stderr.write(`\n${i + 1}/${PAPERS.length} `);
      const status = await runWritten(await load(name), quick, pool, signal, context);
      if (status === EXIT_INTERRUPTED) return status;
      if (status !== 0) failed.push(name);
    }
  } finally {
    await pool.close();
    release();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  context.stdout.write(`\n${PAPERS.length} experiments in ${clockText(seconds)}\n`);
  if (failed.length === 0) return 0;
  context.stderr.write(`failed: ${failed.join(', ')}\n`);
  return 1;
}

function helpAfter(columns: number): string {
  const paragraphs = [
    `Runs ${PAPERS.join(', ')}.`,
    'Each is an experiment of its own too, with its factors as flags. Results replace those in ' +
      'results/; with --quick they go to results/<experiment>-custom/.',
    'Exit status: 0 when all trials ran and broke nothing, 1 otherwise, 2 for a mistake in the ' +
      'command, 130 after Ctrl-C.',
  ];
  return `\n${paragraphs.map((text) => new Help().boxWrap(text, columns)).join('\n\n')}`;
}

/** A study that fails does not take the others with it. */
async function runWritten(
  kept: KeptStudy,
  quick: boolean,
  pool: StudyPool,
  signal: AbortSignal,
  context: OwnContext,
): Promise<number> {
  const { name, study } = kept;
  const sweep = { name, isDefault: !quick };
  const directory = outputDirectory(context.resultsDirectory, sweep, undefined, undefined);
  makeWritable(directory);
  const command = commandText(quick ? [name, '--quick'] : [name]);
  const run = { plan: writtenPlan(study, quick), directory, command, json: false };
  try {
    return await runStudy(kept, run, pool, signal, context);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    context.stderr.write(`${name}: ${error instanceof NotWritten ? message : stack}\n`);
    return 1;
  }
}
