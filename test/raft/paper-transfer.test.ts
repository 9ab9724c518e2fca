/**
 * Shows that the core hands leadership over as §3.10 of the dissertation says, serves reads by
 * leases as §6.4.1 does, and on followers as §6.4 does: each test is named by the rule, and looks
 * only at what `step` does.
 *
 *     npx ava test/raft/paper-transfer.test.ts
 */
import test from 'ava';
import { create, nextDeadlineUs, step } from '../../src/raft/raft.ts';
import type { Effect, RaftState, ReadMode } from '../../src/raft/types.ts';
import {
  acknowledge,
  answers,
  append,
  CHAPTER_3,
  commitAll,
  configure,
  elect,
  persistAll,
  propose,
  receive,
  sent,
  sentOf,
  server,
  settledLeader,
  simple,
  timeout,
} from './fixture.ts';

function transfer(state: RaftState, to: string, nowUs: number): Effect[] {
  return step(state, { kind: 'transfer', id: 2, to, nowUs });
}

function readBy(state: RaftState, mode: ReadMode, nowUs: number, id = 3): Effect[] {
  return step(state, { kind: 'read', id, mode, nowUs });
}

function requestVote(state: RaftState, leadershipTransfer: boolean, nowUs: number): Effect[] {
  const term = state.persistent.currentTerm + 1;
  const request = { kind: 'RequestVote', term, lastLogIndex: 9, lastLogTerm: 9 } as const;
  return receive(state, 'n3', { ...request, leadershipTransfer }, nowUs);
}

// ---- §3.10 Leadership transfer ------------------------------------------------------------------

// §3.10, 3
test('a server whose log is complete is sent TimeoutNow at once', (t) => {
  const { leader, nowUs } = settledLeader();
  t.deepEqual(
    sent(transfer(leader, 'n2', nowUs)).map(({ kind, to }) => [kind, to]),
    [['TimeoutNow', 'n2']],
  );
});

// §3.10, 2: "fully updates the target server's log to match its own"
test('another one when its log is', (t) => {
  const { leader, nowUs } = settledLeader();
  propose(leader, 'x', nowUs);
  t.deepEqual(sentOf(transfer(leader, 'n2', nowUs), 'TimeoutNow'), []);
  t.is(sentOf(acknowledge(leader, 'n2', 2, nowUs), 'TimeoutNow').length, 1);
});

// §4.3: the leader itself appends the new configuration when the joint one has committed
test('what a commit has appended is part of the log that must be complete', (t) => {
  const { leader, nowUs } = settledLeader();
  configure(leader, { voters: ['n1', 'n2', 'n4'] }, nowUs, false);
  persistAll(leader);
  transfer(leader, 'n2', nowUs);
  acknowledge(leader, 'n4', 2, nowUs);
  t.deepEqual(sentOf(acknowledge(leader, 'n2', 2, nowUs), 'TimeoutNow'), []);
  t.is(leader.volatile.commitIndex, 2);
  t.is(sentOf(acknowledge(leader, 'n2', 3, nowUs), 'TimeoutNow').length, 1);
});

// §3.10, 1
test('"the prior leader stops accepting new client requests"', (t) => {
  const { leader, nowUs } = settledLeader();
  transfer(leader, 'n2', nowUs);
  t.deepEqual(answers(propose(leader, 'x', nowUs)), ['transferring']);
  t.deepEqual(answers(transfer(leader, 'n3', nowUs)), ['transferring']);
  t.deepEqual(answers(configure(leader, { voters: ['n1'] }, nowUs)), ['transferring']);
});

// §3.10: "after about an election timeout, the prior leader aborts the transfer and resumes"
test('a transfer that does not complete is given up', (t) => {
  const { leader, nowUs } = settledLeader({ settings: { checkQuorum: false } });
  transfer(leader, 'n2', nowUs);
  t.deepEqual(answers(step(leader, { kind: 'timer', nowUs: nowUs + 299_999 })), []);
  const given = step(leader, { kind: 'timer', nowUs: nowUs + 300_000 });
  t.deepEqual(answers(given), ['transferTimeout']);
  t.deepEqual(answers(propose(leader, 'x', nowUs + 300_000)), ['accepted']);
});

