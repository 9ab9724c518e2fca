/**
 * Shows what the node owes beyond the core for the whole of Raft: snapshots are taken and received
 * in slices between turns, and put in place before anything else is executed; operations and reads
 * of every kind get their answers; who is overloaded refuses at once; and a message for another
 * incarnation is for somebody else.
 *
 *     npx ava test/node-operations.test.ts
 */
import test from 'ava';
import { Kv } from '../src/kv.ts';
import type { ClientReadMode } from '../src/node.ts';
import type { Answer, Entry, Message, Refusal } from '../src/raft/types.ts';
import { StorageError } from '../src/storage/storage.ts';
import { createClient, getBatch, NodeRig, putBatch, type TestClient } from './support/node-rig.ts';
import { type Answered, textOf } from './support/records.ts';
import { chunkOf, snapshotOf } from './support/snapshots.ts';

const NEVER = { snapshotEntries: 1_000_000, keptEntries: 0 };

function statuses(deliveries: readonly Answered[][]): string[] {
  return deliveries.flat().map(({ status }) => status);
}

/** A leader with puts committed: entry 1 is its no-op, and each put has an entry of its own. */
function leaderWith(puts: number, settings: object = NEVER): NodeRig {
  const rig = new NodeRig({ settings }).lead();
  putEach(rig, 1, puts);
  return rig;
}

function putEach(rig: NodeRig, first: number, puts: number): void {
  const client = createClient();
  for (let i = 0; i < puts; i++) {
    rig.node.write(client, putBatch(1, first + i), 1);
    rig.node.flush();
    rig.finishAll();
    rig.acknowledge();
  }
}

// ---- Taking snapshots ---------------------------------------------------------------------------

test('a snapshot is due after so many entries, and the log before it goes', (t) => {
  const rig = leaderWith(3, { snapshotEntries: 4, keptEntries: 1 });
  t.is(rig.snapshots.length, 0, 'it is taken in turns of its own');
  rig.turns();
  rig.finishSnapshot();
  rig.finishAll();
  const { snapshot, log } = rig.node.state.persistent;
  t.is(snapshot?.index, 4);
  t.is(log.baseIndex, 3, 'one entry is kept');
  t.deepEqual([rig.durable.baseIndex, rig.durable.entries.length], [3, 1]);
});

test('a snapshot is of the moment it was asked for, whatever is executed meanwhile', (t) => {
  const rig = new NodeRig({ settings: NEVER }).lead();
  const client = createClient();
  // More than a slice, so that there are turns in between.
  for (let i = 0; i < 10; i++) rig.node.write(client, putBatch(1, 1 + 1000 * i, 1000), 1000);
  rig.node.flush();
  rig.finishAll();
  rig.acknowledge();
  const { kv } = rig;
  const digest = kv.digest();
  rig.node.takeSnapshot();
  rig.turn();
  t.is(rig.snapshots.length, 0, 'it is not taken in one go');
  putEach(rig, 10_001, 3);
  rig.turns();
  rig.finishSnapshot();
  const restored = new Kv();
  const sink = restored.restore();
  sink.write(rig.snapshotBytes);
  sink.end();
  sink.adopt();
  t.is(restored.digest(), digest);
  t.not(kv.digest(), digest);
});

test('until the snapshot is durable the log stays', (t) => {
  const rig = leaderWith(3);
  rig.node.takeSnapshot();
  rig.turns();
  rig.finishAll();
  t.is(rig.durable.baseIndex, 0);
  rig.finishSnapshot();
  rig.finishAll();
  t.is(rig.durable.baseIndex, 4);
  t.is(rig.durable.snapshot?.index, 4);
});

test('one snapshot at a time, and none where there is nothing new', (t) => {
  const rig = leaderWith(2);
  rig.node.takeSnapshot();
  rig.node.takeSnapshot();
  rig.turns();
  rig.finishSnapshot();
  rig.node.takeSnapshot();
  rig.turns();
  t.is(rig.snapshots.length, 0);
});

