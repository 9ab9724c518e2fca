/** The words of `npm run experiment -- endurance …` as a plan, every value checked. */
import { Command, Option } from 'commander';
import { numberAllowed, parseNumber } from '../../src/decimal.ts';
import { mistake } from '../../src/user-error.ts';
import { type Help, once, parseWords } from '../sweep/own-words.ts';

export type Plan = {
  /** Of full load. */
  readonly seconds: number;
  /** All of them are put before the load begins. */
  readonly keys: number;
  /** Bytes of entries after which a snapshot is due (§5.1.3). */
  readonly snapshotMib: number;
  readonly seed: number;
};

export type Request =
  | Help
  | {
      readonly kind: 'run';
      readonly plan: Plan;
      /** Exactly the experiment as it is written: only that replaces the committed results. */
      readonly isDefault: boolean;
      readonly out: string | undefined;
      readonly json: boolean;
    };

type Flag = keyof Plan;

const FULL: Plan = { seconds: 60, keys: 1_000_000, snapshotMib: 256, seed: 1 };
const QUICK: Plan = { ...FULL, seconds: 10, keys: 50_000, snapshotMib: 32 };

const FLAGS: Readonly<
  Record<Flag, { name: string; about: string; bounds: Parameters<typeof numberAllowed>[0] }>
> = {
  seconds: { name: '--seconds', about: 'of full load', bounds: { low: 1, high: 86_400 } },
  keys: {
    name: '--keys',
    about: 'keys that are put before the load begins, and then overwritten',
    bounds: { low: 1, high: 10_000_000, whole: true },
  },
  snapshotMib: {
    name: '--snapshot-mib',
    about: 'MiB of entries after which a snapshot is due, §5.1.3',
    bounds: { low: 0.01, high: 1024 },
  },
  seed: { name: '--seed', about: 'of the load', bounds: { low: 0, high: 2 ** 52, whole: true } },
};
const FLAG_NAMES = Object.keys(FLAGS) as readonly Flag[];

const EXAMPLES = `
Examples:
  npm run experiment -- endurance
  npm run experiment -- endurance --quick
  npm run experiment -- endurance --seconds 600 --out long

Exit status: 0 when every line holds, 1 otherwise, 2 for a mistake in the command,
130 after Ctrl-C.`;

/** Understands the words after `endurance`; throws a UserError where they are wrong. */
export function parseArguments(words: readonly string[], columns: number): Request {
  const command = commandOf();
  const help = parseWords(command, 'endurance', words, columns);
  if (help !== null) return help;
  return requestOf(command.opts());
}

function commandOf(): Command {
  const command = new Command('npm run experiment -- endurance')
    .description(
      'Does memory stay within bounds under full load, do snapshots hold up commands, and how ' +
        'soon does a fresh node serve?',
    )
    .usage('[flags]')
    .allowExcessArguments(false)
    .option(
      '--quick',
      `${QUICK.seconds} seconds, ${QUICK.keys} keys, snapshots after ${QUICK.snapshotMib} MiB`,
    )
    .option('--json', 'print the result document on standard output, all else on the other');
  for (const flag of FLAG_NAMES) {
    const { name, about } = FLAGS[flag];
    command.addOption(once(new Option(`${name} <number>`, `${about} (default ${FULL[flag]})`)));
  }
  return command
    .addOption(
      once(new Option('--out <directory>', 'where results go (default results/endurance)')),
    )
    .addHelpText('after', EXAMPLES);
}

function requestOf(values: Readonly<Record<string, string | boolean | undefined>>): Request {
  const base = values.quick === true ? QUICK : FULL;
  const plan = Object.fromEntries(
    FLAG_NAMES.map((flag) => [flag, numberOf(flag, values[flag]) ?? base[flag]]),
  ) as Plan;
  const { out } = values;
  if (typeof out === 'string' && out.trim() === '') {
    throw mistake('--out', out, 'the name of a directory');
  }
  return {
    kind: 'run',
    plan,
    isDefault: FLAG_NAMES.every((flag) => plan[flag] === FULL[flag]),
    out: typeof out === 'string' ? out : undefined,
    json: values.json === true,
  };
}

function numberOf(flag: Flag, text: string | boolean | undefined): number | undefined {
  if (typeof text !== 'string') return undefined;
  const { name, bounds } = FLAGS[flag];
  const value = parseNumber(text, bounds);
  if (value === undefined) throw mistake(name, text, numberAllowed(bounds));
  return value;
}
