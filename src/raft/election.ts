/** Leader election (§3.4, §3.6.1), PreVote (§9.6), CheckQuorum (§6.2) and stickiness (§4.2.3). */
import { type Context, saveTermAndVote, send } from './context.ts';
import * as log from './log.ts';
import { isVoter, voteResult } from './quorum.ts';
import { appendOwn } from './replication.ts';
import {
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  becomePreCandidate,
  electionTimeoutUs,
  minimumElectionTimeoutUs,
  resetElectionTimer,
} from './roles.ts';
import type {
  LeaderRole,
  NodeId,
  PlacedConfiguration,
  PreVote,
  PreVoteResponse,
  RaftState,
  RequestVote,
  RequestVoteResponse,
  TimeoutNow,
} from './types.ts';

/** The election timeout has passed without a leader or a result. */
export function onElectionTimeout(context: Context): void {
  const { state } = context;
  if (state.settings.preVote) startPreVote(context);
  else startElection(context, 'election timeout', false);
}

function startPreVote(context: Context): void {
  becomePreCandidate(context, 'election timeout');
  for (const to of votersToAsk(context.state)) {
    send(context, { kind: 'PreVote', ...candidacy(context.state), to });
  }
  countPreVotes(context);
}

/** With `leadershipTransfer`, the leader has asked for it, and voters do not shield it (§4.2.3). */
function startElection(context: Context, reason: string, leadershipTransfer: boolean): void {
  becomeCandidate(context, reason);
  for (const to of votersToAsk(context.state)) {
    send(context, { kind: 'RequestVote', ...candidacy(context.state), to, leadershipTransfer });
  }
  countVotes(context);
}

function votersToAsk({ id, persistent }: RaftState): NodeId[] {
  const { outgoing, voters } = log.latestConfiguration(persistent.log);
  return [...new Set([...voters, ...outgoing])].filter((voter) => voter !== id);
}

function candidacy({
  id,
  persistent,
}: RaftState): Pick<PreVote, 'from' | 'term' | 'lastLogIndex' | 'lastLogTerm'> {
  return {
    from: id,
    term: persistent.currentTerm,
    lastLogIndex: log.lastIndex(persistent.log),
    lastLogTerm: log.lastTerm(persistent.log),
  };
}

/** §3.10: "this causes the target server to start an election immediately". */
export function handleTimeoutNow(context: Context, message: TimeoutNow): void {
  const { state } = context;
  if (state.role.kind === 'leader' || !mayCampaign(state)) return;
  startElection(context, `${message.from} hands over`, true);
}

/**
 * §4.2.3: "if a server receives a RequestVote request within the minimum election timeout of
 * hearing from a current leader, it does not update its term or grant its vote". A leader is its
 * own witness (as in LogCabin); CheckQuorum bounds how long it may be mistaken.
 */
export function withholdsVotes(state: RaftState, nowUs: number): boolean {
  if (!state.settings.leaderStickiness) return false;
  if (state.role.kind === 'leader') return true;
  // Whether it is known who leads by now does not matter: leases count on this (§6.4.1).
  return nowUs - state.volatile.leaderHeardUs < minimumElectionTimeoutUs(state);
}

/** §9.6: would this server vote for the sender, if it began the next term now? Promises nothing. */
export function handlePreVote(context: Context, message: PreVote): void {
  const { state, nowUs } = context;
  const { persistent } = state;
  const voteGranted =
    message.term >= persistent.currentTerm &&
    !withholdsVotes(state, nowUs) &&
    log.isUpToDate(persistent.log, message.lastLogTerm, message.lastLogIndex);
  send(context, {
    kind: 'PreVoteResponse',
    from: state.id,
    to: message.from,
    term: persistent.currentTerm,
    requestTerm: message.term,
    voteGranted,
  });
}