test('a disk that cannot keep a snapshot stops the node', (t) => {
  const rig = leaderWith(2);
  rig.node.takeSnapshot();
  rig.turns();
  rig.finishSnapshot(new StorageError('no room'));
  t.deepEqual(
    rig.failures.map(({ message }) => message),
    ['no room'],
  );
});

test('a node that was stopped takes no further slice', (t) => {
  const rig = leaderWith(2);
  rig.node.takeSnapshot();
  rig.node.stop();
  rig.turns();
  t.is(rig.snapshots.length, 0);
});

// ---- Starting from one --------------------------------------------------------------------------

test('a node starts from its snapshot and executes only what lies behind it', (t) => {
  const { kv, meta, bytes } = snapshotOf(5, 7, 1);
  const entry: Entry = { index: 8, term: 1, kind: 'command', command: putBatch(2, 1) };
  const kept = { currentTerm: 1, votedFor: null, baseIndex: 7, baseTerm: 1 };
  const stored = { ...kept, entries: [entry], snapshot: meta };
  const rig = new NodeRig({ stored, snapshotBytes: bytes });
  t.is(rig.node.state.volatile.lastApplied, 7);
  t.is(rig.kv.digest(), kv.digest());
  rig.append('n2', 1, [8, 1], [], 8);
  t.is(rig.kv.counters.executed, kv.counters.executed + 1);
});

test('a snapshot that is not one fails the node before it begins', (t) => {
  const { meta, bytes } = snapshotOf(5, 7, 1);
  const kept = { currentTerm: 1, votedFor: null, baseIndex: 7, baseTerm: 1, entries: [] };
  const cut = bytes.slice(0, bytes.byteLength - 3);
  const rig = new NodeRig({ stored: { ...kept, snapshot: meta }, snapshotBytes: cut });
  t.is(rig.failures.length, 1);
  t.throws(() => rig.node.state);
});

// ---- Receiving one ------------------------------------------------------------------------------

test('chunks go to the disk in order; whole and durable, the snapshot is put in place', (t) => {
  const { kv, meta, bytes } = snapshotOf(40, 9, 1);
  const rig = new NodeRig({ settings: NEVER });
  const half = bytes.byteLength >> 1;
  rig.receive('n2', chunkOf(meta, 0, bytes.subarray(0, half), false));
  rig.receive('n2', chunkOf(meta, half, bytes.subarray(half), true));
  rig.finishAll();
  const statusesSent = (): string[] =>
    rig.sentOf('InstallSnapshotResponse').map(({ status }) => status);
  t.deepEqual(statusesSent(), ['receiving', 'received']);
  t.is(rig.kv.size, 0, 'nothing has changed before it is durable');
  rig.finishSnapshot();
  t.is(rig.kv.digest(), kv.digest());
  t.deepEqual(statusesSent(), ['receiving', 'received'], 'the log is not cut on the disk yet');
  rig.finishAll();
  t.deepEqual(statusesSent(), ['receiving', 'received', 'installed']);
  t.deepEqual([rig.durable.baseIndex, rig.durable.snapshot?.index], [9, 9]);
  t.is(rig.node.state.volatile.lastApplied, 9);
});

test('what a leader had not answered when a snapshot overtook it is outcome unknown', (t) => {
  const rig = new NodeRig({ settings: NEVER }).lead();
  const client = createClient();
  rig.node.write(client, putBatch(1, 1), 1);
  rig.node.flush();
  const { meta, bytes } = snapshotOf(3, 5, 2);
  rig.receive('n2', { ...chunkOf(meta, 0, bytes, true), term: 2 });
  rig.finishAll();
  rig.finishSnapshot();
  rig.node.flush();
  t.deepEqual(statuses(client.deliveries), ['outcomeUnknown']);
});

test('a snapshot under way is given up where another is put in place', (t) => {
  const rig = new NodeRig({ settings: NEVER });
  rig.append('n2', 1, [0, 0], [1, 1], 2);
  rig.finishAll();
  rig.node.takeSnapshot();
  const { meta, bytes } = snapshotOf(30, 9, 1);
  rig.receive('n2', chunkOf(meta, 0, bytes, true));
  rig.finishAll();
  rig.finishSnapshot();
  rig.finishAll();
  rig.turns();
  t.is(rig.snapshots.length, 0);
  t.is(rig.durable.snapshot?.index, 9);
  t.deepEqual(rig.failures, []);
});

