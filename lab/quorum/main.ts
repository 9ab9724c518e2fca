/** The command `npm run quorum`: joins the parts and does nothing itself. */
import { join } from 'node:path';
import { standardOutput } from '../../src/standard-output.ts';
import { messageOf, oneLine, UserError } from '../../src/user-error.ts';
import { listenForInterruption } from '../sweep/interruption.ts';
import { surroundings } from '../sweep/manifest.ts';
import { main } from './command.ts';

const EXIT_FAILED = 1;
const EXIT_MISTAKE = 2;
const project = join(import.meta.dirname, '..', '..');
const { stdout, stderr } = standardOutput();

try {
  process.exitCode = await main(process.argv.slice(2), {
    stdout,
    stderr,
    resultsDirectory: join(project, 'results'),
    surroundings: () => surroundings(project),
    interruption: listenForInterruption,
  });
} catch (error) {
  const isMistake = error instanceof UserError;
  const text = oneLine(messageOf(error));
  stderr.write(isMistake ? `${text}\n` : `the experiment failed: ${text}\n`);
  process.exitCode = isMistake ? EXIT_MISTAKE : EXIT_FAILED;
}
