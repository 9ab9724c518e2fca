/**
 * The load on a cluster in virtual time: closed, where each answer brings the next call, or open,
 * where calls come at a rate whatever the answers take. Every call is noted.
 */
import { between, chance, fork, type RandomState } from '../../src/raft/random.ts';
import type { ReadWay } from '../cluster.ts';
import type { ScheduledOperation } from '../schedule.ts';
import type { StudyCluster } from './cluster.ts';

export type LoadPlan = {
  readonly seed: number;
  /** Share of gets; the others are puts. 0 if left out. */
  readonly readRatio?: number;
  /** How gets are made (§6.4); by ReadIndex if left out. */
  readonly read?: ReadWay;
  readonly keys?: number;
  /** Of a put's value, in characters. */
  readonly valueBytes?: number;
};

export type Call = {
  readonly kind: 'put' | 'get';
  /** When it was due: in an open load it may have waited for a client. */
  readonly calledMs: number;
  /** When its client was told; `null` while it has not been. */
  returnedMs: number | null;
  /** Whether it was served; a call without an answer was not. */
  ok: boolean;
};

/** Of one client, by `lab/scheduled-clients.ts`. */
export const OUTSTANDING_PER_CLIENT = 2;

export class Load {
  readonly calls: Call[] = [];
  readonly #cluster: StudyCluster;
  readonly #plan: LoadPlan;
  readonly #rng: RandomState;
  readonly #clients: number;
  #goesOn = true;

  /** The cluster's plan says how many clients there are. */
  constructor(cluster: StudyCluster, plan: LoadPlan) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#rng = fork(plan.seed, 'study load');
    this.#clients = cluster.schedule.clients.count;
    if (this.#clients === 0) throw new RangeError('a load needs clients: plan.clients is 0');
  }

  /** Keeps so many operations outstanding from now on; no more than two for each client. */
  keepOutstanding(outstanding: number): void {
    if (outstanding > this.#clients * OUTSTANDING_PER_CLIENT) {
      throw new RangeError(`${outstanding} outstanding need more than ${this.#clients} clients`);
    }
    for (let i = 0; i < outstanding; i++) this.#callOn(i % this.#clients);
  }

  /** Calls so many times a second, at even distances, from now until `untilMs`. */
  arrive(perSecond: number, untilMs: number): void {
    const spacingUs = 1_000_000 / perSecond;
    const startUs = this.#cluster.events.nowUs;
    const next = (i: number): void => {
      const atUs = Math.round(startUs + i * spacingUs);
      if (!this.#goesOn || atUs > untilMs * 1000) return;
      this.#cluster.events.at(atUs, () => {
        this.#call(between(this.#rng, 0, this.#clients - 1), () => {});
        next(i + 1);
      });
    };
    next(0);
  }

  /** No more calls; what is outstanding may still be answered. */
  stop(): void {
    this.#goesOn = false;
  }

  #callOn(client: number): void {
    this.#call(client, () => {
      // In an event of its own: whoever is told may be in the middle of its turn.
      if (this.#goesOn) this.#cluster.events.after(0, () => this.#callOn(client));
    });
  }

  #call(client: number, done: () => void): void {
    const { keys = 1000, read, readRatio = 0, valueBytes = 16 } = this.#plan;
    const kind = chance(this.#rng, readRatio) ? 'get' : 'put';
    const key = `k${between(this.#rng, 1, keys)}`;
    const call: Call = { kind, calledMs: this.#cluster.nowMs, returnedMs: null, ok: false };
    const value = `v${this.calls.length} `.padEnd(valueBytes, '.');
    this.calls.push(call);
    const asked = { atMs: call.calledMs, client, key } as const;
    const how = read === undefined ? {} : { read };
    const operation: ScheduledOperation =
      kind === 'put' ? { ...asked, op: 'put', value } : { ...asked, op: 'get', ...how };
    this.#cluster.clients.call(operation, (ok) => {
      call.returnedMs = this.#cluster.nowMs;
      call.ok = ok;
      done();
    });
  }
}

/** Latencies of the calls that were served within a time, ascending. */
export function latenciesMs(calls: readonly Call[], fromMs: number, toMs: number): number[] {
  return served(calls, fromMs, toMs)
    .map(({ calledMs, returnedMs }) => (returnedMs ?? 0) - calledMs)
    .sort((a, b) => a - b);
}

/** Calls that were served within a time, a second of it. */
export function servedPerSecond(calls: readonly Call[], fromMs: number, toMs: number): number {
  return (served(calls, fromMs, toMs).length * 1000) / (toMs - fromMs);
}

function served(calls: readonly Call[], fromMs: number, toMs: number): Call[] {
  return calls.filter(
    ({ ok, returnedMs }) => ok && returnedMs !== null && returnedMs >= fromMs && returnedMs < toMs,
  );
}
