/**
 * Shows that a node keeps its promises over a storage that answers every call later, or at once, or
 * never: snapshots that are taken, received, installed and sent at the same time do not get into
 * each other's way, whoever asks gets one answer, and a storage that fails ends it.
 *
 *     npx ava test/node-snapshots.test.ts
 */
import test from 'ava';
import { Kv } from '../src/kv.ts';
import type { Answer } from '../src/raft/types.ts';
import { Snapshots } from '../src/snapshots.ts';
import { type Storage, StorageError } from '../src/storage/storage.ts';
import { runLateCluster } from './support/late-cluster.ts';
import type { LateServer, ServerOptions } from './support/late-server.ts';
import { LateServer as Server } from './support/late-server.ts';
import {
  acknowledge,
  answer,
  append,
  callsOf,
  install,
  lead,
  receive,
  settle,
  started,
} from './support/late-steps.ts';
import type { CallKind } from './support/late-storage.ts';
import { createClient, getBatch, putBatch, type TestClient } from './support/node-rig.ts';
import { SEED } from './support/property.ts';
import { batchOf, by, operation, textOf } from './support/records.ts';
import { chunkOf, snapshotOf } from './support/snapshots.ts';

const SOON = { snapshotEntries: 1_000_000, keptEntries: 0 };

function statuses({ deliveries }: TestClient): string[] {
  return deliveries.flat().map(({ status }) => status);
}

/** What the puts of `append` make of a state machine. */
function appended(kv: Kv, first: number, last: number): Kv {
  for (let index = first; index <= last; index++) kv.apply(index, putBatch(90, index), null);
  return kv;
}

/** The state that the latest snapshot on the disk is of. */
function restored({ disk }: LateServer): Kv {
  const kv = new Kv();
  const sink = kv.restore();
  sink.write(disk.snapshotData);
  sink.end();
  sink.adopt();
  return kv;
}

// ---- Any order of anything ----------------------------------------------------------------------

const RUNS = 1500;

type ReadDone = Parameters<Storage['readSnapshot']>[3];

test('over storages that answer late, whatever happens, a cluster keeps its promises', (t) => {
  t.timeout(120_000);
  const only = process.env.LATE_SEED;
  const seeds =
    only === undefined ? Array.from({ length: RUNS }, (_, run) => SEED + run) : [Number(only)];
  const seen = { installed: 0, acknowledged: 0, changesDone: 0, transfersDone: 0, read: 0 };
  for (const seed of seeds) {
    try {
      const counts = runLateCluster(seed);
      seen.installed += counts.installed;
      seen.acknowledged += counts.acknowledged;
      seen.changesDone += counts.changesDone;
      seen.transfersDone += counts.transfersDone;
      seen.read += counts.read;
    } catch (error) {
      const replay = `LATE_SEED=${seed} npx ava test/node-snapshots.test.ts --match '${t.title}'`;
      t.fail(`seed ${seed}: ${error instanceof Error ? error.stack : error}\nreplay: ${replay}`);
      return;
    }
  }
  t.pass('none of the seeds broke a promise');
  if (only !== undefined) return;
  for (const [what, count] of Object.entries(seen)) t.true(count > RUNS / 10, `${what}: ${count}`);
});

// ---- Before the start ---------------------------------------------------------------------------

test('while its disk is being read a node refuses whoever asks, and no place is lost', (t) => {
  const server = new Server({ requestsMax: 2 }).start();
  const told: Answer[] = [];
  const [writer, reader] = [createClient(), createClient()];
  server.turn(() => {
    server.node.write(writer, putBatch(1, 1, 2), 2);
    server.node.read(reader, getBatch(2, 1, 'k'), 1, 'follower');
    server.node.read(reader, getBatch(2, 2, 'k'), 1, 'stale');
    server.node.configure({ voters: ['n1'], learners: [] }, true, (one) => told.push(one));
    server.node.transfer('n2', (one) => told.push(one));
  });
  t.deepEqual(statuses(writer), ['notLeader', 'notLeader']);
  t.deepEqual(statuses(reader), ['notLeader', 'notLeader']);
  const refused = { kind: 'rejected', reason: 'notLeader', leaderId: null } as const;
  t.deepEqual(told, [refused, refused]);
  answer(server, 'load');
  lead(server);
  const client = createClient();
  server.turn(() => server.node.write(client, putBatch(3, 1, 2), 2));
  settle(server);
  acknowledge(server);
  t.deepEqual(statuses(client), ['ok', 'ok']);
  t.is(told.length, 2);
});

