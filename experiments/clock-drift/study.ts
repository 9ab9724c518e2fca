/**
 * A question that the dissertation leaves open (§9.7): how does leader election perform when
 * servers experience severe clock drift?
 */
import { mean } from '../../lab/report/stats.ts';
import { wordFactor } from '../../lab/study/factors.ts';
import { RULES } from '../../lab/study/failover.ts';
import { leaderlessMetrics } from '../../lab/study/leaderless.ts';
import { study } from '../../lab/study/study.ts';
import { clocksFactor } from './clocks.ts';
import { findings } from './findings.ts';
import { crashesOf, quietsOf } from './numbers.ts';
import { type Cell, RUNS, type Sample } from './trial.ts';

/** A quiet run has little chance in it, and takes as long as many crashes. */
const CRASHES_PER_QUIET_RUN = 10;

export default study<Cell, Sample>({
  question: 'How does leader election perform when clocks run fast and slow?',
  host: 'sim',
  factors: {
    run: wordFactor('the leader crashes, or nothing happens for some seconds', RUNS),
    rules: wordFactor('plain Raft, or with PreVote, CheckQuorum and leader stickiness', RULES),
    clocks: clocksFactor(
      [
        'spread-0',
        'spread-0.01',
        'spread-0.1',
        'spread-0.5',
        'one-0.1',
        'one-0.2',
        'one-0.33',
        'one-0.5',
        'one-2',
        'one-3',
        'one-5',
        'one-10',
      ],
      ['spread-0', 'spread-0.5', 'one-0.1', 'one-0.5', 'one-2', 'one-10'],
    ),
  },
  trials: 500,
  quickTrials: 100,
  trialsOf: ({ run }, trials) =>
    run === 'quiet' ? Math.ceil(trials / CRASHES_PER_QUIET_RUN) : trials,
  metrics: (samples, { run }) => {
    if (run === 'crash') {
      const crashes = crashesOf(samples);
      return {
        ...leaderlessMetrics(crashes),
        repeatedShare: mean(crashes.map(({ terms }) => Number(terms > 1))),
        oddCrashedShare: mean(crashes.map(({ oddCrashed }) => Number(oddCrashed))),
        oddWonShare: mean(crashes.map(({ oddWon }) => Number(oddWon))),
      };
    }
    const quiets = quietsOf(samples);
    return {
      changesMean: mean(quiets.map(({ changes }) => changes)),
      campaignsMean: mean(quiets.map(({ campaigns }) => campaigns)),
      unseatedShare: mean(quiets.map(({ changes }) => Number(changes > 0))),
      fastestLeadsShare: mean(quiets.map(({ fastestLeads }) => Number(fastestLeads))),
    };
  },
  terminal: [
    ['leaderlessMsP50', 'p50 ms'],
    ['leaderlessMsP90', 'p90'],
    ['oddWonShare', 'odd won'],
    ['changesMean', 'changes'],
    ['unseatedShare', 'unseated'],
  ],
  findings,
});
