/**
 * Known bugs of Raft, each as the smallest edit of the source that makes it: what the simulator
 * must find. A mutant keeps the code consistent with itself where a programmer's mistake would, so
 * that it is found by what it does and not by how it looks.
 */

import { AROUND_THE_CORE } from './around-the-core.ts';
import { DUTIES } from './duties.ts';
import { LATER_CHAPTERS } from './later-chapters.ts';
import type { Mutant } from './mutant.ts';

const STUDENTS_GUIDE = "Students' Guide to Raft (Gjengset, 2016)";

// ---- Elections ----------------------------------------------------------------------------------

const ELECTIONS: readonly Mutant[] = [
  {
    name: 'voted-for-not-persisted',
    what: 'The term reaches the disk without the vote: after a restart a server votes again.',
    knownFrom: '§3.8; vesoft-inc/nebula#3415 for the own vote',
    file: 'src/raft/context.ts',
    replace: [
      {
        find: 'termAndVote: { currentTerm: term, votedFor },',
        with: 'termAndVote: { currentTerm: term, votedFor: null },',
      },
    ],
  },
  {
    name: 'term-not-persisted',
    what: 'A term is written with the vote in it only: a restart takes other terms back.',
    knownFrom: '§3.8; peterbourgon/raft#1',
    file: 'src/persist-queue.ts',
    replace: [
      {
        find: '    this.#unsaved.push(change);\n',
        with:
          '    const { termAndVote } = change;\n' +
          '    if (termAndVote === null || termAndVote.votedFor !== null) ' +
          'this.#unsaved.push(change);\n',
      },
    ],
  },
  {
    name: 'voted-for-reset-on-append',
    what: 'A server that hears from the leader forgets whom it voted for in this term.',
    knownFrom: '§3.4; camunda/camunda#5356, ktoso/akka-raft#56',
    file: 'src/raft/replication.ts',
    replace: [
      {
        find: 'type Context, commitTo, saveEntries, send',
        with: 'type Context, commitTo, saveEntries, saveTermAndVote, send',
      },
      {
        find: '  setLeader(state, from);\n',
        with:
          '  setLeader(state, from);\n' +
          '  const { currentTerm, votedFor } = state.persistent;\n' +
          '  if (votedFor !== null) saveTermAndVote(context, currentTerm, null);\n',
      },
    ],
  },
  {
    name: 'vote-granted-twice',
    what: 'A server that knows no leader grants its vote to every candidate of the term.',
    knownFrom: '§3.4, first come, first served',
    file: 'src/raft/election.ts',
    replace: [
      {
        find: 'const free = again || persistent.votedFor === null;',
        with:
          'const free = again || persistent.votedFor === null || ' +
          'state.volatile.leaderId === null;',
      },
    ],
  },
  {
    name: 'vote-before-persist',
    what: 'A vote leaves before it is durable: a crash takes it back, and the server votes again.',
    knownFrom: '§3.8, figure 3.1',
    file: 'src/persist-queue.ts',
    replace: [
      {
        find: "return after === 'log' ? this.#issuedSequence : this.#termSequence;",
        with: "return after === 'log' ? this.#issuedSequence : 0;",
      },
    ],
  },
  {
    name: 'vote-without-log-check',
    what: 'A vote is granted whatever the log of the candidate.',
    knownFrom: '§3.6.1',
    file: 'src/raft/election.ts',
    replace: [
      {
        find: 'const voteGranted = mayVote && free && isUpToDate;',
        with: 'const voteGranted = mayVote && free && (isUpToDate || true);',
      },
    ],
  },
  {
    name: 'longer-log-wins',
    what: 'The longer log counts as the more up-to-date one, whatever its last term.',
    knownFrom: '§3.6.1',
    file: 'src/raft/log.ts',
    replace: [
      {
        find:
          '    otherLastTerm > ownLastTerm ||\n' +
          '    (otherLastTerm === ownLastTerm && otherLastIndex >= lastIndex(log))\n',
        with:
          '    otherLastIndex > lastIndex(log) ||\n' +
          '    (otherLastIndex === lastIndex(log) && otherLastTerm >= ownLastTerm)\n',
      },
    ],
  },
  {
    name: 'pre-votes-counted',
    what: 'A candidate keeps the pre-votes as votes, though they promise nothing.',
    knownFrom: '§9.6',
    file: 'src/raft/roles.ts',
    replace: [
      {
        find: "state.role = { kind: 'candidate', reason, votes: { [state.id]: true } };",
        with:
          "const votes = state.role.kind === 'preCandidate' ? state.role.votes : " +
          "{ [state.id]: true };\n  state.role = { kind: 'candidate', reason, votes };",
      },
    ],
  },
  {
    name: 'duplicate-votes-counted',
    what: 'Votes are counted without their senders: a copy of a response is one more vote.',
    knownFrom: 'ktoso/akka-raft#45, xnnyygn/xraft#27',
    file: 'src/raft/election.ts',
    replace: [
      {
        find:
          "if (role.kind !== 'candidate') return;\n" +
          '  role.votes[message.from] = message.voteGranted;',
        with:
          "if (role.kind !== 'candidate') return;\n" +
          '  const { voters } = log.latestConfiguration(context.state.persistent.log);\n' +
          '  const next = voters.find((id) => role.votes[id] === undefined) ?? message.from;\n' +
          '  role.votes[next] = message.voteGranted;',
      },
    ],
  },
  {
    name: 'stale-response-accepted',
    what: 'Responses of an earlier term are taken for answers to requests of this one.',
    knownFrom: "§3.3, figure 3.1; Students' Guide to Raft (Gjengset, 2016), term confusion",
    file: 'src/raft/raft.ts',
    replace: [
      {
        find:
          "    case 'AppendEntriesResponse':\n" +
          "    case 'InstallSnapshotResponse':\n" +
          "    case 'RequestVoteResponse':\n" +
          "    case 'TimeoutNow':\n",
        with: "    case 'TimeoutNow':\n",
      },
      {
        find: "    case 'ReadIndex':\n    case 'PreVote':\n",
        with:
          "    case 'ReadIndex':\n" +
          "    case 'AppendEntriesResponse':\n" +
          "    case 'InstallSnapshotResponse':\n" +
          "    case 'RequestVoteResponse':\n" +
          "    case 'PreVote':\n",
      },
    ],
  },
  {
    name: 'stale-vote-counted',
    what: 'A vote that was given in an earlier term counts in the present election.',
    knownFrom: '§3.3; ktoso/akka-raft#46, andreev-io/little-raft#44',
    file: 'src/raft/raft.ts',
    replace: [
      {
        find: "    case 'RequestVoteResponse':\n    case 'TimeoutNow':\n",
        with: "    case 'TimeoutNow':\n",
      },
      {
        find: "    case 'ReadIndex':\n    case 'PreVote':\n",
        with: "    case 'ReadIndex':\n    case 'RequestVoteResponse':\n    case 'PreVote':\n",
      },
    ],
  },
  {
    name: 'quorum-of-half',
    what: 'Half of the servers pass for a majority.',
    knownFrom: '§3.3',
    file: 'src/raft/quorum.ts',
    replace: [
      {
        find: 'sorted[Math.floor(voters.length / 2)]',
        with: 'sorted[Math.floor((voters.length - 1) / 2)]',
      },
      { find: 'Math.floor(voters.length / 2) + 1', with: 'Math.ceil(voters.length / 2)' },
    ],
  },
];