test('a node begins when its snapshot has been read, however little comes at a time', (t) => {
  const first = started({ settings: SOON });
  const snapshot = snapshotOf(30, 9, 1);
  install(first, snapshot);
  settle(first);
  const server = new Server({ readLength: () => 7 });
  server.disk = first.disk;
  server.start();
  answer(server, 'load');
  t.is(server.raft, null);
  receive(server, 'n2', { kind: 'TimeoutNow', term: 9 });
  settle(server);
  t.is(server.raft?.volatile.lastApplied, 9);
  t.is(server.kv.digest(), snapshot.kv.digest());
  t.is(server.raft?.persistent.currentTerm, 1, 'what came before is as if it was lost');
});

// ---- Taking -------------------------------------------------------------------------------------

test('a slice waits for the one before it to be written; commands wait for neither', (t) => {
  const server = started({ settings: SOON, sliceBytes: 60 });
  append(server, 1, 20);
  settle(server);
  const digest = server.kv.digest();
  server.turn(() => server.node.takeSnapshot());
  let slices = 1;
  for (let index = 21; callsOf(server).includes('write'); index++) {
    t.is(callsOf(server).filter((kind) => kind === 'write').length, 1);
    t.deepEqual(server.later, []);
    append(server, index, index);
    t.is(server.raft?.volatile.lastApplied, index, 'it executes meanwhile');
    answer(server, 'write');
    t.is(server.later.length, 1, 'the next one is taken in a turn of its own');
    for (const then of server.later.splice(0)) server.turn(then);
    slices++;
  }
  t.true(slices > 10);
  settle(server);
  t.is(restored(server).digest(), digest);
  t.is(server.disk.snapshot?.index, 20);
});

test('when the log has grown by its bound, the rest of the snapshot is taken at once', (t) => {
  // What sessions keep is no part of the estimate: the answers here are larger than all keys.
  const value = 'v'.repeat(10_000);
  const server = started({ settings: { ...SOON, snapshotEntries: 50 } });
  const rounds = 100;
  for (let round = 1; round <= rounds; round++) {
    const put = operation('put', 'k', value);
    server.kv.apply(1, batchOf([[put, by(5, 2 * round - 1, 1)]]), null);
    server.kv.apply(1, batchOf([[operation('delete', 'k'), by(5, 2 * round, 1)]]), null);
  }
  append(server, 1, 1);
  settle(server);
  const digest = server.kv.digest();
  server.turn(() => server.node.takeSnapshot());
  append(server, 2, 51);
  answer(server, 'write');
  for (const then of server.later.splice(0)) server.turn(then);
  answer(server, 'write');
  for (const then of server.later.splice(0)) server.turn(then);
  t.true(callsOf(server).includes('finish'), `under way: ${callsOf(server).join()}`);
  settle(server, ['finish']);
  t.is(restored(server).digest(), digest);
});

