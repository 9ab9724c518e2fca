/**
 * The task of the clients' thread under a schedule: it calls the operations at their times, and
 * keeps the history.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Acknowledged } from '../acknowledged.ts';
import type { HistoryOperation } from '../history.ts';
import type { Schedule, ScheduledOperation } from '../schedule.ts';
import { ScheduledClients } from '../scheduled-clients.ts';
import { ClientThread } from './client-thread.ts';
import type { ClientOrder } from './load-worker.ts';
import { clientIdOf } from './recorder.ts';

export type ScheduleTask = Pick<Schedule, 'clients' | 'durationMs' | 'operations' | 'seed'>;

/** From the parent to the clients. */
export type ScheduleOrder =
  | ClientOrder
  /** The times of the schedule count from now. */
  | { readonly kind: 'begin' };

/** From the clients to the parent. */
export type ScheduleReport =
  | { readonly kind: 'ready' }
  /** The first phase is over: no more is called, what is outstanding goes on. */
  | { readonly kind: 'over' }
  /** Nothing is outstanding any more. */
  | {
      readonly kind: 'drained';
      readonly history: readonly HistoryOperation[];
      readonly acknowledged: Acknowledged;
      readonly staleReads: number;
    };

export default function runSchedule(task: ScheduleTask & { control: MessagePort }): Promise<void> {
  return new Promise((resolve) => {
    new ScheduleThread(task, task.control, resolve).start();
  });
}

class ScheduleThread {
  readonly #task: ScheduleTask;
  readonly #control: MessagePort;
  readonly #done: () => void;
  /** Each with its own sockets, so that two of them may take different nodes for the leader. */
  readonly #threads: readonly ClientThread[];
  readonly #clients: ScheduledClients;
  /** What is still to be called, in the order of the times. */
  readonly #operations: ScheduledOperation[];
  /** Of the history, in which a double has no room for the time since the machine started. */
  readonly #originNs = process.hrtime.bigint();
  #calling: NodeJS.Timeout | null = null;
  #ending: NodeJS.Timeout | null = null;
  #draining = false;

  constructor(task: ScheduleTask, control: MessagePort, done: () => void) {
    this.#task = task;
    this.#control = control;
    this.#done = done;
    const { clients, operations, seed } = task;
    const { count, registered, requestTimeoutMs, retryMs } = clients;
    this.#threads = Array.from({ length: count }, (_, i) => {
      const firstClientId = clientIdOf(i);
      const settings = { clients: 1, firstClientId, registered, requestTimeoutMs, retryMs };
      return new ClientThread(settings, seed, () => this.#finishIfDrained());
    });
    const nowNs = (): number => Number(process.hrtime.bigint() - this.#originNs);
    this.#clients = new ScheduledClients(this.#threads, nowNs);
    this.#operations = operations.toSorted((a, b) => a.atMs - b.atMs);
  }

  start(): void {
    this.#control.on('message', (order: ScheduleOrder) => this.#obey(order));
    this.#report({ kind: 'ready' });
  }

  #obey(order: ScheduleOrder): void {
    switch (order.kind) {
      case 'connect':
        this.#threads[order.connection]?.connect(order.node, order.port);
        break;
      case 'begin':
        this.#begin();
        break;
      case 'stop':
        this.#stop();
        break;
    }
  }

  #begin(): void {
    const startMs = performance.now();
    this.#ending = setTimeout(() => this.#end(), this.#task.durationMs);
    let next = 0;
    const callDue = (): void => {
      const atMs = performance.now() - startMs;
      for (; next < this.#operations.length; next++) {
        const operation = this.#operations[next] as ScheduledOperation;
        if (operation.atMs > atMs) {
          this.#calling = setTimeout(callDue, operation.atMs - atMs);
          return;
        }
        this.#clients.call(operation);
      }
    };
    callDue();
  }

  #end(): void {
    if (this.#calling !== null) clearTimeout(this.#calling);
    this.#clients.dropQueued();
    this.#draining = true;
    this.#report({ kind: 'over' });
  }

  #finishIfDrained(): void {
    if (!this.#draining || this.#clients.pending > 0) return;
    this.#draining = false;
    const { history, acknowledged, staleReads } = this.#clients;
    this.#report({ kind: 'drained', history, acknowledged, staleReads });
  }

  #stop(): void {
    for (const timer of [this.#calling, this.#ending]) if (timer !== null) clearTimeout(timer);
    for (const thread of this.#threads) thread.stop();
    this.#control.close();
    this.#done();
  }

  #report(report: ScheduleReport): void {
    this.#control.postMessage(report);
  }
}
