/**
 * The command `npm run experiment`: joins the parts and does nothing itself. `--help` says the
 * rest.
 */
import { join } from 'node:path';
import { catalogueOf } from '../lab/sweep/catalogue.ts';
import { main } from '../lab/sweep/commands.ts';
import { listenForInterruption } from '../lab/sweep/interruption.ts';
import { surroundings } from '../lab/sweep/manifest.ts';

const project = join(import.meta.dirname, '..');

for (const stream of [process.stdout, process.stderr]) {
  // `| head` closes the pipe when it has seen enough; the sweep and its files go on.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await main({
  words: process.argv.slice(2),
  stdout: process.stdout,
  stderr: process.stderr,
  catalogue: catalogueOf(import.meta.dirname),
  resultsDirectory: join(project, 'results'),
  surroundings: () => surroundings(project),
  // Loaded when used: workers, plots and their libraries are no part of reading a command.
  host: () => import('../lab/threads/run.ts'),
  reports: () => import('../lab/report/report.ts'),
  comparison: async (before, after, columns) => {
    const { compareResults, comparisonText } = await import('../lab/report/compare.ts');
    return comparisonText(compareResults(before, after), columns);
  },
  interruption: listenForInterruption,
});
