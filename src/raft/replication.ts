/** AppendEntries both ways (§3.5, §3.6.2), batched and pipelined (§10.2). */
import { type Context, commitTo, saveEntries, send } from './context.ts';
import * as log from './log.ts';
import { mayAppend, onHeartbeat, onMatch, onReject, onSent } from './progress.ts';
import { committedIndex } from './quorum.ts';
import { becomeFollower, heartbeatUs, resetElectionTimer, setLeader } from './roles.ts';
import { askForProgress, beginSnapshot } from './snapshot.ts';
import type {
  AppendEntries,
  AppendEntriesResponse,
  Configuration,
  Entry,
  Index,
  LeaderRole,
  NodeId,
  Progress,
  RaftState,
} from './types.ts';

// ---- Leader -------------------------------------------------------------------------------------

/** §3.5: the leader appends to its own log, then replicates. Returns the entry's index. */
export function appendOwn(
  context: Context,
  leader: LeaderRole,
  content:
    | { kind: 'noop' }
    | { kind: 'command'; command: Uint8Array }
    | { kind: 'configuration'; configuration: Configuration },
): Index {
  const { state } = context;
  const index = log.lastIndex(state.persistent.log) + 1;
  const entry: Entry = Object.freeze({ index, term: state.persistent.currentTerm, ...content });
  leader.uncommittedBytes += log.entryBytes(entry);
  saveEntries(context, null, [entry]);
  replicate(context, leader);
  return index;
}

/** Sends each follower what it lacks, as far as its window allows. */
export function replicate(context: Context, leader: LeaderRole): void {
  for (const progress of leader.progress) sendEntries(context, leader, progress);
}

function sendEntries(context: Context, leader: LeaderRole, progress: Progress): void {
  const { settings, persistent } = context.state;
  while (progress.nextIndex <= log.lastIndex(persistent.log) && mayAppend(progress, settings)) {
    if (progress.nextIndex <= persistent.log.baseIndex) {
      beginSnapshot(context, leader, progress);
      return;
    }
    const entries = log.batchFrom(
      persistent.log,
      progress.nextIndex,
      settings.batchEntries,
      settings.batchBytes,
    );
    sendAppendEntries(context, leader, progress, entries);
    let bytes = 0;
    for (const entry of entries) bytes += log.entryBytes(entry);
    onSent(progress, progress.nextIndex + entries.length - 1, bytes);
  }
}

/**
 * A heartbeat to every follower (§3.4). It carries the commit index and the read round, and follows
 * the last entry sent, so that a follower that lost one refuses it: heartbeats detect loss as well.
 */
export function broadcastHeartbeat(context: Context, leader: LeaderRole): void {
  leader.heartbeatDeadlineUs = context.nowUs + heartbeatUs(context.state);
  for (const progress of leader.progress) {
    onHeartbeat(progress);
    const lacks = progress.nextIndex <= log.lastIndex(context.state.persistent.log);
    if (lacks && mayAppend(progress, context.state.settings)) {
      sendEntries(context, leader, progress);
    } else {
      sendHeartbeat(context, leader, progress);
    }
  }
}

function sendHeartbeat(context: Context, leader: LeaderRole, progress: Progress): void {
  if (progress.nextIndex <= context.state.persistent.log.baseIndex) {
    beginSnapshot(context, leader, progress);
  } else if (progress.state === 'snapshot') askForProgress(context, leader, progress);
  else sendAppendEntries(context, leader, progress, []);
}

/** An empty AppendEntries to every follower, so that a read round begins at once (§6.4). */
export function broadcastRound(context: Context, leader: LeaderRole): void {
  for (const progress of leader.progress) sendHeartbeat(context, leader, progress);
}

function sendAppendEntries(
  context: Context,
  leader: LeaderRole,
  progress: Progress,
  entries: readonly Entry[],
): void {
  const { nowUs, state } = context;
  const { id, persistent, settings, volatile } = state;
  const prevLogIndex = progress.nextIndex - 1;
  const prevLogTerm = log.termAt(persistent.log, prevLogIndex);
  if (prevLogTerm === undefined) throw new Error(`no entry ${prevLogIndex} to follow`);
  send(
    context,
    {
      kind: 'AppendEntries',
      from: id,
      to: progress.id,
      term: persistent.currentTerm,
      prevLogIndex,
      prevLogTerm,
      entries,
      leaderCommit: volatile.commitIndex,
      readRound: leader.readRound,
      attempt: progress.attempt,
      sentUs: nowUs,
      roundTripUs: volatile.roundTripUs,
    },
    settings.parallelDiskWrite ? 'term' : 'log',
  );
}

/** The part of a response that concerns the log; the caller has noted activity and read round. */
export function handleAppendEntriesResponse(
  context: Context,
  leader: LeaderRole,
  progress: Progress,
  message: AppendEntriesResponse,
): void {
  if (message.success) {
    if (onMatch(progress, message.matchIndex, message.attempt)) advanceCommitIndex(context, leader);
  } else {
    const { log: ownLog } = context.state.persistent;
    const hint = log.lastPossibleMatch(ownLog, message.hintIndex, message.hintTerm);
    onReject(progress, message.prevLogIndex, hint, message.attempt);
  }
  sendEntries(context, leader, progress);
}

/** The follower has installed the snapshot: entries follow on where it ends. */
export function handleInstalled(
  context: Context,
  leader: LeaderRole,
  progress: Progress,
  index: Index,
): void {
  if (onMatch(progress, index, progress.attempt)) advanceCommitIndex(context, leader);
  sendEntries(context, leader, progress);
}

