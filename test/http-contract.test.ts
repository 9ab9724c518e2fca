/**
 * Shows that servers answer calls as the HTTP contract says: keys and values in both styles, who is
 * sent where, consistency, sessions, health, faults and metrics, on three real nodes.
 *
 *     npx ava test/http-contract.test.ts
 */
import test, { type ExecutionContext } from 'ava';
import {
  type Answer,
  type Call,
  createCaller,
  exchangeBytes,
  type Fields,
  firstAnswer,
} from './support/http-caller.ts';
import { HttpCluster, type Member } from './support/http-cluster.ts';
import { until } from './support/http-wait.ts';

let cluster: HttpCluster;
let atLeader: Call;
let atFollower: Call;
let leader: Member;
let follower: Member;

test.before(async () => {
  cluster = await HttpCluster.start({ size: 3, faults: true });
  ({ leader, follower } = cluster);
  atLeader = await createCaller(leader.url);
  atFollower = await createCaller(follower.url);
});

test.after.always(() => cluster.stop());

/** `expected` is part of the body: fields may be added. */
function answers(
  t: ExecutionContext,
  { status, body, text }: Answer,
  expectedStatus: number,
  expected?: Fields,
): void {
  t.is(status, expectedStatus, text);
  if (expected !== undefined) t.like(body, expected);
}

test('/kv puts, gets and deletes', async (t) => {
  const json = { key: 'foo', value: 'bar' };
  const put = await atLeader('POST', '/kv/put', { json });
  answers(t, put, 200, { status: 'ok', key: 'foo', value: 'bar' });
  t.true(Number(put.body.index) > 0 && Number(put.body.term) > 0);
  const got = await atLeader('GET', '/kv/get?key=foo');
  answers(t, got, 200, { key: 'foo', value: 'bar' });
  const deleted = await atLeader('DELETE', '/kv/delete', { json: { key: 'foo' } });
  answers(t, deleted, 200, { status: 'ok', key: 'foo', existed: true });
  const again = await atLeader('DELETE', '/kv/delete?key=foo');
  answers(t, again, 200, { status: 'ok', key: 'foo', existed: false });
  const gone = await atLeader('GET', '/kv/get?key=foo');
  answers(t, gone, 404, { error: 'key_not_found', key: 'foo', value: null });
});

test('/kv/cas compares whole values, and null is absence on either side', async (t) => {
  const cas = (expected: unknown, desired: unknown): Promise<Answer> =>
    atLeader('POST', '/kv/cas', { json: { key: 'cas', expected, desired } });
  answers(t, await cas(null, { a: [1, 0], b: 'x' }), 200, { status: 'ok' });
  const absent = await cas(null, 1);
  answers(t, absent, 409, { error: 'cas_mismatch', actual: { a: [1, 0], b: 'x' } });
  answers(t, await cas({ a: [1, false], b: 'x' }, 1), 409, { error: 'cas_mismatch' });
  answers(t, await cas({ b: 'x', a: [1.0, -0] }, 0), 200, { status: 'ok', value: 0 });
  answers(t, await cas(false, 1), 409, { error: 'cas_mismatch', actual: 0 });
  answers(t, await cas(0, null), 200, { status: 'ok', value: null });
  answers(t, await cas(0, 1), 409, { error: 'cas_mismatch', actual: null });
});

test('/items creates, reads, updates, deletes and exchanges', async (t) => {
  const item = '/items/item';
  answers(t, await atLeader('GET', item), 404, { error: 'did_not_exist', status: 'did not exist' });
  answers(t, await atLeader('PUT', item, { json: { value: 1 } }), 404, { status: 'did not exist' });
  answers(t, await atLeader('POST', item, { json: { value: 123 } }), 201, {
    status: 'successfully created',
  });
  answers(t, await atLeader('POST', item, { json: { value: 5 } }), 409, {
    error: 'already_exists',
    status: 'already exists',
    value: 123,
  });
  answers(t, await atLeader('GET', item), 200, { status: 'successfully read', value: 123 });
  answers(t, await atLeader('PUT', item, { json: { value: 456 } }), 200, {
    status: 'successfully updated',
    previous_value: 123,
  });
  const cas = `${item}/cas`;
  answers(t, await atLeader('PUT', cas, { json: { expected: 1, desired: 2 } }), 412, {
    error: 'mismatch',
    status: 'actual and expected value did not match',
    actual: 456,
  });
  answers(t, await atLeader('PUT', cas, { json: { expected: 456, desired: 7 } }), 200, {
    status: 'successfully exchanged',
  });
  answers(t, await atLeader('DELETE', item), 200, { status: 'successfully deleted', value: 7 });
  answers(t, await atLeader('DELETE', item), 404, { status: 'did not exist' });
  answers(t, await atLeader('PUT', cas, { json: { expected: null, desired: 1 } }), 200);
  answers(t, await atLeader('PUT', cas, { json: { expected: 1, desired: null } }), 200);
  answers(t, await atLeader('GET', item), 404);
});

