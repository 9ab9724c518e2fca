/**
 * Shows that the core does what the dissertation says, sentence by sentence: each test is named by
 * the rule in its own words, its comment is the section, and it looks only at what `step` does.
 *
 *     npx ava test/raft/paper.test.ts
 */
import test from 'ava';
import { committedIndex } from '../../src/raft/quorum.ts';
import { create, nextDeadlineUs, step } from '../../src/raft/raft.ts';
import type { Effect, RaftState } from '../../src/raft/types.ts';
import {
  acknowledge,
  append,
  CHAPTER_3,
  elect,
  persistAll,
  propose,
  read,
  receive,
  SETTINGS,
  sent,
  sentOf,
  server,
  termsOf,
  timeout,
} from './fixture.ts';

const FIVE = ['n1', 'n2', 'n3', 'n4', 'n5'] as const;

function kinds(effects: readonly Effect[]): string[] {
  return effects.map((effect) => (effect.kind === 'send' ? effect.message.kind : effect.kind));
}

/** The first send of that kind, with what it waits for. */
function waitsFor(effects: readonly Effect[], kind: string): 'term' | 'log' | null {
  for (const effect of effects) {
    if (effect.kind === 'send' && effect.message.kind === kind) return effect.after;
  }
  return null;
}

function requestVote(
  state: RaftState,
  from: string,
  term: number,
  last: [number, number],
): Effect[] {
  return askForVote(state, from, term, last, nextDeadlineUs(state));
}

function askForVote(
  state: RaftState,
  from: string,
  term: number,
  last: [number, number],
  nowUs: number,
  leadershipTransfer = false,
): Effect[] {
  const [lastLogIndex, lastLogTerm] = last;
  const request = { kind: 'RequestVote', term, lastLogIndex, lastLogTerm } as const;
  return receive(state, from, { ...request, leadershipTransfer }, nowUs);
}

// ---- §3.3 Raft basics ---------------------------------------------------------------------------

// §3.3
test('"updates its current term to the larger value": a later term in any message', (t) => {
  for (const kind of ['RequestVote', 'AppendEntries', 'RequestVoteResponse'] as const) {
    const state = server({ term: 1, settings: CHAPTER_3 });
    if (kind === 'RequestVote') requestVote(state, 'n2', 5, [0, 0]);
    else if (kind === 'AppendEntries') append(state, 'n2', { term: 5 });
    else receive(state, 'n2', { kind, term: 5, voteGranted: false });
    t.is(state.persistent.currentTerm, 5, kind);
  }
});

// §3.3
test('a candidate or leader whose term is out of date "immediately reverts to follower"', (t) => {
  const candidate = server({ settings: CHAPTER_3 });
  timeout(candidate);
  receive(candidate, 'n2', { kind: 'RequestVoteResponse', term: 9, voteGranted: false });
  t.is(candidate.role.kind, 'follower');

  const leader = server();
  const { nowUs } = elect(leader);
  append(leader, 'n2', { term: 9 }, nowUs);
  t.is(leader.role.kind, 'follower');
  t.is(leader.persistent.votedFor, null, 'the vote of an earlier term does not bind in this one');
});

// §3.3, figure 3.1: "reply false if term < currentTerm"
test('"if a server receives a request with a stale term number, it rejects the request"', (t) => {
  const state = server({ term: 3, terms: [1, 3] });
  const [vote] = sentOf(requestVote(state, 'n2', 2, [9, 2]), 'RequestVoteResponse');
  t.like(vote, { voteGranted: false, term: 3 });
  const [response] = sentOf(append(state, 'n2', { term: 2, terms: [2] }), 'AppendEntriesResponse');
  t.like(response, { success: false, term: 3 });
  t.deepEqual(termsOf(state), [1, 3]);
  t.is(state.volatile.leaderId, null);
});

// §3.3
test('a stale response counts for nothing', (t) => {
  const state = server({ settings: CHAPTER_3 });
  timeout(state);
  timeout(state);
  t.is(state.persistent.currentTerm, 2);
  receive(state, 'n2', { kind: 'RequestVoteResponse', term: 1, voteGranted: true });
  t.is(state.role.kind, 'candidate');
});

// ---- §3.4 Leader election -----------------------------------------------------------------------

// §3.4
test('"when servers start up, they begin as followers"', (t) => {
  const state = server({ term: 4, vote: 'n1', terms: [4] });
  t.is(state.role.kind, 'follower');
  t.is(state.volatile.commitIndex, 0);
  t.is(state.volatile.leaderId, null);
});

