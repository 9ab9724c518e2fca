/**
 * Shows that the checker of properties between servers has teeth: each property is broken by a few
 * steps made by hand and named with the servers, terms and indexes; and right beside it stands the
 * nearest sequence that is legal, of which nothing is said.
 *
 *     npx ava test/checker.test.ts
 */
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { SnapshotTransfers } from '../lab/checker/snapshot-transfers.ts';
import { CheckFailure, PROPERTIES } from '../lab/checker.ts';
import { onEntriesGone } from '../src/raft/progress.ts';
import { step } from '../src/raft/raft.ts';
import type { Entry, NodeId, Term } from '../src/raft/types.ts';
import {
  acknowledge,
  append,
  encodeCommand,
  entriesOf,
  persistAll,
  propose,
  receive,
  settledLeader,
  simple,
  timeout,
} from './raft/fixture.ts';
import { COMPACTION_CASES } from './support/checker-compaction.ts';
import { DUTY_CASES } from './support/checker-duties.ts';
import { MEMBERSHIP_CASES } from './support/checker-membership.ts';
import {
  type Case,
  committed,
  configured,
  NOOP,
  persist,
  vote,
  vouch,
  World,
} from './support/checker-world.ts';

/** A follower gets an entry 1 from n3, which says that it leads the term. */
function entryFromN3(id: NodeId, term: Term, text: string): (world: World) => void {
  return (world) => {
    const state = world.start(id, { term });
    const entry: Entry = { index: 1, term, kind: 'command', command: encodeCommand(text) };
    const head = { prevLogIndex: 0, prevLogTerm: 0, leaderCommit: 0, readRound: 0, attempt: 0 };
    const times = { sentUs: 0, roundTripUs: 0 };
    const effects = receive(state, 'n3', {
      kind: 'AppendEntries',
      term,
      ...head,
      ...times,
      entries: [entry],
    });
    world.saw(state, effects);
  };
}

/** n3 answers that it is receiving; this long after, n1 takes a snapshot, two entries behind it. */
function snapshotAfterAnswer(elapsedMs: number, snapshotEntries: number): void {
  const settings = { keptEntries: 0, snapshotEntries };
  const { leader, nowUs } = settledLeader({ settings });
  propose(leader, 'a', nowUs);
  persistAll(leader, nowUs);
  acknowledge(leader, 'n2', 2, nowUs);
  step(leader, { kind: 'applied', index: 2, nowUs });
  step(leader, { kind: 'snapshotNow', nowUs });
  step(leader, { kind: 'snapshotSaved', index: 2, nowUs });
  const [progress] = leader.role.kind === 'leader' ? leader.role.progress.slice(1) : [];
  if (progress !== undefined) onEntriesGone(progress, 2, nowUs);
  const transfers = new SnapshotTransfers();
  const head = { kind: 'InstallSnapshotResponse', from: 'n3', to: 'n1', term: 1 } as const;
  const times = { readRound: 0, sentUs: nowUs, index: 2, offset: 7 } as const;
  const message = { ...head, ...times, status: 'receiving' } as const;
  transfers.stepped({ kind: 'message', message, nowUs }, [], leader);
  leader.volatile.lastApplied = 4;
  const laterUs = nowUs + elapsedMs * 1000;
  const input = { kind: 'applied', index: 4, nowUs: laterUs } as const;
  transfers.stepped(input, [{ kind: 'takeSnapshot' }], leader);
}

// ---- The cases ----------------------------------------------------------------------------------

