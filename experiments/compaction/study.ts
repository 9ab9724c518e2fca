/** How long it takes to compact the log, and what writes notice of it (dissertation, §10.4). */
import { STORAGES } from '../../lab/cluster.ts';
import { mean } from '../../lab/report/stats.ts';
import { numberFactor, wordFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { compactionFindings } from './findings.ts';
import { mostOf, rangeOf } from './numbers.ts';
import { type Cell, NEVER } from './setup.ts';
import type { Sample } from './trial.ts';

export default study<Cell, Sample>({
  question: 'How long does it take to compact the log, and what do writes notice of it?',
  host: 'threads',
  factors: {
    storage: wordFactor('where servers keep their data', STORAGES, { values: ['sqlite'] }),
    keys: numberFactor(
      'keys of 1 KiB each, which are the state',
      { low: 1, high: 100_000, whole: true },
      { values: [1000, 10_000], quick: [10_000] },
    ),
    snapshotEntries: numberFactor(
      `entries after which a snapshot is due; ${NEVER} is never`,
      { low: 0, high: 1_000_000, whole: true },
      { values: [25, 100, 400, NEVER], quick: [25, NEVER] },
    ),
  },
  trials: 4,
  quickTrials: 3,
  metrics: (samples) => {
    const meanOf = (of: (sample: Sample) => number): number | null => mean(samples.map(of));
    const p50 = rangeOf(samples, ({ latencyMsP50 }) => latencyMsP50);
    const p99 = rangeOf(samples, ({ latencyMsP99 }) => latencyMsP99);
    const longest = rangeOf(samples, ({ latencyMsMax }) => latencyMsMax);
    return {
      opsPerSecondMean: meanOf(({ opsPerSecond }) => opsPerSecond),
      latencyMsP50TrialsMedian: p50.median,
      latencyMsP50TrialsLeast: p50.least,
      latencyMsP50TrialsGreatest: p50.greatest,
      latencyMsP99TrialsMedian: p99.median,
      latencyMsP99TrialsLeast: p99.least,
      latencyMsP99TrialsGreatest: p99.greatest,
      latencyMsMaxTrialsMedian: longest.median,
      latencyMsMaxTrialsLeast: longest.least,
      latencyMsMax: longest.greatest,
      entriesPerSecondMean: meanOf(({ entriesPerSecond }) => entriesPerSecond),
      snapshots: samples.reduce((sum, { snapshots }) => sum + snapshots, 0),
      snapshotMsMedian: mostOf(samples, ({ snapshotMs }) => snapshotMs).median,
      takingShareMean: meanOf(({ takingShare }) => takingShare),
    };
  },
  terminal: [
    ['opsPerSecondMean', 'writes/s'],
    ['latencyMsP50TrialsMedian', 'p50 ms'],
    ['latencyMsP99TrialsMedian', 'p99 ms'],
    ['latencyMsMax', 'longest'],
    ['snapshots', 'snapshots'],
    ['snapshotMsMedian', 'each ms'],
    ['takingShareMean', 'share'],
  ],
  findings: compactionFindings,
});
