/** §9.4 and §9.5: how soon does a cluster across a continent elect a leader? */
import { numberFactor, wordFactor } from '../../lab/study/factors.ts';
import type { FirstElection } from '../../lab/study/first-election.ts';
import { electionMetrics } from '../../lab/study/leaderless.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import type { Cell } from './trial.ts';

export default study<Cell, FirstElection>({
  question: 'How soon do five servers across a continent elect a leader, with some of them down?',
  host: 'sim',
  factors: {
    failed: numberFactor(
      'servers that are down',
      { low: 0, high: 2, whole: true },
      { values: [0, 1, 2] },
    ),
    logs: wordFactor('whether all servers have the same log', ['equal', 'different']),
  },
  trials: 10_000,
  quickTrials: 500,
  metrics: electionMetrics,
  terminal: [
    ['leaderlessMsMean', 'mean ms'],
    ['leaderlessMsP50', 'p50'],
    ['leaderlessMsP90', 'p90'],
    ['leaderlessMsP99', 'p99'],
    ['leaderlessMsP999', 'p99.9'],
    ['repeatedShare', 'repeated'],
  ],
  findings,
});
