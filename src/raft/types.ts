/**
 * The protocol on one page: what a server keeps, what it is told, what it asks for.
 *
 * Names are those of Ongaro's dissertation (2014), whose sections the comments cite as "§". Time is
 * an integer of microseconds on the host's clock; settings are in milliseconds.
 */
import type { RandomState } from './random.ts';

export type NodeId = string;
export type Term = number;
/** Position in the log, counted from 1; 0 means "before the first entry". */
export type Index = number;

/**
 * Who belongs to the cluster (ch. 4). While `outgoing` is not empty the configuration is joint:
 * every decision needs a majority of `voters` and one of `outgoing`. Learners receive entries and
 * do not vote.
 */
export type Configuration = {
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
};

/** Frozen once made; the bytes of a command are opaque to the core and never changed. */
export type Entry = Readonly<
  { index: Index; term: Term } & (
    | { kind: 'noop' }
    | { kind: 'command'; command: Uint8Array }
    | { kind: 'configuration'; configuration: Configuration }
  )
>;

/** The entries after a base; the base is 0 or the last entry that a snapshot covers (§5.1). */
export type Log = {
  baseIndex: Index;
  baseTerm: Term;
  entries: Entry[];
  /** The configurations in force from an index on, oldest first; never empty. */
  configurations: { index: Index; configuration: Configuration }[];
};

export type Settings = {
  /** Election timeouts are drawn uniformly from this range, at 1 µs (§3.4). */
  readonly electionTimeoutMs: readonly [low: number, high: number];
  readonly heartbeatMs: number;
  /** §9.6: ask whether an election could be won before disturbing the cluster with a new term. */
  readonly preVote: boolean;
  /** §6.2: a leader that has not heard from a quorum for an election timeout steps down. */
  readonly checkQuorum: boolean;
  /**
   * §4.2.3: no votes and pre-votes within the minimum election timeout of hearing from a leader.
   */
  readonly leaderStickiness: boolean;
  /** §10.2.1: the leader replicates an entry while it writes it to its own disk. */
  readonly parallelDiskWrite: boolean;
  /** §10.2.2: AppendEntries with entries that may be in flight to one follower. */
  readonly windowMessages: number;
  /** Most entries in one AppendEntries. */
  readonly batchEntries: number;
  /** Most bytes of commands in one AppendEntries; a single larger entry travels alone. */
  readonly batchBytes: number;
};

// ---- Messages (dissertation, figure 3.1) --------------------------------------------------------

type Envelope = {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's current term; it is durable before the message leaves. */
  readonly term: Term;
};

export type PreVote = Envelope & {
  readonly kind: 'PreVote';
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
};

export type PreVoteResponse = Envelope & {
  readonly kind: 'PreVoteResponse';
  /** The `term` of the request this answers: its sender may be ahead of the one who answers. */
  readonly requestTerm: Term;
  readonly voteGranted: boolean;
};

export type RequestVote = Envelope & {
  readonly kind: 'RequestVote';
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
};

export type RequestVoteResponse = Envelope & {
  readonly kind: 'RequestVoteResponse';
  readonly voteGranted: boolean;
};

export type AppendEntries = Envelope & {
  readonly kind: 'AppendEntries';
  readonly prevLogIndex: Index;
  readonly prevLogTerm: Term;
  readonly entries: readonly Entry[];
  readonly leaderCommit: Index;
  /**
   * §6.4: the latest read round; a response with the same number confirms the leader's authority.
   */
  readonly readRound: number;
  /** The sender's count of returns to probing (`Progress`); a response carries the same number. */
  readonly attempt: number;
};

export type AppendEntriesResponse = Envelope & {
  readonly kind: 'AppendEntriesResponse';
  readonly readRound: number;
  readonly attempt: number;
} & (
    | { readonly success: true; readonly matchIndex: Index }
    /**
     * The follower has no entry `prevLogIndex` of that term. The hint is its last entry that could
     * match: the largest index up to `prevLogIndex` whose term is at most `prevLogTerm` (§3.5).
     */
    | {
        readonly success: false;
        readonly prevLogIndex: Index;
        readonly hintIndex: Index;
        readonly hintTerm: Term;
      }
  );

export type Message =
  | PreVote
  | PreVoteResponse
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse;

// ---- Inputs and effects -------------------------------------------------------------------------

/** How a read is made linearizable. */
export type ReadMode = 'readIndex';

