/**
 * Shows that nothing of Raft passes before two servers have shaken hands over their sockets: who
 * does not belong is refused with a reason that is logged once, who says nothing is not waited for,
 * and who is refused hears why.
 *
 *     npx ava test/ws-handshake.test.ts
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { crc32 } from 'node:zlib';
import test from 'ava';
import { encode } from '../src/transport/codec.ts';
import {
  createNonce,
  helloText,
  type PeerIdentity,
  PROTOCOL_VERSION,
  type Refusal,
} from '../src/transport/handshake.ts';
import { PEERS_PATH } from '../src/transport/ws-peers.ts';
import { Stranger, server, until } from './support/ws-rig.ts';

const SOMEONE: PeerIdentity = {
  id: '127.0.0.1:9',
  name: '127.0.0.1:9',
  incarnation: 1,
  publicUrl: null,
  waiting: false,
  firstMembers: ['127.0.0.1:9'],
};
const LAB = { clusterId: 'lab', token: null };
const FRAME = encode({ kind: 'TimeoutNow', from: SOMEONE.name, to: 'n1', term: 1 }, 1, crc32);

test('a stranger is refused for what is wrong with his hello, which is logged', async (t) => {
  const here = await server(t);
  const hello = (acceptor: string, credentials = LAB): string =>
    helloText(credentials, SOMEONE, 'messages', { acceptor, dialler: createNonce() });
  const strangers: [code: string, says: (challenge: string) => string | Uint8Array][] = [
    ['wrong_cluster', (challenge) => hello(challenge, { ...LAB, clusterId: 'other' })],
    [
      'wrong_version',
      (challenge) => hello(challenge).replace(`:${PROTOCOL_VERSION},`, `:${PROTOCOL_VERSION + 1},`),
    ],
    ['malformed', (challenge) => hello(challenge).replace('incarnation', 'incantation')],
    ['malformed', () => 'hello?'],
    ['malformed', () => FRAME],
  ];
  for (const [code, says] of strangers) {
    const stranger = new Stranger(t, here);
    stranger.websocket.send(says(await stranger.challenge()));
    t.is(await stranger.refusal(), code);
    t.true(here.logsOf(code).length > 0, code);
  }
  t.deepEqual(here.received, []);
});

test('who does not know the token is refused, and who knows it is let in', async (t) => {
  const here = await server(t, { token: 'a secret' });
  const guesser = await server(t, { token: 'a guess' });
  const other = await server(t, { token: 'a secret' });
  guesser.peers.follow([here.id]);
  other.peers.follow([here.id]);
  await until('the one is connected', () => other.isConnectedTo(here));
  await until('the other is refused, again and again', () => guesser.refusals.length >= 3);
  t.true(guesser.refusals.every(({ by, code }) => by === here.id && code === 'wrong_token'));
  t.false(guesser.isConnectedTo(here));
  // Once at each end, however often it has been tried.
  t.is(here.logsOf('wrong_token').length, 1);
  t.is(guesser.logsOf('wrong_token').length, 1);
});

test('bytes behind a hello that is still being judged are taken for what they are', async (t) => {
  const here = await server(t, { judge: () => {} });
  const stranger = new Stranger(t, here);
  const acceptor = await stranger.challenge();
  stranger.websocket.send(
    helloText(LAB, SOMEONE, 'messages', { acceptor, dialler: createNonce() }),
  );
  stranger.websocket.send(FRAME);
  t.is(await stranger.refusal(), 'malformed');
  t.deepEqual(here.received, []);
});

test('who says nothing, or too much, is not waited for', async (t) => {
  const here = await server(t);
  const silent = new Stranger(t, here);
  const loud = new Stranger(t, here);
  await Promise.all([silent.challenge(), loud.challenge()]);
  loud.websocket.send(new Uint8Array(1 << 20));
  await until('the loud one is turned out', () => loud.closeCode !== null);
  t.is(silent.closeCode, null);
  await until('the silent one is turned out', () => silent.closeCode !== null);
  t.is(here.logsOf('refused').length, 0);
});

test('a peer that is judged unfit hears why; judged fit, it is let in', async (t) => {
  let verdict: Refusal | null = { code: 'refused_member', reason: 'its disk is another one' };
  const judged: PeerIdentity[] = [];
  const here = await server(t, {
    judge: (peer, decided) => {
      judged.push(peer);
      // As one that writes to a disk first.
      setTimeout(() => decided(verdict), 5);
    },
  });
  const other = await server(t);
  other.peers.follow([here.id]);
  await until('refused', () => other.refusals.length > 0);
  t.like(other.refusals[0], { by: here.id, code: 'refused_member' });
  t.regex(other.refusals[0]?.reason ?? '', /its disk is another one/);
  t.deepEqual(judged[0], other.identity);
  t.like(here.logsOf('its disk is another one')[0], { level: 'warn', about: { peer: other.id } });
  verdict = null;
  await until('let in', () => other.isConnectedTo(here));
});

test('a server that is not the one its address says is refused by who dialled it', async (t) => {
  const here = await server(t);
  const other = await server(t);
  here.identity = { ...here.identity, id: 'node1:8000', name: 'node1:8000' };
  other.peers.follow([here.id]);
  await until('refused', () => other.logsOf('wrong_id').length > 0);
  t.false(other.isConnectedTo(here));
  t.deepEqual(other.refusals, []);
});

test('another path is not found, and the HTTP interface goes on', async (t) => {
  const here = await server(t);
  const lost = new Stranger(t, here, '/raft/pears');
  const answered = once(lost.websocket, 'error') as Promise<[Error]>;
  const [error] = await answered;
  t.regex(error.message, /404/);
  const response = await fetch(`http://${here.id}/`);
  t.is(await response.text(), 'of the HTTP interface');
});

test('an upgrade that is no WebSocket, or ends in the middle, does no harm', async (t) => {
  const here = await server(t);
  const socket = connect(here.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.write(
    `GET ${PEERS_PATH} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  t.regex(answer.toString(), /^HTTP\/1.1 400 /);
  const gone = new Stranger(t, here);
  await gone.challenge();
  gone.websocket.terminate();
  const other = await server(t);
  other.peers.follow([here.id]);
  await until('others are let in', () => other.isConnectedTo(here));
});

test('a visitor learns who is there, and does not become a sender', async (t) => {
  const here = await server(t);
  const other = await server(t);
  here.identity = { ...here.identity, publicUrl: 'http://localhost:8001', waiting: true };
  t.is(other.peers.publicUrlOf(here.id), null);
  t.deepEqual(await other.peers.identify(here.id, 2000), here.identity);
  t.is(other.peers.publicUrlOf(here.id), 'http://localhost:8001');
  other.send(here);
  t.deepEqual(other.peers.stats(), []);
});

test('a visit does not end the connection that the visitor sends over', async (t) => {
  const here = await server(t);
  const other = await server(t);
  other.peers.follow([here.id]);
  await until('connected', () => other.isConnectedTo(here));
  await other.peers.identify(here.id, 2000);
  other.send(here, 5);
  await until('arrived', () => here.terms.includes(5));
  t.is(other.statsOf(here)?.reconnects, 0);
});

test('a server that cannot be identified is a sentence', async (t) => {
  const here = await server(t, {
    judge: (_peer, decided) => decided({ code: 'wrong_name', reason: 'you are unknown' }),
  });
  const elsewhere = await server(t, { clusterId: 'other' });
  const asker = await server(t);
  const gone = await server(t);
  await gone.stop();
  const deaf = createServer();
  // It accepts connections and says nothing.
  deaf.on('upgrade', () => {});
  deaf.listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  t.teardown(() => {
    deaf.closeAllConnections();
    deaf.close();
  });
  const { port } = deaf.address() as { port: number };
  const sentences: [address: string, code: string, sentence: RegExp][] = [
    [here.id, 'wrong_name', /^127\.0\.0\.1:\d+ refuses this server: you are unknown$/],
    [elsewhere.id, 'wrong_cluster', /refuses this server: expected cluster "other", got "lab"/],
    [gone.id, 'unreachable', /cannot be reached \(ECONNREFUSED\)$/],
    [`127.0.0.1:${port}`, 'timeout', /did not answer within 100 ms$/],
    ['127.0.0.1:99999', 'malformed', /is not an address host:port$/],
  ];
  for (const [address, code, sentence] of sentences) {
    await t.throwsAsync(asker.peers.identify(address, code === 'timeout' ? 100 : 5000), {
      code,
      message: sentence,
    });
  }
  const waiting = asker.peers.identify(`127.0.0.1:${port}`, 5000);
  asker.peers.close();
  await t.throwsAsync(waiting, { code: 'closed' });
});
