/**
 * A question that the dissertation leaves open (§9.7): how much longer does leader election take
 * when servers start with different initial current term numbers?
 */
import { mean, quantile } from '../../lab/report/stats.ts';
import { switchFactor } from '../../lab/study/factors.ts';
import { leaderlessMetrics } from '../../lab/study/leaderless.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import { startFactor } from './starts.ts';
import type { Cell, Sample } from './trial.ts';

export default study<Cell, Sample>({
  question: 'How much longer does the first election take when servers begin in different terms?',
  host: 'sim',
  factors: {
    preVote: switchFactor('servers ask whether they could win before they begin a term (§9.6)', {
      values: [false, true],
    }),
    terms: startFactor(
      [
        'spread-0',
        'spread-1',
        'spread-2',
        'spread-3',
        'spread-5',
        'spread-10',
        'spread-100',
        'spread-1000',
        'one-ahead',
        'one-ahead-behind',
      ],
      ['spread-0', 'spread-1', 'spread-10', 'spread-1000', 'one-ahead', 'one-ahead-behind'],
    ),
  },
  trials: 1000,
  quickTrials: 200,
  metrics: (samples) => {
    const firstMs = samples.map((sample) => sample.firstMs).sort((a, b) => a - b);
    return {
      firstMsP50: quantile(firstMs, 0.5),
      ...leaderlessMetrics(samples),
      campaignsMean: mean(samples.map(({ campaigns }) => campaigns)),
      wonMean: mean(samples.map(({ won }) => won)),
      firstWonShare: mean(samples.map(({ firstWon }) => Number(firstWon))),
      termsAboveMean: mean(samples.map(({ termsAbove }) => termsAbove)),
    };
  },
  terminal: [
    ['firstMsP50', 'first p50 ms'],
    ['leaderlessMsP50', 'lasting p50'],
    ['leaderlessMsP90', 'p90'],
    ['campaignsMean', 'campaigns'],
    ['firstWonShare', 'first won'],
  ],
  findings,
});
