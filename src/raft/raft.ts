/**
 * A Raft server as a pure state machine: `step` moves the state by one input and returns, in order,
 * what the host must do. No clock, randomness, I/O or promise is reached from here.
 */
import { answer, type Context, markPersisted, reject, send } from './context.ts';
import {
  checkQuorum,
  handlePreVote,
  handlePreVoteResponse,
  handleRequestVote,
  handleRequestVoteResponse,
  handleTimeoutNow,
  mayCampaign,
  onElectionTimeout,
  requestVoteResponse,
  withholdsVotes,
} from './election.ts';
import { checkStep, type Summary, summarize } from './invariants.ts';
import { createLog, type LogContent, lastIndex, latestConfiguration } from './log.ts';
import {
  changeDeadlineUs,
  checkCatchUp,
  giveUpLateChange,
  handleConfigure,
  onCommitted,
} from './membership.ts';
import { onHeard } from './progress.ts';
import { nextUint32, type RandomState } from './random.ts';
import {
  askLeaderAgain,
  confirmRounds,
  handleRead,
  handleReadIndex,
  handleReadIndexResponse,
} from './reads.ts';
import {
  advanceCommitIndex,
  appendOwn,
  broadcastHeartbeat,
  handleAppendEntries,
  handleAppendEntriesResponse,
  handleInstalled,
  hearFromLeader,
  progressOf,
  refuseStaleAppendEntries,
} from './replication.ts';
import { becomeFollower, heartbeatUs, loseLeader, resetElectionTimer } from './roles.ts';
import {
  handleInstallSnapshot,
  handleReceiving,
  onSnapshotReceived,
  onSnapshotRefused,
  onSnapshotSaved,
  refuseStaleInstallSnapshot,
  takeSnapshot,
  takeSnapshotIfDue,
} from './snapshot.ts';
import {
  callSuccessor,
  concludeTransfer,
  giveUpTransfer,
  handleTransfer,
  urgeSuccessor,
} from './transfer.ts';
import {
  type AppendEntriesResponse,
  type Configuration,
  type Effect,
  type Input,
  type InstallSnapshotResponse,
  type LeaderRole,
  type Message,
  type NodeId,
  type RaftState,
  type Settings,
  type SnapshotMeta,
  type Term,
  unreachable,
} from './types.ts';

/**
 * What a server starts from: its settings, and what its disk holds (all empty at its first start).
 */
export type StartingPoint = LogContent & {
  readonly id: NodeId;
  readonly settings: Settings;
  /** The server's own stream of randomness; it becomes part of the state. */
  readonly rng: RandomState;
  readonly nowUs: number;
  /** The configuration before the first entry of the log. */
  readonly configuration: Configuration;
  readonly currentTerm: Term;
  readonly votedFor: NodeId | null;
  /** The latest snapshot; the state machine has been put into its state. */
  readonly snapshot: SnapshotMeta | null;
};

/** §3.2: every server starts as a follower, knowing of commits only what a leader will tell it. */
export function create(start: StartingPoint): RaftState {
  const { id, nowUs, rng, settings, snapshot } = start;
  const before = { index: 0, configuration: start.configuration };
  const log = createLog(snapshot?.configuration ?? before, start);
  const appliedIndex = snapshot?.index ?? 0;
  const state: RaftState = {
    id,
    settings,
    rng,
    persistent: { currentTerm: start.currentTerm, votedFor: start.votedFor, log, snapshot },
    volatile: {
      commitIndex: appliedIndex,
      lastApplied: appliedIndex,
      leaderId: null,
      // §6.4.1: a server that counts on leases may have promised not to vote, and have forgotten.
      leaderHeardUs: settings.clockDriftPpm === null ? Number.NEGATIVE_INFINITY : nowUs,
      electionDeadlineUs: 0,
      persistSequence: 0,
      pendingPersists: [],
      persistedIndex: lastIndex(log),
      bytesSinceSnapshot: 0,
      takingSnapshot: false,
      receiving: null,
      followerReads: { nonce: nextUint32(rng), waiting: [], asked: null, askedUs: 0 },
      transfer: null,
      roundTripUs: 0,
    },
    role: { kind: 'follower', reason: 'started' },
  };
  resetElectionTimer({ state, nowUs, effects: [] });
  return state;
}

/**
 * Moves `state` by one input. The effects must be carried out in order; types.ts says what each
 * asks.
 */
export function step(state: RaftState, input: Input): Effect[] {
  const before = summarize(state);
  const effects: Effect[] = [];
  const context: Context = { state, nowUs: input.nowUs, effects };
  take(context, input);
  settle(context, before);
  checkStep(before, input, effects, state);
  return effects;
}

