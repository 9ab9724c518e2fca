/**
 * Requests that are made of every server that runs, once: one is served if any of them answers. A
 * client's own search for the leader is thus left out of what is measured.
 */
import { checkLinearizability } from '../../lab/linearizability.ts';
import { Asking } from '../../lab/study/asking.ts';
import type { StudyCluster } from '../../lab/study/cluster.ts';
import { type Kind, PATIENCE_MS } from './setup.ts';

export type Request = {
  readonly kind: Kind;
  readonly calledMs: number;
  /** When the first server answered it. */
  servedMs: number | null;
};

/** Many, so that writes without an answer leave the checker little to try. */
const KEYS = 101;

export class Requests {
  readonly #cluster: StudyCluster;
  readonly #asking: Asking;
  /** Apart: what is read stale promises nothing. */
  readonly #askingStale: Asking;
  #made = 0;

  constructor(cluster: StudyCluster) {
    this.#cluster = cluster;
    this.#asking = new Asking(cluster.events);
    this.#askingStale = new Asking(cluster.events);
  }

  make(kind: Kind): Request {
    const request: Request = { kind, calledMs: this.#cluster.nowMs, servedMs: null };
    const key = `k${this.#made++ % KEYS}`;
    for (const member of this.#cluster.members.values()) {
      if (!member.isUp) continue;
      const done = ({ outcome }: { readonly outcome: string }): void => {
        if (outcome === 'ok') request.servedMs ??= this.#cluster.nowMs;
      };
      if (kind === 'write') this.#asking.write(member, this.#asking.history.length, done, key);
      else if (kind === 'stale') this.#askingStale.read(member, kind, done, key);
      else this.#asking.read(member, kind, done, key);
    }
    return request;
  }

  /** Makes requests of this kind from then on and at even distances; `made` gets each. */
  makeEvery(
    kind: Kind,
    everyMs: number,
    fromMs: number,
    untilMs: () => number,
    made: (request: Request) => void,
  ): void {
    const { events } = this.#cluster;
    const next = (i: number): void => {
      const atMs = fromMs + i * everyMs;
      events.at(Math.round(atMs * 1000), () => {
        if (atMs >= untilMs()) return;
        made(this.make(kind));
        next(i + 1);
      });
    };
    next(0);
  }

  /** Throws unless what was answered could have come from a store that executes one by one. */
  judge(): void {
    const result = checkLinearizability(this.#asking.history);
    if (result.verdict !== 'ok')
      throw new Error(`the history of ${result.key} is ${result.verdict}`);
  }
}

/** Whether somebody waiting for the answer got it in time. */
export function isServed({ calledMs, servedMs }: Request): boolean {
  return servedMs !== null && servedMs - calledMs <= PATIENCE_MS;
}
