/**
 * The operator of a simulated cluster: asks whoever leads for changes of membership and transfers,
 * and asks again while it is refused or hears nothing, as a person or a script would.
 */

import { type MembershipChange, membershipAfter } from '../../src/membership-plan.ts';
import type { Node } from '../../src/node.ts';
import type { Answer, Membership, NodeId } from '../../src/raft/types.ts';
import type { Administration } from '../cluster.ts';
import { type AdminOperation, describeFault, type Target, targetOf } from '../faults.ts';
import type { Member } from './member.ts';
import { type Cluster, leaderOf } from './nemesis.ts';

const US_PER_MS = 1000;
const AGAIN_AFTER_MS = 100;
/** Then it is given up: whatever stands in the way will not go away by asking. */
const PATIENCE_MS = 4000;
/** An answer that does not come within this was lost with the leader. */
const ANSWER_MS = 1000;

/** With fewer there is little left to strike. */
const VOTERS_MIN = 2;

/** Of whom an operation is, by address; the same server however often it is asked for. */
type Request = {
  readonly operation: Exclude<AdminOperation, { kind: 'snapshot' }>;
  readonly id: string;
};

type Done = (answer: Answer | null) => void;

export class Operator implements Administration {
  readonly #cluster: Cluster;
  readonly #resolve: (target: Target) => Member | null;
  #over = false;

  constructor(cluster: Cluster, resolve: (target: Target) => Member | null) {
    this.#cluster = cluster;
    this.#resolve = resolve;
  }

  carryOut(operation: AdminOperation, done: Done): void {
    const { events } = this.#cluster;
    if (operation.kind === 'configure') this.#note(describeFault(operation), operation.voters);
    const target = targetOf(operation);
    const member = target === null ? null : this.#resolve(target);
    if (target !== null) {
      if (member === null) {
        done(null);
        return;
      }
      this.#note(`${operation.kind} ${member.name}`, [member.id]);
    }
    if (operation.kind === 'snapshot') {
      const node = member?.node ?? null;
      member?.turn(() => node?.takeSnapshot());
      done(node === null ? null : { kind: 'done' });
      return;
    }
    const request: Request = { operation, id: member?.id ?? '' };
    this.#ask(request, null, done, events.nowUs + PATIENCE_MS * US_PER_MS);
  }

  /** In the trace as a fault of no length: what comes of it is seen by the rest. */
  #note(text: string, ids: readonly string[]): void {
    const { events, tracer } = this.#cluster;
    tracer.happened(text, ids.length === 1 ? ids[0] : null);
    tracer.fault(text, ids).untilUs = events.nowUs;
  }

  end(): void {
    this.#over = true;
  }

  #ask(request: Request, last: Answer | null, done: Done, untilUs: number): void {
    const { events, members } = this.#cluster;
    if (this.#over || events.nowUs >= untilUs) {
      done(last);
      return;
    }
    let settled = false;
    const settle = (answer: Answer | null): void => {
      if (settled) return;
      settled = true;
      if (answer?.kind === 'done') done(answer);
      else {
        const again = (): void => this.#ask(request, answer ?? last, done, untilUs);
        events.after(AGAIN_AFTER_MS * US_PER_MS, again);
      }
    };
    const leader = leaderOf([...members.values()].filter(({ state }) => state === 'running'));
    const node = leader?.node ?? null;
    if (leader === null || node === null) {
      settle(null);
      return;
    }
    events.after(ANSWER_MS * US_PER_MS, () => settle(null));
    leader.turn(() => this.#order(node, request, settle));
  }

  /** By the names that servers have at that moment: disks may have been lost since. */
  #order(node: Node, { id, operation }: Request, answered: (answer: Answer) => void): void {
    if (operation.kind === 'transfer') {
      node.transfer(this.#nameOf(id), answered);
      return;
    }
    const { kind } = operation;
    const change: MembershipChange =
      kind === 'configure'
        ? { kind, voters: operation.voters.map((voter) => this.#nameOf(voter)) }
        : { kind, name: this.#nameOf(id) };
    const membership = membershipAfter(change, node.configuration);
    if (this.#isEnough(membership)) node.configure(membership, kind !== 'joinBlank', answered);
  }

  #nameOf(id: string): NodeId {
    return this.#cluster.members.get(id)?.name ?? id;
  }

  /** Those who have lost their disks will not come back: a majority must be of others. */
  #isEnough({ voters }: Membership): boolean {
    const names = new Set([...this.#cluster.members.values()].map(({ name }) => name));
    const alive = voters.filter((voter) => names.has(voter)).length;
    return alive * 2 > voters.length && voters.length >= VOTERS_MIN;
  }
}
