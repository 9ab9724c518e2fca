/** The task of the clients' thread in a trial: their load, and what they saw of it. */
import type { MessagePort } from 'node:worker_threads';
import { nowUs } from '../../src/clock.ts';
import type { NodeId } from '../../src/raft/types.ts';
import { startWorkload, type Workload } from '../workload.ts';
import { ClientThread } from './client-thread.ts';
import { clientIdOf, type Measurement, Recorder } from './recorder.ts';

export type LoadTask = {
  readonly workload: Workload;
  readonly seed: number;
  readonly requestTimeoutMs: number;
  readonly retryMs: number;
  readonly withTimeline: boolean;
};

/** What every task of clients understands. */
export type ClientOrder =
  | {
      readonly kind: 'connect';
      readonly node: NodeId;
      /** Which of the connections to that node, counted from 0. */
      readonly connection: number;
      readonly port: MessagePort;
    }
  | { readonly kind: 'stop' };

/** From the parent to the clients. */
export type LoadOrder =
  | ClientOrder
  /** Begin with the warm-up. */
  | { readonly kind: 'start' }
  /** Measure from now on for so long, then issue no more. */
  | { readonly kind: 'measure'; readonly durationMs: number };

/** From the clients to the parent. */
export type LoadReport =
  /** The first request was answered: there is a leader, and it serves. */
  | { readonly kind: 'served' }
  /** The measured window is over; what is outstanding goes on. */
  | { readonly kind: 'measured' }
  /** Nothing is outstanding any more. */
  | { readonly kind: 'drained'; readonly measurement: Measurement };

export default function runLoad(task: LoadTask & { control: MessagePort }): Promise<void> {
  return new Promise((resolve) => {
    new Load(task, task.control, resolve);
  });
}

class Load {
  readonly #task: LoadTask;
  readonly #control: MessagePort;
  readonly #done: () => void;
  readonly #clients: ClientThread;
  readonly #recorder: Recorder;
  #endWorkload: () => void = () => {};
  #served = false;
  #draining = false;

  constructor(task: LoadTask, control: MessagePort, done: () => void) {
    this.#task = task;
    this.#control = control;
    this.#done = done;
    const { requestTimeoutMs, retryMs, seed, workload } = task;
    const firstClientId = clientIdOf(0);
    const settings = { clients: workload.clients, firstClientId, requestTimeoutMs, retryMs };
    this.#recorder = new Recorder(task.withTimeline, workload.rate !== null);
    this.#clients = new ClientThread(settings, seed, () => this.#finishIfDrained());
    control.on('message', (order: LoadOrder) => this.#obey(order));
  }

  #obey(order: LoadOrder): void {
    switch (order.kind) {
      case 'connect':
        this.#clients.connect(order.node, order.port);
        break;
      case 'start':
        this.#warmUp();
        break;
      case 'measure':
        this.#measure(order.durationMs);
        break;
      case 'stop':
        this.#endWorkload();
        this.#clients.stop();
        this.#control.close();
        this.#done();
        break;
    }
  }

  /**
   * An open loop is warmed up by a closed one: what it would let pile up until there is a leader
   * belongs to no measurement.
   */
  #warmUp(): void {
    const { workload } = this.#task;
    this.#run(workload.rate === null ? workload : { ...workload, rate: null, outstanding: 1 });
  }

  #measure(durationMs: number): void {
    const startUs = nowUs();
    this.#recorder.measure(startUs, startUs + durationMs * 1000);
    setTimeout(() => this.#endMeasurement(), durationMs);
    const { workload } = this.#task;
    if (workload.rate === null) return;
    this.#endWorkload();
    this.#run(workload);
  }

  #run(workload: Workload): void {
    const { seed } = this.#task;
    this.#endWorkload = startWorkload(workload, seed, this.#clients, (completion) => {
      if (!this.#served && completion.outcome.kind === 'ok') {
        this.#served = true;
        this.#report({ kind: 'served' });
      }
      this.#recorder.record(completion);
    });
  }

  #endMeasurement(): void {
    this.#endWorkload();
    this.#draining = true;
    this.#report({ kind: 'measured' });
  }

  #finishIfDrained(): void {
    if (!this.#draining || this.#clients.pendingCount > 0) return;
    this.#draining = false;
    this.#report({ kind: 'drained', measurement: this.#recorder.measurement() });
  }

  #report(report: LoadReport): void {
    this.#control.postMessage(report);
  }
}
