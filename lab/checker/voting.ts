/** Terms, votes and candidacies, each as the rules have it (§3.3, §3.4, §3.6.1, §4.2.3, §9.6). */
import { lastIndex, lastTerm, latestConfiguration } from '../../src/raft/log.ts';
import type {
  Message,
  NodeId,
  PreVote,
  RaftState,
  RequestVote,
  Settings,
  Term,
} from '../../src/raft/types.ts';
import { isMajority } from './majority.ts';
import { changed, isVoter, type Memory, type Step } from './memory.ts';
import { fail } from './properties.ts';

const US_PER_MS = 1000;

/** The shortest election timeout that anybody may draw. */
export function minimumTimeoutUs({ adaptiveTimeout, electionTimeoutMs }: Settings): number {
  const lowMs = Math.min(electionTimeoutMs[0], adaptiveTimeout?.floorMs ?? electionTimeoutMs[0]);
  return Math.round(lowMs * US_PER_MS);
}

// ---- Votes --------------------------------------------------------------------------------------

/** A vote is given where the rules allow it, and only there. */
export function checkVotes(step: Step, memory: Memory): void {
  const { message } = step;
  if (message?.kind === 'PreVote') checkPreVote(step, memory, message);
  else if (message?.kind === 'RequestVote' && message.term >= memory.currentTerm) {
    checkVote(step, memory, message);
  } else if (message?.kind === 'PreVoteResponse') {
    const { from, requestTerm, voteGranted } = message;
    if (voteGranted && requestTerm === memory.currentTerm) memory.preVotes.add(from);
  }
}

/** §4.2.3; a leader is its own witness. */
function isShielded(step: Step, memory: Memory): boolean {
  const { settings } = step.state;
  if (!settings.leaderStickiness) return false;
  if (memory.role.kind === 'leader') return true;
  return step.input.nowUs - memory.heardUs < minimumTimeoutUs(settings);
}

/** §3.6.1: the voter's log is not more up-to-date than the candidate's. */
function isUpToDate(memory: Memory, { lastLogIndex, lastLogTerm }: PreVote | RequestVote): boolean {
  if (lastLogTerm !== memory.lastTerm) return lastLogTerm > memory.lastTerm;
  return lastLogIndex >= memory.lastIndex;
}

function checkPreVote(step: Step, memory: Memory, message: PreVote): void {
  const { id } = step.state;
  const what = changed(memory, step.state);
  const of = `PreVote of ${message.from} in term ${message.term}`;
  if (what !== null) fail('preVoteChangesNothing', `${id} changes ${what} for ${of}`);
  const due =
    message.term >= memory.currentTerm && !isShielded(step, memory) && isUpToDate(memory, message);
  checkResponse(step, 'PreVoteResponse', message.from, due, of);
}

function checkVote(step: Step, memory: Memory, message: RequestVote): void {
  const { effects, state } = step;
  const { from, leadershipTransfer, term } = message;
  const isLater = term > memory.currentTerm;
  const of = `RequestVote of ${from} in term ${term}`;
  const shielded = !leadershipTransfer && isShielded(step, memory);
  if (isLater && shielded) {
    // "It does not update its term or grant its vote."
    const what = changed(memory, state) ?? (effects.length > 0 ? 'something' : null);
    if (what !== null)
      fail('voteRules', `${state.id} changes ${what} for ${of}, which is withheld`);
    return;
  }
  const votedFor = isLater ? null : memory.votedFor;
  const may = votedFor === from || (votedFor === null && !shielded);
  const due = may && isUpToDate(memory, message);
  checkResponse(step, 'RequestVoteResponse', from, due, of);
  const { currentTerm, votedFor: vote } = state.persistent;
  const expected = due ? from : votedFor;
  if (currentTerm === term && vote === expected) return;
  const has = `has a vote for ${vote ?? 'nobody'} in term ${currentTerm}`;
  fail('voteRules', `${state.id} ${has} after ${of}`);
}

function checkResponse(
  { effects, state }: Step,
  kind: 'PreVoteResponse' | 'RequestVoteResponse',
  to: NodeId,
  due: boolean,
  of: string,
): void {
  let answers = 0;
  for (const effect of effects) {
    if (effect.kind !== 'send' || effect.message.kind !== kind) continue;
    answers++;
    if (effect.message.voteGranted === due && effect.message.to === to) continue;
    fail('voteRules', `${state.id} ${due ? 'refuses' : 'grants'} ${of}`);
  }
  if (answers !== 1) fail('voteRules', `${state.id} answers ${answers} times to ${of}`);
}

// ---- Terms --------------------------------------------------------------------------------------

/** A PreVote is about a term that nobody has entered. */
function termOf(message: Message | null, memory: Memory): Term {
  if (message === null || message.kind === 'PreVote') return memory.currentTerm;
  return Math.max(memory.currentTerm, message.term);
}

/**
 * §3.3: a later term is taken over, with the vote free; §3.4: beyond that a server goes by one, as
 * a candidate that votes for itself.
 */