test('the longer the log has grown, the larger the slices', (t) => {
  const server = started({ settings: { ...SOON, snapshotEntries: 10 } });
  const batch = Array.from({ length: 100 }, (_, i) => {
    return [operation('put', `k${i}`, 'v'.repeat(20_000)), by(0, 0)] as const;
  });
  server.kv.apply(1, batchOf(batch), null);
  append(server, 1, 1);
  settle(server);
  server.turn(() => server.node.takeSnapshot());
  // 2 MB in ten entries: without the pace it were more than 30 slices.
  for (let index = 2; index <= 11; index++) {
    append(server, index, index);
    if (!callsOf(server).includes('write')) break;
    answer(server, 'write');
    for (const then of server.later.splice(0)) server.turn(then);
  }
  settle(server, ['write']);
  t.is(callsOf(server).filter((kind) => kind === 'finish').length, 1);
  settle(server);
  t.is(server.disk.snapshot?.index, 1);
  const writes = server.disk.snapshotData.byteLength;
  t.true(writes > 2_000_000);
});

// ---- Two at once --------------------------------------------------------------------------------

test('a snapshot that is received takes the place of the one being taken, at any moment', (t) => {
  const taken: readonly CallKind[][] = [[], ['write'], ['write', 'write'], ['write', 'finish']];
  for (const steps of taken) {
    const large = steps.length === 2 && steps[1] === 'write';
    const server = started({ settings: SOON, sliceBytes: large ? 60 : 10_000 });
    append(server, 1, 3);
    settle(server);
    server.turn(() => server.node.takeSnapshot());
    for (const step of steps.slice(0, -1)) {
      answer(server, step);
      for (const then of server.later.splice(0)) server.turn(then);
    }
    const own = server.storage.calls.at(-1);
    const snapshot = snapshotOf(30, 9, 1);
    install(server, snapshot);
    while (callsOf(server).filter((kind) => kind === 'write' || kind === 'finish').length > 1) {
      const received = server.storage.calls.find((call) => {
        return call !== own && (call.kind === 'write' || call.kind === 'finish');
      });
      if (received === undefined) break;
      server.turn(() => received.answer());
    }
    settle(server);
    t.is(server.disk.snapshot?.index, 9);
    t.is(server.kv.digest(), snapshot.kv.digest());
    t.deepEqual([server.failures, server.storage.violations], [[], []]);
    append(server, 10, 12);
    server.turn(() => server.node.takeSnapshot());
    settle(server);
    t.is(server.disk.snapshot?.index, 12, 'and the next one can be taken');
  }
});

test('a disk that has the later snapshot, and a node that hears of the earlier one first', (t) => {
  for (const crash of [false, true]) {
    const server = started({ settings: SOON });
    append(server, 1, 3);
    settle(server);
    server.turn(() => server.node.takeSnapshot());
    answer(server, 'write');
    for (const then of server.later.splice(0)) server.turn(then);
    const [own] = server.storage.calls;
    const snapshot = snapshotOf(30, 9, 1);
    install(server, snapshot);
    answer(server, 'write');
    answer(server, 'write');
    const received = server.storage.calls.find((call) => call.kind === 'finish' && call !== own);
    received?.carryOut();
    server.turn(() => own?.answer());
    t.is(server.raft?.persistent.snapshot?.index, 3);
    t.is(server.disk.snapshot?.index, 9);
    if (crash) {
      settle(server, ['persist']);
      server.storage.crash(
        () => false,
        () => null,
      );
      server.goDown();
      server.start();
    }
    settle(server);
    t.is(server.raft?.volatile.lastApplied, 9);
    t.is(server.kv.digest(), snapshot.kv.digest());
    t.deepEqual(server.failures, []);
  }
});

test('a snapshot that waits for the term, and is overtaken, is not the last one', (t) => {
  const server = started({ settings: SOON });
  append(server, 1, 2);
  settle(server);
  install(server, snapshotOf(10, 5, 1));
  settle(server, ['write']);
  append(server, 3, 5, 2);
  server.turn(() => server.node.takeSnapshot());
  t.deepEqual(callsOf(server), ['finish', 'persist'], 'the new term is not on the disk yet');
  answer(server, 'finish');
  t.is(server.raft?.persistent.snapshot?.index, 5);
  settle(server);
  append(server, 6, 7, 2);
  server.turn(() => server.node.takeSnapshot());
  settle(server);
  t.is(server.disk.snapshot?.index, 7);
});

