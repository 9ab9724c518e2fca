/**
 * A Raft server as a pure state machine: `step` moves the state by one input and returns, in order,
 * what the host must do. No clock, randomness, I/O or promise is reached from here.
 */
import { answer, type Context, markPersisted, send } from './context.ts';
import {
  checkQuorum,
  handlePreVote,
  handlePreVoteResponse,
  handleRequestVote,
  handleRequestVoteResponse,
  mayCampaign,
  onElectionTimeout,
  requestVoteResponse,
  withholdsVotes,
} from './election.ts';
import { checkStep, summarize } from './invariants.ts';
import { createLog, lastIndex } from './log.ts';
import type { RandomState } from './random.ts';
import { confirmRounds, handleRead } from './reads.ts';
import {
  advanceCommitIndex,
  appendOwn,
  broadcastHeartbeat,
  handleAppendEntries,
  handleAppendEntriesResponse,
  progressOf,
  refuseStaleAppendEntries,
} from './replication.ts';
import { becomeFollower, resetElectionTimer } from './roles.ts';
import {
  type AppendEntriesResponse,
  type Configuration,
  type Effect,
  type Entry,
  type Input,
  type Message,
  type NodeId,
  type RaftState,
  type Settings,
  type Term,
  unreachable,
} from './types.ts';

/**
 * What a server starts from: its settings, and what its disk holds (all empty at its first start).
 */
export type StartingPoint = {
  readonly id: NodeId;
  readonly settings: Settings;
  /** The server's own stream of randomness; it becomes part of the state. */
  readonly rng: RandomState;
  readonly nowUs: number;
  /** The configuration before the first entry of the log. */
  readonly configuration: Configuration;
  readonly currentTerm: Term;
  readonly votedFor: NodeId | null;
  readonly entries: readonly Entry[];
};

/** §3.2: every server starts as a follower, knowing of commits only what a leader will tell it. */
export function create(start: StartingPoint): RaftState {
  const log = createLog(start.configuration, start.entries);
  const state: RaftState = {
    id: start.id,
    settings: start.settings,
    rng: start.rng,
    persistent: { currentTerm: start.currentTerm, votedFor: start.votedFor, log },
    volatile: {
      commitIndex: 0,
      lastApplied: 0,
      leaderId: null,
      leaderHeardUs: 0,
      electionDeadlineUs: 0,
      persistSequence: 0,
      pendingPersists: [],
      persistedIndex: lastIndex(log),
    },
    role: { kind: 'follower', reason: 'started' },
  };
  resetElectionTimer({ state, nowUs: start.nowUs, effects: [] });
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
  switch (input.kind) {
    case 'message':
      receive(context, input.message);
      break;
    case 'timer':
      onTimer(context);
      break;
    case 'propose':
      propose(context, input.id, input.command);
      break;
    case 'read':
      if (state.role.kind === 'leader') handleRead(context, state.role, input.id);
      else reject(context, input.id);
      break;
    case 'persisted':
      if (markPersisted(state, input.sequence) && state.role.kind === 'leader') {
        advanceCommitIndex(context, state.role);
      }
      break;
    case 'applied':
      state.volatile.lastApplied = input.index;
      break;
    default:
      unreachable(input);
  }
  checkStep(before, input, effects, state);
  return effects;
}

/** When the next `timer` input is due, on the clock of `nowUs`; infinite if nothing is awaited. */
export function nextDeadlineUs(state: RaftState): number {
  if (state.role.kind === 'leader') {
    const { heartbeatDeadlineUs, quorumDeadlineUs } = state.role;
    return state.settings.checkQuorum
      ? Math.min(heartbeatDeadlineUs, quorumDeadlineUs)
      : heartbeatDeadlineUs;
  }
  return mayCampaign(state) ? state.volatile.electionDeadlineUs : Number.POSITIVE_INFINITY;
}

function onTimer(context: Context): void {
  const { state, nowUs } = context;
  if (state.role.kind !== 'leader') {
    if (nowUs >= state.volatile.electionDeadlineUs && mayCampaign(state)) {
      onElectionTimeout(context);
    }
    return;
  }
  if (state.settings.checkQuorum && nowUs >= state.role.quorumDeadlineUs) {
    checkQuorum(context, state.role);
  }
  if (state.role.kind === 'leader' && nowUs >= state.role.heartbeatDeadlineUs) {
    broadcastHeartbeat(context, state.role);
  }
}

function propose(context: Context, id: number, command: Uint8Array): void {
  const { state } = context;
  if (state.role.kind !== 'leader') {
    reject(context, id);
    return;
  }
  const index = appendOwn(context, state.role, { kind: 'command', command });
  answer(context, id, { kind: 'accepted', index, term: state.persistent.currentTerm });
}

function reject(context: Context, id: number): void {
  answer(context, id, { kind: 'rejected', leaderId: context.state.volatile.leaderId });
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
    if (message.kind === 'RequestVote' && withholdsVotes(state, context.nowUs)) return;
    const leaderId = message.kind === 'AppendEntries' ? message.from : null;
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
    case 'RequestVote':
      send(context, requestVoteResponse(state, message.from, false));
      return true;
    case 'AppendEntriesResponse':
    case 'RequestVoteResponse':
      return true;
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
      break;
    case 'AppendEntriesResponse':
      receiveAppendEntriesResponse(context, message);
      break;
    default:
      unreachable(message);
  }
}

/** A response is news about the follower's life, its log, and the read round it has seen. */
function receiveAppendEntriesResponse(context: Context, message: AppendEntriesResponse): void {
  const { role } = context.state;
  if (role.kind !== 'leader') return;
  const progress = progressOf(role, message.from);
  if (progress === undefined) return;
  progress.active = true;
  progress.readRound = Math.max(progress.readRound, message.readRound);
  handleAppendEntriesResponse(context, role, progress, message);
  confirmRounds(context, role);
}
