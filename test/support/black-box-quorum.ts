/** Rows of the contract about a leader without a quorum, cut off by settings of links. */
import type { ExecutionContext } from 'ava';
import { type BlackBoxCluster, healthOf, type OutsideServer } from './black-box-cluster.ts';
import { answers, newKey, type Row } from './black-box-row.ts';
import type { Answer } from './http-caller.ts';
import { until } from './http-wait.ts';

const INDEFINITE = ['no_quorum', 'outcome_unknown'];

export type Attempt = { readonly key: string; readonly answer: Answer };

/**
 * Of a leader that loses its quorum while `losing`, or has lost it: a read, and writes, each with
 * its number, until it leads no more. What it was asked afterwards is definite, and nothing that
 * the quorum may have missed is.
 */
export async function showStranded(
  t: ExecutionContext,
  leader: OutsideServer,
  losing: Promise<unknown> = Promise.resolve(),
  headers: (number: number) => Record<string, string> = () => ({}),
): Promise<readonly Attempt[]> {
  const attempts: Promise<Attempt>[] = [];
  const attempt = async (): Promise<Attempt> => {
    const key = newKey();
    const options = { json: { value: 1 }, headers: headers(attempts.length + 1) };
    return { key, answer: await leader.call('POST', `/items/${key}`, options) };
  };
  const read = leader.call('GET', `/kv/get?key=${newKey()}`);
  await until('the leader to step down', async () => {
    attempts.push(attempt());
    return (await healthOf(leader)).leader === null;
  });
  await losing;
  const made = await Promise.all(attempts);
  for (const { answer } of made) {
    if (answer.status === 201) continue;
    const { error } = answer.body;
    t.is(answer.status, 503, answer.text);
    t.true(error === 'leader_unknown' || INDEFINITE.includes(String(error)), answer.text);
    t.is(answer.body.definite, error === 'leader_unknown', answer.text);
  }
  t.true(made.some(({ answer }) => INDEFINITE.includes(String(answer.body.error))));
  const { status, body, text } = await read;
  t.true(status === 404 || (status === 503 && body.definite === true), text);
  return made;
}

/** Of a server that knows no leader. */
export async function showLeaderless(t: ExecutionContext, { call }: OutsideServer): Promise<void> {
  const unknown = { error: 'leader_unknown', definite: true };
  const json = { key: 'a', value: 1, expected: 1, desired: 2, peer: 'node9:1', to: 'node9:1' };
  for (const [method, path] of [
    ['POST', '/kv/put'],
    ['POST', '/kv/cas'],
    ['DELETE', '/kv/delete'],
    ['POST', '/items/a'],
    ['PUT', '/items/a'],
    ['DELETE', '/items/a'],
    ['PUT', '/items/a/cas'],
    ['POST', '/session'],
    ['POST', '/raft/join'],
    ['POST', '/raft/leave'],
    ['POST', '/raft/transfer'],
  ] as const) {
    answers(t, await call(method, path, { json }), 503, unknown);
  }
  answers(t, await call('GET', '/kv/get?key=a'), 503, unknown);
  answers(t, await call('GET', '/health'), 200, { status: 'ok', leader: null });
  answers(t, await call('GET', '/ready'), 503, { error: 'not_ready' });
  answers(t, await call('GET', '/debug/state'), 200);
  t.is((await call('GET', '/metrics')).status, 200);
  const stale = newKey();
  answers(t, await call('GET', `/kv/get?key=${stale}&consistency=stale`), 404);
  answers(t, await call('GET', `/items/${stale}?consistency=stale`), 404);
}

async function heal(cluster: BlackBoxCluster): Promise<void> {
  await Promise.all(cluster.servers.map(({ call }) => call('PUT', '/lab/faults', { json: {} })));
}

export const QUORUM_ROWS: readonly Row[] = [
  [
    'a leader that is cut off acknowledges nothing and steps down, while the others go on',
    async (t, cluster) => {
      const { leader: old, followers } = await cluster.roles();
      const key = newKey();
      try {
        const towards = { links: { [old.id]: { cut: true } } };
        for (const { call } of followers) await call('PUT', '/lab/faults', { json: towards });
        await old.call('PUT', '/lab/faults', { json: { default: { cut: true } } });
        for (const { answer } of await showStranded(t, old)) t.is(answer.status, 503);
        await showLeaderless(t, old);
        let next: OutsideServer | undefined;
        await until('the others to have a leader', async () => {
          const all = await Promise.all(followers.map(healthOf));
          next = followers.find((_, at) => all[at]?.role === 'leader');
          return next !== undefined;
        });
        const put = await next?.call('POST', '/kv/put', { json: { key, value: 'majority' } });
        t.is(put?.status, 200, put?.text);
      } finally {
        await heal(cluster);
      }
      await cluster.roles();
      answers(t, await old.call('GET', `/items/${key}`), 200, { value: 'majority' });
      answers(t, await cluster.put(key, 2), 200);
    },
  ],
];