const CASES: readonly Case[] = [
  ...COMPACTION_CASES,
  ...DUTY_CASES,
  {
    property: 'snapshotTransferEnds',
    what: 'a follower that has just answered would have to begin again',
    legal() {
      snapshotAfterAnswer(149, 0.5);
      snapshotAfterAnswer(150, 2);
    },
    broken() {
      snapshotAfterAnswer(149, 2);
    },
    says:
      'n1 takes a snapshot 2 entries after the one that n3 is receiving, which has answered ' +
      '149 ms before',
  },
  ...MEMBERSHIP_CASES,
  {
    property: 'electionSafety',
    what: 'two leaders of one term; of two terms they are legal',
    legal(world) {
      world.elect(world.start('n1', { term: 1 }));
      world.elect(world.start('n2', { term: 2 }));
    },
    broken(world) {
      world.elect(world.start('n1', { term: 1 }));
      world.elect(world.start('n2', { term: 1 }), 'n1');
    },
    says: 'n2 and n1 are leaders of term 2',
  },
  {
    property: 'electedByMajority',
    what: 'a leader that nobody else has voted for; with one vote more it is legal',
    legal(world) {
      world.elect(world.start('n1', { term: 1 }));
    },
    broken(world) {
      world.becomeLeader(world.start('n1', { term: 1 }));
    },
    says: 'n1 leads term 2 with the votes of n1 alone',
  },
  {
    property: 'leaderAppendOnly',
    what: 'a leader cuts its log; one that steps down by the same message may',
    legal(world) {
      const n1 = world.start('n1', { entries: entriesOf([1, 1]) });
      const nowUs = world.elect(n1);
      const effects = append(n1, 'n2', { term: 3, prev: [1, 1], terms: [3] }, nowUs);
      if (
        !effects.some((effect) => effect.kind === 'persist' && effect.change.truncateFrom === 2)
      ) {
        throw new Error('nothing was cut');
      }
      world.saw(n1, effects);
    },
    broken(world) {
      const n1 = world.start('n1', { entries: entriesOf([1, 1]) });
      world.elect(n1);
      world.saw(n1, [persist({ truncateFrom: 2 })]);
    },
    says: 'n1 leads and cuts its log from 2 on',
  },
  {
    property: 'logMatching',
    what: 'two contents of one index and term; of two terms they are legal',
    legal(world) {
      entryFromN3('n1', 1, 'put x')(world);
      entryFromN3('n2', 1, 'put x')(world);
      entryFromN3('n2', 2, 'put y')(world);
    },
    broken(world) {
      entryFromN3('n1', 1, 'put x')(world);
      entryFromN3('n2', 1, 'put y')(world);
    },
    says: "entry 1 of term 1 on n2 differs from another's",
  },
  {
    property: 'logMatching',
    what: 'one entry behind two predecessors',
    legal(world) {
      world.start('n1', { entries: entriesOf([1, 1, 2]) });
      world.start('n2', { entries: entriesOf([1, 1, 2, 2]) });
      world.start('n3', { entries: entriesOf([1, 1, 1]) });
    },
    broken(world) {
      world.start('n1', { entries: entriesOf([1, 1, 2]) });
      world.start('n2', { entries: entriesOf([1, 2, 2]) });
    },
    says: 'entry 3 of term 2 follows one of term 2 on n2 and one of term 1 elsewhere',
  },
  {
    property: 'leaderCompleteness',
    what: 'a leader of a later term lacks what is committed; one that has it is legal',
    legal(world) {
      committed(world);
      const n2 = world.start('n2', { entries: [NOOP] });
      world.elect(n2);
    },
    broken(world) {
      committed(world);
      world.elect(world.start('n3', { term: 3, vote: 'n1' }));
    },
    says: 'n3 leads term 4 with one of term 4 at 1, where one of term 3 is committed',
  },
  {
    property: 'leaderCompleteness',
    what: 'a candidate that wins late, in a term that others have left, need not have it',
    legal(world) {
      committed(world, 'n2');
      // Its last vote was on its way while n1 was elected in term 3 and committed.
      world.elect(world.start('n3', { term: 1 }));
    },
    broken(world) {
      committed(world);
      const n2 = world.start('n2', { entries: [NOOP, ...entriesOf([4, 4], 2)] });
      const nowUs = world.elect(n2);
      for (const id of ['n1', 'n2', 'n3']) world.disk(id).entries = n2.persistent.log.entries;
      world.saw(n2, persistAll(n2, nowUs));
      world.saw(n2, acknowledge(n2, 'n1', 4, nowUs));
      // A leader of a later term must have all four.
      world.elect(world.start('n3', { entries: [NOOP], term: 6 }));
    },
    says: 'n3 leads term 7 with nothing at 4, where one of term 5 is committed',
  },
  {
    property: 'leaderCompleteness',
    what: 'a leader that others have left commits what a leader of a later term lacks',
    legal(world) {
      const n1 = world.start('n1', { term: 2 });
      const nowUs = world.elect(n1, 'n2');
      world.saw(n1, persistAll(n1, nowUs));
      world.save(n1);
      world.disk('n2').entries = n1.persistent.log.entries.slice();
      world.elect(world.start('n3', { entries: [NOOP], term: 3 }), 'n2');
      world.saw(n1, acknowledge(n1, 'n2', 1, nowUs));
    },
    broken(world) {
      const n1 = world.start('n1', { term: 2 });
      const nowUs = world.elect(n1, 'n2');
      world.saw(n1, persistAll(n1, nowUs));
      world.save(n1);
      world.disk('n2').entries = n1.persistent.log.entries.slice();
      world.elect(world.start('n3', { term: 3 }), 'n2');
      world.saw(n1, acknowledge(n1, 'n2', 1, nowUs));
    },
    says:
      'n1 of term 3 commits entry 1 of term 3, ' +
      'which n3 did not have when it came to lead term 4',
  },
  {
    property: 'stateMachineSafety',
    what: 'an entry is applied that nobody has committed',
    legal(world) {
      committed(world);
      const n2 = world.start('n2', { entries: [NOOP] });
      world.saw(n2, append(n2, 'n1', { term: 3, prev: [1, 3], commit: 1 }));
    },
    broken(world) {
      const n2 = world.start('n2', { entries: [NOOP] });
      world.saw(n2, [{ kind: 'apply', entries: [NOOP] }]);
    },
    says: 'n2 has applied entry 1, where 0 is committed as far as it knows',
  },
  {
    property: 'stateMachineSafety',
    what: 'another entry is applied where one is committed',
    legal(world) {
      committed(world);
      const n2 = world.start('n2', { entries: [NOOP] });
      world.saw(n2, append(n2, 'n1', { term: 3, prev: [1, 3], commit: 1 }));
    },
    broken(world) {
      committed(world);
      const n2 = world.start('n2', { entries: entriesOf([2]), term: 3 });
      world.saw(n2, append(n2, 'n1', { term: 3, prev: [1, 2], commit: 1 }));
    },
    says: 'n2 applies entry 1 of term 2 where one of term 3 is committed',
  },
  {
    property: 'stateMachineSafety',
    what: 'another entry is taken for committed, before it is applied',
    legal(world) {
      committed(world);
      const n2 = world.start('n2', { entries: [NOOP] });
      n2.volatile.commitIndex = 1;
      world.saw(n2);
    },
    broken(world) {
      committed(world);
      const n2 = world.start('n2', { entries: entriesOf([2]) });
      n2.volatile.commitIndex = 1;
      world.saw(n2);
    },
    says: 'n2 takes entry 1 of term 2 for committed, where one of term 3 is',
  },
  {
    property: 'committedIsDurable',
    what: 'a leader commits what only its own disk holds; on two of three it is legal',
    legal(world) {
      committed(world);
    },
    broken(world) {
      const n1 = world.start('n1', { term: 2 });
      const nowUs = world.elect(n1);
      world.saw(n1, persistAll(n1, nowUs));
      world.save(n1);
      // An entry of another term at the same index is another entry.
      world.disk('n2').entries = entriesOf([2]);
      world.saw(n1, acknowledge(n1, 'n2', 1, nowUs));
    },
    says: 'n1 commits entry 1, it is on 1 disks of 3',
  },
  {
    property: 'commitFromLeader',
    what: 'a follower takes for committed what no leader has committed yet',
    legal(world) {
      committed(world);
      const n2 = world.start('n2', { entries: [NOOP] });
      world.saw(n2, append(n2, 'n1', { term: 3, prev: [1, 3], commit: 1 }));
    },
    broken(world) {
      const n2 = world.start('n2', { entries: [NOOP] });
      world.saw(n2, append(n2, 'n1', { term: 3, prev: [1, 3], commit: 1 }));
    },
    says: 'n2 takes entry 1 for committed, leaders have committed 0',
  },
  {
    property: 'monotonicTerm',
    what: 'a server goes back to an earlier term',
    legal(world) {
      const n1 = world.start('n1', { term: 5 });
      world.saw(n1, timeout(n1).effects);
    },
    broken(world) {
      const n1 = world.start('n1', { term: 5 });
      n1.persistent.currentTerm = 4;
      world.saw(n1);
    },
    says: 'n1 goes from term 5 back to 4',
  },
  {
    property: 'monotonicTerm',
    what: 'a server starts in an earlier term than it voted in; what it told nobody may be lost',
    legal(world) {
      const n1 = world.start('n1', { term: 5, vote: 'n2' });
      world.sent('n1', 'n2', vote(5));
      append(n1, 'n3', { term: 6 });
      world.saw(n1);
      world.start('n1', { term: 5, vote: 'n2' });
    },
    broken(world) {
      world.start('n1', { term: 5, vote: 'n2' });
      world.sent('n1', 'n2', vote(5));
      world.start('n1', { term: 4 });
    },
    says: 'n1 starts in term 4 and was in term 5',
  },
  {
    property: 'monotonicCommitIndex',
    what: 'commitIndex falls; by a restart it may',
    legal(world) {
      committed(world);
      world.start('n1', { entries: [NOOP] });
    },
    broken(world) {
      const n1 = committed(world);
      n1.volatile.commitIndex = 0;
      world.saw(n1);
    },
    says: 'n1 goes from 1 back to 0',
  },
  {
    property: 'monotonicLastApplied',
    what: 'lastApplied falls; by a restart it may',
    legal(world) {
      const n1 = committed(world);
      n1.volatile.lastApplied = 1;
      world.saw(n1);
      world.start('n1', { entries: [NOOP] });
    },
    broken(world) {
      const n1 = committed(world);
      n1.volatile.lastApplied = 1;
      world.saw(n1);
      n1.volatile.lastApplied = 0;
      world.saw(n1);
    },
    says: 'n1 goes from 1 back to 0',
  },
  {
    property: 'oneVotePerTerm',
    what: 'a server changes its vote; in a later term it may',
    legal(world) {
      const n1 = world.start('n1', { term: 5, vote: 'n2' });
      n1.persistent.currentTerm = 6;
      n1.persistent.votedFor = 'n3';
      world.saw(n1);
    },
    broken(world) {
      const n1 = world.start('n1', { term: 5, vote: 'n2' });
      n1.persistent.votedFor = 'n3';
      world.saw(n1);
    },
    says: 'n1 voted for n2, now n3, in 5',
  },
  {
    property: 'oneVotePerTerm',
    what: 'a server votes for another after a restart; for the same one it may vote again',
    legal(world) {
      world.start('n1', { term: 5, vote: 'n2' });
      world.sent('n1', 'n2', vote(5));
      world.start('n1', { term: 5, vote: 'n2' });
      world.sent('n1', 'n2', vote(5));
      world.start('n1', { term: 6, vote: 'n3' });
      world.sent('n1', 'n3', vote(6));
    },
    broken(world) {
      world.start('n1', { term: 5, vote: 'n2' });
      world.sent('n1', 'n2', vote(5));
      // Its disk has forgotten the vote and kept the term.
      world.start('n1', { term: 5, vote: 'n3' });
      world.sent('n1', 'n3', vote(5));
    },
    says: 'n1 voted for n2 in term 5 and starts with a vote for n3',
  },
  {
    property: 'oneVotePerTerm',
    what: 'a candidate has voted for itself; it may refuse others',
    legal(world) {
      world.start('n1', { term: 5, vote: 'n1' });
      world.sent('n1', 'n2', { kind: 'RequestVote', term: 5 });
      world.sent('n1', 'n3', { kind: 'RequestVote', term: 5 });
      world.sent('n1', 'n2', { kind: 'RequestVoteResponse', term: 5, voteGranted: false });
    },
    broken(world) {
      world.start('n1', { term: 5, vote: 'n1' });
      world.sent('n1', 'n3', { kind: 'RequestVote', term: 5 });
      world.start('n1', { term: 5, vote: 'n2' });
      world.sent('n1', 'n2', vote(5));
    },
    says: 'n1 voted for n1 in term 5 and starts with a vote for n2',
  },
  {
    property: 'persistedBeforePromised',
    what: 'a message tells of a term that is not on the disk',
    legal(world) {
      world.disk('n1').currentTerm = 2;
      world.sent('n1', 'n2', vouch(2, 0));
      // It was on its way to the link when the disk got further.
      world.sent('n1', 'n2', vouch(1, 0));
    },
    broken(world) {
      world.disk('n1').currentTerm = 1;
      world.sent('n1', 'n2', vouch(2, 0));
    },
    says: 'n1 tells n2 of term 2, its disk has term 1',
  },
  {
    property: 'persistedBeforePromised',
    what: 'a vote is given that is not on the disk',
    legal(world) {
      Object.assign(world.disk('n1'), { currentTerm: 2, votedFor: 'n2' });
      world.sent('n1', 'n2', vote(2));
    },
    broken(world) {
      world.disk('n1').currentTerm = 2;
      world.sent('n1', 'n2', vote(2));
    },
    says: 'n1 votes for n2 in term 2, its disk has a vote for nobody',
  },
  {
    property: 'persistedBeforePromised',
    what: 'a candidate asks for votes before its own is on the disk',
    legal(world) {
      Object.assign(world.disk('n1'), { currentTerm: 2, votedFor: 'n1' });
      world.sent('n1', 'n2', { kind: 'RequestVote', term: 2 });
    },
    broken(world) {
      Object.assign(world.disk('n1'), { currentTerm: 2, votedFor: 'n3' });
      world.sent('n1', 'n2', { kind: 'RequestVote', term: 2 });
    },
    says: 'n1 votes for n1 in term 2, its disk has a vote for n3',
  },
  {
    property: 'persistedBeforePromised',
    what: 'an entry is vouched for that is not on the disk; once the disk is a term further it may',
    legal(world) {
      Object.assign(world.disk('n1'), { currentTerm: 2, entries: entriesOf([1, 2]) });
      world.sent('n1', 'n2', vouch(2, 2));
      // The leader of term 3 has had it cut, in the write that let the acknowledgement go.
      Object.assign(world.disk('n1'), { currentTerm: 3, entries: entriesOf([1]) });
      world.sent('n1', 'n2', vouch(2, 2));
    },
    broken(world) {
      Object.assign(world.disk('n1'), { currentTerm: 2, entries: entriesOf([1]) });
      world.sent('n1', 'n2', vouch(2, 2));
    },
    says: 'n1 vouches for entry 2, its disk has 1',
  },
  {
    property: 'monotonicLastApplied',
    what: 'an entry is applied twice; after a restart it is applied again',
    legal(world) {
      committed(world);
      const n1 = world.start('n1', { entries: [NOOP] });
      world.saw(n1, append(n1, 'n2', { term: 4, prev: [1, 3], commit: 1 }));
    },
    broken(world) {
      const n1 = committed(world);
      world.saw(n1, [{ kind: 'apply', entries: [NOOP] }]);
    },
    says: 'n1 applies entry 1 after 1',
  },
  {
    property: 'monotonicTerm',
    what: 'a server starts in an earlier term than its messages told',
    legal(world) {
      world.start('n1', { term: 5 });
      world.sent('n1', 'n2', vouch(5, 0));
      world.start('n1', { term: 5 });
    },
    broken(world) {
      world.start('n1', { term: 5 });
      world.sent('n1', 'n2', vouch(5, 0));
      world.start('n1', { term: 4 });
    },
    says: 'n1 starts in term 4 and was in term 5',
  },
  {
    property: 'acknowledgedLossRefused',
    what: 'a server starts without what it has vouched for; in a later term it may have been cut',
    legal(world) {
      const n1 = world.start('n1', { entries: entriesOf([1, 1]) });
      world.sent('n1', 'n2', vouch(1, 2));
      world.saw(n1, append(n1, 'n2', { term: 2, prev: [1, 1], terms: [2] }));
      world.start('n1', { entries: entriesOf([1]), term: 2 });
    },
    broken(world) {
      world.start('n1', { entries: entriesOf([1, 1]) });
      world.sent('n1', 'n2', vouch(1, 2));
      world.start('n1', { entries: entriesOf([1]) });
    },
    says: 'n1 starts with 1 entries and has vouched for 2',
  },
  {
    property: 'persistedBeforePromised',
    what: 'an entry is vouched for where the disk has another',
    legal(world) {
      const n1 = world.start('n1', { entries: entriesOf([1, 1]), term: 2 });
      world.saw(n1, append(n1, 'n2', { term: 2, prev: [1, 1], terms: [2] }));
      world.save(n1);
      world.sent('n1', 'n2', vouch(2, 2));
    },
    broken(world) {
      const n1 = world.start('n1', { entries: entriesOf([1, 1]), term: 2 });
      world.saw(n1, append(n1, 'n2', { term: 2, prev: [1, 1], terms: [2] }));
      // Term 2 is on the disk, entry 2/2 in place of 2/1 is not yet.
      world.sent('n1', 'n2', vouch(2, 2));
    },
    says: 'n1 vouches for entry 2 of term 2, its disk has one of term 1',
  },
];