// ---- Replication --------------------------------------------------------------------------------

const REPLICATION: readonly Mutant[] = [
  {
    name: 'commit-old-term-by-count',
    what: 'A leader commits entries of an earlier term by counting replicas.',
    knownFrom: '§3.6.2, figure 3.7 (figure 8 of the paper); logcabin/logcabin#44',
    file: 'src/raft/replication.ts',
    replace: [
      {
        find: '  if (log.termAt(persistent.log, index) !== persistent.currentTerm) return;\n',
        with: '',
      },
    ],
  },
  {
    name: 'no-previous-term-check',
    what: 'A follower asks whether it has an entry before the new ones, and not of which term.',
    knownFrom: '§3.5, Log Matching',
    file: 'src/raft/replication.ts',
    replace: [
      {
        find: 'log.termAt(persistent.log, message.prevLogIndex) !== message.prevLogTerm) {',
        with: 'log.termAt(persistent.log, message.prevLogIndex) === undefined) {',
      },
    ],
  },
  {
    name: 'truncate-without-conflict',
    what: 'A follower cuts off what follows the entries of a message, though nothing conflicts.',
    knownFrom: `ktoso/akka-raft#66, willemt/raft#37; ${STUDENTS_GUIDE}`,
    file: 'src/raft/replication.ts',
    replace: [
      {
        find: '  if (first === undefined) return;\n',
        with:
          '  if (first === undefined) {\n' +
          '    const { commitIndex } = context.state.volatile;\n' +
          '    const end = Math.max(commitIndex, message.prevLogIndex + entries.length) + 1;\n' +
          '    if (end <= log.lastIndex(ownLog)) saveEntries(context, end, []);\n' +
          '    return;\n' +
          '  }\n',
      },
    ],
  },
  {
    name: 'commit-beyond-last-new-entry',
    what: "A follower commits up to the leader's index, beyond the entries it has compared.",
    knownFrom: `atomix/copycat#265, scylladb/scylladb#9965; ${STUDENTS_GUIDE}`,
    file: 'src/raft/replication.ts',
    replace: [
      {
        find: '  if (Math.min(message.leaderCommit, matchIndex) > volatile.commitIndex) {\n',
        with:
          '  const last = log.lastIndex(persistent.log);\n' +
          '  if (Math.min(message.leaderCommit, last) > volatile.commitIndex) {\n',
      },
      {
        find: 'commitTo(context, Math.min(message.leaderCommit, matchIndex));',
        with: 'commitTo(context, Math.min(message.leaderCommit, last));',
      },
    ],
  },
  {
    name: 'apply-before-commit',
    what: 'A follower takes what it has appended as committed.',
    knownFrom: '§3.5',
    file: 'src/raft/replication.ts',
    replace: [
      {
        find: 'if (Math.min(message.leaderCommit, matchIndex) > volatile.commitIndex) {',
        with: 'if (matchIndex > volatile.commitIndex) {',
      },
      {
        find: 'commitTo(context, Math.min(message.leaderCommit, matchIndex));',
        with: 'commitTo(context, matchIndex);',
      },
    ],
  },
  {
    name: 'match-index-from-next-index',
    what: 'A leader takes a success for all that it has sent by now, not for what was answered.',
    knownFrom: STUDENTS_GUIDE,
    file: 'src/raft/replication.ts',
    replace: [
      {
        find: 'onMatch(progress, message.matchIndex, message.attempt)',
        with: 'onMatch(progress, progress.nextIndex - 1, message.attempt)',
      },
    ],
  },
  {
    name: 'heartbeat-vouches-for-whole-log',
    what: 'The answer to a heartbeat vouches for the whole log, beyond what was compared.',
    knownFrom: 'apache/ratis#1519 (RATIS-2605)',
    file: 'src/raft/replication.ts',
    replace: [
      {
        find: 'withEntries ? matchIndex : Math.min(matchIndex, volatile.persistedIndex)',
        with: 'withEntries ? matchIndex : volatile.persistedIndex',
      },
    ],
  },
  {
    name: 'stale-match-counted',
    what: 'A leader takes the acknowledgement of an earlier term for one of its own.',
    knownFrom: '§3.3; atomix/copycat#29',
    file: 'src/raft/raft.ts',
    replace: [
      {
        find:
          "    case 'AppendEntriesResponse':\n" +
          "    case 'InstallSnapshotResponse':\n" +
          "    case 'RequestVoteResponse':\n",
        with: "    case 'RequestVoteResponse':\n",
      },
      {
        find: "    case 'ReadIndex':\n    case 'PreVote':\n",
        with:
          "    case 'ReadIndex':\n" +
          "    case 'AppendEntriesResponse':\n" +
          "    case 'InstallSnapshotResponse':\n" +
          "    case 'PreVote':\n",
      },
    ],
  },
  {
    name: 'deposed-leader-obeyed',
    what: 'A server accepts entries from the leader of an earlier term.',
    knownFrom: 'figure 3.1, AppendEntries, step 1',
    file: 'src/raft/raft.ts',
    replace: [
      {
        find: 'send(context, refuseStaleAppendEntries(state, message));\n      return true;\n',
        with: 'return false;\n',
      },
    ],
  },
  {
    name: 'stale-append-dropped',
    what: 'A server in a later term than its leader drops what it is sent, and never rejoins.',
    knownFrom: 'the comment at lower terms in raft.go of etcd-io/raft',
    file: 'src/raft/raft.ts',
    replace: [
      { find: '      send(context, refuseStaleAppendEntries(state, message));\n', with: '' },
    ],
  },
];

