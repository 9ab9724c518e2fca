/** Does it matter whether stepping down to a later term starts the election timer anew? */

import { mean } from '../../lab/report/stats.ts';
import { numberFactor, switchFactor, wordFactor } from '../../lab/study/factors.ts';
import type { FirstElection } from '../../lab/study/first-election.ts';
import { leaderlessMetrics } from '../../lab/study/leaderless.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import type { Cell } from './trial.ts';

export default study<Cell, FirstElection>({
  question: 'Does it matter whether a later term resets the election timer?',
  host: 'sim',
  factors: {
    failed: numberFactor(
      'servers that are down',
      { low: 0, high: 2, whole: true },
      { values: [0, 1, 2] },
    ),
    logs: wordFactor('whether all servers have the same log', ['equal', 'different']),
    reset: switchFactor('timers start anew in a later term', { values: [false, true] }),
  },
  trials: 5000,
  quickTrials: 300,
  paired: ['reset'],
  metrics: (samples) => ({
    ...leaderlessMetrics(samples),
    termsMean: mean(samples.map(({ terms }) => terms)),
  }),
  terminal: [
    ['leaderlessMsMean', 'mean ms'],
    ['leaderlessMsP50', 'p50'],
    ['leaderlessMsP99', 'p99'],
    ['termsMean', 'terms'],
  ],
  findings,
});
