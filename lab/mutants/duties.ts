/**
 * Bugs that are safe and wrong: a cluster recovers from each, and only the checker of duties says
 * that a rule was broken.
 */
import type { Mutant } from './mutant.ts';

const STUDENTS_GUIDE = "Students' Guide to Raft (Gjengset, 2016)";

const ELECTIONS: readonly Mutant[] = [
  {
    name: 'timeout-drawn-once',
    what: 'A server draws its election timeout when it starts, and never again.',
    knownFrom: '§3.4, "chosen randomly"',
    file: 'src/raft/roles.ts',
    replace: [
      {
        find: '  state.volatile.electionDeadlineUs = nowUs + between(state.rng, lowUs, highUs);\n',
        with:
          '  const drawn = between([...state.rng], 0, 1_000_000) / 1_000_001;\n' +
          '  const share = DRAWN.get(state.volatile) ?? drawn;\n' +
          '  DRAWN.set(state.volatile, share);\n' +
          '  const timeoutUs = lowUs + Math.floor(share * (highUs - lowUs));\n' +
          '  state.volatile.electionDeadlineUs = nowUs + timeoutUs;\n',
      },
      {
        find: 'const US_PER_MS = 1000;\n',
        with: 'const US_PER_MS = 1000;\nconst DRAWN = new WeakMap<object, number>();\n',
      },
    ],
  },
  {
    name: 'refused-vote-resets-timer',
    what: 'A server puts off its own election for a vote that it refuses.',
    knownFrom: `§3.4, figure 3.1; ${STUDENTS_GUIDE}, livelocks`,
    file: 'src/raft/election.ts',
    replace: [
      {
        find: '  const voteGranted = mayVote && free && isUpToDate;\n  if (voteGranted) {\n',
        with:
          '  const voteGranted = mayVote && free && isUpToDate;\n' +
          '  if (!voteGranted) resetElectionTimer(context);\n' +
          '  if (voteGranted) {\n',
      },
    ],
  },
  {
    name: 'granted-vote-resets-nothing',
    what: 'A server that has just voted campaigns against whom it voted for.',
    knownFrom: `figure 3.1, followers; ${STUDENTS_GUIDE}, livelocks`,
    file: 'src/raft/election.ts',
    replace: [
      {
        find: '    resetElectionTimer(context);\n  }\n  send(context, requestVoteResponse',
        with: '  }\n  send(context, requestVoteResponse',
      },
      { find: '  resetElectionTimer,\n', with: '' },
    ],
  },
  {
    name: 'stale-append-resets-timer',
    what: 'A leader of an earlier term is refused, and puts off the election all the same.',
    knownFrom: `§3.4; ${STUDENTS_GUIDE}, livelocks`,
    file: 'src/raft/raft.ts',
    replace: [
      {
        find: '      send(context, refuseStaleAppendEntries(state, message));\n',
        with:
          '      send(context, refuseStaleAppendEntries(state, message));\n' +
          '      resetElectionTimer(context);\n',
      },
    ],
  },
  {
    name: 'pre-vote-of-one',
    what: 'One other server that would vote is enough for a campaign.',
    knownFrom: '§9.6',
    file: 'src/raft/election.ts',
    replace: [
      {
        find: '  role.votes[message.from] = message.voteGranted;\n  countPreVotes(context);\n',
        with:
          '  role.votes[message.from] = message.voteGranted;\n' +
          "  if (message.voteGranted) startElection(context, 'pre-vote won', false);\n" +
          '  else countPreVotes(context);\n',
      },
    ],
  },
  {
    name: 'withheld-vote-takes-term',
    what: 'A server that is shielded by its leader does not vote, and takes the later term.',
    knownFrom: '§4.2.3, "it does not update its term"',
    file: 'src/raft/raft.ts',
    replace: [
      {
        find: '      if (withholdsVotes(state, context.nowUs)) return;\n',
        with:
          '      if (withholdsVotes(state, context.nowUs)) {\n' +
          "        becomeFollower(context, message.term, null, 'a later term');\n" +
          '        return;\n' +
          '      }\n',
      },
    ],
  },
  {
    name: 'vote-kept-in-later-term',
    what: 'A server that takes a later term keeps its vote of the term before.',
    knownFrom: `§3.3, §3.4; ${STUDENTS_GUIDE}, currentTerm and votedFor`,
    file: 'src/raft/roles.ts',
    replace: [
      {
        find: 'saveTermAndVote(context, term, null);',
        with: 'saveTermAndVote(context, term, state.persistent.votedFor);',
      },
    ],
  },
];

