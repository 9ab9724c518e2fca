/**
 * The operator of a cluster of threads: asks whoever leads for changes of membership and transfers,
 * and asks again while what stands in the way will pass, as a person or a script would.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { MembershipChange } from '../../src/membership-plan.ts';
import type { Answer, NodeId, Refusal } from '../../src/raft/types.ts';
import type { Administration } from '../cluster.ts';
import type { AdminOperation } from '../faults.ts';
import type { NodeOperation } from './node-orders.ts';

const AGAIN_AFTER_MS = 100;
/** Then it is given up: whatever stands in the way will not go away by asking. */
export const PATIENCE_MS = 4000;
/** An answer that does not come within this was lost with the leader; asked again, it is told. */
const ANSWER_MS = 1000;

/** Refusals of a moment: another leader, or the same one a little later, may say otherwise. */
const PASSING: ReadonlySet<Refusal> = new Set([
  'notLeader',
  'leadLost',
  'changeInProgress',
  'notReady',
  'transferring',
]);

/** What the operator needs of the cluster. */
export type Operated = {
  readonly leaderId: string | null;
  state(id: string): 'running' | 'paused' | 'crashed';
  name(id: string): NodeId;
  /** The node's answer; `null` if it dies or stands still without one. */
  operate(id: string, operation: NodeOperation): Promise<Answer | null>;
};

/**
 * Each operation gives the last answer that came, or `null` if none did within `patienceMs`.
 */
export class Operator implements Administration {
  readonly #cluster: Operated;
  readonly #over = new AbortController();

  constructor(cluster: Operated) {
    this.#cluster = cluster;
  }

  /** Nodes are named: whoever plays a part has been found before. */
  carryOut(operation: AdminOperation, done: (answer: Answer | null) => void): void {
    void this.#carriedOut(operation).then(done);
  }

  #carriedOut(operation: AdminOperation): Promise<Answer | null> {
    switch (operation.kind) {
      case 'configure':
        return this.configure(operation.voters);
      case 'transfer':
        return this.transfer(operation.to);
      default:
        return this[operation.kind](operation.node);
    }
  }

  join(id: string, patienceMs?: number): Promise<Answer | null> {
    return this.#change('join', id, patienceMs);
  }

  joinBlank(id: string, patienceMs?: number): Promise<Answer | null> {
    return this.#change('joinBlank', id, patienceMs);
  }

  learn(id: string, patienceMs?: number): Promise<Answer | null> {
    return this.#change('learn', id, patienceMs);
  }

  leave(id: string, patienceMs?: number): Promise<Answer | null> {
    return this.#change('leave', id, patienceMs);
  }

  transfer(to: string, patienceMs?: number): Promise<Answer | null> {
    return this.#askLeader(() => ({ kind: 'transfer', to: this.#cluster.name(to) }), patienceMs);
  }

  /** Answered when the node's snapshot is durable, or there is nothing new to take one of. */
  snapshot(id: string, patienceMs = PATIENCE_MS): Promise<Answer | null> {
    return this.#ask(id, { kind: 'snapshot' }, patienceMs);
  }

  end(): void {
    this.#over.abort();
  }

  /** These and no others are to be voters. */
  configure(ids: readonly string[], patienceMs?: number): Promise<Answer | null> {
    const voters = (): NodeId[] => ids.map((id) => this.#cluster.name(id));
    return this.#askLeader(() => ({ kind: 'configure', voters: voters() }), patienceMs);
  }

  #change(
    kind: Exclude<MembershipChange['kind'], 'configure'>,
    id: string,
    patienceMs?: number,
  ): Promise<Answer | null> {
    // Its name at that moment: it may have lost its disk since it was asked for first.
    return this.#askLeader(() => ({ kind, name: this.#cluster.name(id) }), patienceMs);
  }

  async #askLeader(
    operation: () => NodeOperation,
    patienceMs = PATIENCE_MS,
  ): Promise<Answer | null> {
    const endMs = performance.now() + patienceMs;
    let last: Answer | null = null;
    while (!this.#over.signal.aborted) {
      const leftMs = endMs - performance.now();
      const leader = this.#cluster.leaderId;
      const limitMs = Math.min(ANSWER_MS, leftMs);
      const answer = leader === null ? null : await this.#ask(leader, operation(), limitMs);
      last = answer ?? last;
      if (answer !== null && !isPassing(answer)) break;
      if (endMs - performance.now() <= AGAIN_AFTER_MS) break;
      await this.#wait(AGAIN_AFTER_MS, this.#over.signal);
    }
    return last;
  }

  async #ask(id: string, operation: NodeOperation, limitMs: number): Promise<Answer | null> {
    if (this.#cluster.state(id) !== 'running') return null;
    const answered = new AbortController();
    const signal = AbortSignal.any([answered.signal, this.#over.signal]);
    try {
      const late = this.#wait(limitMs, signal);
      return await Promise.race([this.#cluster.operate(id, operation), late]);
    } finally {
      answered.abort();
    }
  }

  /** Until then, or until the signal. */
  async #wait(ms: number, signal: AbortSignal): Promise<null> {
    await delay(Math.max(0, ms), undefined, { signal }).catch(() => {});
    return null;
  }
}

function isPassing(answer: Answer): boolean {
  return answer.kind === 'rejected' && PASSING.has(answer.reason);
}