test('whoever asked is told when the other server leads, or one that was not meant', (t) => {
  for (const [to, told] of [
    ['n2', 'done'],
    ['n3', 'transferTimeout'],
  ] as const) {
    const { leader, nowUs } = settledLeader();
    transfer(leader, to, nowUs);
    t.deepEqual(answers(append(leader, 'n2', { term: 2 }, nowUs)), [told]);
  }
});

// §3.10: "this causes the target server to start an election immediately"
test('TimeoutNow begins an election without pre-votes, which says that it was asked for', (t) => {
  const state = server({ terms: [1] });
  append(state, 'n2', { term: 1, prev: [1, 1] });
  const effects = receive(state, 'n2', { kind: 'TimeoutNow', term: 1 });
  t.is(state.role.kind, 'candidate');
  for (const request of sentOf(effects, 'RequestVote')) t.true(request.leadershipTransfer);
  t.deepEqual(sentOf(effects, 'PreVote'), []);
});

test('who is no voter cannot take over', (t) => {
  const { leader, nowUs } = settledLeader();
  t.deepEqual(answers(transfer(leader, 'n9', nowUs)), ['notVoter']);
  const stranger = server({ id: 'n9' });
  t.deepEqual(sent(receive(stranger, 'n2', { kind: 'TimeoutNow', term: 0 })), []);
});

test('a TimeoutNow of an earlier term is dropped', (t) => {
  const state = server({ term: 3, terms: [1] });
  t.deepEqual(receive(state, 'n2', { kind: 'TimeoutNow', term: 2 }), []);
});

// §4.2.3: "this rule can be relaxed": "I have permission to disrupt the leader"
test('a vote that the leader has asked for is given though a leader was heard just now', (t) => {
  const state = server();
  append(state, 'n2', { term: 1 });
  t.deepEqual(requestVote(state, false, 1_000), []);
  t.like(sent(requestVote(state, true, 1_000))[0], { voteGranted: true });
});

// §4.2.3: whatever term the request is of
test('nor is a vote given in the term that the server is in already', (t) => {
  const state = server();
  append(state, 'n2', { term: 1 }, 0);
  receive(state, 'n3', { kind: 'RequestVoteResponse', term: 2, voteGranted: false }, 1_000);
  const request = { kind: 'RequestVote', term: 2, lastLogIndex: 9, lastLogTerm: 9 } as const;
  const ask = (from: string, nowUs: number): Effect[] =>
    receive(state, from, { ...request, leadershipTransfer: false }, nowUs);
  t.like(sent(ask('n3', 149_999))[0] ?? { voteGranted: false }, { voteGranted: false });
  t.is(state.persistent.votedFor, null);
  t.like(sent(ask('n3', 150_000))[0], { voteGranted: true });
});

// ---- §6.4.1 Leases ------------------------------------------------------------------------------

const LEASES = { settings: { clockDriftPpm: 0, checkQuorum: false } };

// §6.4.1
test('a lease lasts a minimum election timeout, from when a majority was sent to', (t) => {
  const { leader, nowUs } = settledLeader(LEASES);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs + 149_999)), ['readable']);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs + 150_000)), []);
});

test('not from when it was heard', (t) => {
  const { leader, nowUs } = settledLeader(LEASES);
  const term = leader.persistent.currentTerm;
  const head = { kind: 'AppendEntriesResponse', term, success: true, matchIndex: 1 } as const;
  const response = { ...head, readRound: 0, attempt: 0, sentUs: nowUs + 50_000 };
  receive(leader, 'n2', response, nowUs + 140_000);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs + 199_999)), ['readable']);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs + 200_000)), []);
});

// §6.4.1: "over a given time period, no server's clock increases more than this bound times any
// other"
test('it is shorter by what clocks may drift', (t) => {
  const { leader, nowUs } = settledLeader({ settings: { clockDriftPpm: 50_000 } });
  const lengthUs = Math.floor((150_000 * 95) / 105);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs + lengthUs - 1)), ['readable']);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs + lengthUs)), []);
});

test('a lease needs a majority, of both halves of a joint configuration', (t) => {
  const voters = ['n1', 'n2', 'n3', 'n4', 'n5'];
  const leader = server({ voters, ...LEASES });
  const { nowUs } = elect(leader);
  persistAll(leader, nowUs);
  acknowledge(leader, 'n2', 1, nowUs);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs)), []);
  commitAll(leader, nowUs);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs)), ['readable']);
  configure(leader, { voters: ['n1', 'n6', 'n7'] }, nowUs);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs)), []);
});

