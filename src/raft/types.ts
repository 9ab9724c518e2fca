/**
 * The protocol on one page: what a server keeps, what it is told, what it asks for.
 *
 * Names are those of Ongaro's dissertation (2014), whose sections the comments cite as "§". Time is
 * an integer of microseconds on the host's clock; settings are in milliseconds.
 */
import type { RandomState } from './random.ts';

/**
 * A member's name: its id, and from its second life on its incarnation (identity.ts). To the core
 * a server whose disk was wiped is another server.
 */
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

/** A configuration and the entry that brought it; index 0 is before the first entry. */
export type PlacedConfiguration = { readonly index: Index; readonly configuration: Configuration };

/**
 * The entries after a base; the base is 0 or an entry that a snapshot covers (§5.1). Some entries
 * that the snapshot covers are kept, for followers that are a little behind.
 */
export type Log = {
  baseIndex: Index;
  baseTerm: Term;
  entries: Entry[];
  /**
   * The configurations in force from an index on, oldest first; never empty. The first is the one
   * that holds at the latest snapshot: what may be cut lies behind it.
   */
  configurations: PlacedConfiguration[];
};

/** What a snapshot stands for (figure 5.3): the state after entry `index`, whose term is `term`. */
export type SnapshotMeta = {
  readonly index: Index;
  readonly term: Term;
  readonly configuration: PlacedConfiguration;
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
  /** Most bytes of entries in flight to one follower. */
  readonly windowBytes: number;
  /**
   * Most bytes of entries in a leader's log that are not committed; beyond it commands are refused.
   */
  readonly uncommittedBytes: number;
  /** §5.1.3: a snapshot is due after so many entries or bytes since the last one. */
  readonly snapshotEntries: number;
  readonly snapshotBytes: number;
  /** What of the log is kept behind a snapshot, for followers that are a little behind. */
  readonly keptEntries: number;
  readonly keptBytes: number;
  /** Most bytes of a snapshot in one InstallSnapshot. */
  readonly chunkBytes: number;
  /**
   * §6.4.1: clocks are taken to run no more than so many microseconds a second slow or fast; leases
   * are shortened by it. `null`: there are no leases. They need `leaderStickiness`.
   */
  readonly clockDriftPpm: number | null;
  /** §4.2.1: how long new servers may take to catch up before a change is given up. */
  readonly catchUpTimeoutMs: number;
  /**
   * Election timeouts are `factor` round trips instead, as far as these are known: drawn from there
   * up to twice as much, from no less than `floorMs` and no more than twice `electionTimeoutMs`.
   */
  readonly adaptiveTimeout: { readonly floorMs: number; readonly factor: number } | null;
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
  /** §4.2.3: "I have permission to disrupt the leader", which has asked for it by TimeoutNow. */
  readonly leadershipTransfer: boolean;
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
  /** The leader's clock when it sent this; a response carries the same number. */
  readonly sentUs: number;
  /** The round trip to this follower as the leader has measured it; 0 while it has not. */
  readonly roundTripUs: number;
};

