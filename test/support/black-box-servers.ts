/** Rows of the contract about servers: who is sent where, and what they tell of themselves. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { healthOf, type OutsideServer } from './black-box-cluster.ts';
import { answers, newKey, type Row } from './black-box-row.ts';
import { type Document, type Fields, operationAt } from './http-caller.ts';
import { until } from './http-wait.ts';

const HAS_CURL = spawnSync('curl', ['--version']).status === 0;
const CURL = 'curl --silent --max-time 30 --write-out "\\n%{http_code}"';

/** A line as a person types it, and a shell takes it. */
async function curl(
  t: ExecutionContext,
  line: string,
  status: number,
  expected: Fields,
): Promise<void> {
  const { stdout } = await promisify(execFile)('sh', ['-c', line.replace('curl', CURL)]);
  const [body = '', code = ''] = stdout.split(/\n(?=\d+$)/);
  t.is(Number(code), status, `${line}: ${body}`);
  t.like(JSON.parse(body), expected, line);
}

async function curlLines(
  t: ExecutionContext,
  leader: OutsideServer,
  follower: OutsideServer,
): Promise<void> {
  const { host } = new URL(leader.url);
  const put =
    `curl -X POST ${host}/kv/put -H 'Content-Type: application/json' ` +
    `-d '{"key": "foo", "value": "bar"}'`;
  await curl(t, put, 200, { status: 'ok', key: 'foo', value: 'bar' });
  await curl(t, `curl '${host}/kv/get?key=foo'`, 200, { key: 'foo', value: 'bar' });
  const remove =
    `curl -X DELETE ${host}/kv/delete -H 'Content-Type: application/json' ` +
    '-d \'{"key": "foo"}\'';
  await curl(t, remove, 200, { status: 'ok', key: 'foo', existed: true });
  const removeItem = (options: string, url: string): string =>
    `curl ${options} --header "Content-Type: application/json" --request DELETE ${url}/items/abc`;
  await leader.call('DELETE', '/items/abc');
  const cas =
    'curl -L --header "Content-Type: application/json" --request PUT ' +
    `--data '{"expected":null,"desired":789}' ${follower.url}/items/abc/cas`;
  await curl(t, cas, 200, { status: 'successfully exchanged' });
  await curl(t, `curl ${follower.url}/items/abc`, 200, { value: 789 });
  await curl(t, removeItem('', leader.url), 200, { status: 'successfully deleted', value: 789 });
  await curl(t, removeItem('-L', follower.url), 404, { status: 'did not exist' });
}

