/** Joins, leaves and transfers, as an operator asks for them by address (ch. 4, §3.10). */
import { setTimeout as delay } from 'node:timers/promises';
import type { AdministrationReply } from './http/service.ts';
import { membershipAfter } from './membership-plan.ts';
import type { Node } from './node.ts';
import { addressOf } from './raft/identity.ts';
import {
  type Answer,
  type Membership,
  type NodeId,
  type Refusal,
  unreachable,
} from './raft/types.ts';
import type { PeerIdentity } from './transport/handshake.ts';
import { PeerError } from './transport/ws-peers.ts';

export type AdministrationOptions = {
  readonly node: () => Node;
  readonly flushSoon: () => void;
  /** Asks a server who it is; rejects with a sentence. */
  readonly identify: (address: string, timeoutMs: number) => Promise<PeerIdentity>;
  /** A member, present or former, whom this server has met. */
  readonly hasMet: (name: NodeId) => boolean;
  /** A server at this address is a member, or was one, as far as this server can know. */
  readonly wasMember: (address: string) => boolean;
  readonly joinTimeoutMs: number;
  readonly requestTimeoutMs: number;
};

/** What stands in the way may pass within moments: asked again after so long. */
const AGAIN_MS = 20;

type Refused = Extract<AdministrationReply, { kind: 'refused' }>;

export class Administration {
  readonly #options: AdministrationOptions;
  /** How to end what has been asked of the node. */
  readonly #underWay = new Set<(reply: AdministrationReply) => void>();
  readonly #stopping = Promise.withResolvers<never>();
  #stopped = false;

  constructor(options: AdministrationOptions) {
    this.#options = options;
    // Whoever waits is told; nobody need wait.
    this.#stopping.promise.catch(() => {});
  }

