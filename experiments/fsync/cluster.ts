/**
 * A cluster that syncs by a policy. Under the lazy one a server breaks its promises when its power
 * fails: the simulator's checks, which would stop there, are left out, and what came of it is
 * counted.
 */
import type { Member } from '../../lab/sim/member.ts';
import { type ClusterPlan, StudyCluster } from '../../lab/study/cluster.ts';
import { InvariantViolation } from '../../src/raft/invariants.ts';
import { between, fork } from '../../src/raft/random.ts';
import type { Effect, Input, Message, NodeId, RaftState } from '../../src/raft/types.ts';
import type { Flaw } from '../../src/raft/validation.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ACCEPT_US, type Cell, diskOf } from './policies.ts';
import { lazily, oneByOne } from './storages.ts';

const US_PER_MS = 1000;
/** Whoever watches over the servers starts one again that has stopped by itself. */
const RESTART_US = 100_000;
const NODE_DEFAULT_BATCH = 512;

export class SyncingCluster extends StudyCluster {
  /** Servers that dropped what a leader told them, as it contradicts what they know. */
  readonly #refusing = new Set<Member>();
  readonly #cell: Cell;
  readonly #seed: number;
  /** By term, who led. */
  readonly #leaders = new Map<number, Set<string>>();

  constructor(cell: Cell, plan: Omit<ClusterPlan, 'disk' | 'batchCommands'>) {
    const batchCommands = cell.policy === 'always' ? 1 : NODE_DEFAULT_BATCH;
    super({ ...plan, disk: diskOf(cell), batchCommands });
    this.#cell = cell;
    this.#seed = plan.seed;
  }

  get refusing(): number {
    return this.#refusing.size;
  }

  /** Terms in which more than one server has led. */
  get termsOfTwo(): number {
    return [...this.#leaders.values()].filter(({ size }) => size > 1).length;
  }

  get #isLazy(): boolean {
    return this.#cell.policy === 'lazy';
  }

  override storage(member: Member, storage: Storage): Storage {
    if (this.#cell.policy === 'batched') return storage;
    if (this.#cell.policy === 'always') return oneByOne(storage);
    // Each server's flushes have their own phase.
    const periodUs = Math.max(1, Math.round(this.#cell.flushMs * US_PER_MS));
    const phaseUs = between(fork(this.#seed, `flush ${member.id}`), 0, periodUs - 1);
    const { starts } = member;
    const later = (delayUs: number, then: () => void): void => {
      this.events.after(delayUs, () => {
        if (member.starts === starts) member.turn(then);
      });
    };
    return lazily(storage, {
      accepted: (then) => later(ACCEPT_US, then),
      nextFlush: (then) => {
        later(periodUs - ((this.events.nowUs + phaseUs) % periodUs), then);
      },
    });
  }

  override started(member: Member): void {
    if (!this.#isLazy) super.started(member);
  }

  override promised(message: Message): void {
    if (!this.#isLazy) super.promised(message);
  }

  override stepped(
    member: Member,
    input: Input,
    effects: readonly Effect[],
    state: RaftState,
  ): void {
    if (!this.#isLazy) super.stepped(member, input, effects, state);
    if (state.role.kind !== 'leader') return;
    const { currentTerm } = state.persistent;
    const leaders = this.#leaders.get(currentTerm) ?? new Set();
    this.#leaders.set(currentTerm, leaders.add(member.id));
  }

  /** A server that is told to remove what it knows to be committed does not. */
  override flawed(member: Member, from: NodeId, flaw: Flaw): void {
    if (this.#isLazy) this.#refusing.add(member);
    else super.flawed(member, from, flaw);
  }

  override failed(member: Member, error: Error): void {
    if (!this.#isLazy || !(error instanceof InvariantViolation)) {
      super.failed(member, error);
      return;
    }
    this.crash(member);
    this.events.after(RESTART_US, () => this.start(member));
  }
}
