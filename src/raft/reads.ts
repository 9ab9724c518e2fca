/**
 * Linearizable reads without writing to the log (§6.4): ReadIndex, many reads to a round of
 * heartbeats; the lease, which saves the round; and followers that serve reads themselves.
 *
 * A read takes an index that covers every write acknowledged before it came in, waits until a
 * quorum confirms, by a round begun after that, that the server which gave the index still leads,
 * and is served once that index has been applied.
 */
import { answer, type Context, reject, send } from './context.ts';
import * as log from './log.ts';
import { committedIndex } from './quorum.ts';
import { broadcastRound, progressOf } from './replication.ts';
import { heartbeatUs, minimumElectionTimeoutUs } from './roles.ts';
import type {
  Index,
  LeaderRole,
  NodeId,
  PendingRead,
  RaftState,
  ReadIndex,
  ReadIndexResponse,
  ReadMode,
} from './types.ts';

const MILLION = 1_000_000;

export function handleRead(context: Context, id: number, mode: ReadMode): void {
  const { role, volatile } = context.state;
  if (role.kind === 'leader') {
    if (mode === 'lease' && holdsLease(context, role)) {
      answer(context, id, { kind: 'readable', index: readIndex(context.state, role) });
    } else awaitRound(context, role, { id, from: null, nonce: 0 });
  } else if (mode === 'follower' && volatile.leaderId !== null) {
    volatile.followerReads.waiting.push(id);
    if (volatile.followerReads.asked === null) askLeader(context);
  } else reject(context, id, 'notLeader');
}

// ---- Rounds -------------------------------------------------------------------------------------

/**
 * §6.4, step 1: until an entry of its own term has committed, a leader does not know which entries
 * are. The no-op that began the term lies behind all of them: a read that waits for it to be
 * applied has waited for its commitment.
 */
function readIndex({ volatile }: RaftState, leader: LeaderRole): Index {
  return Math.max(volatile.commitIndex, leader.termStartIndex);
}

function awaitRound(
  context: Context,
  leader: LeaderRole,
  read: Pick<PendingRead, 'id' | 'from' | 'nonce'>,
): void {
  // A round under way may have begun before this read came in: the read belongs to the next one.
  const round = leader.readRound + 1;
  leader.reads.push({ ...read, index: readIndex(context.state, leader), round });
  if (leader.confirmedRound === leader.readRound) beginRound(context, leader);
}

function beginRound(context: Context, leader: LeaderRole): void {
  leader.readRound++;
  broadcastRound(context, leader);
  // A leader without peers is a quorum by itself.
  confirmRounds(context, leader);
}

/** Answers the reads whose round a quorum has confirmed, and begins the next if others wait. */
export function confirmRounds(context: Context, leader: LeaderRole): void {
  const { id, persistent } = context.state;
  if (leader.confirmedRound === leader.readRound) return;
  const confirmed = committedIndex(log.latestConfiguration(persistent.log), (voter) =>
    voter === id ? leader.readRound : (progressOf(leader, voter)?.readRound ?? 0),
  );
  if (confirmed <= leader.confirmedRound) return;
  leader.confirmedRound = confirmed;
  let answered = 0;
  for (const read of leader.reads) {
    if (read.round > confirmed) break;
    if (read.from === null) answer(context, read.id, { kind: 'readable', index: read.index });
    else answerFollower(context, read.from, read.nonce, read.id, read.index);
    answered++;
  }
  leader.reads.splice(0, answered);
  if (leader.reads.length > 0 && confirmed === leader.readRound) beginRound(context, leader);
}

// ---- Lease --------------------------------------------------------------------------------------

/**
 * §6.4.1: since when a majority has heard from this leader, nobody of it votes for another for a
 * minimum election timeout of its own clock. The fastest clock measures that the soonest, this one
 * may be the slowest. O(v²) in the number of voters.
 */
function holdsLease({ nowUs, state }: Context, leader: LeaderRole): boolean {
  const { id, persistent, settings } = state;
  const { clockDriftPpm } = settings;
  if (clockDriftPpm === null || !settings.leaderStickiness || leader.leaseVoid) return false;
  const heardUs = committedIndex(log.latestConfiguration(persistent.log), (voter) =>
    voter === id ? nowUs : (progressOf(leader, voter)?.heardSentUs ?? -1),
  );
  const slowest = MILLION - clockDriftPpm;
  const fastest = MILLION + clockDriftPpm;
  const lengthUs = Math.floor((minimumElectionTimeoutUs(state) * slowest) / fastest);
  return heardUs >= 0 && nowUs < heardUs + lengthUs;
}

// ---- Followers ----------------------------------------------------------------------------------

/** One question at a time; it stands for all reads that came in before it was asked. */
function askLeader(context: Context): void {
  const { followerReads, leaderId } = context.state.volatile;
  const latest = followerReads.waiting.at(-1);
  if (leaderId === null || latest === undefined) return;
  followerReads.asked = latest;
  sendReadIndex(context, leaderId, latest);
}

/** The question or its answer may be lost, or the leader be another: asks again. */
export function askLeaderAgain(context: Context): void {
  const { nowUs, state } = context;
  const { followerReads, leaderId } = state.volatile;
  if (leaderId === null || followerReads.waiting.length === 0) return;
  if (followerReads.asked === null) askLeader(context);
  // The round that the question has begun is no heartbeat.
  else if (nowUs - followerReads.askedUs >= heartbeatUs(state) / 2) {
    sendReadIndex(context, leaderId, followerReads.asked);
  }
}

function sendReadIndex(context: Context, to: NodeId, readId: number): void {
  const { id, persistent, volatile } = context.state;
  const { nonce } = volatile.followerReads;
  volatile.followerReads.askedUs = context.nowUs;
  send(context, { kind: 'ReadIndex', from: id, to, term: persistent.currentTerm, nonce, readId });
}

export function handleReadIndex(context: Context, message: ReadIndex): void {
  const { role } = context.state;
  const { from, nonce, readId } = message;
  if (role.kind !== 'leader') {
    answerFollower(context, from, nonce, readId, null);
    return;
  }
  const waits = role.reads.some(
    (read) => read.from === from && read.nonce === nonce && read.id === readId,
  );
  if (!waits) awaitRound(context, role, { id: readId, from, nonce });
}

function answerFollower(
  context: Context,
  to: NodeId,
  nonce: number,
  readId: number,
  index: Index | null,
): void {
  const { id, persistent } = context.state;
  const term = persistent.currentTerm;
  send(context, { kind: 'ReadIndexResponse', from: id, to, term, nonce, readId, index });
}

export function handleReadIndexResponse(context: Context, message: ReadIndexResponse): void {
  const { followerReads } = context.state.volatile;
  const { index, nonce, readId } = message;
  // The answer to another life's question, or to one that was answered before.
  if (nonce !== followerReads.nonce || readId !== followerReads.asked) return;
  followerReads.asked = null;
  // Who was asked does not lead: with the next heartbeat it is known who does.
  if (index === null) return;
  let answered = 0;
  for (const id of followerReads.waiting) {
    if (id > readId) break;
    answer(context, id, { kind: 'readable', index });
    answered++;
  }
  followerReads.waiting.splice(0, answered);
  askLeader(context);
}