test('of snapshots that wait for the term one is taken, whatever is installed meanwhile', (t) => {
  const server = started({ settings: SOON, sliceBytes: 60 });
  append(server, 1, 2);
  settle(server);
  install(server, snapshotOf(10, 9, 1));
  settle(server, ['write']);
  append(server, 3, 4, 2);
  server.turn(() => server.node.takeSnapshot());
  settle(server, ['finish', 'read']);
  append(server, 10, 11, 2);
  server.turn(() => server.node.takeSnapshot());
  t.deepEqual(callsOf(server), ['persist'], 'the new term is not on the disk yet');
  t.notThrows(() => settle(server));
  t.deepEqual(server.failures, []);
  t.is(server.disk.snapshot?.index, 11);
});

test('what comes of a snapshot that was given up is nothing to the one after it', (t) => {
  const server = started({ settings: SOON, sliceBytes: 1000 });
  append(server, 1, 3);
  settle(server);
  server.turn(() => server.node.takeSnapshot());
  answer(server, 'write');
  for (const then of server.later.splice(0)) server.turn(then);
  const [givenUp] = server.storage.calls;
  t.is(givenUp?.kind, 'finish');
  install(server, snapshotOf(30, 9, 1));
  for (const kind of ['write', 'write'] as const) answer(server, kind);
  const end = server.storage.calls.find((call) => call.kind === 'finish' && call !== givenUp);
  server.turn(() => end?.answer());
  settle(server, ['read', 'persist']);
  append(server, 10, 12);
  settle(server, ['persist']);
  server.turn(() => server.node.takeSnapshot());
  server.turn(() => givenUp?.answer());
  t.is(server.raft?.persistent.snapshot?.index, 9);
  settle(server);
  t.is(server.disk.snapshot?.index, 12);
  t.is(restored(server).digest(), server.kv.digest());
  t.is(server.raft?.volatile.takingSnapshot, false);
  t.deepEqual([server.failures, server.storage.violations], [[], []]);
});

test('chunks of the next snapshot wait until the last one is in place', (t) => {
  const server = started({ settings: SOON });
  install(server, snapshotOf(10, 5, 1));
  settle(server, ['persist']);
  const later = snapshotOf(30, 9, 1);
  install(server, later, { from: 'n3', term: 2 });
  settle(server, ['persist']);
  t.deepEqual(callsOf(server), ['write'], 'of the first one');
  settle(server, ['write', 'persist']);
  t.deepEqual(callsOf(server), ['finish'], 'of the first one');
  answer(server, 'finish');
  t.is(server.disk.snapshot?.index, 5);
  t.is(server.raft?.volatile.lastApplied, 5);
  settle(server);
  t.is(server.raft?.volatile.lastApplied, 9);
  t.is(server.kv.digest(), later.kv.digest());
  t.deepEqual(server.storage.violations, []);
});

test('of snapshots that follow each other while one is completed, the last one counts', (t) => {
  const server = started({ settings: SOON });
  install(server, snapshotOf(10, 5, 1));
  settle(server, ['write', 'persist']);
  t.deepEqual(callsOf(server), ['finish']);
  const half = snapshotOf(20, 7, 1);
  receive(server, 'n3', { ...chunkOf(half.meta, 0, half.bytes.subarray(0, 50), false), term: 2 });
  const whole = snapshotOf(30, 9, 1);
  install(server, whole, { from: 'n2', term: 3 });
  settle(server, ['write', 'persist']);
  t.deepEqual(callsOf(server), ['finish'], 'its place on the disk is not taken meanwhile');
  settle(server);
  t.is(server.raft?.volatile.lastApplied, 9);
  t.is(server.kv.digest(), whole.kv.digest());
  t.deepEqual(server.storage.violations, []);
});

