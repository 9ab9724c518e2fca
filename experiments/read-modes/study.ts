/**
 * §6.4 of the dissertation: what does each way of reading cost, and which of them is stale when
 * a leader has been replaced and does not know it?
 */
import { numberFactor, wordFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { metricsOf } from './counts.ts';
import { findings } from './findings.ts';
import { ASSUMED_PERCENT, type Cell, MODES, SITUATIONS } from './situations.ts';
import type { Sample } from './trial.ts';

/** Costs hardly differ between trials, and take hundreds of reads each. */
const TRIALS_PER_COST_TRIAL = 20;
const PERCENT = { low: 0, high: 45, whole: false };

export default study<Cell, Sample>({
  question: 'What does each way of reading cost, and which of them can be stale?',
  host: 'sim',
  factors: {
    mode: wordFactor('how reads are made', MODES),
    situation: wordFactor('what happens to the leader that is asked', SITUATIONS),
    driftPercent: numberFactor(
      'by which the old leader’s clock is slow, and all others fast; of cutOff alone',
      PERCENT,
      { values: [0, 5, 7.5, 10, 12.5, 15, 20, 25, 30, 40], quick: [0, 5, 20, 40] },
    ),
    assumedPercent: numberFactor(
      `drift that leases allow for; of lease alone, others count as ${ASSUMED_PERCENT}`,
      PERCENT,
      { values: [0, ASSUMED_PERCENT, 20], quick: [ASSUMED_PERCENT] },
    ),
    outstanding: numberFactor(
      'reads that clients keep outstanding; of healthy alone',
      { low: 1, high: 256, whole: true },
      { values: [1, 16] },
    ),
  },
  trials: 100,
  quickTrials: 20,
  // The same clusters are asked in every way.
  paired: ['mode'],
  isCell: ({ assumedPercent, driftPercent, mode, outstanding, situation }) =>
    (situation === 'cutOff' || driftPercent === 0) &&
    (situation === 'healthy' || outstanding === 1) &&
    (assumedPercent === ASSUMED_PERCENT || (mode === 'lease' && situation !== 'healthy')),
  trialsOf: ({ situation }, trials) =>
    situation === 'healthy' ? Math.ceil(trials / TRIALS_PER_COST_TRIAL) : trials,
  metrics: metricsOf,
  terminal: [
    ['staleTrials', 'stale'],
    ['staleReads', 'reads'],
    ['staleForMsMax', 'for ms'],
    ['messagesPerRead', 'messages'],
    ['p50Ms', 'p50 ms'],
    ['p99Ms', 'p99'],
    ['readsPerSecond', 'reads/s'],
  ],
  findings,
});
