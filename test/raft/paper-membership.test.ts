/**
 * Shows that the core changes the membership as chapter 4 of the dissertation says: each test is
 * named by the rule, its comment is the section, and it looks only at what `step` does.
 *
 *     npx ava test/raft/paper-membership.test.ts
 */
import test from 'ava';
import { create, nextDeadlineUs, step } from '../../src/raft/raft.ts';
import type { Configuration, Effect, Entry, RaftState } from '../../src/raft/types.ts';
import {
  acknowledge,
  answers,
  append,
  appendEntries,
  CHAPTER_3,
  commitAll,
  configurationOf,
  configure,
  elect,
  entriesOf,
  persistAll,
  propose,
  receive,
  SETTINGS,
  sentOf,
  server,
  settledLeader,
  simple,
  timeout,
} from './fixture.ts';

const THREE = ['n1', 'n2', 'n3'] as const;

function configurationEntry(index: number, configuration: Configuration): Entry {
  return Object.freeze({ index, term: 1, kind: 'configuration', configuration });
}

/** A server whose log is 1/1, then this configuration; before that, n1 n2 n3 are the voters. */
function holding(id: string, configuration: Configuration): RaftState {
  const entries = [...entriesOf([1]), configurationEntry(2, configuration)];
  const blank = server({ id, voters: THREE });
  return create({
    id,
    settings: SETTINGS,
    rng: blank.rng,
    nowUs: 0,
    configuration: simple(...THREE),
    currentTerm: 1,
    votedFor: null,
    snapshot: null,
    baseIndex: 0,
    baseTerm: 0,
    entries,
  });
}

function votesAsked(effects: readonly Effect[]): string[] {
  return sentOf(effects, 'PreVote').map(({ to }) => to);
}

// ---- §4.1 Safety --------------------------------------------------------------------------------

// §4.1: "a server always uses the latest configuration in its log, regardless of whether the entry
// is committed"
test('a configuration is in force as soon as it is in the log', (t) => {
  const { leader, nowUs } = settledLeader();
  configure(leader, { voters: ['n1', 'n2', 'n3', 'n4'] }, nowUs);
  t.deepEqual(configurationOf(leader), simple('n1', 'n2', 'n3', 'n4'));
  persistAll(leader, nowUs);
  acknowledge(leader, 'n2', 2, nowUs);
  t.is(leader.volatile.commitIndex, 1, 'two of four are no majority');
  acknowledge(leader, 'n4', 2, nowUs);
  t.is(leader.volatile.commitIndex, 2);
});

// §4.1
test('a server "must be prepared to fall back to the previous configuration in its log"', (t) => {
  const follower = holding('n3', simple('n1', 'n2'));
  t.deepEqual(configurationOf(follower), simple('n1', 'n2'));
  append(follower, 'n2', { term: 2, prev: [1, 1], terms: [2] });
  t.deepEqual(configurationOf(follower), simple(...THREE));
});

// §4.1, §4.3: if they differ by one server, any majority of the old cluster overlaps with any
// majority of the new one
test('one server comes or goes in one step, more by way of a joint configuration', (t) => {
  for (const [voters, outgoing] of [
    [['n1', 'n2', 'n3', 'n4'], []],
    [['n1', 'n2'], []],
    [['n1', 'n2', 'n4'], THREE],
    [['n1', 'n2', 'n3', 'n4', 'n5'], THREE],
    [['n1'], THREE],
  ] as const) {
    const { leader, nowUs } = settledLeader();
    configure(leader, { voters }, nowUs);
    t.deepEqual(configurationOf(leader), { voters, outgoing, learners: [] } as Configuration);
  }
});

// §4.1
test('one change at a time', (t) => {
  const { leader, nowUs } = settledLeader();
  configure(leader, { voters: ['n1', 'n2'] }, nowUs);
  t.deepEqual(answers(configure(leader, { voters: ['n1', 'n3'] }, nowUs)), ['changeInProgress']);
  t.deepEqual(answers(commitAll(leader, nowUs)), ['done']);
  t.deepEqual(answers(configure(leader, { voters: ['n1', 'n2', 'n3'] }, nowUs)), []);
});

// Ongaro, raft-dev, 2015: "bug in single-server membership changes"
test('no change before an entry of the own term has committed', (t) => {
  const leader = server({ terms: [1] });
  const { nowUs } = elect(leader);
  t.deepEqual(answers(configure(leader, { voters: ['n1', 'n2'] }, nowUs)), ['notReady']);
  commitAll(leader, nowUs);
  t.deepEqual(answers(configure(leader, { voters: ['n1', 'n2'] }, nowUs)), []);
});

