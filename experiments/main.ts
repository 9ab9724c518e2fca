/**
 * The command `npm run experiment`: joins the parts and does nothing itself. `--help` says the
 * rest.
 */
import { join } from 'node:path';
import { catalogueOf } from '../lab/sweep/catalogue.ts';
import { main } from '../lab/sweep/commands.ts';
import { listenForInterruption } from '../lab/sweep/interruption.ts';
import { surroundings } from '../lab/sweep/manifest.ts';
import { standardOutput } from '../src/standard-output.ts';

const project = join(import.meta.dirname, '..');

process.exitCode = await main({
  words: process.argv.slice(2),
  ...standardOutput(),
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
