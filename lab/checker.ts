/**
 * What must hold between the servers of a cluster, checked after every step of every server and on
 * every message that leaves: the five properties of Figure 3.2, the monotonic family, that nothing
 * is promised before it is durable, and that snapshots and changes of membership keep to what is
 * committed. The observer sees more than any server does: all logs, all disks, and everything that
 * was ever committed.
 *
 * Each check costs O(1) for a step and O(1) for each entry it appends, commits or applies; cuts and
 * compactions cost what lies behind them. Memory grows with the logs as if they were never
 * compacted.
 */
import { lastIndex } from '../src/raft/log.ts';
import type {
  Answer,
  Configuration,
  Effect,
  Entry,
  Index,
  Message,
  NodeId,
  RaftState,
  SnapshotMeta,
} from '../src/raft/types.ts';
import { Commitment } from './checker/commitment.ts';
import { CommittedLog } from './checker/committed.ts';
import { sameEntry } from './checker/comparison.ts';
import type { Durable } from './checker/durable.ts';
import { Elections } from './checker/elections.ts';
import { SeenEntries } from './checker/entries.ts';
import { LogChanges } from './checker/log-changes.ts';
import { Promises } from './checker/promises.ts';
import { fail } from './checker/properties.ts';
import { begun, checkMonotonic, hasLed, note, type Seen } from './checker/seen.ts';

export type { Durable } from './checker/durable.ts';
export { CheckFailure, PROPERTIES } from './checker/properties.ts';

export class Checker {
  readonly #seen = new Map<NodeId, Seen>();
  readonly #entries: SeenEntries;
  readonly #committed: CommittedLog;
  readonly #elections: Elections;
  readonly #promises: Promises;
  readonly #logs: LogChanges;
  readonly #commitment: Commitment;

  /**
   * The disks by their servers' names, to be read whenever it matters; servers may join the map
   * while the run goes on. `configuration` is the one before the first entry.
   */
  constructor(durable: ReadonlyMap<NodeId, Durable>, configuration: Configuration) {
    const entries = new SeenEntries(configuration);
    const committed = new CommittedLog(configuration);
    const elections = new Elections(committed, entries);
    const promises = new Promises(durable, committed);
    this.#entries = entries;
    this.#committed = committed;
    this.#elections = elections;
    this.#promises = promises;
    this.#logs = new LogChanges(durable, committed, entries, promises);
    this.#commitment = new Commitment(durable, committed, elections, promises);
  }

  /** The highest index that any leader has committed. */
  get committedIndex(): Index {
    return this.#committed.lastIndex;
  }

  /** The latest configuration that any leader has committed. */
  get configuration(): Configuration {
    return this.#committed.configuration;
  }

  /** All that leaders have committed, from entry 1 on, whatever of it logs still hold. */
  committedEntries(): readonly Entry[] {
    return this.#committed.entries;
  }

  /** The role in which a server was last seen. */
  roleOf(id: NodeId): RaftState['role'] | null {
    return this.#seen.get(id)?.role ?? null;
  }

  // ---- What happens -----------------------------------------------------------------------------

  /** A server has started, for the first time or again, from what its disk held. */
  started(state: RaftState): void {
    const { id, persistent, volatile } = state;
    this.#checkPromises(state);
    this.#logs.checkBase(state);
    this.#seen.set(id, begun(state));
    if (volatile.commitIndex > 0) this.#commitment.follow(state, 0);
    let previousTerm = persistent.log.baseTerm;
    for (const entry of persistent.log.entries) {
      this.#entries.match(id, entry, previousTerm);
      previousTerm = entry.term;
    }
  }

