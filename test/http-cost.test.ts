/**
 * Shows what a client cannot do to a server by what it sends or does not read: hold up its event
 * loop, take its memory, or take its file descriptors so that it says no more how it is. Real
 * processes where it is about one.
 *
 *     npx ava test/http-cost.test.ts
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Client } from 'undici';
import { freePorts } from '../lab/processes/ports.ts';
import { BODY_BYTES_MAX } from '../src/http/body.ts';
import { VALUE_BYTES_MAX } from '../src/http/schemas.ts';
import { Requests } from '../src/requests.ts';
import { Room } from '../src/room.ts';
import { createCaller } from './support/http-caller.ts';
import { HttpCluster } from './support/http-cluster.ts';
import { until } from './support/http-wait.ts';

const MAIN = join(import.meta.dirname, '..', 'src', 'main.ts');
const MEASURE = new URL('./support/longest-turn.ts', import.meta.url).href;
/** Beside 25 busy processes on 2 cores they took up to 50 ms; without the bounds, 1800. */
const TURN_MS_MAX = 100;
const MIB = 2 ** 20;
/** A process cannot have these and serve many connections. */
const DESCRIPTORS = 96;

type Answered = { readonly status: number; readonly text: string };

/** A cluster of one, in a process of its own. */
class OneServer {
  readonly port: number;
  readonly logFile: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'raft-cost-'));
  readonly #child: ChildProcess;
  /** One connection for all questions. */
  readonly #client: Client;

  static async start(t: ExecutionContext, descriptors?: number): Promise<OneServer> {
    const [port = 0] = await freePorts(1);
    const server = new OneServer(port, descriptors);
    t.teardown(() => server.#stop());
    await until('the server to be ready', async () => {
      const answer = await server.ask('GET', '/ready').catch(() => null);
      return answer?.status === 200;
    });
    return server;
  }

  constructor(port: number, descriptors?: number) {
    this.port = port;
    this.logFile = join(this.#folder, 'log');
    this.#client = new Client(`http://127.0.0.1:${port}`);
    const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
    this.#child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, MAIN], {
      env: {
        ...process.env,
        NODE_ID: `127.0.0.1:${port}`,
        PEERS: '',
        DATA_DIR: this.#folder,
        LOG_FILE: this.logFile,
        NODE_OPTIONS: `--import=${MEASURE}`,
        LONGEST_TURN_FILE: this.#turnFile,
      },
      stdio: 'inherit',
    });
  }

  get #turnFile(): string {
    return join(this.#folder, 'longest-turn');
  }

  async ask(method: 'GET' | 'POST', path: string, body?: string): Promise<Answered> {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await this.#client.request({ method, path, headers, body: body ?? null });
    return { status: answer.statusCode, text: await answer.body.text() };
  }

  /** Since it was asked for last. */
  async longestTurnMs(): Promise<number> {
    rmSync(this.#turnFile, { force: true });
    this.#child.kill('SIGUSR2');
    const read = (): string =>
      existsSync(this.#turnFile) ? readFileSync(this.#turnFile, 'utf8') : '';
    await until('the longest turn to be told', () => read() !== '');
    return Number(read());
  }

  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  async term(): Promise<unknown> {
    return (JSON.parse((await this.ask('GET', '/health')).text) as { term: number }).term;
  }

  async #stop(): Promise<void> {
    await this.#client.destroy();
    const exited = once(this.#child, 'exit');
    if (this.#child.exitCode === null && this.#child.kill('SIGKILL')) await exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const HALF = VALUE_BYTES_MAX / 2;
const VALUES: readonly (readonly [what: string, value: string])[] = [
  ['small elements', `[${'1,'.repeat(HALF - 2)}1]`],
  ['nested arrays', `${'['.repeat(HALF)}${']'.repeat(HALF)}`],
  ['nested objects', `${'{"":'.repeat(200_000)}1${'}'.repeat(200_000)}`],
  ['many keys', `{${Array.from({ length: 75_000 }, (_, i) => `"k${(i * 7919) % 75_000}":1`)}}`],
  ['text', JSON.stringify('x'.repeat(VALUE_BYTES_MAX - 2))],
];

test.serial('a value of 1 MiB is stored whatever it is made of, in short turns', async (t) => {
  const server = await OneServer.start(t);
  // The thread that reads them is started with the first.
  await server.ask('POST', '/kv/put', `{"key":"a","value":${VALUES[0]?.[1]}}`);
  await server.longestTurnMs();
  for (const [what, value] of VALUES) {
    const put = await server.ask('POST', '/kv/put', `{"key":"a","value":${value}}`);
    t.is(put.status, 200, what);
    const cas = `{"key":"a","expected":${value},"desired":${value}}`;
    t.is((await server.ask('POST', '/kv/cas', cas)).status, 200, what);
    const other = `{"key":"a","expected":1,"desired":${value}}`;
    t.is((await server.ask('POST', '/kv/cas', other)).status, 409, what);
    t.is((await server.ask('GET', '/kv/get?key=a')).status, 200, what);
    const turnMs = await server.longestTurnMs();
    t.true(turnMs < TURN_MS_MAX, `${what}: a turn of ${turnMs} ms`);
  }
});

test.serial('a body of 4 MiB is refused in short turns', async (t) => {
  const server = await OneServer.start(t);
  await server.longestTurnMs();
  const room = BODY_BYTES_MAX - 100;
  const bodies: readonly (readonly [body: string, error: string])[] = [
    [`{"key":"a","value":[${'1,'.repeat(room / 2)}1]}`, 'invalid_value'],
    [`{"key":"a","value":${'['.repeat(room / 2)}${']'.repeat(room / 2)}}`, 'invalid_value'],
    [`{"key":"a","value":${'['.repeat(room)}`, 'invalid_json'],
    [`{"key":[${'{},'.repeat(room / 3)}1],"value":1}`, 'invalid_key'],
    [`{"key":"${'k'.repeat(room)}","value":1}`, 'invalid_key'],
  ];
  for (const [body, error] of bodies) {
    const { status, text } = await server.ask('POST', '/kv/put', body);
    t.is(status, 400);
    t.is(JSON.parse(text).error, error);
    const turnMs = await server.longestTurnMs();
    t.true(turnMs < TURN_MS_MAX, `${error}: a turn of ${turnMs} ms`);
  }
});

test.serial('who pipelines reads of 1 MiB and reads nothing takes no memory', async (t) => {
  const server = await OneServer.start(t);
  const [, text] = VALUES.at(-1) as (typeof VALUES)[number];
  await server.ask('POST', '/kv/put', `{"key":"a","value":${text}}`);
  await server.ask('GET', '/kv/get?key=a');
  const [term, before] = [await server.term(), server.residentBytes];
  const reader = connect(server.port, '127.0.0.1').pause();
  t.teardown(() => reader.destroy());
  reader.write('GET /kv/get?key=a HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1000));
  // By then it has parsed them all; what it would answer at once, it has answered.
  for (let i = 0; i < 100; i++) t.is((await server.ask('GET', '/kv/get?key=b')).status, 404);
  const grownBytes = server.residentBytes - before;
  t.true(grownBytes < 100 * MIB, `${Math.round(grownBytes / MIB)} MiB`);
  t.is(await server.term(), term);
  // Who reads gets them all.
  const answers = 50;
  let received = 0;
  reader.on('data', (bytes) => {
    received += bytes.byteLength;
  });
  reader.resume();
  await until('further answers', () => received > answers * VALUE_BYTES_MAX);
  t.true(server.residentBytes - before < 100 * MIB);
});

test.serial('a server without descriptors tells how it is, logs it, and recovers', async (t) => {
  const server = await OneServer.start(t, DESCRIPTORS);
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  let ended = 0;
  for (let i = 0; i < 2 * DESCRIPTORS; i++) {
    const socket = connect(server.port, '127.0.0.1').on('error', () => {});
    socket.on('close', () => ended++).resume();
    sockets.push(socket);
  }
  await until('connections to be refused', () => ended > 0);
  for (const path of ['/health', '/ready', '/debug/state', '/metrics']) {
    t.is((await server.ask('GET', path)).status, 200, path);
  }
  const large = `{"key":"a","value":${VALUES[0]?.[1]}}`;
  t.is((await server.ask('POST', '/kv/put', large)).status, 200);
  t.regex(readFileSync(server.logFile, 'utf8'), /"level":"warn".*file descriptors/);
  for (const socket of sockets) socket.destroy();
  await until('a new connection to be served', async () => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/health`).catch(() => null);
    return answer?.status === 200;
  });
});

test('a connection whose client takes nothing ends', async (t) => {
  const cluster = await HttpCluster.start({ http: { stalledMs: 200 } });
  t.teardown(() => cluster.stop());
  const { url } = cluster.leader;
  const call = await createCaller(url);
  await call('POST', '/kv/put', { json: { key: 'a', value: 'x'.repeat(MIB / 2) } });
  const ended = new Promise((resolve) => {
    cluster.leader.http.server.once('connection', (socket) => socket.once('close', resolve));
  });
  const reader = connect(Number(new URL(url).port), '127.0.0.1').pause();
  t.teardown(() => reader.destroy());
  reader.on('error', () => {});
  reader.write('GET /kv/get?key=a HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100));
  await ended;
  t.is((await call('GET', '/kv/get?key=a')).status, 200);
});

test('answers to requests in a row keep their order, and all of them come', async (t) => {
  const cluster = await HttpCluster.start();
  t.teardown(() => cluster.stop());
  const { url } = cluster.leader;
  const call = await createCaller(url);
  await call('POST', '/kv/put', { json: { key: 'a', value: 'x'.repeat(100_000) } });
  const count = 300;
  const requests = Array.from({ length: count }, (_, i) => {
    const path = i % 3 === 0 ? '/kv/get?key=a' : `/kv/get?key=absent-${i}`;
    const close = i === count - 1 ? 'Connection: close\r\n' : '';
    return `GET ${path} HTTP/1.1\r\nHost: a\r\n${close}\r\n`;
  });
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(requests.join(''));
  let received = '';
  for await (const bytes of socket) received += bytes;
  const keys = [...received.matchAll(/"key":"([^"]*)"/g)].map(([, key]) => key);
  t.deepEqual(
    keys,
    requests.map((_, i) => (i % 3 === 0 ? 'a' : `absent-${i}`)),
  );
});

test('without room for what is found a read is refused, and a write is left open', async (t) => {
  const cluster = await HttpCluster.start();
  t.teardown(() => cluster.stop());
  const call = await createCaller(cluster.leader.url);
  await call('POST', '/kv/put', { json: { key: 'long', value: 'x'.repeat(10_000) } });
  await call('POST', '/kv/put', { json: { key: 'short', value: 1 } });
  const room = new Room(15_000);
  const { node } = cluster.leader;
  const requests = new Requests(
    () => node,
    () => setImmediate(() => node.flush()),
    4000,
    room,
  );
  t.teardown(() => requests.stop());
  const [long, short] = [Buffer.from('long'), Buffer.from('short')];
  t.is((await requests.read(long, 'linearizable')).status, 'ok');
  room.take(10_000);
  t.is((await requests.read(long, 'linearizable')).status, 'overloaded');
  t.is((await requests.read(short, 'linearizable')).status, 'ok');
  const remove = { kind: 'delete', key: long, value: null, expected: null } as const;
  t.is((await requests.write(remove, null)).status, 'outcomeUnknown');
  room.give(10_000);
  t.is((await requests.read(long, 'linearizable')).status, 'notFound');
  t.is(room.usedBytes, 0);
});
