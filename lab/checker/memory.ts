/**
 * What is remembered of a server to judge its next step by, where `Seen` is of what stands in logs:
 * the state is moved in place, so whatever a step is compared with is written down after the one
 * before it.
 */
import { lastIndex, lastTerm, latestConfiguration } from '../../src/raft/log.ts';
import type {
  Configuration,
  Effect,
  Index,
  Input,
  InstallSnapshot,
  Membership,
  Message,
  NodeId,
  RaftState,
  Role,
  SnapshotMeta,
  Term,
} from '../../src/raft/types.ts';

/** One step: what came, what the core asked for, and the state after it. */
export type Step = {
  readonly input: Input;
  readonly message: Message | null;
  readonly effects: readonly Effect[];
  readonly state: RaftState;
};

/** What a server was asked, and when. */
export type Asked = {
  readonly kind: 'propose' | 'read' | 'configure' | 'transfer';
  readonly atUs: number;
  readonly commitIndex: Index;
  /** Of a read: how many exchanges with a majority had ended. */
  readonly exchanges: number;
  /** Of a read: it may be answered by the lease. */
  readonly byLease: boolean;
  /** Of a read: this server does not lead, and asks who does. */
  readonly byFollower: boolean;
  readonly membership: Membership | null;
  /** The configuration in force when it was asked. */
  readonly configuration: Configuration;
  /** Of a transfer: to whom. */
  readonly to: NodeId | null;
};

/** What a leader and another server have exchanged. */
export type Peer = {
  sentUs: number;
  /** When it last answered, and when the latest of the messages that it has answered was sent. */
  heardUs: number;
  heardSentUs: number;
  /** Messages with entries that may be under way, of this attempt; oldest first. */
  attempt: number;
  pipelined: boolean;
  readonly underWay: { readonly lastIndex: Index; readonly bytes: number }[];
  underWayBytes: number;
  /** A probe with entries is under way. */
  probed: boolean;
  /** The snapshot that it was last begun to be sent, while that goes on. */
  snapshot: InstallSnapshot['snapshot'] | null;
};

/** A change with new voters that are to catch up. */
export type CatchUp = {
  readonly id: number;
  readonly deadlineUs: number;
  /** Where the leader's log ended, and since when; oldest first. */
  readonly ends: { readonly atUs: number; readonly index: Index }[];
};

/** While a server leads. */
export type Lead = {
  /** The entry that began its term. */
  readonly startIndex: Index;
  readonly sinceUs: number;
  readonly peers: Map<NodeId, Peer>;
  /** No heartbeat is due before this. */
  heartbeatsLookUs: number;
  /** From here on silence counts: when it was elected, held up, or got other members. */
  quorumFromUs: number;
  quorumLookUs: number;
  uncommittedBytes: number;
  hasTransferred: boolean;
  /** When a server was last told to start an election. */
  calledUs: number;
  catchUp: CatchUp | null;
  /** What the configuration was before a change that was given up, until it is so again. */
  undo: Configuration | null;
  /** Exchanges of messages with a majority, while reads wait, and when the present one began. */
  exchanges: number;
  exchangeUs: number;
  /** Followers' questions that have not been answered. */
  readonly questions: Map<string, { readonly atUs: number; readonly commitIndex: Index }>;
};

export type Memory = {
  nowUs: number;
  role: Role;
  currentTerm: Term;
  votedFor: NodeId | null;
  leaderId: NodeId | null;
  /** When a leader was last heard from, as far as its messages were obeyed. */
  heardUs: number;
  electionDeadlineUs: number;
  roundTripUs: number;
  receiving: RaftState['volatile']['receiving'];
  receivedBytes: number;
  /** The last chunk has come. */
  receivedAll: boolean;
  commitIndex: Index;
  lastIndex: Index;
  lastTerm: Term;
  baseIndex: Index;
  snapshot: SnapshotMeta | null;
  configuration: Configuration;
  /** Election timeouts drawn in a row that lay in the same half; negative is the lower one. */
  sameHalf: number;
  /** Who would vote for this server, in its present term. */
  readonly preVotes: Set<NodeId>;
  /** A snapshot is being taken. */
  taking: boolean;
  lead: Lead | null;
  readonly asked: Map<number, Asked>;
  /** The latest question for a read index: to whom, when, and of which life. */
  question: { readonly to: NodeId; readonly atUs: number; readonly nonce: number } | null;
  /** The transfer that has begun and not ended. */
  transfer: {
    readonly id: number;
    readonly to: NodeId;
    readonly atUs: number;
    readonly deadlineUs: number;
  } | null;
};

