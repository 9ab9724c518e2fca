/** What a client keeps of its session: the requests that have no answer yet (§6.3). */
import type { Operation } from '../src/command.ts';
import type { Outcome, ReadWay } from './cluster.ts';

/** A registered client has another id after its session has expired; 0 while it has none. */
export type CallEnded = (outcome: Outcome, requestNumber: number, clientId: number) => void;

export type Pending = {
  readonly operation: Operation;
  readonly requestNumber: number;
  readonly deadlineUs: number;
  readonly read: ReadWay;
  readonly done: CallEnded;
  wasSent: boolean;
  /** When it is sent again, unless it is answered. */
  retryAtUs: number;
  repetitions: number;
  redirects: number;
  /** It waits because the server asked for it, not because that was silent. */
  isPutOff: boolean;
};

export class ClientSession {
  /** `null` until it is registered. */
  clientId: number | null;
  /** Which of the clients it is for, counted from 0. */
  readonly client: number;
  isRegistering = false;
  hasExpired = false;
  nextRequestNumber: number;
  /** No request below is pending. */
  lowestPending: number;
  /** By request number modulo its length, a power of two that all pending requests fit in. */
  #pending = new Array<Pending | undefined>(16).fill(undefined);

  constructor(client: number, clientId: number | null, firstRequestNumber = 1) {
    this.client = client;
    this.nextRequestNumber = firstRequestNumber;
    this.lowestPending = firstRequestNumber;
    this.clientId = clientId;
  }

  get isIdle(): boolean {
    return this.lowestPending === this.nextRequestNumber;
  }

  /** In no particular order. */
  get pending(): Pending[] {
    return this.#pending.filter((pending) => pending !== undefined);
  }

  find(requestNumber: number): Pending | undefined {
    const pending = this.#pending[requestNumber & (this.#pending.length - 1)];
    return pending?.requestNumber === requestNumber ? pending : undefined;
  }

  hold(pending: Pending): void {
    const { length } = this.#pending;
    if (pending.requestNumber - this.lowestPending >= length) {
      const wider = new Array<Pending | undefined>(length * 2).fill(undefined);
      for (const held of this.pending) wider[held.requestNumber & (length * 2 - 1)] = held;
      this.#pending = wider;
    }
    this.#pending[pending.requestNumber & (this.#pending.length - 1)] = pending;
  }

  release(requestNumber: number): void {
    const mask = this.#pending.length - 1;
    this.#pending[requestNumber & mask] = undefined;
    while (!this.isIdle && this.#pending[this.lowestPending & mask] === undefined) {
      this.lowestPending++;
    }
  }
}
