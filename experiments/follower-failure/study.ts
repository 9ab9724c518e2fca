/** What followers that fail cost a cluster that goes on without them (dissertation, §10.4). */
import { interval, quantile } from '../../lab/report/stats.ts';
import { numberFactor, wordFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { followerFailureFindings } from './findings.ts';
import { ascending, pooled, QUANTILES } from './numbers.ts';
import { type Cell, HOWS } from './setup.ts';
import type { Sample } from './trial.ts';

export default study<Cell, Sample>({
  question: 'What do followers that fail cost the writes of a cluster that goes on without them?',
  host: 'sim',
  factors: {
    nodes: numberFactor('servers', { low: 3, high: 15, whole: true }, { values: [3, 5, 7] }),
    how: wordFactor('how followers fail', HOWS, {
      quick: ['none', 'crash', 'slow-disk'],
    }),
    failed: numberFactor(
      'followers that fail, a minority',
      { low: 0, high: 7, whole: true },
      { values: [0, 1, 2, 3] },
    ),
  },
  trials: 12,
  quickTrials: 2,
  paired: ['how', 'failed'],
  isCell: ({ failed, how, nodes }) =>
    (how === 'none') === (failed === 0) && failed <= Math.floor((nodes - 1) / 2),
  metrics: (samples) => {
    const latencies = pooled(samples, (sample) => sample.latenciesMs);
    const returns = samples.flatMap(({ catchUpMs }) => (catchUpMs === null ? [] : [catchUpMs]));
    return {
      writes: latencies.length,
      ...Object.fromEntries(
        QUANTILES.map(({ name, share }) => [`latencyMs${name}`, quantile(latencies, share)]),
      ),
      latencyMsMax: latencies.at(-1) ?? null,
      servedPerSecond: interval(samples.map(({ servedPerSecond }) => servedPerSecond)).mean,
      catchUpMsP50: quantile(ascending(returns), 0.5),
      catchingUpLatencyMsMax: pooled(samples, (sample) => sample.catchingUpMs).at(-1) ?? null,
      elections: samples.reduce((sum, { elections }) => sum + elections, 0),
      unserved: samples.reduce((sum, { unserved }) => sum + unserved, 0),
    };
  },
  terminal: [
    ['latencyMsP50', 'p50 ms'],
    ['latencyMsP99', 'p99 ms'],
    ['servedPerSecond', 'writes/s'],
    ['catchUpMsP50', 'catch-up ms'],
    ['catchingUpLatencyMsMax', 'max ms then'],
    ['elections', 'elections'],
  ],
  findings: followerFailureFindings,
});
