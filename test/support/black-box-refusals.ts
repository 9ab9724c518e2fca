/** Rows of the contract about requests that are none: they get their 4xx and leave nothing. */
import type { ExecutionContext } from 'ava';
import { BODY_BYTES_MAX } from '../../src/http/body.ts';
import { type BlackBoxCluster, healthOf, type OutsideServer } from './black-box-cluster.ts';
import { answers, newKey, type Row } from './black-box-row.ts';
import { createCaller, exchangeBytes, firstAnswer } from './http-caller.ts';
import { malformedRequests } from './http-malformed.ts';
import { until } from './http-wait.ts';

/** Far less than all these requests have: several times so much is sent. */
const MEMORY_GROWTH_BYTES_MAX = 24 * 2 ** 20;

const LARGE = {
  headers: { 'content-type': 'application/json' },
  body: '['.repeat(BODY_BYTES_MAX / 2),
};

/** What must not change; everything that was acknowledged is in it. */
async function standing(cluster: BlackBoxCluster): Promise<readonly string[]> {
  let last: readonly string[] = [];
  await until('everything to be applied everywhere', async () => {
    const all = await Promise.all(cluster.servers.map(healthOf));
    last = all.map(({ id, term, lastLogIndex }) => `${id}: term ${term}, ${lastLogIndex} entries`);
    return all.every(
      ({ lastApplied, lastLogIndex }) =>
        lastApplied === lastLogIndex && lastLogIndex === all[0]?.lastLogIndex,
    );
  });
  return last;
}

async function usedBytes({ call }: OutsideServer): Promise<number> {
  const { body } = await call('GET', '/debug/state');
  const { heapUsed, external } = Object(body.memory);
  return heapUsed + external;
}

async function sendMalformed(t: ExecutionContext, { call }: OutsideServer): Promise<void> {
  for (const { what, method, path, options, status, error } of malformedRequests()) {
    const answer = await call(method, path, options);
    const told = `${what}: ${method} ${path.slice(0, 60)} ${answer.text.slice(0, 200)}`;
    if (answer.status !== status) t.is(answer.status, status, told);
    if (answer.body.error !== error) t.is(answer.body.error, error, told);
    if (status === 405) t.true(String(answer.headers.allow).length > 0, told);
  }
}

