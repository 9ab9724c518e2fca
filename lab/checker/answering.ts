/** What those who ask are owed: one answer each, true when it is given (§3.10, ch. 4, §6.4). */
import { lastIndex, latestConfiguration } from '../../src/raft/log.ts';
import type {
  Answer,
  Configuration,
  Index,
  Input,
  Membership,
  NodeId,
  RaftState,
  ReadIndexResponse,
  Refusal,
  Settings,
} from '../../src/raft/types.ts';
import { isMajority } from './majority.ts';
import type { Asked, Lead, Memory, Step } from './memory.ts';
import { fail } from './properties.ts';
import { minimumTimeoutUs } from './voting.ts';

/** What is done, in words; made only where it is wrong. */
type Says = () => string;

const US_PER_MS = 1000;
type Question = Extract<Input, { readonly id: number }>;
/**
 * A read comes in the middle of an exchange, and of a round that was begun before it; the round
 * that it belongs to begins when that one is confirmed.
 */
const EXCHANGES_MAX = 3;
/** §4.2.1: a server that is too slow has so many rounds, each of an election timeout or more. */
const SLOW_ROUNDS = 10;

// ---- What is asked ------------------------------------------------------------------------------

export function noteAsked({ input, state }: Step, memory: Memory): void {
  if (!isQuestion(input)) return;
  const { lead, role } = memory;
  const isRead = input.kind === 'read';
  const byFollower = isRead && role.kind !== 'leader' && input.mode === 'follower';
  if (isRead && lead !== null && !someWait(memory, lead)) lead.exchangeUs = input.nowUs;
  memory.asked.set(input.id, {
    kind: input.kind,
    atUs: input.nowUs,
    commitIndex: memory.commitIndex,
    exchanges: lead?.exchanges ?? 0,
    byLease: isRead && input.mode === 'lease' && hasLeases(state.settings),
    byFollower,
    membership: input.kind === 'configure' ? input.membership : null,
    configuration: memory.configuration,
    to: input.kind === 'transfer' ? input.to : null,
  });
}

function isQuestion(input: Input): input is Question {
  switch (input.kind) {
    case 'propose':
    case 'read':
    case 'configure':
    case 'transfer':
      return true;
    default:
      return false;
  }
}

function hasLeases({ clockDriftPpm, leaderStickiness }: Settings): boolean {
  return clockDriftPpm !== null && leaderStickiness;
}

function someWait({ asked }: Memory, { questions }: Lead): boolean {
  return asked.size > 0 || questions.size > 0;
}

// ---- What is answered ---------------------------------------------------------------------------

export function checkAnswers(step: Step, memory: Memory): void {
  const { effects, input, state } = step;
  if (effects.length === 0 && memory.asked.size === 0 && step.message === null) return;
  noteExchanges(step, memory);
  noteQuestion(step, memory);
  for (const effect of effects) {
    if (effect.kind === 'answer') {
      const asked = memory.asked.get(effect.id);
      if (asked === undefined) {
        const what = `#${effect.id}, which is not asked or answered already`;
        fail('answeredOnce', `${state.id} answers ${what}`);
      }
      memory.asked.delete(effect.id);
      checkAnswer(step, memory, asked, effect.id, effect.answer);
    } else if (effect.kind === 'send') {
      const { message } = effect;
      if (message.kind === 'ReadIndexResponse') checkFollowersRead(step, memory, message);
      else if (message.kind === 'ReadIndex') {
        memory.question = { to: message.to, atUs: input.nowUs, nonce: message.nonce };
      }
    }
  }
  if (isQuestion(input)) {
    const asked = memory.asked.get(input.id);
    if (asked !== undefined) noteAccepted(step, memory, input, asked);
  }
  if (state.role !== memory.role) checkNothingLeft(state, memory);
  if (memory.asked.size === 0) return;
  if (memory.lead !== null) checkReadsAnswered(state, memory, memory.lead);
  else checkLeaderAsked(step, memory);
}

/** It waits for its answer, where it may. */
function noteAccepted({ state }: Step, memory: Memory, input: Question, asked: Asked): void {
  const { role, settings, volatile } = state;
  const mayWait = asked.byFollower ? volatile.leaderId !== null : role.kind === 'leader';
  if (!mayWait || asked.kind === 'propose') {
    fail('answeredOnce', `${state.id} leaves #${input.id} (${asked.kind}) without an answer`);
  }
  const { lead } = memory;
  if (lead === null) return;
  if (input.kind === 'transfer') {
    const deadlineUs = input.nowUs + Math.round(settings.electionTimeoutMs[1] * US_PER_MS);
    memory.transfer = { id: input.id, to: input.to, atUs: input.nowUs, deadlineUs };
    lead.hasTransferred = true;
  } else if (input.kind === 'configure' && input.catchUp) {
    const deadlineUs = input.nowUs + Math.round(settings.catchUpTimeoutMs * US_PER_MS);
    const { voters } = latestConfiguration(state.persistent.log);
    // Without new voters nobody is waited for.
    if (input.membership.voters.every((id) => voters.includes(id))) return;
    const ends = [{ atUs: input.nowUs, index: lastIndex(state.persistent.log) }];
    lead.catchUp = { id: input.id, deadlineUs, ends };
  } else if (input.kind === 'configure') {
    const { voters } = latestConfiguration(state.persistent.log);
    if (same(voters, input.membership.voters)) return;
    fail('caughtUpFirst', `${state.id} has new voters catch up, which nobody has asked for`);
  }
}

