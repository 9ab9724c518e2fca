/** Files that a command was told to read or to write; what goes wrong is the user's to mend. */
import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { messageOf, mistake } from '../../src/user-error.ts';
import { NotWritten, replaceFile } from '../report/write-whole.ts';

/** What says that there is no room, not that the name is wrong. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO']);

/** The text of a file that a flag names; throws a UserError if it cannot be read. */
export function readText(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw mistake(flag, path, `a file that can be read (${messageOf(error)})`);
  }
}

/**
 * Writes the file that a flag names. Throws what `refused` makes of the error if that cannot be
 * done, by default a UserError, and NotWritten if the disk is full.
 */
export function writeText(
  flag: string,
  path: string,
  text: string,
  refused = (reason: string) => mistake(flag, path, `a file that can be written (${reason})`),
): void {
  try {
    // A device, a pipe or a link is written to, not replaced.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) writeFileSync(path, text);
    else replaceFile(path, text);
  } catch (thrown) {
    const error = thrown instanceof NotWritten ? thrown.cause : thrown;
    const { code = '' } = error as NodeJS.ErrnoException;
    throw FULL.has(code) ? new NotWritten(path, error) : refused(messageOf(error));
  }
}

/** Throws a UserError, before any work is done, if the file could not be written after it. */
export function checkWritable(flag: string, path: string): void {
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    throw mistake(flag, path, `a file that can be written (${messageOf(error)})`);
  }
}

/** Makes a directory with all above it; throws a UserError if that cannot be done. */
export function makeDirectory(flag: string, path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw mistake(flag, path, `a directory that can be made (${messageOf(error)})`);
  }
}
