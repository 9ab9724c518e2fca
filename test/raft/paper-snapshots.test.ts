/**
 * Shows that the core compacts its log and installs snapshots as chapter 5 of the dissertation
 * says: each test is named by the rule, and it looks only at what `step` does.
 *
 *     npx ava test/raft/paper-snapshots.test.ts
 */
import test from 'ava';
import { create, step } from '../../src/raft/raft.ts';
import type { Effect, InstallSnapshot, RaftState, SnapshotMeta } from '../../src/raft/types.ts';
import {
  acknowledge,
  append,
  configurationOf,
  encodeCommand,
  persistAll,
  propose,
  receive,
  sentOf,
  server,
  settledLeader,
  simple,
  termsOf,
} from './fixture.ts';

const BEFORE = { index: 0, configuration: simple('n1', 'n2', 'n3') };

function metaOf(index: number, term: number): SnapshotMeta {
  return { index, term, configuration: BEFORE };
}

type Chunk = { readonly offset?: number; readonly data?: string; readonly done?: boolean };

/** A leader sends the server this chunk of its snapshot. */
function chunk(
  state: RaftState,
  from: string,
  snapshot: SnapshotMeta,
  { offset = 0, data = '', done = false }: Chunk,
  term = 2,
): Effect[] {
  const bytes = encodeCommand(data);
  const head = { kind: 'InstallSnapshot', term, snapshot, readRound: 0, sentUs: 0 } as const;
  return receive(state, from, { ...head, offset, data: bytes, done } as Omit<
    InstallSnapshot,
    'from' | 'to'
  >);
}

/** All of it in one chunk, and durable. */
function installed(state: RaftState, snapshot: SnapshotMeta): Effect[] {
  const received = chunk(state, 'n2', snapshot, { data: 'all', done: true });
  return [...received, ...step(state, { kind: 'snapshotReceived', snapshot, nowUs: 0 })];
}

function kinds(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.kind);
}

function status(effects: readonly Effect[]): unknown {
  return sentOf(effects, 'InstallSnapshotResponse').at(-1);
}

function apply(state: RaftState, index: number): Effect[] {
  return step(state, { kind: 'applied', index, nowUs: 0 });
}

// ---- §5.1 Taking --------------------------------------------------------------------------------

/** A follower of n2 with five entries of term 1, all committed and applied. */
function follower(settings = {}): RaftState {
  const state = server({ settings: { keptEntries: 0, ...settings } });
  append(state, 'n2', { term: 1, terms: [1, 1, 1, 1, 1], commit: 5 });
  persistAll(state);
  return state;
}

// §5.1.3
test('a snapshot is due after so many entries, or so many bytes, since the last one', (t) => {
  for (const settings of [{ snapshotEntries: 5 }, { snapshotBytes: 5 * 18 }]) {
    const state = follower(settings);
    t.deepEqual(kinds(apply(state, 5)), ['takeSnapshot']);
    t.deepEqual(apply(state, 5), [], 'one at a time');
  }
  t.deepEqual(apply(follower({ snapshotEntries: 6 }), 5), []);
});

// §5.1: "once a server completes writing a snapshot, it may delete all log entries up through the
// last included index"
test('the log is cut when the snapshot is durable, not before', (t) => {
  const state = follower({ snapshotEntries: 4 });
  apply(state, 4);
  t.is(state.persistent.log.baseIndex, 0);
  const effects = step(state, { kind: 'snapshotSaved', index: 4, nowUs: 0 });
  t.deepEqual(kinds(effects), ['persist']);
  t.like(state.persistent, { snapshot: { index: 4, term: 1 } });
  t.like(state.persistent.log, { baseIndex: 4, baseTerm: 1 });
  t.deepEqual(termsOf(state), [1]);
});

// §5.1.3
test('of what a snapshot covers, some is kept for followers that are a little behind', (t) => {
  const state = follower({ snapshotEntries: 5, keptEntries: 2 });
  apply(state, 5);
  step(state, { kind: 'snapshotSaved', index: 5, nowUs: 0 });
  t.is(state.persistent.log.baseIndex, 3);
  t.is(state.persistent.snapshot?.index, 5);
});

// §5.1: the term of the last entry is kept "to support the AppendEntries consistency check for the
// first log entry following the snapshot"
test('the first entry after a snapshot is checked against its term', (t) => {
  const state = follower({ snapshotEntries: 5 });
  apply(state, 5);
  step(state, { kind: 'snapshotSaved', index: 5, nowUs: 0 });
  const follows = append(state, 'n2', { term: 2, prev: [5, 1], terms: [2] });
  t.like(sentOf(follows, 'AppendEntriesResponse')[0], { success: true, matchIndex: 6 });
});

