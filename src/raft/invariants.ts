/**
 * What must hold of one server, always checked: `checkStep` after every step in O(peers),
 * `checkState` over the whole log where the caller can afford it. (What must hold between servers
 * is the lab's.)
 */
import { describeInput, describeState } from './describe.ts';
import { configurationAt, lastIndex, termAt } from './log.ts';
import type { Effect, Index, Input, Message, NodeId, RaftState, Role, Term } from './types.ts';

/** A server that breaks its own rules must stop rather than go on: it may have made a promise. */
export class InvariantViolation extends Error {
  override name = 'InvariantViolation';
  /** What should hold, with its section. */
  readonly what: string;

  constructor(what: string, where: string) {
    super(`does not hold: ${what}${where}`);
    this.what = what;
  }
}

/** The few values of a state that a step may only move in one direction. */
export type Summary = {
  readonly currentTerm: Term;
  readonly votedFor: NodeId | null;
  readonly commitIndex: Index;
  readonly lastApplied: Index;
  readonly lastIndex: Index;
  readonly role: Role['kind'];
  readonly leaderId: NodeId | null;
  readonly persistSequence: number;
};

export function summarize(state: RaftState): Summary {
  const { persistent, volatile } = state;
  return {
    currentTerm: persistent.currentTerm,
    votedFor: persistent.votedFor,
    commitIndex: volatile.commitIndex,
    lastApplied: volatile.lastApplied,
    lastIndex: lastIndex(persistent.log),
    role: state.role.kind,
    leaderId: volatile.leaderId,
    persistSequence: volatile.persistSequence,
  };
}

/** What this step may not have done, given what was before it. Throws InvariantViolation. */
export function checkStep(
  before: Summary,
  input: Input,
  effects: readonly Effect[],
  state: RaftState,
): void {
  const { persistent, volatile, role } = state;
  const last = lastIndex(persistent.log);
  const hold = (holds: boolean, what: string): void => {
    if (!holds) violated(what, input, state);
  };
  hold(persistent.currentTerm >= before.currentTerm, 'currentTerm never falls (§3.3)');
  const sameTerm = persistent.currentTerm === before.currentTerm;
  if (sameTerm && before.votedFor !== null) {
    hold(persistent.votedFor === before.votedFor, 'one vote per term (§3.4)');
  }
  hold(volatile.commitIndex >= before.commitIndex, 'commitIndex never falls (§3.6)');
  hold(volatile.commitIndex <= last, 'commitIndex lies within the log');
  hold(volatile.lastApplied >= before.lastApplied, 'lastApplied never falls (§3.5)');
  hold(volatile.lastApplied <= volatile.commitIndex, 'only committed entries are applied (§3.5)');
  hold(volatile.persistedIndex <= last, 'persistedIndex lies within the log');
  const snapshotIndex = persistent.snapshot?.index ?? 0;
  hold(persistent.log.baseIndex <= snapshotIndex, 'what is removed is in a snapshot (§5.1)');
  hold(snapshotIndex <= volatile.commitIndex, 'snapshots are of committed entries (§5.1)');
  if (before.role === 'leader' && role.kind === 'leader') {
    hold(sameTerm, 'a leader keeps its term');
    hold(last >= before.lastIndex, 'Leader Append-Only (§3.6, figure 3.2)');
  }
  if (before.role === 'leader' && role.kind !== 'leader') {
    const { message } = input.kind === 'message' ? input : { message: null };
    const orders = message?.kind === 'AppendEntries' || message?.kind === 'InstallSnapshot';
    const byRival = orders && message.term === before.currentTerm;
    hold(!byRival, 'Election Safety (§3.4): two leaders in one term');
  }
  checkRole(state, hold);
  checkEffects(before, effects, state, hold);
}

