/** The words of `npm run torture` as a plan, every value checked. */
import { Command, Option } from 'commander';
import { type Bounds, numberAllowed, parseNumber } from '../../src/decimal.ts';
import { mistake } from '../../src/user-error.ts';
import { type Help, once, parseWords } from '../sweep/own-words.ts';

export type Plan = {
  /** A server is killed every second of these; 0 leaves that part out. */
  readonly seconds: number;
  /** How often all servers are killed at once; 0 leaves that part out. */
  readonly allAtOnce: number;
  readonly clients: number;
  readonly nodes: number;
  readonly seed: number;
};

export type Request =
  | Help
  | {
      readonly kind: 'run';
      readonly plan: Plan;
      /** Exactly as it is written: only that replaces the committed results. */
      readonly isDefault: boolean;
      readonly out: string | undefined;
      readonly json: boolean;
    };

export const QUESTION =
  'Is anything lost, and how soon is the cluster back, when its processes are killed under load?';

type Flag = keyof Plan;

export const DEFAULT: Plan = { seconds: 60, allAtOnce: 20, clients: 16, nodes: 3, seed: 1 };

const FLAGS: Readonly<Record<Flag, { name: string; about: string; bounds: Bounds }>> = {
  seconds: {
    name: '--seconds',
    about: 'in each of which one server is killed; 0 leaves that out',
    bounds: { low: 0, high: 86_400, whole: true },
  },
  allAtOnce: {
    name: '--all-at-once',
    about: 'how often all servers are killed at once; 0 leaves that out',
    bounds: { low: 0, high: 10_000, whole: true },
  },
  clients: {
    name: '--clients',
    about: 'that write and read meanwhile',
    bounds: { low: 1, high: 256, whole: true },
  },
  nodes: { name: '--nodes', about: 'servers', bounds: { low: 1, high: 9, whole: true } },
  seed: {
    name: '--seed',
    about: 'of who is killed and what clients ask',
    bounds: { low: 0, high: 2 ** 52, whole: true },
  },
};
const FLAG_NAMES = Object.keys(FLAGS) as readonly Flag[];

const EXAMPLES = `
Examples:
  npm run torture
  npm run torture -- --seconds 600 --clients 32 --all-at-once 0
  npm run torture -- --seconds 0 --all-at-once 100

Exit status: 0 when nothing was lost, the history is linearizable and service came back in time,
1 otherwise, 2 for a mistake in the command, 130 after Ctrl-C.`;

/** Understands the words; throws a UserError where they are wrong. */
export function parseArguments(words: readonly string[], columns: number): Request {
  const command = commandOf();
  const help = parseWords(command, 'torture', words, columns);
  if (help !== null) return help;
  const values = command.opts<Readonly<Record<string, string | boolean | undefined>>>();
  const { out } = values;
  if (typeof out === 'string' && out.trim() === '') {
    throw mistake('--out', out, 'the name of a directory');
  }
  const plan = Object.fromEntries(
    FLAG_NAMES.map((flag) => [flag, numberOf(flag, values[flag])]),
  ) as Plan;
  if (plan.seconds === 0 && plan.allAtOnce === 0) {
    throw mistake('--all-at-once', '0', 'more than 0 where --seconds is 0');
  }
  return {
    kind: 'run',
    plan,
    isDefault: FLAG_NAMES.every((flag) => plan[flag] === DEFAULT[flag]),
    out: typeof out === 'string' ? out : undefined,
    json: values.json === true,
  };
}

/** The command that does the same again. */
export function commandText(plan: Plan): string {
  const words = FLAG_NAMES.flatMap((flag) =>
    plan[flag] === DEFAULT[flag] && flag !== 'seed' ? [] : [FLAGS[flag].name, String(plan[flag])],
  );
  return ['npm run torture --', ...words].join(' ');
}

function commandOf(): Command {
  const command = new Command('npm run torture --')
    .description(QUESTION)
    .usage('[flags]')
    .allowExcessArguments(false)
    .option('--json', 'print the result document on standard output, all else on the other');
  for (const flag of FLAG_NAMES) {
    const { name, about } = FLAGS[flag];
    const text = `${about} (default ${DEFAULT[flag]})`;
    command.addOption(once(new Option(`${name} <number>`, text)));
  }
  return command
    .addOption(once(new Option('--out <directory>', 'where results go (default results/torture)')))
    .addHelpText('after', EXAMPLES);
}

function numberOf(flag: Flag, text: string | boolean | undefined): number {
  if (typeof text !== 'string') return DEFAULT[flag];
  const { name, bounds } = FLAGS[flag];
  const value = parseNumber(text, bounds);
  if (value === undefined) throw mistake(name, text, numberAllowed(bounds));
  return value;
}
