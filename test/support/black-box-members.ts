/** Rows of the contract for which servers are stopped, killed, started, and joined. */
import { healthOf, type OutsideServer } from './black-box-cluster.ts';
import { type Attempt, showLeaderless, showStranded } from './black-box-quorum.ts';
import { answers, newKey, type Row } from './black-box-row.ts';
import { until } from './http-wait.ts';

/** Nobody has this name. */
const NOWHERE = '127.0.0.1:1';

/** Waits until all these servers hold one of them for the leader. */
async function leaderOf(servers: readonly OutsideServer[]): Promise<OutsideServer> {
  let leader: OutsideServer | undefined;
  await until('a leader that all know', async () => {
    const all = await Promise.all(servers.map(healthOf));
    leader = servers.find(({ id }) => all.every((health) => health.leader === id));
    return leader !== undefined;
  });
  if (leader === undefined) throw new Error('nobody leads');
  return leader;
}

async function membersOf(server: OutsideServer): Promise<readonly string[]> {
  const { voters, learners } = await healthOf(server);
  return [...[...voters].sort(), 'learners', ...learners];
}

export const MEMBER_ROWS: readonly Row[] = [
  [
    'two of three killed: what got no answer can be repeated later, and is there once',
    async (t, cluster) => {
      const { leader, followers } = await cluster.roles();
      const client = newKey();
      const headers = (number: number): Record<string, string> => ({
        'raft-client-id': client,
        'raft-request-number': String(number),
      });
      let attempts: readonly Attempt[] = [];
      try {
        const killed = Promise.all(followers.map(({ id }) => cluster.hands.kill(id)));
        attempts = await showStranded(t, leader, killed, headers);
        await showLeaderless(t, leader);
      } finally {
        await Promise.all(followers.map(({ id }) => cluster.hands.start(id)));
      }
      for (const [at, { key, answer }] of attempts.entries()) {
        if (answer.body.definite === true) continue;
        const again = { json: { value: 2 }, headers: headers(at + 1) };
        answers(t, await cluster.atLeader('POST', `/items/${key}`, again), 201);
        const { body } = await cluster.atLeader('GET', `/items/${key}`);
        t.true(body.value === 1 || answer.status !== 201, key);
      }
    },
  ],
  [
    'the leader is stopped: it hands over, and its clients go on elsewhere',
    async (t, cluster) => {
      const { leader: old, followers } = await cluster.roles();
      const key = newKey();
      await cluster.put(key, 1);
      await cluster.hands.stop(old.id);
      try {
        const next = await leaderOf(followers);
        answers(t, await next.call('GET', `/kv/get?key=${key}`), 200, { value: 1 });
        answers(t, await next.call('POST', '/kv/put', { json: { key, value: 2 } }), 200);
      } finally {
        await cluster.hands.start(old.id);
      }
      await cluster.roles();
      answers(t, await old.call('GET', `/items/${key}`), 200, { value: 2 });
    },
  ],
  [
    'all killed at once and started again: everything that was acknowledged is there',
    async (t, cluster) => {
      const keys = Array.from({ length: 20 }, newKey);
      await cluster.roles();
      const puts = await Promise.all(keys.map((key, value) => cluster.put(key, value)));
      t.true(puts.every(({ status }) => status === 200));
      const of = async (): Promise<unknown[]> =>
        Promise.all(
          cluster.servers.map(
            async ({ call }) => (await call('GET', '/debug/state')).body.incarnation,
          ),
        );
      const incarnations = await of();
      await Promise.all(cluster.servers.map(({ id }) => cluster.hands.kill(id)));
      await Promise.all(cluster.servers.map(({ id }) => cluster.hands.start(id)));
      await cluster.roles();
      t.deepEqual(await of(), incarnations);
      for (const [value, key] of keys.entries()) {
        answers(t, await cluster.atLeader('GET', `/kv/get?key=${key}`), 200, { value });
      }
    },
  ],
  [
    'POST /raft/join and /raft/leave: a fourth joins, leads, and leaves',
    async (t, cluster) => {
      const waiting = await cluster.other(cluster.hands.waitingUrl);
      const { leader } = await cluster.roles();
      const three = await membersOf(leader);
      const json = { peer: waiting.id };
      answers(t, await waiting.call('GET', '/health'), 200, { leader: null, voters: [] });
      answers(t, await waiting.call('GET', '/ready'), 503, { error: 'not_ready' });

      const nowhere = await leader.call('POST', '/raft/join', { json: { peer: NOWHERE } });
      answers(t, nowhere, 504, { error: 'catch_up_timeout' });
      const absent = await leader.call('POST', '/raft/leave', { json: { peer: NOWHERE } });
      answers(t, absent, 409, { error: 'not_member' });
      t.deepEqual(await membersOf(leader), three);

      const links = { [waiting.id]: { cut: true } };
      await leader.call('PUT', '/lab/faults', { json: { links } });
      const joining = leader.call('POST', '/raft/join', { json });
      await until('the join to be under way', async () => {
        const { learners, voters } = await healthOf(leader);
        return learners.length > 0 || voters.length > 3;
      });
      const other = { json: { peer: cluster.servers[0]?.id } };
      const second = await leader.call('POST', '/raft/leave', other);
      answers(t, second, 409, { error: 'change_in_progress' });
      answers(t, await joining, 504, { error: 'catch_up_timeout' });
      t.deepEqual(await membersOf(leader), three);
      await leader.call('PUT', '/lab/faults', { json: {} });

      for (const again of [false, true]) {
        const joined = await leader.call('POST', '/raft/join', { json });
        answers(t, joined, 200, { status: 'ok' });
        t.true((joined.body.peers as string[]).includes(waiting.id), `again: ${again}`);
        t.is((joined.body.peers as string[]).length, 4);
      }
      const key = newKey();
      await cluster.put(key, 1);
      answers(t, await waiting.call('GET', `/items/${key}`), 200, { value: 1 });

      const transferred = await leader.call('POST', '/raft/transfer', {
        json: { to: waiting.id },
      });
      answers(t, transferred, 200, { status: 'ok', leader: waiting.id });
      const left = await waiting.call('POST', '/raft/leave', { json });
      answers(t, left, 200, { status: 'ok' });
      t.deepEqual([...(left.body.peers as string[])].sort(), three.slice(0, 3));
      const { leader: next } = await cluster.roles();
      t.deepEqual(await membersOf(next), three);
      answers(t, await next.call('POST', '/raft/leave', { json }), 200, { status: 'ok' });
    },
  ],
];
