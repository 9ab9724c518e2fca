/** Runs a cluster of threads under the benchmark's clients, beside bare ports where asked for. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { PERFECT } from '../../src/transport/link.ts';
import { withDefaults } from '../sweep/factors.ts';
import { ThreadCluster } from '../threads/cluster.ts';
import { threads } from '../threads/pool.ts';
import { settingsOf } from '../threads/run.ts';
import type { BenchOrder, BenchReport, BenchTask } from './client-worker.ts';
import type { EchoTask } from './echo-worker.ts';
import type { Budget, TaskResult } from './tasks.ts';

const CLIENT_WORKER = new URL('./client-worker.ts', import.meta.url);
const ECHO_WORKER = new URL('./echo-worker.ts', import.meta.url);
const MESSAGES_PER_SAMPLE = 10_000;

export type RoundOptions = {
  readonly nodes: number;
  /** Most commands that share a log entry. */
  readonly batch: number;
  readonly what: readonly ('ports' | 'latency' | 'throughput')[];
  readonly budget: Budget;
};

/** One cluster from blank disks, measured in the given order, and ended. */
export async function measureCluster(options: RoundOptions): Promise<TaskResult[]> {
  const { nodes, batch, what, budget } = options;
  const factors = withDefaults({ nodes, batch });
  const cluster = new ThreadCluster({
    nodes,
    settings: settingsOf(factors),
    batchCommands: batch,
    link: PERFECT,
    seed: 1,
  });
  const echo = what.includes('ports') ? startEcho() : null;
  const named = `${nodes} node${nodes === 1 ? '' : 's'}`;
  const task: BenchTask = {
    cluster: batch === 1 ? `${named}, an entry per put` : named,
    budget,
    ports: echo?.ports ?? null,
  };
  let hear: (report: BenchReport) => void = () => {};
  cluster.start();
  cluster.startClients<BenchReport>(CLIENT_WORKER, task, (report) => hear(report), echo?.transfer);
  const results: TaskResult[] = [];
  try {
    for (const each of what) {
      cluster.orderClients({ kind: 'measure', what: each } satisfies BenchOrder);
      const report = await new Promise<BenchReport>((resolve, reject) => {
        hear = resolve;
        cluster.onFailure = reject;
      });
      if (report.kind === 'failed') throw new Error(report.message);
      results.push(...report.results);
    }
  } finally {
    await cluster.stop();
    await echo?.stop();
  }
  return results;
}

type Echo = {
  readonly ports: BenchTask['ports'];
  readonly transfer: MessagePort[];
  readonly stop: () => Promise<void>;
};

function startEcho(): Echo {
  const names = ['echoPort', 'echoChannel', 'countPort', 'countChannel'] as const;
  const pairs = names.map(() => new MessageChannel());
  const ends = (side: 'port1' | 'port2'): Record<(typeof names)[number], MessagePort> => ({
    echoPort: (pairs[0] as MessageChannel)[side],
    echoChannel: (pairs[1] as MessageChannel)[side],
    countPort: (pairs[2] as MessageChannel)[side],
    countChannel: (pairs[3] as MessageChannel)[side],
  });
  const control = new MessageChannel();
  const task: EchoTask = { ...ends('port2'), control: control.port2, countTo: MESSAGES_PER_SAMPLE };
  const ended = threads().run(task, {
    filename: ECHO_WORKER.href,
    transferList: [control.port2, ...Object.values(ends('port2'))],
  });
  return {
    ports: { ...ends('port1'), countTo: MESSAGES_PER_SAMPLE },
    transfer: Object.values(ends('port1')),
    stop: async () => {
      control.port1.postMessage('stop');
      await ended;
      control.port1.close();
    },
  };
}
