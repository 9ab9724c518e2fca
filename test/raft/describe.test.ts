/**
 * What the core speaks of, as the one line that golden scripts, traces and errors show.
 *
 *     npx ava test/raft/describe.test.ts
 */
import test from 'ava';
import {
  describeEffect,
  describeInput,
  describeMessage,
  describeState,
} from '../../src/raft/describe.ts';
import type {
  AppendEntries,
  Effect,
  InstallSnapshot,
  Message,
  SnapshotMeta,
} from '../../src/raft/types.ts';
import { server, simple } from './fixture.ts';

const SNAPSHOT: SnapshotMeta = {
  index: 10,
  term: 2,
  configuration: { index: 7, configuration: simple('n1', 'n2', 'n3') },
};
const ENVELOPE = { from: 'n1', to: 'n2', term: 3 } as const;
const INSTALL: InstallSnapshot = {
  kind: 'InstallSnapshot',
  ...ENVELOPE,
  snapshot: SNAPSHOT,
  offset: 200,
  data: new Uint8Array(100),
  done: false,
  readRound: 0,
  sentUs: 123_456,
};
const APPEND: AppendEntries = {
  kind: 'AppendEntries',
  ...ENVELOPE,
  prevLogIndex: 4,
  prevLogTerm: 2,
  entries: [{ index: 5, term: 3, kind: 'noop' }],
  leaderCommit: 4,
  readRound: 6,
  attempt: 1,
  sentUs: 123_456,
  roundTripUs: 789,
};
const INSTALLED = {
  kind: 'InstallSnapshotResponse',
  ...ENVELOPE,
  index: 10,
  readRound: 4,
  sentUs: 123_456,
} as const;
const READ = { ...ENVELOPE, nonce: 77, readId: 5 } as const;
const VOTE = { kind: 'RequestVote', ...ENVELOPE, lastLogIndex: 5, lastLogTerm: 2 } as const;

const MESSAGES: readonly (readonly [message: Message, line: string])[] = [
  [{ ...VOTE, leadershipTransfer: false }, 'n1->n2 RequestVote term=3 last=5/2'],
  [{ ...VOTE, leadershipTransfer: true }, 'n1->n2 RequestVote term=3 last=5/2 transfer'],
  [APPEND, 'n1->n2 AppendEntries term=3 prev=4/2 entries=[5/3 noop] commit=4 round=6 attempt=1'],
  [INSTALL, 'n1->n2 InstallSnapshot term=3 last=10/2 offset=200 100B'],
  [{ ...INSTALL, done: true }, 'n1->n2 InstallSnapshot term=3 last=10/2 offset=200 100B done'],
  [
    { ...INSTALL, offset: 0, data: new Uint8Array(0), readRound: 4 },
    'n1->n2 InstallSnapshot term=3 last=10/2 asks round=4',
  ],
  [
    { ...INSTALLED, status: 'receiving', offset: 300 },
    'n1->n2 InstallSnapshotResponse term=3 index=10 receiving offset=300 round=4',
  ],
  [
    { ...INSTALLED, status: 'received' },
    'n1->n2 InstallSnapshotResponse term=3 index=10 received round=4',
  ],
  [
    { ...INSTALLED, status: 'installed', readRound: 0 },
    'n1->n2 InstallSnapshotResponse term=3 index=10 installed',
  ],
  [{ kind: 'TimeoutNow', ...ENVELOPE }, 'n1->n2 TimeoutNow term=3'],
  [{ kind: 'ReadIndex', ...READ }, 'n1->n2 ReadIndex term=3 nonce=77 read=5'],
  [
    { kind: 'ReadIndexResponse', ...READ, index: 9 },
    'n1->n2 ReadIndexResponse term=3 nonce=77 read=5 index=9',
  ],
  [
    { kind: 'ReadIndexResponse', ...READ, index: null },
    'n1->n2 ReadIndexResponse term=3 nonce=77 read=5 refused',
  ],
];

for (const [message, line] of MESSAGES) {
  test(line, (t) => t.is(describeMessage(message), line));
}

test('inputs of snapshots, membership and transfer', (t) => {
  const membership = { voters: ['n1', 'n4'], learners: ['n5'] };
  const configure = { kind: 'configure', id: 3, membership, nowUs: 0 } as const;
  const lines = [
    describeInput({ kind: 'snapshotSaved', index: 8, nowUs: 0 }),
    describeInput({ kind: 'snapshotNow', nowUs: 0 }),
    describeInput({ kind: 'snapshotReceived', snapshot: SNAPSHOT, nowUs: 0 }),
    describeInput({ ...configure, catchUp: true }),
    describeInput({ ...configure, catchUp: false }),
    describeInput({ kind: 'transfer', id: 4, to: 'n2', nowUs: 0 }),
  ];
  t.deepEqual(lines, [
    'snapshotSaved 8',
    'snapshotNow',
    'snapshotReceived last=10/2',
    'configure #3 voters=(n1 n4) learners=(n5) catchUp',
    'configure #3 voters=(n1 n4) learners=(n5)',
    'transfer #4 to=n2',
  ]);
});

const EFFECTS: readonly (readonly [effect: Effect, line: string])[] = [
  [{ kind: 'takeSnapshot' }, 'takeSnapshot'],
  [
    { kind: 'sendChunk', message: { ...INSTALL, data: new Uint8Array(0) } },
    'sendChunk n1->n2 term=3 last=10/2 offset=200',
  ],
  [
    {
      kind: 'receiveChunk',
      snapshot: SNAPSHOT,
      offset: 200,
      data: new Uint8Array(50),
      done: true,
    },
    'receiveChunk last=10/2 offset=200 50B done',
  ],
  [{ kind: 'install', snapshot: SNAPSHOT }, 'install last=10/2 voters=(n1 n2 n3)'],
  [{ kind: 'answer', id: 3, answer: { kind: 'done' } }, 'answer #3 done'],
  [
    {
      kind: 'answer',
      id: 3,
      answer: { kind: 'rejected', reason: 'overloaded', leaderId: null },
    },
    'answer #3 rejected overloaded leader=unknown',
  ],
  [
    {
      kind: 'persist',
      sequence: 4,
      change: {
        termAndVote: null,
        truncateFrom: null,
        entries: [],
        compactTo: { index: 8, term: 2 },
      },
    },
    'persist 4 compactTo=8/2',
  ],
];

for (const [effect, line] of EFFECTS) {
  test(line, (t) => t.is(describeEffect(effect), line));
}

test('a state shows the base of a compacted log, and the latest snapshot', (t) => {
  const state = server({ terms: [1, 1, 2] });
  const rest = 'commit=0 applied=0 persisted=3 voters=(n1 n2 n3)';
  const head = 'n1 follower term=2 vote=none leader=unknown log=3/2';
  t.is(describeState(state), `${head} ${rest}`);
  state.persistent.snapshot = { ...SNAPSHOT, index: 2, term: 1 };
  t.is(describeState(state), `${head} snapshot=2/1 ${rest}`);
  const { log } = state.persistent;
  log.entries.shift();
  Object.assign(log, { baseIndex: 1, baseTerm: 1 });
  t.is(describeState(state), `${head} base=1/1 snapshot=2/1 ${rest}`);
});