// §5.1: the configuration is part of a snapshot
test('who starts from a snapshot goes by its configuration, and knows it committed', (t) => {
  const placed = { index: 3, configuration: simple('n1', 'n4') };
  const state = create({
    ...server(),
    nowUs: 0,
    configuration: simple('n1', 'n2', 'n3'),
    currentTerm: 2,
    votedFor: null,
    snapshot: { index: 4, term: 2, configuration: placed },
    baseIndex: 4,
    baseTerm: 2,
    entries: [],
  });
  t.deepEqual(configurationOf(state), simple('n1', 'n4'));
  t.like(state.volatile, { commitIndex: 4, lastApplied: 4 });
});

// ---- Figure 5.3, sending ------------------------------------------------------------------------

/** A leader whose log begins behind entry 3, with n3 known to hold nothing of it. */
function compactedLeader(): { leader: RaftState; nowUs: number } {
  const { leader, nowUs } = settledLeader({
    settings: { keptEntries: 0, checkQuorum: false, chunkBytes: 7 },
  });
  propose(leader, 'a', nowUs);
  propose(leader, 'b', nowUs);
  persistAll(leader, nowUs);
  acknowledge(leader, 'n2', 3, nowUs);
  apply(leader, 3);
  step(leader, { kind: 'snapshotNow', nowUs });
  step(leader, { kind: 'snapshotSaved', index: 3, nowUs });
  return { leader, nowUs };
}

function refused(leader: RaftState, nowUs: number): Effect[] {
  const term = leader.persistent.currentTerm;
  const kind = 'AppendEntriesResponse';
  const refusal = { prevLogIndex: 3, hintIndex: 0, hintTerm: 0, readRound: 0, attempt: 0 };
  const response = { kind, term, success: false, ...refusal, sentUs: nowUs } as const;
  return receive(leader, 'n3', response, nowUs);
}

// §5.1: "the leader has already discarded the next log entry that it needs to send"
test('a follower that needs an entry that is gone is sent the snapshot', (t) => {
  const { leader, nowUs } = compactedLeader();
  const sending = refused(leader, nowUs).find((effect) => effect.kind === 'sendChunk');
  t.like(sending?.message, { to: 'n3', offset: 0, snapshot: { index: 3 } });
});

test('the next chunks follow when one is acknowledged; heartbeats only ask', (t) => {
  const { leader, nowUs } = compactedLeader();
  refused(leader, nowUs);
  const term = leader.persistent.currentTerm;
  const kind = 'InstallSnapshotResponse';
  const came = { kind, term, index: 3, readRound: 0, status: 'receiving', offset: 7 } as const;
  const next = receive(leader, 'n3', { ...came, sentUs: nowUs }, nowUs + 1);
  t.like(next, [
    { kind: 'sendChunk', message: { offset: 7 } },
    { kind: 'sendChunk', message: { offset: 14 } },
  ]);
  t.deepEqual(receive(leader, 'n3', { ...came, sentUs: nowUs }, nowUs + 2), [], 'a late copy');
  const heartbeat = step(leader, { kind: 'timer', nowUs: nowUs + 60_000 });
  const [question] = sentOf(heartbeat, 'InstallSnapshot');
  t.like(question, { to: 'n3', offset: 21, done: false });
  t.is(question?.data.byteLength, 0);
});

test('entries follow when the snapshot is installed', (t) => {
  const { leader, nowUs } = compactedLeader();
  refused(leader, nowUs);
  t.deepEqual(
    sentOf(propose(leader, 'c', nowUs), 'AppendEntries').map(({ to }) => to),
    ['n2'],
  );
  const term = leader.persistent.currentTerm;
  const kind = 'InstallSnapshotResponse';
  const done = { kind, term, index: 3, readRound: 0, status: 'installed', sentUs: nowUs } as const;
  const [message] = sentOf(receive(leader, 'n3', done, nowUs), 'AppendEntries');
  t.like(message, { to: 'n3', prevLogIndex: 3, prevLogTerm: 1 });
  t.is(message?.entries[0]?.index, 4);
});

// ---- Figure 5.3, receiver implementation --------------------------------------------------------

// Figure 5.3, 1
test('"reply immediately if term < currentTerm"', (t) => {
  const state = server({ term: 3, terms: [1] });
  const effects = chunk(state, 'n2', metaOf(9, 2), { data: 'x', done: true }, 2);
  t.deepEqual(kinds(effects), ['send']);
  t.like(status(effects), { term: 3 });
});