const LEADERS: readonly Mutant[] = [
  {
    name: 'old-snapshot-obeyed',
    what: 'A server keeps what the leader of an earlier term sends it of a snapshot.',
    knownFrom: 'figure 5.3, InstallSnapshot, step 1',
    file: 'src/raft/raft.ts',
    replace: [
      {
        find:
          '      send(context, refuseStaleInstallSnapshot(state, message));\n' +
          '      return true;\n',
        with: '      return refuseStaleInstallSnapshot(state, message).index > 0;\n',
      },
    ],
  },
  {
    name: 'removed-leader-stays',
    what: 'A leader that has been removed leads on.',
    knownFrom: '§4.2.2',
    file: 'src/raft/membership.ts',
    replace: [
      {
        find: 'if (state.role === leader && !configuration.voters.includes(state.id)) {',
        with: 'if (state.role === leader && configuration.voters.length === 0) {',
      },
    ],
  },
  {
    name: 'learner-promoted-early',
    what: 'A new server becomes a voter with its first answer, whatever it has of the log.',
    knownFrom: '§4.2.1',
    file: 'src/raft/membership.ts',
    replace: [
      {
        find: 'newcomer === undefined || progress.matchIndex < newcomer.roundGoal',
        with: 'newcomer === undefined || newcomer.roundGoal === 0',
      },
    ],
  },
  {
    name: 'quorum-flags-kept',
    what: 'A leader counts for good whom it has heard once: CheckQuorum never fails.',
    knownFrom: '§6.2',
    file: 'src/raft/election.ts',
    replace: [{ find: '    progress.active = false;\n', with: '' }],
  },
  {
    name: 'own-write-does-not-commit',
    what: 'What the disk of the leader completes a majority for waits for the next answer.',
    knownFrom: '§10.2.1',
    file: 'src/raft/raft.ts',
    replace: [
      {
        find: "if (markPersisted(state, input.sequence) && state.role.kind === 'leader') {",
        with:
          'const { role } = state;\n' +
          '      const grew = markPersisted(state, input.sequence);\n' +
          "      if (grew && state.role.kind === 'leader' && role === state.role &&\n" +
          '        state.role.progress.length === 0) {',
      },
    ],
  },
  {
    name: 'commands-during-transfer',
    what: 'A leader that hands over goes on taking commands.',
    knownFrom: '§3.10, "stops accepting new client requests"',
    file: 'src/raft/raft.ts',
    replace: [
      {
        find: "  else if (volatile.transfer !== null) reject(context, id, 'transferring');\n",
        with: '',
      },
      {
        find: 'const { persistent, role, settings, volatile } = context.state;\n  if (role.kind',
        with: 'const { persistent, role, settings } = context.state;\n  if (role.kind',
      },
    ],
  },
  {
    name: 'timeout-now-to-who-lags',
    what: 'A server that has all that is committed is told to lead, though it lacks entries.',
    knownFrom: '§3.10, "fully updates the target server\'s log"',
    file: 'src/raft/transfer.ts',
    replace: [
      {
        find: 'if (progressOf(leader, to)?.matchIndex !== lastIndex) return;',
        with:
          'const due = Math.min(volatile.commitIndex, lastIndex);\n' +
          '  if ((progressOf(leader, to)?.matchIndex ?? 0) < due) return;',
      },
    ],
  },
  {
    name: 'change-done-when-begun',
    what: 'A change of membership is answered as done before it is in force.',
    knownFrom: '§4.1; docs/http.md of this repository',
    file: 'src/raft/membership.ts',
    replace: [
      {
        find: '  goOn(context, leader);\n}\n\nfunction refusalOf',
        with:
          '  if (leader.change !== null && newcomers.length === 0) {\n' +
          "    answer(context, id, { kind: 'done' });\n" +
          '    leader.change.id = null;\n' +
          '  }\n' +
          '  goOn(context, leader);\n}\n\nfunction refusalOf',
      },
    ],
  },
  {
    name: 'reads-left-open',
    what: 'A leader that is deposed forgets the reads that wait for a round.',
    knownFrom: '§6.4',
    file: 'src/raft/roles.ts',
    replace: [
      { find: "      if (from === null) reject(context, id, 'notLeader');\n", with: '' },
      { find: 'for (const { id, from } of left.reads) {', with: 'for (const _ of left.reads) {' },
    ],
  },
  {
    name: 'heartbeat-waits-for-log',
    what: 'The answer to a heartbeat waits for all that is on its way to the disk.',
    knownFrom: '§10.2.1',
    file: 'src/raft/replication.ts',
    replace: [{ find: "    withEntries ? 'log' : 'term',\n", with: "    'log',\n" }],
  },
  {
    name: 'kept-bytes-doubled',
    what: 'Behind a snapshot twice as many bytes of the log are kept as is set.',
    knownFrom: '§5.1.3',
    file: 'src/raft/snapshot.ts',
    replace: [
      {
        find: '    if (bytes > settings.keptBytes) break;\n',
        with: '    if (bytes > 2 * settings.keptBytes) break;\n',
      },
    ],
  },
];

export const DUTIES: readonly Mutant[] = [...ELECTIONS, ...LEADERS];
