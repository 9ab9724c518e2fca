/** The words behind the name of an availability experiment as a request, every value checked. */
import { Command, CommanderError, Option } from 'commander';
import { chunksOf, parseSeeds, rangesText, SEEDS_ALLOWED, seedCount } from '../swarm/seeds.ts';
import { mistake, oneLine, UserError } from '../sweep/user-error.ts';

/** What of an experiment its flags depend on. */
export type Described = {
  readonly name: string;
  readonly question: string;
  /** Seeds as they are written, such as `1..30`. */
  readonly seeds: string;
  readonly quickSeeds: string;
  /** When the exit status is 0. */
  readonly promise: string;
};

export type Request =
  | { readonly kind: 'help'; readonly text: string }
  | {
      readonly kind: 'run';
      readonly seeds: readonly number[];
      /** The same as text. */
      readonly seedsText: string;
      /** Exactly the experiment as it is written: only that replaces the committed results. */
      readonly isDefault: boolean;
      readonly out: string | undefined;
      readonly json: boolean;
    };

type Values = Readonly<Record<string, string | boolean | undefined>>;

const SEEDS_MAX = 100_000;

/** Understands the words; throws a UserError where they are wrong. */
export function parseArguments(
  words: readonly string[],
  about: Described,
  columns: number,
): Request {
  let printed = '';
  const command = commandOf(about)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        printed += text;
      },
      writeErr: () => {},
      getOutHelpWidth: () => columns,
    });
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'help', text: printed };
    const text = oneLine(error.message).replace(/^error: /, '');
    throw new UserError(`${about.name}: ${text}; ${about.name} --help lists what is allowed`);
  }
  return requestOf(command.opts(), about);
}

function commandOf({ name, promise, question, quickSeeds, seeds }: Described): Command {
  const valued: readonly (readonly [string, string])[] = [
    ['--seeds <list>', `a run of every cell for each seed (default ${seeds})`],
    ['--out <directory>', `where results go (default results/${name})`],
  ];
  const command = new Command(`npm run experiment -- ${name}`)
    .description(question)
    .usage('[flags]')
    .allowExcessArguments(false)
    .option('--quick', `a few seeds: ${quickSeeds}`)
    .option('--json', 'print the result document on standard output, all else on the other');
  for (const [flags, text] of valued) command.addOption(once(new Option(flags, text)));
  return command.addHelpText(
    'after',
    `
Examples:
  npm run experiment -- ${name}
  npm run experiment -- ${name} --quick
  npm run experiment -- ${name} --seeds 7        one run of every cell, again

Exit status: 0 when ${promise}, 1 otherwise,
2 for a mistake in the command, 130 after Ctrl-C.`,
  );
}

/** Commander lets the last of two equal flags win; here that is a mistake worth telling. */
function once(option: Option): Option {
  return option.argParser((value: string, before: string | undefined) => {
    if (before === undefined) return value;
    throw new UserError(`${option.long} got '${before}' and again '${value}'; allowed: once`);
  });
}

function requestOf({ json, out, quick, seeds }: Values, about: Described): Request {
  if (quick === true && typeof seeds === 'string') {
    throw mistake('--quick', `--seeds ${seeds}`, 'one of the two');
  }
  const text = typeof seeds === 'string' ? seeds : quick ? about.quickSeeds : about.seeds;
  const ranges = parseSeeds(text);
  const count = seedCount(ranges);
  if (count === null || count > SEEDS_MAX) {
    throw mistake('--seeds', text, `${SEEDS_ALLOWED}, with an end and at most ${SEEDS_MAX} seeds`);
  }
  if (typeof out === 'string' && out.trim() === '') {
    throw mistake('--out', out, 'the name of a directory');
  }
  const seedsText = rangesText(ranges);
  return {
    kind: 'run',
    seeds: [...chunksOf(ranges, count)].flat(),
    seedsText,
    isDefault: seedsText === about.seeds,
    out: typeof out === 'string' ? out : undefined,
    json: json === true,
  };
}
