/** The words of `npm run bench -- http …` as a plan, every value checked. */
import { Command, Option } from 'commander';
import { type Bounds, numberAllowed, parseNumber } from '../../src/decimal.ts';
import { mistake } from '../../src/user-error.ts';

import { type Help, once, parseWords } from '../sweep/own-words.ts';
import type { Plan } from './measure.ts';
import { SYSTEMS, type SystemName } from './requests.ts';

export const QUESTION =
  'How fast are puts and linearizable gets over HTTP on three processes, beside etcd?';

export type Request =
  | Help
  | {
      readonly kind: 'run';
      readonly plan: Plan;
      readonly systems: readonly SystemName[];
      /** Exactly the benchmark as it is written: only that replaces the committed results. */
      readonly isDefault: boolean;
      readonly out: string | undefined;
      /** Where the data of both systems lie; `undefined` is the directory for temporary files. */
      readonly data: string | undefined;
      readonly json: boolean;
      /** The lab's servers speak TLS, with certificates of an authority made for the run. */
      readonly tls: boolean;
    };

type Flag = 'rounds' | 'seconds' | 'keys' | 'seed';
type Values = Readonly<Record<string, string | boolean | undefined>>;

const FULL: Plan = { rounds: 5, seconds: 4, connections: [1, 64, 256], keys: 100_000, seed: 1 };
const QUICK: Plan = { ...FULL, rounds: 1, seconds: 1, keys: 10_000 };
const CONNECTIONS = { low: 1, high: 1024, whole: true };

const FLAGS: Readonly<Record<Flag, { about: string; bounds: Bounds }>> = {
  rounds: {
    about: 'how often everything is measured',
    bounds: { low: 1, high: 1000, whole: true },
  },
  seconds: {
    about: 'of each measurement, after a quarter as much of warm-up',
    bounds: { low: 0.1, high: 3600 },
  },
  keys: {
    about: 'keys, all put before the first round',
    bounds: { low: 1, high: 1_000_000, whole: true },
  },
  seed: { about: 'of the keys that are drawn', bounds: { low: 0, high: 2 ** 52, whole: true } },
};
const FLAG_NAMES = Object.keys(FLAGS) as readonly Flag[];

const EXAMPLES = `
Examples:
  npm run bench -- http
  npm run bench -- http --quick
  npm run bench -- http --only lab --connections 64 --seconds 10
  npm run bench -- http --only lab --tls

Without an etcd in PATH the lab is measured alone (Debian: apt-get install etcd-server).
Exit status: 0 when all was measured, 1 otherwise, 2 for a mistake in the command,
130 after Ctrl-C.`;

/** Understands the words after `http`; throws a UserError where they are wrong. */
export function parseArguments(words: readonly string[], columns: number): Request {
  const command = commandOf();
  const help = parseWords(command, 'http', words, columns);
  if (help !== null) return help;
  return requestOf(command.opts());
}

function commandOf(): Command {
  const command = new Command('npm run bench -- http')
    .description(QUESTION)
    .usage('[flags]')
    .allowExcessArguments(false)
    .option('--quick', `${QUICK.rounds} round of ${QUICK.seconds} s each, ${QUICK.keys} keys`)
    .option('--tls', "the lab's servers and their clients speak TLS; takes openssl")
    .option('--json', 'print the result document on standard output, all else on the other');
  for (const flag of FLAG_NAMES) {
    const text = `${FLAGS[flag].about} (default ${FULL[flag]})`;
    command.addOption(once(new Option(`--${flag} <number>`, text)));
  }
  const valued: readonly (readonly [string, string])[] = [
    ['--connections <list>', `numbers of connections (default ${FULL.connections.join(',')})`],
    ['--only <system>', `measure just one: ${SYSTEMS.join(' or ')}`],
    ['--data <directory>', 'where the data of both lie (default: that for temporary files)'],
    ['--out <directory>', 'where results go (default results/bench-http)'],
  ];
  for (const [flags, text] of valued) command.addOption(once(new Option(flags, text)));
  return command.addHelpText('after', EXAMPLES);
}

function requestOf(values: Values): Request {
  const base = values.quick === true ? QUICK : FULL;
  const numbers = Object.fromEntries(
    FLAG_NAMES.map((flag) => [flag, numberOf(flag, values[flag]) ?? base[flag]]),
  ) as Record<Flag, number>;
  const plan = { ...base, ...numbers, connections: connectionsOf(values) ?? base.connections };
  const systems = systemsOf(values);
  const tls = values.tls === true;
  return {
    kind: 'run',
    plan,
    systems,
    isDefault: systems === SYSTEMS && !tls && JSON.stringify(plan) === JSON.stringify(FULL),
    out: directoryOf('--out', values.out),
    data: directoryOf('--data', values.data),
    json: values.json === true,
    tls,
  };
}

function numberOf(flag: Flag, text: string | boolean | undefined): number | undefined {
  if (typeof text !== 'string') return undefined;
  const { bounds } = FLAGS[flag];
  const value = parseNumber(text, bounds);
  if (value === undefined) throw mistake(`--${flag}`, text, numberAllowed(bounds));
  return value;
}

function connectionsOf({ connections: text }: Values): number[] | undefined {
  if (typeof text !== 'string') return undefined;
  const numbers = text.split(',').map((part) => parseNumber(part.trim(), CONNECTIONS));
  const known = numbers.filter((number) => number !== undefined);
  if (known.length < numbers.length || new Set(known).size < known.length) {
    throw mistake('--connections', text, `a list of ${numberAllowed(CONNECTIONS)}, each once`);
  }
  return known.sort((a, b) => a - b);
}

function systemsOf({ only }: Values): readonly SystemName[] {
  if (only === undefined) return SYSTEMS;
  const found = SYSTEMS.filter((system) => system === only);
  if (found.length === 0) throw mistake('--only', String(only), SYSTEMS.join(', '));
  return found;
}

function directoryOf(flag: string, text: string | boolean | undefined): string | undefined {
  if (typeof text !== 'string') return undefined;
  if (text.trim() === '') throw mistake(flag, text, 'the name of a directory');
  return text;
}