export type AppendEntriesResponse = Envelope & {
  readonly kind: 'AppendEntriesResponse';
  readonly readRound: number;
  readonly attempt: number;
  readonly sentUs: number;
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

/** Figure 5.3. A chunk without data asks how far the follower has come. */
export type InstallSnapshot = Envelope & {
  readonly kind: 'InstallSnapshot';
  readonly snapshot: SnapshotMeta;
  /** Where in the snapshot the data belongs, in bytes. */
  readonly offset: number;
  readonly data: Uint8Array;
  /** These are the last bytes. */
  readonly done: boolean;
  readonly readRound: number;
  readonly sentUs: number;
};

export type InstallSnapshotResponse = Envelope & {
  readonly kind: 'InstallSnapshotResponse';
  /** The snapshot that was offered. */
  readonly index: Index;
  readonly readRound: number;
  readonly sentUs: number;
} & (
    | { readonly status: 'installed' }
    /** All bytes are there and on their way to the disk. */
    | { readonly status: 'received' }
    /** The bytes up to `offset` are there. */
    | { readonly status: 'receiving'; readonly offset: number }
  );

/** §3.10: the receiver is to start an election at once. */
export type TimeoutNow = Envelope & { readonly kind: 'TimeoutNow' };

/** §6.4: a follower asks up to which index it must have applied, to answer its reads itself. */
export type ReadIndex = Envelope & {
  readonly kind: 'ReadIndex';
  /** Tells the follower's lives apart, and its requests: an answer carries both. */
  readonly nonce: number;
  readonly readId: number;
};

export type ReadIndexResponse = Envelope & {
  readonly kind: 'ReadIndexResponse';
  readonly nonce: number;
  readonly readId: number;
  /** `null`: who was asked does not lead. */
  readonly index: Index | null;
};

export type Message =
  | PreVote
  | PreVoteResponse
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | InstallSnapshot
  | InstallSnapshotResponse
  | TimeoutNow
  | ReadIndex
  | ReadIndexResponse;

// ---- Inputs and effects -------------------------------------------------------------------------

/**
 * How a read is made linearizable (§6.4): a round of heartbeats, or the lease where it holds (and a
 * round where it does not). A server that does not lead asks the leader with `follower`, and
 * refuses the others. (What goes through the log, or is stale, the core does not see.)
 */
export type ReadMode = 'readIndex' | 'lease' | 'follower';

/** Who shall belong to the cluster after a change. */
export type Membership = Pick<Configuration, 'voters' | 'learners'>;

export type Input = { readonly nowUs: number } & (
  | { readonly kind: 'message'; readonly message: Message }
  /**
   * `nextDeadlineUs` has passed. `wasHeldUp`: the host was kept from its work until long after, so
   * that it has not asked anybody for as long; not to be said of two in a row.
   */
  | { readonly kind: 'timer'; readonly wasHeldUp?: boolean }
  /** Append a command, if this server leads; `id` is the host's, for the answer. */
  | { readonly kind: 'propose'; readonly id: number; readonly command: Uint8Array }
  | { readonly kind: 'read'; readonly id: number; readonly mode: ReadMode }
  /** Every persist up to this sequence number is durable. */
  | { readonly kind: 'persisted'; readonly sequence: number }
  /** The state machine has executed every entry up to `index`. */
  | { readonly kind: 'applied'; readonly index: Index }
  /** A snapshot of the state after entry `index` has been taken and is durable. */
  | { readonly kind: 'snapshotSaved'; readonly index: Index }
  /** Take a snapshot now, whether it is due or not. */
  | { readonly kind: 'snapshotNow' }
  /** The snapshot that `receiveChunk` effects brought is durable. */
  | { readonly kind: 'snapshotReceived'; readonly snapshot: SnapshotMeta }
  /** The state machine cannot be put into what they brought; none of it is kept. */
  | { readonly kind: 'snapshotRefused'; readonly snapshot: SnapshotMeta }
  /**
   * Change the membership to this, if this server leads. With `catchUp`, new voters are learners
   * first, until they have caught up (§4.2.1).
   */
  | {
      readonly kind: 'configure';
      readonly id: number;
      readonly membership: Membership;
      readonly catchUp: boolean;
    }
  /** §3.10: hand leadership over to `to`. */
  | { readonly kind: 'transfer'; readonly id: number; readonly to: NodeId }
);

/**
 * What must reach the disk, in this order: term and vote, the cut, the entries, the compaction.
 */
export type PersistChange = {
  readonly termAndVote: { readonly currentTerm: Term; readonly votedFor: NodeId | null } | null;
  /** Entries from this index on are removed; `null` removes none. */
  readonly truncateFrom: Index | null;
  readonly entries: readonly Entry[];
  /**
   * Entries up to this one are removed, and it is the log's base; if the log does not hold this
   * very entry, all are removed. A snapshot that covers it is durable already.
   */
  readonly compactTo: { readonly index: Index; readonly term: Term } | null;
};

/** Why something was refused; surely nothing came of it, but where the comment says otherwise. */
export type Refusal =
  | 'notLeader'
  /** The leader lost its lead while a change or a transfer was under way; it may yet complete. */
  | 'leadLost'
  /** Too many bytes wait to be committed. */
  | 'overloaded'
  /** The leader is handing over. */
  | 'transferring'
  | 'transferTimeout'
  /** The transfer's target, or one of the new voters, cannot be what it is asked to be. */
  | 'notVoter'
  | 'changeInProgress'
  /** The leader has not committed an entry of its own term yet (§4.1; Ongaro 2015). */
  | 'notReady'
  | 'lastVoter'
  /** Two incarnations of one id cannot belong at once. */
  | 'otherIncarnation'
  /** New servers were too slow; the membership is as it was. */
  | 'catchUpTimeout';

export type Answer =
  /** The command stands in the leader's log; it is not committed yet. */
  | { readonly kind: 'accepted'; readonly index: Index; readonly term: Term }
  /** The read may be served once the state machine has applied `index`. */
  | { readonly kind: 'readable'; readonly index: Index }
  /** The configuration is committed, or the other server leads. */
  | { readonly kind: 'done' }
  | { readonly kind: 'rejected'; readonly reason: Refusal; readonly leaderId: NodeId | null };

export type Effect =
  /**
   * Send when the earlier persists it waits for are durable, those of earlier steps included:
   * `'log'` waits for all of them, `'term'` only for those that change term or vote.
   */
  | { readonly kind: 'send'; readonly message: Message; readonly after: 'term' | 'log' }
  | { readonly kind: 'persist'; readonly sequence: number; readonly change: PersistChange }
  /** Execute these committed entries, in order. Waits for nothing. */
  | { readonly kind: 'apply'; readonly entries: readonly Entry[] }
  /**
   * Take a snapshot of what has been applied by then, beside all else, once the persists that
   * `'term'` waits for are durable, and report `snapshotSaved` when it is.
   */
  | { readonly kind: 'takeSnapshot' }
  /**
   * Send the message with the bytes from its offset on, at most `chunkBytes`, of the snapshot it
   * names; if there is none of that index any more, send nothing. As `'term'` of `send`.
   */
  | { readonly kind: 'sendChunk'; readonly message: InstallSnapshot }
  /**
   * Keep these bytes of a snapshot that another server took, once the persists that `'term'` waits
   * for are durable; those at offset 0 begin it anew. With `done`, report `snapshotReceived` when
   * all of it is durable.
   */
  | {
      readonly kind: 'receiveChunk';
      readonly snapshot: SnapshotMeta;
      readonly offset: number;
      readonly data: Uint8Array;
      readonly done: boolean;
    }
  /** Put the state machine into the state of the snapshot received; what follows comes after it. */
  | { readonly kind: 'install'; readonly snapshot: SnapshotMeta }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer };

