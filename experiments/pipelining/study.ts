/**
 * Batching and pipelining of AppendEntries (§10.2.2): what the window and the batch are worth, and
 * what sets the limit, over slow and fast links and disks.
 */

import { quantile } from '../../lab/report/stats.ts';
import { numberFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { latenciesOf, perSecondOf } from './bounds.ts';
import { findings } from './findings.ts';
import type { Cell, Sample } from './trial.ts';

export default study<Cell, Sample>({
  question: 'What are pipelining and batching worth, and what sets the limit of throughput?',
  host: 'sim',
  factors: {
    windowMessages: numberFactor(
      'AppendEntries with entries that may be in flight to a follower',
      { low: 1, high: 4096, whole: true },
      { values: [1, 4, 16, 64, 128], quick: [1, 16, 128] },
    ),
    batch: numberFactor(
      'most commands in one AppendEntries',
      { low: 1, high: 4096, whole: true },
      { values: [1, 16, 256], quick: [1, 16] },
    ),
    delayMs: numberFactor(
      'one-way delay between servers, in milliseconds',
      { low: 0.01, high: 200 },
      { values: [0.1, 1, 10, 50], quick: [1, 10] },
    ),
    diskMs: numberFactor(
      'mean time that a write takes to be durable, in milliseconds',
      { low: 0.01, high: 200 },
      { values: [0.1, 1, 10], quick: [1] },
    ),
  },
  trials: 3,
  quickTrials: 2,
  // All cells meet the same chance: what tells them apart is their factors.
  paired: ['windowMessages', 'batch', 'delayMs', 'diskMs'],
  metrics(samples) {
    const latencies = latenciesOf(samples);
    return {
      commandsPerSecond: perSecondOf(samples),
      latencyMsP50: quantile(latencies, 0.5),
      latencyMsP99: quantile(latencies, 0.99),
    };
  },
  terminal: [
    ['commandsPerSecond', 'commands/s'],
    ['latencyMsP50', 'p50 ms'],
    ['latencyMsP99', 'p99'],
  ],
  findings,
});