// ---- Sending one --------------------------------------------------------------------------------

test('a follower whose entries are gone is sent the snapshot, chunk by chunk', (t) => {
  const { meta, bytes } = snapshotOf(20, 7, 1);
  const kept = { currentTerm: 1, votedFor: null, baseIndex: 7, baseTerm: 1, entries: [] };
  const stored = { ...kept, snapshot: meta };
  const rig = new NodeRig({ settings: { chunkBytes: 64 }, stored, snapshotBytes: bytes });
  rig.timeout();
  rig.finishAll();
  const { term } = rig;
  rig.receive('n2', { kind: 'RequestVoteResponse', term, voteGranted: true });
  rig.finishAll();
  const kind = 'AppendEntriesResponse';
  const probe = { prevLogIndex: 7, hintIndex: 0, hintTerm: 0, readRound: 0, attempt: 0 };
  rig.receive('n3', { kind, term, success: false, sentUs: rig.nowUs, ...probe });
  const sent: Uint8Array[] = [];
  for (;;) {
    const message = rig.sentOf('InstallSnapshot')[sent.length];
    if (message === undefined) throw new Error('no chunk was sent');
    t.true(message.data.byteLength <= 64);
    sent.push(message.data);
    if (message.done) break;
    const offset = message.offset + message.data.byteLength;
    const { index } = message.snapshot;
    const answer = { index, offset, status: 'receiving', readRound: 0 } as const;
    const { sentUs } = message;
    rig.nowUs += 1000;
    rig.receive('n3', { kind: 'InstallSnapshotResponse', term, sentUs, ...answer });
  }
  t.true(sent.length > 2);
  t.is(rig.sentOf('InstallSnapshot').length, sent.length, 'nothing behind its end');
  t.deepEqual(Buffer.concat(sent), Buffer.from(rig.snapshotBytes));
});

// ---- Operations ---------------------------------------------------------------------------------

function answers(): { readonly told: Answer[]; readonly hear: (answer: Answer) => void } {
  const told: Answer[] = [];
  return { told, hear: (answer) => told.push(answer) };
}

test('a change of membership is answered when it is committed', (t) => {
  const rig = leaderWith(1);
  const { told, hear } = answers();
  rig.node.configure({ voters: ['n1', 'n2'], learners: [] }, true, hear);
  t.deepEqual(rig.node.configuration.voters, ['n1', 'n2'], 'in force from when it is appended');
  rig.finishAll();
  t.deepEqual(told, []);
  rig.acknowledge({ from: ['n2'] });
  t.deepEqual(told, [{ kind: 'done' }]);
});

test('a transfer is answered when the other leads, and one to nobody is refused', (t) => {
  const rig = leaderWith(1);
  const { told, hear } = answers();
  rig.node.transfer('n9', hear);
  t.deepEqual(told.splice(0), [{ kind: 'rejected', reason: 'notVoter', leaderId: 'n1' }]);
  rig.node.transfer('n2', hear);
  t.is(rig.sentOf('TimeoutNow').length, 1);
  rig.append('n2', 2, [rig.lastIndex, 1], []);
  t.deepEqual(told, [{ kind: 'done' }]);
});

test('who does not lead refuses operations', (t) => {
  const rig = new NodeRig();
  const { told, hear } = answers();
  rig.node.configure({ voters: ['n1'], learners: [] }, true, hear);
  rig.node.transfer('n2', hear);
  const refused = { kind: 'rejected', reason: 'notLeader', leaderId: null } as const;
  t.deepEqual(told, [refused, refused]);
});

test('while it hands over, a leader refuses commands', (t) => {
  const rig = leaderWith(1);
  rig.node.transfer('n2', () => {});
  const client = createClient();
  rig.node.write(client, putBatch(1, 5), 1);
  rig.node.flush();
  t.deepEqual(statuses(client.deliveries), ['notLeader']);
});

