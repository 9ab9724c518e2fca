/**
 * Where settings come from: flags before environment variables before a JSON file. What was said is
 * kept as text beside the name it was said under, so that a message can repeat both.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import {
  FIELD_NAMES,
  FIELDS,
  type Field,
  type FieldName,
  flagOf,
  variableOf,
} from './config-fields.ts';
import { messageOf, mistake, oneLine, UserError } from './user-error.ts';

/** A flag, a variable, or a name in a file; and what it was given. */
export type Said = { readonly name: string; readonly text: string };
export type Sayings = { readonly [Name in FieldName]?: Said };
type Environment = Readonly<Record<string, string | undefined>>;
export type Told = { readonly sayings: Sayings; readonly recoversAlone: boolean };
type Flags = Told & { readonly file: string | undefined };

/** A deed, not a setting: no variable or file can have it done again by accident. */
const RECOVER_ALONE = '--recover-alone';
const HELP_HINT = '--help lists all settings';

const EXPLANATION = `
A setting comes from a flag, or else from the variable of the same name (NODE_ID for
--node-id; empty counts as not set), or else from the JSON file (nodeId or
NODE_ID). PEERS and JOIN count only while the data directory is empty: it remembers who
the members are.

Examples:
  NODE_ID=127.0.0.1:8001 PEERS=127.0.0.1:8002,127.0.0.1:8003 npm run node
  npm run node -- --port 8001 --data-dir /tmp/one
  npm run node -- --config node.json

Exit status: 0 when it was stopped, 1 when it failed, 2 for a mistake in the settings,
3 when the data directory holds what cannot be read, executed or restored, or lacks what
was acknowledged, 4 when the directory was removed or replaced while a server ran on it.`;

/** All that was said, or the text of the help where that was asked for. */
export function sayingsOf(
  words: readonly string[],
  environment: Environment,
  columns: number,
): Told | string {
  const flags = readFlags(words, columns);
  if (typeof flags === 'string') return flags;
  const fromFile = flags.file === undefined ? {} : readFile(flags.file);
  const sayings = { ...fromFile, ...readEnvironment(environment), ...flags.sayings };
  return { sayings, recoversAlone: flags.recoversAlone };
}

// ---- Flags --------------------------------------------------------------------------------------

function readFlags(words: readonly string[], columns: number): Flags | string {
  let help = '';
  const command = commandOf().configureOutput({
    writeOut: (text) => {
      help += text;
    },
    writeErr: () => {},
    getOutHelpWidth: () => columns,
  });
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return help;
    const [first = ''] = error.message.replace(/^error: /, '').split('\n');
    throw new UserError(`${oneLine(first).replace(/\.$/, '')}; ${HELP_HINT}`);
  }
  const given = command.opts<Readonly<Record<string, string | true | undefined>>>();
  const textOfFlag = (name: FieldName): string | undefined => given[name]?.toString();
  const sayings = collect((name) => said(flagOf(name), textOfFlag(name)));
  return { sayings, file: given.config?.toString(), recoversAlone: given.recoverAlone === true };
}

function commandOf(): Command {
  const command = new Command('npm run node --')
    .description('Runs one server of a cluster.')
    .usage('[flags]')
    .allowExcessArguments(false)
    .exitOverride()
    .addOption(once(new Option('--config <file>', 'a JSON file of settings')));
  for (const name of FIELD_NAMES) {
    const { about, placeholder, inFile, group, fallbackText } = FIELDS[name];
    // A switch by its name alone is on.
    const value = inFile === 'boolean' ? `[${placeholder}]` : `<${placeholder}>`;
    const option = new Option(`${flagOf(name)} ${value}`, `${about} (default ${fallbackText})`);
    command.addOption(once(option.helpGroup(group)));
  }
  const about =
    'does not serve, but makes of what this server holds a cluster of its own, when a majority ' +
    'is lost for good; docs/recovery.md says when. --cluster-id is the new one here';
  command.addOption(new Option(RECOVER_ALONE, about).helpGroup('Once:'));
  return command.addHelpText('after', EXPLANATION);
}

/** Commander lets the last of two equal flags win. */
function once(option: Option): Option {
  return option.argParser((value: string, before: string | undefined) => {
    if (before === undefined) return value;
    throw new UserError(`${option.long} came twice; allowed: once`);
  });
}

// ---- Environment --------------------------------------------------------------------------------

function readEnvironment(environment: Environment): Sayings {
  return collect((name) => {
    const text = environment[variableOf(name)];
    // Compose files and shells set variables to nothing where they mean not to set them; but no
    // peers is something to say.
    return text === '' && name !== 'peers' ? undefined : said(variableOf(name), text);
  });
}

// ---- File ---------------------------------------------------------------------------------------

function readFile(file: string): Sayings {
  const content = contentOf(file);
  const sayings: { [Name in FieldName]?: Said } = {};
  for (const [key, value] of Object.entries(content)) {
    const name = FIELD_NAMES.find((each) => key === each || key === variableOf(each));
    if (name === undefined) {
      throw new UserError(`--config ${file}: unknown setting '${key}'; ${HELP_HINT}`);
    }
    if (sayings[name] !== undefined) {
      throw new UserError(`--config ${file}: ${name} came twice; allowed: once`);
    }
    const place = `${key} in ${file}`;
    sayings[name] = { name: place, text: textOf(place, FIELDS[name], value) };
  }
  return sayings;
}

function contentOf(file: string): Readonly<Record<string, unknown>> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    // The engine quotes what it could not read, which may be a token.
    const reason = messageOf(error).replace(/, (\.\.\.)?".*/s, '');
    throw mistake('--config', file, `a JSON file that can be read (${reason})`);
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    return { ...content };
  }
  throw mistake('--config', file, 'a file with a JSON object');
}

function textOf(place: string, field: Field<unknown>, value: unknown): string {
  const { inFile, secret, allowed } = field;
  if (typeof value === 'string') return value;
  if (inFile === 'number' && typeof value === 'number') return String(value);
  if (inFile === 'boolean' && typeof value === 'boolean') return String(value);
  const isList = Array.isArray(value) && value.every((each) => typeof each === 'string');
  if (inFile === 'list' && isList) return value.join(',');
  if (inFile === 'object' && typeof value === 'object') return JSON.stringify(value);
  throw mistake(place, secret ? '…' : JSON.stringify(value), allowed);
}

// ---- All ----------------------------------------------------------------------------------------

function said(name: string, text: string | undefined): Said | undefined {
  return text === undefined ? undefined : { name, text };
}

function collect(find: (name: FieldName) => Said | undefined): Sayings {
  const found = FIELD_NAMES.map((name) => [name, find(name)] as const);
  return Object.fromEntries(found.filter(([, what]) => what !== undefined));
}
