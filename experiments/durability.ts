import type { Experiment } from '../lab/experiment.ts';

export default {
  question: 'What does it cost that every write is on a disk before it is acknowledged?',
  caveats: [
    'In memory a write is durable at once, as long as the process lives; on SQLite each batch is ' +
      'one commit with a sync, by a thread that keeps the databases of all nodes open.',
    'All nodes share one disk and the processor cores of one machine. What a sync costs is a ' +
      'property of that disk, and of whether it tells the truth about its own cache.',
    'The leader writes to its own disk while its followers write to theirs (§10.2.1), so that a ' +
      'commit waits for about one sync, not for two.',
    'Each point is the mean of a few short trials; the intervals say how far that carries.',
  ],
  host: 'threads',
  trials: 5,
  durationS: 2,
  fixed: { nodes: 3 },
  vary: {
    storage: ['memory', 'sqlite'],
    outstanding: [1, 16, 64, 256, 1024, 4096],
  },
  quick: {
    trials: 2,
    durationS: 0.6,
    vary: { storage: ['memory', 'sqlite'], outstanding: [1, 256, 1024] },
  },
  plots: [
    {
      kind: 'lines',
      file: 'throughput',
      title: 'Committed operations per second by operations in flight',
      x: 'outstanding',
      y: ['committedOpsPerSecond'],
      lines: 'storage',
      scale: 'log',
    },
    {
      kind: 'lines',
      file: 'latency',
      title: 'Commit latency by operations in flight',
      x: 'outstanding',
      y: ['latencyMsP50', 'latencyMsP99'],
      lines: 'storage',
      scale: 'log',
    },
  ],
} satisfies Experiment;
