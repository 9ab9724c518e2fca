/** Where the quorum lies for each size of a cluster: what is served with how many servers gone. */
import { quantile } from '../../lab/report/stats.ts';
import { numberFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import { countOf, type RecoveryCase, recoveriesMs, shareOf } from './numbers.ts';
import { type Cell, KINDS } from './setup.ts';
import type { Sample } from './trial.ts';

const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const QUICK_SIZES = [1, 2, 3, 4, 5];

const RECOVERIES: Readonly<Record<string, RecoveryCase>> = {
  recoveryMsLeaderFailed: 'leaderFailed',
  recoveryMsLeaderSpared: 'leaderSpared',
  recoveryMsAfterReturn: 'noMajority',
};

export default study<Cell, Sample>({
  question: 'With how many servers failed does a cluster still serve writes and each kind of read?',
  host: 'sim',
  factors: {
    nodes: numberFactor(
      'servers',
      { low: 1, high: 15, whole: true },
      { values: SIZES, quick: QUICK_SIZES },
    ),
    failed: numberFactor(
      'servers that crash at once, at most all',
      { low: 0, high: 15, whole: true },
      { values: [0, ...SIZES], quick: [0, ...QUICK_SIZES] },
    ),
  },
  trials: 60,
  quickTrials: 6,
  isCell: ({ failed, nodes }) => failed <= nodes,
  metrics: (samples, cell) => {
    const own = [{ cell, samples }];
    const shares = KINDS.map(
      (kind) => [`${kind}ServedShare`, shareOf(countOf(own, kind))] as const,
    );
    const recoveries = Object.entries(RECOVERIES).flatMap(([name, of]) => {
      const times = recoveriesMs(own, of);
      return [
        [`${name}P50`, quantile(times, 0.5)],
        [`${name}P90`, quantile(times, 0.9)],
      ] as const;
    });
    const latencies = samples.flatMap((sample) => sample.latenciesMs).sort((a, b) => a - b);
    return {
      ...Object.fromEntries(shares),
      ...Object.fromEntries(recoveries),
      writeMsP50: quantile(latencies, 0.5),
      writeMsP99: quantile(latencies, 0.99),
    };
  },
  terminal: [
    ['writeServedShare', 'writes'],
    ['linearizableServedShare', 'ReadIndex'],
    ['leaseServedShare', 'lease'],
    ['followerServedShare', 'follower'],
    ['staleServedShare', 'stale'],
    ['recoveryMsLeaderFailedP50', 'leader failed ms'],
    ['recoveryMsAfterReturnP50', 'after return ms'],
  ],
  findings,
});
