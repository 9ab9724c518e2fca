/** What commands with words of their own share: commander, with this lab's way to tell mistakes. */
import { type Command, CommanderError, type Option } from 'commander';
import { oneLine, UserError } from '../../src/user-error.ts';

/** The text of the help, where that was asked for. */
export type Help = { readonly kind: 'help'; readonly text: string };

const MIN_WIDTH_TO_WRAP = 20;

/** `null` if the words are understood: `command` has them then. Throws a UserError if not. */
export function parseWords(
  command: Command,
  name: string,
  words: readonly string[],
  columns: number,
): Help | null {
  let printed = '';
  // Commander would not break lines at all where less than forty columns are left for a text.
  command.configureHelp({ minWidthToWrap: MIN_WIDTH_TO_WRAP });
  command.exitOverride().configureOutput({
    writeOut: (text) => {
      printed += text;
    },
    writeErr: () => {},
    getOutHelpWidth: () => columns,
  });
  try {
    command.parse(words, { from: 'user' });
    return null;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'help', text: printed };
    const text = oneLine(error.message).replace(/^error: /, '');
    throw new UserError(`${name}: ${text}; ${name} --help lists what is allowed`);
  }
}

/** Commander lets the last of two equal flags win; here that is a mistake worth telling. */
export function once(option: Option): Option {
  return option.argParser((value: string, before: string | undefined) => {
    if (before === undefined) return value;
    throw new UserError(`${option.long} got '${before}' and again '${value}'; allowed: once`);
  });
}