test('without a bound on drift, or without stickiness, there are none', (t) => {
  for (const settings of [{}, { clockDriftPpm: 0, leaderStickiness: false }]) {
    const { leader, nowUs } = settledLeader({ settings });
    const effects = readBy(leader, 'lease', nowUs);
    t.deepEqual(answers(effects), []);
    t.is(sentOf(effects, 'AppendEntries').length, 2, 'a round takes its place');
  }
});

// §6.4.1: "the leader would have to expire its lease before transferring"
test('when a transfer has begun there is no lease for the rest of the term', (t) => {
  const { leader, nowUs } = settledLeader(LEASES);
  transfer(leader, 'n2', nowUs);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs)), []);
  step(leader, { kind: 'timer', nowUs: nowUs + 300_000 });
  acknowledge(leader, 'n2', 1, nowUs + 300_000);
  acknowledge(leader, 'n3', 1, nowUs + 300_000);
  t.deepEqual(answers(readBy(leader, 'lease', nowUs + 300_000, 4)), [], 'it was given up');
});

// §6.4.1 rests on what §4.2.3 has a server promise, and a restart forgets.
test('where there are leases, a server that restarts gives no vote for a while', (t) => {
  for (const clockDriftPpm of [0, null]) {
    const state = create({
      ...server({ settings: { ...CHAPTER_3, leaderStickiness: true, clockDriftPpm } }),
      nowUs: 1_000_000,
      configuration: simple('n1', 'n2', 'n3'),
      currentTerm: 1,
      votedFor: null,
      snapshot: null,
      baseIndex: 0,
      baseTerm: 0,
      entries: [],
    });
    const early = sentOf(requestVote(state, false, 1_149_999), 'RequestVoteResponse');
    t.is(early.length, clockDriftPpm === null ? 1 : 0);
    t.like(sent(requestVote(state, false, 1_150_000)).at(-1), { voteGranted: true });
  }
});

// ---- §6.4 Reads on followers --------------------------------------------------------------------

/** A follower of n2 that has asked it for its read #3. */
function asking(): { state: RaftState; nonce: number } {
  const state = server({ terms: [1] });
  append(state, 'n2', { term: 1, prev: [1, 1] });
  const [question] = sentOf(readBy(state, 'follower', 0), 'ReadIndex');
  if (question === undefined) throw new Error('it asks nobody');
  return { state, nonce: question.nonce };
}

function told(state: RaftState, part: { nonce: number; readId: number; index: number | null }) {
  return receive(state, 'n2', { kind: 'ReadIndexResponse', term: 1, ...part });
}

// §6.4: "the follower could issue a request to the leader that just asked for a current readIndex"
test('a follower asks the leader for an index, and answers with that', (t) => {
  const { state, nonce } = asking();
  const effects = told(state, { nonce, readId: 3, index: 7 });
  t.like(effects[0], { kind: 'answer', id: 3, answer: { kind: 'readable', index: 7 } });
});

test('what comes in while it asks waits for a question of its own', (t) => {
  const { state, nonce } = asking();
  t.deepEqual(readBy(state, 'follower', 0, 4), []);
  t.deepEqual(readBy(state, 'follower', 0, 5), []);
  const effects = told(state, { nonce, readId: 3, index: 7 });
  t.deepEqual(answers(effects), ['readable']);
  t.like(sentOf(effects, 'ReadIndex')[0], { readId: 5 });
  t.deepEqual(answers(told(state, { nonce, readId: 5, index: 8 })), ['readable', 'readable']);
});

test("an answer to another life's question, or to an earlier one, is none", (t) => {
  const { state, nonce } = asking();
  t.deepEqual(told(state, { nonce: nonce + 1, readId: 3, index: 7 }), []);
  t.deepEqual(told(state, { nonce, readId: 2, index: 7 }), []);
  t.deepEqual(answers(told(state, { nonce, readId: 3, index: null })), [], 'it does not lead');
});