// §4.1: "process incoming RPC requests without consulting their current configurations"
test('a server grants votes to, and takes entries from, whom its configuration leaves out', (t) => {
  const stranger = server({ id: 'n9', voters: [], settings: CHAPTER_3 });
  const request = { kind: 'RequestVote', term: 1, lastLogIndex: 0, lastLogTerm: 0 } as const;
  const votes = receive(stranger, 'n2', { ...request, leadershipTransfer: false });
  t.like(sentOf(votes, 'RequestVoteResponse')[0], { voteGranted: true });
  const response = append(stranger, 'n2', { term: 1, terms: [1] });
  t.like(sentOf(response, 'AppendEntriesResponse')[0], { success: true, matchIndex: 1 });
});

test('a cluster keeps a voter', (t) => {
  const { leader, nowUs } = settledLeader();
  t.deepEqual(answers(configure(leader, { learners: ['n4'] }, nowUs)), ['lastVoter']);
});

// ---- §4.2.1 Catching up new servers -------------------------------------------------------------

/** A leader that has been asked to add n4, with the learner's entry committed. */
function adding(): { leader: RaftState; nowUs: number } {
  const { leader, nowUs } = settledLeader();
  configure(leader, { voters: [...THREE, 'n4'] }, nowUs, true);
  persistAll(leader, nowUs);
  acknowledge(leader, 'n2', 2, nowUs);
  return { leader, nowUs };
}

// §4.2.1: "a new server joins the cluster as a non-voting member"
test('a new server is sent entries and counts in no majority until it has caught up', (t) => {
  const { leader, nowUs } = settledLeader();
  const effects = configure(leader, { voters: [...THREE, 'n4'] }, nowUs, true);
  t.deepEqual(configurationOf(leader), { ...simple(...THREE), learners: ['n4'] });
  t.true(sentOf(effects, 'AppendEntries').some(({ to }) => to === 'n4'));
  persistAll(leader, nowUs);
  acknowledge(leader, 'n4', 2, nowUs);
  t.is(leader.volatile.commitIndex, 1);
});

// §4.2.1: "if the last round lasts less than an election timeout, then the leader adds the new
// server"
test('a round shorter than an election timeout makes it a voter', (t) => {
  const { leader, nowUs } = adding();
  acknowledge(leader, 'n4', 2, nowUs + 149_999);
  t.deepEqual(configurationOf(leader), simple(...THREE, 'n4'));
});

// §4.2.1: "each round replicates all the log entries present in the leader's log at the start of
// the round"
test('a longer round is followed by another, of what came in meanwhile', (t) => {
  const { leader, nowUs } = adding();
  propose(leader, 'x', nowUs + 100_000);
  acknowledge(leader, 'n4', 2, nowUs + 150_000);
  acknowledge(leader, 'n4', 2, nowUs + 160_000);
  t.deepEqual(configurationOf(leader).learners, ['n4']);
  acknowledge(leader, 'n4', 3, nowUs + 200_000);
  t.deepEqual(configurationOf(leader), simple(...THREE, 'n4'));
});

// §4.2.1: "the algorithm waits a fixed number of rounds (such as 10)"
test('after ten slow rounds the change is given up', (t) => {
  const { leader, nowUs } = adding();
  const effects: Effect[] = [];
  for (let round = 1; round <= 10; round++) {
    propose(leader, 'x', nowUs);
    effects.push(...acknowledge(leader, 'n4', round + 1, nowUs + round * 200_000));
  }
  t.deepEqual(answers(effects), ['catchUpTimeout']);
  commitAll(leader, nowUs + 2_000_000);
  t.deepEqual(configurationOf(leader), simple(...THREE));
});

// §4.2.1: "if the new server is unavailable …"
test('a server that never answers is given up in time, and the membership is what it was', (t) => {
  const { leader, nowUs } = adding();
  const answered: string[] = [];
  for (let at = nowUs; at <= nowUs + 10_050_000; at += 50_000) {
    for (const peer of ['n2', 'n3']) acknowledge(leader, peer, 2, at);
    answered.push(...answers(step(leader, { kind: 'timer', nowUs: at })));
  }
  t.deepEqual(answered, ['catchUpTimeout']);
  t.deepEqual(configurationOf(leader), simple(...THREE));
});

