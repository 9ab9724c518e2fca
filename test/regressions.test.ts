/**
 * Defects that were found once, each as the test that would have found it.
 *
 *     npx ava test/regressions.test.ts
 */
import { MessageChannel } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import test from 'ava';
import { ClusterClient } from '../lab/client.ts';
import { withDefaults } from '../lab/sweep/factors.ts';
import { ThreadCluster } from '../lab/threads/cluster.ts';
import { closeHosts, linkOf, runCell, settingsOf } from '../lab/threads/run.ts';
import { power } from '../lab/workload.ts';
import { nowUs } from '../src/clock.ts';
import { createDisk, readDisk, SharedStorage } from '../src/storage/shared.ts';
import { Channel } from '../src/transport/channel.ts';
import { encodeResponse } from '../src/transport/client-frame.ts';
import { DelayQueue } from '../src/transport/delay-queue.ts';
import { createLink, PERFECT } from '../src/transport/link.ts';
import type { Socket } from '../src/transport/transport.ts';
import { createClient, getBatch, NodeRig } from './support/node-rig.ts';
import { encodeResults, operation } from './support/records.ts';

test.after.always(closeHosts);

test('node: a read confirmed by the very message that commits its index is served', (t) => {
  const rig = new NodeRig();
  rig.timeout();
  rig.finishAll();
  rig.receive('n2', { kind: 'RequestVoteResponse', term: 1, voteGranted: true });
  rig.finishAll();
  const client = createClient();
  rig.node.read(client, getBatch(1, 1, 'k'), 1, 'linearizable');
  rig.node.flush();
  // The first AppendEntries was lost; the heartbeat carried the no-op and the read round together.
  rig.acknowledge({ readRound: 1, from: ['n2'] });
  rig.node.flush();
  t.is(client.deliveries.length, 1);
});

test('client: a write refused with tooManyPending is not acknowledged', (t) => {
  let outcome = '';
  const settings = { clients: 1, requestTimeoutMs: 1000, retryMs: 100 };
  const client = new ClusterClient(
    settings,
    () => 1e9,
    () => {},
    crc32,
  );
  const socket: Socket = {
    readyState: 1,
    bufferedAmount: 0,
    onmessage: null,
    send() {},
    close() {},
  };
  client.connect('n1', socket);
  client.call(0, operation('put', 'k', 'v'), ({ kind }) => {
    outcome = kind;
  });
  const refused = {
    clientId: 1,
    requestNumber: 1,
    status: 'tooManyPending',
    value: null,
    index: 0,
  } as const;
  socket.onmessage?.({
    data: encodeResponse({ leaderId: 'n1', results: encodeResults([refused]) }, crc32),
  });
  t.not(outcome, 'ok');
});

test.serial(
  'end to end: an open loop that overruns the session window passes its audit',
  async (t) => {
    const cell = {
      factors: withDefaults({ rate: 250_000 }),
      durationS: 0.8,
      trial: 0,
      seed: 7,
      faults: [],
    };
    const row = await runCell(cell, { signal: new AbortController().signal });
    t.is(row.audit, 'ok');
  },
);

test.serial('cluster: status settles though a node that was asked is killed', async (t) => {
  const factors = withDefaults({ nodes: 3 });
  const settings = settingsOf(factors);
  const cluster = new ThreadCluster({
    nodes: 3,
    settings,
    batchCommands: 10,
    link: linkOf(factors),
    seed: 1,
  });
  t.teardown(() => cluster.stop());
  cluster.start();
  await cluster.status();
  const asked = cluster.status().then(
    () => 'settled',
    () => 'settled',
  );
  await cluster.crash('n1');
  t.is(
    await Promise.race([asked, new Promise((r) => setTimeout(r, 30_000, 'pending'))]),
    'settled',
  );
});

test.serial('a node is not started again before its killed thread is gone', async (t) => {
  const factors = withDefaults({ nodes: 1 });
  const settings = settingsOf(factors);
  const link = linkOf(factors);
  const cluster = new ThreadCluster({ nodes: 1, settings, batchCommands: 10, link, seed: 1 });
  t.teardown(() => cluster.stop());
  cluster.start();
  await cluster.status();
  const order: string[] = [];
  const crashed = cluster.crash('n1').then(() => order.push('gone'));
  const restarted = cluster.restart('n1').then(() => order.push('started'));
  await Promise.all([crashed, restarted]);
  t.deepEqual(order.toSorted(), ['gone', 'started']);
  t.is(cluster.state('n1'), 'running');
  t.is((await cluster.status()).length, 1);
});

test('channel: a constant delay keeps the order', async (t) => {
  const { port1, port2 } = new MessageChannel();
  let clockUs = 1_000_000;
  const clock = (): number => clockUs;
  const delays = new DelayQueue(clock);
  const a = new Channel(port1, createLink(1, 'x'), { ...PERFECT, delayMs: 2 }, delays, clock);
  const b = new Channel(port2, createLink(1, 'y'), PERFECT, delays, clock);
  const got: (number | undefined)[] = [];
  b.onmessage = ({ data }) => got.push(data[0]);
  for (let i = 0; i < 20; i++) a.send(Uint8Array.of(i));
  setTimeout(() => {
    clockUs += 10_000;
  }, 0);
  while (got.length < 20) await new Promise((r) => setTimeout(r, 5));
  a.close();
  b.close();
  t.deepEqual(
    got,
    Array.from({ length: 20 }, (_, i) => i),
  );
});

test('workload: power agrees with Math.pow to 1e-9', (t) => {
  t.true(Math.abs(power(1e5, 0.99) / 1e5 ** 0.99 - 1) < 1e-9);
});

test('channel: a cleared queue can be used again', async (t) => {
  const delays = new DelayQueue(nowUs);
  delays.add(nowUs() + 10_000, () => {});
  delays.clear();
  let fired = false;
  delays.add(nowUs() + 20_000, () => {
    fired = true;
  });
  const endMs = performance.now() + 30_000;
  while (!fired && performance.now() < endMs) await new Promise((r) => setTimeout(r, 5));
  t.true(fired);
});

test('storage: a vote for an id that begins with U+FEFF is read back as it was', (t) => {
  const disk = createDisk();
  const termAndVote = { currentTerm: 1, votedFor: '\uFEFFn1' };
  new SharedStorage(disk).persist(
    [{ termAndVote, truncateFrom: null, entries: [], compactTo: null }],
    () => {},
  );
  t.is(readDisk(disk).votedFor, '\uFEFFn1');
});
