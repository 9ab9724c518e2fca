/**
 * Shows which messages no correct server sends: for each flaw the nearest message that has it, and
 * beside it the one that has not. (That correct servers send none is checked in every run of the
 * simulator and of the random walks.)
 *
 *     npx ava test/raft/validation.test.ts
 */
import test from 'ava';
import type {
  AppendEntries,
  InstallSnapshot,
  InstallSnapshotResponse,
  Message,
  RaftState,
} from '../../src/raft/types.ts';
import { FIRST_TERM_MAX, type Flaw, flawOf, TERMS_AHEAD_MAX } from '../../src/raft/validation.ts';
import { append, entriesOf, persistAll, server, settledLeader, simple } from './fixture.ts';

/** In term 3, with 1/1 2/1 3/3 committed and 4/3 5/3 behind it. */
function follower(): RaftState {
  const state = server();
  append(state, 'n2', { term: 3, terms: [1, 1, 3, 3, 3], commit: 3 });
  persistAll(state);
  return state;
}

const HEAD = { from: 'n2', to: 'n1', term: 3 } as const;
const NO_ROUND = { readRound: 0, sentUs: 0 } as const;
const APPEND: AppendEntries = {
  kind: 'AppendEntries',
  ...HEAD,
  prevLogIndex: 5,
  prevLogTerm: 3,
  entries: entriesOf([3, 3], 6),
  leaderCommit: 3,
  attempt: 0,
  roundTripUs: 0,
  ...NO_ROUND,
};
const INSTALL: InstallSnapshot = {
  kind: 'InstallSnapshot',
  ...HEAD,
  snapshot: {
    index: 9,
    term: 3,
    configuration: { index: 4, configuration: simple('n1', 'n2', 'n3') },
  },
  offset: 0,
  data: new Uint8Array(1),
  done: false,
  ...NO_ROUND,
};
const VOTE = { kind: 'RequestVote', ...HEAD, leadershipTransfer: false } as const;
const ANSWER = { kind: 'AppendEntriesResponse', ...HEAD, attempt: 0, ...NO_ROUND } as const;
const HOSTILE = [Number.NaN, Number.POSITIVE_INFINITY, -1, 2.5, 2 ** 52 + 1, 2 ** 53 - 1, 1e300];

function finds(t: { is(a: unknown, b: unknown, what?: string): void }, state: RaftState) {
  return (message: Message, flaw: Flaw | null, what?: string): void => {
    t.is(flawOf(state, 1_000_000, message), flaw, what ?? JSON.stringify(message));
  };
}

test('every number of every message is whole and within its range', (t) => {
  const check = finds(t, follower());
  const received = { kind: 'InstallSnapshotResponse', ...HEAD, ...NO_ROUND, index: 0 } as const;
  const messages: readonly Message[] = [
    { kind: 'PreVote', ...HEAD, lastLogIndex: 5, lastLogTerm: 3 },
    { kind: 'PreVoteResponse', ...HEAD, requestTerm: 3, voteGranted: true },
    { ...VOTE, lastLogIndex: 5, lastLogTerm: 2 },
    { kind: 'RequestVoteResponse', ...HEAD, voteGranted: true },
    { ...APPEND, entries: [] },
    { ...ANSWER, success: true, matchIndex: 1 },
    { ...ANSWER, success: false, prevLogIndex: 4, hintIndex: 3, hintTerm: 1 },
    { ...received, status: 'receiving', offset: 0 },
    { kind: 'TimeoutNow', ...HEAD },
    { kind: 'ReadIndex', ...HEAD, nonce: 1, readId: 1 },
    { kind: 'ReadIndexResponse', ...HEAD, nonce: 1, readId: 1, index: 5 },
    INSTALL,
  ];
  for (const message of messages) {
    check(message, null);
    const fields = Object.entries(message).filter(([, value]) => typeof value === 'number');
    for (const [name] of fields) {
      for (const value of HOSTILE) {
        // An answer to no message in particular.
        if (name === 'sentUs' && value === -1) continue;
        check({ ...message, [name]: value }, 'number', `${message.kind} ${name} ${value}`);
      }
    }
  }
  for (const value of HOSTILE) {
    check({ ...INSTALL, snapshot: { ...INSTALL.snapshot, index: value } }, 'number');
    check({ ...INSTALL, snapshot: { ...INSTALL.snapshot, term: value } }, 'number');
    check({ ...APPEND, entries: [{ index: 6, term: value, kind: 'noop' }] }, 'entries');
    check({ ...APPEND, entries: [{ index: value, term: 3, kind: 'noop' }] }, 'entries');
  }
});

