/**
 * Twice as many calls as a leader's links can carry, for a while: does the cluster recover, and
 * what do bounds on its queues and the repetitions of its clients have to do with it?
 */
import { mean, quantile } from '../../lab/report/stats.ts';
import { wordFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import { latencyIn, PARTS, recoveredWithin, recoveriesMs } from './measures.ts';
import { type Cell, PRESSURES, RETRIES, type Sample } from './trial.ts';
import { WITHIN_MS } from './words.ts';

export default study<Cell, Sample>({
  question: 'Does a cluster recover from twice the load that it can carry?',
  host: 'sim',
  factors: {
    backPressure: wordFactor('what bounds a leader’s queue', PRESSURES, {
      values: PRESSURES,
      quick: ['none', 'refusal'],
    }),
    retries: wordFactor('whether clients repeat what is not answered at once', RETRIES),
  },
  trials: 8,
  quickTrials: 2,
  metrics: (samples) => ({
    capacityPerSecond: mean(samples.map(({ capacityPerSecond }) => capacityPerSecond)),
    recoveredShare:
      samples.length === 0 ? null : recoveredWithin(samples, WITHIN_MS) / samples.length,
    recoveryMsP50: quantile(recoveriesMs(samples), 0.5),
    latencyMsP99Overload: latencyIn(samples, PARTS.overload, 0.99),
    usefulShare: mean(samples.map(({ usefulShare }) => usefulShare)),
    leaderChanges: mean(samples.map(({ leaderChanges }) => leaderChanges)),
  }),
  terminal: [
    ['recoveredShare', 'recovered'],
    ['recoveryMsP50', 'after ms'],
    ['usefulShare', 'useful'],
    ['leaderChanges', 'changes'],
  ],
  findings,
});