// ---- State (dissertation, figure 3.1) -----------------------------------------------------------

/** A leader's view of one other server (§3.5, §10.2.2). Transitions are in progress.ts. */
export type Progress = {
  readonly id: NodeId;
  /**
   * `probe`: one message at a time until one matches; `replicate`: pipelined; `snapshot`: the
   * entries it needs are gone, and it is sent a snapshot.
   */
  state: 'probe' | 'replicate' | 'snapshot';
  /** Highest index known to be durable on that server. */
  matchIndex: Index;
  /** Next index to send. Invariant: nextIndex > matchIndex. */
  nextIndex: Index;
  /** Each AppendEntries with entries in flight, oldest first; at most `windowMessages`. */
  inflight: { readonly lastIndex: Index; readonly bytes: number }[];
  inflightBytes: number;
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
  /** The latest of this leader's messages that it has answered was sent then; -1 is none. */
  heardSentUs: number;
  /** Smoothed round trip and its variation, as TCP's (RFC 6298); 0 while unknown. */
  roundTripUs: number;
  roundTripVariationUs: number;
  /** In state `snapshot`: how far sending it has come. */
  snapshot: SnapshotTransfer | null;
};

/** A snapshot on its way to a follower, in chunks of which several may be under way (§5.1). */
export type SnapshotTransfer = {
  readonly index: Index;
  /** The follower has the bytes up to here. */
  acknowledged: number;
  /** The next chunk begins here; what lies between is under way. */
  next: number;
  /** Most chunks that may be under way now, and the most that it may grow to (a fraction, too). */
  window: number;
  windowMax: number;
  /** When the latest chunk was sent. */
  sentUs: number;
  /** When the follower last answered anything; at first when the transfer began. */
  heardUs: number;
};

