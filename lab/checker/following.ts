/** What servers owe to messages of earlier terms (§3.3) and to their leader's (§3.5). */
import { lastIndex, termAt } from '../../src/raft/log.ts';
import type {
  AppendEntries,
  AppendEntriesResponse,
  Effect,
  Message,
  RaftState,
} from '../../src/raft/types.ts';
import { changed, isOrder, type Memory, type Step } from './memory.ts';
import { fail } from './properties.ts';

/**
 * §3.3: "if a server receives a request with a stale term number, it rejects the request". What is
 * asked of whoever leads (ReadIndex) is of no term; a pre-vote may come from who lags behind.
 */
export function checkStale({ message, effects, state }: Step, memory: Memory): void {
  if (message === null || message.term >= memory.currentTerm) return;
  const { from, kind, term } = message;
  if (kind === 'PreVoteResponse' && message.requestTerm === memory.currentTerm) return;
  const where = `${kind} of term ${term} from ${from}, in term ${memory.currentTerm}`;
  const what = changed(memory, state);
  if (what !== null) fail('staleTermRefused', `${state.id} changes ${what} for ${where}`);
  for (const effect of effects) {
    const answers = effect.kind === 'send' && (kind === 'ReadIndex' || refuses(effect, from));
    if (!answers) fail('staleTermRefused', `${state.id} asks for ${effect.kind} for ${where}`);
  }
  if (isRequest(message) && effects.length !== 1) {
    fail('staleTermRefused', `${state.id} answers ${effects.length} times to ${where}`);
  }
}

function isRequest({ kind }: Message): boolean {
  switch (kind) {
    case 'AppendEntries':
    case 'InstallSnapshot':
    case 'PreVote':
    case 'RequestVote':
      return true;
    default:
      return false;
  }
}

function refuses(effect: Effect & { kind: 'send' }, asker: string): boolean {
  const { message } = effect;
  if (message.to !== asker) return false;
  switch (message.kind) {
    case 'AppendEntriesResponse':
      return !message.success;
    case 'InstallSnapshotResponse':
      return message.status === 'receiving';
    case 'PreVoteResponse':
    case 'RequestVoteResponse':
      return !message.voteGranted;
    default:
      return false;
  }
}

/**
 * §3.3: a term that is later is taken over. §3.4, §3.5: who says to lead this term is followed, and
 * its entries are appended where they follow on.
 */
export function checkFollowed(step: Step, memory: Memory): void {
  const { message, state } = step;
  if (message === null || !isOrder(message, memory)) return;
  const { from, kind, term } = message;
  const { persistent, role, volatile } = state;
  const isFollowing = role.kind === 'follower' && volatile.leaderId === from;
  if (!isFollowing || persistent.currentTerm !== term) {
    const is = `is a ${role.kind} of term ${persistent.currentTerm}`;
    const leader = volatile.leaderId ?? 'nobody';
    fail('leaderFollowed', `${state.id} ${is} that follows ${leader} after ${kind} of ${from}`);
  }
  if (kind === 'AppendEntries') checkAppended(step, memory, message);
}

function checkAppended({ effects, state }: Step, memory: Memory, message: AppendEntries): void {
  const { entries, leaderCommit, prevLogIndex, prevLogTerm } = message;
  const { log } = state.persistent;
  // Of the many that are in order nothing is said.
  const after = (): string =>
    `AppendEntries of ${message.from} behind ${prevLogIndex}/${prevLogTerm}`;
  const matches = prevLogIndex < log.baseIndex || termAt(log, prevLogIndex) === prevLogTerm;
  let answers = 0;
  for (const effect of effects) {
    if (effect.kind !== 'send' || effect.message.kind !== 'AppendEntriesResponse') continue;
    const response = effect.message;
    answers++;
    if (response.success !== matches) {
      const has = matches ? 'refuses' : 'takes';
      fail('leaderFollowed', `${state.id} ${has} ${after()}, where it has ${describe(matches)}`);
    }
    if (!response.success) {
      checkHint(state, message, response);
      continue;
    }
    const end = prevLogIndex + entries.length;
    const { persistedIndex } = state.volatile;
    const vouched = entries.length > 0 ? end : Math.min(end, persistedIndex);
    if (response.matchIndex !== vouched || lastIndex(log) < end) {
      const says = `vouches for ${response.matchIndex} of ${vouched}`;
      fail('leaderFollowed', `${state.id} ${says} after ${after()}`);
    }
  }
  if (answers !== 1) fail('leaderFollowed', `${state.id} answers ${answers} times to ${after()}`);
  const known = matches ? Math.min(leaderCommit, prevLogIndex + entries.length) : 0;
  const due = Math.max(memory.commitIndex, known);
  if (state.volatile.commitIndex === due) return;
  const takes = `takes ${state.volatile.commitIndex} for committed`;
  fail('leaderFollowed', `${state.id} ${takes} in place of ${due}, after ${after()}`);
}

function describe(matches: boolean): string {
  return matches ? 'that entry' : 'no such entry';
}

/** §3.5: a refusal lets the leader skip what cannot match, and no more than that. */
function checkHint(
  { id, persistent }: RaftState,
  { prevLogIndex, prevLogTerm }: AppendEntries,
  { hintIndex, hintTerm }: Extract<AppendEntriesResponse, { success: false }>,
): void {
  const { log } = persistent;
  const skipped = hintIndex < Math.min(prevLogIndex, lastIndex(log));
  const mayMatch = skipped && (termAt(log, hintIndex + 1) ?? 0) <= prevLogTerm;
  if (!mayMatch && hintTerm === (termAt(log, hintIndex) ?? 0)) return;
  const hints = `${hintIndex}/${hintTerm} for ${prevLogIndex}/${prevLogTerm}`;
  fail('leaderFollowed', `${id} hints at ${hints}, where a later entry could match`);
}
