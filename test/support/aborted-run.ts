/**
 * A process that aborts a run while faults are in force, and then has nothing left to do: it must
 * end by itself. Says on standard output how the run ended.
 */
import { withDefaults } from '../../lab/sweep/factors.ts';
import { closeHosts, runCell } from '../../lab/threads/run.ts';

const controller = new AbortController();
const cell = {
  factors: withDefaults({ nodes: 3, outstanding: 8 }),
  durationS: 30,
  trial: 0,
  seed: 1,
  faults: [
    { atMs: 50, forMs: 20_000, fault: { kind: 'crash', node: 'follower' } },
    { atMs: 100, forMs: 20_000, fault: { kind: 'pause', node: 'leader' } },
  ] as const,
};
setTimeout(() => controller.abort(), 1500);
try {
  await runCell(cell, { signal: controller.signal });
  console.log('the run ended as if nothing had happened');
} catch (error) {
  console.log(error instanceof Error ? error.name : String(error));
}
await closeHosts();
