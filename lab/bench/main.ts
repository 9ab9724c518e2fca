/**
 * The command `npm run bench`: what each part costs, what a cluster of threads does end to end
 * beside what bare ports could, and what a log entry weighs. Writes `results/bench/`.
 */
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { standardOutput } from '../../src/standard-output.ts';
import { UserError } from '../../src/user-error.ts';
import { refreshIndex } from '../results-index/refresh.ts';
import { listenForInterruption } from '../sweep/interruption.ts';
import { manifestOf, surroundings } from '../sweep/manifest.ts';
import { makeWritable, shownPath } from '../sweep/output-directory.ts';
import { closeThreads } from '../threads/pool.ts';
import { measureCluster } from './cluster-rounds.ts';
import { weighEntries } from './memory.ts';
import { microTasks } from './micro.ts';
import { type BenchDocument, benchTable, type Round, ratiosOf, writeBench } from './report.ts';
import { type Budget, measureTasks, type TaskResult } from './tasks.ts';

const { stdout, stderr } = standardOutput();

/** Of the clusters; nothing else is drawn. */
const SEED = 1;

/** Commands that share a log entry at most, as in the experiments' default. */
const BATCH = 512;

const FULL = {
  rounds: 7,
  budget: { timeMs: 1500, warmupMs: 300 },
  microBudget: { timeMs: 500, warmupMs: 200 },
};
const QUICK = {
  rounds: 2,
  budget: { timeMs: 500, warmupMs: 100 },
  microBudget: { timeMs: 100, warmupMs: 50 },
};

type Plan = { readonly rounds: number; readonly budget: Budget; readonly microBudget: Budget };

async function main(words: readonly string[]): Promise<number> {
  const project = join(import.meta.dirname, '..', '..');
  const options = parse(words);
  const out = options.out ?? join(project, 'results', options.quick ? 'bench-custom' : 'bench');
  makeWritable(out);
  const startedAt = new Date().toISOString();
  const where = surroundings(project);
  const plan = options.quick ? QUICK : FULL;
  // First of all: what later tasks leave to the collector would be weighed as well.
  const memory = [weighEntries(100_000, 1), weighEntries(2000, BATCH)];
  const tasks: TaskResult[] = [];
  const step = async (what: string, run: () => Promise<TaskResult[]>): Promise<TaskResult[]> => {
    stderr.write(`${what} …\n`);
    const results = await run();
    tasks.push(...results);
    return results;
  };
  await step('core, codec, link, state machine', () =>
    measureTasks(microTasks(), plan.microBudget),
  );
  const rounds = await measureRounds(plan, step);
  for (const nodes of [1, 5]) {
    await step(`${nodes} node${nodes === 1 ? '' : 's'}`, () =>
      measureCluster({
        nodes,
        batch: BATCH,
        what: ['latency', 'throughput'],
        budget: plan.budget,
      }),
    );
  }
  await step('3 nodes, an entry per put', () =>
    measureCluster({ nodes: 3, batch: 1, what: ['throughput'], budget: plan.budget }),
  );
  await closeThreads();
  const document: BenchDocument = {
    schemaVersion: 1,
    ...ratiosOf(rounds),
    rounds,
    tasks,
    memory,
    ...where,
    command: options.quick ? 'npm run bench -- --quick' : 'npm run bench',
  };
  const { command } = document;
  const about = { experiment: 'bench', command, seed: SEED, startedAt };
  const path = await writeBench(out, document, manifestOf(about, where));
  stdout.write(`${benchTable(document, stdout.columns ?? 100)}\n`);
  stdout.write(`report: ${shownPath(path)}\n`);
  await refreshIndex(join(project, 'results'), stderr);
  return 0;
}

/** Bare ports and the cluster in turn, so that a ratio compares what the same minute allowed. */
async function measureRounds(
  plan: Plan,
  step: (what: string, run: () => Promise<TaskResult[]>) => Promise<TaskResult[]>,
): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let round = 1; round <= plan.rounds; round++) {
    const results = await step(`bare ports and 3 nodes, round ${round} of ${plan.rounds}`, () =>
      measureCluster({
        nodes: 3,
        batch: BATCH,
        what: ['ports', 'latency', 'ports', 'throughput'],
        budget: plan.budget,
      }),
    );
    rounds.push(roundOf(results));
  }
  return rounds;
}

function roundOf(results: readonly TaskResult[]): Round {
  const find = (part: string): TaskResult[] => results.filter(({ name }) => name.includes(part));
  const perSecond = ({ perIteration, latency }: TaskResult): number =>
    (perIteration * 1000) / latency.mean;
  const average = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    portRoundTripMsP50: average(find('bare port, round trip').map(({ latency }) => latency.p50)),
    commitMsP50: average(find('commit latency').map(({ latency }) => latency.p50)),
    portMessagesPerSecond: average(find('bare port, one way').map(perSecond)),
    putsPerSecond: average(find('puts').map(perSecond)),
  };
}

function parse(words: readonly string[]): { quick: boolean; out: string | undefined } {
  const command = new Command('npm run bench --')
    .description('Measures what each part costs and what a cluster of worker threads does.')
    .option('--quick', 'fewer and shorter rounds, into results/bench-custom', false)
    .option('--out <dir>', 'write the report there')
    .allowExcessArguments(false)
    .addHelpText('after', '\nOver HTTP, beside etcd: npm run bench -- http --help')
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, '')),
    });
  command.parse([...words], { from: 'user' });
  const { quick, out } = command.opts<{ quick: boolean; out?: string }>();
  return { quick, out };
}

/** `http` is a benchmark with words of its own; loaded only then. */
async function dispatched([first, ...rest]: readonly string[]): Promise<number> {
  if (first !== 'http') return main(process.argv.slice(2));
  const http = await import('../bench-http/main.ts');
  const project = join(import.meta.dirname, '..', '..');
  return http.main(rest, {
    stdout,
    stderr,
    resultsDirectory: join(project, 'results'),
    surroundings: () => surroundings(project),
    interruption: listenForInterruption,
  });
}

try {
  process.exitCode = await dispatched(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof UserError) {
    stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  } else {
    await closeThreads();
    stderr.write(`the benchmark failed: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