test('a learner that is up to date already becomes a voter with its next answer', (t) => {
  const { leader, nowUs } = settledLeader();
  configure(leader, { voters: THREE, learners: ['n4'] }, nowUs);
  commitAll(leader, nowUs);
  configure(leader, { voters: [...THREE, 'n4'] }, nowUs, true);
  acknowledge(leader, 'n4', 2, nowUs);
  t.deepEqual(configurationOf(leader), simple(...THREE, 'n4'));
});

// §4.2.1: a change "should not … reduce availability": who caught up first may have died since.
test('a server that has caught up and falls silent holds up the change for the others', (t) => {
  const { leader, nowUs } = settledLeader();
  configure(leader, { voters: [...THREE, 'n4', 'n5'] }, nowUs, true);
  persistAll(leader, nowUs);
  for (const id of ['n2', 'n4']) acknowledge(leader, id, 2, nowUs);
  propose(leader, 'x', nowUs + 100_000);
  acknowledge(leader, 'n5', 2, nowUs + 149_999);
  t.deepEqual(configurationOf(leader).voters, [...THREE, 'n4', 'n5'], 'both just now');

  const other = settledLeader();
  configure(other.leader, { voters: [...THREE, 'n4', 'n5'] }, other.nowUs, true);
  persistAll(other.leader, other.nowUs);
  for (const id of ['n2', 'n4']) acknowledge(other.leader, id, 2, other.nowUs);
  acknowledge(other.leader, 'n5', 2, other.nowUs + 150_000);
  acknowledge(other.leader, 'n5', 2, other.nowUs + 200_000);
  t.deepEqual(configurationOf(other.leader).voters, THREE, 'n4 was silent for a timeout');
  acknowledge(other.leader, 'n4', 2, other.nowUs + 250_000);
  acknowledge(other.leader, 'n4', 2, other.nowUs + 260_000);
  t.deepEqual(configurationOf(other.leader).voters, [...THREE, 'n4', 'n5'], 'it answers again');
});

// ---- §4.2.2 Removing the current leader ---------------------------------------------------------

// §4.2.2: "it replicates log entries but does not count itself in majorities"
test('a leader that is being removed does not count itself', (t) => {
  const { leader, nowUs } = settledLeader();
  configure(leader, { voters: ['n2', 'n3'] }, nowUs);
  persistAll(leader, nowUs);
  acknowledge(leader, 'n2', 2, nowUs);
  t.is(leader.volatile.commitIndex, 1);
  t.is(leader.role.kind, 'leader');
});

// §4.2.2: "once C_new is committed … the leader steps down"; §3.10: TimeoutNow
test('and steps down, with a TimeoutNow, when that is committed', (t) => {
  const { leader, nowUs } = settledLeader();
  configure(leader, { voters: ['n2', 'n3'] }, nowUs);
  const effects = commitAll(leader, nowUs);
  t.is(leader.role.kind, 'follower');
  t.deepEqual(answers(effects), ['done']);
  t.is(sentOf(effects, 'TimeoutNow').length, 1);
  t.is(nextDeadlineUs(leader), Number.POSITIVE_INFINITY, 'it begins no elections');
});

// §4.2.2, figure 4.6
test('a server outside its latest configuration "should still start new elections"', (t) => {
  const state = holding('n1', simple('n2', 'n3'));
  t.true(Number.isFinite(nextDeadlineUs(state)));
  const { effects, nowUs } = timeout(state);
  t.deepEqual(votesAsked(effects), ['n2', 'n3']);
  const grant = { kind: 'PreVoteResponse', term: 1, requestTerm: 1, voteGranted: true } as const;
  receive(state, 'n2', grant, nowUs);
  t.is(state.role.kind, 'preCandidate', '"it does not count its own vote in elections"');
  receive(state, 'n3', grant, nowUs);
  t.is(state.role.kind, 'candidate');
});

test('… until it knows that it was removed', (t) => {
  const state = holding('n1', simple('n2', 'n3'));
  append(state, 'n2', { term: 1, prev: [1, 1], commit: 1 });
  t.true(Number.isFinite(nextDeadlineUs(state)));
  const removal = configurationEntry(2, simple('n2', 'n3'));
  const message = appendEntries({ from: 'n2', to: 'n1', term: 1, prevLogIndex: 1, prevLogTerm: 1 });
  const committed = { ...message, entries: [removal], leaderCommit: 2 };
  step(state, { kind: 'message', message: committed, nowUs: 0 });
  t.is(nextDeadlineUs(state), Number.POSITIVE_INFINITY);
});