// ---- Durability ---------------------------------------------------------------------------------

const DURABILITY: readonly Mutant[] = [
  {
    name: 'acknowledge-before-persist',
    what: 'A follower acknowledges entries before they are durable.',
    knownFrom: '§3.8; tikv/tikv#994, cloud-software-foundation/c5#263',
    file: 'src/persist-queue.ts',
    replace: [
      {
        find: "return after === 'log' ? this.#issuedSequence : this.#termSequence;",
        with: 'return this.#termSequence;',
      },
    ],
  },
  {
    name: 'held-messages-released-early',
    what: 'When any write is done, all messages leave, those that wait for the next write as well.',
    knownFrom: '§3.8, with group commit',
    file: 'src/persist-queue.ts',
    replace: [
      {
        find: '      if (wait.sequence <= this.#durableSequence) wait.release();\n',
        with: '      if (wait.sequence > 0) wait.release();\n',
      },
    ],
  },
  {
    name: 'leader-counts-itself-before-persist',
    what: 'A leader counts its own log before its disk has it.',
    knownFrom: '§10.2.1; deventlab/d-engine#329',
    file: 'src/raft/replication.ts',
    replace: [
      {
        find: 'voter === id ? volatile.persistedIndex : matchIndexOf(leader, voter)',
        with: 'voter === id ? log.lastIndex(persistent.log) : matchIndexOf(leader, voter)',
      },
    ],
  },
  {
    name: 'old-write-vouches-for-new-entries',
    what: 'The report of a write counts for entries that have replaced what it wrote (ABA).',
    knownFrom: 'etcd-io/raft#8',
    file: 'src/raft/context.ts',
    replace: [
      {
        find: '      pending.lastIndex = Math.min(pending.lastIndex, truncateFrom - 1);\n',
        with: '',
      },
    ],
  },
  {
    name: 'boot-commits-whole-log',
    what: 'A server that starts applies all that its disk holds, committed or not.',
    knownFrom: '§3.8; goraft/raft#69',
    file: 'src/node.ts',
    replace: [
      {
        find: '        if (this.#state !== null) done();\n',
        with:
          '        if (this.#state !== null) done();\n' +
          '        const applied = this.#appliedIndex;\n' +
          '        const left = stored.entries.filter(({ index }) => index > applied);\n' +
          '        this.state.volatile.commitIndex = applied + left.length;\n' +
          '        this.#apply(left);\n',
      },
    ],
  },
  {
    name: 'damaged-log-cut',
    what: 'A disk that has lost what it acknowledged is cut at the damage, and the server goes on.',
    knownFrom: 'Protocol-Aware Recovery (Alagappan and others, FAST 2018)',
    file: 'src/storage/recovery.ts',
    replace: [{ find: '  if (kept >= acknowledged) return kept;\n', with: '  return kept;\n' }],
  },
];