  /** After every step; the effects are not carried out yet. */
  stepped(effects: readonly Effect[], state: RaftState): void {
    const { id, persistent, volatile, role } = state;
    const seen = this.#seen.get(id);
    if (seen === undefined) throw new Error(`${id} has not started`);
    if (persistent.snapshot !== seen.snapshot && persistent.snapshot !== null) {
      this.#committed.checkSnapshot(id, persistent.snapshot);
    }
    // The log's end before the step: what was decided in it was decided by this configuration.
    const { lastIndex: endIndex, lastTerm: endTerm } = seen;
    const led = role.kind === 'leader' && seen.role === role;
    // Up to here the server's knowledge of what is committed needs no leader's word for it.
    let known = seen.commitIndex;
    let compactedTo = 0;
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        this.#logs.change(state, seen, effect.change, led);
        if (effect.change.compactTo !== null) compactedTo = effect.change.compactTo.index;
      } else if (effect.kind === 'apply') {
        for (const entry of effect.entries) this.#apply(id, seen, entry);
      } else if (effect.kind === 'install') {
        this.#install(id, seen, effect.snapshot);
        known = Math.max(known, effect.snapshot.index);
      } else if (effect.kind === 'answer' && led) this.#checkLease(state, seen, effect.answer);
    }
    if (compactedTo > 0) this.#logs.checkCompacted(state, seen, compactedTo);
    checkMonotonic(state, seen);
    if (role !== seen.role && role.kind === 'leader') {
      const { configuration } = this.#entries.configurationAfter(endIndex, endTerm);
      const votes = this.#promises.votesIn(persistent.currentTerm);
      this.#elections.elected(state, configuration, votes);
    }
    if (volatile.commitIndex > known) {
      if (hasLed(state, seen)) {
        const { configuration } = this.#entries.configurationAfter(endIndex, endTerm);
        this.#commitment.commit(state, known, configuration);
      } else this.#commitment.follow(state, known);
    }
    if (seen.applied > Math.min(volatile.commitIndex, this.committedIndex)) {
      const asItKnows = `${volatile.commitIndex} is committed as far as it knows`;
      fail('stateMachineSafety', `${id} has applied entry ${seen.applied}, where ${asItKnows}`);
    }
    note(state, seen);
  }

  /** A message leaves its sender: what it promises must outlive a crash at this very moment. */
  sent(message: Message): void {
    const { from } = message;
    const seen = this.#seen.get(from);
    this.#promises.sent(message, seen);
    if (message.kind !== 'InstallSnapshot' || message.snapshot === seen?.snapshot) return;
    this.#committed.checkSnapshot(from, message.snapshot);
  }

  /** A server's disk is gone with what it has promised: its name must not be heard again. */
  wiped(id: NodeId): void {
    this.#promises.wiped(id);
  }

  // ---- What a start, the state machine and reads must keep --------------------------------------

  /** §3.8: nothing that the server had promised is lost. */
  #checkPromises({ id, persistent }: RaftState): void {
    const { currentTerm, log, votedFor } = persistent;
    const told = this.#promises.of(id);
    if (told === undefined) return;
    if (currentTerm < told.term) {
      fail('monotonicTerm', `${id} starts in term ${currentTerm} and was in term ${told.term}`);
    }
    const last = lastIndex(log);
    if (last < told.vouched) {
      if (!this.#logs.wasReplaced(this.#seen.get(id), log)) {
        const has = `has vouched for ${told.vouched}`;
        fail('acknowledgedLossRefused', `${id} starts with ${last} entries and ${has}`);
      }
      told.vouched = last;
    }
    const vote = this.#promises.votesIn(currentTerm)?.get(id);
    if (vote !== undefined && vote !== votedFor) {
      const has = `starts with a vote for ${votedFor ?? 'nobody'}`;
      fail('oneVotePerTerm', `${id} voted for ${vote} in term ${currentTerm} and ${has}`);
    }
  }

  #apply(id: NodeId, seen: Seen, entry: Entry): void {
    if (entry.index !== seen.applied + 1) {
      fail('monotonicLastApplied', `${id} applies entry ${entry.index} after ${seen.applied}`);
    }
    seen.applied = entry.index;
    const committed = this.#committed.entries[entry.index - 1];
    if (committed === undefined || sameEntry(committed, entry)) return;
    const { index, term } = entry;
    const where = `where one of term ${committed.term} is committed`;
    fail('stateMachineSafety', `${id} applies entry ${index} of term ${term} ${where}`);
  }

  #install(id: NodeId, seen: Seen, snapshot: SnapshotMeta): void {
    this.#committed.checkSnapshot(id, snapshot);
    const { index } = snapshot;
    if (index <= seen.applied) {
      const what = `a snapshot of entry ${index}`;
      fail('monotonicLastApplied', `${id} installs ${what} after applying ${seen.applied}`);
    }
    seen.applied = index;
    seen.snapshot = snapshot;
  }

  /**
   * §6.4.1: a read that is answered without a round of heartbeats counts on nobody else having been
   * elected. One that waited for a round began before the others voted.
   */
  #checkLease({ id, persistent, role, settings }: RaftState, seen: Seen, answer: Answer): void {
    if (answer.kind !== 'readable' || settings.clockDriftPpm === null) return;
    if (role.kind !== 'leader' || role.confirmedRound !== seen.confirmedRound) return;
    const { latest } = this.#elections;
    const { currentTerm } = persistent;
    if (latest === null || latest.term <= currentTerm) return;
    const other = `${latest.id} was elected in term ${latest.term}`;
    fail('lease', `${id} of term ${currentTerm} answers a read by its lease, where ${other}`);
  }
}