// §3.4
test('"a server remains in follower state as long as it receives valid RPCs"', (t) => {
  const state = server();
  for (let nowUs = 0; nowUs < 2_000_000; nowUs += 149_000) {
    append(state, 'n2', { term: 1 }, nowUs);
    t.deepEqual(step(state, { kind: 'timer', nowUs: nowUs + 149_000 }), []);
  }
  t.is(state.role.kind, 'follower');
});

// §3.4: "… over a period of time called the election timeout"
test('"if a follower receives no communication … [it] begins an election"', (t) => {
  const state = server({ settings: CHAPTER_3 });
  const early = step(state, { kind: 'timer', nowUs: nextDeadlineUs(state) - 1 });
  t.deepEqual(early, []);
  timeout(state);
  t.is(state.role.kind, 'candidate');
});

// §3.4, figure 3.1 (rules for candidates)
test('to begin an election: next term, vote for itself, RequestVote to all others', (t) => {
  const state = server({ voters: FIVE, settings: CHAPTER_3, terms: [1, 1, 2] });
  const { effects } = timeout(state);
  t.is(state.persistent.currentTerm, 3);
  t.is(state.persistent.votedFor, 'n1');
  const requests = sentOf(effects, 'RequestVote');
  t.deepEqual(
    requests.map((request) => request.to),
    ['n2', 'n3', 'n4', 'n5'],
  );
  for (const request of requests) t.like(request, { term: 3, lastLogIndex: 3, lastLogTerm: 2 });
});

// §3.4
test('"a candidate wins an election if it receives votes from a majority of the servers"', (t) => {
  const state = server({ voters: FIVE, settings: CHAPTER_3 });
  timeout(state);
  const vote = { kind: 'RequestVoteResponse', term: 1, voteGranted: true } as const;
  receive(state, 'n2', vote);
  receive(state, 'n2', vote);
  t.is(state.role.kind, 'candidate', 'a repeated vote is one vote');
  receive(state, 'n3', vote);
  t.is(state.role.kind, 'leader');
});

// §3.4: "… on a first-come-first-served basis"
test('"each server will vote for at most one candidate in a given term"', (t) => {
  const state = server({ settings: CHAPTER_3 });
  t.like(sent(requestVote(state, 'n2', 1, [0, 0]))[0], { voteGranted: true });
  t.like(sent(requestVote(state, 'n3', 1, [9, 1]))[0], { voteGranted: false });
  t.like(sent(requestVote(state, 'n2', 1, [0, 0]))[0], { voteGranted: true }, 'asked again');
  t.like(sent(requestVote(state, 'n3', 2, [0, 0]))[0], { voteGranted: true }, 'another term');
});

// §3.4: "to establish its authority and prevent new elections"
test('"once a candidate wins an election … it then sends heartbeat messages"', (t) => {
  const state = server({ voters: FIVE });
  const { effects } = elect(state);
  t.deepEqual(
    sentOf(effects, 'AppendEntries').map((message) => message.to),
    ['n2', 'n3', 'n4', 'n5'],
  );
});

// Figure 3.1 (rules for leaders): "repeat during idle periods to prevent election timeouts"
test('a leader sends heartbeats when it is idle', (t) => {
  const state = server({ settings: { checkQuorum: false } });
  elect(state);
  acknowledge(state, 'n2', 1, 0);
  for (let beats = 0; beats < 5; beats++) {
    const before = nextDeadlineUs(state);
    const { effects } = timeout(state);
    t.is(sentOf(effects, 'AppendEntries').length, 2);
    t.is(nextDeadlineUs(state) - before, SETTINGS.heartbeatMs * 1000);
  }
});

// §3.4: "if the leader's term … is at least as large as the candidate's current term"
test('a candidate that hears from a leader "returns to follower state"', (t) => {
  const state = server({ settings: CHAPTER_3 });
  timeout(state);
  append(state, 'n2', { term: 1 });
  t.is(state.role.kind, 'follower');
  t.is(state.volatile.leaderId, 'n2');
});

// §3.4: "If the term in the RPC is smaller … the candidate rejects the RPC and continues"
test('a candidate rejects a stale leader and continues in candidate state', (t) => {
  const state = server({ term: 3, settings: CHAPTER_3 });
  timeout(state);
  const [response] = sentOf(append(state, 'n2', { term: 3 }), 'AppendEntriesResponse');
  t.like(response, { success: false, term: 4 });
  t.is(state.role.kind, 'candidate');
});

