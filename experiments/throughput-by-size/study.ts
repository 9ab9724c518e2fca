/** Throughput and latency by the size of the cluster, beside §10.3 of the dissertation. */
import { STORAGES } from '../../lab/cluster.ts';
import { mean } from '../../lab/report/stats.ts';
import { numberFactor, wordFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { throughputBySizeFindings } from './findings.ts';
import { rangeOf } from './numbers.ts';
import type { Cell, Sample } from './trial.ts';

export default study<Cell, Sample>({
  question: 'How do throughput and latency depend on the size of the cluster?',
  host: 'threads',
  factors: {
    storage: wordFactor('where servers keep their data; sqlite syncs every write', STORAGES, {
      values: ['sqlite', 'memory'],
    }),
    clients: numberFactor(
      'clients, each with one write outstanding',
      { low: 1, high: 1024, whole: true },
      { values: [1, 100] },
    ),
    nodes: numberFactor(
      'servers',
      { low: 1, high: 15, whole: true },
      { values: [1, 2, 3, 4, 5, 7, 9], quick: [1, 3, 5] },
    ),
  },
  trials: 4,
  quickTrials: 1,
  metrics: (samples) => {
    const p50 = rangeOf(samples.map(({ latencyMsP50 }) => latencyMsP50));
    const p99 = rangeOf(samples.map(({ latencyMsP99 }) => latencyMsP99));
    return {
      opsPerSecondMean: mean(samples.map(({ opsPerSecond }) => opsPerSecond)),
      latencyMsP50TrialsMedian: p50.median,
      latencyMsP50TrialsLeast: p50.least,
      latencyMsP50TrialsGreatest: p50.greatest,
      latencyMsP99TrialsMedian: p99.median,
      latencyMsP99TrialsLeast: p99.least,
      latencyMsP99TrialsGreatest: p99.greatest,
    };
  },
  terminal: [
    ['opsPerSecondMean', 'writes/s'],
    ['latencyMsP50TrialsMedian', 'p50 ms'],
    ['latencyMsP99TrialsMedian', 'p99 ms'],
  ],
  findings: throughputBySizeFindings,
});