function take(context: Context, input: Input): void {
  const { state } = context;
  switch (input.kind) {
    case 'message':
      receive(context, input.message);
      break;
    case 'timer':
      onTimer(context, input.wasHeldUp === true);
      break;
    case 'propose':
      propose(context, input.id, input.command);
      break;
    case 'read':
      handleRead(context, input.id, input.mode);
      break;
    case 'persisted':
      if (markPersisted(state, input.sequence) && state.role.kind === 'leader') {
        advanceCommitIndex(context, state.role);
      }
      break;
    case 'applied':
      state.volatile.lastApplied = input.index;
      takeSnapshotIfDue(context);
      break;
    case 'snapshotSaved':
      onSnapshotSaved(context, input.index);
      break;
    case 'snapshotNow':
      takeSnapshot(context);
      break;
    case 'snapshotReceived':
      onSnapshotReceived(context, input.snapshot);
      break;
    case 'snapshotRefused':
      onSnapshotRefused(context, input.snapshot);
      break;
    case 'configure':
      if (state.role.kind !== 'leader') reject(context, input.id, 'notLeader');
      else handleConfigure(context, state.role, input.id, input.membership, input.catchUp);
      break;
    case 'transfer':
      if (state.role.kind !== 'leader') reject(context, input.id, 'notLeader');
      else handleTransfer(context, state.role, input.id, input.to);
      break;
    default:
      unreachable(input);
  }
}

/** What follows from the step as a whole, whichever message or report it was. */
function settle(context: Context, before: Summary): void {
  const { role, volatile } = context.state;
  if (role.kind === 'leader' && volatile.commitIndex > before.commitIndex) {
    onCommitted(context, role);
    // Whoever still had to answer a round may not belong any more.
    if (context.state.role === role) confirmRounds(context, role);
  }
  // After what a commit has appended: who is told to begin must have that, too.
  if (role.kind === 'leader' && context.state.role === role) callSuccessor(context, role);
  if (volatile.leaderId !== before.leaderId) concludeTransfer(context);
}

/** When the next `timer` input is due, on the clock of `nowUs`; infinite if nothing is awaited. */
export function nextDeadlineUs(state: RaftState): number {
  const { role, settings, volatile } = state;
  const transferUs = volatile.transfer?.deadlineUs ?? Number.POSITIVE_INFINITY;
  if (role.kind !== 'leader') {
    const awaitsLeader = mayCampaign(state) || volatile.followerReads.waiting.length > 0;
    return awaitsLeader ? Math.min(volatile.electionDeadlineUs, transferUs) : transferUs;
  }
  const quorumUs = settings.checkQuorum ? role.quorumDeadlineUs : Number.POSITIVE_INFINITY;
  return Math.min(role.heartbeatDeadlineUs, quorumUs, transferUs, changeDeadlineUs(role));
}

function onTimer(context: Context, wasHeldUp: boolean): void {
  const { state, nowUs } = context;
  giveUpTransfer(context);
  if (state.role.kind !== 'leader') {
    if (nowUs >= state.volatile.electionDeadlineUs) {
      if (mayCampaign(state)) onElectionTimeout(context);
      else loseLeader(context);
    }
    return;
  }
  giveUpLateChange(context, state.role);
  if (state.settings.checkQuorum && nowUs >= state.role.quorumDeadlineUs) {
    // Who sent no heartbeats is owed no answers: it sends one first, and looks for them later.
    if (wasHeldUp) state.role.quorumDeadlineUs = nowUs + heartbeatUs(state);
    else checkQuorum(context, state.role);
  }
  if (state.role.kind === 'leader' && nowUs >= state.role.heartbeatDeadlineUs) {
    broadcastHeartbeat(context, state.role);
    urgeSuccessor(context, state.role);
  }
}

function propose(context: Context, id: number, command: Uint8Array): void {
  const { persistent, role, settings, volatile } = context.state;
  if (role.kind !== 'leader') reject(context, id, 'notLeader');
  // §3.10: "the prior leader stops accepting new client requests".
  else if (volatile.transfer !== null) reject(context, id, 'transferring');
  else if (role.uncommittedBytes >= settings.uncommittedBytes) reject(context, id, 'overloaded');
  else {
    const index = appendOwn(context, role, { kind: 'command', command });
    answer(context, id, { kind: 'accepted', index, term: persistent.currentTerm });
  }
}

