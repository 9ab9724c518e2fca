import type { Experiment } from '../lab/experiment.ts';

export default {
  question: 'How does latency grow as the arrival rate nears what the cluster can do?',
  caveats: [
    'Operations arrive at a fixed rate whatever the answers take, and latency counts from the ' +
      'moment each was due: beyond the capacity it grows as long as the trial lasts.',
    'All nodes and the clients share the processor cores of one machine.',
    "A node's storage is memory that outlives its thread, not a disk.",
  ],
  host: 'threads',
  trials: 3,
  durationS: 1,
  fixed: { clients: 64 },
  vary: { nodes: [3, 5], rate: [1000, 10_000, 50_000, 100_000, 200_000, 300_000] },
  quick: { trials: 1, vary: { nodes: [3], rate: [1000, 50_000, 200_000] } },
  plots: [
    {
      kind: 'lines',
      file: 'latency',
      title: 'Commit latency by arrival rate',
      x: 'rate',
      y: ['latencyMsP50', 'latencyMsP99'],
      lines: 'nodes',
      scale: 'log',
    },
    {
      kind: 'lines',
      file: 'throughput',
      title: 'Committed operations per second by arrival rate',
      x: 'rate',
      y: ['committedOpsPerSecond'],
      lines: 'nodes',
    },
  ],
} satisfies Experiment;