test('a message for another incarnation of the address is not taken', (t) => {
  const rig = new NodeRig();
  const vote = { kind: 'RequestVote', from: 'n2', lastLogIndex: 0, lastLogTerm: 0 } as const;
  const message: Message = { ...vote, to: 'n1#2', term: 5, leadershipTransfer: false };
  rig.node.receive(message);
  t.is(rig.term, 0);
  rig.node.receive({ ...message, to: 'n1' });
  t.is(rig.term, 5);
});

// ---- Reads --------------------------------------------------------------------------------------

test('a lease saves the round, for as long as it holds', (t) => {
  const settings = { ...NEVER, leaderStickiness: true, clockDriftPpm: 0 };
  const rig = leaderWith(1, settings);
  const client = createClient();
  rig.node.read(client, getBatch(2, 1, '1/1'), 1, 'lease');
  rig.node.flush();
  const [[first] = []] = client.deliveries;
  t.is(textOf(first?.value ?? null), 'value 1');
  // Since the followers were heard from, a minimum election timeout has passed.
  rig.nowUs += 150_000;
  rig.node.read(client, getBatch(2, 2, '1/1'), 1, 'lease');
  rig.node.flush();
  t.is(client.deliveries.length, 1, 'it waits for a round');
  rig.acknowledge({ readRound: 1 });
  rig.node.flush();
  t.is(client.deliveries.length, 2);
});

test('a follower asks the leader, and serves once it has applied as much', (t) => {
  const rig = new NodeRig();
  rig.append('n2', 1, [0, 0], [1], 0);
  rig.finishAll();
  const client = createClient();
  rig.node.read(client, getBatch(2, 1, '90/1'), 1, 'follower');
  rig.node.flush();
  const [asks] = rig.sentOf('ReadIndex');
  if (asks === undefined) throw new Error('the leader was not asked');
  const { nonce, readId } = asks;
  rig.receive('n2', { kind: 'ReadIndexResponse', term: 1, nonce, readId, index: 1 });
  rig.node.flush();
  t.deepEqual(client.deliveries, [], 'entry 1 is not applied yet');
  rig.append('n2', 1, [1, 1], [], 1);
  rig.node.flush();
  t.is(textOf(client.deliveries[0]?.[0]?.value ?? null), 'value 1');
});

test('a stale read is served at once, by whoever is asked', (t) => {
  const rig = new NodeRig();
  const client = createClient();
  rig.node.read(client, getBatch(2, 1, 'k'), 1, 'stale');
  rig.node.flush();
  t.deepEqual(statuses(client.deliveries), ['notFound']);
});

// ---- Limits -------------------------------------------------------------------------------------

test('beyond its bound a node refuses at once; answered requests make room', (t) => {
  const rig = new NodeRig({ requestsMax: 3 }).lead();
  const client = createClient();
  rig.node.write(client, putBatch(1, 1, 2), 2);
  rig.node.write(client, putBatch(1, 3, 2), 2);
  rig.node.read(client, getBatch(1, 5, 'k'), 1, 'linearizable');
  rig.node.read(client, getBatch(1, 6, 'k'), 1, 'linearizable');
  rig.node.flush();
  const refused = client.deliveries.splice(0).flat();
  t.deepEqual(
    refused.map(({ requestNumber, status }) => [requestNumber, status]),
    [
      [3, 'overloaded'],
      [4, 'overloaded'],
      [6, 'overloaded'],
    ],
  );
  rig.finishAll();
  rig.acknowledge({ readRound: 1 });
  rig.node.flush();
  t.is(client.deliveries.splice(0).flat().length, 3);
  rig.node.write(client, putBatch(1, 7, 3), 3);
  rig.node.flush();
  rig.finishAll();
  rig.acknowledge();
  rig.node.flush();
  t.deepEqual(statuses(client.deliveries), ['ok', 'ok', 'ok']);
});