/**
 * §3.6.2: "only log entries from the leader's current term are committed by counting replicas";
 * those before are then committed indirectly. The leader counts itself only for what its own disk
 * holds.
 */
export function advanceCommitIndex(context: Context, leader: LeaderRole): void {
  const { id, persistent, volatile } = context.state;
  const index = committedIndex(log.latestConfiguration(persistent.log), (voter) =>
    voter === id ? volatile.persistedIndex : matchIndexOf(leader, voter),
  );
  if (index <= volatile.commitIndex) return;
  if (log.termAt(persistent.log, index) !== persistent.currentTerm) return;
  commitTo(context, index);
}

function matchIndexOf(leader: LeaderRole, id: NodeId): Index {
  return progressOf(leader, id)?.matchIndex ?? 0;
}

export function progressOf(leader: LeaderRole, id: NodeId): Progress | undefined {
  return leader.progress.find((progress) => progress.id === id);
}

// ---- Follower -----------------------------------------------------------------------------------

/** Figure 3.1, AppendEntries RPC, receiver implementation; the terms are equal here. */
export function handleAppendEntries(context: Context, message: AppendEntries): void {
  const { persistent, volatile } = context.state;
  hearFromLeader(context, message.from);
  volatile.roundTripUs = message.roundTripUs;
  // What a snapshot covers is committed, so it is as in the log of any leader (figure 5.3).
  const covered = message.prevLogIndex < persistent.log.baseIndex;
  if (!covered && log.termAt(persistent.log, message.prevLogIndex) !== message.prevLogTerm) {
    refuse(context, message);
    return;
  }
  appendMissing(context, message);
  const matchIndex = message.prevLogIndex + message.entries.length;
  if (Math.min(message.leaderCommit, matchIndex) > volatile.commitIndex) {
    // Figure 3.1: "set commitIndex = min(leaderCommit, index of last new entry)".
    commitTo(context, Math.min(message.leaderCommit, matchIndex));
  }
  respond(context, message, matchIndex);
}

/** A message of the current term's leader: it is followed, and no election is due. */
export function hearFromLeader(context: Context, from: NodeId): void {
  const { state, nowUs } = context;
  const { volatile } = state;
  if (state.role.kind !== 'follower') {
    // §3.4: a candidate that hears from a leader of its own term "returns to follower state".
    const { currentTerm } = state.persistent;
    becomeFollower(context, currentTerm, from, `${from} leads this term`);
  }
  setLeader(state, from);
  volatile.leaderHeardUs = nowUs;
  resetElectionTimer(context);
}

/**
 * "If an existing entry conflicts with a new one, delete it and all that follow; append the rest."
 */
function appendMissing(context: Context, message: AppendEntries): void {
  const { log: ownLog } = context.state.persistent;
  const { entries } = message;
  let held = 0;
  while (held < entries.length) {
    const { index, term } = entries[held] as Entry;
    if (index > ownLog.baseIndex && log.termAt(ownLog, index) !== term) break;
    held++;
  }
  const first = entries[held];
  if (first === undefined) return;
  // Only a true conflict cuts: a delayed, shorter message must not remove what came after it.
  const conflicts = first.index <= log.lastIndex(ownLog);
  saveEntries(context, conflicts ? first.index : null, entries.slice(held));
}

function respond(context: Context, message: AppendEntries, matchIndex: Index): void {
  const { id, persistent, volatile } = context.state;
  const withEntries = message.entries.length > 0;
  send(
    context,
    {
      kind: 'AppendEntriesResponse',
      from: id,
      to: message.from,
      term: persistent.currentTerm,
      readRound: message.readRound,
      attempt: message.attempt,
      sentUs: message.sentUs,
      success: true,
      // A heartbeat is answered at once, so it may vouch only for what is durable already.
      matchIndex: withEntries ? matchIndex : Math.min(matchIndex, volatile.persistedIndex),
    },
    withEntries ? 'log' : 'term',
  );
}

function refuse(context: Context, message: AppendEntries): void {
  const { id, persistent } = context.state;
  const hintIndex = log.lastPossibleMatch(
    persistent.log,
    message.prevLogIndex,
    message.prevLogTerm,
  );
  send(context, {
    kind: 'AppendEntriesResponse',
    from: id,
    to: message.from,
    term: persistent.currentTerm,
    readRound: message.readRound,
    attempt: message.attempt,
    sentUs: message.sentUs,
    success: false,
    prevLogIndex: message.prevLogIndex,
    hintIndex,
    hintTerm: log.termAt(persistent.log, hintIndex) ?? 0,
  });
}

/**
 * Figure 3.1: "reply false if term < currentTerm"; the reply's term makes the old leader step down.
 */
export function refuseStaleAppendEntries(
  state: RaftState,
  message: AppendEntries,
): AppendEntriesResponse {
  return {
    kind: 'AppendEntriesResponse',
    from: state.id,
    to: message.from,
    term: state.persistent.currentTerm,
    // It speaks of this term, in which its receiver may lead by the time it arrives: what it says
    // of rounds and logs of an earlier term must mean nothing there.
    readRound: 0,
    attempt: 0,
    sentUs: -1,
    success: false,
    prevLogIndex: 0,
    hintIndex: 0,
    hintTerm: 0,
  };
}