// §3.4: "each candidate will time out and start a new election by incrementing its term"
test('a candidate without a result starts over in the next term', (t) => {
  const state = server({ voters: FIVE, settings: CHAPTER_3 });
  timeout(state);
  receive(state, 'n2', { kind: 'RequestVoteResponse', term: 1, voteGranted: true });
  timeout(state);
  t.is(state.persistent.currentTerm, 2);
  receive(state, 'n3', { kind: 'RequestVoteResponse', term: 2, voteGranted: true });
  t.is(state.role.kind, 'candidate', 'the votes of term 1 are not counted in term 2');
});

// §3.4
test('"election timeouts are chosen randomly from a fixed interval", anew each time', (t) => {
  const state = server({ settings: CHAPTER_3 });
  const drawn = new Set<number>();
  for (let i = 0; i < 200; i++) {
    const { nowUs } = timeout(state);
    const timeoutUs = nextDeadlineUs(state) - nowUs;
    t.true(timeoutUs >= 150_000 && timeoutUs <= 300_000);
    drawn.add(timeoutUs);
  }
  t.true(drawn.size > 190);
});

// Figure 3.1 (rules for followers): "… or granting vote to candidate"
test('granting a vote restarts the election timeout, refusing one does not', (t) => {
  const state = server({ settings: CHAPTER_3, terms: [1] });
  const deadline = nextDeadlineUs(state);
  askForVote(state, 'n2', 2, [0, 0], 140_000);
  t.is(nextDeadlineUs(state), deadline);
  askForVote(state, 'n2', 3, [1, 1], 140_000);
  t.true(nextDeadlineUs(state) >= 290_000);
});

// ---- §3.5 Log replication -----------------------------------------------------------------------

// §3.5
test('"the leader appends the command … then issues AppendEntries"', (t) => {
  const state = server();
  const { nowUs } = elect(state);
  acknowledge(state, 'n2', 1, nowUs);
  const effects = propose(state, 'x', nowUs);
  t.deepEqual(kinds(effects), ['persist', 'AppendEntries', 'answer']);
  t.is(sentOf(effects, 'AppendEntries')[0]?.to, 'n2', 'n3 has a message in flight and is probed');
  t.deepEqual(termsOf(state), [1, 1]);
});

// §3.5: "once the leader … has replicated it on a majority of the servers"
test('an entry is committed, and applied, when a majority has it and not before', (t) => {
  const state = server({ voters: FIVE });
  const { nowUs } = elect(state);
  persistAll(state);
  t.false(kinds(acknowledge(state, 'n2', 1, nowUs)).includes('apply'));
  t.true(kinds(acknowledge(state, 'n3', 1, nowUs)).includes('apply'));
  t.is(state.volatile.commitIndex, 1);
});

// §3.5
test('"this also commits all preceding entries in the leader\'s log"', (t) => {
  const state = server({ terms: [1, 1, 2] });
  const { nowUs } = elect(state);
  persistAll(state);
  const applied = acknowledge(state, 'n2', 4, nowUs).find((effect) => effect.kind === 'apply');
  t.deepEqual(
    applied?.entries.map((entry) => entry.index),
    [1, 2, 3, 4],
  );
});

// §3.5: "includes that index in future AppendEntries RPCs (including heartbeats)"
test('followers learn the commit index from the next AppendEntries, and apply in order', (t) => {
  const follower = server();
  append(follower, 'n2', { term: 1, terms: [1, 1, 1] });
  t.is(follower.volatile.commitIndex, 0);
  const effects = append(follower, 'n2', { term: 1, prev: [3, 1], commit: 2 });
  const applied = effects.find((effect) => effect.kind === 'apply');
  t.deepEqual(
    applied?.entries.map((entry) => entry.index),
    [1, 2],
  );
});

// Figure 3.1, AppendEntries receiver, 5
test('"commitIndex = min(leaderCommit, index of last new entry)"', (t) => {
  const follower = server({ terms: [1, 1, 1] });
  append(follower, 'n2', { term: 2, prev: [1, 1], commit: 3 });
  t.is(follower.volatile.commitIndex, 1, "entries 2 and 3 may not be the leader's");
});

