/**
 * Networks in which some servers see each other and some do not: which of Raft’s refinements keep
 * a cluster available, and which of them take it down?
 */
import { numberFactor, wordFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import type { Cell } from './partition.ts';
import { metricsOf } from './summary.ts';
import { TOPOLOGY_NAMES } from './topologies.ts';
import type { Sample } from './trial.ts';
import { VARIANT_NAMES } from './variants.ts';

export default study<Cell, Sample>({
  question: 'Which refinements of Raft keep a cluster available while its network is cut in part?',
  host: 'sim',
  factors: {
    topology: wordFactor('who still hears whom', TOPOLOGY_NAMES),
    load: wordFactor('whether clients write during the partition', ['loaded', 'idle'], {
      quick: ['loaded'],
    }),
    variant: wordFactor('which refinements the servers have', VARIANT_NAMES),
    partitionS: numberFactor(
      'seconds that the partition lasts',
      { low: 1, high: 600, whole: true },
      { values: [10], quick: [5] },
    ),
  },
  trials: 20,
  quickTrials: 3,
  paired: ['variant'],
  metrics: metricsOf,
  terminal: [
    ['availability', 'available'],
    ['changesPerMinute', 'changes/min'],
    ['finalTermP50', 'final term'],
    ['recoveryMsP50', 'recovery ms'],
    ['downShare', 'down'],
  ],
  findings,
});
