/** A directory that a command writes to: made, and tried, before anything runs. */
import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, mistake } from './user-error.ts';

/**
 * Makes the directory and a file in it. Trying is the only test that holds everywhere: permission
 * bits say nothing to root, and some file systems refuse whatever the bits say. `name` is what the
 * user gave the directory by, and `shown` how.
 */
export function ensureWritable(directory: string, name: string, shown: string = directory): void {
  const made: string[] = [];
  try {
    for (const missing of missingDirectories(directory)) {
      mkdirSync(missing);
      made.push(missing);
    }
    const probe = join(directory, `.probe-${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    for (const each of made.reverse()) rmdirSync(each);
    const allowed = `a directory that can be made and written (${messageOf(error)})`;
    throw mistake(name, shown, allowed);
  }
}

/**
 * The directories to make, outermost first. Made one by one, because a recursive `mkdirSync` never
 * returns where making one fails as if its parent were missing, as under /proc.
 */
function missingDirectories(directory: string): string[] {
  const missing: string[] = [];
  let at = directory;
  while (!existsSync(at) && dirname(at) !== at) {
    missing.unshift(at);
    at = dirname(at);
  }
  return missing;
}