// §3.5: "if the follower does not find an entry in its log with the same index and term"
test('the consistency check: without the preceding entry "it refuses the new entries"', (t) => {
  const follower = server({ terms: [1, 1] });
  for (const prev of [
    [2, 2],
    [3, 1],
  ] as const) {
    const [response] = sentOf(
      append(follower, 'n2', { term: 2, prev, terms: [2] }),
      'AppendEntriesResponse',
    );
    t.like(response, { success: false });
    t.deepEqual(termsOf(follower), [1, 1]);
  }
});

// §3.5, figure 3.1, AppendEntries receiver, 3 and 4
test('a conflict: "delete the existing entry and all that follow it"', (t) => {
  const follower = server({ terms: [1, 1, 1, 1] });
  append(follower, 'n2', { term: 2, prev: [1, 1], terms: [1, 2] });
  t.deepEqual(termsOf(follower), [1, 1, 2]);
});

// §3.7: "… it ignores those entries in the new request"
test('entries that are there already are left alone, and so is what follows them', (t) => {
  const follower = server({ terms: [1, 1, 1, 1], term: 1 });
  const effects = append(follower, 'n2', { term: 1, prev: [0, 0], terms: [1, 1] });
  t.deepEqual(kinds(effects), ['AppendEntriesResponse']);
  t.like(sent(effects)[0], { success: true, matchIndex: 2 });
  t.deepEqual(termsOf(follower), [1, 1, 1, 1]);
});

// §3.5
test('"initializes all nextIndex values to the index just after the last one in its log"', (t) => {
  const state = server({ terms: [1, 1, 2] });
  for (const message of sentOf(elect(state).effects, 'AppendEntries')) {
    t.like(message, { prevLogIndex: 3, prevLogTerm: 2 });
  }
});

// §3.5: "after a rejection, the leader decrements nextIndex and retries"; with the hint, by terms
test('a refused leader goes back until the logs match, then repairs', (t) => {
  const leader = server({ terms: [1, 1, 4, 4, 5] });
  const { nowUs } = elect(leader);
  const follower = server({ id: 'n2', terms: [1, 1, 2, 2, 3, 3] });
  let message = sentOf(propose(leader, 'x', nowUs), 'AppendEntries')[0];
  message ??= sentOf(timeout(leader).effects, 'AppendEntries')[0];
  let trips = 0;
  for (; message !== undefined && trips < 5; trips++) {
    const [response] = sent(step(follower, { kind: 'message', message, nowUs }));
    if (response === undefined) break;
    const effects = step(leader, { kind: 'message', message: response, nowUs });
    [message] = sentOf(effects, 'AppendEntries').filter((next) => next.to === 'n2');
  }
  t.deepEqual(termsOf(follower), [1, 1, 4, 4, 5, 6, 6]);
  t.is(trips, 2);
});

// §3.5
test('"a leader never overwrites or deletes entries in its own log"', (t) => {
  const leader = server({ terms: [1, 1] });
  const { nowUs } = elect(leader);
  const before = termsOf(leader);
  for (const hintIndex of [0, 1, 2]) {
    const refusal = { prevLogIndex: 2, hintIndex, hintTerm: 1, readRound: 0, attempt: 0 } as const;
    const term = leader.persistent.currentTerm;
    receive(
      leader,
      'n2',
      { kind: 'AppendEntriesResponse', term, success: false, ...refusal, sentUs: nowUs },
      nowUs,
    );
  }
  t.deepEqual(termsOf(leader), before);
});

// Figure 3.1: "if followers crash or run slowly … the leader retries AppendEntries indefinitely"
test('an unanswered message is repeated by the heartbeat', (t) => {
  const leader = server({ settings: { checkQuorum: false } });
  elect(leader);
  for (let beats = 0; beats < 3; beats++) {
    for (const message of sentOf(timeout(leader).effects, 'AppendEntries')) {
      t.like(message, { prevLogIndex: 0 });
      t.is(message.entries.length, 1);
    }
  }
});

// ---- §3.6 Safety --------------------------------------------------------------------------------

// §3.6.1: "if the logs have last entries with different terms, then the log with the later term …"
test('a vote is denied to a candidate whose last term is earlier, however long its log', (t) => {
  const voter = server({ terms: [1, 3] });
  t.like(sent(requestVote(voter, 'n2', 4, [9, 2]))[0], { voteGranted: false });
  t.like(sent(requestVote(voter, 'n3', 4, [1, 4]))[0], { voteGranted: true });
});