// Figure 5.3, 2 to 4
test('chunks are kept in order, and each is answered with how far it has come', (t) => {
  const state = server({ terms: [1] });
  const snapshot = metaOf(9, 2);
  t.deepEqual(
    kinds(chunk(state, 'n2', snapshot, { data: 'ab' })).filter((kind) => kind !== 'persist'),
    ['receiveChunk', 'send'],
  );
  const gap = chunk(state, 'n2', snapshot, { offset: 4, data: 'ef' });
  t.deepEqual(kinds(gap), ['send']);
  t.like(status(gap), { status: 'receiving', offset: 2 });
  const again = chunk(state, 'n2', snapshot, { data: 'ab' });
  t.deepEqual(kinds(again), ['send'], 'a copy is not kept again');
  const last = chunk(state, 'n2', snapshot, { offset: 2, data: 'cd', done: true });
  t.deepEqual(kinds(last), ['receiveChunk', 'send']);
  t.like(status(last), { status: 'received' });
  t.is(state.volatile.commitIndex, 0, 'it is not durable yet');
});

// Two servers' snapshots of one entry stand for the same state, in other bytes.
test("another leader's chunks begin anew", (t) => {
  const state = server({ terms: [1] });
  chunk(state, 'n2', metaOf(9, 2), { data: 'ab' });
  const effects = chunk(state, 'n3', metaOf(9, 2), { offset: 2, data: 'cd' }, 3);
  t.false(kinds(effects).includes('receiveChunk'));
  t.like(status(effects), { status: 'receiving', offset: 0 });
});

// Figure 5.3, 6
test('"if existing log entry has same index and term … retain any following entries"', (t) => {
  const state = server({ terms: [1, 1, 2, 2] });
  installed(state, metaOf(2, 1));
  t.like(state.persistent.log, { baseIndex: 2, baseTerm: 1 });
  t.deepEqual(termsOf(state), [2, 2]);
});

// Figure 5.3, 7 and 8
test('else "discard the entire log", and the state machine is put into the state received', (t) => {
  const state = server({ terms: [1, 1, 1, 1] });
  const effects = installed(state, metaOf(3, 2));
  t.like(state.persistent.log, { baseIndex: 3, baseTerm: 2, entries: [] });
  t.true(kinds(effects).includes('install'));
  t.is(state.volatile.commitIndex, 3);
  t.like(status(effects), { status: 'installed', index: 3 });
});

// §3.8: it vouches for the log up to there
test('that it is installed is told when the cut is durable', (t) => {
  const state = server({ terms: [1] });
  const told = installed(state, metaOf(9, 2)).findLast((effect) => effect.kind === 'send');
  t.is(told?.after, 'log');
});

test('what is committed already, no snapshot takes back', (t) => {
  const state = server({ terms: [1, 1, 1] });
  append(state, 'n2', { term: 2, prev: [3, 1], commit: 3 });
  const effects = chunk(state, 'n2', metaOf(2, 1), { data: 'ab', done: true });
  t.deepEqual(kinds(effects), ['send']);
  t.like(status(effects), { status: 'installed', index: 2 });
  t.deepEqual(termsOf(state), [1, 1, 1]);
});

// §5.1: it is committed, whoever has sent it
test('a snapshot that becomes durable when another leads is installed all the same', (t) => {
  const state = server({ terms: [1] });
  chunk(state, 'n2', metaOf(9, 2), { data: 'all', done: true });
  append(state, 'n3', { term: 3 });
  const effects = step(state, { kind: 'snapshotReceived', snapshot: metaOf(9, 2), nowUs: 0 });
  t.is(state.volatile.commitIndex, 9);
  t.deepEqual(sentOf(effects, 'InstallSnapshotResponse'), [], 'who sent it does not lead');
});

// Figure 5.3: an InstallSnapshot is as good as a heartbeat
test('a snapshot comes from a leader: no election is due, and no vote is given', (t) => {
  const state = server({ terms: [1] });
  chunk(state, 'n2', metaOf(9, 2), { data: 'ab' });
  t.is(state.volatile.leaderId, 'n2');
  const request = { kind: 'RequestVote', term: 3, lastLogIndex: 9, lastLogTerm: 2 } as const;
  t.deepEqual(receive(state, 'n3', { ...request, leadershipTransfer: false }, 149_999), []);
});

test('entries from before the base are checked from the base on', (t) => {
  const state = server({ terms: [1] });
  installed(state, metaOf(3, 1));
  const effects = append(state, 'n2', { term: 2, prev: [1, 1], terms: [1, 1, 1, 2] });
  t.like(sentOf(effects, 'AppendEntriesResponse')[0], { success: true, matchIndex: 5 });
  t.deepEqual(termsOf(state), [1, 2]);
});
