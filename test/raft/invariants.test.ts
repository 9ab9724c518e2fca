/**
 * Shows that every check of src/raft/invariants.ts can fire, each on a state or effects broken by
 * hand; and that none fires, nor any property of figure 3.2, on a few hundred short random walks of
 * 3 and 5 servers.
 *
 *     npx ava test/raft/invariants.test.ts
 *     node test/raft/walk.ts 123             replays the walk of one seed, event by event
 */
import { readFileSync } from 'node:fs';
import test from 'ava';
import {
  checkState,
  checkStep,
  InvariantViolation,
  type Summary,
  summarize,
} from '../../src/raft/invariants.ts';
import type { Effect, Input, LeaderRole, RaftState } from '../../src/raft/types.ts';
import { appendEntries, elect, entriesOf, persistAll, server, simple } from './fixture.ts';
import { walk } from './walk.ts';
import type { Counts } from './walk-events.ts';

const WALKS = 1_500;

/** Of what a walk must on average have at least so many, or it shows nothing. */
const AT_LEAST: Readonly<Record<keyof Counts, number>> = {
  committed: 10,
  leaders: 2,
  configurations: 1,
  installed: 1,
  transfers: 0.3,
  leaseReads: 1,
  followerReads: 0.3,
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A step that did nothing; each case breaks one thing about it. */
type Step = { before: Mutable<Summary>; input: Input; effects: Effect[]; state: RaftState };

type Break = (step: Step) => void;

function idle(state: RaftState): Step {
  return { before: summarize(state), input: { kind: 'timer', nowUs: 0 }, effects: [], state };
}

function follower(): RaftState {
  return server({ terms: [1, 1, 2], vote: 'n2' });
}

function leader(): RaftState {
  const state = server({ terms: [1, 1] });
  elect(state);
  persistAll(state);
  return state;
}

function leading(state: RaftState): LeaderRole {
  if (state.role.kind !== 'leader') throw new Error('expected a leader');
  return state.role;
}

const acknowledgement = (term: number, after: 'term' | 'log' = 'log'): Effect => ({
  kind: 'send',
  after,
  message: {
    kind: 'AppendEntriesResponse',
    from: 'n1',
    to: 'n2',
    term,
    success: true,
    matchIndex: 1,
    readRound: 0,
    attempt: 0,
    sentUs: 0,
  },
});

const installed = (index: number): Effect => ({
  kind: 'send',
  after: 'term',
  message: {
    kind: 'InstallSnapshotResponse',
    from: 'n1',
    to: 'n2',
    term: 2,
    index,
    status: 'installed',
    readRound: 0,
    sentUs: 0,
  },
});

const persisting = (sequence: number, term: number): Effect => ({
  kind: 'persist',
  sequence,
  change: {
    termAndVote: { currentTerm: term, votedFor: null },
    truncateFrom: null,
    entries: [],
    compactTo: null,
  },
});

/** What is violated, of whom, and how it is broken. */
const STEP_CASES: readonly (readonly [what: string, of: () => RaftState, broken: Break])[] = [
  ['currentTerm never falls (§3.3)', follower, ({ before }) => before.currentTerm++],
  [
    'one vote per term (§3.4)',
    follower,
    ({ before }) => {
      before.votedFor = 'n3';
    },
  ],
  ['commitIndex never falls (§3.6)', follower, ({ before }) => before.commitIndex++],
  [
    'commitIndex lies within the log',
    follower,
    ({ state }) => {
      state.volatile.commitIndex = 4;
    },
  ],
  ['lastApplied never falls (§3.5)', follower, ({ before }) => before.lastApplied++],
  [
    'only committed entries are applied (§3.5)',
    follower,
    ({ state }) => state.volatile.lastApplied++,
  ],
  ['persistedIndex lies within the log', follower, ({ state }) => state.volatile.persistedIndex++],
  [
    'a leader keeps its term',
    leader,
    ({ before }) => {
      before.currentTerm--;
    },
  ],
  ['Leader Append-Only (§3.6, figure 3.2)', leader, ({ before }) => before.lastIndex++],
  [
    'Election Safety (§3.4): two leaders in one term',
    leader,
    (step) => {
      const term = step.state.persistent.currentTerm;
      step.state.role = { kind: 'follower', reason: 'broken by hand' };
      const message = appendEntries({ from: 'n2', to: 'n1', term });
      step.input = { kind: 'message', nowUs: 0, message };
    },
  ],
  [
    'candidates and leaders voted for themselves (§3.4)',
    leader,
    ({ before, state }) => {
      before.votedFor = null;
      state.persistent.votedFor = 'n2';
    },
  ],
  [
    'a leader knows itself as leader',
    leader,
    ({ state }) => {
      state.volatile.leaderId = 'n2';
    },
  ],
  [
    'only rounds begun are confirmed (§6.4)',
    leader,
    ({ state }) => leading(state).confirmedRound++,
  ],
  [
    'matchIndex < nextIndex (§3.5)',
    leader,
    ({ state }) => {
      for (const progress of leading(state).progress) progress.matchIndex = progress.nextIndex;
    },
  ],
  [
    'nextIndex lies within the log or just behind it',
    leader,
    ({ state }) => {
      for (const progress of leading(state).progress) progress.nextIndex += 2;
    },
  ],
  [
    'the window is kept (§10.2)',
    leader,
    ({ state }) => {
      const message = { lastIndex: 3, bytes: 1 };
      for (const progress of leading(state).progress) progress.inflight = Array(5).fill(message);
    },
  ],
  [
    'bytes in flight are counted once',
    leader,
    ({ state }) => {
      for (const progress of leading(state).progress) progress.inflightBytes = -1;
    },
  ],
  [
    'who is sent a snapshot is in that state',
    leader,
    ({ state }) => {
      for (const progress of leading(state).progress) progress.state = 'snapshot';
    },
  ],
  [
    'bytes that are not committed are counted once',
    leader,
    ({ state }) => {
      leading(state).uncommittedBytes = -1;
    },
  ],
  [
    'one change of membership at a time (§4.1)',
    leader,
    ({ state }) => {
      state.volatile.commitIndex = leading(state).termStartIndex;
      for (const index of [4, 5]) {
        const configuration = simple('n1', `n${index}`);
        state.persistent.log.configurations.push({ index, configuration });
      }
    },
  ],
  [
    'what is removed is in a snapshot (§5.1)',
    follower,
    ({ state }) => {
      state.persistent.log.baseIndex = 1;
      state.persistent.log.entries.shift();
    },
  ],
  [
    'snapshots are of committed entries (§5.1)',
    follower,
    ({ state }) => {
      const configuration = { index: 0, configuration: simple('n1', 'n2', 'n3') };
      state.persistent.snapshot = { index: 1, term: 1, configuration };
    },
  ],
  ['persists are numbered in order', follower, ({ effects }) => effects.push(persisting(7, 2))],
  [
    'term and vote are persisted before a message tells of them (§3.8)',
    follower,
    ({ state, effects }) => {
      state.persistent.currentTerm++;
      effects.push(acknowledgement(3), persisting(1, 3));
    },
  ],
  [
    'messages carry the current term (§3.3)',
    follower,
    ({ effects }) => effects.push(acknowledgement(1)),
  ],
  [
    'entries are persisted before acknowledged (§3.8)',
    follower,
    ({ before, effects }) => {
      before.lastIndex--;
      effects.push(acknowledgement(2));
    },
  ],
  [
    'an acknowledgement waits for the log it vouches for (§3.8)',
    follower,
    ({ state, effects }) => {
      state.volatile.persistedIndex = 0;
      effects.push(acknowledgement(2, 'term'));
    },
  ],
  [
    'an acknowledgement waits for the log it vouches for (§3.8)',
    follower,
    ({ state, effects }) => {
      state.volatile.persistedIndex = 2;
      effects.push(installed(3));
    },
  ],
  [
    'committed entries are never removed (§3.5)',
    follower,
    ({ before, state, effects }) => {
      before.commitIndex = 2;
      state.volatile.commitIndex = 2;
      const change = { termAndVote: null, truncateFrom: 2, entries: [], compactTo: null };
      effects.push({ kind: 'persist', sequence: 1, change });
    },
  ],
  ['a changed term or vote is persisted (§3.8)', follower, ({ before }) => before.currentTerm--],
  ['a changed log is persisted (§3.8)', follower, ({ before }) => before.lastIndex--],
];

const STATE_CASES: readonly (readonly [what: string, broken: (state: RaftState) => void])[] = [
  [
    'indexes are consecutive',
    ({ persistent }) => persistent.log.entries.splice(1, 1, ...entriesOf([1], 9)),
  ],
  [
    'terms never fall along the log',
    ({ persistent }) => persistent.log.entries.splice(0, 1, ...entriesOf([2], 1)),
  ],
  [
    'no entry is of a later term than the current one',
    ({ persistent }) => {
      persistent.currentTerm = 1;
    },
  ],
  [
    'the latest configuration in the log is in force (§4.1)',
    ({ persistent }) => {
      const configuration = simple('n1', 'n9');
      persistent.log.entries.push({ index: 4, term: 2, kind: 'configuration', configuration });
    },
  ],
  [
    'the last committed entry is in the log',
    ({ volatile }) => {
      volatile.commitIndex = 4;
    },
  ],
];

STEP_CASES.forEach(([what, of, broken], i) => {
  test(`fires (${i + 1}): ${what}`, (t) => {
    const step = idle(of());
    t.notThrows(() => checkStep(step.before, step.input, step.effects, step.state));
    broken(step);
    const error = t.throws(() => checkStep(step.before, step.input, step.effects, step.state), {
      instanceOf: InvariantViolation,
    });
    t.true(error?.message.includes(`does not hold: ${what}`), error?.message);
    t.regex(error?.message ?? '', /\n {2}in {4}n1 (follower|leader) term=\d+ vote=/);
  });
});

for (const [what, broken] of STATE_CASES) {
  test(`fires: ${what}`, (t) => {
    const state = follower();
    t.notThrows(() => checkState(state));
    broken(state);
    const error = t.throws(() => checkState(state), { instanceOf: InvariantViolation });
    t.true(error?.message.includes(`does not hold: ${what}`), error?.message);
    t.regex(error?.message ?? '', /\n {2}in {4}n1 follower term=\d+ vote=/);
  });
}

test('every check of invariants.ts has a case here', (t) => {
  const source = readFileSync(new URL('../../src/raft/invariants.ts', import.meta.url), 'utf8');
  const held = source.matchAll(/hold\([^;]*?'([^']+)',?\s*\);/g);
  const checks = [...held, ...source.matchAll(/violated\('([^']+)'/g)].map((match) => match[1]);
  const cases: string[] = [...STEP_CASES, ...STATE_CASES].map(([what]) => what);
  t.true(checks.length > 20);
  t.deepEqual(
    checks.filter((check) => check !== undefined && !cases.includes(check)),
    [],
  );
});

test(`random walks: ${WALKS} seeds`, (t) => {
  const sum: Record<string, number> = {};
  for (let seed = 1; seed <= WALKS; seed++) {
    for (const [what, count] of Object.entries(walk(seed))) sum[what] = (sum[what] ?? 0) + count;
  }
  t.log(sum);
  for (const [what, atLeast] of Object.entries(AT_LEAST)) {
    t.true((sum[what] ?? 0) > atLeast * WALKS, `walks show little of ${what}: ${sum[what]}`);
  }
});