test('a server that is a learner, or nothing, starts no elections', (t) => {
  t.is(nextDeadlineUs(server({ id: 'n4', voters: [] })), Number.POSITIVE_INFINITY);
  const learner = holding('n4', { ...simple(...THREE), learners: ['n4'] });
  t.is(nextDeadlineUs(learner), Number.POSITIVE_INFINITY);
});

// ---- §4.3 Arbitrary changes: joint consensus ----------------------------------------------------

const JOINT: Configuration = { voters: ['n1', 'n4', 'n5'], outgoing: [...THREE], learners: [] };

/** A leader that has just appended C_old,new. */
function inJoint(): { leader: RaftState; nowUs: number } {
  const { leader, nowUs } = settledLeader();
  configure(leader, { voters: JOINT.voters }, nowUs);
  persistAll(leader, nowUs);
  return { leader, nowUs };
}

// §4.3: "agreement (for elections and entry commitment) requires majorities from both …"
test('in a joint configuration an entry needs both majorities', (t) => {
  for (const [first, second] of [
    ['n2', 'n4'],
    ['n5', 'n3'],
  ] as const) {
    const { leader, nowUs } = inJoint();
    acknowledge(leader, first, 2, nowUs);
    t.is(leader.volatile.commitIndex, 1);
    acknowledge(leader, second, 2, nowUs);
    t.is(leader.volatile.commitIndex, 2);
  }
});

test('… and so does an election', (t) => {
  const state = holding('n1', JOINT);
  const { effects, nowUs } = timeout(state);
  t.deepEqual([...votesAsked(effects)].sort(), ['n2', 'n3', 'n4', 'n5']);
  const grant = { kind: 'PreVoteResponse', term: 1, requestTerm: 1, voteGranted: true } as const;
  receive(state, 'n4', grant, nowUs);
  receive(state, 'n5', grant, nowUs);
  t.is(state.role.kind, 'preCandidate', 'the whole of the new half, one of the old');
  receive(state, 'n3', grant, nowUs);
  t.is(state.role.kind, 'candidate');
});

// §4.3: "once C_old,new has been committed … [the leader] create[s] a log entry describing C_new"
test('C_new follows when C_old,new is committed, and the client is answered when C_new is', (t) => {
  const { leader, nowUs } = inJoint();
  t.deepEqual(answers(commitAll(leader, nowUs)), []);
  t.deepEqual(configurationOf(leader), simple('n1', 'n4', 'n5'));
  persistAll(leader, nowUs);
  t.deepEqual(answers(acknowledge(leader, 'n2', 3, nowUs)), [], 'the old half has no say any more');
  t.deepEqual(answers(acknowledge(leader, 'n4', 3, nowUs)), ['done']);
});

// §4.3
test('whoever leads when C_old,new is committed ends it', (t) => {
  const state = holding('n2', JOINT);
  const { nowUs } = timeout(state);
  const others = ['n1', 'n3', 'n4', 'n5'];
  const grant = { kind: 'PreVoteResponse', term: 1, requestTerm: 1, voteGranted: true } as const;
  for (const from of others) receive(state, from, grant, nowUs);
  const vote = { kind: 'RequestVoteResponse', term: 2, voteGranted: true } as const;
  for (const from of others) receive(state, from, vote, nowUs);
  t.is(state.role.kind, 'leader');
  t.deepEqual(configurationOf(state), JOINT);
  persistAll(state, nowUs);
  for (const from of others) acknowledge(state, from, 3, nowUs);
  t.deepEqual(configurationOf(state), simple('n1', 'n4', 'n5'));
});

test('who leads no more says so to whoever asked for the change', (t) => {
  const { leader, nowUs } = inJoint();
  t.deepEqual(answers(append(leader, 'n2', { term: 9 }, nowUs)), ['leadLost']);
});

// A member's other incarnation is at the same address: the two cannot both be reached.
test('two incarnations of one server are not members at once', (t) => {
  const { leader, nowUs } = settledLeader();
  const refused = configure(leader, { voters: [...THREE, 'n3#2'] }, nowUs);
  t.deepEqual(answers(refused), ['otherIncarnation']);
});
