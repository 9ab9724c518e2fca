/** The words behind the name of a study as a request, every value checked. */
import { Command, Option } from 'commander';
import { type Bounds, numberAllowed, parseNumber } from '../../src/decimal.ts';
import { mistake, UserError } from '../../src/user-error.ts';
import type { FactorValue } from '../results.ts';
import { type Help, once, parseWords } from '../sweep/own-words.ts';
import { cellsOf, flagOf, type Plan } from './cells.ts';
import type { AnyStudy, StudyFactor } from './study.ts';

export type Request =
  | Help
  | {
      readonly kind: 'run';
      readonly plan: Plan;
      /** Exactly the study as it is written: only that replaces the committed results. */
      readonly isDefault: boolean;
      readonly out: string | undefined;
      readonly json: boolean;
    };

type Values = Readonly<Record<string, string | boolean | undefined>>;

const SEED_DEFAULT = 1;
const TRIALS: Bounds = { low: 1, high: 1_000_000, whole: true };
const TRIAL: Bounds = { low: 0, high: 1_000_000, whole: true };
const SEED: Bounds = { low: 0, high: Number.MAX_SAFE_INTEGER, whole: true };

/** Understands the words; throws a UserError where they are wrong. */
export function parseArguments(
  words: readonly string[],
  name: string,
  study: AnyStudy,
  columns: number,
): Request {
  const command = commandOf(name, study);
  const help = parseWords(command, name, words, columns);
  if (help !== null) return help;
  return requestOf(command.opts(), study);
}

/** The study as it is written, or its quick form. */
export function writtenPlan(study: AnyStudy, quick: boolean): Plan {
  const values = Object.fromEntries(
    Object.entries(study.factors).map(([name, factor]) => [
      name,
      quick ? factor.quick : factor.values,
    ]),
  );
  const trials = quick ? study.quickTrials : study.trials;
  return { cells: cellsOf(study, values, trials), seed: SEED_DEFAULT, onlyTrial: null };
}

function commandOf(name: string, study: AnyStudy): Command {
  const command = new Command(`npm run experiment -- ${name}`)
    .description(study.question)
    .usage('[flags]')
    .allowExcessArguments(false);
  for (const [factor, { about, allowed, values, print }] of Object.entries(study.factors)) {
    const usual = values.map(print).join(',');
    const text = `${about}; ${allowed} (default ${usual})`;
    command.addOption(once(new Option(`${flagOf(factor)} <list>`, text)));
  }
  const valued: readonly (readonly [string, string])[] = [
    ['--trials <count>', `trials of each cell (default ${study.trials})`],
    ['--trial <number>', 'this one trial of each cell alone, counted from 0'],
    ['--seed <number>', `seed of the study (default ${SEED_DEFAULT})`],
    ['--out <directory>', `where results go (default results/${name})`],
  ];
  for (const [flags, text] of valued) command.addOption(once(new Option(flags, text)));
  return command
    .option('--quick', `fewer cells, and ${study.quickTrials} trials of each`)
    .option('--json', 'print the result document on standard output, all else on the other')
    .addHelpText('after', helpAfter(name, study));
}

function helpAfter(name: string, study: AnyStudy): string {
  const [first] = Object.entries(study.factors);
  const example = first === undefined ? '' : exampleOf(name, first);
  return `
Examples:
  npm run experiment -- ${name}
  npm run experiment -- ${name} --quick${example}

Exit status: 0 when all trials ran and broke nothing, 1 otherwise,
2 for a mistake in the command, 130 after Ctrl-C.`;
}

function exampleOf(name: string, [factor, of]: [string, StudyFactor<FactorValue>]): string {
  const [value] = of.values;
  if (value === undefined) return '';
  return `\n  npm run experiment -- ${name} ${flagOf(factor)} ${of.print(value)} --trials 10`;
}

function requestOf(given: Values, study: AnyStudy): Request {
  const quick = given.quick === true;
  const values: Record<string, readonly FactorValue[]> = {};
  let isDefault = !quick;
  for (const [name, factor] of Object.entries(study.factors)) {
    const text = given[attributeOf(flagOf(name))];
    values[name] = quick ? factor.quick : factor.values;
    if (typeof text !== 'string') continue;
    values[name] = listOf(flagOf(name), factor, text);
    isDefault = false;
  }
  const trials = numberOf('--trials', given, TRIALS);
  const onlyTrial = numberOf('--trial', given, TRIAL) ?? null;
  const seed = numberOf('--seed', given, SEED) ?? SEED_DEFAULT;
  const cells = cellsOf(study, values, trials ?? (quick ? study.quickTrials : study.trials));
  if (cells.length === 0) {
    throw new UserError('the factors leave no combination that makes sense; see --help');
  }
  if (onlyTrial !== null && !cells.some(({ trials: each }) => onlyTrial < each)) {
    const most = Math.max(0, ...cells.map(({ trials: each }) => each - 1));
    throw mistake('--trial', String(onlyTrial), `a number from 0 to ${most}, or more --trials`);
  }
  if (typeof given.out === 'string' && given.out.trim() === '') {
    throw mistake('--out', given.out, 'the name of a directory');
  }
  return {
    kind: 'run',
    plan: { cells, seed, onlyTrial },
    isDefault: isDefault && trials === undefined && onlyTrial === null && seed === SEED_DEFAULT,
    out: typeof given.out === 'string' ? given.out : undefined,
    json: given.json === true,
  };
}

/** The values of a comma list, each once. */
function listOf(flag: string, factor: StudyFactor<FactorValue>, text: string): FactorValue[] {
  const values = text.split(',').map((item) => {
    const value = factor.parse(item.trim());
    if (value === undefined) throw mistake(flag, item.trim(), `${factor.allowed}, or a comma list`);
    return value;
  });
  return [...new Set(values)];
}

function numberOf(flag: string, given: Values, bounds: Bounds): number | undefined {
  const text = given[attributeOf(flag)];
  if (typeof text !== 'string') return undefined;
  const value = parseNumber(text, bounds);
  if (value === undefined) throw mistake(flag, text, numberAllowed(bounds));
  return value;
}

/** The name under which commander keeps the value of a flag. */
function attributeOf(flag: string): string {
  return new Option(`${flag} <value>`).attributeName();
}