  /** Whoever waits is answered, as far as can be said. Nothing is begun any more. */
  stop(): void {
    this.#stopped = true;
    this.#stopping.reject(new Error('this server stops'));
    const unknown = refused('outcomeUnknown', 'this server stops; it may yet be carried out');
    for (const end of [...this.#underWay]) end(unknown);
  }

  async join(peer: string): Promise<AdministrationReply> {
    if (!this.#leads()) return notLeader();
    const { hasMet } = this.#options;
    const member = this.#memberAt(peer);
    let found: PeerIdentity;
    try {
      found = await this.#find(peer, member === null);
    } catch (error) {
      // Who belongs already need not be up.
      if (member !== null && this.#votes(member)) return this.#done();
      const why = error instanceof Error ? error.message : String(error);
      const reason = wasReached(error) ? 'notWaiting' : 'catchUpTimeout';
      return refused(reason, `${peer} did not join: ${why}`);
    }
    if (member === found.name && this.#votes(member)) return this.#done();
    if (member !== null && member !== found.name) {
      return refused(
        'notWaiting',
        `${peer} belongs to the cluster as ${member} and came back with another disk; have it ` +
          'leave first',
      );
    }
    if (!found.waiting && !hasMet(found.name)) {
      return refused(
        'notWaiting',
        `${peer} leads a life of its own; clear its data directory and start it with JOIN=true`,
      );
    }
    return this.#configure({ kind: 'join', name: found.name });
  }

  async leave(peer: string): Promise<AdministrationReply> {
    if (!this.#leads()) return notLeader();
    const member = this.#memberAt(peer);
    if (member !== null) return this.#configure({ kind: 'leave', name: member });
    // Repeating it is harmless; another spelling of a member's address is no repetition.
    if (this.#options.wasMember(peer)) return this.#done();
    const { voters, learners } = this.#node.configuration;
    const members = [...voters, ...learners].map(addressOf).join(', ');
    return refused(
      'notMember',
      `no member of this cluster is called ${peer}, nor was one; the members are ${members}`,
    );
  }

  async transfer(to: string): Promise<AdministrationReply> {
    if (!this.#leads()) return notLeader();
    const member = this.#memberAt(to);
    if (member === null || !this.#votes(member)) {
      return refused('notVoter', `${to} is not a voter of this cluster`);
    }
    if (member === this.#node.state.id) return this.#done();
    return this.#carryOut((node, done) => node.transfer(member, done));
  }

  get #node(): Node {
    return this.#options.node();
  }

  #leads(): boolean {
    return this.#node.state.role.kind === 'leader';
  }

  #isChanging(): boolean {
    const { role } = this.#node.state;
    return role.kind === 'leader' && role.change !== null;
  }

  #memberAt(address: string): NodeId | null {
    const { voters, learners } = this.#node.configuration;
    return [...voters, ...learners].find((name) => addressOf(name) === address) ?? null;
  }

  #votes(name: NodeId): boolean {
    return this.#node.configuration.voters.includes(name);
  }

  /** Who is new may be about to start: it is asked for until time is up. */
  async #find(peer: string, isNew: boolean): Promise<PeerIdentity> {
    const { identify, joinTimeoutMs } = this.#options;
    const endMs = performance.now() + joinTimeoutMs;
    for (;;) {
      const leftMs = endMs - performance.now();
      try {
        return await Promise.race([identify(peer, Math.max(1, leftMs)), this.#stopping.promise]);
      } catch (error) {
        const isLate = this.#stopped || performance.now() + AGAIN_MS >= endMs;
        if (!isNew || isLate || wasReached(error)) throw error;
        await delay(AGAIN_MS);
      }
    }
  }

  #configure(change: { kind: 'join' | 'leave'; name: NodeId }): Promise<AdministrationReply> {
    return this.#carryOut((node, done) => {
      const membership: Membership = membershipAfter(change, node.configuration);
      node.configure(membership, true, done);
    });
  }

  /** Asks until there is an answer that lasts, or time is up. */
  #carryOut(
    ask: (node: Node, done: (answer: Answer) => void) => void,
  ): Promise<AdministrationReply> {
    const { joinTimeoutMs, requestTimeoutMs, flushSoon } = this.#options;
    if (this.#stopped) return Promise.resolve(notLeader());
    return new Promise((resolve) => {
      let again: NodeJS.Timeout | null = null;
      const end = (reply: AdministrationReply): void => {
        this.#underWay.delete(end);
        clearTimeout(timer);
        if (again !== null) clearTimeout(again);
        resolve(reply);
      };
      const timer = setTimeout(
        () => end(refused('outcomeUnknown', 'no answer came in time; it may yet be carried out')),
        joinTimeoutMs + requestTimeoutMs,
      );
      // The learner is taken out by a change of its own, and nobody is told that it is out before.
      const endOnceUndone = (): void => {
        if (this.#isChanging()) again = setTimeout(endOnceUndone, AGAIN_MS);
        else end(replyTo('catchUpTimeout'));
      };
      const attempt = (): void => {
        ask(this.#node, (answer) => {
          if (answer.kind !== 'rejected') end(this.#done());
          else if (answer.reason === 'notReady') again = setTimeout(attempt, AGAIN_MS);
          else if (answer.reason === 'catchUpTimeout') endOnceUndone();
          else end(replyTo(answer.reason));
        });
        flushSoon();
      };
      this.#underWay.add(end);
      attempt();
    });
  }

  #done(): AdministrationReply {
    return { kind: 'done', voters: this.#node.configuration.voters.map(addressOf) };
  }
}

/** Its refusal, or this server's, lasts; that nobody answers may pass. */
function wasReached(error: unknown): boolean {
  return error instanceof PeerError && !['unreachable', 'timeout', 'closed'].includes(error.code);
}

function notLeader(): Refused {
  return refused('notLeader', 'this server does not lead');
}

function refused(reason: Refused['reason'], message: string): Refused {
  return { kind: 'refused', reason, message };
}

function replyTo(reason: Refusal): Refused {
  switch (reason) {
    case 'notLeader':
      return notLeader();
    case 'changeInProgress':
    case 'transferring':
      return refused('changeInProgress', 'another change of membership or of leader is under way');
    case 'lastVoter':
      return refused('lastVoter', 'the last voter cannot leave');
    case 'notVoter':
      return refused('notVoter', 'it is not a voter of this cluster');
    case 'otherIncarnation':
      return refused('notWaiting', 'another incarnation of it belongs to the cluster');
    case 'catchUpTimeout':
      return refused('catchUpTimeout', 'it did not catch up in time; the membership is as it was');
    case 'transferTimeout':
      return refused('transferTimeout', 'it did not take over in time; this server still leads');
    case 'leadLost':
    case 'notReady':
    case 'overloaded':
      return refused('outcomeUnknown', 'the lead was lost on the way; it may yet be carried out');
    default:
      return unreachable(reason);
  }
}
