/** What does it cost to sync before a write is acknowledged, and what does it cost not to? */
import { numberFactor, wordFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { metricsOf } from './counts.ts';
import { findings } from './findings.ts';
import { type Cell, LOSSES, POLICIES } from './policies.ts';
import type { Sample } from './trial.ts';

/** Costs hardly differ between trials, and take a thousand writes each. */
const TRIALS_PER_COST_TRIAL = 8;

export default study<Cell, Sample>({
  question: 'What does syncing before acknowledging cost, and what is lost without?',
  host: 'sim',
  factors: {
    policy: wordFactor('when servers sync', POLICIES),
    loss: wordFactor('whose power fails', LOSSES),
    syncMs: numberFactor(
      'milliseconds that a sync takes',
      { low: 0.1, high: 100, whole: false },
      { values: [1, 5], quick: [1] },
    ),
    flushMs: numberFactor(
      'milliseconds between syncs in the background; of lazy alone, 0 of the others',
      { low: 0, high: 1000, whole: false },
      { values: [0, 20, 100, 500], quick: [0, 20, 100] },
    ),
  },
  trials: 40,
  quickTrials: 10,
  isCell: ({ flushMs, policy }) => (policy === 'lazy' ? flushMs > 0 : flushMs === 0),
  trialsOf: ({ loss }, trials) =>
    loss === 'none' ? Math.ceil(trials / TRIALS_PER_COST_TRIAL) : trials,
  metrics: metricsOf,
  terminal: [
    ['lossTrials', 'with losses'],
    ['lostMax', 'lost max'],
    ['oldestMsMax', 'age ms'],
    ['twoLeadersTrials', 'two leaders'],
    ['writesPerSecond', 'writes/s'],
    ['p50Ms', 'p50 ms'],
    ['p99Ms', 'p99'],
  ],
  findings,
});