for (const { property, what, legal, broken, says } of CASES) {
  test(`${PROPERTIES[property].name}: ${what}`, (t) => {
    t.notThrows(() => legal(new World()));
    const error = t.throws(() => broken(new World()), { instanceOf: CheckFailure });
    t.is(error?.property, PROPERTIES[property].name);
    t.is(error?.message, says);
  });
}

test('every property that the checker judges has a case here', (t) => {
  const parts = readdirSync(new URL('../lab/checker/', import.meta.url));
  const source = ['checker.ts', ...parts.map((part) => `checker/${part}`)]
    .map((name) => readFileSync(new URL(`../lab/${name}`, import.meta.url), 'utf8'))
    .join('');
  const judged = new Set([...source.matchAll(/fail\(\s*'(\w+)'/g)].map((match) => match[1]));
  const cases: Set<string | undefined> = new Set(CASES.map(({ property }) => property));
  t.is(judged.size, 48);
  t.deepEqual([...judged].sort(), [...cases].sort());
});

test('every property says what it is and, where there is one, its section', (t) => {
  const properties = Object.values(PROPERTIES);
  t.is(new Set(properties.map(({ name }) => name)).size, properties.length);
  for (const { name, section, what } of properties) {
    t.regex(name, /^[A-Z]/);
    t.regex(what, /^[a-z].*[^.]$/);
    const ofTheLab: string[] = [PROPERTIES.noFailure.name, PROPERTIES.boundedWork.name];
    if (!ofTheLab.includes(name)) t.regex(section, /^§/);
  }
});

test('the checker knows how far leaders have committed, and who was last seen to lead', (t) => {
  const world = new World();
  t.is(world.checker.committedIndex, 0);
  t.is(world.checker.roleOf('n1'), null);
  const n1 = committed(world);
  t.is(world.checker.committedIndex, 1);
  t.is(world.checker.roleOf('n1'), n1.role);
  world.start('n1', { entries: [NOOP] });
  t.is(world.checker.roleOf('n1')?.kind, 'follower');
  t.is(world.checker.committedIndex, 1, 'what is committed stays so when its leader is gone');
});

test('the checker keeps all that was committed, whatever of it logs still hold', (t) => {
  const world = new World();
  t.deepEqual(world.checker.committedEntries(), []);
  t.deepEqual(world.checker.configuration, simple('n1', 'n2', 'n3'));
  const n1 = committed(world);
  world.configure(n1, 400_000, 'n1', 'n2', 'n3', 'n4');
  const after = simple('n1', 'n2', 'n3', 'n4');
  t.deepEqual(world.checker.configuration, simple('n1', 'n2', 'n3'), 'appended, not committed');
  world.commit(n1, 400_000, 'n2', 'n4');
  t.deepEqual(world.checker.committedEntries(), [NOOP, configured(2, 3, after)]);
  t.deepEqual(world.checker.configuration, after);
});