test('a term may be ahead, but not by more than elections can have brought it', (t) => {
  const check = finds(t, follower());
  const vote = { ...VOTE, lastLogIndex: 5, lastLogTerm: 3 };
  check({ ...vote, term: 3 + TERMS_AHEAD_MAX }, null);
  check({ ...vote, term: 4 + TERMS_AHEAD_MAX }, 'term');
  check({ ...APPEND, term: 4 + TERMS_AHEAD_MAX }, 'term');
  // Who joins a cluster knows of no term, and must be let in, however old the cluster is.
  const joining = finds(t, server());
  joining({ ...vote, term: FIRST_TERM_MAX }, null);
  joining({ ...vote, term: FIRST_TERM_MAX + 1 }, 'term');
});

// §3.4, Election Safety
test('a term has one leader', (t) => {
  const check = finds(t, follower());
  check({ ...APPEND, from: 'n3' }, 'contradiction');
  check({ ...APPEND, from: 'n3', term: 4 }, null);
  check({ ...APPEND, from: 'n3', term: 2, entries: [], prevLogTerm: 2 }, null, 'an old leader');
  check({ ...INSTALL, from: 'n3' }, 'contradiction');
  check({ kind: 'TimeoutNow', ...HEAD }, null);
  check({ kind: 'TimeoutNow', ...HEAD, from: 'n3' }, 'contradiction');
});

// §3.4: a candidate's term is later than all before; §3.6.1: its log is told by its last entry
test('a last entry has a term no later than its server', (t) => {
  const check = finds(t, follower());
  check({ ...VOTE, lastLogIndex: 0, lastLogTerm: 0 }, null);
  check({ ...VOTE, lastLogIndex: 0, lastLogTerm: 1 }, 'term');
  check({ ...VOTE, lastLogIndex: 5, lastLogTerm: 0 }, 'term');
  check({ ...VOTE, lastLogIndex: 5, lastLogTerm: 2 }, null);
  check({ ...VOTE, lastLogIndex: 5, lastLogTerm: 3 }, 'term');
  check({ kind: 'PreVote', ...HEAD, lastLogIndex: 5, lastLogTerm: 3 }, null);
  check({ kind: 'PreVote', ...HEAD, lastLogIndex: 5, lastLogTerm: 4 }, 'term');
});

// Figure 3.2, Log Matching
test('entries follow one another, in index and in term', (t) => {
  const check = finds(t, follower());
  check(APPEND, null);
  check({ ...APPEND, entries: entriesOf([3], 7) }, 'entries', 'a gap');
  check({ ...APPEND, entries: [...entriesOf([3], 6), ...entriesOf([3], 6)] }, 'entries', 'twice');
  check({ ...APPEND, entries: entriesOf([3, 2], 6) }, 'term', 'falls');
  check({ ...APPEND, entries: entriesOf([2], 6) }, 'term', 'falls at once');
  check({ ...APPEND, entries: entriesOf([4], 6) }, 'term', 'later than the message');
  check({ ...APPEND, term: 4, entries: entriesOf([4], 6) }, null);
  check({ ...APPEND, prevLogIndex: 2 ** 52, entries: entriesOf([3], 2 ** 52 + 1) }, 'number');
});

