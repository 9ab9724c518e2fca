/**
 * The words of `npm run experiment -- …` as a request: what to do, every value checked. Nothing is
 * read or written here but the words themselves.
 */
import { Argument, Command, CommanderError, Option } from 'commander';
import { numberAllowed, parseNumber } from '../../src/decimal.ts';
import { mistake, oneLine, UserError } from '../../src/user-error.ts';
import type { FactorValue } from '../results.ts';
import type { Catalogue } from './catalogue.ts';
import type { Before } from './cell-store.ts';
import type { Shard } from './cells.ts';
import { FACTOR_NAMES, FACTORS, type FactorName, printFactor } from './factors.ts';
import { OWN_COMMANDS } from './own-commands.ts';
import { SEED_DEFAULT, type SweepFlags } from './sweep.ts';

export type Request =
  /** `name` is the experiment whose help was asked for. */
  | { kind: 'help'; text: string; name: string | undefined }
  | { kind: 'list' }
  | {
      kind: 'run';
      name: string;
      /** False when the name is the default's and was not written. */
      named: boolean;
      flags: SweepFlags;
      out: string | undefined;
      json: boolean;
      /** What becomes of trials that an earlier run has left. */
      before: Before;
    }
  | {
      kind: 'merge';
      directories: readonly string[];
      out: string | undefined;
      /** Joins what there is, although parts are missing. */
      partial: boolean;
      before: Before;
    }
  | { kind: 'compare'; before: string; after: string }
  /** One of OWN_COMMANDS, and the words that it understands itself. */
  | { kind: 'own'; name: string; words: readonly string[] }
  /** A study, or `papers`, and the words that it understands itself. */
  | { kind: 'study'; name: string; words: readonly string[] };

type MergeOptions = { out?: string; overwrite: boolean; partial: boolean };

type Values = Readonly<Record<string, string | boolean | undefined>>;

const DURATION_BOUNDS = { low: 0.1, high: 3600 };
const TRIALS_BOUNDS = { low: 1, high: 10_000, whole: true };
const SEED_BOUNDS = { low: 0, high: Number.MAX_SAFE_INTEGER, whole: true };
const SHARD_ALLOWED = 'a part and the number of parts such as 2/8, from 1/1 to 1000/1000';
/** The group of all studies. */
export const PAPERS_COMMAND = 'papers';
const SUBCOMMANDS = ['merge', 'compare', ...Object.keys(OWN_COMMANDS), PAPERS_COMMAND];
const OVERWRITE = 'replace the trials of a run that was interrupted';
const HELP_HINT = '--help lists what is allowed';

const EXAMPLES = `
Examples:
  npm run experiment                                  the default sweep
  npm run experiment -- --quick                       the same in under a minute
  npm run experiment -- timeline
  npm run experiment -- --nodes 3,5 --loss 0,0.2 --duration-s 2 --json
  npm run experiment -- --nodes 5 --prevote on,off --crash-every-s 1
  npm run experiment -- throughput --resume           goes on where Ctrl-C stopped
  npm run experiment -- --shard 2/8 --out part2       one of eight machines
  npm run experiment -- merge part1 part2 --out whole
  npm run experiment -- merge part1 --partial --out some
  npm run experiment -- compare results/throughput results/throughput-custom
  npm run experiment -- mutants --only stale-leader-read
  npm run experiment -- papers --quick                all figures of the papers, roughly
  npm run experiment -- election-lan --help           flags of one of them

Exit status: 0 when all is well, 1 when a run failed or its audit is not ok,
2 for a mistake in the command, 130 after Ctrl-C.`;

/**
 * Understands the words after `npm run experiment --`; throws a `UserError` where they are wrong.
 */
export function parseArguments(
  words: readonly string[],
  { names, studies }: Pick<Catalogue, 'names' | 'studies'>,
  defaultName: string,
  columns: number,
): Request {
  let request: Request | undefined;
  let printed = '';
  const program = programOf({ names, studies }, defaultName, (found) => {
    request = found;
  });
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => {
        printed += text;
      },
      writeErr: () => {},
      getOutHelpWidth: () => columns,
    });
  }
  try {
    program.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw new UserError(explained(error));
    const name = names.find((known) => known === program.args[0]);
    return { kind: 'help', text: printed, name };
  }
  if (request === undefined) throw new Error('parseArguments: no command took the words');
  return request;
}