test('a key is any text, in a path, in a query and in a body alike', async (t) => {
  const keys = ['a/b', 'ü€😀', 'a b+c', '%2F', '?&=#', '..', '\u0000', 'x'.repeat(1024)];
  for (const [at, key] of [...keys, 'ü'.repeat(512)].entries()) {
    const path = `/items/${key === '..' ? '%2E%2E' : encodeURIComponent(key)}`;
    answers(t, await atLeader('POST', path, { json: { value: at } }), 201);
    const query = `/kv/get?key=${encodeURIComponent(key)}`;
    answers(t, await atLeader('GET', query), 200, { key, value: at });
    answers(t, await atLeader('DELETE', '/kv/delete', { json: { key } }), 200, { existed: true });
    answers(t, await atLeader('GET', path), 404);
  }
});

test('targets may be absolute, and a # that was not encoded cuts no key off', async (t) => {
  answers(t, await atLeader('POST', '/items/a#b', { json: { value: 1 } }), 201);
  answers(t, await atLeader('GET', '/kv/get?key=a%23b'), 200, { key: 'a#b', value: 1 });
  answers(t, await atLeader('GET', '/kv/get?key=a#b'), 200, { key: 'a#b', value: 1 });
  const proxied = `GET ${leader.url}/items/a%23b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
  const { status, body } = firstAnswer(await exchangeBytes(leader.url, proxied));
  t.is(status, 200);
  t.is(body.value, 1);
});

test('values come back as they went, whatever is in them', async (t) => {
  const texts = [
    '{"__proto__":{"polluted":true},"constructor":1,"toString":null}',
    '"half a pair: \\ud800"',
    '[[],{},"",0,-1.5e+300,true,false,null]',
    `"${'x'.repeat(2 ** 20 - 2)}"`,
    `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  ];
  for (const text of texts) {
    const headers = { 'content-type': 'application/json' };
    const body = `{"key":"any","value":${text}}`;
    t.is((await atLeader('POST', '/kv/put', { headers, body })).status, 200);
    const { text: got } = await atLeader('GET', '/items/any');
    t.true(got.includes(`"value":${text}`), got.slice(0, 200));
  }
  t.false('polluted' in {});
});

test('who does not lead names the leader to /kv, and serves what it can itself', async (t) => {
  await atLeader('POST', '/kv/put', { json: { key: 'read', value: 1 } });
  const named = {
    error: 'not_leader',
    leader: leader.id,
    leaderUrl: leader.service.self.publicUrl,
  };
  const json = { key: 'a', value: 1 };
  answers(t, await atFollower('POST', '/kv/put', { json }), 409, named);
  answers(t, await atFollower('GET', '/kv/get?key=read'), 409, named);
  answers(t, await atFollower('DELETE', '/kv/delete?key=read'), 409, named);
  const cas = { key: 'a', expected: null, desired: 1 };
  answers(t, await atFollower('POST', '/kv/cas', { json: cas }), 409, named);
  for (const consistency of ['linearizable', 'lease', 'log']) {
    const path = `/kv/get?key=read&consistency=${consistency}`;
    answers(t, await atFollower('GET', path), 409, named);
    answers(t, await atLeader('GET', path), 200, { value: 1 });
  }
  const own = await atFollower('GET', '/kv/get?key=read&at=follower');
  answers(t, own, 200, { key: 'read', value: 1 });
  const stale = await atFollower('GET', '/kv/get?key=read&consistency=stale');
  t.true(stale.status === 200 || stale.status === 404);
  const both = '/kv/get?key=read&at=follower&consistency=stale';
  answers(t, await atFollower('GET', both), 400, { error: 'invalid_at' });
});