// §3.6.1: "if the logs end with the same term, then whichever log is longer is more up-to-date"
test('a vote is denied to a candidate whose log is shorter, of equal last terms', (t) => {
  const voter = server({ terms: [1, 1] });
  t.like(sent(requestVote(voter, 'n2', 2, [1, 1]))[0], { voteGranted: false });
  t.like(sent(requestVote(voter, 'n2', 2, [2, 1]))[0], { voteGranted: true }, 'equal is enough');
});

// §3.6.2
test('"only … from the leader\'s current term are committed by counting replicas"', (t) => {
  const leader = server({ voters: FIVE, terms: [1, 2] });
  const { nowUs } = elect(leader);
  persistAll(leader);
  acknowledge(leader, 'n2', 2, nowUs);
  acknowledge(leader, 'n3', 2, nowUs);
  acknowledge(leader, 'n4', 2, nowUs);
  t.is(leader.volatile.commitIndex, 0, 'entry 2, of term 2, is on four of five');
  acknowledge(leader, 'n2', 3, nowUs);
  acknowledge(leader, 'n3', 3, nowUs);
  t.is(leader.volatile.commitIndex, 3);
});

// ---- §3.8 Persisted state -----------------------------------------------------------------------

// §3.8: "each server persists its current term and vote"
test('term and vote are persisted before a vote is asked for or given', (t) => {
  const candidate = server({ settings: CHAPTER_3 });
  t.deepEqual(kinds(timeout(candidate).effects), ['persist', 'RequestVote', 'RequestVote']);
  const voter = server({ id: 'n2', settings: CHAPTER_3 });
  const effects = requestVote(voter, 'n1', 1, [0, 0]);
  t.is(kinds(effects).at(-1), 'RequestVoteResponse');
  const persist = effects.findLast((effect) => effect.kind === 'persist');
  t.deepEqual(persist?.change.termAndVote, { currentTerm: 1, votedFor: 'n1' });
});

// §3.8: "necessary to prevent the server from voting twice in the same term"
test('a server that restarts keeps to its vote', (t) => {
  const voter = server({ id: 'n3', settings: CHAPTER_3 });
  requestVote(voter, 'n1', 1, [0, 0]);
  const { currentTerm, votedFor } = voter.persistent;
  const again = server({ id: 'n3', settings: CHAPTER_3, term: currentTerm, vote: votedFor });
  t.like(sent(requestVote(again, 'n2', 1, [0, 0]))[0], { voteGranted: false });
});

// §3.8: "each server also persists new log entries before they are counted towards … commitment"
test('a follower acknowledges entries only behind the persist that holds them', (t) => {
  const follower = server();
  const first = append(follower, 'n2', { term: 1, terms: [1] });
  t.deepEqual(kinds(first).slice(-2), ['persist', 'AppendEntriesResponse']);
  t.is(waitsFor(first, 'AppendEntriesResponse'), 'log');
  const repeated = append(follower, 'n2', { term: 1, terms: [1] });
  t.deepEqual(kinds(repeated), ['AppendEntriesResponse']);
  t.is(waitsFor(repeated, 'AppendEntriesResponse'), 'log', 'the first copy may not be on disk yet');
});

// §3.8: "if a server loses any of its persistent state, it cannot safely rejoin"; so heartbeats'
// answers
test('a heartbeat is answered at once, for no more than what is durable', (t) => {
  const follower = server();
  append(follower, 'n2', { term: 1, terms: [1, 1] });
  const early = append(follower, 'n2', { term: 1, prev: [2, 1] });
  t.is(waitsFor(early, 'AppendEntriesResponse'), 'term');
  t.like(sent(early)[0], { success: true, matchIndex: 0 });
  persistAll(follower);
  t.like(sent(append(follower, 'n2', { term: 1, prev: [2, 1] }))[0], { matchIndex: 2 });
});

// §3.8: the ABA race of scenario 13: append, cut, append the same again
test('what the disk reports of a write that was cut since counts for nothing', (t) => {
  const follower = server({ settings: CHAPTER_3 });
  append(follower, 'n2', { term: 1, terms: [1] });
  const firstWrite = follower.volatile.persistSequence;
  append(follower, 'n3', { term: 2, terms: [2] });
  append(follower, 'n2', { term: 3, terms: [1] });
  t.deepEqual(termsOf(follower), [1]);
  step(follower, { kind: 'persisted', sequence: firstWrite, nowUs: 0 });
  t.is(follower.volatile.persistedIndex, 0, 'the disk is about to cut this copy of 1/1');
  persistAll(follower);
  t.is(follower.volatile.persistedIndex, 1);
});

