/** The words behind the name of an availability experiment as a request, every value checked. */
import { Command, Option } from 'commander';
import { mistake } from '../../src/user-error.ts';
import { parseSeeds, rangesText, SEEDS_ALLOWED, seedCount, seedsOf } from '../swarm/seeds.ts';
import { type Help, once, parseWords } from '../sweep/own-words.ts';

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
  | Help
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
  const command = commandOf(about);
  const help = parseWords(command, about.name, words, columns);
  if (help !== null) return help;
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
    seeds: [...seedsOf(ranges)],
    seedsText,
    isDefault: seedsText === about.seeds,
    out: typeof out === 'string' ? out : undefined,
    json: json === true,
  };
}
