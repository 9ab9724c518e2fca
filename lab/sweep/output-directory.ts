/** Where a command writes: found out, and tried, before anything runs. */
import { join, relative, resolve, sep } from 'node:path';
import { ensureWritable } from '../../src/writable-directory.ts';
import type { Shard } from './cells.ts';

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

/** Makes the directory that `--out` names, or tells its user why that cannot be. */
export function makeWritable(directory: string): void {
  ensureWritable(directory, '--out', shownPath(directory));
}

/** A path as a person would type it from here. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short === '..' || short.startsWith(`..${sep}`) ? path : short;
}