// §6.4, steps 1 to 3, by the leader
test('the leader gives an index when a round begun after the question has confirmed it', (t) => {
  const { leader, nowUs } = settledLeader();
  const question = { kind: 'ReadIndex', term: 1, nonce: 5, readId: 6 } as const;
  const round = receive(leader, 'n2', question, nowUs);
  t.is(sentOf(round, 'AppendEntries')[0]?.readRound, 1);
  t.deepEqual(sentOf(round, 'ReadIndexResponse'), []);
  const confirmed = acknowledge(leader, 'n3', 1, nowUs, 1);
  t.like(sentOf(confirmed, 'ReadIndexResponse')[0], { to: 'n2', nonce: 5, readId: 6, index: 1 });
});

test('who does not lead says so', (t) => {
  const state = server({ terms: [1] });
  const question = { kind: 'ReadIndex', term: 1, nonce: 5, readId: 6 } as const;
  t.like(sentOf(receive(state, 'n2', question), 'ReadIndexResponse')[0], { index: null });
});

test('a follower asks the next leader, and refuses when it begins an election', (t) => {
  const { state } = asking();
  const effects = append(state, 'n3', { term: 2, prev: [1, 1] }, 1_000);
  t.like(sentOf(effects, 'ReadIndex')[0], { to: 'n3', readId: 3 });
  const { nonce } = state.volatile.followerReads;
  const answer = { kind: 'ReadIndexResponse', term: 2, nonce, readId: 3, index: 4 } as const;
  t.deepEqual(answers(receive(state, 'n3', answer, 2_000)), ['readable']);

  readBy(state, 'follower', 2_000, 4);
  const late = step(state, { kind: 'timer', nowUs: 400_000 });
  t.deepEqual(answers(late), ['notLeader']);
});

test('a server that never campaigns refuses when its leader has long been silent', (t) => {
  const state = server({ terms: [1], voters: ['n2', 'n3'] });
  t.is(nextDeadlineUs(state), Number.POSITIVE_INFINITY, 'it waits for nothing');
  append(state, 'n2', { term: 1, prev: [1, 1] });
  readBy(state, 'follower', 0);
  const { effects } = timeout(state);
  t.deepEqual(answers(effects), ['notLeader']);
  t.is(state.role.kind, 'follower');
  t.deepEqual(answers(readBy(state, 'follower', 900_000, 4)), ['notLeader'], 'nobody to ask');
});

test('followers refuse the reads that only a leader serves', (t) => {
  const state = server({ terms: [1] });
  append(state, 'n2', { term: 1, prev: [1, 1] });
  t.deepEqual(answers(readBy(state, 'readIndex', 0)), ['notLeader']);
  t.deepEqual(answers(readBy(state, 'lease', 0)), ['notLeader']);
});

// §4.1: when the last of the others has left, nobody is there to confirm a round
test('a read that waits is answered when the leader becomes the whole cluster', (t) => {
  const { leader, nowUs } = settledLeader({ voters: ['n1', 'n2'] });
  t.deepEqual(answers(readBy(leader, 'readIndex', nowUs)), []);
  configure(leader, { voters: ['n1'] }, nowUs);
  t.deepEqual(answers(persistAll(leader, nowUs)).sort(), ['done', 'readable']);
  t.deepEqual(answers(readBy(leader, 'readIndex', nowUs, 9)), ['readable']);
});

// ---- Flow control -------------------------------------------------------------------------------

test('commands are refused while too many bytes wait to be committed', (t) => {
  const { leader, nowUs } = settledLeader({ settings: { uncommittedBytes: 40 } });
  t.deepEqual(answers(propose(leader, 'aaaa', nowUs)), ['accepted']);
  t.deepEqual(answers(propose(leader, 'bbbb', nowUs)), ['accepted']);
  t.deepEqual(answers(propose(leader, 'cccc', nowUs)), ['overloaded']);
  commitAll(leader, nowUs);
  t.deepEqual(answers(propose(leader, 'cccc', nowUs)), ['accepted']);
});

test('what is in flight to a follower is bounded in bytes', (t) => {
  const { leader, nowUs } = settledLeader({ settings: { windowBytes: 40 } });
  const toN2 = (effects: Effect[]): number =>
    sentOf(effects, 'AppendEntries').filter(({ to }) => to === 'n2').length;
  t.is(toN2(propose(leader, 'aaaa', nowUs)), 1);
  t.is(toN2(propose(leader, 'bbbb', nowUs)), 1);
  t.is(toN2(propose(leader, 'cccc', nowUs)), 0);
  t.is(toN2(acknowledge(leader, 'n2', 2, nowUs)), 1);
});
