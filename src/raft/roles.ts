/** Changes of role: what each resets (figure 3.1, §3.3). They send nothing. */
import { answer, type Context, saveTermAndVote } from './context.ts';
import * as log from './log.ts';
import { createProgress } from './progress.ts';
import { peersOf } from './quorum.ts';
import { between } from './random.ts';
import type { LeaderRole, NodeId, RaftState, Term } from './types.ts';

const US_PER_MS = 1000;

/** §3.4: a fresh random timeout, so that split votes are rare and resolved quickly. */
export function resetElectionTimer(context: Context): void {
  const { state, nowUs } = context;
  const [lowMs, highMs] = state.settings.electionTimeoutMs;
  const timeoutUs = between(state.rng, lowMs * US_PER_MS, highMs * US_PER_MS);
  state.volatile.electionDeadlineUs = nowUs + timeoutUs;
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
  state.volatile.leaderId = leaderId;
  state.role = { kind: 'follower', reason };
  if (left.kind === 'leader') {
    resetElectionTimer(context);
    for (const read of left.reads) answer(context, read.id, { kind: 'rejected', leaderId });
  }
}

/** §9.6: the term stays as it is until a majority would vote. */
export function becomePreCandidate(context: Context, reason: string): void {
  const { state } = context;
  state.volatile.leaderId = null;
  state.role = { kind: 'preCandidate', reason, votes: { [state.id]: true } };
  resetElectionTimer(context);
}

/** §3.4: "a follower increments its current term and transitions to candidate state". */
export function becomeCandidate(context: Context, reason: string): void {
  const { state } = context;
  saveTermAndVote(context, state.persistent.currentTerm + 1, state.id);
  state.volatile.leaderId = null;
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
    quorumDeadlineUs: nowUs + minimumElectionTimeoutUs(state),
    readRound: 0,
    confirmedRound: 0,
    reads: [],
  };
  state.role = role;
  state.volatile.leaderId = state.id;
  return role;
}

export function heartbeatUs(state: RaftState): number {
  return Math.round(state.settings.heartbeatMs * US_PER_MS);
}

export function minimumElectionTimeoutUs(state: RaftState): number {
  return Math.round(state.settings.electionTimeoutMs[0] * US_PER_MS);
}
