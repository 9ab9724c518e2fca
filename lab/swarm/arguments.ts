/**
 * The words of `npm run sim -- …` as a request: what to run and what to show of it, every value
 * checked. Nothing is read or written here but the words themselves.
 */
import { Command, CommanderError, Option } from 'commander';
import { numberAllowed, parseNumber } from '../../src/decimal.ts';
import { mistake, oneLine, UserError } from '../../src/user-error.ts';
import { MUTANTS } from '../mutants/catalogue.ts';
import { PROFILES, type Profile } from '../sim/profiles.ts';
import { HANG_S_BOUNDS, HANG_S_DEFAULT } from '../watchdog.ts';
import { parseSeeds, SEEDS_ALLOWED, type SeedRange } from './seeds.ts';

/** Where a schedule comes from, and the bug of the zoo that is planted in the source, if any. */
export type Source = { readonly mutant?: string } & (
  | { readonly kind: 'seed'; readonly seed: number; readonly profile: Profile }
  | { readonly kind: 'file'; readonly path: string }
);

export type SingleRequest = {
  readonly kind: 'single';
  readonly source: Source;
  readonly trace: boolean;
  readonly json: boolean;
  /** Files to write. */
  readonly save: string | undefined;
  readonly history: string | undefined;
  /** How long to shrink a failure at most; `undefined` is not at all. */
  readonly shrinkMs: number | undefined;
  readonly hangMs: number;
};

export type SwarmRequest = {
  readonly kind: 'swarm';
  readonly ranges: readonly SeedRange[];
  /** When to end at the latest; `undefined` is at the last seed. */
  readonly forMs: number | undefined;
  readonly profile: Profile;
  /** `undefined`: as many as there are cores. */
  readonly threads: number | undefined;
  /** A run that takes longer, and far longer than the others, is said to hang. */
  readonly hangMs: number;
  readonly json: boolean;
  /** Shows in how many runs each place was reached. */
  readonly reach: boolean;
};

export type Request =
  | { readonly kind: 'help'; readonly text: string }
  | SingleRequest
  | SwarmRequest;

type Values = Readonly<Record<string, string | boolean | undefined>>;

export const PROFILE_DEFAULT: Profile = 'default';
const SEED_BOUNDS = { low: 0, high: Number.MAX_SAFE_INTEGER, whole: true };
const THREADS_BOUNDS = { low: 1, high: 256, whole: true };
const SHRINK_MS_DEFAULT = 120_000;
const DAY_MS = 86_400_000;
const FROM_THE_FIRST: readonly SeedRange[] = [{ from: 1, to: null }];
const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };
const SPAN_ALLOWED = 'a time such as 90s, 10m or 1.5h, up to 24h';
/** What is about one run, and so has no part in a swarm. */
const OF_ONE_RUN = ['mutant', 'trace', 'history', 'save', 'shrink'] as const;

const EXAMPLES = `
Examples:
  npm run sim -- --seed 7                          one run: options, faults, verdict
  npm run sim -- --seed 7 --profile harsh --trace  with a line for every event
  npm run sim -- --seeds 1..1000                   many runs, on all cores
  npm run sim -- --for 10m --profile harsh         as many as there is time for
  npm run sim -- --seeds 5000.. --for 1h
  npm run sim -- --seeds 1..1000 --reach           what they put to the test
  npm run sim -- --seed 7 --shrink                 a failure made small, with pictures
  npm run sim -- --seed 7 --save schedule.json     to edit, and then:
  npm run sim -- --schedule schedule.json --history history.ndjson
  npm run sim -- --seed 7 --mutant quorum-of-half  with a bug planted

A seed and a profile are a run: the same two give the same events on every machine,
as their trace hash shows.

Exit status: 0 when every run passed, 1 when one broke a property, hung or put nothing
to the test (vacuous), 2 for a mistake in the command, 130 after Ctrl-C.`;

/** Understands the words after `npm run sim --`; throws a UserError where they are wrong. */
export function parseArguments(words: readonly string[], columns: number): Request {
  let printed = '';
  const program = programOf();
  program.exitOverride().configureOutput({
    writeOut: (text) => {
      printed += text;
    },
    writeErr: () => {},
    getOutHelpWidth: () => columns,
  });
  try {
    program.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'help', text: printed };
    throw new UserError(`${oneLine(error.message).replace(/^error: /, '')}; see --help`);
  }
  return requestOf(program.opts<Values>());
}

function programOf(): Command {
  const program = new Command('npm run sim --')
    .description('Runs Raft in a simulator that repeats every run exactly from its seed.')
    .usage('<what to run> [flags]')
    .addHelpText('after', EXAMPLES);
  for (const option of options()) program.addOption(option);
  return program;
}