test('one that was received is installed before the next takes its place on the disk', (t) => {
  // The storage hears of an end late, and then within the call that comes next.
  let atOnce = false;
  const server: LateServer = new Server({
    settings: SOON,
    onCall: (call) => {
      if (!atOnce || call.kind === 'read') return;
      for (const earlier of [...server.storage.calls]) {
        if (earlier !== call && earlier.kind === 'finish') earlier.answer();
      }
      if (call.kind !== 'persist') call.answer();
    },
  }).start();
  settle(server);
  install(server, snapshotOf(10, 5, 1));
  settle(server, ['write', 'persist']);
  const later = snapshotOf(30, 9, 1);
  install(server, later, { from: 'n3', term: 2 });
  settle(server, ['persist']);
  t.deepEqual(callsOf(server), ['finish']);
  atOnce = true;
  // A new term: a persist, and so the news of the first one, in the middle of a step.
  receive(server, 'n2', { kind: 'TimeoutNow', term: 3 });
  atOnce = false;
  settle(server);
  t.deepEqual(server.failures, []);
  t.is(server.raft?.volatile.lastApplied, 9);
  t.is(server.kv.digest(), later.kv.digest());
});

test('what the log has overtaken of a snapshot is let go, whatever the disk is at', (t) => {
  for (const isWritten of [true, false]) {
    const server = started({ settings: SOON });
    // A storage has room for two at a time.
    for (const end of [5, 10, 15]) {
      const { bytes, meta } = snapshotOf(10, end, 1);
      receive(server, 'n2', chunkOf(meta, 0, bytes.subarray(0, 50), false));
      settle(server, isWritten ? ['persist', 'write'] : ['persist']);
      append(server, end - 4, end);
      settle(server, ['persist']);
      receive(server, 'n2', chunkOf(meta, 50, bytes.subarray(50), true));
      t.is(server.raft?.volatile.receiving, null);
    }
    const last = snapshotOf(30, 19, 1);
    install(server, last);
    settle(server);
    t.is(server.raft?.volatile.lastApplied, 19);
    t.is(server.kv.digest(), last.kv.digest());
    t.deepEqual([server.failures, server.storage.violations], [[], []]);
  }
});

test('what the log has overtaken of a snapshot is kept where it is being completed', (t) => {
  const server = started({ settings: SOON });
  const { bytes, meta } = snapshotOf(10, 5, 1);
  install(server, { bytes, meta });
  settle(server, ['persist', 'write']);
  t.deepEqual(callsOf(server), ['finish']);
  append(server, 1, 7);
  settle(server, ['persist']);
  receive(server, 'n2', chunkOf(meta, 0, bytes.subarray(0, 50), false));
  settle(server);
  t.is(server.disk.snapshot?.index, 5);
  t.is(server.raft?.persistent.snapshot?.index, 5);
  t.deepEqual([server.failures, server.storage.violations], [[], []]);
});

// ---- Installing ---------------------------------------------------------------------------------

test('until a snapshot is durable nothing changes, then all of it at once', (t) => {
  const server = started({ settings: SOON });
  append(server, 1, 2);
  settle(server);
  const { kv, ...snapshot } = snapshotOf(30, 9, 1);
  const before = server.kv.digest();
  install(server, snapshot);
  settle(server, ['write', 'persist']);
  t.deepEqual(callsOf(server), ['finish']);
  t.is(server.kv.digest(), before, 'it has been read, and does not count yet');
  t.is(server.raft?.volatile.lastApplied, 2);
  answer(server, 'finish');
  t.is(server.raft?.volatile.lastApplied, 9);
  t.is(server.kv.digest(), kv.digest());
  append(server, 10, 12);
  settle(server);
  t.is(server.raft?.volatile.lastApplied, 12);
  t.is(server.kv.digest(), appended(kv, 10, 12).digest());
});