export const SERVER_ROWS: readonly Row[] = [
  [
    'who does not lead names the leader to /kv, and to who changes the cluster',
    async (t, cluster) => {
      const { leader, followers } = await cluster.roles();
      const [{ call }] = followers;
      const named = { error: 'not_leader', leader: leader.id, leaderUrl: leader.url };
      const json = { key: 'a', value: 1, expected: 1, desired: 1 };
      answers(t, await call('POST', '/kv/put', { json }), 409, named);
      answers(t, await call('POST', '/kv/cas', { json }), 409, named);
      answers(t, await call('DELETE', '/kv/delete', { json }), 409, named);
      answers(t, await call('GET', '/kv/get?key=a'), 409, named);
      for (const [path, body] of [
        ['/raft/join', { peer: leader.id }],
        ['/raft/leave', { peer: leader.id }],
        ['/raft/transfer', { to: leader.id }],
      ] as const) {
        answers(t, await call('POST', path, { json: body }), 409, named);
      }
    },
  ],
  [
    'who does not lead sends writes of /items on: outside to PUBLIC_URL, inside to the address',
    async (t, cluster) => {
      const { leader, followers } = await cluster.roles();
      const [{ call, url }] = followers;
      const named = { error: 'not_leader', leader: leader.id, leaderUrl: leader.url };
      const item = `/items/${newKey()}%2F%C3%BC`;
      const writes = [
        ['POST', item, { value: 1 }],
        ['PUT', `${item}?a=b`, { value: 1 }],
        ['DELETE', item, undefined],
        ['PUT', `${item}/cas`, { expected: 1, desired: 2 }],
        ['POST', '/session', undefined],
      ] as const;
      const inner = `http://${leader.id}`;
      const hosts = [
        [new URL(url).host, leader.url],
        [new URL(url).host.toUpperCase(), leader.url],
        ['localhost:9', inner],
        ['a.localhost', inner],
        [new URL(leader.url).host, inner],
      ] as const;
      for (const [method, path, json] of writes) {
        for (const [host, base] of hosts) {
          const body = json === undefined ? {} : { json };
          const answer = await call(method, path, { headers: { host }, ...body });
          answers(t, answer, 307, named);
          t.is(answer.headers.location, `${base}${path}`, host);
        }
      }
    },
  ],
  [
    "the contract's curl lines, at the leader and with -L at another server",
    async (t, cluster) => {
      const { leader, followers } = await cluster.roles();
      if (HAS_CURL) await curlLines(t, leader, followers[0]);
      else t.log('there is no curl here: not shown');
      t.pass();
    },
  ],
  [
    'GET /health, /ready and /debug/state',
    async (t, cluster) => {
      const { leader } = await cluster.roles();
      const ids = cluster.servers.map(({ id }) => id).sort();
      const processes = new Set<unknown>();
      for (const server of cluster.servers) {
        const health = await healthOf(server);
        const role = server === leader ? 'leader' : 'follower';
        t.like(health, { status: 'ok', id: server.id, role, leader: leader.id, learners: [] });
        t.deepEqual([...health.voters].sort(), ids);
        const counts = [health.term, health.commitIndex, health.lastApplied, health.lastLogIndex];
        t.true(counts.every((each) => Number.isSafeInteger(each) && each > 0));
        answers(t, await server.call('GET', '/ready'), 200);
        const { body } = await server.call('GET', '/debug/state');
        t.like(body, { id: server.id, role });
        t.true('votedFor' in body && 'log' in body);
        if (server === leader) t.is(Object(body.progress).length, 2);
        processes.add(`${server.id} ${body.processId}`);
        t.true(Number(body.processId) > 0);
      }
      t.is(processes.size, 3);
    },
  ],
  [
    'GET /metrics, in the text format of Prometheus',
    async (t, cluster) => {
      const { leader } = await cluster.roles();
      const line = 'http_request_duration_seconds_count{method="GET",route="/health",status="200"}';
      await until('an observation', async () =>
        (await leader.call('GET', '/metrics')).text.includes(line),
      );
      const { text, headers } = await leader.call('GET', '/metrics');
      t.regex(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
      t.regex(text, /^raft_is_leader 1$/m);
      t.regex(text, /^raft_commit_index [1-9]\d*$/m);
    },
  ],
  [
    'GET /openapi.json describes every call of the contract',
    async (t, cluster) => {
      const [server] = cluster.servers;
      const { body } = (await server?.call('GET', '/openapi.json')) ?? {};
      t.regex(String(body?.openapi), /^3\./);
      const missing = CALLS.filter((call) => {
        const [method = '', path = ''] = call.split(' ');
        return operationAt(body as unknown as Document, method, path) === null;
      });
      t.deepEqual(missing, []);
    },
  ],
  [
    'GET and PUT /lab/faults: the settings are replaced as a whole',
    async (t, cluster) => {
      const { followers } = await cluster.roles();
      const [{ call }, { id }] = followers;
      const json = { default: { jitterMs: 1 }, links: { [id]: { delayMs: 1, loss: 0.01 } } };
      const set = await call('PUT', '/lab/faults', { json });
      answers(t, set, 200);
      t.like(set.body.default, { jitterMs: 1, loss: 0, bytesPerSecond: null, cut: false });
      t.like(Object(set.body.links)[id], { delayMs: 1, loss: 0.01, jitterMs: 0 });
      t.deepEqual((await call('GET', '/lab/faults')).body, set.body);
      const wrong = { json: { default: { loss: 2 } } };
      answers(t, await call('PUT', '/lab/faults', wrong), 400, { error: 'invalid_faults' });
      t.deepEqual((await call('GET', '/lab/faults')).body, set.body);
      const none = await call('PUT', '/lab/faults', { json: {} });
      t.like(none.body.default, { jitterMs: 0 });
      t.deepEqual(none.body.links, {});
    },
  ],
  [
    'POST /raft/transfer: the target leads, or the old leader goes on',
    async (t, cluster) => {
      const { leader, followers } = await cluster.roles();
      const { call } = leader;
      const [{ id: to }, { id: other }] = followers;
      const links = { [to]: { cut: true } };
      await call('PUT', '/lab/faults', { json: { links } });
      const late = await call('POST', '/raft/transfer', { json: { to } });
      await call('PUT', '/lab/faults', { json: {} });
      answers(t, late, 504, { error: 'transfer_timeout' });
      t.is((await cluster.roles()).leader.id, leader.id);
      const stranger = await call('POST', '/raft/transfer', { json: { to: 'node99:1' } });
      answers(t, stranger, 409, { error: 'not_voter' });
      const done = await call('POST', '/raft/transfer', { json: { to: other } });
      answers(t, done, 200, { status: 'ok', leader: other });
      t.is((await cluster.roles()).leader.id, other);
    },
  ],
];

/** Of the contract's tables. */
export const CALLS = [
  'POST /kv/put',
  'GET /kv/get',
  'DELETE /kv/delete',
  'POST /kv/cas',
  'POST /items/{key}',
  'GET /items/{key}',
  'PUT /items/{key}',
  'DELETE /items/{key}',
  'PUT /items/{key}/cas',
  'GET /health',
  'GET /ready',
  'POST /raft/join',
  'POST /raft/leave',
  'POST /raft/transfer',
  'GET /debug/state',
  'GET /metrics',
  'GET /openapi.json',
  'GET /lab/faults',
  'PUT /lab/faults',
  'POST /session',
] as const;
