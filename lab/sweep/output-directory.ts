/** Where a command writes: found out, and tried, before anything runs. */
import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { Shard } from './cells.ts';
import { messageOf, mistake } from './user-error.ts';

/**
 * The directory that `--out` names; without it `results/<experiment>`, which is committed and which
 * only the experiment as it is written may replace. Anything else goes to a directory beside it,
 * where each shard has a place of its own.
 */
export function outputDirectory(
  resultsDirectory: string,
  sweep: { name: string; isDefault: boolean },
  out: string | undefined,
  shard: Shard | undefined,
): string {
  if (out !== undefined) return resolve(out);
  if (sweep.isDefault) return join(resultsDirectory, sweep.name);
  const custom = join(resultsDirectory, `${sweep.name}-custom`);
  return shard === undefined ? custom : join(custom, `shard-${shard.index}-of-${shard.of}`);
}

/**
 * Makes the directory and a file in it. Trying is the only test that holds everywhere: permission
 * bits say nothing to root, and some file systems refuse whatever the bits say.
 */
export function makeWritable(directory: string): void {
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
    throw mistake(
      '--out',
      shownPath(directory),
      `a directory that can be made and written (${messageOf(error)})`,
    );
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

/** A path as a person would type it from here. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short === '..' || short.startsWith(`..${sep}`) ? path : short;
}
