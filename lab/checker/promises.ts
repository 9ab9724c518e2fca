/**
 * What servers have promised by the messages that left them: terms, votes, entries. A crash must
 * not take any of it back (§3.8).
 */
import type { Index, Log, Message, NodeId, Term } from '../../src/raft/types.ts';
import type { CommittedLog } from './committed.ts';
import { type Durable, isCovered, lastDurable, termBehindSnapshot } from './durable.ts';
import { fail } from './properties.ts';

/** It outlives a server's crashes. */
export type Told = {
  term: Term;
  /** Up to here its disk must hold the log, unless a later leader had it removed. */
  vouched: Index;
  /** Up to here it has told the leader of this term, the latest that it has told. */
  matched: Index;
  matchedTerm: Term;
};

/** What is in a server's memory. */
export type InMemory = { readonly currentTerm: Term; readonly log: Log };

export class Promises {
  readonly #durable: ReadonlyMap<NodeId, Durable>;
  readonly #committed: CommittedLog;
  readonly #told = new Map<NodeId, Told>();
  /** By term, who voted for whom. */
  readonly #votes = new Map<Term, Map<NodeId, NodeId>>();
  readonly #wiped = new Set<NodeId>();

  constructor(durable: ReadonlyMap<NodeId, Durable>, committed: CommittedLog) {
    this.#durable = durable;
    this.#committed = committed;
  }

  of(id: NodeId): Told | undefined {
    return this.#told.get(id);
  }

  votesIn(term: Term): ReadonlyMap<NodeId, NodeId> | undefined {
    return this.#votes.get(term);
  }

  /** A disk is gone with all that this name has promised. */
  wiped(id: NodeId): void {
    this.#wiped.add(id);
  }

  isWiped(id: NodeId): boolean {
    return this.#wiped.has(id);
  }

  /** A message leaves its sender: what it promises must outlive a crash at this very moment. */
  sent(message: Message, memory: InMemory | undefined): void {
    const { from, kind, term, to } = message;
    if (this.#wiped.has(from)) {
      fail('identity', `${from} sends ${kind} to ${to}, its disk was wiped`);
    }
    const durable = this.#durable.get(from);
    if (durable === undefined) throw new Error(`${from} has no disk`);
    if (durable.currentTerm < term) {
      const has = `its disk has term ${durable.currentTerm}`;
      fail('persistedBeforePromised', `${from} tells ${to} of term ${term}, ${has}`);
    }
    let told = this.#told.get(from);
    if (told === undefined) {
      told = { term: 0, vouched: 0, matched: 0, matchedTerm: 0 };
      this.#told.set(from, told);
    }
    told.term = Math.max(told.term, term);
    if (kind === 'RequestVote') this.#vote(from, term, from, durable);
    else if (kind === 'RequestVoteResponse') {
      if (message.voteGranted) this.#vote(from, term, to, durable);
    } else if (kind === 'AppendEntriesResponse') {
      if (message.success) this.#vouch(told, from, term, message.matchIndex, durable, memory);
    } else if (kind === 'InstallSnapshotResponse' && message.status === 'installed') {
      this.#vouch(told, from, term, message.index, durable, memory);
    }
  }

  #vote(voter: NodeId, term: Term, candidate: NodeId, durable: Durable): void {
    let votes = this.#votes.get(term);
    if (votes === undefined) {
      votes = new Map();
      this.#votes.set(term, votes);
    }
    const before = votes.get(voter);
    if (before !== undefined && before !== candidate) {
      fail('oneVotePerTerm', `${voter} votes for ${before} and for ${candidate} in term ${term}`);
    }
    votes.set(voter, candidate);
    if (durable.currentTerm === term && durable.votedFor !== candidate) {
      const has = `its disk has a vote for ${durable.votedFor ?? 'nobody'}`;
      fail('persistedBeforePromised', `${voter} votes for ${candidate} in term ${term}, ${has}`);
    }
  }

  #vouch(
    told: Told,
    id: NodeId,
    term: Term,
    index: Index,
    durable: Durable,
    memory: InMemory | undefined,
  ): void {
    if (term > told.matchedTerm) {
      told.matchedTerm = term;
      told.matched = index;
    } else if (term === told.matchedTerm) told.matched = Math.max(told.matched, index);
    // Once its disk is a term further, a new leader may have cut what was promised to the old.
    if (durable.currentTerm !== term) return;
    const last = lastDurable(durable);
    if (index > last) {
      fail('persistedBeforePromised', `${id} vouches for entry ${index}, its disk has ${last}`);
    }
    // Or the server is a term further itself, and the cut is on its way to the disk.
    if (memory !== undefined && memory.currentTerm !== term) return;
    told.vouched = Math.max(told.vouched, index);
    if (memory === undefined || index === 0) return;
    const own = this.#committed.termIn(memory.log, index);
    const kept = isCovered(durable, index)
      ? this.#committed.termAt(index)
      : termBehindSnapshot(durable, index);
    if (own === kept) return;
    const has = `of term ${own}, its disk has one of term ${kept}`;
    fail('persistedBeforePromised', `${id} vouches for entry ${index} ${has}`);
  }
}
