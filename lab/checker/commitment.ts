/** What servers take for committed, and whether it may count as that (§3.5, §3.6). */
import type { Configuration, Entry, Index, NodeId, RaftState, Term } from '../../src/raft/types.ts';
import type { CommittedLog } from './committed.ts';
import { sameEntry } from './comparison.ts';
import { type Durable, holds } from './durable.ts';
import type { Elections } from './elections.ts';
import { count, isMajority } from './majority.ts';
import type { Promises } from './promises.ts';
import { fail } from './properties.ts';
import { entryAt } from './seen.ts';

export class Commitment {
  readonly #durable: ReadonlyMap<NodeId, Durable>;
  readonly #committed: CommittedLog;
  readonly #elections: Elections;
  readonly #promises: Promises;

  constructor(
    durable: ReadonlyMap<NodeId, Durable>,
    committed: CommittedLog,
    elections: Elections,
    promises: Promises,
  ) {
    this.#durable = durable;
    this.#committed = committed;
    this.#elections = elections;
    this.#promises = promises;
  }

  /** `configuration` is the latest that the leader had when it decided. */
  commit(state: RaftState, from: Index, configuration: Configuration): void {
    const { commitIndex } = state.volatile;
    this.#compareCommitted(state, from);
    for (let index = this.#committed.lastIndex + 1; index <= commitIndex; index++) {
      this.#committed.add(entryAt(state, index), state.persistent.currentTerm);
    }
    const { term } = entryAt(state, commitIndex);
    this.#elections.checkLaterLeaders(state, commitIndex, term);
    const leaderTerm = state.persistent.currentTerm;
    const hasIt = (id: NodeId): boolean => this.#holds(id, commitIndex, term, leaderTerm);
    if (isMajority(configuration, hasIt)) return;
    const { outgoing, voters } = configuration;
    const old = `, and on ${count(outgoing, hasIt)} of ${outgoing.length} outgoing`;
    const where = `it is on ${count(voters, hasIt)} disks of ${voters.length}`;
    fail(
      'committedIsDurable',
      `${state.id} commits entry ${commitIndex}, ${where}${outgoing.length === 0 ? '' : old}`,
    );
  }

  /**
   * A wiped server never votes again, so what it told the leader needs no copy of its own: whatever
   * majority can still come together has a member among the others who vouched (§3.8).
   */
  #holds(id: NodeId, index: Index, term: Term, leaderTerm: Term): boolean {
    if (this.#promises.isWiped(id)) {
      const told = this.#promises.of(id);
      return told?.matchedTerm === leaderTerm && told.matched >= index;
    }
    const durable = this.#durable.get(id);
    return durable !== undefined && holds(durable, index, term);
  }

  follow(state: RaftState, from: Index): void {
    const { commitIndex } = state.volatile;
    if (commitIndex > this.#committed.lastIndex) {
      const by = `leaders have committed ${this.#committed.lastIndex}`;
      fail('commitFromLeader', `${state.id} takes entry ${commitIndex} for committed, ${by}`);
    }
    this.#compareCommitted(state, from);
  }

  #compareCommitted(state: RaftState, from: Index): void {
    const to = Math.min(state.volatile.commitIndex, this.#committed.lastIndex);
    const first = Math.max(from, state.persistent.log.baseIndex) + 1;
    for (let index = first; index <= to; index++) {
      const entry = this.#committed.entries[index - 1] as Entry;
      const own = entryAt(state, index);
      if (sameEntry(entry, own)) continue;
      fail(
        'stateMachineSafety',
        `${state.id} takes entry ${index} of term ${own.term} for committed, ` +
          `where one of term ${entry.term} is`,
      );
    }
  }
}
