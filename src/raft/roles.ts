/** Changes of role: what each resets (figure 3.1, §3.3). They send nothing. */
import { type Context, reject, saveTermAndVote } from './context.ts';
import * as log from './log.ts';
import { createProgress } from './progress.ts';
import { peersOf } from './quorum.ts';
import { between } from './random.ts';
import type { LeaderRole, NodeId, RaftState, Term } from './types.ts';

const US_PER_MS = 1000;

/** §3.4: a fresh random timeout, so that split votes are rare and resolved quickly. */
export function resetElectionTimer(context: Context): void {
  const { state, nowUs } = context;
  const [lowUs, highUs] = electionTimeoutUs(state);
  state.volatile.electionDeadlineUs = nowUs + between(state.rng, lowUs, highUs);
}

/** What election timeouts are drawn from, by what is known of round trips if so wished. */
export function electionTimeoutUs({ settings, volatile }: RaftState): [low: number, high: number] {
  const [lowMs, highMs] = settings.electionTimeoutMs;
  const { adaptiveTimeout } = settings;
  if (adaptiveTimeout === null || volatile.roundTripUs === 0) {
    return [Math.round(lowMs * US_PER_MS), Math.round(highMs * US_PER_MS)];
  }
  const wantedUs = Math.round(adaptiveTimeout.factor * volatile.roundTripUs);
  const floorUs = Math.round(adaptiveTimeout.floorMs * US_PER_MS);
  const lowUs = Math.min(Math.max(wantedUs, floorUs), Math.round(highMs * US_PER_MS));
  return [lowUs, 2 * lowUs];
}

/**
 * To follower, in `term`, which is the current one or a later one; only a later one clears the
 * vote. The election timer goes on as it is, except where a leader steps down and has none.
 */
export function becomeFollower(
  context: Context,
  term: Term,
  leaderId: NodeId | null,
  reason: string,
): void {
  const { state } = context;
  const left = state.role;
  if (term > state.persistent.currentTerm) saveTermAndVote(context, term, null);
  setLeader(state, leaderId);
  state.role = { kind: 'follower', reason };
  if (left.kind === 'leader') {
    resetElectionTimer(context);
    for (const { id, from } of left.reads) {
      // A follower that asked will ask the next leader.
      if (from === null) reject(context, id, 'notLeader');
    }
    if (left.change !== null && left.change.id !== null) {
      reject(context, left.change.id, 'leadLost');
    }
  }
}

/** Another leader knows nothing of what the one before was asked (§6.4). */
export function setLeader({ volatile }: RaftState, leaderId: NodeId | null): void {
  if (volatile.leaderId !== leaderId) volatile.followerReads.asked = null;
  volatile.leaderId = leaderId;
}

/** Nobody leads that could be asked for a read index: whoever waits may look for another server. */
function rejectFollowerReads(context: Context): void {
  const { followerReads } = context.state.volatile;
  for (const id of followerReads.waiting) reject(context, id, 'notLeader');
  followerReads.waiting = [];
  followerReads.asked = null;
}

/**
 * A server that does not campaign, a learner or one that has left, has not heard from its leader
 * for an election timeout: it can serve no read by asking it.
 */
export function loseLeader(context: Context): void {
  setLeader(context.state, null);
  rejectFollowerReads(context);
  resetElectionTimer(context);
}

/** §9.6: the term stays as it is until a majority would vote. */
export function becomePreCandidate(context: Context, reason: string): void {
  const { state } = context;
  state.volatile.leaderId = null;
  rejectFollowerReads(context);
  state.role = { kind: 'preCandidate', reason, votes: { [state.id]: true } };
  resetElectionTimer(context);
}

/** §3.4: "a follower increments its current term and transitions to candidate state". */
export function becomeCandidate(context: Context, reason: string): void {
  const { state } = context;
  saveTermAndVote(context, state.persistent.currentTerm + 1, state.id);
  state.volatile.leaderId = null;
  rejectFollowerReads(context);
  state.role = { kind: 'candidate', reason, votes: { [state.id]: true } };
  resetElectionTimer(context);
}

/** The caller appends the no-op that begins the term, at the index noted here. */
export function becomeLeader(context: Context, reason: string): LeaderRole {
  const { state, nowUs } = context;
  const last = log.lastIndex(state.persistent.log);
  const configuration = log.latestConfiguration(state.persistent.log);
  const role: LeaderRole = {
    kind: 'leader',
    reason,
    progress: peersOf(configuration, state.id).map((id) => createProgress(id, last)),
    termStartIndex: last + 1,
    heartbeatDeadlineUs: nowUs + heartbeatUs(state),
    quorumDeadlineUs: nowUs + electionTimeoutUs(state)[0],
    readRound: 0,
    confirmedRound: 0,
    reads: [],
    uncommittedBytes: log.bytesFrom(state.persistent.log, state.volatile.commitIndex + 1),
    leaseVoid: false,
    change: null,
  };
  rejectFollowerReads(context);
  state.role = role;
  state.volatile.leaderId = state.id;
  return role;
}

export function heartbeatUs(state: RaftState): number {
  return Math.round(state.settings.heartbeatMs * US_PER_MS);
}

/** The shortest timeout that any server may draw, whatever it knows of round trips. */
export function minimumElectionTimeoutUs({ settings }: RaftState): number {
  const { adaptiveTimeout, electionTimeoutMs } = settings;
  const lowMs = Math.min(electionTimeoutMs[0], adaptiveTimeout?.floorMs ?? electionTimeoutMs[0]);
  return Math.round(lowMs * US_PER_MS);
}