test('a leader with too much that is not committed refuses more', (t) => {
  const rig = new NodeRig({ settings: { uncommittedBytes: 50 } }).lead();
  const client = createClient();
  for (const request of [1, 2]) {
    rig.node.write(client, putBatch(1, request), 1);
    rig.node.flush();
  }
  t.deepEqual(statuses(client.deliveries), ['overloaded']);
  rig.finishAll();
  rig.acknowledge();
  rig.node.write(client, putBatch(1, 3), 1);
  rig.node.flush();
  rig.finishAll();
  rig.acknowledge();
  rig.node.flush();
  t.deepEqual(statuses(client.deliveries), ['overloaded', 'ok', 'ok']);
});

/** How many more requests may wait, of `max`; those that this asks for wait from now on. */
function roomOf(rig: NodeRig, max: number): number {
  const client = createClient();
  for (let number = 1; number <= max + 1; number++) {
    rig.node.read(client, getBatch(99, number, 'k'), 1, 'linearizable');
  }
  rig.node.flush();
  return max + 1 - statuses(client.deliveries).filter((status) => status === 'overloaded').length;
}

type Ending = (rig: NodeRig, client: TestClient) => void;

function write(rig: NodeRig, client: TestClient): void {
  rig.node.write(client, putBatch(1, 1, 2), 2);
  rig.node.flush();
}

function read(rig: NodeRig, client: TestClient, mode: ClientReadMode): void {
  for (const number of [1, 2]) rig.node.read(client, getBatch(1, number, 'k'), 1, mode);
  rig.node.flush();
}

/** Every way in which two requests of a leader's client end. */
const ENDINGS: Readonly<Record<string, readonly [status: string, ending: Ending]>> = {
  executed: [
    'ok',
    (rig, client) => {
      write(rig, client);
      rig.finishAll();
      rig.acknowledge();
    },
  ],
  'refused by who does not lead': [
    'notLeader',
    (rig, client) => {
      rig.append('n2', 2, [1, 1], []);
      write(rig, client);
    },
  ],
  'refused while handing over': [
    'notLeader',
    (rig, client) => {
      rig.node.transfer('n2', () => {});
      write(rig, client);
    },
  ],
  'in the log when the lead is lost': [
    'outcomeUnknown',
    (rig, client) => {
      write(rig, client);
      rig.append('n2', 2, [1, 1], []);
    },
  ],
  'replaced by another entry': [
    'notExecuted',
    (rig, client) => {
      write(rig, client);
      rig.append('n2', 2, [1, 1], [2], 2);
    },
  ],
  'below a snapshot': [
    'outcomeUnknown',
    (rig, client) => {
      write(rig, client);
      const { meta, bytes } = snapshotOf(3, 5, 2);
      rig.receive('n2', { ...chunkOf(meta, 0, bytes, true), term: 2 });
      rig.finishAll();
      rig.finishSnapshot();
    },
  ],
  'a read that is served': [
    'notFound',
    (rig, client) => {
      read(rig, client, 'linearizable');
      rig.acknowledge({ readRound: 1 });
    },
  ],
  'a read whose leader steps down': [
    'notLeader',
    (rig, client) => {
      read(rig, client, 'linearizable');
      rig.append('n2', 2, [1, 1], []);
    },
  ],
  'a read that a follower asks for until it campaigns': [
    'notLeader',
    (rig, client) => {
      rig.append('n2', 2, [1, 1], []);
      read(rig, client, 'follower');
      rig.finishAll();
      rig.timeout();
    },
  ],
  'a stale read': ['notFound', (rig, client) => read(rig, client, 'stale')],
};

for (const [name, [status, ending]] of Object.entries(ENDINGS)) {
  test(`whatever becomes of requests, they are answered once and make room: ${name}`, (t) => {
    const rig = new NodeRig({ requestsMax: 2, settings: NEVER }).lead();
    const client = createClient();
    ending(rig, client);
    rig.node.flush();
    t.deepEqual(statuses(client.deliveries), [status, status]);
    t.is(roomOf(rig, 2), 2);
    rig.finishAll();
    rig.timeout();
    rig.node.flush();
    t.is(client.deliveries.flat().length, 2);
  });
}

// ---- How operations end -------------------------------------------------------------------------

