/**
 * Shows that the link model works on what a server sends over its sockets, per peer and in one
 * direction, and that its settings can be changed at any time.
 *
 *     npx ava test/ws-faults.test.ts
 */
import test, { type ExecutionContext } from 'ava';
import { type LinkSettings, PERFECT } from '../src/transport/link.ts';
import { type PeerServer, servers, until } from './support/ws-rig.ts';

const MESSAGES = 200;

type Pair = { readonly one: PeerServer; readonly other: PeerServer };

async function pair(t: ExecutionContext): Promise<Pair> {
  const [one, other] = await servers(t, 2);
  if (one === undefined || other === undefined) throw new Error('two servers');
  return { one, other };
}

function set({ one, other }: Pair, settings: Partial<LinkSettings>): void {
  one.peers.setFaults({ default: PERFECT, links: { [other.id]: { ...PERFECT, ...settings } } });
}

/** Sends all, and behind them one that is told from the others over the perfect link. */
async function sendAll({ one, other }: Pair): Promise<void> {
  for (let i = 0; i < MESSAGES; i++) one.send(other, 1);
  one.peers.setFaults({ default: PERFECT, links: {} });
  one.send(other, 2);
  await until('the last has arrived', () => other.terms.includes(2));
}

function arrived({ other }: Pair): number {
  return other.terms.filter((term) => term === 1).length;
}

test('a link that is cut carries nothing one way, and all at once when healed', async (t) => {
  const both = await pair(t);
  const { one, other } = both;
  set(both, { cut: true });
  one.send(other, 1);
  other.send(one, 3);
  await until('the other way is open', () => one.terms.includes(3));
  // Longer than a peer may be silent: signs of life are no messages.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  set(both, {});
  one.send(other, 2);
  await until('healed', () => other.terms.includes(2));
  t.deepEqual(other.terms, [2]);
  t.like(one.statsOf(other), { reconnects: 0, messagesSent: 1, messagesDropped: 0 });
  t.is(one.statsOf(other)?.faults.cut, 1);
});

test('what is lost is lost, and what is not arrives', async (t) => {
  const both = await pair(t);
  set(both, { loss: 0.5 });
  await sendAll(both);
  const lost = both.one.statsOf(both.other)?.faults.lost ?? 0;
  t.true(lost > 0 && lost < MESSAGES);
  t.is(arrived(both), MESSAGES - lost);
});

test('copies arrive as well', async (t) => {
  const both = await pair(t);
  set(both, { duplicate: 1 });
  await sendAll(both);
  t.is(arrived(both), 2 * MESSAGES);
  t.is(both.one.statsOf(both.other)?.faults.duplicated, MESSAGES);
});

test('damage is found and counted, and the connection goes on', async (t) => {
  const both = await pair(t);
  set(both, { corrupt: 1 });
  await sendAll(both);
  t.is(both.other.peers.damaged, MESSAGES);
  t.is(arrived(both), 0);
  t.is(both.one.statsOf(both.other)?.reconnects, 0);
});

test('a message waits as long as it was told to, whatever is set meanwhile', async (t) => {
  const both = await pair(t);
  const { one, other } = both;
  set(both, { delayMs: 300 });
  const sentMs = performance.now();
  one.send(other, 1);
  t.true((one.statsOf(other)?.bufferedBytes ?? 0) > 0);
  set(both, {});
  one.send(other, 2);
  await until('the late one has arrived', () => other.terms.includes(1));
  t.true(performance.now() - sentMs >= 299);
  t.deepEqual(other.terms, [2, 1]);
  t.is(one.statsOf(other)?.bufferedBytes, 0);
});

test('what waits for its delay counts against the bound', async (t) => {
  const both = await pair(t);
  set(both, { delayMs: 60_000 });
  for (let i = 0; i < 20; i++) both.one.sendLarge(both.other, 1024 * 1024);
  t.is(both.one.statsOf(both.other)?.messagesDropped, 5);
});

test('a link that is not named has the default, and so has one that comes later', async (t) => {
  const [one, other, third] = await servers(t, 3);
  if (one === undefined || other === undefined || third === undefined) return;
  const faults = {
    default: { ...PERFECT, cut: true },
    links: { [third.id]: PERFECT },
  };
  one.peers.follow([other.id]);
  one.peers.setFaults(faults);
  t.deepEqual(one.peers.faults(), faults);
  one.send(other);
  one.send(third, 4);
  await until('the named one passes', () => third.terms.includes(4));
  t.is(one.statsOf(other)?.faults.cut, 1);
  const late = (await servers(t, 1))[0];
  if (late === undefined) return;
  one.peers.follow([late.id]);
  await until('connected', () => one.isConnectedTo(late));
  one.send(late);
  t.is(one.statsOf(late)?.faults.cut, 1);
});