// ---- Clients ------------------------------------------------------------------------------------

const CLIENTS: readonly Mutant[] = [
  {
    name: 'stale-leader-read',
    what: 'A leader answers a read at once, without asking whether it still leads.',
    knownFrom: '§6.4; Jepsen on etcd and Consul (2014)',
    file: 'src/raft/reads.ts',
    replace: [
      {
        find: "if (mode === 'lease' && holdsLease(context, role)) {",
        with: "if (mode !== 'follower') {",
      },
    ],
  },
  {
    name: 'read-index-without-no-op',
    what: 'A new leader reads at its commit index before an entry of its own term is committed.',
    knownFrom: '§6.4, step 1; etcd-io/etcd#7331',
    file: 'src/raft/reads.ts',
    replace: [
      {
        find: 'Math.max(volatile.commitIndex, leader.termStartIndex)',
        with: 'volatile.commitIndex',
      },
    ],
  },
  {
    name: 'read-joins-round-under-way',
    what: 'A read is confirmed by a round of heartbeats that began before it.',
    knownFrom: '§6.4, step 3',
    file: 'src/raft/reads.ts',
    replace: [
      {
        find: 'const round = leader.readRound + 1;',
        with: 'const round = leader.readRound;',
      },
    ],
  },
  {
    name: 'refusal-echoes-read-round',
    what: 'A refusal repeats the read round of an earlier term, and confirms one of the present.',
    knownFrom: 'docs/bugs.md of this repository',
    file: 'src/raft/replication.ts',
    replace: [{ find: '    readRound: 0,\n', with: '    readRound: message.readRound,\n' }],
  },
  {
    name: 'session-forgotten',
    what: 'The answer of a request is not remembered: a retry executes it again.',
    knownFrom: '§6.3',
    file: 'src/kv.ts',
    replace: [{ find: '    answers.keep(requestNumber, result);\n', with: '' }],
  },
  {
    name: 'late-copy-executed',
    what: 'A copy that comes after its session has moved on is executed again.',
    knownFrom: '§6.3',
    file: 'src/kv.ts',
    replace: [
      {
        find:
          '    if (requestNumber < answers.lowestPending) {\n' +
          '      this.counters.repeated++;\n' +
          '      return STALE;\n' +
          '    }\n',
        with: '',
      },
    ],
  },
  {
    name: 'answered-by-index-alone',
    what: 'A client is told of success when any entry is applied at the index of its own.',
    knownFrom: `${STUDENTS_GUIDE}, re-appearing indices`,
    file: 'src/node.ts',
    replace: [
      {
        find: 'const own = pending !== undefined && pending.term === entry.term;',
        with: 'const own = pending !== undefined;',
      },
    ],
  },
];

const KINDS = {
  elections: ELECTIONS,
  replication: REPLICATION,
  durability: DURABILITY,
  'clients and reads': CLIENTS,
  'snapshots, membership and leases': LATER_CHAPTERS,
  ...AROUND_THE_CORE,
  duties: DUTIES,
} as const satisfies Readonly<Record<string, readonly Mutant[]>>;

/** What a mutant is about. */
export type MutantKind = keyof typeof KINDS;

export const MUTANTS: readonly Mutant[] = Object.values(KINDS).flat();

export const MUTANT_KINDS = Object.keys(KINDS) as readonly MutantKind[];

export function isOfKind(name: string, kind: MutantKind): boolean {
  return KINDS[kind].some((each: Mutant) => each.name === name);
}

/** The code as it is, where results tell it from the mutants. */
export const NO_MUTANT = 'none';

export function mutantNamed(name: string): Mutant {
  const mutant = MUTANTS.find((each) => each.name === name);
  if (mutant === undefined) throw new RangeError(`there is no mutant ${name}`);
  return mutant;
}
