/** Rows of the contract about keys and values: `/kv`, `/items`, and exactly once. */
import { answers, newKey, type Row } from './black-box-row.ts';
import type { Answer } from './http-caller.ts';

const VALUES = [0, false, '', 'ü€😀', [], {}, [1, [true, null], { a: null }], -1.5e300];

export const KEY_ROWS: readonly Row[] = [
  [
    'POST /kv/put, GET /kv/get, DELETE /kv/delete',
    async (t, cluster) => {
      const key = newKey();
      for (const value of VALUES) {
        const put = await cluster.put(key, value);
        answers(t, put, 200, { status: 'ok', key });
        t.deepEqual(put.body.value, value);
        t.true(Number(put.body.index) > 0 && Number(put.body.term) > 0);
        const got = await cluster.atLeader('GET', `/kv/get?key=${key}`);
        answers(t, got, 200, { key });
        t.deepEqual(got.body.value, value);
      }
      const deleted = await cluster.atLeader('DELETE', '/kv/delete', { json: { key } });
      answers(t, deleted, 200, { status: 'ok', key, existed: true });
      const again = await cluster.atLeader('DELETE', `/kv/delete?key=${key}`);
      answers(t, again, 200, { status: 'ok', key, existed: false });
      const gone = await cluster.atLeader('GET', `/kv/get?key=${key}`);
      answers(t, gone, 404, { error: 'key_not_found', key, value: null });
    },
  ],
  [
    'POST /kv/cas: equality is that of JSON, and null is absence on either side',
    async (t, cluster) => {
      const key = newKey();
      const cas = (expected: unknown, desired: unknown): Promise<Answer> =>
        cluster.atLeader('POST', '/kv/cas', { json: { key, expected, desired } });
      answers(t, await cas(null, { a: [0], b: 1 }), 200, { status: 'ok', key });
      answers(t, await cas(null, 1), 409, { error: 'cas_mismatch', actual: { a: [0], b: 1 } });
      answers(t, await cas({ a: [false], b: 1 }, 1), 409, { error: 'cas_mismatch' });
      answers(t, await cas({ b: 1, a: [0] }, 2), 200, { status: 'ok', value: 2 });
      answers(t, await cas(2, null), 200, { status: 'ok', value: null });
      answers(t, await cas(2, 3), 409, { error: 'cas_mismatch', actual: null });
    },
  ],
  [
    '/items/:key: POST, GET, PUT, DELETE and PUT cas',
    async (t, cluster) => {
      const item = `/items/${newKey()}`;
      const call = cluster.atLeader.bind(cluster);
      const absent = { error: 'did_not_exist', status: 'did not exist' };
      answers(t, await call('GET', item), 404, absent);
      answers(t, await call('PUT', item, { json: { value: 1 } }), 404, absent);
      answers(t, await call('DELETE', item), 404, absent);
      const created = await call('POST', item, { json: { value: 123 } });
      answers(t, created, 201, { status: 'successfully created' });
      const exists = { error: 'already_exists', status: 'already exists', value: 123 };
      answers(t, await call('POST', item, { json: { value: 5 } }), 409, exists);
      answers(t, await call('GET', item), 200, { status: 'successfully read', value: 123 });
      const updated = { status: 'successfully updated', previous_value: 123 };
      answers(t, await call('PUT', item, { json: { value: 456 } }), 200, updated);
      const cas = (expected: unknown, desired: unknown): Promise<Answer> =>
        call('PUT', `${item}/cas`, { json: { expected, desired } });
      const status = 'actual and expected value did not match';
      answers(t, await cas(1, 2), 412, { error: 'mismatch', status, actual: 456 });
      answers(t, await cas(456, 789), 200, { status: 'successfully exchanged' });
      const deleted = { status: 'successfully deleted', value: 789 };
      answers(t, await call('DELETE', item), 200, deleted);
      answers(t, await cas(null, 1), 200, { status: 'successfully exchanged' });
      answers(t, await cas(1, null), 200, { status: 'successfully exchanged' });
      answers(t, await call('GET', item), 404, absent);
    },
  ],
  [
    'GET /items is linearizable at every server, and so is GET /kv?at=follower',
    async (t, cluster) => {
      const key = newKey();
      for (let value = 0; value < 10; value++) {
        await cluster.put(key, value);
        for (const { call } of cluster.servers) {
          answers(t, await call('GET', `/items/${key}`), 200, { value });
          answers(t, await call('GET', `/kv/get?key=${key}&at=follower`), 200, { value });
        }
      }
    },
  ],
  [
    'every consistency at the leader; stale, without a leader, at every server',
    async (t, cluster) => {
      const key = newKey();
      await cluster.put(key, 1);
      for (const consistency of ['linearizable', 'lease', 'log', 'stale']) {
        for (const path of [`/kv/get?key=${key}&`, `/items/${key}?`]) {
          const answer = await cluster.atLeader('GET', `${path}consistency=${consistency}`);
          answers(t, answer, 200, { value: 1 });
        }
      }
      for (const { call } of cluster.servers) {
        const { status } = await call('GET', `/kv/get?key=${key}&consistency=stale`);
        t.true(status === 200 || status === 404);
      }
    },
  ],
  [
    'a write that is repeated takes effect once, also under the next leader',
    async (t, cluster) => {
      const registered = await cluster.atLeader('POST', '/session');
      t.is(registered.status, 201, registered.text);
      const clients = [String(registered.body.clientId), newKey()];
      const items = clients.map(() => `/items/${newKey()}`);
      const create = (at: number, value: number, number: number): Promise<Answer> =>
        cluster.atLeader('POST', items[at] ?? '', {
          json: { value },
          headers: {
            'raft-client-id': clients[at] ?? '',
            'raft-request-number': String(number),
            'raft-lowest-pending': '1',
          },
        });
      for (const at of [0, 1]) t.is((await create(at, 1, 1)).status, 201);
      const { leader, followers } = await cluster.roles();
      const [{ id: to }] = followers;
      answers(t, await leader.call('POST', '/raft/transfer', { json: { to } }), 200);
      for (const at of [0, 1]) {
        t.is((await create(at, 2, 1)).status, 201);
        answers(t, await cluster.atLeader('GET', items[at] ?? ''), 200, { value: 1 });
        answers(t, await create(at, 2, 2), 409, { error: 'already_exists' });
        // Nobody keeps as many answers as that.
        answers(t, await create(at, 2, 100_000), 503, { error: 'overloaded' });
      }
    },
  ],
  [
    'answers that the client has are kept no longer; a session that is unknown is refused',
    async (t, cluster) => {
      const { body } = await cluster.atLeader('POST', '/session');
      const item = `/items/${newKey()}`;
      const write = (client: string, number: number, lowest: number): Promise<Answer> =>
        cluster.atLeader('POST', item, {
          json: { value: number },
          headers: {
            'raft-client-id': client,
            'raft-request-number': String(number),
            'raft-lowest-pending': String(lowest),
          },
        });
      const client = String(body.clientId);
      t.is((await write(client, 1, 1)).status, 201);
      answers(t, await write(client, 5, 5), 409, { error: 'already_exists', value: 1 });
      answers(t, await write(client, 1, 1), 409, { error: 'stale_request', definite: false });
      const unknown = String(2 ** 52 + 999_999);
      answers(t, await write(unknown, 1, 1), 410, { error: 'session_expired' });
    },
  ],
];
