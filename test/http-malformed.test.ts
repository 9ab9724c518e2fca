/**
 * Shows that malformed requests of every kind get their 4xx from any server, leader or not, as JSON
 * that says what is wrong, and leave log, state and memory as they were: wrong bodies, fields,
 * targets, methods and headers, too large ones, garbage on the wire, and senders that are too slow.
 *
 *     npx ava test/http-malformed.test.ts
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { BODY_BYTES_MAX } from '../src/http/body.ts';
import { type Call, createCaller, exchangeBytes, firstAnswer } from './support/http-caller.ts';
import { HttpCluster, type Member } from './support/http-cluster.ts';
import { malformedRequests } from './support/http-malformed.ts';
import { until } from './support/http-wait.ts';

/** Longer than a busy machine lets a request wait that has arrived as a whole. */
const RECEIVE_TIMEOUT_MS = 2000;
const MEMORY_GROWTH_BYTES_MAX = 8 * 2 ** 20;

let cluster: HttpCluster;
let quick: HttpCluster;

test.before(async () => {
  cluster = await HttpCluster.start({ size: 3, faults: true });
  quick = await HttpCluster.start({
    http: { receiveTimeoutMs: RECEIVE_TIMEOUT_MS, receiveCheckMs: 50 },
  });
});

test.after.always(async () => {
  await cluster.stop();
  await quick.stop();
});

/** What must not change; everything that was applied so far is in it. */
async function standing(members: readonly Member[]): Promise<readonly string[]> {
  const appliedOf = ({ node }: Member): number => node.state.volatile.lastApplied;
  await until('everything to be applied', () =>
    members.every((member) => appliedOf(member) === member.lastLogIndex),
  );
  return members.map(({ kv, lastLogIndex }) => `${lastLogIndex} ${kv.digest()}`);
}

const collectGarbage: () => void = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
})();

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test.serial('malformed requests of every kind get their answer and change nothing', async (t) => {
  const { leader, follower } = cluster;
  const before = await standing(cluster.members);
  const calls: readonly Call[] = [await createCaller(leader.url), await createCaller(follower.url)];
  const rows = malformedRequests();
  t.true(rows.length > 100);
  const round = async (): Promise<void> => {
    for (const call of calls) {
      for (const { what, method, path, options, status, error } of rows) {
        const answer = await call(method, path, options);
        const told = `${what}: ${method} ${path.slice(0, 60)} ${answer.text.slice(0, 200)}`;
        if (answer.status !== status) t.is(answer.status, status, told);
        if (answer.body.error !== error) t.is(answer.body.error, error, told);
        if (status === 405) t.true(String(answer.headers.allow).length > 0, told);
      }
    }
  };
  // What is made once, such as compiled code, is there after the first round.
  await round();
  const bytesBefore = usedBytes();
  await round();
  // What is left of large bodies is read and thrown away behind their answers.
  await until('memory to be as it was', () => usedBytes() - bytesBefore < MEMORY_GROWTH_BYTES_MAX);
  t.deepEqual(await standing(cluster.members), before);
  t.deepEqual([...leader.logged, ...follower.logged], []);
});

test('Allow names the methods of a route, HEAD where there is GET', async (t) => {
  const call = await createCaller(cluster.leader.url);
  const allowed: readonly (readonly [path: string, allow: string])[] = [
    ['/kv/put', 'POST'],
    ['/kv/get?key=a', 'GET, HEAD'],
    ['/items/a%2Fb', 'DELETE, GET, HEAD, POST, PUT'],
    ['/items/a/cas', 'PUT'],
    ['/lab/faults', 'GET, HEAD, PUT'],
  ];
  for (const [path, allow] of allowed) {
    const answer = await call('PATCH', path, { body: '{' });
    t.is(answer.status, 405);
    t.is(answer.headers.allow, allow);
  }
});

test('a DELETE needs no body, whatever its headers say', async (t) => {
  const { url } = quick.leader;
  const heads = [
    '',
    'Content-Length: 0\r\n',
    'Content-Type: application/json\r\n',
    'Content-Type: application/json\r\nContent-Length: 0\r\n',
    'Content-Type: text/plain\r\nContent-Length: 0\r\n',
    'Content-Type: no type at all\r\n',
    'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n',
  ];
  for (const head of heads) {
    const body = head.includes('chunked') ? '0\r\n\r\n' : '';
    for (const [path, status] of [
      ['/kv/delete?key=none', 200],
      ['/items/none', 404],
    ]) {
      const start = `DELETE ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n`;
      const received = await exchangeBytes(url, `${start}${head}\r\n${body}`);
      t.is(firstAnswer(received).status, Number(status), head);
    }
  }
});

