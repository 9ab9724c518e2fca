/**
 * The clients' thread of the benchmark. It measures, on the same thread and in the same minutes,
 * what bare ports can do and what a cluster of nodes does over such ports.
 */
import type { MessagePort } from 'node:worker_threads';
import type { FnReturnedObject } from 'tinybench';
import { nowUs } from '../../src/clock.ts';
import { Channel } from '../../src/transport/channel.ts';
import { DelayQueue } from '../../src/transport/delay-queue.ts';
import { createLink, PERFECT } from '../../src/transport/link.ts';
import { ClientThread } from '../threads/client-thread.ts';
import type { ClientOrder } from '../threads/load-worker.ts';
import { type Completion, startWorkload } from '../workload.ts';
import type { EchoTask } from './echo-worker.ts';
import { type Budget, measureTasks, type Task, type TaskResult } from './tasks.ts';

export type BenchTask = {
  /** What the results are called. */
  readonly cluster: string;
  readonly budget: Budget;
  /** This thread's ends of the echo thread's ports; `null` measures the cluster alone. */
  readonly ports: Omit<EchoTask, 'control'> | null;
};

export type BenchOrder =
  | ClientOrder
  | { readonly kind: 'measure'; readonly what: 'ports' | 'latency' | 'throughput' };

export type BenchReport =
  | { readonly kind: 'measured'; readonly results: readonly TaskResult[] }
  | { readonly kind: 'failed'; readonly message: string };

/** Size of the messages on bare ports: about that of a put. */
const MESSAGE_BYTES = 64;
const ROUND_TRIPS_PER_SAMPLE = 1000;
const PUTS_PER_SAMPLE = 10_000;
export const OUTSTANDING = 1024;
/** Puts before the first sample, for the connection, the session and the compiler. */
const WARM_UP_PUTS = { latency: 2000, throughput: 100_000 };

export default function runBench(task: BenchTask & { control: MessagePort }): Promise<void> {
  const { control } = task;
  const settings = { clients: 64, requestTimeoutMs: 10_000, retryMs: 500 };
  const clients = new ClientThread(settings, 1, () => {});
  const channels = task.ports === null ? [] : portTasks(task.ports);
  return new Promise((resolve) => {
    control.on('message', (order: BenchOrder) => {
      if (order.kind === 'connect') clients.connect(order.node, order.port);
      else if (order.kind === 'measure') {
        measure(order.what).then(
          (results) => report({ kind: 'measured', results }),
          (error: Error) => report({ kind: 'failed', message: error.message }),
        );
      } else {
        clients.stop();
        control.close();
        resolve();
      }
    });
  });

  function report(what: BenchReport): void {
    control.postMessage(what);
  }

  function measure(what: 'ports' | 'latency' | 'throughput'): Promise<TaskResult[]> {
    if (what === 'ports') return measureTasks(channels, task.budget);
    return what === 'latency' ? measureLatency(clients, task) : measureThroughput(clients, task);
  }
}

