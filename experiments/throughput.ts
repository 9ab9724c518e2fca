import type { Experiment } from '../lab/experiment.ts';

export default {
  question: 'How do cluster size and message loss change throughput and commit latency?',
  caveats: [
    'All nodes and the clients share the processor cores of one machine, so larger clusters also ' +
      'compete for them; a cluster of machines would lose less.',
    'The channel is in memory: without the faults asked for it has no delay of its own.',
    "A node's storage is memory that outlives its thread, not a disk.",
    'Nothing below Raft repeats a lost message, as TCP would. Heartbeats do, every 50 ms, so ' +
      'with one operation outstanding a loss may cost that much and more.',
    'Each point is the mean of a few short trials; the intervals say how far that carries.',
  ],
  host: 'threads',
  trials: 3,
  durationS: 1.5,
  fixed: {},
  vary: {
    nodes: [1, 3, 5, 7],
    loss: [0, 0.01, 0.05, 0.2],
    outstanding: [1, 256],
  },
  quick: {
    trials: 2,
    durationS: 0.6,
    vary: { nodes: [1, 3, 5], loss: [0, 0.2] },
  },
  plots: [
    {
      kind: 'lines',
      file: 'throughput',
      title: 'Committed operations per second by cluster size',
      x: 'nodes',
      y: ['committedOpsPerSecond'],
      lines: 'loss',
      panels: 'outstanding',
      scale: 'log',
    },
    {
      kind: 'lines',
      file: 'latency',
      title: 'Commit latency by cluster size',
      x: 'nodes',
      y: ['latencyMsP50', 'latencyMsP99'],
      lines: 'loss',
      panels: 'outstanding',
      scale: 'log',
    },
  ],
} satisfies Experiment;
