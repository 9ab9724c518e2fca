/**
 * How a server's log changes: by cuts and appends (§3.5), by configurations (ch. 4), and by
 * compaction (§5.1), at a start as well.
 */
import { lastIndex, lastTerm } from '../../src/raft/log.ts';
import type {
  Configuration,
  Entry,
  Index,
  Log,
  NodeId,
  PersistChange,
  PlacedConfiguration,
  RaftState,
  Term,
} from '../../src/raft/types.ts';
import type { CommittedLog } from './committed.ts';
import type { Durable } from './durable.ts';
import type { SeenEntries } from './entries.ts';
import { describeConfiguration, wrongStep } from './majority.ts';
import type { Promises } from './promises.ts';
import { fail } from './properties.ts';
import { hasLed, type Seen } from './seen.ts';

export class LogChanges {
  readonly #durable: ReadonlyMap<NodeId, Durable>;
  readonly #committed: CommittedLog;
  readonly #entries: SeenEntries;
  readonly #promises: Promises;

  constructor(
    durable: ReadonlyMap<NodeId, Durable>,
    committed: CommittedLog,
    entries: SeenEntries,
    promises: Promises,
  ) {
    this.#durable = durable;
    this.#committed = committed;
    this.#entries = entries;
    this.#promises = promises;
  }

  // ---- At a start -------------------------------------------------------------------------------

  /**
   * Figure 5.3, step 7: the log that this server had before the crash conflicts with the snapshot
   * that it starts from, so none of it was committed behind the conflict.
   */
  wasReplaced(seen: Seen | undefined, { baseIndex, baseTerm, entries }: Log): boolean {
    if (seen === undefined || baseIndex === 0 || entries.length > 0) return false;
    return this.#entries.termAt(seen.lastIndex, seen.lastTerm, baseIndex) !== baseTerm;
  }

  /** §5.1: what a log does not hold any more is in the snapshot, and committed. */
  checkBase({ id, persistent }: RaftState): void {
    const { log, snapshot } = persistent;
    if (snapshot !== null) this.#committed.checkSnapshot(id, snapshot);
    const { baseIndex, baseTerm } = log;
    const covered = snapshot?.index ?? 0;
    if (baseIndex > covered) {
      const has = `its snapshot covers ${covered}`;
      fail('compactionCovered', `${id} starts with a log behind entry ${baseIndex}, ${has}`);
    }
    this.#checkCompactedEntry(id, baseIndex, baseTerm);
  }