export type Input = { readonly nowUs: number } & (
  | { readonly kind: 'message'; readonly message: Message }
  /** `nextDeadlineUs` has passed. */
  | { readonly kind: 'timer' }
  /** Append a command, if this server leads; `id` is the host's, for the answer. */
  | { readonly kind: 'propose'; readonly id: number; readonly command: Uint8Array }
  | { readonly kind: 'read'; readonly id: number; readonly mode: ReadMode }
  /** Every persist up to this sequence number is durable. */
  | { readonly kind: 'persisted'; readonly sequence: number }
  /** The state machine has executed every entry up to `index`. */
  | { readonly kind: 'applied'; readonly index: Index }
);

/** What must reach the disk, in this order: term and vote, then the cut, then the entries. */
export type PersistChange = {
  readonly termAndVote: { readonly currentTerm: Term; readonly votedFor: NodeId | null } | null;
  /** Entries from this index on are removed; `null` removes none. */
  readonly truncateFrom: Index | null;
  readonly entries: readonly Entry[];
};

export type Answer =
  /** The command stands in the leader's log; it is not committed yet. */
  | { readonly kind: 'accepted'; readonly index: Index; readonly term: Term }
  /** The read may be served once the state machine has applied `index`. */
  | { readonly kind: 'readable'; readonly index: Index }
  /** Surely not executed: this server does not lead, or no longer does. */
  | { readonly kind: 'rejected'; readonly leaderId: NodeId | null };

export type Effect =
  /**
   * Send when the earlier persists it waits for are durable, those of earlier steps included:
   * `'log'` waits for all of them, `'term'` only for those that change term or vote.
   */
  | { readonly kind: 'send'; readonly message: Message; readonly after: 'term' | 'log' }
  | { readonly kind: 'persist'; readonly sequence: number; readonly change: PersistChange }
  /** Execute these committed entries, in order. Waits for nothing. */
  | { readonly kind: 'apply'; readonly entries: readonly Entry[] }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer };

// ---- State (dissertation, figure 3.1) -----------------------------------------------------------

/** A leader's view of one other server (§3.5, §10.2.2). Transitions are in progress.ts. */
export type Progress = {
  readonly id: NodeId;
  /** `probe`: one message at a time until one matches; `replicate`: pipelined. */
  state: 'probe' | 'replicate';
  /** Highest index known to be durable on that server. */
  matchIndex: Index;
  /** Next index to send. Invariant: nextIndex > matchIndex. */
  nextIndex: Index;
  /** Last index of each AppendEntries in flight, oldest first; at most `windowMessages`. */
  inflight: Index[];
  /** A probe is under way; the next one waits for its response or a heartbeat. */
  probing: boolean;
  /**
   * How often a pipeline has been given up for a probe. What the messages of an earlier one are
   * answered says nothing about this one, but for what they say is durable.
   */
  attempt: number;
  /** Heard from since the last quorum check (§6.2). */
  active: boolean;
  /** Highest read round it has acknowledged (§6.4). */
  readRound: number;
};

export type PendingRead = { readonly id: number; readonly index: Index; readonly round: number };

/** `reason` says why the server took this role, for traces. */
export type Role =
  | { readonly kind: 'follower'; readonly reason: string }
  | { readonly kind: 'preCandidate'; readonly reason: string; votes: Record<NodeId, boolean> }
  | { readonly kind: 'candidate'; readonly reason: string; votes: Record<NodeId, boolean> }
  | LeaderRole;

export type LeaderRole = {
  readonly kind: 'leader';
  readonly reason: string;
  /** One per other server of the configuration, voters and learners. */
  progress: Progress[];
  /** Index of the no-op that began this leader's term (§6.4). */
  readonly termStartIndex: Index;
  heartbeatDeadlineUs: number;
  quorumDeadlineUs: number;
  /** The latest read round begun, the latest confirmed by a quorum, and the reads that wait. */
  readRound: number;
  confirmedRound: number;
  reads: PendingRead[];
};

export type RaftState = {
  readonly id: NodeId;
  readonly settings: Settings;
  readonly rng: RandomState;
  /** Survives a crash; changed only together with a `persist` effect. */
  readonly persistent: { currentTerm: Term; votedFor: NodeId | null; readonly log: Log };
  readonly volatile: {
    /** Invariant: lastApplied <= commitIndex <= last index of the log. */
    commitIndex: Index;
    lastApplied: Index;
    /** The leader of the current term, as far as known. */
    leaderId: NodeId | null;
    /** When that leader was last heard from. */
    leaderHeardUs: number;
    electionDeadlineUs: number;
    /** Number of the latest persist, and those not yet reported durable, oldest first. */
    persistSequence: number;
    pendingPersists: { readonly sequence: number; lastIndex: Index }[];
    /** This server's own log is durable up to here. */
    persistedIndex: Index;
  };
  role: Role;
};

/** Completes a switch: a new kind of message or input does not compile until it is answered. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