function portTasks(ports: Omit<EchoTask, 'control'>): Task[] {
  const delays = new DelayQueue(nowUs);
  const channel = (port: MessagePort): Channel =>
    new Channel(port, createLink(1, 'bench'), PERFECT, delays, nowUs);
  const { echoPort, countPort, countTo } = ports;
  const echoChannel = channel(ports.echoChannel);
  const countChannel = channel(ports.countChannel);
  const message = new Uint8Array(MESSAGE_BYTES);
  let arrived: () => void = () => {};
  for (const port of [echoPort, countPort]) port.on('message', () => arrived());
  for (const each of [echoChannel, countChannel]) each.onmessage = () => arrived();
  /** The median of many round trips, each begun as the one before arrives. */
  const pingPong = (send: () => void) => (): Promise<FnReturnedObject> =>
    new Promise((resolve) => {
      const samples: number[] = [];
      const beginMs = performance.now();
      let startMs = beginMs;
      arrived = () => {
        const nowMs = performance.now();
        samples.push(nowMs - startMs);
        if (samples.length < ROUND_TRIPS_PER_SAMPLE) {
          startMs = nowMs;
          send();
          return;
        }
        samples.sort((a, b) => a - b);
        resolve({
          overriddenDuration: samples[samples.length >> 1] as number,
          overriddenIterationCost: nowMs - beginMs,
        });
      };
      send();
    });
  /** Until the other side has counted them all. */
  const flood = (send: () => void) => (): Promise<void> =>
    new Promise((resolve) => {
      arrived = resolve;
      for (let i = 0; i < countTo; i++) send();
    });
  const group = 'channel';
  return [
    {
      group,
      name: 'bare port, round trip (median of 1,000)',
      perIteration: 1,
      async: true,
      run: pingPong(() => echoPort.postMessage(message)),
    },
    {
      group,
      name: 'channel, round trip (median of 1,000)',
      perIteration: 1,
      async: true,
      run: pingPong(() => echoChannel.send(message)),
    },
    {
      group,
      name: 'bare port, one way',
      perIteration: countTo,
      async: true,
      run: flood(() => countPort.postMessage(message)),
    },
    {
      group,
      name: 'channel, one way',
      perIteration: countTo,
      async: true,
      run: flood(() => countChannel.send(message)),
    },
  ];
}

const WORKLOAD = { rate: null, readRatio: 0, valueBytes: 64, keys: 100_000, zipf: 0 };

/** One put outstanding; every put is a sample, from call to answer. */
async function measureLatency(clients: ClientThread, task: BenchTask): Promise<TaskResult[]> {
  let onCompletion: (completion: Completion) => void = () => {};
  const end = startWorkload({ ...WORKLOAD, clients: 1, outstanding: 1 }, 1, clients, (completion) =>
    onCompletion(completion),
  );
  const next = (): Promise<Completion> =>
    new Promise((resolve, reject) => {
      onCompletion = (completion) => {
        if (completion.outcome.kind === 'ok') resolve(completion);
        else reject(new Error(`a put ended ${completion.outcome.kind}`));
      };
    });
  for (let i = 0; i < WARM_UP_PUTS.latency; i++) await next();
  const results = await measureTasks(
    [
      {
        group: 'end to end',
        name: `${task.cluster}: commit latency, 1 outstanding`,
        perIteration: 1,
        async: true,
        run: async () => {
          const { completedUs, intendedUs } = await next();
          return { overriddenDuration: (completedUs - intendedUs) / 1000 };
        },
      },
    ],
    task.budget,
  );
  end();
  return results;
}

/** Many puts outstanding at all times; a sample is the time in which so many of them complete. */
async function measureThroughput(clients: ClientThread, task: BenchTask): Promise<TaskResult[]> {
  let completed = 0;
  let failed = 0;
  let target = Number.POSITIVE_INFINITY;
  let reached: () => void = () => {};
  const end = startWorkload(
    { ...WORKLOAD, clients: 64, outstanding: OUTSTANDING / 64 },
    1,
    clients,
    ({ outcome }) => {
      if (outcome.kind !== 'ok') failed++;
      if (++completed >= target) reached();
    },
  );
  const more = async (puts: number): Promise<void> => {
    target = completed + puts;
    await new Promise<void>((resolve) => {
      reached = resolve;
    });
    if (failed > 0) throw new Error(`${failed} puts were not committed`);
  };
  await more(WARM_UP_PUTS.throughput);
  const results = await measureTasks(
    [
      {
        group: 'end to end',
        name: `${task.cluster}: puts, ${OUTSTANDING} outstanding`,
        perIteration: PUTS_PER_SAMPLE,
        async: true,
        run: () => more(PUTS_PER_SAMPLE),
      },
    ],
    task.budget,
  );
  end();
  return results;
}