test('a snapshot that cannot be restored is never durable, and its sender begins again', (t) => {
  const { bytes, meta } = snapshotOf(30, 9, 1);
  const wrong = bytes.slice();
  wrong[wrong.byteLength - 20] = 0xff;
  const forged = [new Uint8Array(0), bytes.slice(0, 8), bytes.slice(0, -1), wrong];
  for (const data of forged) {
    const server = started({ settings: SOON });
    append(server, 1, 2);
    settle(server);
    const digest = server.kv.digest();
    receive(server, 'n2', { ...chunkOf(meta, 0, data, true), term: 1 });
    settle(server);
    t.is(server.disk.snapshot, null);
    t.is(server.kv.digest(), digest);
    t.deepEqual(server.failures, []);
    t.deepEqual(server.flaws, ['n2 snapshot']);
    install(server, { bytes, meta });
    settle(server);
    t.is(server.disk.snapshot?.index, 9, 'a sound one is taken afterwards');
  }
});

test('reads wait for the snapshot that brings them what they wait for', (t) => {
  const server = started({ settings: SOON, requestsMax: 2 });
  append(server, 1, 2);
  settle(server);
  const ask = (clientId: number, index: number, key: string): TestClient => {
    const client = createClient();
    server.turn(() => server.node.read(client, getBatch(clientId, 1, key), 1, 'follower'));
    const asked = server.sent.filter(({ kind }) => kind === 'ReadIndex').at(-1);
    if (asked?.kind !== 'ReadIndex') throw new Error('the leader was not asked');
    const { nonce, readId } = asked;
    receive(server, 'n2', { kind: 'ReadIndexResponse', term: 1, nonce, readId, index });
    return client;
  };
  const soon = ask(1, 9, '1/30');
  const late = ask(2, 10, '90/10');
  install(server, snapshotOf(30, 9, 1));
  settle(server, ['write', 'persist']);
  t.deepEqual([statuses(soon), statuses(late)], [[], []]);
  settle(server);
  t.deepEqual([statuses(soon), statuses(late)], [['ok'], []]);
  append(server, 10, 10);
  settle(server);
  t.is(textOf(soon.deliveries[0]?.[0]?.value ?? null), 'value 30');
  t.is(textOf(late.deliveries[0]?.[0]?.value ?? null), 'value 10');
  const [more, tooMany] = [createClient(), createClient()];
  server.turn(() => {
    server.node.read(more, getBatch(3, 1, 'k'), 1, 'follower');
    server.node.read(more, getBatch(3, 2, 'k'), 1, 'follower');
    server.node.read(tooMany, getBatch(4, 1, 'k'), 1, 'follower');
  });
  t.deepEqual([statuses(more), statuses(tooMany)], [[], ['overloaded']]);
});

test('a state machine that throws behind a snapshot stops the node, not its storage', (t) => {
  const server = started({
    settings: SOON,
    stateMachine: (kv) => ({
      apply: () => {
        throw new Error('broken');
      },
      query: (batch, results) => kv.query(batch, results),
      snapshot: () => kv.snapshot(),
      restore: () => kv.restore(),
    }),
  });
  install(server, snapshotOf(3, 9, 1));
  settle(server);
  t.notThrows(() => append(server, 10, 10));
  t.deepEqual(
    server.failures.map(({ message }) => message),
    ['broken'],
  );
});

// ---- A storage that fails, a node that stops ----------------------------------------------------

/** Leads up to a call of a kind, which `options` may answer at once. */
type Scene = {
  readonly kind: CallKind;
  readonly client?: TestClient;
  play(server: LateServer): void;
};

