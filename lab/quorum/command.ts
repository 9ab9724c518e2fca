/** The command `npm run quorum`: from its words to its report. */
import { messageOf, oneLine, UserError } from '../../src/user-error.ts';
import { useThrowawayAuthority } from '../processes/tls.ts';
import { refreshIndex } from '../results-index/refresh.ts';
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import { manifestOf } from '../sweep/manifest.ts';
import { makeWritable, outputDirectory, shownPath } from '../sweep/output-directory.ts';
import type { OwnContext } from '../sweep/own-commands.ts';
import { clockText } from '../sweep/progress.ts';
import { type Plan, parseArguments } from './arguments.ts';
import { SCENARIOS, staircaseName, WAYS } from './catalogue.ts';
import {
  type Broken,
  complaintsOf,
  documentOf,
  documentText,
  EXPERIMENT,
  type Results,
} from './document.ts';
import type { QuorumHost } from './host.ts';
import { performScenario, type ScenarioResult } from './perform.ts';
import { writeReport } from './report.ts';
import { climb, type StaircaseResult } from './staircase.ts';
import { terminalText } from './terminal.ts';

const EXIT_NOT_OK = 1;
const COLUMNS = 100;

/** Returns the exit status; mistakes of the user throw UserError. */
export async function main(words: readonly string[], context: OwnContext): Promise<number> {
  const { resultsDirectory, stdout, stderr } = context;
  const request = parseArguments(words, Math.min(stdout.columns ?? 80, COLUMNS));
  if (request.kind === 'help') {
    stdout.write(request.text);
    return 0;
  }
  if (request.kind === 'list') {
    stdout.write(listText());
    return 0;
  }
  const { plan, isDefault, out, json } = request;
  const name = plan.host === 'docker' ? `${EXPERIMENT}-docker` : EXPERIMENT;
  const directory = outputDirectory(resultsDirectory, { name, isDefault }, out, undefined);
  makeWritable(directory);
  if (request.tls) useThrowawayAuthority();
  const startedAt = new Date().toISOString();
  const where = context.surroundings();
  const results = await runAll(plan, directory, context);
  if (results === null) return EXIT_INTERRUPTED;
  const command = commandText(words.filter((word) => word !== '--json'));
  const manifest = manifestOf(
    { experiment: EXPERIMENT, command, seed: plan.seed, startedAt },
    where,
  );
  const document = documentOf(plan.host, results);
  const path = await writeReport(directory, document, manifest);
  const told = json ? stderr : stdout;
  told.write(`${terminalText(results, Math.min(told.columns ?? COLUMNS, COLUMNS))}\n`);
  const complaints = complaintsOf(results);
  for (const complaint of complaints) stderr.write(`${complaint}\n`);
  told.write(`report: ${shownPath(path)}\n`);
  await refreshIndex(context.resultsDirectory, context.stderr);
  if (json) stdout.write(documentText(document));
  return complaints.length > 0 ? EXIT_NOT_OK : 0;
}

/** `null` after Ctrl-C. */
async function runAll(
  plan: Plan,
  directory: string,
  { stderr, interruption }: OwnContext,
): Promise<Results | null> {
  const { signal, release } = interruption();
  let host: QuorumHost | null = null;
  try {
    stderr.write(`${EXPERIMENT}: on ${plan.host}, results in ${shownPath(directory)}\n`);
    host = await openHost(plan, stderr);
    return await runOn(host, plan, signal, stderr);
  } catch (error) {
    if (!signal.aborted) throw error;
    stderr.write('stopped: nothing was written\n');
    return null;
  } finally {
    await host?.clear();
    release();
  }
}

async function openHost({ host }: Plan, stderr: OwnContext['stderr']): Promise<QuorumHost> {
  if (host === 'processes') {
    const { ProcessHost } = await import('./process-host.ts');
    return new ProcessHost();
  }
  const { DockerHost } = await import('../containers/docker-host.ts');
  return DockerHost.open((line) => stderr.write(`${line}\n`));
}

type Job = {
  readonly name: string;
  readonly nodes: number;
  run(): Promise<{ readonly complaints: readonly string[] }>;
};

async function runOn(
  host: QuorumHost,
  plan: Plan,
  signal: AbortSignal,
  stderr: OwnContext['stderr'],
): Promise<Results> {
  const staircases: StaircaseResult[] = [];
  const scenarios: ScenarioResult[] = [];
  const broken: Broken[] = [];
  const { nodes, scenarios: names, seed, ways } = plan;
  const jobs: Job[] = [
    ...nodes.flatMap((size) =>
      ways.map((way) => ({
        name: staircaseName(way),
        nodes: size,
        run: async () => kept(staircases, await climb(host, way, size, seed, signal)),
      })),
    ),
    ...SCENARIOS.filter(({ name }) => names.includes(name)).map((scenario) => ({
      name: scenario.name,
      nodes: scenario.nodes,
      run: async () => kept(scenarios, await performScenario(host, scenario, seed, signal)),
    })),
  ];
  const width = Math.max(0, ...jobs.map(({ name }) => name.length));
  for (const [i, { name, nodes: size, run }] of jobs.entries()) {
    const beganMs = performance.now();
    const verdict = await verdictOf(
      run,
      (reason) => broken.push({ name, nodes: size, reason }),
      signal,
    );
    const took = clockText((performance.now() - beganMs) / 1000);
    const count = `${i + 1}/${jobs.length}`.padStart(`${jobs.length}/${jobs.length}`.length);
    stderr.write(`${count}  ${name.padEnd(width)}  ${size} servers  ${took}  ${verdict}\n`);
  }
  return { staircases, scenarios, broken };
}

function kept<T>(list: T[], item: T): T {
  list.push(item);
  return item;
}

/** `ok`, or what went wrong; only a mistake of the user and Ctrl-C end it all. */
async function verdictOf(
  run: Job['run'],
  isBroken: (reason: string) => void,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { complaints } = await run();
    return complaints.length === 0 ? 'ok' : `FAILED: ${complaints.join('; ')}`;
  } catch (error) {
    if (error instanceof UserError || signal.aborted) throw error;
    const reason = oneLine(messageOf(error));
    isBroken(reason);
    return `FAILED: ${reason}`;
  }
}

function listText(): string {
  const rows = [
    ...WAYS.map((way) => [
      staircaseName(way),
      `Servers are taken away one by one by ${way}, and brought back: served just while a ` +
        'majority is up.',
    ]),
    ...SCENARIOS.map(({ name, about }) => [name, about]),
  ];
  return rows.map(([name, about]) => `${name}\n    ${about}\n`).join('');
}

/** A command that can be pasted into a shell. */
function commandText(words: readonly string[]): string {
  const quoted = words.map((word) =>
    /^[\w./:,@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`,
  );
  return ['npm run quorum', ...(quoted.length === 0 ? [] : ['--', ...quoted])].join(' ');
}