test('who does not lead sends writes of /items on, with their query', async (t) => {
  const { publicUrl } = leader.service.self;
  const inside = await atFollower('PUT', '/items/x%2Fy?q=1', { json: { value: 1 } });
  answers(t, inside, 307, { error: 'not_leader', leader: leader.id, leaderUrl: publicUrl });
  t.is(inside.headers.location, `http://${leader.id}/items/x%2Fy?q=1`);
  const host = new URL(follower.service.self.publicUrl ?? '').host.toUpperCase();
  const outside = await atFollower('DELETE', '/items/x', { headers: { host } });
  t.is(outside.status, 307);
  t.is(outside.headers.location, `${publicUrl}/items/x`);
  const read = await atFollower('GET', '/items/x?consistency=log');
  t.is(read.headers.location, `http://${leader.id}/items/x?consistency=log`);
  t.is((await atFollower('POST', '/session')).status, 307);
});

test('reads of /items are served by any server, and see what was acknowledged', async (t) => {
  for (let value = 0; value < 20; value++) {
    await atLeader('POST', '/kv/put', { json: { key: 'latest', value } });
    for (const query of ['', '?consistency=linearizable', '?at=follower']) {
      answers(t, await atFollower('GET', `/items/latest${query}`), 200, { value });
    }
  }
});

test('a write that is repeated takes effect once and gets the first answer', async (t) => {
  const { body } = await atLeader('POST', '/session');
  t.regex(String(body.clientId), /^\d{16}$/);
  for (const client of [String(body.clientId), 'a-name-of-my-own']) {
    const key = `once-${client}`;
    const send = (number: number, value: number, lowest?: number): Promise<Answer> =>
      atLeader('POST', `/items/${key}`, {
        json: { value },
        headers: {
          'raft-client-id': client,
          'raft-request-number': String(number),
          ...(lowest === undefined ? {} : { 'raft-lowest-pending': String(lowest) }),
        },
      });
    t.is((await send(1, 1)).status, 201);
    t.is((await send(1, 1)).status, 201);
    answers(t, await send(3, 2), 409, { error: 'already_exists', value: 1 });
    await atLeader('DELETE', `/items/${key}`);
    answers(t, await send(3, 2), 409, { error: 'already_exists', value: 1 });
    t.is((await send(2, 3)).status, 201);
    answers(t, await send(5, 9, 5), 409, { error: 'already_exists', value: 3 });
    answers(t, await send(1, 1), 409, { error: 'stale_request', definite: false });
  }
  const unknown = { 'raft-client-id': String(2 ** 52 + 999), 'raft-request-number': '1' };
  const refused = await atLeader('DELETE', '/items/x', { headers: unknown });
  answers(t, refused, 410, { error: 'session_expired' });
});

test('the servers tell where they stand', async (t) => {
  for (const call of [atLeader, atFollower]) {
    const { body, status } = await call('GET', '/health');
    t.is(status, 200);
    t.like(body, { status: 'ok', leader: leader.id, learners: [] });
    t.deepEqual(
      body.voters,
      cluster.members.map(({ id }) => id),
    );
    answers(t, await call('GET', '/ready'), 200, { status: 'ok' });
    answers(t, await call('GET', '/debug/state'), 200, { processId: process.pid });
    t.is((await call('HEAD', '/health')).status, 200);
  }
  t.is((await atFollower('GET', '/health')).body.role, 'follower');
});