export function checkTerm(step: Step, memory: Memory): void {
  const { message, state } = step;
  const { currentTerm, votedFor } = state.persistent;
  const told = termOf(message, memory);
  if (currentTerm > told) {
    checkCandidacy(step, memory, told);
    return;
  }
  if (state.role !== memory.role && state.role.kind === 'preCandidate') {
    checkPreCandidacy(step, memory);
  }
  // Votes are judged where they are asked for.
  if (message === null || message.kind === 'RequestVote') return;
  if (currentTerm < told) {
    const has = `stays in term ${currentTerm}`;
    fail('laterTermTaken', `${state.id} ${has} after ${message.kind} of term ${told}`);
  }
  if (currentTerm === memory.currentTerm ? votedFor === memory.votedFor : votedFor === null) return;
  const whom = votedFor ?? 'nobody';
  fail(
    'laterTermTaken',
    `${state.id} votes for ${whom} in term ${currentTerm}, which nobody asked`,
  );
}

// ---- Candidacies --------------------------------------------------------------------------------

function checkCandidacy(step: Step, memory: Memory, told: Term): void {
  const { message, state } = step;
  const { id, persistent, settings } = state;
  const { currentTerm, votedFor } = persistent;
  const campaigns = `${id} campaigns in term ${currentTerm}`;
  if (currentTerm !== told + 1 || votedFor !== id) {
    const whom = votedFor ?? 'nobody';
    fail('candidacy', `${id} goes from term ${told} to ${currentTerm} with a vote for ${whom}`);
  }
  const isCalled = message?.kind === 'TimeoutNow';
  if (!isCalled && settings.preVote) {
    // Who is alone asks nobody, and enters the term with the step that begins the pre-vote.
    const agrees = (voter: NodeId): boolean => voter === id || memory.preVotes.has(voter);
    const asked = memory.role.kind === 'preCandidate' || step.input.kind === 'timer';
    if (!asked || !isMajority(memory.configuration, agrees)) {
      const by = [id, ...memory.preVotes].join(', ');
      fail('candidacy', `${campaigns}, for which only ${by} would vote`);
    }
  } else if (!isCalled) checkTimedOut(step, memory, campaigns);
  checkMayCampaign(state, memory, campaigns);
  checkAsked(step, 'RequestVote', isCalled);
  memory.preVotes.clear();
}

function checkPreCandidacy(step: Step, memory: Memory): void {
  const { id, persistent, settings } = step.state;
  const campaigns = `${id} asks for pre-votes in term ${persistent.currentTerm}`;
  if (!settings.preVote) fail('candidacy', `${campaigns}, though it is set not to`);
  checkTimedOut(step, memory, campaigns);
  checkMayCampaign(step.state, memory, campaigns);
  checkAsked(step, 'PreVote', false);
  memory.preVotes.clear();
}

/** §3.4: "if a follower receives no communication over … the election timeout". */
function checkTimedOut({ input }: Step, memory: Memory, campaigns: string): void {
  if (input.kind === 'timer' && input.nowUs >= memory.electionDeadlineUs) return;
  const earlyMs = (memory.electionDeadlineUs - input.nowUs) / US_PER_MS;
  fail('candidacy', `${campaigns} for ${input.kind}, ${earlyMs} ms before its election timeout`);
}

/** §4.2.1, §4.2.2: who is no voter in any configuration that may yet count does not campaign. */
function checkMayCampaign(state: RaftState, memory: Memory, campaigns: string): void {
  const { configurations } = state.persistent.log;
  for (let i = configurations.length - 1; i >= 0; i--) {
    const placed = configurations[i];
    if (placed === undefined) break;
    if (isVoter(placed.configuration, state.id)) return;
    if (placed.index <= memory.commitIndex) break;
  }
  fail('candidacy', `${campaigns} and is no voter`);
}

/** Every other voter is asked, with the end of the candidate's log (figure 3.1). */
function checkAsked(
  { effects, state }: Step,
  kind: 'PreVote' | 'RequestVote',
  called: boolean,
): void {
  // A leader appends at once.
  if (state.role.kind === 'leader') return;
  const { log } = state.persistent;
  const { outgoing, voters } = latestConfiguration(log);
  const missing = new Set([...voters, ...outgoing]);
  missing.delete(state.id);
  for (const effect of effects) {
    if (effect.kind !== 'send' || effect.message.kind !== kind) continue;
    const { message } = effect;
    const isHonest =
      message.lastLogIndex === lastIndex(log) && message.lastLogTerm === lastTerm(log);
    const transfers = message.kind === 'RequestVote' && message.leadershipTransfer;
    if (!isHonest || transfers !== called || !missing.delete(message.to)) {
      fail('candidacy', `${state.id} sends ${message.to} a wrong ${kind}`);
    }
  }
  if (missing.size === 0) return;
  fail('candidacy', `${state.id} sends no ${kind} to ${[...missing].join(', ')}`);
}

/** §3.10: TimeoutNow has its receiver "start an election immediately". */
export function checkCalled({ message, state }: Step, memory: Memory): void {
  if (message?.kind !== 'TimeoutNow' || message.term < memory.currentTerm) return;
  if (!isVoter(memory.configuration, state.id) || state.persistent.currentTerm > message.term)
    return;
  fail('candidacy', `${state.id} starts no election though ${message.from} hands over`);
}
