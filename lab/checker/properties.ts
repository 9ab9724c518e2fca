/**
 * Everything that a run is judged by, in the words of the dissertation, and the error that says
 * which of it does not hold.
 */

type Property = {
  readonly name: string;
  /** Where the dissertation states it. */
  readonly section: string;
  /** What TLA+ specifications of Raft call it (ccfraft.tla, and raft.tla before it), if they do. */
  readonly tla: string | null;
  readonly what: string;
};

/** Everything that a run is judged by, beside the invariants that every server checks itself. */
export const PROPERTIES = {
  electionSafety: {
    name: 'Election Safety',
    section: '§3.4, figure 3.2',
    tla: 'MoreThanOneLeaderInv, ElectionSafetyInv',
    what: 'at most one leader in a term',
  },
  electedByMajority: {
    name: 'Elected By Majority',
    section: '§3.4',
    tla: 'LeaderVotesQuorum',
    what: 'who leads a term was voted for in that term by a majority',
  },
  leaderAppendOnly: {
    name: 'Leader Append-Only',
    section: '§3.5, figure 3.2',
    tla: 'LeaderAppendOnlyProp',
    what: 'a leader never overwrites or removes entries of its log',
  },
  logMatching: {
    name: 'Log Matching',
    section: '§3.5, figure 3.2',
    tla: 'LogMatchingInv',
    what: 'an entry of the same index and term is the same, and so is all before it',
  },
  leaderCompleteness: {
    name: 'Leader Completeness',
    section: '§3.6, figure 3.2',
    tla: 'LeaderCompletenessInv',
    what: 'what is committed in a term is in the logs of the leaders of all later terms',
  },
  stateMachineSafety: {
    name: 'State Machine Safety',
    section: '§3.6.3, figure 3.2',
    tla: 'LogInv',
    what: 'no two servers apply different entries at an index',
  },
  committedIsDurable: {
    name: 'Committed Is Durable',
    section: '§3.8, §10.2.1',
    tla: 'QuorumLogInv',
    what: 'what a leader commits is on the disks of a majority',
  },
  commitFromLeader: {
    name: 'Commit From Leader',
    section: '§3.5',
    tla: 'CommittedLogAppendOnlyProp',
    what: 'a follower takes for committed only what a leader has committed',
  },
  monotonicTerm: {
    name: 'Monotonic Term',
    section: '§3.3',
    tla: 'MonotonicTermProp',
    what: 'currentTerm never falls, not by a restart either',
  },
  monotonicCommitIndex: {
    name: 'Monotonic Commit Index',
    section: '§3.5',
    tla: 'MonotonicCommitIndexProp',
    what: 'commitIndex never falls while a server runs',
  },
  monotonicLastApplied: {
    name: 'Monotonic Last Applied',
    section: '§3.5',
    tla: null,
    what: 'entries are applied once and in order while a server runs',
  },
  oneVotePerTerm: {
    name: 'One Vote Per Term',
    section: '§3.4',
    tla: 'VotesGrantedInv',
    what: 'a server votes for one candidate in a term, not for another after a restart either',
  },
  persistedBeforePromised: {
    name: 'Persisted Before Promised',
    section: '§3.8',
    tla: null,
    what: 'no message tells of a term, vote or entry that its sender could still lose',
  },
  acknowledgedLossRefused: {
    name: 'Acknowledged Loss Refused',
    section: '§3.8',
    tla: null,
    what: 'a server whose disk lost what it had promised does not start',
  },
  identity: {
    name: 'Identity',
    section: '§3.8',
    tla: null,
    what: 'a server whose disk was wiped never speaks under its former name',
  },
  oneChangeAtATime: {
    name: 'One Change At A Time',
    section: '§4.1, §4.3; Ongaro 2015',
    tla: null,
    what: 'a leader goes on from a committed configuration, by one voter or by way of both',
  },
  snapshotIsCommitted: {
    name: 'Snapshot Is Committed',
    section: '§5.1',
    tla: null,
    what: 'a snapshot is of committed entries, with the configuration in force there',
  },
  compactionCovered: {
    name: 'Compaction Covered',
    section: '§5.1, figure 5.3',
    tla: null,
    what: 'a log is compacted only where a durable snapshot covers it, and keeps what follows',
  },
  snapshotTransferEnds: {
    name: 'Snapshot Transfer Ends',
    section: '§5.1',
    tla: null,
    what: 'a follower that answers is left to finish the snapshot that it has begun to receive',
  },
  staleTermRefused: {
    name: 'Stale Term Refused',
    section: '§3.3, figure 3.1',
    tla: null,
    what: 'what is asked in an earlier term is refused, and changes nothing',
  },
  laterTermTaken: {
    name: 'Later Term Taken',
    section: '§3.3',
    tla: null,
    what: 'a later term is taken over with the vote free, and the vote given to who asked',
  },
  leaderFollowed: {
    name: 'Leader Followed',
    section: '§3.4, §3.5, figure 3.1',
    tla: null,
    what: 'who leads the term is followed, and its entries and commit index are taken',
  },
  voteRules: {
    name: 'Vote Rules',
    section: '§3.4, §3.6.1, §4.2.3',
    tla: null,
    what: 'a vote is given, or a pre-vote, where the rules allow it and nowhere else',
  },
  preVoteChangesNothing: {
    name: 'Pre-Vote Changes Nothing',
    section: '§9.6',
    tla: null,
    what: 'who is asked for a pre-vote keeps its term, vote, role and timer',
  },
  candidacy: {
    name: 'Candidacy',
    section: '§3.4, §3.10, §4.2.2, §9.6',
    tla: null,
    what: 'only a voter campaigns, when it is due or called, and asks all voters',
  },
  electionTimer: {
    name: 'Election Timer',
    section: '§3.4',
    tla: null,
    what: 'the timer is drawn anew for a vote, the leader and a campaign, and for nothing else',
  },
  electionTimeoutsSpread: {
    name: 'Election Timeouts Spread',
    section: '§3.4',
    tla: null,
    what: 'election timeouts are drawn from the whole of their range',
  },
  electionStarts: {
    name: 'Election Starts',
    section: '§3.4',
    tla: null,
    what: 'a voter whose election timeout has passed campaigns',
  },
  heartbeats: {
    name: 'Heartbeats',
    section: '§3.4',
    tla: null,
    what: 'a leader sends every follower something within each heartbeat interval',
  },
  noOpFirst: {
    name: 'No-Op First',
    section: '§6.4',
    tla: null,
    what: 'a leader begins its term with an entry of that term',
  },
  majorityCommits: {
    name: 'Majority Commits',
    section: '§3.5',
    tla: null,
    what: 'a leader commits at once what a majority holds of its term',
  },
  checkQuorum: {
    name: 'Check Quorum',
    section: '§6.2',
    tla: null,
    what: 'a leader that hears no majority gives up the lead, and no other of the same term does',
  },
  removedLeaderStepsDown: {
    name: 'Removed Leader Steps Down',
    section: '§4.2.2',
    tla: null,
    what: 'a leader that is removed leads until that is committed, and no longer',
  },
  caughtUpFirst: {
    name: 'Caught Up First',
    section: '§4.2.1',
    tla: null,
    what: 'who is to catch up first becomes a voter when it has, within its time',
  },
  sentToMembers: {
    name: 'Sent To Members',
    section: '§4.1',
    tla: null,
    what: 'a leader sends entries and snapshots to those whom its configuration has',
  },
  transferComplete: {
    name: 'Transfer Complete',
    section: '§3.10',
    tla: null,
    what: 'only a voter that has all entries is told to start an election',
  },
  transferStops: {
    name: 'Transfer Stops',
    section: '§3.10',
    tla: null,
    what: 'a leader that hands over takes no commands',
  },
  transferEnds: {
    name: 'Transfer Ends',
    section: '§3.10',
    tla: null,
    what: 'a transfer ends within an election timeout',
  },
  answeredOnce: {
    name: 'Answered Once',
    section: '§6.2, §6.3',
    tla: null,
    what: 'who asks is answered once, and nobody is left waiting by who lost the lead',
  },
  answerHolds: {
    name: 'Answer Holds',
    section: '§3.10, §4.1',
    tla: null,
    what: 'what an answer says of leader, log and configuration is so',
  },
  readConfirmed: {
    name: 'Read Confirmed',
    section: '§6.4',
    tla: null,
    what: 'a read has what was committed before it, and a majority soon confirms it',
  },
  flowControl: {
    name: 'Flow Control',
    section: '§10.2',
    tla: null,
    what: 'batches, windows, chunks and what is not committed keep to their bounds',
  },
  waitsForDisk: {
    name: 'Waits For Disk',
    section: '§3.8, §10.2.1',
    tla: null,
    what: 'a message waits for the writes that it tells of, and for no others',
  },
  snapshotWhenDue: {
    name: 'Snapshot When Due',
    section: '§5.1.3',
    tla: null,
    what: 'a snapshot is taken when the log has grown to its bound, or somebody asks',
  },
  logKept: {
    name: 'Log Kept',
    section: '§5.1.3',
    tla: null,
    what: 'of what a snapshot covers as much is kept as is set',
  },
  snapshotWhereNeeded: {
    name: 'Snapshot Where Needed',
    section: '§5.1',
    tla: null,
    what: 'who is sent a snapshot needs entries that are gone',
  },
  chunksInOrder: {
    name: 'Chunks In Order',
    section: '§5.1, figure 5.3',
    tla: null,
    what: 'chunks of a snapshot are kept in order, while it is needed',
  },
  lease: {
    name: 'Lease',
    section: '§6.4.1',
    tla: null,
    what: 'a leader answers by its lease only while no server has been elected in a later term',
  },
  linearizability: {
    name: 'Linearizability',
    section: '§6.3, §6.4; Herlihy and Wing 1990',
    tla: null,
    what: 'every operation seems to take effect at one moment between its call and its return',
  },
  exactlyOnce: {
    name: 'Exactly Once',
    section: '§6.3',
    tla: null,
    what: 'a repeated request takes effect once, and an acknowledged one is not lost',
  },
  progress: {
    name: 'Progress',
    section: '§3.5, §3.7',
    tla: null,
    what: 'undisturbed, a leader and its followers have the same log, and it is committed',
  },
  definiteRefusals: {
    name: 'Definite Refusals',
    section: '§6.3',
    tla: null,
    what: 'what a client was told is surely not executed never takes effect',
  },
  replicasEqual: {
    name: 'Replicas Equal',
    section: '§2.1',
    tla: null,
    what: 'state machines that have applied the same entries hold the same, as the model does',
  },
  recovery: {
    name: 'Recovery',
    section: '§3.9',
    tla: null,
    what: 'a healed majority elects one leader, agrees on its log and serves, within the bound',
  },
  soundMessages: {
    name: 'Sound Messages',
    section: '§3.5, §3.6',
    tla: null,
    what: 'no server sends what a correct one cannot, and another therefore drops',
  },
  sameBytes: {
    name: 'Same Bytes',
    section: '§3.8',
    tla: null,
    what: 'what is read, from a link or a disk, is what was written',
  },
  boundedWork: {
    name: 'Bounded Work',
    section: '',
    tla: null,
    what: 'messages do not multiply without end',
  },
  noFailure: {
    name: 'No Failure',
    section: '',
    tla: null,
    what: 'a server stops for a crash or for its disk, for nothing else',
  },
} as const satisfies Record<string, Property>;

export class CheckFailure extends Error {
  override name = 'CheckFailure';
  /** As in PROPERTIES. */
  readonly property: string;
  /** When it came to be so, where that is not when it was found. */
  readonly atMs: number | undefined;

  constructor(property: Property, message: string, atMs?: number) {
    super(message);
    this.property = property.name;
    this.atMs = atMs;
  }
}

export function fail(property: keyof typeof PROPERTIES, message: string): never {
  throw new CheckFailure(PROPERTIES[property], message);
}
