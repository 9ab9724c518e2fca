/**
 * What the dissertation says a server must and should do, whether or not safety hangs on it: what
 * is left out recovers in the end, and is wrong all the same. Each step is judged by what came, by
 * what the core asked for, and by what was noted after the step before, in O(1) amortised but for
 * what an entry or an election costs anyway.
 */
import type { Effect, Entry, Input, Message, NodeId, RaftState } from '../../src/raft/types.ts';
import { checkAnswers, noteAsked } from './answering.ts';
import { CommittedBytes, checkSnapshots } from './compaction.ts';
import { checkFollowed, checkStale } from './following.ts';
import {
  checkCall,
  checkCaughtUp,
  checkCommitted,
  checkFirstEntry,
  checkQuorum,
  checkRemoved,
  noteBytes,
  noteLead,
} from './leading.ts';
import { begin, isOrder, type Memory, noteState, type Step } from './memory.ts';
import { checkReceiving } from './receiving.ts';
import { checkChunk, checkSends } from './sending.ts';
import { SnapshotTransfers } from './snapshot-transfers.ts';
import { checkElectionTimer, checkOverdue } from './timing.ts';
import { checkCalled, checkTerm, checkVotes } from './voting.ts';

export class Duties {
  readonly #memories = new Map<NodeId, Memory>();
  readonly #committed: CommittedBytes;
  readonly #transfers = new SnapshotTransfers();

  /** `committed`: all that was ever committed, from entry 1 on. */
  constructor(committed: () => readonly Entry[]) {
    this.#committed = new CommittedBytes(committed);
  }

  /** A server has started, for the first time or again. */
  started(state: RaftState, nowUs: number): void {
    this.#memories.set(state.id, begin(state, nowUs));
  }

  /** After every step; the effects are not carried out yet. */
  stepped(input: Input, effects: readonly Effect[], state: RaftState): void {
    const memory = this.#memories.get(state.id);
    if (memory === undefined) throw new Error(`${state.id} has not started`);
    const message = input.kind === 'message' ? input.message : null;
    const step: Step = { input, message, effects, state };
    if (input.nowUs > memory.nowUs) checkOverdue(step, memory);
    if (message !== null) checkMessage(step, memory, message);
    if (state.role !== memory.role) checkFirstEntry(step, memory);
    const leads = state.role.kind === 'leader' || memory.lead !== null;
    if (leads) noteLead(step, memory);
    if (!isQuiet(step, memory)) {
      if (hasMoved(step, memory)) checkTerm(step, memory);
      checkElectionTimer(step, memory);
      if (effects.length > 0 || leads) checkSends(step, memory);
      noteAsked(step, memory);
      checkAnswers(step, memory);
      this.#transfers.stepped(input, effects, state);
    }
    if (leads) checkLead(step, memory);
    checkSnapshots(step, memory, this.#committed);
    checkReceiving(step, memory);
    if (isOrder(message, memory)) memory.heardUs = input.nowUs;
    noteState(memory, state, input.nowUs);
    if (state.role.kind !== 'leader') memory.lead = null;
  }

  /** A message leaves. */
  sent(message: Message, chunkBytes: number): void {
    checkChunk(message, chunkBytes);
  }
}

/** What came by itself and asked for nothing: nothing is owed for it. */
function isQuiet({ effects, input, state }: Step, memory: Memory): boolean {
  if (input.kind !== 'persisted' && input.kind !== 'applied') return false;
  if (effects.length > 0 || state.role !== memory.role) return false;
  return state.volatile.electionDeadlineUs === memory.electionDeadlineUs;
}

/** Term, vote or role are not what they were, or should not be. */
function hasMoved({ message, state }: Step, memory: Memory): boolean {
  const { currentTerm, votedFor } = state.persistent;
  if (currentTerm !== memory.currentTerm || votedFor !== memory.votedFor) return true;
  return state.role !== memory.role || (message !== null && message.term > currentTerm);
}

function checkMessage(step: Step, memory: Memory, message: Message): void {
  if (message.term < memory.currentTerm) checkStale(step, memory);
  switch (message.kind) {
    case 'AppendEntries':
    case 'InstallSnapshot':
      checkFollowed(step, memory);
      break;
    case 'PreVote':
    case 'PreVoteResponse':
    case 'RequestVote':
      checkVotes(step, memory);
      break;
    case 'TimeoutNow':
      checkCalled(step, memory);
      break;
    default:
  }
}

function checkLead(step: Step, memory: Memory): void {
  checkCall(step, memory);
  checkCaughtUp(step, memory);
  checkQuorum(step, memory);
  checkRemoved(step, memory);
  checkCommitted(step, memory);
  noteBytes(step, memory);
}
