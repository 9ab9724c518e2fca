/**
 * What no correct server sends. A message is looked at before the core takes it, as a frame with a
 * right checksum may come from anybody who reaches a port. It is judged by itself, and by what this
 * server knows: a leader is known to hold what is committed (§3.6), and an answer can vouch for no
 * more than it was asked about. What fails is dropped, as if it had been lost.
 *
 * O(entries of the message).
 */
import { lastIndex, termAt } from './log.ts';
import type {
  AppendEntries,
  AppendEntriesResponse,
  Configuration,
  Entry,
  InstallSnapshot,
  InstallSnapshotResponse,
  Message,
  NodeId,
  RaftState,
} from './types.ts';

/**
 * Why a message is dropped:
 *
 *   number         a field is no whole number within its range
 *   term           the term is too far ahead, or one within the message is later than its own
 *   entries        entries do not follow one another
 *   configuration  no cluster can have these members
 *   command        the state machine could not execute it
 *   snapshot       the state machine could not be put into its state
 *   contradiction  it contradicts what is committed, or there would be two leaders in a term
 *   answer         it answers what was not asked
 */
export const FLAWS = [
  'number',
  'term',
  'entries',
  'configuration',
  'command',
  'snapshot',
  'contradiction',
  'answer',
] as const;
export type Flaw = (typeof FLAWS)[number];

/**
 * How far ahead a term may be. A server that is alone and has no PreVote needs a month of elections
 * at 150 ms to get there; without a bound one message would use up all numbers there are. A server
 * that knows of no term yet, as one that joins, takes any that a cluster may have come to.
 */
export const TERMS_AHEAD_MAX = 2 ** 24;
export const FIRST_TERM_MAX = 2 ** 40;
/** Indexes, terms and times: sums and differences of them are exact (2^53). */
const NUMBER_MAX = 2 ** 52;
const ENTRIES_MAX = 2 ** 16;
const MEMBERS_MAX = 100;
/** What a handshake and a frame can carry. */
const NAME = /^[!-~]{1,255}$/;
/** `sentUs` of an answer to no message in particular. */
const NEVER = -1;

/** `null` for a message that a correct server may have sent. */
export function flawOf(state: RaftState, nowUs: number, message: Message): Flaw | null {
  const { currentTerm } = state.persistent;
  if (!isNumber(message.term) || !areNumbers(message)) return 'number';
  const termMax = currentTerm === 0 ? FIRST_TERM_MAX : currentTerm + TERMS_AHEAD_MAX;
  if (message.term > termMax) return 'term';
  switch (message.kind) {
    case 'PreVote':
      return flawOfLast(message.lastLogIndex, message.lastLogTerm, message.term);
    case 'RequestVote':
      // §3.4: a candidate's term is later than those in its log.
      return flawOfLast(message.lastLogIndex, message.lastLogTerm, message.term - 1);
    case 'AppendEntries':
      return flawOfEntries(message) ?? flawOfAppend(state, message);
    case 'InstallSnapshot':
      return flawOfSnapshot(state, message);
    case 'AppendEntriesResponse':
    case 'InstallSnapshotResponse':
      if (!isTime(message.sentUs)) return 'number';
      if (message.term !== currentTerm || state.role.kind !== 'leader') return null;
      // §6.4.1: an answer from the future would be a lease without end.
      if (message.sentUs > nowUs || message.readRound > state.role.readRound) return 'answer';
      return flawOfAnswer(state, message);
    case 'TimeoutNow':
      return isSecondLeader(state, message) ? 'contradiction' : null;
    default:
      return null;
  }
}

function isNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= NUMBER_MAX;
}

function isTime(sentUs: number): boolean {
  return sentUs === NEVER || isNumber(sentUs);
}

/** Of all numbers but the terms of messages, what entries hold, and the times of answers. */
function areNumbers(message: Message): boolean {
  switch (message.kind) {
    case 'PreVote':
    case 'RequestVote':
      return isNumber(message.lastLogIndex) && isNumber(message.lastLogTerm);
    case 'PreVoteResponse':
      return isNumber(message.requestTerm);
    case 'AppendEntries':
      return (
        isNumber(message.attempt) &&
        isNumber(message.leaderCommit) &&
        isNumber(message.prevLogIndex) &&
        isNumber(message.prevLogTerm) &&
        isNumber(message.readRound) &&
        isNumber(message.roundTripUs) &&
        isNumber(message.sentUs)
      );
    case 'AppendEntriesResponse':
      if (!isNumber(message.attempt) || !isNumber(message.readRound)) return false;
      if (message.success) return isNumber(message.matchIndex);
      return (
        isNumber(message.prevLogIndex) && isNumber(message.hintIndex) && isNumber(message.hintTerm)
      );
    case 'InstallSnapshot': {
      const { configuration, index, term } = message.snapshot;
      return (
        isNumber(message.offset) &&
        isNumber(message.readRound) &&
        isNumber(message.sentUs) &&
        isNumber(index) &&
        isNumber(term) &&
        isNumber(configuration.index)
      );
    }
    case 'InstallSnapshotResponse':
      if (!isNumber(message.index) || !isNumber(message.readRound)) return false;
      return message.status !== 'receiving' || isNumber(message.offset);
    case 'ReadIndex':
      return isNumber(message.nonce) && isNumber(message.readId);
    case 'ReadIndexResponse':
      return isNumber(message.nonce) && isNumber(message.readId) && isNumber(message.index ?? 0);
    default:
      return true;
  }
}

