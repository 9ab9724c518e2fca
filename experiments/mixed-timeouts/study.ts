/**
 * A question that the dissertation leaves open (§9.7): how will leader election perform if
 * different servers use different election timeout ranges?
 */
import { mean } from '../../lab/report/stats.ts';
import { numberFactor, rangeFactor, wordFactor } from '../../lab/study/factors.ts';
import { RULES } from '../../lab/study/failover.ts';
import { leaderlessMetrics } from '../../lab/study/leaderless.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import { changesPerMinute, crashesOf, lossesOf } from './numbers.ts';
import { type Cell, RUNS, type Sample, SERVERS } from './trial.ts';

/** Seconds under loss take as long as many crashes. */
const CRASHES_PER_LOSSY_RUN = 10;

export default study<Cell, Sample>({
  question: 'How does leader election perform when servers draw from different timeout ranges?',
  host: 'sim',
  factors: {
    run: wordFactor('the leader crashes, or messages are lost for some seconds', RUNS),
    rules: wordFactor('plain Raft, or with PreVote, CheckQuorum and leader stickiness', RULES),
    otherTimeoutMs: rangeFactor('range that some servers draw their election timeouts from', {
      values: ['50-100', '300-600', '1000-2000'],
      quick: ['50-100', '1000-2000'],
    }),
    others: numberFactor(
      'how many of the servers have that range',
      { low: 0, high: SERVERS, whole: true },
      { values: [0, 1, 2, 3, 4, 5] },
    ),
  },
  trials: 500,
  quickTrials: 100,
  trialsOf: ({ run }, trials) =>
    run === 'loss' ? Math.ceil(trials / CRASHES_PER_LOSSY_RUN) : trials,
  metrics: (samples, { run }) => {
    if (run === 'crash') {
      const crashes = crashesOf(samples);
      return {
        ...leaderlessMetrics(crashes),
        repeatedShare: mean(crashes.map(({ terms }) => Number(terms > 1))),
        otherCrashedShare: mean(crashes.map(({ otherCrashed }) => Number(otherCrashed))),
        otherWonShare: mean(crashes.map(({ otherWon }) => Number(otherWon))),
      };
    }
    const losses = lossesOf(samples);
    return {
      changesPerMinuteMean: mean(changesPerMinute(samples)),
      campaignsMean: mean(losses.map(({ campaigns }) => campaigns)),
      otherLeadsShare: mean(losses.map(({ otherLeads }) => Number(otherLeads))),
    };
  },
  terminal: [
    ['leaderlessMsP50', 'p50 ms'],
    ['leaderlessMsP90', 'p90'],
    ['otherWonShare', 'other won'],
    ['changesPerMinuteMean', 'changes/min'],
  ],
  findings,
});
