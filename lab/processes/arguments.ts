/** The words of `npm run cluster -- …` as a plan, every value checked. */
import { Command, Option } from 'commander';
import { type Bounds, numberAllowed, parseNumber } from '../../src/decimal.ts';
import { mistake } from '../../src/user-error.ts';
import { type Help, once, parseWords } from '../sweep/own-words.ts';

export type Plan = {
  /** Of the first node; the others have those behind it. To join, of any node of the cluster. */
  readonly port: number;
  readonly data: string;
  readonly faults: boolean;
};

export type Request =
  | Help
  | { readonly kind: 'start'; readonly plan: Plan; readonly nodes: number }
  | { readonly kind: 'join'; readonly plan: Plan };

const NODES = { flag: '--nodes', fallback: 3, bounds: { low: 1, high: 15, whole: true } };
const PORT = { flag: '--port', fallback: 8001, bounds: { low: 1, high: 65_000, whole: true } };
const DATA = '.data';

const EXAMPLES = `
Examples:
  npm run cluster                        three nodes, on ports 8001 to 8003
  npm run cluster -- --nodes 5 --data /tmp/five
  npm run cluster -- --join              one more, from another terminal
  ELECTION_TIMEOUT_MS=500-1000 npm run cluster

All that npm run node takes from its environment holds for each node, but for what the
flags say. Data that are there already are used again, members included.

Exit status: 0 after Ctrl-C or SIGTERM, 1 when the nodes failed, 2 for a mistake in the
command, a port in use, or a directory that cannot be written.`;

type Options = {
  readonly nodes?: string;
  readonly port?: string;
  readonly data?: string;
  readonly join?: true;
  readonly faults?: true;
};

/** Understands the words after `npm run cluster --`; throws a UserError where they are wrong. */
export function parseArguments(words: readonly string[], columns: number): Request {
  const command = commandOf();
  const help = parseWords(command, 'cluster', words, columns);
  if (help !== null) return help;
  const { nodes, port, data = DATA, join = false, faults = false } = command.opts<Options>();
  if (data.trim() === '') throw mistake('--data', data, 'the name of a directory');
  const plan = { port: numberOf(PORT, port), data, faults };
  if (!join) return { kind: 'start', plan, nodes: numberOf(NODES, nodes) };
  if (nodes !== undefined) throw mistake('--nodes', nodes, 'nothing with --join, which adds one');
  return { kind: 'join', plan };
}

function commandOf(): Command {
  return new Command('npm run cluster --')
    .description('Runs a cluster on this machine, each node a process, until Ctrl-C.')
    .usage('[flags]')
    .allowExcessArguments(false)
    .addOption(once(new Option('--nodes <number>', `how many (default ${NODES.fallback})`)))
    .addOption(once(new Option('--port <number>', `of the first node (default ${PORT.fallback})`)))
    .addOption(once(new Option('--data <directory>', `where data and logs go (default ${DATA})`)))
    .option('--join', 'adds a node to the cluster that runs at --port')
    .option('--faults', 'allows PUT /lab/faults')
    .addHelpText('after', EXAMPLES);
}

function numberOf(
  { flag, fallback, bounds }: { flag: string; fallback: number; bounds: Bounds },
  text: string | undefined,
): number {
  if (text === undefined) return fallback;
  const value = parseNumber(text, bounds);
  if (value === undefined) throw mistake(flag, text, numberAllowed(bounds));
  return value;
}
