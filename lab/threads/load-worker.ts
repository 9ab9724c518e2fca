/** The task of the clients' thread: all clients of a trial, their load, and what they saw of it. */
import type { MessagePort } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import type { NodeId } from '../../src/raft/types.ts';
import { Channel, DelayQueue } from '../../src/transport/channel.ts';
import { createLink, PERFECT } from '../../src/transport/link.ts';
import { ClusterClient } from '../client.ts';
import type { Caller } from '../cluster.ts';
import { startWorkload, type Workload } from '../workload.ts';
import { nowUs } from './clock.ts';
import { type Measurement, Recorder } from './recorder.ts';

export type LoadTask = {
  readonly workload: Workload;
  readonly seed: number;
  readonly requestTimeoutMs: number;
  readonly retryMs: number;
  readonly withTimeline: boolean;
  readonly control: MessagePort;
};

/** From the parent to the clients. */
export type LoadOrder =
  | { readonly kind: 'connect'; readonly node: NodeId; readonly port: MessagePort }
  /** Begin with the warm-up. */
  | { readonly kind: 'start' }
  /** Measure from now on for so long, then issue no more. */
  | { readonly kind: 'measure'; readonly durationMs: number }
  | { readonly kind: 'stop' };

/** From the clients to the parent. */
export type LoadReport =
  /** The first request was answered: there is a leader, and it serves. */
  | { readonly kind: 'served' }
  /** The measured window is over; what is outstanding goes on. */
  | { readonly kind: 'measured' }
  /** Nothing is outstanding any more. */
  | { readonly kind: 'drained'; readonly measurement: Measurement };

const SWEEP_EVERY_MS = 20;

export default function runLoad(task: LoadTask): Promise<void> {
  return new Promise((resolve) => {
    new LoadThread(task, resolve).start();
  });
}

class LoadThread {
  readonly #task: LoadTask;
  readonly #done: () => void;
  readonly #client: ClusterClient;
  readonly #recorder: Recorder;
  readonly #delays = new DelayQueue(nowUs);
  #flushing: NodeJS.Immediate | null = null;
  #sweeping: NodeJS.Timeout | null = null;
  #endWorkload: () => void = () => {};
  #served = false;
  #measured = false;

  constructor(task: LoadTask, done: () => void) {
    this.#task = task;
    this.#done = done;
    const { requestTimeoutMs, retryMs, workload } = task;
    this.#client = new ClusterClient(
      { clients: workload.clients, requestTimeoutMs, retryMs },
      nowUs,
      () => this.#flushSoon(),
      crc32,
    );
    this.#recorder = new Recorder(workload.clients, task.withTimeline);
  }

  start(): void {
    this.#task.control.on('message', (order: LoadOrder) => this.#obey(order));
    this.#sweeping = setInterval(() => {
      this.#client.sweep();
      if (this.#measured && this.#client.pendingCount === 0) this.#finish();
    }, SWEEP_EVERY_MS);
  }

  #obey(order: LoadOrder): void {
    switch (order.kind) {
      case 'connect': {
        const link = createLink(this.#task.seed, `clients->${order.node}`);
        const channel = new Channel(order.port, link, PERFECT, this.#delays, nowUs);
        this.#client.connect(order.node, channel);
        break;
      }
      case 'start':
        this.#startLoad();
        break;
      case 'measure': {
        const startUs = nowUs();
        this.#recorder.measure(startUs, startUs + order.durationMs * 1000);
        setTimeout(() => this.#endMeasurement(), order.durationMs);
        break;
      }
      case 'stop':
        this.#stop();
        break;
    }
  }

  #startLoad(): void {
    const caller: Caller = {
      nowUs,
      at: (atUs, then) => setTimeout(then, Math.max(0, (atUs - nowUs()) / 1000)),
      call: (client, operation, done) => this.#client.call(client, operation, done),
    };
    const { workload, seed } = this.#task;
    this.#endWorkload = startWorkload(workload, seed, caller, (completion) => {
      if (!this.#served && completion.outcome.kind === 'ok') {
        this.#served = true;
        this.#report({ kind: 'served' });
      }
      this.#recorder.record(completion);
    });
  }

  #endMeasurement(): void {
    this.#endWorkload();
    this.#measured = true;
    this.#report({ kind: 'measured' });
  }

  #finish(): void {
    this.#measured = false;
    this.#report({ kind: 'drained', measurement: this.#recorder.measurement() });
  }

  #flushSoon(): void {
    this.#flushing ??= setImmediate(() => {
      this.#flushing = null;
      this.#client.flush();
    });
  }

  #report(report: LoadReport): void {
    this.#task.control.postMessage(report);
  }

  #stop(): void {
    this.#endWorkload();
    if (this.#sweeping !== null) clearInterval(this.#sweeping);
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    this.#client.close();
    this.#delays.clear();
    this.#task.control.close();
    this.#done();
  }
}
