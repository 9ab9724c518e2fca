/** §9.2 and §9.3: how often are votes split, and what do split votes cost? */

import { mean } from '../../lab/report/stats.ts';
import { numberFactor } from '../../lab/study/factors.ts';
import type { FirstElection } from '../../lab/study/first-election.ts';
import { electionMetrics } from '../../lab/study/leaderless.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import { splitProbability } from './formula.ts';
import type { Cell } from './trial.ts';

const SERVERS_MAX = 9;

export default study<Cell, FirstElection>({
  question:
    'How often are votes split, by latency and by the servers alive, and what does it cost?',
  host: 'sim',
  factors: {
    servers: numberFactor(
      'servers of the cluster',
      { low: 2, high: 15, whole: true },
      { values: [3, 5, 7, 9] },
    ),
    alive: numberFactor(
      'of them, servers that are up; numbers that are no majority are left out',
      { low: 1, high: 15, whole: true },
      { values: Array.from({ length: SERVERS_MAX - 1 }, (_, i) => i + 2) },
    ),
    latency: numberFactor(
      'one-way latency as a share of the range of the timeouts',
      { low: 0.001, high: 0.45 },
      { values: [0.05, 0.1, 0.2, 0.4], quick: [0.1, 0.2, 0.4] },
    ),
  },
  trials: 20_000,
  quickTrials: 200,
  isCell: ({ alive, servers }) => alive > servers / 2 && alive <= servers,
  metrics: (samples, cell) => ({
    formula: splitProbability(cell),
    termsMean: mean(samples.map(({ terms }) => terms)),
    ...electionMetrics(samples),
  }),
  terminal: [
    ['repeatedShare', 'split'],
    ['formula', 'formula'],
    ['termsMean', 'terms'],
    ['leaderlessMsMean', 'mean ms'],
    ['leaderlessMsP99', 'p99'],
  ],
  findings,
});