  #checkCompactedEntry(id: NodeId, index: Index, term: Term): void {
    const committed = this.#committed.termAt(index);
    if (committed === term) return;
    const where = `where one of term ${committed} is committed`;
    fail('compactionCovered', `${id} has its log behind entry ${index} of term ${term}, ${where}`);
  }

  // ---- In a step --------------------------------------------------------------------------------

  /** The change that a step asks to be persisted. `led`: it led before and still does. */
  change(state: RaftState, seen: Seen, change: PersistChange, led: boolean): void {
    const { truncateFrom, entries, compactTo } = change;
    if (truncateFrom !== null) {
      if (led) {
        fail('leaderAppendOnly', `${state.id} leads and cuts its log from ${truncateFrom} on`);
      }
      this.#truncate(state.id, seen, truncateFrom);
    }
    for (const entry of entries) this.#append(state, seen, entry);
    if (compactTo !== null) this.#compact(state.id, seen, compactTo.index, compactTo.term, led);
  }

  #truncate(id: NodeId, seen: Seen, from: Index): void {
    this.#unvouch(id, from - 1);
    const previousTerm = this.#entries.termAt(seen.lastIndex, seen.lastTerm, from - 1);
    if (previousTerm === undefined) return;
    seen.lastIndex = from - 1;
    seen.lastTerm = previousTerm;
  }

  /** A later leader has it removed: what was vouched for to an earlier one need not last. */
  #unvouch(id: NodeId, last: Index): void {
    const told = this.#promises.of(id);
    if (told !== undefined) told.vouched = Math.min(told.vouched, last);
  }

  #append(state: RaftState, seen: Seen, entry: Entry): void {
    const { index, term } = entry;
    const previousTerm =
      index === seen.lastIndex + 1
        ? seen.lastTerm
        : this.#committed.termIn(state.persistent.log, index - 1);
    // A gap, of which the core's own checks tell.
    if (previousTerm === undefined) return;
    const isNew = this.#entries.match(state.id, entry, previousTerm);
    if (isNew && entry.kind === 'configuration' && hasLed(state, seen)) {
      const before = this.#entries.configurationAfter(index - 1, previousTerm);
      this.#checkChange(state, before, index, entry.configuration);
    }
    seen.lastIndex = index;
    seen.lastTerm = term;
  }

  /**
   * §4.1: majorities of two configurations overlap only where one follows the other directly. Until
   * an entry of the leader's own term is committed, an earlier leader's change may yet turn up that
   * it knows nothing of (Ongaro, raft-dev, 2015); a joint configuration has only one successor, so
   * that its end need not wait for this.
   */
  #checkChange(
    { id, persistent, volatile }: RaftState,
    before: PlacedConfiguration,
    index: Index,
    after: Configuration,
  ): void {
    const { commitIndex } = volatile;
    const change = `${id} changes the configuration with entry ${index}`;
    if (before.index > commitIndex) {
      const where = `that of entry ${before.index} is not committed`;
      fail('oneChangeAtATime', `${change}, where ${where}`);
    }
    const { currentTerm, log } = persistent;
    const committedTerm = this.#committed.termIn(log, commitIndex);
    if (before.configuration.outgoing.length === 0 && committedTerm !== currentTerm) {
      const where = `nothing of its term ${currentTerm} is committed`;
      fail('oneChangeAtATime', `${change}, where ${where}`);
    }
    const wrong = wrongStep(before.configuration, after);
    if (wrong === null) return;
    const from = describeConfiguration(before.configuration);
    fail('oneChangeAtATime', `${change} from ${from} to ${describeConfiguration(after)}: ${wrong}`);
  }

  #compact(id: NodeId, seen: Seen, index: Index, term: Term, led: boolean): void {
    const covered = this.#durable.get(id)?.snapshot?.index ?? 0;
    if (index > covered) {
      const has = `the snapshot on its disk covers ${covered}`;
      fail('compactionCovered', `${id} compacts its log up to entry ${index}, ${has}`);
    }
    this.#checkCompactedEntry(id, index, term);
    // "If existing log entry has same index and term …, retain any following entries" (figure 5.3).
    if (this.#entries.termAt(seen.lastIndex, seen.lastTerm, index) === term) return;
    if (led) fail('leaderAppendOnly', `${id} leads and loses its log to a snapshot of ${index}`);
    this.#unvouch(id, index);
    seen.lastIndex = index;
    seen.lastTerm = term;
  }

  /**
   * What follows the compacted entries has stayed. Where the snapshot took the place of all of it,
   * the present leader was not told of more: its log has the snapshot's entry.
   */
  checkCompacted({ id, persistent }: RaftState, seen: Seen, index: Index): void {
    const { currentTerm, log } = persistent;
    const last = lastIndex(log);
    const compacts = `${id} compacts its log up to entry ${index}`;
    if (last !== seen.lastIndex || lastTerm(log) !== seen.lastTerm) {
      const ends = `which then ends with ${last}/${lastTerm(log)}`;
      const due = `${seen.lastIndex}/${seen.lastTerm}`;
      fail('compactionCovered', `${compacts}, ${ends} in place of ${due}`);
    }
    const told = this.#promises.of(id);
    if (told?.matchedTerm !== currentTerm || told.matched <= last) return;
    const vouched = `has vouched for ${told.matched} in term ${currentTerm}`;
    fail('compactionCovered', `${compacts}, keeps nothing behind ${last} and ${vouched}`);
  }
}