function scenes(): Record<string, Scene> {
  const client = createClient();
  return {
    load: { kind: 'load', play: (server) => server.start() },
    persist: {
      kind: 'persist',
      client,
      play: (server) => {
        server.turn(() => server.node.write(client, putBatch(1, 1), 1));
      },
    },
    // Term and entries: what the first one failed at, the second must not ask for.
    'persist of two changes': {
      kind: 'persist',
      play: (server) => append(server, 2, 3, 2),
    },
    'a slice': {
      kind: 'write',
      play: (server) => server.turn(() => server.node.takeSnapshot()),
    },
    'the end of a snapshot taken': {
      kind: 'finish',
      play: (server) => {
        server.turn(() => server.node.takeSnapshot());
        if (!callsOf(server).includes('write')) return;
        answer(server, 'write');
        for (const then of server.later.splice(0)) server.turn(then);
      },
    },
    'a chunk': {
      kind: 'write',
      play: (server) => {
        const { meta, bytes } = snapshotOf(3, 9, 2);
        receive(server, 'n2', { ...chunkOf(meta, 0, bytes, true), term: 2 });
        settle(server, ['persist']);
      },
    },
    'the end of a snapshot received': {
      kind: 'finish',
      play: (server) => {
        install(server, snapshotOf(3, 9, 2), { term: 2 });
        settle(server, ['persist', 'write']);
      },
    },
    'a chunk for a follower': {
      kind: 'read',
      play: (server) => {
        server.turn(() => server.node.takeSnapshot());
        settle(server, ['write', 'finish', 'persist']);
        // What was sent to n3 at first is lost, and gone from the log.
        server.fireTimer();
      },
    },
  };
}

function onStage(name: string, options: ServerOptions = {}): LateServer {
  const server = new Server({ settings: SOON, ...options });
  if (name === 'load') return server;
  server.start();
  settle(server);
  return lead(server);
}

for (const name of Object.keys(scenes())) {
  test(`a storage that fails later stops the node, which acknowledges nothing: ${name}`, (t) => {
    const { kind, client, play } = scenes()[name] as Scene;
    const server = onStage(name);
    play(server);
    const sent = server.sent.length;
    const failure = new StorageError('no room');
    answer(server, kind, failure);
    t.deepEqual(server.failures, [failure]);
    settle(server);
    if (server.life > 0 && name !== 'load') acknowledge(server);
    t.is(server.sent.length, sent);
    t.deepEqual(server.storage.violations, []);
    t.deepEqual(client?.deliveries ?? [], []);
  });

  test(`a storage that fails at once stops the node in the middle of its step: ${name}`, (t) => {
    const { kind, client, play } = scenes()[name] as Scene;
    const failure = new StorageError('no room');
    let armed = name === 'load';
    const server: LateServer = onStage(name, {
      onCall: (call) => {
        if (armed && call.kind === kind) call.answer(failure);
      },
    });
    armed = true;
    play(server);
    settle(server);
    t.deepEqual(server.failures, [failure]);
    t.deepEqual(server.storage.violations, []);
    t.deepEqual(client?.deliveries ?? [], []);
  });

  test(`a node that is stopped hears no more of what was under way: ${name}`, (t) => {
    const { kind, client, play } = scenes()[name] as Scene;
    const server = onStage(name);
    play(server);
    t.true(callsOf(server).includes(kind));
    const sent = server.sent.length;
    server.node.stop();
    settle(server);
    t.is(server.sent.length, sent);
    t.deepEqual([server.failures, server.storage.violations], [[], []]);
    t.deepEqual(client?.deliveries ?? [], []);
  });
}

test('a server starts from however many slices, where its storage answers at once too', (t) => {
  const slices = 50_000;
  let read = 0;
  let restored = 0;
  const host = {
    storage: {
      readSnapshot: (_index: number, offset: number, _length: number, done: ReadDone) => {
        read++;
        done(null, { data: new Uint8Array(1), last: offset === slices - 1 });
      },
    } as unknown as Storage,
    stateMachine: {
      snapshot: () => t.fail() as never,
      restore: () => ({ write: () => {}, end: () => {}, adopt: () => {} }),
    },
    later: () => t.fail(),
  };
  const nothing = (): void => t.fail();
  const reports = { saved: nothing, received: nothing, refused: nothing, failed: nothing };
  new Snapshots(host, reports, 1).restore(9, () => {
    restored++;
  });
  t.is(read, slices);
  t.is(restored, 1);
});
