/**
 * Shows whom a server hears: no page of another origin changes anything or opens a peer's socket,
 * no name that was made to lead to loopback is answered, and whoever shakes hands without belonging
 * moves no client, no connection and no memory. Real servers on real sockets.
 *
 *     npx ava test/who-may-speak.test.ts
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { freePorts } from '../lab/processes/ports.ts';
import { readConfig } from '../src/config.ts';
import { createLogger } from '../src/logger.ts';
import { startServer } from '../src/server.ts';
import type { PeerIdentity } from '../src/transport/handshake.ts';
import { PEERS_PATH, STRANGERS_MAX } from '../src/transport/ws-peers.ts';
import { until as untilAsync } from './support/http-wait.ts';
import { identityAt, Stranger, server, servers, until } from './support/ws-rig.ts';

type Settings = Readonly<Record<string, string>>;

/** One that leads a cluster of its own; the port that it listens on. */
async function serve(t: ExecutionContext, settings: Settings = {}): Promise<number> {
  const [port = 0] = await freePorts(1);
  const dataDir = mkdtempSync(join(tmpdir(), 'raft-speak-'));
  const environment = { PORT: String(port), DATA_DIR: dataDir, LOG_LEVEL: 'silent', ...settings };
  const asked = readConfig([], environment, 80);
  if (asked.kind !== 'run') throw new Error('no help was asked for');
  const { linesLost, log } = createLogger(asked.config);
  const started = await startServer(asked.config, log, linesLost);
  t.teardown(async () => {
    await started.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  await untilAsync('it leads', async () => (await call(port, 'GET', '/ready')).status === 200);
  return port;
}

type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

/** As a browser sends it: `Host` and `Origin` as they are given. */
async function call(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  fields: object = { key: 'k', value: 1 },
): Promise<Answer> {
  const body = method === 'POST' || method === 'PUT' ? JSON.stringify(fields) : '';
  const type = body === '' ? {} : { 'content-type': 'application/json' };
  const asked = request({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: { ...type, ...headers },
  });
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const status = answer.statusCode ?? 0;
  if (method === 'HEAD') answer.resume();
  return { status, body: method === 'HEAD' ? {} : Object(await json(answer)) };
}

/** The status that an upgrade is refused with; 101 where it is not. */
async function upgrade(port: number, path: string, origin?: string): Promise<number> {
  const options = origin === undefined ? {} : { origin };
  const websocket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  websocket.on('error', () => {});
  const status = await new Promise<number>((resolve) => {
    websocket.on('open', () => resolve(101));
    websocket.on('unexpected-response', (_, answer) => resolve(answer.statusCode ?? 0));
  });
  websocket.terminate();
  return status;
}

// ---- Pages --------------------------------------------------------------------------------------

const WRITES: readonly (readonly [method: string, path: string])[] = [
  ['POST', '/kv/put'],
  ['DELETE', '/kv/delete?key=k'],
  ['POST', '/kv/cas'],
  ['POST', '/items/k'],
  ['PUT', '/items/k'],
  ['DELETE', '/items/k'],
  ['PUT', '/items/k/cas'],
  ['POST', '/session'],
  ['POST', '/raft/join'],
  ['POST', '/raft/leave'],
  ['POST', '/raft/transfer'],
  ['PUT', '/lab/faults'],
  ['POST', '/no/such/route'],
];

test('a page of another origin changes nothing, whatever it calls', async (t) => {
  const port = await serve(t, { FAULTS: 'true' });
  const lastIndex = async (): Promise<unknown> =>
    (await call(port, 'GET', '/health')).body.lastLogIndex;
  const before = await lastIndex();
  const origins = [
    'https://evil.example',
    'null',
    'http://localhost:3000',
    `http://localhost:${port}.evil.example`,
    `http://127.0.0.1:${port}@evil.example`,
    'file://',
    'about:blank',
    '',
  ];
  for (const origin of origins) {
    for (const [method, path] of WRITES) {
      const { status, body } = await call(port, method, path, { origin });
      t.is(status, 403, `${method} ${path} from ${origin}`);
      t.like(body, { error: 'forbidden_origin', definite: true });
      t.regex(String(body.message), /ALLOWED_HOSTS/);
    }
    t.is((await call(port, 'GET', '/health', { origin })).status, 200);
  }
  t.is(await lastIndex(), before);
});

test('a page of the own origin, or of a host that is allowed, may change something', async (t) => {
  const settings = { PUBLIC_URL: 'https://kv.example', ALLOWED_HOSTS: 'tools.example, ::1' };
  const port = await serve(t, settings);
  const put = (headers: Settings) => call(port, 'POST', '/kv/put', headers);
  for (const headers of [
    {},
    { origin: `http://127.0.0.1:${port}` },
    { origin: `http://LOCALHOST:${port}`, host: `localhost:${port}` },
    { origin: 'https://kv.example' },
    { origin: 'https://kv.example', host: 'kv.example:443' },
    { origin: 'http://tools.example:3000' },
    { origin: 'http://[::1]:3000' },
  ]) {
    t.is((await put(headers)).status, 200, JSON.stringify(headers));
  }
  t.is((await put({ origin: 'http://kv.example' })).status, 403);
  t.is((await put({ origin: 'http://localhost:1', host: 'localhost' })).status, 403);
});

test("no page opens a peer's socket", async (t) => {
  const port = await serve(t);
  for (const origin of ['https://evil.example', `http://127.0.0.1:${port}`, 'null']) {
    t.is(await upgrade(port, PEERS_PATH, origin), 403, origin);
  }
  t.is(await upgrade(port, PEERS_PATH), 101);
});

test('on loopback nothing is answered under a name that was made to lead there', async (t) => {
  const settings = {
    NODE_ID: 'node1.test:8000',
    PUBLIC_URL: 'http://kv.example:9000',
    ALLOWED_HOSTS: 'proxy.example',
  };
  const port = await serve(t, settings);
  const own = ['localhost', '127.0.0.1', '127.1.2.3', '[::1]', 'a.localhost', 'node1.test'];
  for (const host of [...own, 'kv.example', 'proxy.example', 'PROXY.example.']) {
    for (const sent of [host, `${host}:${port}`, `${host}:1`]) {
      t.is((await call(port, 'GET', '/health', { host: sent })).status, 200, sent);
    }
  }
  const others = ['evil.example', 'localhost.evil.example', '10.0.0.1', 'a b', 'localhost/@evil'];
  for (const host of [...others, 'notlocalhost', '127.0.0.1.evil.example', '[::2]']) {
    for (const [method, path] of [['GET', '/health'], ['GET', '/none'], ...WRITES] as const) {
      // The page is of the same origin then.
      const { status, body } = await call(port, method, path, { host, origin: `http://${host}` });
      t.is(status, 403, `${method} ${path} at ${host}`);
      t.like(body, { error: 'forbidden_host', definite: true });
      t.regex(String(body.message), /ALLOWED_HOSTS/);
    }
  }
});

test('a request without a Host is answered as before', async (t) => {
  const port = await serve(t);
  const exchange = async (head: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    socket.write(`${head}\r\n\r\n`);
    const [text] = (await once(socket, 'data')) as [string];
    socket.destroy();
    return text;
  };
  t.regex(await exchange('GET /health HTTP/1.0'), /^HTTP\/1.1 200 /);
  t.regex(await exchange('GET /health HTTP/1.1\r\nHost:'), /^HTTP\/1.1 200 /);
  t.regex(await exchange('GET /health HTTP/1.1'), /^HTTP\/1.1 400 .*bad_request/s);
});

test('where it listens elsewhere a server has whatever name it is called by', async (t) => {
  const port = await serve(t, { HOST: '0.0.0.0' });
  for (const host of ['node1:8000', 'raft-0.raft.default.svc:8000', 'lb.example']) {
    t.is((await call(port, 'GET', '/health', { host })).status, 200, host);
    t.is((await call(port, 'POST', '/kv/put', { host })).status, 200, host);
  }
  const foreign = { host: 'node1:8000', origin: 'https://evil.example' };
  t.like((await call(port, 'POST', '/kv/put', foreign)).body, { error: 'forbidden_origin' });
});

// ---- Strangers ----------------------------------------------------------------------------------

const EVIL_URL = 'http://evil.example';

test('a visit moves nothing, whoever the visitor says he is', async (t) => {
  const [here, member] = await servers(t, 2);
  if (here === undefined || member === undefined) throw new Error('two servers were asked for');
  member.send(here, 1);
  await until('the member is heard', () => here.terms.includes(1));
  const claimed: PeerIdentity = { ...member.identity, publicUrl: EVIL_URL };
  for (const id of [member.id, here.id, '127.0.0.1:9']) {
    const visitor = new Stranger(t, here);
    await visitor.introduce({ ...claimed, id, name: id }, 'visit');
    await visitor.welcome();
    t.is(here.peers.publicUrlOf(id), null);
    visitor.websocket.terminate();
  }
  member.send(here, 2);
  await until('the member is heard as before', () => here.terms.includes(2));
  t.is(member.statsOf(here)?.reconnects, 0);
});

test('a stranger takes no place, and says nothing of where a member is', async (t) => {
  const [here, member] = await servers(t, 2);
  if (here === undefined || member === undefined) throw new Error('two servers were asked for');
  const name = `${member.id}#7`;
  const stranger = new Stranger(t, here);
  await stranger.introduce(
    { ...member.identity, incarnation: 7, name, publicUrl: EVIL_URL },
    'messages',
  );
  await stranger.welcome();
  member.send(here, 3);
  await until('the member is heard as before', () => here.terms.includes(3));
  t.is(member.statsOf(here)?.reconnects, 0);
  t.is(here.peers.publicUrlOf(member.id), null);
});

test('a stranger that shook hands is not taken for a former member', async (t) => {
  const port = await serve(t, { CLUSTER_ID: 'lab' });
  // One that joined a cluster elsewhere, and leads it.
  const other = await server(t);
  other.identity = { ...other.identity, name: `${other.id}#7`, incarnation: 7, firstMembers: [] };
  other.peers.follow([`127.0.0.1:${port}`]);
  await until('it is let in', () => other.isConnectedTo(`127.0.0.1:${port}`));
  const { status, body } = await call(port, 'POST', '/raft/join', {}, { peer: other.id });
  t.is(status, 409);
  t.like(body, { error: 'not_waiting' });
});

test('strangers are remembered within a bound, and members beside them', async (t) => {
  const [here, member] = await servers(t, 2);
  if (here === undefined || member === undefined) throw new Error('two servers were asked for');
  const strangers: Stranger[] = [];
  for (let number = 1; number <= STRANGERS_MAX + 8; number++) {
    const stranger = new Stranger(t, here);
    // Nothing listens there.
    const id = `127.0.0.2:${number}`;
    await stranger.introduce({ ...identityAt(id), publicUrl: EVIL_URL }, 'messages');
    await stranger.welcome();
    here.send(id);
    strangers.push(stranger);
  }
  t.true(here.peers.stats().length <= STRANGERS_MAX + 1, String(here.peers.stats().length));
  t.true(here.isConnectedTo(member));
  await until('the first ones have given way', () => strangers[0]?.closeCode !== null);
  const open = (): number => strangers.filter(({ closeCode }) => closeCode === null).length;
  await until('so many are left', () => open() <= STRANGERS_MAX);
  member.send(here, 4);
  await until('the member is heard', () => here.terms.includes(4));
});

test('only members can refuse a server, so that it gives up its name', async (t) => {
  const refuses = { judge: (_: PeerIdentity, decided: (refusal: object) => void) => decided(NO) };
  const NO = { code: 'refused_member', reason: 'it lost its disk' };
  const here = await server(t);
  const liar = await server(t, refuses as object);
  const stranger = new Stranger(t, here);
  await stranger.introduce(liar.identity, 'messages');
  await stranger.welcome();
  here.send(liar);
  await until('it is refused', () => here.logsOf('refused_member').length > 0);
  t.deepEqual(here.refusals, []);
  here.peers.follow([liar.id]);
  await until('a member refuses it', () => here.refusals.length > 0);
});

test('who was connected before it became a member is met then', async (t) => {
  const judged: string[] = [];
  const here = await server(t, {
    judge: (peer, decided) => {
      judged.push(peer.name);
      decided(null);
    },
  });
  const joining = await server(t);
  joining.identity = { ...joining.identity, publicUrl: 'http://localhost:8004' };
  joining.peers.follow([here.id]);
  await until('it is heard', () => joining.isConnectedTo(here));
  here.send(joining);
  await until('it is answered', () => here.isConnectedTo(joining));
  judged.length = 0;
  here.peers.follow([joining.id]);
  t.deepEqual(judged, [joining.id, joining.id]);
  t.is(here.peers.publicUrlOf(joining.id), 'http://localhost:8004');
  t.is(here.statsOf(joining)?.reconnects, 0);
});
