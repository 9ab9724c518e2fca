/** Known bugs of membership changes (ch. 4), snapshots (ch. 5) and leases (§6.4.1). */
import type { Mutant } from './mutant.ts';

export const LATER_CHAPTERS: readonly Mutant[] = [
  {
    name: 'learner-counts-in-quorum',
    what: 'What a learner acknowledges counts towards the majority of the voters.',
    knownFrom: '§4.2.1',
    file: 'src/raft/quorum.ts',
    replace: [
      {
        find: 'const incoming = majorityIndex(configuration.voters, acknowledged);',
        with:
          'const { learners, voters } = configuration;\n' +
          '  const incoming = majorityIndex(voters, acknowledged, learners);',
      },
      {
        find:
          'function majorityIndex(' +
          'voters: readonly NodeId[], acknowledged: (id: NodeId) => number): number {',
        with:
          'function majorityIndex(voters: readonly NodeId[], ' +
          'acknowledged: (id: NodeId) => number, learners: readonly NodeId[] = []): number {',
      },
      {
        find: '  for (const id of voters) {\n    const value',
        with: '  for (const id of [...voters, ...learners]) {\n    const value',
      },
    ],
  },
  {
    name: 'joint-counts-one-majority',
    what: 'While a configuration is joint, only the majority of the new voters is asked.',
    knownFrom: '§4.3, figure 4.8',
    file: 'src/raft/quorum.ts',
    replace: [
      {
        find:
          '  if (configuration.outgoing.length === 0) return incoming;\n' +
          '  return Math.min(incoming, majorityIndex(configuration.outgoing, acknowledged));\n',
        with: '  return incoming;\n',
      },
      {
        find:
          '  if (configuration.outgoing.length === 0) return incoming;\n' +
          '  const outgoing = majorityVote(configuration.outgoing, votes);\n',
        with: '  const outgoing = incoming;\n',
      },
    ],
  },
  {
    name: 'removed-voter-still-counts',
    what: 'A leader counts by the configuration that is committed, with whom the next one removes.',
    knownFrom: '§4.1, "as soon as it is added to its log"',
    file: 'src/raft/replication.ts',
    replace: [
      {
        find: 'const index = committedIndex(log.latestConfiguration(persistent.log), (voter) =>',
        with:
          'const inForce = log.configurationAt(persistent.log, volatile.commitIndex);\n' +
          '  const index = committedIndex(inForce.configuration, (voter) =>',
      },
    ],
  },
  {
    name: 'change-before-own-term-commit',
    what: 'A leader changes the membership before it has committed an entry of its own term.',
    knownFrom: 'Ongaro on raft-dev (2015), bug in single-server membership changes',
    file: 'src/raft/membership.ts',
    replace: [
      {
        find: "  if (volatile.commitIndex < leader.termStartIndex) return 'notReady';\n",
        with: '',
      },
    ],
  },
  {
    name: 'wiped-voter-votes-again',
    what: 'A server whose disk was lost comes back under its old name.',
    knownFrom: '§3.8, "cannot safely rejoin the cluster with its prior identity"',
    file: 'src/raft/identity.ts',
    replace: [
      {
        find: 'return incarnation === FIRST_INCARNATION ? id',
        with: 'return incarnation >= FIRST_INCARNATION ? id',
      },
    ],
  },
  {
    name: 'snapshot-overwrites-newer-log',
    what: 'A snapshot that arrives late takes with it the entries that the log holds behind it.',
    knownFrom: "Figure 5.3, step 6; Students' Guide to Raft (Gjengset, 2016)",
    file: 'src/raft/snapshot.ts',
    replace: [
      {
        find: "import { type Context, saveCompaction, send } from './context.ts';",
        with: "import { type Context, saveCompaction, saveEntries, send } from './context.ts';",
      },
      {
        find:
          '    volatile.receiving = null;\n' +
          "    respond(context, message, { status: 'installed' });\n",
        with:
          '    volatile.receiving = null;\n' +
          '    if (log.lastIndex(context.state.persistent.log) > volatile.commitIndex) {\n' +
          '      saveEntries(context, volatile.commitIndex + 1, []);\n' +
          '    }\n' +
          "    respond(context, message, { status: 'installed' });\n",
      },
      {
        find: '  saveCompaction(context, index, term);\n',
        with:
          '  if (held && log.lastIndex(persistent.log) > index) {\n' +
          '    saveEntries(context, index + 1, []);\n' +
          '  }\n' +
          '  saveCompaction(context, index, term);\n',
      },
    ],
  },
  {
    name: 'snapshot-begun-anew',
    what: 'Whether a snapshot is being sent is read from the flag that each quorum check clears.',
    knownFrom: 'dgraph-io/dgraph #9793',
    file: 'src/raft/snapshot.ts',
    replace: [
      {
        find: 'return role.progress.some(({ snapshot }) => {\n',
        with: 'return role.progress.some(({ active, snapshot }) => {\n',
      },
      {
        find: 'return snapshot !== null && nowUs - snapshot.heardUs < silentUs;',
        with: 'return snapshot !== null && active && nowUs > -silentUs;',
      },
    ],
  },
  {
    name: 'lease-ignores-drift',
    what: 'A lease lasts a whole election timeout, as if all clocks ran alike.',
    knownFrom: '§6.4.1',
    file: 'src/raft/reads.ts',
    replace: [
      {
        find: 'const lengthUs = Math.floor((minimumElectionTimeoutUs(state) * slowest) / fastest);',
        with: 'const lengthUs = minimumElectionTimeoutUs(state) + 0 * slowest * fastest;',
      },
    ],
  },
];
