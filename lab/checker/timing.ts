/**
 * Election timeouts: how they are drawn, by what they are reset (§3.4), and that what is due is
 * done. The simulator's timers are exact, so that nothing may be overdue where time has gone on.
 */
import type { RaftState } from '../../src/raft/types.ts';
import { isMember, isOrder, isVoter, type Memory, type Peer, type Step } from './memory.ts';
import { fail } from './properties.ts';

const US_PER_MS = 1000;
/** Clocks that drift are read in whole microseconds. */
const GRACE_US = 1000;
/** A fair draw lies in the same half so often in a row once in 2^63 times. */
const SAME_HALF_MAX = 64;

// ---- Election timeouts --------------------------------------------------------------------------

type Range = readonly [lowUs: number, highUs: number];

function rangeOf({ settings }: RaftState, roundTripUs: number): Range {
  const [lowMs, highMs] = settings.electionTimeoutMs;
  const { adaptiveTimeout } = settings;
  if (adaptiveTimeout === null || roundTripUs === 0) {
    return [Math.round(lowMs * US_PER_MS), Math.round(highMs * US_PER_MS)];
  }
  const { factor, floorMs } = adaptiveTimeout;
  const wantedUs = Math.max(Math.round(factor * roundTripUs), Math.round(floorMs * US_PER_MS));
  const lowUs = Math.min(wantedUs, Math.round(highMs * US_PER_MS));
  return [lowUs, 2 * lowUs];
}

/** What resets the election timer in this step; `null` if nothing does. */
function resetBy({ effects, input, message, state }: Step, memory: Memory): string | null {
  const { kind } = state.role;
  if (message !== null && isOrder(message, memory)) return message.kind;
  if (memory.role.kind === 'leader' && kind !== 'leader') return 'stepping down';
  if (state.role !== memory.role && kind !== 'follower' && kind !== 'leader') return 'a campaign';
  if (input.kind === 'timer') {
    // A leader has no election timer; who has just come to lead alone was a candidate before.
    const isDue = memory.role.kind !== 'leader' && input.nowUs >= memory.electionDeadlineUs;
    return isDue ? 'the election timeout' : null;
  }
  if (message?.kind !== 'RequestVote') return null;
  for (const effect of effects) {
    if (effect.kind !== 'send' || effect.message.kind !== 'RequestVoteResponse') continue;
    if (effect.message.voteGranted) return 'a vote';
  }
  return null;
}

/** §3.4: reset by a vote, by the leader and by a campaign, and by nothing else. */
export function checkElectionTimer(step: Step, memory: Memory): void {
  const { input, message, state } = step;
  const { electionDeadlineUs } = state.volatile;
  const cause = resetBy(step, memory);
  if (cause === null) {
    if (electionDeadlineUs === memory.electionDeadlineUs) return;
    fail('electionTimer', `${state.id} resets its election timer for ${(message ?? input).kind}`);
  }
  const drawnUs = electionDeadlineUs - input.nowUs;
  // Messages bring a new round trip after they have reset the timer.
  let range = rangeOf(state, memory.roundTripUs);
  if (!lies(drawnUs, range)) range = rangeOf(state, state.volatile.roundTripUs);
  if (!lies(drawnUs, range)) {
    const due = `of ${range.map((us) => us / US_PER_MS).join(' to ')} ms`;
    const left = `${drawnUs / US_PER_MS} ms left ${due}`;
    fail('electionTimer', `${state.id} has ${left} after ${cause}`);
  }
  checkSpread(state, memory, 2 * drawnUs - range[0] - range[1]);
}

function lies(us: number, [lowUs, highUs]: Range): boolean {
  return us >= lowUs && us <= highUs;
}

/** §3.4: "election timeouts are chosen randomly from a fixed interval", each anew. */
function checkSpread({ id }: RaftState, memory: Memory, fromMiddle: number): void {
  const half = Math.sign(fromMiddle);
  memory.sameHalf = half === Math.sign(memory.sameHalf) ? memory.sameHalf + half : half;
  if (Math.abs(memory.sameHalf) < SAME_HALF_MAX) return;
  const where = half < 0 ? 'lower' : 'upper';
  fail(
    'electionTimeoutsSpread',
    `${id} has drawn ${SAME_HALF_MAX} election timeouts in a row from the ${where} half`,
  );
}

// ---- What is due --------------------------------------------------------------------------------

/**
 * Time has gone on since the step before, and what was due by then has not been done. A server that
 * stood still is given the moment at which it goes on.
 */
export function checkOverdue({ input, state }: Step, memory: Memory): void {
  const { nowUs } = memory;
  if (input.nowUs <= nowUs) return;
  const dueUs = nowUs - GRACE_US;
  const { lead, transfer } = memory;
  if (transfer !== null && transfer.deadlineUs < dueUs) {
    fail('transferEnds', `${state.id} still hands over to ${transfer.to} ${late(transfer, nowUs)}`);
  }
  if (lead === null) {
    if (memory.electionDeadlineUs >= dueUs || !isVoter(memory.configuration, state.id)) return;
    const overdueMs = (nowUs - memory.electionDeadlineUs) / US_PER_MS;
    fail('electionStarts', `${state.id} starts no election ${overdueMs} ms after its timeout`);
  }
  const { catchUp } = lead;
  if (catchUp !== null && catchUp.deadlineUs < dueUs) {
    fail('caughtUpFirst', `${state.id} still has servers catch up ${late(catchUp, nowUs)}`);
  }
  if (lead.heartbeatsLookUs < dueUs) checkHeartbeats(state, memory, lead.peers, dueUs);
}

function late({ deadlineUs }: { readonly deadlineUs: number }, nowUs: number): string {
  return `${(nowUs - deadlineUs) / US_PER_MS} ms after its deadline`;
}

/** §3.4: heartbeats go "to all followers in order to maintain" authority. O(peers). */
function checkHeartbeats(
  { id, settings }: RaftState,
  memory: Memory,
  peers: ReadonlyMap<string, Peer>,
  dueUs: number,
): void {
  const everyUs = Math.round(settings.heartbeatMs * US_PER_MS);
  let firstUs = Number.POSITIVE_INFINITY;
  for (const [peer, { sentUs }] of peers) {
    if (!isMember(memory.configuration, peer)) continue;
    if (sentUs + everyUs < dueUs) {
      const silentMs = (memory.nowUs - sentUs) / US_PER_MS;
      fail('heartbeats', `${id} leads and has sent ${peer} nothing for ${silentMs} ms`);
    }
    firstUs = Math.min(firstUs, sentUs);
  }
  if (memory.lead !== null) memory.lead.heartbeatsLookUs = firstUs + everyUs;
}