/** A log is empty or its last entry has a term, and none later than its server has been in. */
function flawOfLast(index: number, term: number, latestTerm: number): Flaw | null {
  return (index === 0) === (term === 0) && term <= Math.max(0, latestTerm) ? null : 'term';
}

// ---- AppendEntries ------------------------------------------------------------------------------

/** Figure 3.2, Log Matching: entries stand in the order of their indexes, and terms never fall. */
function flawOfEntries(message: AppendEntries): Flaw | null {
  const { entries, prevLogIndex, prevLogTerm, term } = message;
  const flaw = flawOfLast(prevLogIndex, prevLogTerm, term);
  if (flaw !== null) return flaw;
  if (entries.length > ENTRIES_MAX) return 'entries';
  let previousIndex = prevLogIndex;
  let previousTerm = Math.max(1, prevLogTerm);
  for (const entry of entries) {
    if (entry.index !== previousIndex + 1 || !isNumber(entry.term)) return 'entries';
    if (entry.term < previousTerm || entry.term > term) return 'term';
    if (entry.kind === 'configuration' && !isConfiguration(entry.configuration)) {
      return 'configuration';
    }
    previousIndex++;
    previousTerm = entry.term;
  }
  return isNumber(previousIndex) ? null : 'number';
}

/** Leader Completeness (§3.6): what is committed here is in the log of every later leader. */
function flawOfAppend(state: RaftState, message: AppendEntries): Flaw | null {
  const { persistent, volatile } = state;
  if (message.term < persistent.currentTerm) return null;
  if (isSecondLeader(state, message)) return 'contradiction';
  const { prevLogIndex, prevLogTerm } = message;
  const isCommitted = prevLogIndex <= volatile.commitIndex;
  if (isCommitted && contradicts(state, prevLogIndex, prevLogTerm)) return 'contradiction';
  for (const { index, term } of message.entries as readonly Entry[]) {
    if (index > volatile.commitIndex) break;
    if (contradicts(state, index, term)) return 'contradiction';
  }
  return null;
}

/** Election Safety (§3.4): a term has one leader, and this server knows another one of it. */
function isSecondLeader({ persistent, volatile }: RaftState, { from, term }: Message): boolean {
  if (term !== persistent.currentTerm || volatile.leaderId === null) return false;
  return volatile.leaderId !== from;
}

/** The committed entry at `index` is of another term, where the log still tells. */
function contradicts({ persistent: { log } }: RaftState, index: number, term: number): boolean {
  return index >= log.baseIndex && termAt(log, index) !== term;
}

// ---- InstallSnapshot ----------------------------------------------------------------------------

function flawOfSnapshot(state: RaftState, message: InstallSnapshot): Flaw | null {
  const { persistent, volatile } = state;
  const { configuration, index, term } = message.snapshot;
  if (index === 0 || configuration.index > index) return 'number';
  if (term === 0 || term > message.term) return 'term';
  if (!isConfiguration(configuration.configuration)) return 'configuration';
  if (message.term < persistent.currentTerm) return null;
  if (isSecondLeader(state, message)) return 'contradiction';
  const isCommitted = index <= volatile.commitIndex;
  return isCommitted && contradicts(state, index, term) ? 'contradiction' : null;
}

function isConfiguration({ learners, outgoing, voters }: Configuration): boolean {
  return voters.length > 0 && [voters, outgoing, learners].every(areNames);
}

function areNames(names: readonly NodeId[]): boolean {
  if (names.length > MEMBERS_MAX || new Set(names).size < names.length) return false;
  return names.every((name) => NAME.test(name));
}

// ---- Answers to a leader ------------------------------------------------------------------------

/** Nobody holds, of a leader's entries, more than there are. */
function flawOfAnswer(
  { persistent }: RaftState,
  message: AppendEntriesResponse | InstallSnapshotResponse,
): Flaw | null {
  const last = lastIndex(persistent.log);
  if (message.kind === 'InstallSnapshotResponse') {
    return message.index <= (persistent.snapshot?.index ?? 0) ? null : 'answer';
  }
  if (message.success) return message.matchIndex <= last ? null : 'answer';
  const { hintIndex, prevLogIndex } = message;
  return prevLogIndex <= last && hintIndex <= prevLogIndex ? null : 'answer';
}
