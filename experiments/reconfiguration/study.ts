/** How long changes of membership take, and what writes notice of them (dissertation, §10.4). */
import { numberFactor, wordFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { reconfigurationFindings } from './findings.ts';
import { metricsOf } from './numbers.ts';
import { type Cell, CHANGES, hasNewcomers, JUDGED_MB } from './setup.ts';
import type { Sample } from './trial.ts';

/** Trials with a large state are as long as ten others, and differ less. */
const TRIALS_OF_LARGE = 6;

export default study<Cell, Sample>({
  question: 'How long does it take to reconfigure a cluster, and what do writes notice of it?',
  host: 'sim',
  factors: {
    change: wordFactor('what is asked for', CHANGES),
    stateMb: numberFactor(
      'megabytes of state, which newcomers must be sent',
      { low: 0, high: 100 },
      { values: [0, 1, 10], quick: [0, 1] },
    ),
    megabytesPerSecond: numberFactor(
      'what a server can send, to all others together',
      { low: 2, high: 10_000 },
      { values: [10, 100], quick: [10] },
    ),
  },
  trials: 12,
  quickTrials: 3,
  trialsOf: ({ stateMb }, trials) =>
    stateMb > JUDGED_MB ? Math.min(trials, TRIALS_OF_LARGE) : trials,
  isCell: ({ change, stateMb }) => hasNewcomers(change) || stateMb === 0,
  metrics: metricsOf,
  terminal: [
    ['doneMsP50', 'done ms'],
    ['catchUpMsP50', 'catch-up ms'],
    ['gapMsP50', 'gap ms'],
    ['gapMsMax', 'max gap'],
    ['latencyMsMax', 'max write'],
    ['elections', 'elections'],
    ['unserved', 'unserved'],
  ],
  findings: reconfigurationFindings,
});