/** Who lost the lead, or its leader, has nobody wait for what will not come. */
function checkNothingLeft({ id, role }: RaftState, { asked }: Memory): void {
  for (const [question, { byFollower, kind }] of asked) {
    if (kind === 'transfer') continue;
    if (byFollower ? role.kind === 'follower' : role.kind === 'leader') continue;
    fail('answeredOnce', `${id} is a ${role.kind} and leaves #${question} (${kind}) open`);
  }
}

function checkAnswer(step: Step, memory: Memory, asked: Asked, id: number, answer: Answer): void {
  const { state } = step;
  const { lead, transfer } = memory;
  const says = (): string => `${state.id} answers #${id} (${asked.kind})`;
  if (answer.kind === 'readable') checkReadable(step, memory, asked, id, says, answer.index);
  else if (answer.kind === 'accepted') checkAccepted(step, memory, says, answer.index);
  else if (answer.kind === 'done') checkDone(state, asked, says);
  else checkRefused(step, memory, asked, says, answer.reason);
  if (transfer?.id === id) memory.transfer = null;
  if (lead?.catchUp?.id !== id) return;
  lead.catchUp = null;
  const givesUp = answer.kind === 'rejected' && answer.reason === 'catchUpTimeout';
  if (givesUp && asked.configuration !== memory.configuration) lead.undo = asked.configuration;
}

/** §3.10: "the prior leader stops accepting new client requests". */
function checkAccepted({ state }: Step, memory: Memory, says: Says, index: Index): void {
  const { log } = state.persistent;
  const { lead, transfer } = memory;
  if (transfer !== null) fail('transferStops', `${says()} while it hands over to ${transfer.to}`);
  const entry = log.entries[index - log.baseIndex - 1];
  if (entry?.kind !== 'command' || index !== memory.lastIndex + 1) {
    fail('answerHolds', `${says()} with entry ${index}, which does not hold it`);
  }
  const bytes = lead?.uncommittedBytes ?? 0;
  if (bytes < state.settings.uncommittedBytes) return;
  fail('flowControl', `${says()} with ${bytes} bytes that are not committed`);
}

function checkDone({ id, persistent, volatile }: RaftState, asked: Asked, says: Says): void {
  if (asked.kind === 'transfer') {
    if (volatile.leaderId === asked.to || asked.to === id) return;
    fail('answerHolds', `${says()} as done, where ${volatile.leaderId ?? 'nobody'} leads`);
  }
  const latest = persistent.log.configurations.at(-1);
  const wanted = asked.membership;
  if (latest === undefined || wanted === null) fail('answerHolds', `${says()} as done`);
  const { learners, outgoing, voters } = latest.configuration;
  const isInForce = latest.index <= volatile.commitIndex && outgoing.length === 0;
  const listening = wanted.learners.filter((learner) => !wanted.voters.includes(learner));
  if (isInForce && same(voters, wanted.voters) && same(learners, listening)) return;
  fail('answerHolds', `${says()} as done, where the configuration is another`);
}

function same(a: readonly NodeId[], b: Membership['voters']): boolean {
  return a.every((id) => b.includes(id)) && b.every((id) => a.includes(id));
}

function checkRefused(step: Step, memory: Memory, asked: Asked, says: Says, reason: Refusal): void {
  if (applies(step, memory, asked, reason)) return;
  fail('answerHolds', `${says()} with ${reason}, which is not so`);
}

function applies(
  { input, state }: Step,
  { lead, role, transfer }: Memory,
  asked: Asked,
  reason: Refusal,
): boolean {
  const { leaderId } = state.volatile;
  switch (reason) {
    case 'notLeader':
      return role.kind !== 'leader' || state.role.kind !== 'leader';
    case 'leadLost':
      return state.role.kind !== 'leader';
    case 'transferring':
      return transfer !== null;
    case 'overloaded':
      return (lead?.uncommittedBytes ?? 0) >= state.settings.uncommittedBytes;
    case 'transferTimeout':
      if (leaderId === asked.to) return false;
      return leaderId !== null || input.nowUs >= (transfer?.deadlineUs ?? 0);
    case 'catchUpTimeout': {
      const { catchUpTimeoutMs } = state.settings;
      const slowestUs = SLOW_ROUNDS * minimumTimeoutUs(state.settings);
      return input.nowUs >= asked.atUs + Math.min(catchUpTimeoutMs * US_PER_MS, slowestUs);
    }
    default:
      return true;
  }
}

