/** The words of `npm run experiment -- mutants …` as a plan, every value checked. */
import { Command, Option } from 'commander';
import { numberAllowed, parseNumber } from '../../src/decimal.ts';
import { mistake } from '../../src/user-error.ts';
import { PROFILES, type Profile } from '../sim/profiles.ts';
import { type Help, once, parseWords } from '../sweep/own-words.ts';
import { HANG_S_BOUNDS, HANG_S_DEFAULT } from '../watchdog.ts';
import { MUTANTS, NO_MUTANT } from './catalogue.ts';

export type Plan = {
  /** In the order of the catalogue. */
  readonly mutants: readonly string[];
  /** Searches for each mutant, over seeds that none of them shares. */
  readonly repeats: number;
  /** Seeds of a search, at most. */
  readonly seeds: number;
  /** The first seed of all. */
  readonly seed: number;
  readonly profile: Profile;
  /** Seeds of the code as it is, which must raise no alarm. */
  readonly clean: readonly { readonly profile: Profile; readonly seeds: number }[];
  /** Most runs spent on making one failing schedule smaller. */
  readonly shrinkRuns: number;
  /** A run that takes longer, and far longer than the others, is said to hang. */
  readonly hangMs: number;
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

type Values = Readonly<Record<string, string | boolean | undefined>>;

const FULL: Plan = {
  mutants: MUTANTS.map(({ name }) => name),
  repeats: 9,
  seeds: 1000,
  seed: 1,
  profile: 'default',
  clean: [
    { profile: 'default', seeds: 5000 },
    { profile: 'harsh', seeds: 1000 },
  ],
  shrinkRuns: 2000,
  hangMs: 1000 * HANG_S_DEFAULT,
};

const QUICK: Plan = {
  ...FULL,
  repeats: 1,
  clean: [
    { profile: 'default', seeds: 200 },
    { profile: 'harsh', seeds: 20 },
  ],
  shrinkRuns: 25,
};

const REPEATS_BOUNDS = { low: 1, high: 1000, whole: true };
const SEEDS_BOUNDS = { low: 1, high: 1_000_000, whole: true };
const SEED_BOUNDS = { low: 0, high: 2 ** 52, whole: true };

const EXAMPLES = `
Examples:
  npm run experiment -- mutants
  npm run experiment -- mutants --quick
  npm run experiment -- mutants --only stale-leader-read,session-forgotten --repeats 20
  npm run experiment -- mutants --only none             the code as it is, which must pass

Exit status: 0 when every mutant was caught and the code as it is was not, 1 otherwise,
2 for a mistake in the command, 130 after Ctrl-C.`;

/** Understands the words after `mutants`; throws a UserError where they are wrong. */
export function parseArguments(words: readonly string[], columns: number): Request {
  const command = commandOf();
  const help = parseWords(command, 'mutants', words, columns);
  if (help !== null) return help;
  return requestOf(command.opts());
}

function commandOf(): Command {
  const command = new Command('npm run experiment -- mutants')
    .description('How soon does the simulator find each known bug of Raft?')
    .usage('[flags]')
    .allowExcessArguments(false)
    .option('--quick', 'one search for each mutant, fewer seeds for the code as it is')
    .option('--json', 'print the result document on standard output, all else on the other');
  const valued: readonly (readonly [string, string])[] = [
    [
      '--seeds <count>',
      `seeds of a search, and of the code as it is, at most (default ${FULL.seeds})`,
    ],
    ['--repeats <count>', `searches for each mutant, over other seeds (default ${FULL.repeats})`],
    ['--seed <number>', `the first seed of all (default ${FULL.seed})`],
    ['--profile <name>', `${PROFILES.join(', ')} (default ${FULL.profile})`],
    ['--hang-s <seconds>', `a run that takes longer hangs (default ${HANG_S_DEFAULT})`],
    ['--only <list>', `some of the mutants, or ${NO_MUTANT} for the code as it is`],
    ['--out <directory>', 'where results go (default results/mutants)'],
  ];
  for (const [flags, about] of valued) command.addOption(once(new Option(flags, about)));
  const names = MUTANTS.map(({ name }) => `\n  ${name}`).join('');
  return command.addHelpText('after', `\nMutants:${names}\n${EXAMPLES}`);
}

function requestOf(values: Values): Request {
  const base = values.quick === true ? QUICK : FULL;
  const only = typeof values.only === 'string' ? namesOf(values.only) : null;
  const seeds = numberOf('seeds', values, SEEDS_BOUNDS) ?? base.seeds;
  // Who asks for fewer seeds than usual means the clean code as well.
  const most = seeds < base.seeds ? seeds : Number.POSITIVE_INFINITY;
  const clean = base.clean.map((each) => ({ ...each, seeds: Math.min(each.seeds, most) }));
  const hangS = numberOf('hang-s', { 'hang-s': values.hangS }, HANG_S_BOUNDS);
  const plan: Plan = {
    ...base,
    mutants: only === null ? base.mutants : base.mutants.filter((name) => only.includes(name)),
    clean: only === null || only.includes(NO_MUTANT) ? clean : [],
    repeats: numberOf('repeats', values, REPEATS_BOUNDS) ?? base.repeats,
    seeds,
    seed: numberOf('seed', values, SEED_BOUNDS) ?? base.seed,
    profile: typeof values.profile === 'string' ? profileOf(values.profile) : base.profile,
    hangMs: hangS === undefined ? base.hangMs : 1000 * hangS,
  };
  if (typeof values.out === 'string' && values.out.trim() === '') {
    throw mistake('--out', values.out, 'the name of a directory');
  }
  return {
    kind: 'run',
    plan,
    isDefault: JSON.stringify(plan) === JSON.stringify(FULL),
    out: typeof values.out === 'string' ? values.out : undefined,
    json: values.json === true,
  };
}

function namesOf(list: string): string[] {
  const known = [...FULL.mutants, NO_MUTANT];
  return list.split(',').map((item) => {
    const name = item.trim();
    if (!known.includes(name)) throw mistake('--only', name, `a list of ${known.join(', ')}`);
    return name;
  });
}

function profileOf(text: string): Profile {
  const profile = PROFILES.find((each) => each === text);
  if (profile === undefined) throw mistake('--profile', text, PROFILES.join(', '));
  return profile;
}

function numberOf(
  name: string,
  values: Values,
  bounds: Parameters<typeof numberAllowed>[0],
): number | undefined {
  const text = values[name];
  if (typeof text !== 'string') return undefined;
  const value = parseNumber(text, bounds);
  if (value === undefined) throw mistake(`--${name}`, text, numberAllowed(bounds));
  return value;
}
