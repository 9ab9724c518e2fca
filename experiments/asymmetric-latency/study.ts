/**
 * A question that the dissertation leaves open (§9.7): how does leader election perform in
 * asymmetric networks, where each link has a different latency?
 */
import { quantile } from '../../lab/report/stats.ts';
import { numberFactor, wordFactor } from '../../lab/study/factors.ts';
import { leaderlessMetrics } from '../../lab/study/leaderless.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import { TOPOLOGIES } from './topology.ts';
import { type Cell, RANKS_BY, type Sample } from './trial.ts';

export default study<Cell, Sample>({
  question: 'How does leader election perform where each link has a latency of its own?',
  host: 'sim',
  factors: {
    timeoutRatio: numberFactor(
      'minimum election timeout, in mean latencies of the links one way',
      { low: 3, high: 1000, whole: false },
      { values: [5, 10, 20], quick: [10] },
    ),
    links: wordFactor('which latencies the links have', TOPOLOGIES),
  },
  trials: 1000,
  quickTrials: 200,
  metrics: (samples) => {
    const timeouts = samples
      .map(({ leaderlessTimeouts }) => leaderlessTimeouts)
      .sort((a, b) => a - b);
    const share = (matches: (sample: Sample) => boolean): number | null =>
      samples.length === 0 ? null : samples.filter(matches).length / samples.length;
    return {
      ...leaderlessMetrics(samples),
      leaderlessTimeoutsP50: quantile(timeouts, 0.5),
      leaderlessTimeoutsP90: quantile(timeouts, 0.9),
      repeatedShare: share(({ terms }) => terms > 1),
      ...Object.fromEntries(
        RANKS_BY.map((by) => [
          `bestWinsShare${by.charAt(0).toUpperCase()}${by.slice(1)}`,
          share(({ ranks }) => ranks[by] === 1),
        ]),
      ),
    };
  },
  terminal: [
    ['leaderlessTimeoutsP50', 'p50 timeouts'],
    ['leaderlessTimeoutsP90', 'p90'],
    ['repeatedShare', 'repeated'],
    ['bestWinsShareBoth', 'best wins'],
  ],
  findings,
});