const JSON_PUT = 'POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
const GARBAGE: readonly (readonly [bytes: string, status: number, error: string])[] = [
  ['hello\r\n\r\n', 400, 'bad_request'],
  ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'bad_request'],
  ['GET / HTTP/9.9\r\nHost: a\r\n\r\n', 400, 'bad_request'],
  ['GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'bad_request'],
  ['GET /health HTTP/1.1\r\nHost: a\r\nb\x00d: 1\r\n\r\n', 400, 'bad_request'],
  [`${JSON_PUT}Content-Length: x\r\n\r\n`, 400, 'bad_request'],
  [`${JSON_PUT}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400, 'bad_request'],
  [`GET /health HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
  [`GET /items/${'x'.repeat(20_000)} HTTP/1.1\r\n`, 431, 'headers_too_large'],
  ['GET /health HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n', 417, 'expectation_failed'],
  [`${JSON_PUT}Content-Length: 99999999\r\nConnection: close\r\n\r\n`, 413, 'body_too_large'],
];

export const REFUSAL_ROWS: readonly Row[] = [
  [
    'more than 100 malformed requests get their 4xx and leave log and memory as they were',
    async (t, cluster) => {
      t.true(malformedRequests().length > 100);
      const { leader, followers } = await cluster.roles();
      const asked = [leader, followers[0]];
      const round = (): Promise<unknown> =>
        Promise.all(asked.map((server) => sendMalformed(t, server)));
      // What is made once, such as compiled code, is there after the first round.
      await round();
      const before = await standing(cluster);
      const bytes = await Promise.all(asked.map(usedBytes));
      await round();
      t.deepEqual(await standing(cluster), before);
      for (const [at, server] of asked.entries()) {
        await until(`the memory of ${server.id} to be what it was`, async () => {
          const grownBytes = (await usedBytes(server)) - (bytes[at] ?? 0);
          if (grownBytes < MEMORY_GROWTH_BYTES_MAX) return true;
          // What has become garbage is collected when there is more.
          t.is((await server.call('POST', '/kv/put', LARGE)).status, 400);
          return false;
        });
      }
    },
  ],
  [
    'garbage on the wire is answered, and leaves the log as it was',
    async (t, cluster) => {
      const { leader, followers } = await cluster.roles();
      const before = await standing(cluster);
      for (const { url } of [leader, followers[0]]) {
        for (const [bytes, status, error] of GARBAGE) {
          const received = await exchangeBytes(url, Buffer.from(bytes, 'latin1'));
          const answer = firstAnswer(received);
          cluster.seen.note('', '', answer);
          t.is(answer.status, status, bytes.slice(0, 60));
          t.like(answer.body, { error, definite: true });
        }
      }
      t.deepEqual(await standing(cluster), before);
    },
  ],
  [
    'a page of another origin writes nothing, nor by a name that leads to loopback',
    async (t, cluster) => {
      const { leader } = await cluster.roles();
      const json = { key: newKey(), value: 1 };
      const byPage = { json, headers: { origin: 'https://evil.example' } };
      const refused = { error: 'forbidden_origin', definite: true };
      answers(t, await leader.call('POST', '/kv/put', byPage), 403, refused);
      // Elsewhere than on loopback any name will do.
      const byName = await leader.call('GET', '/health', { headers: { host: 'evil.example' } });
      if (byName.status !== 200) answers(t, byName, 403, { error: 'forbidden_host' });
      const call = await createCaller(leader.url);
      t.is((await call('GET', `/kv/get?key=${json.key}`)).status, 404);
      const wrong = { json, headers: { 'raft-forward': 'perhaps' } };
      answers(t, await leader.call('POST', '/kv/put', wrong), 400, {
        error: 'invalid_raft_forward',
      });
    },
  ],
  [
    'a DELETE needs no body, whatever its Content-Type',
    async (t, cluster) => {
      const { leader } = await cluster.roles();
      const types = ['application/json', 'text/plain', 'no type at all'];
      for (const type of types) {
        for (const [path, status] of [
          [`/kv/delete?key=${newKey()}`, 200],
          [`/items/${newKey()}`, 404],
        ] as const) {
          const headers = { 'content-type': type };
          answers(t, await leader.call('DELETE', path, { headers }), status);
        }
      }
    },
  ],
];

/** Requests that stop halfway. They take as long as a server waits for the rest. */
export class SlowSenders {
  readonly #key = newKey();
  readonly #url: string;
  readonly #received: readonly Promise<string>[];

  constructor(url: string) {
    const body = `{"key":"${this.#key}","value":1}`;
    const item = JSON_PUT.replace('POST /kv/put', `PUT /items/${this.#key}`);
    this.#url = url;
    this.#received = [
      'POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-',
      `${JSON_PUT}Content-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`,
      `${item}Transfer-Encoding: chunked\r\n\r\n5\r\n{"val\r\n`,
    ].map((bytes) => exchangeBytes(url, bytes));
  }

  async show(t: ExecutionContext, cluster: BlackBoxCluster): Promise<void> {
    for (const received of this.#received) {
      const answer = firstAnswer(await received);
      cluster.seen.note('', '', answer);
      t.is(answer.status, 408);
      t.like(answer.body, { error: 'request_timeout', definite: true });
    }
    const call = await createCaller(this.#url);
    t.is((await call('GET', `/items/${this.#key}?consistency=stale`)).status, 404);
    t.is((await cluster.atLeader('GET', `/items/${this.#key}`)).status, 404);
  }
}