function programOf(
  { names, studies }: Pick<Catalogue, 'names' | 'studies'>,
  defaultName: string,
  found: (request: Request) => void,
): Command {
  const program = new Command('npm run experiment --')
    .description('Runs an experiment of the Raft lab, or the sweep that its factors span.')
    .usage('[experiment] [flags]')
    .enablePositionalOptions()
    .addArgument(
      new Argument('[experiment]', `one of ${names.join(', ')}`).default(defaultName).argParser(
        // Checked here and not as commander's choices, so that the subcommands are named as well.
        (name) => {
          if (names.includes(name)) return name;
          throw mistake('experiment', name, [...names, ...SUBCOMMANDS, ...studies].join(', '));
        },
      ),
    );
  for (const option of sweepOptions()) program.addOption(option);
  for (const factor of FACTOR_NAMES) program.addOption(factorOption(factor));
  program.addHelpText('after', EXAMPLES);
  program.action((name: string) => {
    const values: Values = program.opts();
    found(
      values.list === true ? { kind: 'list' } : runRequest(name, program.args.length > 0, values),
    );
  });

  program
    .command('merge')
    .description('Joins the results of several shards and writes their report.')
    .argument('<directories...>', 'what the shards have written')
    .addOption(once(new Option('--out <directory>', 'where the whole goes')))
    .option('--partial', 'join what there is if parts are missing; the report names them', false)
    .option('--overwrite', OVERWRITE, false)
    .action((directories: string[], options: MergeOptions) => {
      refuseFlagsBefore(program, 'merge');
      const { out, overwrite, partial } = options;
      const before = overwrite ? 'overwrite' : 'refuse';
      found({ kind: 'merge', directories, out: outOf(out), partial, before });
    });
  program
    .command('compare')
    .description('Says what changed from one result to another, with intervals.')
    .argument('<before>', 'directory of the older result')
    .argument('<after>', 'directory of the newer result')
    .action((before: string, after: string) => {
      refuseFlagsBefore(program, 'compare');
      found({ kind: 'compare', before, after });
    });
  for (const [name, { about }] of Object.entries(OWN_COMMANDS)) {
    addOwnCommand(program, { name, about, kind: 'own' }, found);
  }
  const about = `regenerates the figures of the Raft papers, by all of: ${studies.join(', ')}`;
  addOwnCommand(program, { name: PAPERS_COMMAND, about, kind: 'study' }, found);
  for (const name of studies) addOwnCommand(program, { name, about: '', kind: 'study' }, found);
  return program;
}

/** Its words are passed on as they are, `--help` among them. */
function addOwnCommand(
  program: Command,
  { about, kind, name }: { name: string; about: string; kind: 'own' | 'study' },
  found: (request: Request) => void,
): void {
  program
    .command(name, { hidden: about === '' })
    .description(about)
    .usage('[flags]')
    .argument('[words...]')
    .helpOption(false)
    .allowUnknownOption()
    .action((_words: string[], _options: unknown, command: Command) => {
      refuseFlagsBefore(program, name);
      found({ kind, name, words: command.args });
    });
}

function sweepOptions(): Option[] {
  const group = 'Sweep:';
  return [
    once(new Option('--duration-s <seconds>', 'measured part of a trial')),
    once(new Option('--trials <count>', 'trials of each cell')),
    once(new Option('--seed <number>', `seed of the sweep (default ${SEED_DEFAULT})`)),
    new Option('--quick', 'fewer and shorter trials, under a minute'),
    once(new Option('--out <directory>', 'where results go (default results/<experiment>)')),
    new Option('--json', 'print the result document on standard output, all else on the other'),
    new Option('--resume', 'keep the trials that are done and run the rest'),
    new Option('--overwrite', OVERWRITE).conflicts('resume'),
    once(new Option('--shard <part/parts>', 'run only this part, counted from 1; see merge')),
    new Option('--list', 'list the experiments and their questions').conflicts([
      'json',
      'resume',
      'overwrite',
      'shard',
      'quick',
      'out',
    ]),
  ].map((option) => option.helpGroup(group));
}

