/**
 * Shows that the channel behaves as a WebSocket does, between two ends in one thread and between
 * two threads; that what its link decides happens in real time; and that a peer that closes or dies
 * is silence.
 *
 *     npx ava test/channel.test.ts
 */
import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { nowUs } from '../src/clock.ts';
import type { Message } from '../src/raft/types.ts';
import { Channel } from '../src/transport/channel.ts';
import { decode, encode } from '../src/transport/codec.ts';
import { DelayQueue } from '../src/transport/delay-queue.ts';
import { createLink, type LinkSettings, PERFECT } from '../src/transport/link.ts';
import { Peers } from '../src/transport/peers.ts';
import type { EchoTask } from './support/echo-worker.ts';
import { near, SEED, SIGMAS } from './support/property.ts';

/** Longer than anything here should take, on however busy a machine. */
const LIMIT_MS = 10_000;

/** One end of a channel, and what has arrived at it. */
type End = {
  readonly channel: Channel;
  readonly delays: DelayQueue;
  readonly arrived: { readonly data: Uint8Array; readonly atMs: number }[];
  /** What has come over the port, be it delivered or waiting for its time. */
  crossed: number;
};

function endOf(
  port: ConstructorParameters<typeof Channel>[0],
  name: string,
  settings: Partial<LinkSettings>,
  clock = nowUs,
): End {
  const delays = new DelayQueue(clock);
  const link = createLink(SEED, name);
  const channel = new Channel(port, link, { ...PERFECT, ...settings }, delays, clock);
  const arrived: End['arrived'] = [];
  channel.onmessage = ({ data }) => arrived.push({ data, atMs: performance.now() });
  const end = { channel, delays, arrived, crossed: 0 };
  port.on('message', () => end.crossed++);
  return end;
}

/** Two ends in this thread; the settings are those of either direction. */
function pair(
  t: ExecutionContext,
  there: Partial<LinkSettings> = {},
  back: Partial<LinkSettings> = {},
  clock = nowUs,
): { a: End; b: End } {
  const { port1, port2 } = new MessageChannel();
  const a = endOf(port1, 'a->b', there, clock);
  const b = endOf(port2, 'b->a', back, clock);
  t.teardown(() => {
    for (const { channel, delays } of [a, b]) {
      channel.close();
      delays.clear();
    }
  });
  return { a, b };
}