function checkRole(state: RaftState, hold: (holds: boolean, what: string) => void): void {
  const { persistent, volatile, role } = state;
  if (role.kind === 'candidate' || role.kind === 'leader') {
    hold(persistent.votedFor === state.id, 'candidates and leaders voted for themselves (§3.4)');
  }
  if (role.kind !== 'leader') return;
  hold(volatile.leaderId === state.id, 'a leader knows itself as leader');
  hold(role.confirmedRound <= role.readRound, 'only rounds begun are confirmed (§6.4)');
  const last = lastIndex(persistent.log);
  for (const progress of role.progress) {
    hold(progress.matchIndex < progress.nextIndex, 'matchIndex < nextIndex (§3.5)');
    hold(progress.nextIndex <= last + 1, 'nextIndex lies within the log or just behind it');
    hold(progress.inflight.length <= state.settings.windowMessages, 'the window is kept (§10.2)');
    hold(progress.inflightBytes >= 0, 'bytes in flight are counted once');
    const sending = progress.snapshot !== null;
    hold(sending === (progress.state === 'snapshot'), 'who is sent a snapshot is in that state');
  }
  hold(role.uncommittedBytes >= 0, 'bytes that are not committed are counted once');
  if (volatile.commitIndex < role.termStartIndex) return;
  const { configurations } = persistent.log;
  const secondLast = configurations[configurations.length - 2]?.index ?? 0;
  hold(secondLast <= volatile.commitIndex, 'one change of membership at a time (§4.1)');
}

/**
 * Persisted before promised (§3.8): changes come with a persist, which stands before what tells.
 */
function checkEffects(
  before: Summary,
  effects: readonly Effect[],
  state: RaftState,
  hold: (holds: boolean, what: string) => void,
): void {
  const { persistent, volatile } = state;
  let termAndVoteSaved =
    persistent.currentTerm === before.currentTerm && persistent.votedFor === before.votedFor;
  let entriesSaved = lastIndex(persistent.log) === before.lastIndex;
  let sequence = before.persistSequence;
  for (const effect of effects) {
    if (effect.kind === 'persist') {
      sequence++;
      hold(effect.sequence === sequence, 'persists are numbered in order');
      const { compactTo, entries, termAndVote, truncateFrom } = effect.change;
      if (termAndVote !== null) termAndVoteSaved = true;
      if (truncateFrom !== null || entries.length > 0 || compactTo !== null) entriesSaved = true;
      if (truncateFrom !== null) {
        hold(truncateFrom > before.commitIndex, 'committed entries are never removed (§3.5)');
      }
    } else if (effect.kind === 'send') {
      hold(termAndVoteSaved, 'term and vote are persisted before a message tells of them (§3.8)');
      hold(
        effect.message.term === persistent.currentTerm,
        'messages carry the current term (§3.3)',
      );
      const { message, after } = effect;
      const vouched = vouchedFor(message);
      if (vouched === null) continue;
      hold(entriesSaved, 'entries are persisted before acknowledged (§3.8)');
      const durableOrWaits = vouched <= volatile.persistedIndex || after === 'log';
      hold(durableOrWaits, 'an acknowledgement waits for the log it vouches for (§3.8)');
    }
  }
  hold(termAndVoteSaved, 'a changed term or vote is persisted (§3.8)');
  hold(entriesSaved, 'a changed log is persisted (§3.8)');
}

/** Up to where a message says that its sender's log is durable; `null` if it says nothing of it. */
function vouchedFor(message: Message): Index | null {
  if (message.kind === 'AppendEntriesResponse') return message.success ? message.matchIndex : null;
  if (message.kind !== 'InstallSnapshotResponse') return null;
  return message.status === 'installed' ? message.index : null;
}

/** What must hold of the state by itself, in O(log). Throws InvariantViolation. */
export function checkState(state: RaftState): void {
  const { log } = state.persistent;
  let previousTerm = log.baseTerm;
  log.entries.forEach((entry, i) => {
    if (entry.index !== log.baseIndex + i + 1) violated('indexes are consecutive', null, state);
    if (entry.term < previousTerm) violated('terms never fall along the log', null, state);
    previousTerm = entry.term;
  });
  if (previousTerm > state.persistent.currentTerm) {
    violated('no entry is of a later term than the current one', null, state);
  }
  const inForce = log.entries.findLast((entry) => entry.kind === 'configuration');
  const latest = configurationAt(log, lastIndex(log)).index;
  if (inForce !== undefined && inForce.index > latest) {
    violated('the latest configuration in the log is in force (§4.1)', null, state);
  }
  if (termAt(log, state.volatile.commitIndex) === undefined) {
    violated('the last committed entry is in the log', null, state);
  }
}

function violated(what: string, input: Input | null, state: RaftState): never {
  const after = input === null ? '' : `\n  after ${describeInput(input)}`;
  throw new InvariantViolation(what, `${after}\n  in    ${describeState(state)}`);
}