// ---- Reads --------------------------------------------------------------------------------------

function checkReadable(
  step: Step,
  memory: Memory,
  asked: Asked,
  id: number,
  says: Says,
  index: Index,
): void {
  const { message, state } = step;
  if (asked.byFollower) {
    // What the leader gives covers all questions before this one (§6.4).
    const own =
      message?.kind === 'ReadIndexResponse' &&
      message.index === index &&
      message.readId >= id &&
      message.nonce === memory.question?.nonce;
    if (!own) fail('readConfirmed', `${says()} without the leader's word for ${index}`);
    return;
  }
  const { lead } = memory;
  if (lead === null) fail('readConfirmed', `${says()} and does not lead`);
  const byLease = asked.byLease && step.input.kind === 'read' && !lead.hasTransferred;
  checkReadIndex(state, lead, memory.configuration, asked, byLease, says, index);
}

function checkFollowersRead(step: Step, memory: Memory, response: ReadIndexResponse): void {
  const { index, nonce, readId, to } = response;
  const { lead } = memory;
  if (index === null) return;
  const key = `${to} ${nonce} ${readId}`;
  const asked = lead?.questions.get(key);
  const says = (): string => `${step.state.id} answers question ${readId} of ${to}`;
  if (lead === null || asked === undefined) {
    fail('readConfirmed', `${says()}, which it was not asked while it leads`);
  }
  lead.questions.delete(key);
  checkReadIndex(step.state, lead, memory.configuration, asked, false, says, index);
}

/**
 * §6.4: the index covers what was committed when the read came in, and the leader's no-op; and a
 * majority has answered what was sent after that, so that nobody else had been elected.
 */
function checkReadIndex(
  state: RaftState,
  lead: Lead,
  before: Configuration,
  asked: Pick<Asked, 'atUs' | 'commitIndex'>,
  byLease: boolean,
  says: Says,
  index: Index,
): void {
  const due = Math.max(asked.commitIndex, lead.startIndex);
  if (index < due) fail('readConfirmed', `${says()} at ${index}, where ${due} was due`);
  if (byLease) return;
  // A step may confirm a round and then append a configuration, or the other way about.
  const latest = latestConfiguration(state.persistent.log);
  if (confirms(state, lead, before, asked.atUs - 1)) return;
  if (latest !== before && confirms(state, lead, latest, asked.atUs - 1)) return;
  fail('readConfirmed', `${says()}, and no majority has confirmed its lead since`);
}

/** A majority of these has answered what was sent after this. */
function confirms(
  { id }: RaftState,
  { peers }: Lead,
  configuration: Configuration,
  afterUs: number,
): boolean {
  return isMajority(
    configuration,
    (voter) => voter === id || (peers.get(voter)?.heardSentUs ?? -1) > afterUs,
  );
}

function noteQuestion({ input, message, state }: Step, memory: Memory): void {
  const { lead } = memory;
  if (message?.kind !== 'ReadIndex' || lead === null || state.role.kind !== 'leader') return;
  const key = `${message.from} ${message.nonce} ${message.readId}`;
  if (lead.questions.has(key)) return;
  if (!someWait(memory, lead)) lead.exchangeUs = input.nowUs;
  lead.questions.set(key, { atUs: input.nowUs, commitIndex: memory.commitIndex });
}

function noteExchanges({ input, message, state }: Step, memory: Memory): void {
  const { lead } = memory;
  if (lead === null || message === null || !someWait(memory, lead)) return;
  const configuration = latestConfiguration(state.persistent.log);
  if (!confirms(state, lead, configuration, lead.exchangeUs)) return;
  lead.exchanges++;
  lead.exchangeUs = input.nowUs;
}

/** A majority goes on answering this leader, so that its reads are confirmed. */
function checkReadsAnswered(state: RaftState, { asked }: Memory, lead: Lead): void {
  if (state.role.kind !== 'leader') return;
  for (const [id, { byFollower, exchanges, kind }] of asked) {
    if (kind !== 'read' || byFollower) continue;
    // Later reads are answered later.
    if (lead.exchanges - exchanges < EXCHANGES_MAX) return;
    const heard = `though ${lead.exchanges - exchanges} exchanges with a majority have ended`;
    fail('readConfirmed', `${state.id} has not answered read #${id}, ${heard}`);
  }
}

/** A heartbeat is the occasion to ask for what may have been lost, or gone to another leader. */
function checkLeaderAsked({ input, message, state }: Step, { asked, question }: Memory): void {
  if (message?.kind !== 'AppendEntries' || message.entries.length > 0) return;
  if (message.term < state.persistent.currentTerm) return;
  for (const [id, { byFollower }] of asked) {
    if (!byFollower) continue;
    const sinceUs = input.nowUs - Math.round(state.settings.heartbeatMs * US_PER_MS);
    if (question?.to === message.from && question.atUs >= sinceUs) return;
    fail('readConfirmed', `${state.id} does not ask ${message.from} for read #${id}`);
  }
}