test('a configuration has voters, and each member once', (t) => {
  const check = finds(t, follower());
  const configured = (...voters: string[]): Message => {
    const entry = { index: 6, term: 3, kind: 'configuration' } as const;
    return { ...APPEND, entries: [{ ...entry, configuration: simple(...voters) }] };
  };
  check(configured('n1'), null);
  check(configured(), 'configuration');
  check(configured('n1', 'n1'), 'configuration');
  check(configured(''), 'configuration');
  check(configured('n'.repeat(256)), 'configuration');
});

// §3.6: Leader Completeness
test('no leader of this term or a later one contradicts what is committed', (t) => {
  const check = finds(t, follower());
  check({ ...APPEND, prevLogIndex: 2, prevLogTerm: 1, entries: entriesOf([3, 3], 3) }, null);
  check({ ...APPEND, prevLogIndex: 2, prevLogTerm: 2, entries: [] }, 'contradiction');
  check(
    { ...APPEND, prevLogIndex: 1, prevLogTerm: 1, entries: entriesOf([2], 2) },
    'contradiction',
  );
  check({ ...APPEND, prevLogIndex: 4, prevLogTerm: 2, entries: [] }, null, 'not committed');
  check(
    { ...APPEND, term: 2, prevLogIndex: 2, prevLogTerm: 2, entries: [] },
    null,
    'an old leader',
  );
  const snapshot = {
    ...INSTALL.snapshot,
    index: 3,
    configuration: { index: 0, configuration: simple('n1') },
  };
  check({ ...INSTALL, snapshot }, null);
  check({ ...INSTALL, snapshot: { ...snapshot, term: 2 } }, 'contradiction');
});

test('a snapshot is of an entry, of a term of the past, and of members', (t) => {
  const check = finds(t, follower());
  const { snapshot } = INSTALL;
  check({ ...INSTALL, snapshot: { ...snapshot, index: 0 } }, 'number');
  check(
    { ...INSTALL, snapshot: { ...snapshot, index: 3 } },
    'number',
    'its configuration is later',
  );
  check({ ...INSTALL, snapshot: { ...snapshot, term: 4 } }, 'term');
  check({ ...INSTALL, snapshot: { ...snapshot, term: 0 } }, 'term');
  const configuration = { index: 4, configuration: simple() };
  check({ ...INSTALL, snapshot: { ...snapshot, configuration } }, 'configuration');
});

test('a leader is answered what it has asked, and nobody else leads its term', (t) => {
  const { leader, nowUs } = settledLeader();
  const head = { from: 'n2', to: 'n1', term: 1 } as const;
  const check = (message: Message, flaw: Flaw | null): void => {
    t.is(flawOf(leader, nowUs, message), flaw, JSON.stringify(message));
  };
  const answer = { ...ANSWER, ...head };
  check({ ...answer, success: true, matchIndex: 1, sentUs: nowUs }, null);
  check({ ...answer, success: true, matchIndex: 2 }, 'answer');
  check({ ...answer, success: true, matchIndex: 1, sentUs: nowUs + 1 }, 'answer');
  check({ ...answer, success: true, matchIndex: 1, readRound: 1 }, 'answer');
  const refusal = { success: false, hintTerm: 1 } as const;
  check({ ...answer, ...refusal, prevLogIndex: 1, hintIndex: 1 }, null);
  check({ ...answer, ...refusal, prevLogIndex: 2, hintIndex: 1 }, 'answer');
  check({ ...answer, ...refusal, prevLogIndex: 0, hintIndex: 1 }, 'answer');
  const installed: InstallSnapshotResponse = {
    kind: 'InstallSnapshotResponse',
    ...head,
    ...NO_ROUND,
    index: 1,
    status: 'installed',
  };
  check(installed, 'answer');
  check({ ...installed, index: 0 }, null);
  check({ ...APPEND, ...head, prevLogIndex: 1, prevLogTerm: 1, entries: [] }, 'contradiction');
  const snapshot = { ...INSTALL.snapshot, term: 1 };
  check({ ...INSTALL, ...head, snapshot }, 'contradiction');
  check({ ...INSTALL, ...head, term: 2, snapshot }, null);
});