function frame(...bytes: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function arrivals(end: End, count: number): Promise<number[][]> {
  await until(`${count} frames arrive`, () => end.arrived.length >= count);
  return end.arrived.map(({ data }) => [...data]);
}

// ---- Like a WebSocket ---------------------------------------------------------------------------

test('what is sent arrives, in order, in both directions', async (t) => {
  const { a, b } = pair(t);
  t.is(a.channel.readyState, 1);
  for (let i = 0; i < 100; i++) a.channel.send(frame(i));
  b.channel.send(frame(200));
  t.deepEqual(
    await arrivals(b, 100),
    Array.from({ length: 100 }, (_, i) => [i]),
  );
  t.deepEqual(await arrivals(a, 1), [[200]]);
});

test('a closed end sends and hears no more, and says that it is closed', async (t) => {
  const { a, b } = pair(t, { delayMs: 100 });
  a.channel.send(frame(1));
  await until('it is on its way', () => b.crossed === 1);
  b.channel.close();
  b.channel.close();
  t.is(b.channel.readyState, 3);
  b.channel.send(frame(2));
  t.is(b.channel.link.counters.sent, 0, 'nothing is offered to the link');
  // The other end is not told: it takes the silence for that of a network.
  a.channel.send(frame(3));
  t.is(a.channel.readyState, 1);
  // A frame that waits where the closed end would tells when its time is over.
  let over = false;
  b.delays.add(nowUs() + 150_000, () => {
    over = true;
  });
  await until('its time is over', () => over);
  t.deepEqual([a.arrived, b.arrived], [[], []]);
  t.is(a.channel.readyState, 1);
});

test('a frame that comes while nobody listens is gone', async (t) => {
  const { a, b } = pair(t);
  const listener = b.channel.onmessage;
  b.channel.onmessage = null;
  a.channel.send(frame(1));
  await until('it has come', () => b.crossed === 1);
  b.channel.onmessage = listener;
  a.channel.send(frame(2));
  t.deepEqual(await arrivals(b, 1), [[2]]);
});

test('the buffered amount is what waits behind the bandwidth limit', (t) => {
  let clockUs = 1_000_000;
  const { a } = pair(t, { bytesPerSecond: 10_000, queueBytes: 2000 }, {}, () => clockUs);
  t.is(a.channel.bufferedAmount, 0);
  for (let i = 0; i < 10; i++) a.channel.send(new Uint8Array(100));
  t.is(a.channel.bufferedAmount, 1000);
  clockUs += 50_000;
  t.is(a.channel.bufferedAmount, 500);
  for (let i = 0; i < 30; i++) a.channel.send(new Uint8Array(100));
  t.is(a.channel.bufferedAmount, 2000, 'what does not fit is dropped');
  t.is(a.channel.link.counters.overflowed, 15);
  clockUs += 200_000;
  t.is(a.channel.bufferedAmount, 0);
  const { a: unlimited } = pair(t);
  unlimited.channel.send(new Uint8Array(100));
  t.is(unlimited.channel.bufferedAmount, 0);
});

// ---- Faults in real time ------------------------------------------------------------------------

test('a delayed frame arrives when its delay is over, not before', async (t) => {
  const { a, b } = pair(t, { delayMs: 60, jitterMs: 30 });
  const sentMs = performance.now();
  for (let i = 0; i < 50; i++) a.channel.send(frame(i));
  await arrivals(b, 50);
  const latenessMs = b.arrived.map(({ atMs }) => atMs - sentMs);
  t.true(Math.min(...latenessMs) >= 29, `the first after ${Math.min(...latenessMs)} ms`);
  t.true(Math.max(...latenessMs) >= 61, 'the spread is there');
  const order = b.arrived.map(({ data }) => data[0]);
  t.notDeepEqual(
    order,
    order.toSorted((x, y) => (x ?? 0) - (y ?? 0)),
    'jitter lets frames overtake',
  );
});

test('a frame that is due earlier does not wait for one that is due later', async (t) => {
  // Longer than anybody waits here.
  const { a, b } = pair(t, { delayMs: 10 * LIMIT_MS });
  a.channel.send(frame(1));
  a.channel.settings = { ...PERFECT, delayMs: 10 };
  a.channel.send(frame(2));
  t.deepEqual(await arrivals(b, 1), [[2]]);
});

test('a lost frame does not arrive, a copied one arrives twice', async (t) => {
  const count = 2000;
  const { a, b } = pair(t, { loss: 0.2 }, { duplicate: 0.3 });
  for (let i = 0; i < count; i++) {
    a.channel.send(frame(i & 255));
    b.channel.send(frame(i & 255));
  }
  const { lost } = a.channel.link.counters;
  const { duplicated } = b.channel.link.counters;
  await arrivals(b, count - lost);
  await arrivals(a, count + duplicated);
  near(t, 'loss', lost / count, 0.2, SIGMAS * Math.sqrt(0.16 / count));
  near(t, 'copies', duplicated / count, 0.3, SIGMAS * Math.sqrt(0.21 / count));
  t.deepEqual([a.arrived.length, b.arrived.length], [count + duplicated, count - lost]);
});

const MESSAGE: Message = {
  kind: 'RequestVote',
  from: 'n1',
  to: 'n2',
  term: 7,
  lastLogIndex: 3,
  lastLogTerm: 2,
  leadershipTransfer: false,
};

test('a corrupted frame differs in one bit, is found, and leaves the original alone', async (t) => {
  const { a, b } = pair(t, { corrupt: 1 });
  const sent = encode(MESSAGE, 1, crc32);
  const original = sent.slice();
  for (let i = 0; i < 50; i++) a.channel.send(sent);
  await arrivals(b, 50);
  t.deepEqual(sent, original);
  for (const { data } of b.arrived) {
    let flipped = 0;
    data.forEach((byte, at) => {
      for (let rest = byte ^ (original[at] ?? 0); rest > 0; rest >>= 1) flipped += rest & 1;
    });
    t.is(flipped, 1);
    t.is(decode(data, crc32), null);
  }
});

test('peers count damage and drop it; what is sound is received as it was sent', async (t) => {
  const { a, b } = pair(t, { corrupt: 0.5 });
  const received: Message[] = [];
  const [from, to] = [new Peers(crc32, () => {}), new Peers(crc32, (m) => received.push(m))];
  from.connect('n2', a.channel);
  to.connect('n1', b.channel);
  for (let i = 0; i < 100; i++) from.send(MESSAGE);
  from.send({ ...MESSAGE, to: 'n9' });
  await until('all arrive', () => received.length + to.damaged === 100);
  t.is(to.damaged, a.channel.link.counters.corrupted);
  t.true(to.damaged > 0 && received.length > 0);
  t.deepEqual(received[0], MESSAGE);
  to.close();
  t.is(b.channel.readyState, 3);
});

test('a newer connection to a peer replaces the older one', async (t) => {
  const [older, newer] = [pair(t), pair(t)];
  const peers = new Peers(crc32, () => {});
  peers.connect('n2', older.a.channel);
  peers.connect('n2', newer.a.channel);
  t.is(older.a.channel.readyState, 3);
  peers.send(MESSAGE);
  await arrivals(newer.b, 1);
  t.is(older.b.arrived.length, 0);
});

test('a cut is of one direction, and the settings may change while it runs', async (t) => {
  const { a, b } = pair(t);
  a.channel.settings = { ...PERFECT, cut: true };
  a.channel.send(frame(1));
  b.channel.send(frame(2));
  t.deepEqual(await arrivals(a, 1), [[2]]);
  a.channel.settings = PERFECT;
  a.channel.send(frame(3));
  t.deepEqual(await arrivals(b, 1), [[3]]);
  t.is(a.channel.link.counters.cut, 1);
});

// ---- Between threads ----------------------------------------------------------------------------

async function echo(
  t: ExecutionContext,
  settings: Partial<LinkSettings> = {},
): Promise<{ end: End; worker: Worker }> {
  const { port1, port2 } = new MessageChannel();
  const task: EchoTask = { port: port2, settings: { ...PERFECT, ...settings } };
  const worker = new Worker(new URL('./support/echo-worker.ts', import.meta.url), {
    workerData: task,
    transferList: [port2],
  });
  const end = endOf(port1, 'a->b', {});
  t.teardown(async () => {
    end.channel.close();
    end.delays.clear();
    await worker.terminate();
  });
  await once(worker, 'online');
  return { end, worker };
}

test('frames cross threads and come back', async (t) => {
  const { end } = await echo(t);
  for (let i = 0; i < 200; i++) end.channel.send(frame(i, 1, 2));
  t.deepEqual(
    await arrivals(end, 200),
    Array.from({ length: 200 }, (_, i) => [i, 1, 2]),
  );
});

test('two threads agree on the time of delivery', async (t) => {
  const { end } = await echo(t, { delayMs: 40 });
  end.channel.send(frame(1));
  await arrivals(end, 1);
  const tookMs: number[] = [];
  for (let i = 2; i < 7; i++) {
    const sentMs = performance.now();
    end.channel.send(frame(i));
    await arrivals(end, i);
    tookMs.push(performance.now() - sentMs);
  }
  // A busy machine is late now and then; clocks that differ are so each time.
  const leastMs = Math.min(...tookMs);
  t.true(leastMs >= 39 && leastMs < 2000, `${tookMs.join(', ')} ms`);
});

test('a peer whose thread dies is silence; what it had sent arrives all the same', async (t) => {
  const { end, worker } = await echo(t, { delayMs: 1500 });
  end.channel.send(frame(1));
  await until('the echo has crossed', () => end.crossed === 1);
  await worker.terminate();
  t.deepEqual(end.arrived, [], 'it is still on its way');
  for (let i = 0; i < 10; i++) end.channel.send(frame(2));
  t.deepEqual(await arrivals(end, 1), [[1]]);
  t.is(end.channel.readyState, 1, 'no news of its death');
  t.is(end.channel.bufferedAmount, 0);
  t.is(end.channel.link.counters.sent, 11, 'sending goes on, into nothing');
});
