/** The command `npm run results-index`: writes the index anew from the results as they are. */
import { join } from 'node:path';
import { standardOutput } from '../../src/standard-output.ts';
import { UserError } from '../../src/user-error.ts';
import { NotWritten } from '../report/write-whole.ts';
import { shownPath } from '../sweep/output-directory.ts';
import { writeResultsIndex } from './index.ts';

const { stdout, stderr } = standardOutput();
const USAGE = 'Usage: npm run results-index [-- <directory of results>]';

try {
  const words = process.argv.slice(2);
  const [directory = join(import.meta.dirname, '..', '..', 'results')] = words;
  if (words.length > 1 || directory.startsWith('-')) throw new UserError(USAGE);
  const page = await writeResultsIndex(directory);
  const readme = join(directory, 'README.md');
  stdout.write(`index: ${shownPath(readme)} and ${shownPath(page)}\n`);
} catch (error) {
  if (!(error instanceof UserError || error instanceof NotWritten)) throw error;
  stderr.write(`results-index: ${error.message}\n`);
  process.exitCode = error instanceof UserError ? 2 : 1;
}