export function handlePreVoteResponse(context: Context, message: PreVoteResponse): void {
  const { role, persistent } = context.state;
  // An answer to an earlier term's question, or one that comes after the answer was clear.
  if (role.kind !== 'preCandidate' || message.requestTerm !== persistent.currentTerm) return;
  role.votes[message.from] = message.voteGranted;
  countPreVotes(context);
}

function countPreVotes(context: Context): void {
  const { role, persistent } = context.state;
  if (role.kind !== 'preCandidate') return;
  const result = voteResult(log.latestConfiguration(persistent.log), role.votes);
  if (result === 'won') startElection(context, 'pre-vote won', false);
  else if (result === 'lost') {
    becomeFollower(context, persistent.currentTerm, null, 'pre-vote lost');
  }
}

/** Figure 3.1, RequestVote RPC, receiver implementation; the terms are equal here. */
export function handleRequestVote(context: Context, message: RequestVote): void {
  const { state } = context;
  const { persistent } = state;
  const again = persistent.votedFor === message.from;
  const free = again || persistent.votedFor === null;
  // A server may have come to this term by another message, with its vote free and a leader of an
  // earlier term heard from a moment ago, which may hold a lease (§6.4.1).
  const mayVote = again || message.leadershipTransfer || !withholdsVotes(state, context.nowUs);
  const isUpToDate = log.isUpToDate(persistent.log, message.lastLogTerm, message.lastLogIndex);
  const voteGranted = mayVote && free && isUpToDate;
  if (voteGranted) {
    if (persistent.votedFor === null) {
      saveTermAndVote(context, persistent.currentTerm, message.from);
    }
    // Figure 3.1, followers: granting a vote restarts the election timeout.
    resetElectionTimer(context);
  }
  send(context, requestVoteResponse(state, message.from, voteGranted));
}

export function requestVoteResponse(
  state: RaftState,
  to: NodeId,
  voteGranted: boolean,
): RequestVoteResponse {
  const term = state.persistent.currentTerm;
  return { kind: 'RequestVoteResponse', from: state.id, to, term, voteGranted };
}

export function handleRequestVoteResponse(context: Context, message: RequestVoteResponse): void {
  const { role } = context.state;
  if (role.kind !== 'candidate') return;
  role.votes[message.from] = message.voteGranted;
  countVotes(context);
}

function countVotes(context: Context): void {
  const { role, persistent } = context.state;
  if (role.kind !== 'candidate') return;
  const result = voteResult(log.latestConfiguration(persistent.log), role.votes);
  if (result === 'won') {
    const leader = becomeLeader(context, 'election won');
    // §6.4: a no-op at the start of the term makes known what is committed; it also is the
    // heartbeat that §3.4 asks for "to establish its authority".
    appendOwn(context, leader, { kind: 'noop' });
  } else if (result === 'lost') {
    becomeFollower(context, persistent.currentTerm, null, 'election lost');
  }
}

/**
 * §6.2: "a leader steps down if an election timeout elapses without a successful round of
 * heartbeats".
 */
export function checkQuorum(context: Context, leader: LeaderRole): void {
  const { state, nowUs } = context;
  const heard: Record<NodeId, boolean> = { [state.id]: true };
  for (const progress of leader.progress) {
    heard[progress.id] = progress.active;
    progress.active = false;
  }
  leader.quorumDeadlineUs = nowUs + electionTimeoutUs(state)[0];
  if (voteResult(log.latestConfiguration(state.persistent.log), heard) === 'won') return;
  becomeFollower(context, state.persistent.currentTerm, null, 'no quorum heard from');
}

/**
 * Does this server start elections? Learners and strangers do not. One that is being removed does
 * until that has committed as far as it knows: "it might still be needed" (§4.2.2, figure 4.6).
 */
export function mayCampaign({ id, persistent, volatile }: RaftState): boolean {
  const { configurations } = persistent.log;
  for (let i = configurations.length - 1; i >= 0; i--) {
    const placed = configurations[i] as PlacedConfiguration;
    if (isVoter(placed.configuration, id)) return true;
    if (placed.index <= volatile.commitIndex) return false;
  }
  return false;
}