/** `from` is the follower that asked, `null` for this server's own. */
export type PendingRead = {
  readonly id: number;
  readonly from: NodeId | null;
  readonly nonce: number;
  readonly index: Index;
  readonly round: number;
};

/**
 * A change of membership that a leader has been asked for (§4.2.1, §4.3).
 *
 *   catchUp ──(all new voters have)──> joint ──(committed)──> final ──(committed)──> done
 *      │                                 (left out for one server)      ^
 *      └──(too slow)──> undo ──(learners' entry committed)──────────────┘
 */
export type PendingChange = {
  /** Whom to answer; `null` once that is done. */
  id: number | null;
  phase: 'catchUp' | 'joint' | 'final' | 'undo';
  /** What it leads to; in phase `undo`, back. */
  membership: Membership;
  /** Learners that the change began with, to be removed if it is given up. */
  readonly added: readonly NodeId[];
  /** New voters, each with the round it is in, and when it last ended one in time. */
  catchingUp: {
    readonly id: NodeId;
    round: number;
    roundGoal: Index;
    roundStartUs: number;
    caughtUpUs: number | null;
  }[];
  readonly deadlineUs: number;
};

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
  /** Bytes of entries that are not committed. */
  uncommittedBytes: number;
  /** §6.4.1: a transfer has begun in this term; another server may lead at any moment. */
  leaseVoid: boolean;
  change: PendingChange | null;
};

export type RaftState = {
  readonly id: NodeId;
  readonly settings: Settings;
  readonly rng: RandomState;
  /** Survives a crash; changed only together with a `persist` effect. */
  readonly persistent: {
    currentTerm: Term;
    votedFor: NodeId | null;
    readonly log: Log;
    /** The latest snapshot; the log's base lies at or before it. */
    snapshot: SnapshotMeta | null;
  };
  readonly volatile: {
    /** Invariant: lastApplied <= commitIndex <= last index of the log. */
    commitIndex: Index;
    lastApplied: Index;
    /** The leader of the current term, as far as known. */
    leaderId: NodeId | null;
    /** When a leader was last heard from, that one or one before. */
    leaderHeardUs: number;
    electionDeadlineUs: number;
    /** Number of the latest persist, and those not yet reported durable, oldest first. */
    persistSequence: number;
    pendingPersists: { readonly sequence: number; lastIndex: Index }[];
    /** This server's own log is durable up to here. */
    persistedIndex: Index;
    /** Bytes of entries committed since the latest snapshot, and whether one is being taken. */
    bytesSinceSnapshot: number;
    takingSnapshot: boolean;
    /** A snapshot that a leader is sending (figure 5.3). */
    receiving: {
      readonly from: NodeId;
      readonly snapshot: SnapshotMeta;
      offset: number;
      complete: boolean;
    } | null;
    /** §6.4: reads for which a leader is asked: what waits, and the one asked for last. */
    readonly followerReads: {
      readonly nonce: number;
      waiting: number[];
      asked: number | null;
      askedUs: number;
    };
    /** §3.10: who is to lead next; kept after stepping down, to see whether it does. */
    transfer: {
      readonly id: number;
      readonly to: NodeId;
      readonly deadlineUs: number;
      /** The end of the log when it was last told to begin; 0 if it has not been. */
      calledIndex: Index;
    } | null;
    /** The round trip to the leader, as it has told; 0 while unknown. */
    roundTripUs: number;
  };
  role: Role;
};

/** Completes a switch: a new kind of message or input does not compile until it is answered. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