test('metrics have the numbers of the server and of its answers', async (t) => {
  await atLeader('GET', '/health');
  const observed = 'http_request_duration_seconds_count{method="GET",route="/health",status="200"}';
  await until('an observation', async () =>
    (await atLeader('GET', '/metrics')).text.includes(observed),
  );
  const { text, headers } = await atLeader('GET', '/metrics');
  t.regex(String(headers['content-type']), /^text\/plain/);
  t.regex(text, /^# TYPE raft_commit_index gauge$/m);
  t.regex(text, /^raft_commit_index [1-9]/m);
});

test('link settings are replaced as a whole, and refused with a sentence', async (t) => {
  const json = { default: { loss: 0.5 }, links: { 'node2:8000': { cut: true } } };
  const set = await atLeader('PUT', '/lab/faults', { json });
  t.like(set.body.default, { loss: 0.5, cut: false, bytesPerSecond: null });
  t.like(set.body.links, { 'node2:8000': { loss: 0, cut: true } });
  t.deepEqual((await atLeader('GET', '/lab/faults')).body, set.body);
  for (const bad of [
    { default: { loss: 2 } },
    { default: { lost: 0.5 } },
    { default: { loss: { toString: 1 } } },
    { default: [] },
    { links: { 'no address': {} } },
    { links: { 'node2:8000': 1 } },
    { other: {} },
  ]) {
    const refused = await atLeader('PUT', '/lab/faults', { json: bad });
    answers(t, refused, 400, { error: 'invalid_faults' });
  }
  t.deepEqual((await atLeader('GET', '/lab/faults')).body, set.body);
  const none = await atLeader('PUT', '/lab/faults', { json: {} });
  t.like(none.body, { default: { loss: 0 } });
  t.deepEqual(none.body.links, {});
});

test('without fault injection there is none', async (t) => {
  const plain = await HttpCluster.start();
  t.teardown(() => plain.stop());
  const call = await createCaller(plain.leader.url);
  answers(t, await call('GET', '/lab/faults'), 403, { error: 'faults_disabled' });
  answers(t, await call('PUT', '/lab/faults', { json: {} }), 403, { error: 'faults_disabled' });
  answers(t, await call('POST', '/raft/leave', { json: { peer: plain.leader.id } }), 409, {
    error: 'last_voter',
  });
});

test('without a quorum writes are indefinite, reads are not, and no leader is known', async (t) => {
  const lonely = await HttpCluster.start({
    size: 3,
    publicUrls: false,
    electionTimeoutMs: [1000, 2000],
    requestTimeoutMs: 400,
  });
  t.teardown(() => lonely.stop());
  const old = lonely.leader;
  const call = await createCaller(old.url);
  for (const { id } of lonely.members) lonely.cut.add(id);
  const [write, read] = await Promise.all([
    call('POST', '/kv/put', { json: { key: 'a', value: 1 } }),
    call('GET', '/kv/get?key=a'),
  ]);
  t.is(write.status, 503);
  t.is(write.body.definite, false, write.text);
  t.is(read.status, 503);
  t.is(read.body.definite, true, read.text);
  await until('the leader to step down', () => old.service.leader() === null);
  const unknown = { error: 'leader_unknown', definite: true };
  answers(t, await call('POST', '/kv/put', { json: { key: 'a', value: 1 } }), 503, unknown);
  answers(t, await call('POST', '/items/a', { json: { value: 1 } }), 503, unknown);
  answers(t, await call('GET', '/kv/get?key=a&consistency=stale'), 404);
  answers(t, await call('GET', '/ready'), 503, { error: 'not_ready' });
  answers(t, await call('GET', '/health'), 200, { leader: null });
  answers(t, await call('POST', '/raft/transfer', { json: { to: 'a:1' } }), 503, unknown);
});

test('leadership and membership change as they are asked to', async (t) => {
  const changing = await HttpCluster.start({ size: 3 });
  t.teardown(() => changing.stop());
  const first = changing.leader;
  const second = changing.follower;
  const call = await createCaller(first.url);
  const refused = await (await createCaller(second.url))('POST', '/raft/transfer', {
    json: { to: second.id },
  });
  answers(t, refused, 409, { error: 'not_leader', leader: first.id });
  answers(t, await call('POST', '/raft/join', { json: { peer: second.id } }), 200, {
    status: 'ok',
  });
  const transferred = await call('POST', '/raft/transfer', { json: { to: second.id } });
  answers(t, transferred, 200, { status: 'ok', leader: second.id });
  await until('the target to lead', () => second.service.leads());
  const atSecond = await createCaller(second.url);
  const left = await atSecond('POST', '/raft/leave', { json: { peer: first.id } });
  t.is(left.status, 200, left.text);
  t.is((left.body.peers as string[]).length, 2);
  t.false((left.body.peers as string[]).includes(first.id));
  answers(t, await atSecond('POST', '/raft/transfer', { json: { to: 'node9:1' } }), 409, {
    error: 'not_voter',
  });
});

test('a server that closes answers what is under way, and waits for nobody else', async (t) => {
  const closing = await HttpCluster.start({ size: 3, requestTimeoutMs: 400 });
  t.teardown(() => closing.stop());
  const { leader: last } = closing;
  for (const { id } of closing.members) closing.cut.add(id);
  const call = await createCaller(last.url);
  const body = '{"key":"a","value":1}';
  const head = `POST /kv/put HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
  const whole = `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  const [underWay, half] = [exchangeBytes(last.url, whole), exchangeBytes(last.url, head)];
  await until(
    'the write to arrive',
    () => last.lastLogIndex > last.node.state.volatile.commitIndex,
  );
  await call('GET', '/health');
  await last.http.close();
  t.is(firstAnswer(await underWay).body.error, 'no_quorum');
  t.is(await half, '');
});