/** Heartbeats that are answered, until the operation is; `n4` never answers. */
function wait(rig: NodeRig, told: readonly Answer[]): void {
  for (let beat = 0; told.length === 0; beat++) {
    if (beat > 1000) throw new Error('after 1000 heartbeats the operation is under way still');
    rig.timeout();
    rig.finishAll();
    if (rig.node.state.role.kind === 'leader') rig.acknowledge();
  }
}

type Operated = (rig: NodeRig, hear: (answer: Answer) => void, told: readonly Answer[]) => void;

const WITHOUT_N3 = { voters: ['n1', 'n2'], learners: [] };
const WITH_N4 = { voters: ['n1', 'n2', 'n3', 'n4'], learners: [] };

/** Every way in which an operation that a leader is asked for ends; `null` is done. */
const OPERATIONS: Readonly<Record<string, readonly [reason: Refusal | null, play: Operated]>> = {
  'a change that commits': [
    null,
    (rig, hear, told) => {
      rig.node.configure(WITHOUT_N3, true, hear);
      wait(rig, told);
    },
  ],
  'a change to what is': [
    null,
    (rig, hear) => rig.node.configure({ voters: ['n1', 'n2', 'n3'], learners: [] }, true, hear),
  ],
  'a change whose leader steps down': [
    'leadLost',
    (rig, hear) => {
      rig.node.configure(WITHOUT_N3, true, hear);
      rig.append('n2', 2, [1, 1], []);
    },
  ],
  'a change whose new server is too slow': [
    'catchUpTimeout',
    (rig, hear, told) => {
      rig.node.configure(WITH_N4, true, hear);
      wait(rig, told);
    },
  ],
  'a change beside another': [
    'changeInProgress',
    (rig, hear) => {
      rig.node.configure(WITHOUT_N3, true, () => {});
      rig.node.configure(WITH_N4, true, hear);
    },
  ],
  'a change to nobody': [
    'lastVoter',
    (rig, hear) => rig.node.configure({ voters: [], learners: ['n1'] }, true, hear),
  ],
  'a change while handing over': [
    'transferring',
    (rig, hear) => {
      rig.node.transfer('n2', () => {});
      rig.node.configure(WITHOUT_N3, true, hear);
    },
  ],
  'a transfer to who then leads': [
    null,
    (rig, hear) => {
      rig.node.transfer('n2', hear);
      rig.append('n2', 2, [1, 1], []);
    },
  ],
  'a transfer to itself': [null, (rig, hear) => rig.node.transfer('n1', hear)],
  'a transfer to who does not take it': [
    'transferTimeout',
    (rig, hear, told) => {
      rig.node.transfer('n2', hear);
      wait(rig, told);
    },
  ],
  'a transfer after which somebody else leads': [
    'transferTimeout',
    (rig, hear) => {
      rig.node.transfer('n2', hear);
      rig.append('n3', 2, [1, 1], []);
    },
  ],
  'a transfer after which nobody leads': [
    'transferTimeout',
    (rig, hear, told) => {
      rig.node.transfer('n2', hear);
      const vote = { lastLogIndex: 1, lastLogTerm: 1, leadershipTransfer: true } as const;
      rig.receive('n2', { kind: 'RequestVote', term: 2, ...vote });
      wait(rig, told);
    },
  ],
  'a transfer beside another': [
    'transferring',
    (rig, hear) => {
      rig.node.transfer('n2', () => {});
      rig.node.transfer('n3', hear);
    },
  ],
};

for (const [name, [reason, play]] of Object.entries(OPERATIONS)) {
  test(`whatever becomes of an operation, it is answered once: ${name}`, (t) => {
    const rig = new NodeRig({ settings: NEVER }).lead();
    const { told, hear } = answers();
    play(rig, hear, told);
    t.deepEqual(
      told.map((one) => (one.kind === 'rejected' ? one.reason : one.kind)),
      [reason ?? 'done'],
    );
    // All that may have answered it as well.
    for (let beat = 0; beat < 20; beat++) rig.timeout();
    rig.finishAll();
    rig.append('n2', rig.term + 1, [1, 1], []);
    rig.append('n3', rig.term + 1, [1, 1], []);
    t.is(told.length, 1);
    t.deepEqual(rig.failures, []);
  });
}
