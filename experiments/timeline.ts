import type { Experiment } from '../lab/experiment.ts';

export default {
  question: 'What do clients see when the leader crashes, pauses and is cut off?',
  caveats: [
    'One run: it shows the shape of an outage, not how often or how long on average.',
    'Operations arrive at a fixed rate and latency counts from the intended start, so those that ' +
      'came during an outage carry what was left of it.',
    'All nodes and the clients share the processor cores of one machine.',
  ],
  host: 'threads',
  trials: 1,
  durationS: 11,
  fixed: { nodes: 5, rate: 2000 },
  vary: {},
  quick: {},
  faults: [
    { atMs: 2000, forMs: 1200, fault: { kind: 'crash', node: 'leader' } },
    { atMs: 5000, forMs: 1200, fault: { kind: 'pause', node: 'leader' } },
    {
      atMs: 8000,
      forMs: 1200,
      fault: { kind: 'partition', groups: [['leader']] },
    },
  ],
  plots: [
    {
      kind: 'timeline',
      file: 'timeline',
      title: 'Throughput and latency while the leader crashes, pauses and is cut off',
    },
  ],
} satisfies Experiment;
