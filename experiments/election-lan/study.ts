/**
 * Figure 16 of the Raft paper: how long is a cluster without a leader after a crash, as election
 * timeouts are drawn from wider and from earlier ranges?
 */
import { numberFactor, rangeFactor } from '../../lab/study/factors.ts';
import { electionMetrics } from '../../lab/study/leaderless.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import { RANGES } from './published.ts';
import type { Cell, Sample } from './trial.ts';

/** As published: without randomness a single trial takes about as long as fifty others. */
const TRIALS_WITHOUT_RANDOMNESS = 100;

export default study<Cell, Sample>({
  question: 'How long is a cluster on a LAN without a leader after its leader crashes?',
  host: 'sim',
  factors: {
    electionTimeoutMs: rangeFactor('range that election timeouts are drawn from', {
      values: RANGES,
      quick: ['150-155', '150-300', '12-24'],
    }),
    clockPpm: numberFactor(
      'microseconds a second that clocks gain or lose at most',
      { low: 0, high: 100_000, whole: true },
      { values: [20] },
    ),
  },
  trials: 1000,
  quickTrials: 200,
  trialsOf: ({ electionTimeoutMs }, trials) =>
    electionTimeoutMs === '150-150' ? Math.min(trials, TRIALS_WITHOUT_RANDOMNESS) : trials,
  metrics: electionMetrics,
  terminal: [
    ['leaderlessMsP50', 'p50 ms'],
    ['leaderlessMsP90', 'p90'],
    ['leaderlessMsP99', 'p99'],
    ['leaderlessMsMean', 'mean'],
    ['repeatedShare', 'repeated'],
  ],
  findings,
});