// §3.8: volatile state; §3.4
test('a restarted leader is a follower and does not know what is committed', (t) => {
  const leader = server();
  const { nowUs } = elect(leader);
  persistAll(leader);
  acknowledge(leader, 'n2', 1, nowUs);
  t.is(leader.volatile.commitIndex, 1);
  const { currentTerm, votedFor, log } = leader.persistent;
  const again = create({
    id: 'n1',
    settings: leader.settings,
    rng: leader.rng,
    nowUs,
    configuration: { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: [] },
    currentTerm,
    votedFor,
    snapshot: null,
    ...log,
  });
  t.is(again.role.kind, 'follower');
  t.is(again.volatile.commitIndex, 0);
  t.is(again.volatile.persistedIndex, 1);
});

// ---- §4.2.3 Disruptive servers ------------------------------------------------------------------

// §4.2.3: "… it does not update its term or grant its vote"
test('RequestVote "within the minimum election timeout" of hearing from a leader', (t) => {
  const state = server();
  append(state, 'n2', { term: 1 }, 0);
  t.deepEqual(askForVote(state, 'n3', 9, [0, 0], 149_999), []);
  t.is(state.persistent.currentTerm, 1);
  t.like(sent(askForVote(state, 'n3', 9, [0, 0], 150_000))[0], { voteGranted: true });
});

// ---- §6.2 CheckQuorum ---------------------------------------------------------------------------

// §6.2: "if an election timeout elapses without a successful round of heartbeats to a majority"
test('"a leader steps down" when it hears from no majority', (t) => {
  const leader = server({ voters: FIVE });
  const { nowUs } = elect(leader);
  for (let i = 0; i < 20 && leader.role.kind === 'leader'; i++) {
    acknowledge(leader, 'n2', 1, nowUs);
    timeout(leader);
  }
  t.is(leader.role.kind, 'follower');
  t.is(leader.persistent.currentTerm, 1, 'its term is the same');
  t.is(leader.volatile.leaderId, null);
});

// §6.2
test('a leader that hears from a majority goes on', (t) => {
  const leader = server({ voters: FIVE });
  elect(leader);
  for (let i = 0; i < 40; i++) {
    const { nowUs } = timeout(leader);
    acknowledge(leader, 'n2', 1, nowUs);
    acknowledge(leader, 'n3', 1, nowUs);
  }
  t.is(leader.role.kind, 'leader');
});

// §6.2: answers are owed to heartbeats, and a host that was held up has sent none
test('a leader whose host was held up sends a heartbeat before it looks for answers', (t) => {
  const leader = server();
  elect(leader);
  // Up to the first check, in which those who have just voted count.
  for (let i = 0; i < 2; i++) timeout(leader);
  const { nowUs } = timeout(leader);
  const lateUs = nowUs + 1_000_000;
  const effects = step(leader, { kind: 'timer', nowUs: lateUs, wasHeldUp: true });
  t.is(sentOf(effects, 'AppendEntries').length, 2);
  t.is(leader.role.kind, 'leader');
  t.is(nextDeadlineUs(leader), lateUs + SETTINGS.heartbeatMs * 1000);
  step(leader, { kind: 'timer', nowUs: nextDeadlineUs(leader) });
  t.is(leader.role.kind, 'follower', 'nobody has answered that one either');
});

// ---- §6.4 Read-only queries ---------------------------------------------------------------------

/** A leader of three whose no-op has committed. */
function settled(): { leader: RaftState; nowUs: number } {
  const leader = server();
  const { nowUs } = elect(leader);
  persistAll(leader);
  acknowledge(leader, 'n2', 1, nowUs);
  acknowledge(leader, 'n3', 1, nowUs);
  return { leader, nowUs };
}

// §6.4, step 1, with the no-op at the start of the term
test("a read before an entry of the leader's term has committed waits for that", (t) => {
  const leader = server({ terms: [1, 1] });
  const { nowUs } = elect(leader);
  read(leader, 7, nowUs);
  const effects = acknowledge(leader, 'n2', 0, nowUs, 1);
  const answered = effects.find((effect) => effect.kind === 'answer');
  t.deepEqual(answered?.answer, { kind: 'readable', index: 3 }, 'the no-op: to be applied first');
});

