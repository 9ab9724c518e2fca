/** A file is replaced whole or not at all: nobody finds half a report. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, oneLine } from '../../src/user-error.ts';
import { shownPath } from '../sweep/output-directory.ts';

/**
 * What came of a run could not be put on the disk, which has become full for example. No mistake of
 * the command: told in one line, and exit status 1.
 */
export class NotWritten extends Error {
  constructor(path: string, cause: unknown) {
    const reason = oneLine(messageOf(cause));
    super(`${shownPath(path)} cannot be written (${reason}); make room there, and run it again`, {
      cause,
    });
  }
}

/** Makes the directory if need be. Resolves to the path of the file; rejects with NotWritten. */
export async function writeWhole(
  directory: string,
  file: string,
  content: string,
): Promise<string> {
  const path = join(directory, file);
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw new NotWritten(path, error);
  }
  replaceFile(path, content);
  return path;
}

/** Throws NotWritten if the file cannot be written; what it held before, it holds then. */
export function replaceFile(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, content);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new NotWritten(path, error);
  }
}
