/**
 * The command `npm run sim`: joins the parts and does nothing itself. `--help` says the rest.
 */
import { join } from 'node:path';
import { standardOutput } from '../../src/standard-output.ts';
import { listenForInterruption } from '../sweep/interruption.ts';
import { surroundings } from '../sweep/manifest.ts';
import { simulate } from './commands.ts';

const project = join(import.meta.dirname, '..', '..');

process.exitCode = await simulate({
  words: process.argv.slice(2),
  ...standardOutput(),
  resultsDirectory: join(project, 'results'),
  commit: () => surroundings(project).commit,
  nowMs: () => performance.now(),
  simulator: async (mutant) => {
    // Before the simulator, so that no module of the source is loaded without its edits.
    const isLoaded = mutant === undefined ? () => true : await plant(mutant);
    const [{ runSchedule }, { scheduleOf }] = await Promise.all([
      import('../sim/run.ts'),
      import('../sim/profiles.ts'),
    ]);
    if (!isLoaded()) throw new Error(`mutant ${mutant} was loaded too late`);
    return { runSchedule, scheduleOf };
  },
  pool: async (threads) => (await import('./pool.ts')).createPool(threads),
  interruption: listenForInterruption,
});

async function plant(mutant: string): Promise<() => boolean> {
  const [{ loadMutant }, { mutantNamed }] = await Promise.all([
    import('../mutants/patch.ts'),
    import('../mutants/catalogue.ts'),
  ]);
  return loadMutant(mutantNamed(mutant));
}