test('a body beyond the limit is refused before it has arrived, and by its bytes', async (t) => {
  const { url } = quick.leader;
  const head = 'POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
  const announced = `${head}Content-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`;
  const early = firstAnswer(await exchangeBytes(url, announced));
  t.is(early.status, 413);
  t.is(early.body.error, 'body_too_large');
  const chunk = Buffer.alloc(2 ** 20, 0x20);
  const chunks = Array.from({ length: 5 }, () => [`100000\r\n`, chunk, '\r\n']).flat();
  const chunked = `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`;
  const late = firstAnswer(await exchangeBytes(url, chunked, ...chunks, '0\r\n\r\n'));
  t.is(late.status, 413);
});

test('a connection goes on after a request that was refused', async (t) => {
  const { url } = quick.leader;
  const body = ' '.repeat(BODY_BYTES_MAX + 1);
  const refused =
    'POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n' +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
  const next = 'GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const received = await exchangeBytes(url, refused, next);
  t.deepEqual(received.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 413', 'HTTP/1.1 200']);
});

const GARBAGE: readonly (readonly [what: string, bytes: string, status: number, error: string])[] =
  [
    ['no HTTP', 'hello\r\n\r\n', 400, 'bad_request'],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'bad_request'],
    ['no such version', 'GET / HTTP/9.9\r\nHost: a\r\n\r\n', 400, 'bad_request'],
    ['no host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'bad_request'],
    ['a bad header', 'GET /health HTTP/1.1\r\nHost: a\r\nb\x00d: 1\r\n\r\n', 400, 'bad_request'],
    [
      'a length that is none',
      'POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
      400,
      'bad_request',
    ],
    [
      'two lengths',
      'POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n' +
        'Transfer-Encoding: chunked\r\n\r\n{}',
      400,
      'bad_request',
    ],
    [
      'a chunk that is none',
      'POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n' +
        'Transfer-Encoding: chunked\r\n\r\nzz\r\n',
      400,
      'bad_request',
    ],
    [
      'long headers',
      `GET /health HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['a long target', `GET /items/${'x'.repeat(20_000)} HTTP/1.1\r\n`, 431, 'headers_too_large'],
    [
      'an expectation',
      'GET /health HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n',
      417,
      'expectation_failed',
    ],
  ];

for (const [what, bytes, status, error] of GARBAGE) {
  test(`on the wire: ${what} is ${status} ${error}, and the connection is closed`, async (t) => {
    const answer = firstAnswer(await exchangeBytes(quick.leader.url, Buffer.from(bytes, 'latin1')));
    t.is(answer.status, status);
    t.like(answer.body, { error, definite: true });
    t.is(typeof answer.body.message, 'string');
  });
}

const SLOW: readonly (readonly [what: string, bytes: string])[] = [
  ['headers', 'POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-'],
  [
    'a body',
    'POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n' +
      'Content-Length: 21\r\n\r\n{"key":"slow","val',
  ],
  [
    'a chunked body',
    'PUT /items/slow HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n' +
      'Transfer-Encoding: chunked\r\n\r\n5\r\n{"val\r\n',
  ],
];

for (const [what, bytes] of SLOW) {
  test(`who does not go on with ${what} gets 408`, async (t) => {
    const { url } = quick.leader;
    const answer = firstAnswer(await exchangeBytes(url, bytes));
    t.is(answer.status, 408);
    t.like(answer.body, { error: 'request_timeout', definite: true });
    t.deepEqual(quick.leader.logged, []);
    t.is((await (await createCaller(url))('GET', '/kv/get?key=slow')).status, 404);
  });
}

test('who says nothing at all is not kept for ever', async (t) => {
  await t.notThrowsAsync(exchangeBytes(quick.leader.url));
});

test('garbage behind a request is never taken for its answer', async (t) => {
  const { url } = quick.leader;
  const body = '{"key":"pipelined","value":1}';
  const put =
    'POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n' +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
  const received = await exchangeBytes(url, `${put}garbage\r\n\r\n`);
  const { status } = firstAnswer(received);
  t.true(received === '' || status === 200, received);
  const call = await createCaller(url);
  await until('the write to be applied', async () => {
    const { status: found } = await call('GET', '/kv/get?key=pipelined');
    return found === 200;
  });
});