function options(): Option[] {
  const profiles = `one of ${PROFILES.join(', ')}`;
  const what = [
    once(new Option('--seed <number>', 'one run')).conflicts(['schedule', 'seeds', 'threads']),
    once(new Option('--schedule <file>', 'one run, as a file says')).conflicts([
      'seeds',
      'profile',
      'save',
      'threads',
    ]),
    once(new Option('--seeds <list>', `many runs: ${SEEDS_ALLOWED}`)).conflicts([...OF_ONE_RUN]),
    once(new Option('--for <time>', `many runs, for so long: ${SPAN_ALLOWED}`)),
    once(new Option('--profile <name>', `${profiles} (else ${PROFILE_DEFAULT})`)),
    once(new Option('--mutant <name>', 'plant a known bug of Raft before a run: see the README')),
    once(new Option('--threads <count>', 'that many runs share (else one per core)')),
    once(
      new Option(
        '--hang-s <seconds>',
        `a run hangs after that, and 50 times what others took (else ${HANG_S_DEFAULT})`,
      ),
    ),
  ];
  const show = [
    new Option('--trace', 'print every event of a run').conflicts(['json']),
    new Option('--json', 'print one JSON document on standard output, all else on the other'),
    new Option('--reach', 'of many runs, show in how many each place was come to').conflicts([
      'json',
      'seed',
      'schedule',
    ]),
    once(new Option('--save <file>', 'write the schedule of the seed')),
    once(new Option('--history <file>', 'write what the clients asked and were told, as NDJSON')),
    new Option(
      '--shrink',
      'make a failure small, within two minutes or what --for says, and write it with its ' +
        'pictures to results/failures/<seed>; a run that passes is left alone',
    ).conflicts(['json']),
  ];
  return [
    ...what.map((option) => option.helpGroup('What to run:')),
    ...show.map((option) => option.helpGroup('What to show:')),
  ];
}

/** Commander lets the last of two equal flags win; here that is a mistake worth telling. */
function once(option: Option): Option {
  return option.argParser((value: string, before: string | undefined) => {
    if (before === undefined) return value;
    throw new UserError(`${option.long} got '${before}' and again '${value}'; allowed: once`);
  });
}

function requestOf(values: Values): Request {
  const profile = profileOf(values.profile);
  const forMs = typeof values.for === 'string' ? millisecondsOf(values.for) : undefined;
  const json = values.json === true;
  const hangMs = 1000 * (numberOf('--hang-s', values.hangS, HANG_S_BOUNDS) ?? HANG_S_DEFAULT);
  const source = sourceOf(values, profile);
  if (source === undefined) {
    refuseFlagsOfOneRun(values);
    return swarmRequest(values, { forMs, profile, hangMs, json });
  }
  const shrinks = values.shrink === true;
  if (forMs !== undefined && !shrinks) {
    throw new UserError(
      `--for came with --${source.kind === 'seed' ? 'seed' : 'schedule'}; ${FOR}`,
    );
  }
  return {
    kind: 'single',
    source,
    trace: values.trace === true,
    json,
    save: pathOf('--save', values.save),
    history: pathOf('--history', values.history),
    shrinkMs: shrinks ? (forMs ?? SHRINK_MS_DEFAULT) : undefined,
    hangMs,
  };
}

const FOR = 'allowed: --for alone, with --seeds or with --shrink';

function sourceOf(values: Values, profile: Profile): Source | undefined {
  const planted = mutantOf(values.mutant);
  const path = pathOf('--schedule', values.schedule);
  if (path !== undefined) return { kind: 'file', path, ...planted };
  const seed = numberOf('--seed', values.seed, SEED_BOUNDS);
  return seed === undefined ? undefined : { kind: 'seed', seed, profile, ...planted };
}

function mutantOf(value: string | boolean | undefined): { mutant?: string } {
  if (typeof value !== 'string') return {};
  const names = MUTANTS.map(({ name }) => name);
  if (!names.includes(value)) throw mistake('--mutant', value, names.join(', '));
  return { mutant: value };
}

function refuseFlagsOfOneRun(values: Values): void {
  const flag = OF_ONE_RUN.find((name) => values[name] !== undefined);
  if (flag === undefined) return;
  throw new UserError(`--${flag} came without a run; allowed: with --seed or --schedule`);
}

function swarmRequest(
  values: Values,
  common: Pick<SwarmRequest, 'forMs' | 'profile' | 'hangMs' | 'json'>,
): SwarmRequest {
  const { seeds } = values;
  if (typeof seeds !== 'string' && common.forMs === undefined) {
    throw new UserError('nothing to run; give --seed, --seeds, --for or --schedule; see --help');
  }
  const ranges = typeof seeds === 'string' ? parseSeeds(seeds) : FROM_THE_FIRST;
  if (common.forMs === undefined && ranges.some(({ to }) => to === null)) {
    throw mistake('--seeds', String(seeds), 'a list without end only with --for');
  }
  const threads = numberOf('--threads', values.threads, THREADS_BOUNDS);
  return { kind: 'swarm', ranges, threads, reach: values.reach === true, ...common };
}

function profileOf(value: string | boolean | undefined): Profile {
  if (typeof value !== 'string') return PROFILE_DEFAULT;
  const profile = PROFILES.find((name) => name === value);
  if (profile === undefined) throw mistake('--profile', value, PROFILES.join(', '));
  return profile;
}

function numberOf(
  flag: string,
  text: string | boolean | undefined,
  bounds: Parameters<typeof numberAllowed>[0],
): number | undefined {
  if (typeof text !== 'string') return undefined;
  const value = parseNumber(text, bounds);
  if (value === undefined) throw mistake(flag, text, numberAllowed(bounds));
  return value;
}

function millisecondsOf(text: string): number {
  const [, count = '', unit = ''] = /^(\d+\.?\d*|\.\d+)([smh])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS_MS[unit] ?? 0);
  if (ms <= 0 || ms > DAY_MS) throw mistake('--for', text, SPAN_ALLOWED);
  return ms;
}

function pathOf(flag: string, value: string | boolean | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (value.trim() === '') throw mistake(flag, value, 'the name of a file');
  return value;
}