/** A server as it starts. */
export function begin(state: RaftState, nowUs: number): Memory {
  const { log } = state.persistent;
  const memory: Memory = {
    nowUs,
    role: state.role,
    currentTerm: 0,
    votedFor: null,
    leaderId: null,
    // §6.4.1: what it has promised it may have forgotten.
    heardUs: state.settings.clockDriftPpm === null ? Number.NEGATIVE_INFINITY : nowUs,
    electionDeadlineUs: 0,
    roundTripUs: 0,
    receiving: null,
    receivedBytes: 0,
    receivedAll: false,
    commitIndex: 0,
    lastIndex: 0,
    lastTerm: 0,
    baseIndex: 0,
    snapshot: null,
    configuration: latestConfiguration(log),
    sameHalf: 0,
    preVotes: new Set(),
    taking: false,
    lead: null,
    asked: new Map(),
    question: null,
    transfer: null,
  };
  noteState(memory, state, nowUs);
  return memory;
}

export function noteState(memory: Memory, state: RaftState, nowUs: number): void {
  const { persistent, role, volatile } = state;
  const { log } = persistent;
  memory.nowUs = nowUs;
  memory.role = role;
  memory.currentTerm = persistent.currentTerm;
  memory.votedFor = persistent.votedFor;
  memory.leaderId = volatile.leaderId;
  memory.electionDeadlineUs = volatile.electionDeadlineUs;
  memory.roundTripUs = volatile.roundTripUs;
  memory.receiving = volatile.receiving;
  memory.receivedBytes = volatile.receiving?.offset ?? 0;
  memory.receivedAll = volatile.receiving?.complete ?? false;
  memory.commitIndex = volatile.commitIndex;
  memory.lastIndex = lastIndex(log);
  memory.lastTerm = lastTerm(log);
  memory.baseIndex = log.baseIndex;
  memory.snapshot = persistent.snapshot;
  memory.configuration = latestConfiguration(log);
}

/** What differs from what was noted, in a word; `null` if nothing does. */
export function changed(memory: Memory, state: RaftState): string | null {
  const { persistent, role, volatile } = state;
  const { log } = persistent;
  if (persistent.currentTerm !== memory.currentTerm) return 'its term';
  if (persistent.votedFor !== memory.votedFor) return 'its vote';
  if (role !== memory.role) return 'its role';
  if (volatile.leaderId !== memory.leaderId) return 'its leader';
  if (volatile.electionDeadlineUs !== memory.electionDeadlineUs) return 'its election timer';
  if (volatile.commitIndex !== memory.commitIndex) return 'its commit index';
  const sameLog = lastIndex(log) === memory.lastIndex && lastTerm(log) === memory.lastTerm;
  if (!sameLog || log.baseIndex !== memory.baseIndex) return 'its log';
  if (volatile.receiving !== memory.receiving) return 'what it receives';
  return (volatile.receiving?.offset ?? 0) === memory.receivedBytes ? null : 'what it receives';
}

export function isVoter({ outgoing, voters }: Configuration, id: NodeId): boolean {
  return voters.includes(id) || outgoing.includes(id);
}

export function isMember(configuration: Configuration, id: NodeId): boolean {
  return isVoter(configuration, id) || configuration.learners.includes(id);
}

/** The message of a later or the present term of who leads: it is to be followed. */
export function isOrder(message: Message | null, memory: Memory): boolean {
  if (message === null || message.term < memory.currentTerm) return false;
  return message.kind === 'AppendEntries' || message.kind === 'InstallSnapshot';
}

/** The server led in this step. It may have stepped down at its end. */
export function ledIn({ state }: Step, memory: Memory): boolean {
  if (state.role.kind === 'leader') return true;
  return memory.lead !== null && state.persistent.currentTerm === memory.currentTerm;
}