/**
 * The rule for terms (§3.3), in one place: "if one server's current term is smaller than the
 * other's, then it updates its current term to the larger value"; "if a server receives a request
 * with a stale term number, it rejects the request". Behind it every handler sees a message of its
 * own term, but for PreVote (§9.6), which is about a term that nobody has entered yet.
 */
function receive(context: Context, message: Message): void {
  const { state } = context;
  const { currentTerm } = state.persistent;
  if (message.term > currentTerm && message.kind !== 'PreVote') {
    if (message.kind === 'RequestVote' && !message.leadershipTransfer) {
      if (withholdsVotes(state, context.nowUs)) return;
    }
    const leads = message.kind === 'AppendEntries' || message.kind === 'InstallSnapshot';
    const leaderId = leads ? message.from : null;
    becomeFollower(context, message.term, leaderId, `${message.from} is in term ${message.term}`);
  } else if (message.term < currentTerm && answerStale(context, message)) {
    return;
  }
  dispatch(context, message);
}

/** True if a message of an earlier term is dealt with: requests are refused, responses dropped. */
function answerStale(context: Context, message: Message): boolean {
  const { state } = context;
  switch (message.kind) {
    case 'AppendEntries':
      send(context, refuseStaleAppendEntries(state, message));
      return true;
    case 'InstallSnapshot':
      send(context, refuseStaleInstallSnapshot(state, message));
      return true;
    case 'RequestVote':
      send(context, requestVoteResponse(state, message.from, false));
      return true;
    case 'AppendEntriesResponse':
    case 'InstallSnapshotResponse':
    case 'RequestVoteResponse':
    case 'TimeoutNow':
    case 'ReadIndexResponse':
      return true;
    // Its sender does not know who leads: this server says whether it does.
    case 'ReadIndex':
    case 'PreVote':
    case 'PreVoteResponse':
      return false;
    default:
      return unreachable(message);
  }
}

function dispatch(context: Context, message: Message): void {
  switch (message.kind) {
    case 'PreVote':
      handlePreVote(context, message);
      break;
    case 'PreVoteResponse':
      handlePreVoteResponse(context, message);
      break;
    case 'RequestVote':
      handleRequestVote(context, message);
      break;
    case 'RequestVoteResponse':
      handleRequestVoteResponse(context, message);
      break;
    case 'AppendEntries':
      handleAppendEntries(context, message);
      // A heartbeat is the occasion to repeat what may have been lost.
      if (message.entries.length === 0) askLeaderAgain(context);
      break;
    case 'InstallSnapshot':
      hearFromLeader(context, message.from);
      handleInstallSnapshot(context, message);
      break;
    case 'AppendEntriesResponse':
    case 'InstallSnapshotResponse':
      receiveResponse(context, message);
      break;
    case 'TimeoutNow':
      handleTimeoutNow(context, message);
      break;
    case 'ReadIndex':
      handleReadIndex(context, message);
      break;
    case 'ReadIndexResponse':
      handleReadIndexResponse(context, message);
      break;
    default:
      unreachable(message);
  }
}

/** A response is news about the follower's life, its log, and the read round it has seen. */
function receiveResponse(
  context: Context,
  message: AppendEntriesResponse | InstallSnapshotResponse,
): void {
  const { role } = context.state;
  if (role.kind !== 'leader') return;
  const progress = progressOf(role, message.from);
  if (progress === undefined) return;
  onHeard(progress, message.sentUs, context.nowUs);
  progress.readRound = Math.max(progress.readRound, message.readRound);
  if (message.kind === 'AppendEntriesResponse') {
    handleAppendEntriesResponse(context, role, progress, message);
  } else if (message.status === 'installed') {
    handleInstalled(context, role, progress, message.index);
  } else if (message.status === 'receiving') {
    handleReceiving(context, role, progress, message);
  }
  if (context.state.settings.adaptiveTimeout !== null) noteRoundTrip(context.state, role);
  checkCatchUp(context, role, progress);
  confirmRounds(context, role);
}

/**
 * The longest round trip to any voter, with room for its variation as TCP's retransmission has
 * (RFC 6298): whoever campaigns must hear from a majority, which may be the far ones.
 */
function noteRoundTrip(state: RaftState, leader: LeaderRole): void {
  const voters = latestConfiguration(state.persistent.log).voters;
  let longestUs = 0;
  for (const { id, roundTripUs, roundTripVariationUs } of leader.progress) {
    if (voters.includes(id))
      longestUs = Math.max(longestUs, roundTripUs + 4 * roundTripVariationUs);
  }
  state.volatile.roundTripUs = longestUs;
}
