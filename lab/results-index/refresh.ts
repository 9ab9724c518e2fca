/** Keeps the index up to date as experiments replace their results. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { UserError } from '../../src/user-error.ts';
import { NotWritten } from '../report/write-whole.ts';
import { writeResultsIndex } from './index.ts';

/**
 * After a run. Where there is no index, none is made; where it cannot be made, that is told, and
 * the run is no worse for it.
 */
export async function refreshIndex(resultsDirectory: string, stderr: Writable): Promise<void> {
  if (!existsSync(join(resultsDirectory, 'README.md'))) return;
  try {
    await writeResultsIndex(resultsDirectory);
  } catch (error) {
    if (!(error instanceof UserError || error instanceof NotWritten)) throw error;
    stderr.write(`the index of the results stays as it was: ${error.message}\n`);
  }
}
