/** The words of `npm run quorum` as a plan, every value checked. */
import { Command, Option } from 'commander';
import { numberAllowed, parseNumber } from '../../src/decimal.ts';
import { mistake } from '../../src/user-error.ts';
import { type Help, once, parseWords } from '../sweep/own-words.ts';
import { NAMES, SCENARIOS, staircaseName, WAYS, type Way } from './catalogue.ts';
import type { HostName } from './host.ts';

export type Plan = {
  readonly host: HostName;
  /** Sizes of the clusters whose staircases are climbed. */
  readonly nodes: readonly number[];
  readonly ways: readonly Way[];
  /** Names, in the order of the catalogue. */
  readonly scenarios: readonly string[];
  readonly seed: number;
};

export type Request =
  | Help
  | { readonly kind: 'list' }
  | {
      readonly kind: 'run';
      readonly plan: Plan;
      /** Exactly what is written: only that replaces the committed results. */
      readonly isDefault: boolean;
      readonly out: string | undefined;
      readonly json: boolean;
      /** The servers speak TLS, with certificates of an authority made for the run. */
      readonly tls: boolean;
    };

type Values = {
  readonly host?: string;
  readonly nodes?: string;
  readonly scenario?: readonly string[];
  readonly seed?: string;
  readonly out?: string;
  readonly list?: boolean;
  readonly quick?: boolean;
  readonly json?: boolean;
  readonly tls?: boolean;
};

const FULL: Omit<Plan, 'host'> = {
  nodes: [3, 5],
  ways: WAYS,
  scenarios: SCENARIOS.map(({ name }) => name),
  seed: 1,
};
const QUICK: Omit<Plan, 'host'> = {
  nodes: [3],
  ways: ['kill'],
  scenarios: ['smoke', 'kill-leader', 'no-quorum', 'partition-2-1', 'leader-isolated'],
  seed: 1,
};

/** All staircases at once. */
const STAIRCASE = 'staircase';
const HOSTS: readonly HostName[] = ['processes', 'docker'];
const NODES_BOUNDS = { low: 1, high: 9, whole: true };
const NODES_ALLOWED = 'a list of whole numbers from 1 to 9';
const SEED_BOUNDS = { low: 0, high: 2 ** 32 - 1, whole: true };
/** Those that there are compose files for. */
const DOCKER_NODES = [3, 5];

const EXAMPLES = `
Examples:
  npm run quorum
  npm run quorum -- --quick
  npm run quorum -- --scenario kill-leader pause-leader
  npm run quorum -- --scenario staircase-kill --nodes 3,4,5
  npm run quorum -- --host docker
  npm run quorum -- --tls

Exit status: 0 when all that was expected came true, 1 otherwise,
2 for a mistake in the command, 130 after Ctrl-C.`;

/** Understands the words; throws a UserError where they are wrong. */
export function parseArguments(words: readonly string[], columns: number): Request {
  const command = commandOf();
  const help = parseWords(command, 'npm run quorum --', words, columns);
  if (help !== null) return help;
  return requestOf(command.opts<Values>());
}

function commandOf(): Command {
  const valued: readonly (readonly [string, string])[] = [
    ['--host <name>', `where the servers run: ${HOSTS.join(', ')} (default processes)`],
    ['--nodes <list>', `sizes for the staircases (default ${FULL.nodes.join(',')})`],
    ['--seed <number>', `for what the clients do (default ${FULL.seed})`],
    ['--out <directory>', 'where results go (default results/quorum, results/quorum-docker)'],
  ];
  const command = new Command('npm run quorum --')
    .description('Where does the quorum lie, and what do clients notice on either side of it?')
    .usage('[flags]')
    .allowExcessArguments(false)
    .option('--scenario <names...>', `some of those that --list names; ${STAIRCASE} is all three`)
    .option('--list', 'name the scenarios and what they show')
    .option('--quick', 'the staircase of kills with 3 servers, and a few scenarios')
    .option('--tls', 'servers and clients speak TLS; takes openssl, and --host processes')
    .option('--json', 'print the result document on standard output, all else on the other');
  for (const [flags, about] of valued) command.addOption(once(new Option(flags, about)));
  return command.addHelpText('after', EXAMPLES);
}

function requestOf(values: Values): Request {
  if (values.list === true) return { kind: 'list' };
  const host = hostOf(values.host);
  const base = values.quick === true ? QUICK : FULL;
  const plan: Plan = {
    host,
    ...selectionOf(values.scenario, base),
    nodes: nodesOf(values.nodes, host) ?? base.nodes,
    seed: seedOf(values.seed) ?? base.seed,
  };
  const { out, tls = false } = values;
  if (tls && host === 'docker') throw mistake('--tls', '--host docker', '--host processes with it');
  if (out !== undefined && out.trim() === '')
    throw mistake('--out', out, 'the name of a directory');
  return {
    kind: 'run',
    plan,
    isDefault:
      !tls && JSON.stringify(plan) === JSON.stringify({ host, ...selectionOf(undefined, FULL) }),
    out,
    json: values.json === true,
    tls,
  };
}

function selectionOf(
  names: readonly string[] | undefined,
  base: Omit<Plan, 'host'>,
): Omit<Plan, 'host'> {
  if (names === undefined) return base;
  const wanted = names.flatMap((each) => each.split(',')).map((each) => each.trim());
  const wrong = wanted.find((name) => name !== STAIRCASE && !NAMES.includes(name));
  if (wrong !== undefined) {
    throw mistake('--scenario', wrong, `${[STAIRCASE, ...NAMES].join(', ')}`);
  }
  return {
    ...base,
    ways: WAYS.filter((way) => wanted.includes(staircaseName(way)) || wanted.includes(STAIRCASE)),
    scenarios: FULL.scenarios.filter((name) => wanted.includes(name)),
  };
}

function hostOf(text: string | undefined): HostName {
  const host = HOSTS.find((each) => each === (text ?? 'processes'));
  if (host === undefined) throw mistake('--host', text ?? '', HOSTS.join(', '));
  return host;
}

function nodesOf(text: string | undefined, host: HostName): number[] | undefined {
  if (text === undefined) return undefined;
  return text.split(',').map((item) => {
    const nodes = parseNumber(item.trim(), NODES_BOUNDS);
    if (nodes === undefined) throw mistake('--nodes', text, NODES_ALLOWED);
    if (host === 'docker' && !DOCKER_NODES.includes(nodes)) {
      throw mistake('--nodes', text, 'with --host docker a list of 3 and 5');
    }
    return nodes;
  });
}

function seedOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seed = parseNumber(text, SEED_BOUNDS);
  if (seed === undefined) throw mistake('--seed', text, numberAllowed(SEED_BOUNDS));
  return seed;
}
