/**
 * The task of the clients' thread: it puts every key once, then keeps so many puts outstanding that
 * the cluster is never idle, until it is told to end.
 */
import type { MessagePort } from 'node:worker_threads';
import { nowUs } from '../../src/clock.ts';
import { ClientThread } from '../threads/client-thread.ts';
import type { ClientOrder } from '../threads/load-worker.ts';
import { clientIdOf, type Measurement, Recorder } from '../threads/recorder.ts';
import { type Completion, startWorkload } from '../workload.ts';
import { type Span, type Split, Windows } from './windows.ts';

export type EnduranceTask = { readonly keys: number; readonly seed: number };

/** From the parent to the clients. */
export type EnduranceOrder =
  | ClientOrder
  | { readonly kind: 'fill' }
  | { readonly kind: 'load' }
  /** Issue no more. */
  | { readonly kind: 'end' }
  | {
      readonly kind: 'split';
      readonly snapshots: readonly Span[];
      readonly excluded: readonly Span[];
    };

/** From the clients to the parent. */
export type EnduranceReport =
  | { readonly kind: 'filled' }
  /** All is answered. */
  | {
      readonly kind: 'drained';
      readonly told: Pick<Measurement, 'acknowledged' | 'issued'>;
      readonly failed: number;
    }
  | { readonly kind: 'split'; readonly split: Split };

const CLIENTS = 64;
const OUTSTANDING = 16;
const VALUE_BYTES = 64;
const KEY_DIGITS = 15;
const REQUEST_TIMEOUT_MS = 30_000;
const RETRY_MS = 1000;

export default function runLoad(task: EnduranceTask & { control: MessagePort }): Promise<void> {
  return new Promise((resolve) => {
    new Load(task, task.control, resolve);
  });
}

class Load {
  readonly #task: EnduranceTask;
  readonly #control: MessagePort;
  readonly #done: () => void;
  readonly #clients: ClientThread;
  readonly #recorder = new Recorder(false, false);
  readonly #windows = new Windows();
  #filled = 0;
  #failed = 0;
  #endWorkload: () => void = () => {};
  #draining = false;

  constructor(task: EnduranceTask, control: MessagePort, done: () => void) {
    this.#task = task;
    this.#control = control;
    this.#done = done;
    const settings = {
      clients: CLIENTS,
      firstClientId: clientIdOf(0),
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      retryMs: RETRY_MS,
    };
    this.#clients = new ClientThread(settings, task.seed, () => this.#finishIfDrained());
    control.on('message', (order: EnduranceOrder) => this.#obey(order));
  }

  #obey(order: EnduranceOrder): void {
    switch (order.kind) {
      case 'connect':
        this.#clients.connect(order.node, order.port);
        break;
      case 'fill':
        this.#fill();
        break;
      case 'load':
        this.#load();
        break;
      case 'end':
        this.#endWorkload();
        this.#draining = true;
        break;
      case 'split': {
        const split = this.#windows.split(order.snapshots, order.excluded);
        this.#report({ kind: 'split', split });
        break;
      }
      case 'stop':
        this.#endWorkload();
        this.#clients.stop();
        this.#control.close();
        this.#done();
        break;
    }
  }

  #fill(): void {
    let next = 0;
    const put = (client: number): void => {
      if (next >= this.#task.keys) return;
      const operation = { kind: 'put', key: keyOf(next++), value: VALUE, expected: null } as const;
      const intendedUs = nowUs();
      this.#clients.call(client, operation, (outcome, requestNumber) => {
        const completedUs = nowUs();
        this.#note({ kind: 'put', client, requestNumber, intendedUs, completedUs, outcome });
        if (++this.#filled === this.#task.keys) this.#report({ kind: 'filled' });
        put(client);
      });
    };
    for (let i = 0; i < CLIENTS * OUTSTANDING; i++) put(i % CLIENTS);
  }

  #load(): void {
    const { keys, seed } = this.#task;
    const load = { clients: CLIENTS, outstanding: OUTSTANDING, rate: null, readRatio: 0, zipf: 0 };
    const workload = { ...load, valueBytes: VALUE_BYTES, keys };
    this.#endWorkload = startWorkload(workload, seed, this.#clients, (completion) => {
      this.#note(completion);
      const { completedUs, intendedUs } = completion;
      this.#windows.record(completedUs, completedUs - intendedUs);
    });
  }

  #note(completion: Completion): void {
    this.#recorder.record(completion);
    if (completion.outcome.kind !== 'ok') this.#failed++;
  }

  #finishIfDrained(): void {
    if (!this.#draining || this.#clients.pendingCount > 0) return;
    this.#draining = false;
    const { acknowledged, issued } = this.#recorder.measurement();
    this.#report({ kind: 'drained', told: { acknowledged, issued }, failed: this.#failed });
  }

  #report(report: EnduranceReport): void {
    this.#control.postMessage(report);
  }
}

const VALUE = new Uint8Array(VALUE_BYTES).fill(0x76);

/** As a workload names its keys, so that the load overwrites what was filled in. */
export function keyOf(number: number): Uint8Array {
  return Buffer.from(`k${String(number).padStart(KEY_DIGITS, '0')}`);
}