function factorOption(name: FactorName): Option {
  const { flag, group, about, allowed, fallback } = FACTORS[name];
  const usual = printFactor(name, fallback);
  return once(
    new Option(`${flag} <list>`, `${about}; ${allowed} (default ${usual})`).helpGroup(group),
  );
}

/** Commander lets the last of two equal flags win; here that is a mistake worth telling. */
function once(option: Option): Option {
  return option.argParser((value: string, before: string | undefined) => {
    if (before === undefined) return value;
    throw new UserError(
      `${option.long} got '${before}' and again '${value}'; allowed: once, values as a list`,
    );
  });
}

function runRequest(name: string, named: boolean, values: Values): Request {
  const factors: Partial<Record<FactorName, readonly FactorValue[]>> = {};
  for (const factor of FACTOR_NAMES) {
    const { flag } = FACTORS[factor];
    const text = values[attributeOf(flag)];
    if (typeof text === 'string') factors[factor] = listOf(factor, flag, text);
  }
  const flags: SweepFlags = {
    factors,
    durationS: numberOf('--duration-s', values, DURATION_BOUNDS),
    trials: numberOf('--trials', values, TRIALS_BOUNDS),
    seed: numberOf('--seed', values, SEED_BOUNDS) ?? SEED_DEFAULT,
    quick: values.quick === true,
    shard: typeof values.shard === 'string' ? shardOfText(values.shard) : undefined,
  };
  return {
    kind: 'run',
    name,
    named,
    flags,
    out: outOf(values.out),
    json: values.json === true,
    before: values.resume === true ? 'keep' : values.overwrite === true ? 'overwrite' : 'refuse',
  };
}

/** The values of a comma list, each once. */
function listOf(factor: FactorName, flag: string, text: string): FactorValue[] {
  const { parse, allowed } = FACTORS[factor];
  const values = text.split(',').map((item) => {
    const value = parse(item.trim());
    if (value === undefined) throw mistake(flag, item.trim(), `${allowed}, or a comma list`);
    return value;
  });
  return [...new Set(values)];
}

function numberOf(
  flag: string,
  values: Values,
  bounds: Parameters<typeof numberAllowed>[0],
): number | undefined {
  const text = values[attributeOf(flag)];
  if (typeof text !== 'string') return undefined;
  const value = parseNumber(text, bounds);
  if (value === undefined) throw mistake(flag, text, numberAllowed(bounds));
  return value;
}

function shardOfText(text: string): Shard {
  const [, index = 0, of = 0] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []).map(Number);
  if (index < 1 || index > of || of > 1000) throw mistake('--shard', text, SHARD_ALLOWED);
  return { index, of };
}

function outOf(value: string | boolean | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (value.trim() === '') throw mistake('--out', value, 'the name of a directory');
  return value;
}

/** Flags of a sweep that stand before another command would otherwise be passed over. */
function refuseFlagsBefore(program: Command, command: string): void {
  const [name] = Object.keys(program.opts());
  const option = program.options.find((known) => known.attributeName() === name);
  if (option !== undefined) {
    throw new UserError(
      `${option.long} came before ${command}; allowed: after it, as far as it has that flag`,
    );
  }
}

/** The name under which commander keeps the value of a flag. */
function attributeOf(flag: string): string {
  return new Option(`${flag} <value>`).attributeName();
}

/** Commander's message in one line, with what is allowed where it does not say so. */
function explained(error: CommanderError): string {
  const text = oneLine(error.message).replace(/^error: /, '');
  const flag = /--[a-z-]+/.exec(text)?.[0];
  const factor = FACTOR_NAMES.find((name) => FACTORS[name].flag === flag);
  if (error.code === 'commander.optionMissingArgument' && factor !== undefined) {
    return mistake(FACTORS[factor].flag, '', `${FACTORS[factor].allowed}, or a comma list`).message;
  }
  return `${text}; ${HELP_HINT}`;
}
