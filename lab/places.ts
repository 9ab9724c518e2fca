/**
 * Places in a run where bugs have been found, or could be: a run that never came there has not
 * tested them. The simulator notes which it reached, and faults may wait for one.
 */

export const PLACES = {
  // Elections
  votePersisted: 'a vote for another server is recorded (§3.4)',
  timeoutNowSent: 'a transfer asks its target to begin an election (§3.10)',
  electedByTransfer: 'the target of a transfer is elected (§3.10)',
  electedInJoint: 'a leader is elected while its configuration is joint (§4.3)',
  electedWithLearner: 'a leader is elected while there is a learner (§4.2.1)',
  electedBeyond32Bits: 'a leader is elected in a term of more than 32 bits',
  // Membership
  learnerAppended: 'a configuration with a learner is appended (§4.2.1)',
  jointAppended: 'a joint configuration is appended (§4.3)',
  finalAppended: 'a configuration of voters alone is appended (§4.3)',
  learnerApplied: 'a configuration with a learner is applied',
  jointApplied: 'a joint configuration is applied',
  finalApplied: 'a configuration of voters alone is applied',
  ledFromOutside: 'a leader leads that the latest configuration is without (§4.2.2)',
  // The log
  entriesTruncated: 'entries that another leader has replaced are removed (§3.5)',
  compactionRecorded: 'entries that a snapshot covers are removed (§5.1)',
  // Snapshots
  snapshotBegun: 'a snapshot is begun (§5.1)',
  snapshotSaved: 'a snapshot is durable',
  snapshotOfManySlices: 'a snapshot of more than two slices is durable',
  appliedWhileTaking: 'entries are applied while a snapshot is taken',
  snapshotReceiving: 'the first chunk of a snapshot has come (§5.2)',
  laterChunkSent: 'a chunk is sent that is not the first',
  appliedWhileReceiving: 'entries are applied while a snapshot is received',
  snapshotReceived: 'a snapshot has come whole',
  snapshotInstalled: 'a snapshot is installed',
  restoredInSlices: 'a server starts from a snapshot of more than one slice',
  // Reads
  readIndexAsked: 'a follower asks the leader for an index (§6.4)',
  readIndexAnswered: 'a leader answers with an index (§6.4)',
  leaseUsed: 'a read is answered without a round of heartbeats (§6.4.1)',
  leaseAfterTransfer: 'the same, by a leader that took over from another (§6.4.1)',
  // Crashes
  crashedWhileTaking: 'a server crashes while it takes a snapshot',
  crashedWhileReceiving: 'a server crashes while it receives a snapshot',
  restartedWithinPromise: 'a server that has voted or heard a leader is back within the promise',
  restartedWithBytes: 'a server starts from what had been bytes on its disk',
  // State machine
  bucketSplit: 'a bucket of the table is split',
  recordMoved: 'a record of the table is moved',
  answerOver64KiB: 'an answer of more than 64 KiB is delivered',
  answeredNotLeader: 'a request is refused as the server does not lead',
  answeredNotExecuted: 'a write is refused as its entry was replaced',
  answeredOutcomeUnknown: 'a write is answered with an open outcome',
  answeredOverloaded: 'a request is refused as too much waits',
  answeredStale: 'a repeated request is answered that its answer is kept no more (§6.3)',
  answeredSessionExpired: 'a request is answered that its session has expired (§6.3)',
} as const;

export type Place = keyof typeof PLACES;

export const PLACE_NAMES = Object.keys(PLACES) as readonly Place[];