// §6.4, step 3: "issues a new round of heartbeats and waits for … a majority of the cluster"
test('a read waits for a majority to acknowledge a round begun after it came in', (t) => {
  const { leader, nowUs } = settled();
  const effects = read(leader, 1, nowUs);
  t.deepEqual(
    sentOf(effects, 'AppendEntries').map((message) => [message.to, message.readRound]),
    [
      ['n2', 1],
      ['n3', 1],
    ],
  );
  t.deepEqual(kinds(acknowledge(leader, 'n2', 1, nowUs, 0)), [], 'an answer to an older message');
  t.deepEqual(kinds(acknowledge(leader, 'n2', 1, nowUs, 1)), ['answer']);
});

// §6.4: the cost of a round is shared by the reads that have accumulated
test('reads that come in during a round share the next', (t) => {
  const { leader, nowUs } = settled();
  read(leader, 1, nowUs);
  t.deepEqual(read(leader, 2, nowUs), []);
  t.deepEqual(read(leader, 3, nowUs), []);
  const first = acknowledge(leader, 'n3', 1, nowUs, 1);
  t.deepEqual(kinds(first), ['answer', 'AppendEntries', 'AppendEntries']);
  t.deepEqual(kinds(acknowledge(leader, 'n3', 1, nowUs, 2)), ['answer', 'answer']);
});

// §6.4: a leader that was deposed must not answer
test('reads that wait are rejected when the leader steps down', (t) => {
  const { leader, nowUs } = settled();
  read(leader, 1, nowUs);
  const answered = append(leader, 'n2', { term: 2 }, nowUs).find((e) => e.kind === 'answer');
  t.deepEqual(answered?.answer, { kind: 'rejected', reason: 'notLeader', leaderId: 'n2' });
});

// §6.4: "a new round of heartbeats": one of this term. n1 led term 1 up to round 3, and leads term
// 3; a follower of term 3 answers a message of term 1 that was long on its way.
test('a round of an earlier term confirms nothing in this one', (t) => {
  const follower = server({ id: 'n2', term: 3 });
  const [late] = sent(append(follower, 'n1', { term: 1, round: 3 }));
  t.like(late, { success: false, term: 3 });
  const { leader, nowUs } = settledIn(3);
  read(leader, 1, nowUs);
  if (late === undefined) throw new Error('no answer');
  t.deepEqual(kinds(step(leader, { kind: 'message', message: late, nowUs })), []);
});

function settledIn(term: number): { leader: RaftState; nowUs: number } {
  const leader = server({ term: term - 1 });
  const { nowUs } = elect(leader);
  persistAll(leader);
  acknowledge(leader, 'n2', 1, nowUs);
  acknowledge(leader, 'n3', 1, nowUs);
  return { leader, nowUs };
}

// §6.2
test('a follower rejects proposals and reads, and names the leader', (t) => {
  const follower = server();
  append(follower, 'n2', { term: 1 });
  for (const effects of [propose(follower, 'x', 0), read(follower, 1, 0)]) {
    t.like(effects[0], { kind: 'answer', answer: { kind: 'rejected', leaderId: 'n2' } });
    t.is(effects.length, 1);
  }
});

// ---- §9.6 PreVote -------------------------------------------------------------------------------

// §9.6
test('"a candidate only increments its term if it first learns from a majority …"', (t) => {
  const state = server({ voters: FIVE, term: 2 });
  const { effects } = timeout(state);
  t.deepEqual(kinds(effects), ['PreVote', 'PreVote', 'PreVote', 'PreVote']);
  t.is(state.persistent.currentTerm, 2);
  const grant = { kind: 'PreVoteResponse', term: 2, requestTerm: 2, voteGranted: true } as const;
  receive(state, 'n2', grant);
  t.is(state.persistent.currentTerm, 2);
  receive(state, 'n3', grant);
  t.is(state.persistent.currentTerm, 3);
  t.is(state.role.kind, 'candidate');
});

// §9.6: "… if the candidate's log is sufficiently up-to-date"
test('a pre-vote is refused to a log that is not up-to-date, and changes nothing', (t) => {
  const voter = server({ terms: [1, 2] });
  const question = { kind: 'PreVote', term: 2, lastLogIndex: 2, lastLogTerm: 1 } as const;
  const effects = receive(voter, 'n2', question, 500_000);
  t.deepEqual(kinds(effects), ['PreVoteResponse']);
  t.like(sent(effects)[0], { voteGranted: false });
  const better = receive(voter, 'n2', { ...question, lastLogTerm: 2 }, 500_000);
  t.like(sent(better)[0], { voteGranted: true });
  t.is(voter.persistent.votedFor, null);
});

