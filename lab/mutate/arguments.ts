/** The words of `npm run mutate` as a plan, every value checked. */
import { existsSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { Command, Option } from 'commander';
import { type Bounds, numberAllowed, parseNumber } from '../../src/decimal.ts';
import { mistake } from '../../src/user-error.ts';
import { PROFILES, type Profile } from '../sim/profiles.ts';
import { type Help, once, parseWords } from '../sweep/own-words.ts';
import { HANG_S_BOUNDS, HANG_S_DEFAULT } from '../watchdog.ts';
import { AREA_NAMES, type Area, type Choice } from './draw.ts';

/** What a result depends on. */
export type Plan = Choice & {
  readonly seeds: number;
  readonly profile: Profile;
  readonly tests: boolean;
  readonly budgetS: number;
  readonly hangS: number;
};

export type Request =
  | Help
  | {
      readonly kind: 'run';
      readonly plan: Plan;
      /** Exactly as it is written: only that replaces the committed results. */
      readonly isDefault: boolean;
      /** `undefined`: as many as there are cores. */
      readonly threads: number | undefined;
      readonly out: string | undefined;
      readonly json: boolean;
      readonly list: boolean;
      readonly resume: boolean;
    };

export const QUESTION = 'Which small slips in the source does neither simulator nor test notice?';

const DEFAULT: Plan = {
  mutants: 100,
  areas: AREA_NAMES,
  file: null,
  seed: 1,
  seeds: 1000,
  profile: 'default',
  tests: true,
  budgetS: 600,
  hangS: HANG_S_DEFAULT,
};

const NUMBERS = {
  mutants: { about: 'how many are drawn', bounds: { low: 1, high: 100_000, whole: true } },
  seeds: { about: 'seeds of the simulator', bounds: { low: 0, high: 1_000_000, whole: true } },
  seed: { about: 'of which edits are drawn', bounds: { low: 0, high: 2 ** 52, whole: true } },
  budgetS: { about: 'seconds spent on a mutant', bounds: { low: 1, high: 86_400 } },
  hangS: { about: 'seconds after which a run hangs', bounds: HANG_S_BOUNDS },
} as const satisfies Readonly<Record<string, { about: string; bounds: Bounds }>>;
type NumberName = keyof typeof NUMBERS;
const NUMBER_NAMES = Object.keys(NUMBERS) as readonly NumberName[];
const THREADS_BOUNDS = { low: 1, high: 256, whole: true };

const EXAMPLES = `
Examples:
  npm run mutate -- --mutants 40 --seeds 200 --threads 1
  npm run mutate -- --area raft --area node --seed 2
  npm run mutate -- --file src/raft/quorum.ts --mutants 20
  npm run mutate -- --list                    the edits, without running anything

Exit status: 0 when every mutant has been judged, survivors or not, 2 for a mistake in the
command, 130 after Ctrl-C; --resume then goes on.`;

type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** Understands the words; throws a UserError where they are wrong. */
export function parseArguments(words: readonly string[], columns: number, root: string): Request {
  const command = commandOf();
  const help = parseWords(command, 'mutate', words, columns);
  if (help !== null) return help;
  const values = command.opts<Values>();
  const numbers = Object.fromEntries(
    NUMBER_NAMES.map((name) => [
      name,
      numberOf(name, NUMBERS[name].bounds, values) ?? DEFAULT[name],
    ]),
  ) as Pick<Plan, NumberName>;
  const { out } = values;
  if (typeof out === 'string' && out.trim() === '') {
    throw mistake('--out', out, 'the name of a directory');
  }
  const plan: Plan = {
    ...DEFAULT,
    ...numbers,
    areas: areasOf(values.area),
    file: fileOf(values, root),
    profile: profileOf(values.profile),
    tests: values.tests !== false,
  };
  return {
    kind: 'run',
    plan,
    isDefault: JSON.stringify(plan) === JSON.stringify(DEFAULT),
    threads: numberOf('threads', THREADS_BOUNDS, values),
    out: typeof out === 'string' ? out : undefined,
    json: values.json === true,
    list: values.list === true,
    resume: values.resume === true,
  };
}

function commandOf(): Command {
  const command = new Command('npm run mutate --')
    .description(QUESTION)
    .usage('[flags]')
    .allowExcessArguments(false)
    .option('--area <name>', `one of ${AREA_NAMES.join(', ')}; may be repeated`, collected)
    .option('--no-tests', 'the simulator alone')
    .option('--list', 'print the edits that are drawn, and run nothing')
    .option('--resume', 'go on with a run that was stopped')
    .option('--json', 'print the result document on standard output, all else on the other')
    .addOption(once(new Option('--file <path>', 'one file instead of areas')).conflicts('area'))
    .addOption(once(new Option('--profile <name>', `one of ${PROFILES.join(', ')}`)))
    .addOption(once(new Option('--threads <count>', 'mutants at a time (default one per core)')))
    .addOption(once(new Option('--out <directory>', 'where results go (default results/mutate)')));
  for (const name of NUMBER_NAMES) {
    const text = `${NUMBERS[name].about} (default ${DEFAULT[name]})`;
    command.addOption(once(new Option(`${flagOf(name)} <number>`, text)));
  }
  return command.addHelpText('after', EXAMPLES);
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function areasOf(names: Values[string]): readonly Area[] {
  if (!Array.isArray(names)) return AREA_NAMES;
  for (const name of names) {
    if (!AREA_NAMES.includes(name)) throw mistake('--area', name, AREA_NAMES.join(', '));
  }
  return AREA_NAMES.filter((area) => names.includes(area));
}

function fileOf({ file }: Values, root: string): string | null {
  if (typeof file !== 'string') return null;
  const path = normalize(file);
  const isSource = path.startsWith('src/') && path.endsWith('.ts') && existsSync(join(root, path));
  if (!isSource) throw mistake('--file', file, 'a file below src/, such as src/raft/quorum.ts');
  return path;
}

function profileOf(text: Values[string]): Profile {
  if (typeof text !== 'string') return DEFAULT.profile;
  const profile = PROFILES.find((each) => each === text);
  if (profile === undefined) throw mistake('--profile', text, PROFILES.join(', '));
  return profile;
}

/** `budgetS` is `--budget-s`. */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function numberOf(name: string, bounds: Bounds, values: Values): number | undefined {
  const text = values[name];
  if (typeof text !== 'string') return undefined;
  const value = parseNumber(text, bounds);
  if (value === undefined) throw mistake(flagOf(name), text, numberAllowed(bounds));
  return value;
}

/** The command that does the same again, from the words that were given. */
export function commandText(words: readonly string[]): string {
  const kept = words.filter((word) => word !== '--json' && word !== '--resume');
  return ['npm run mutate', ...(kept.length === 0 ? [] : ['--', ...kept])].join(' ');
}