// §9.6: "and the voters have not received heartbeats from a valid leader for at least …"
test('a pre-vote is refused while the voter hears from a leader, or leads', (t) => {
  const question = { kind: 'PreVote', term: 1, lastLogIndex: 1, lastLogTerm: 1 } as const;
  const voter = server();
  append(voter, 'n2', { term: 1 }, 0);
  t.like(sent(receive(voter, 'n3', question, 149_000))[0], { voteGranted: false });
  t.like(sent(receive(voter, 'n3', question, 151_000))[0], { voteGranted: true });
  const { leader, nowUs } = settled();
  t.like(sent(receive(leader, 'n3', question, nowUs))[0], { voteGranted: false });
});

// §9.6
test('a heartbeat from the leader itself returns it "to the follower state"', (t) => {
  const state = server({ term: 1, terms: [1] });
  timeout(state);
  t.is(state.role.kind, 'preCandidate');
  append(state, 'n2', { term: 1, prev: [1, 1] });
  t.is(state.role.kind, 'follower');
  t.is(state.persistent.currentTerm, 1, '(in the same term)');
});

// ---- §10.2 Performance --------------------------------------------------------------------------

// §10.2.1
test('the leader writes to its disk while it replicates, if that is switched on', (t) => {
  for (const parallelDiskWrite of [true, false]) {
    const leader = server({ settings: { parallelDiskWrite } });
    const { effects } = elect(leader);
    t.is(waitsFor(effects, 'AppendEntries'), parallelDiskWrite ? 'term' : 'log');
  }
});

// §10.2.1: "the leader uses its own match index to indicate the latest entry … durably written"
test('the leader counts itself only for what its disk has reported', (t) => {
  const leader = server();
  const { nowUs } = elect(leader);
  acknowledge(leader, 'n2', 1, nowUs);
  t.is(leader.volatile.commitIndex, 0);
  t.true(kinds(persistAll(leader)).includes('apply'));
});

// §10.2.1: "may even commit an entry before it has been written to its own disk"
test("a majority of followers commits without the leader's disk", (t) => {
  const leader = server();
  const { nowUs } = elect(leader);
  acknowledge(leader, 'n2', 1, nowUs);
  acknowledge(leader, 'n3', 1, nowUs);
  t.is(leader.volatile.commitIndex, 1);
  t.is(leader.volatile.persistedIndex, 0);
});

// §10.2.2
test('pipelining: messages follow one another without waiting, up to the window', (t) => {
  const { leader, nowUs } = settled();
  const toN2 = (effects: Effect[]): number =>
    sentOf(effects, 'AppendEntries').filter((message) => message.to === 'n2').length;
  for (let i = 0; i < SETTINGS.windowMessages; i++) t.is(toN2(propose(leader, 'x', nowUs)), 1);
  t.is(toN2(propose(leader, 'x', nowUs)), 0, 'the window is full');
  t.is(toN2(acknowledge(leader, 'n2', 2, nowUs)), 1);
});

// §10.2.2
test('batching: entries that gathered leave in one message, within both bounds', (t) => {
  const leader = server({ settings: { windowMessages: 1, batchEntries: 3 } });
  const { nowUs } = elect(leader);
  acknowledge(leader, 'n2', 1, nowUs);
  for (const text of ['a', 'b', 'c', 'd', 'e']) propose(leader, text, nowUs);
  const [batch] = sentOf(acknowledge(leader, 'n2', 2, nowUs), 'AppendEntries');
  t.deepEqual(
    batch?.entries.map((entry) => entry.index),
    [3, 4, 5],
  );
});

// §3.3: a majority of every size
test('a majority is more than half', (t) => {
  for (const [size, needed] of [
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
  ] as const) {
    const voters = Array.from({ length: size }, (_, i) => `n${i + 1}`);
    const configuration = { voters, outgoing: [], learners: [] };
    const by = (count: number): number =>
      committedIndex(configuration, (id) => (Number(id.slice(1)) <= count ? 1 : 0));
    t.is(by(needed), 1);
    t.is(by(needed - 1), 0);
  }
});
