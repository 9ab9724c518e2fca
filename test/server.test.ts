/**
 * Shows what a server does at its edges: how it goes, whom it takes for a member, and that a second
 * reading of it, which found most of these, is not forgotten. Real processes.
 *
 *     npx ava test/server.test.ts
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts } from '../lab/processes/ports.ts';
import type { ProcessMember } from '../lab/processes/process-member.ts';
import { ask } from '../lab/processes/requests.ts';
import { until } from './support/http-wait.ts';

/** So that nobody takes over by itself while a test runs. */
const PATIENT = { ELECTION_TIMEOUT_MS: '3000-6000', HEARTBEAT_MS: '100' };

function clusterOf(
  t: ExecutionContext,
  ports: readonly number[],
  environment: Readonly<Record<string, string>> = {},
): readonly ProcessMember[] {
  const dataDir = mkdtempSync(join(tmpdir(), 'raft-server-'));
  const cluster = new ProcessCluster({ dataDir, environment });
  t.teardown(async () => {
    await cluster.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return cluster.addFirst(ports);
}

async function roleOf({ url }: ProcessMember): Promise<unknown> {
  return (await ask(`${url}/health`))?.body.role;
}

async function leaderOf(members: readonly ProcessMember[]): Promise<ProcessMember> {
  let found: ProcessMember | undefined;
  await until('a leader', async () => {
    const roles = await Promise.all(members.map(roleOf));
    found = members[roles.indexOf('leader')];
    return found !== undefined;
  });
  return found as ProcessMember;
}

test('a leader that is stopped has another take over, before anybody misses it', async (t) => {
  const members = clusterOf(t, await freePorts(3), PATIENT);
  await Promise.all(members.map((member) => member.start()));
  const leader = await leaderOf(members);
  const put = { body: { key: 'a', value: 1 } };
  await until('a write', async () => (await ask(`${leader.url}/kv/put`, put))?.status === 200);
  const stoppedMs = performance.now();
  t.like(await leader.stop(), { code: 0, signal: null });
  await leaderOf(members.filter((member) => member !== leader));
  const tookMs = performance.now() - stoppedMs;
  t.true(tookMs < 3000, `a new leader after ${tookMs} ms, and an election takes at least 3000`);
});

test('a member of another cluster is not let in, even one of the same name', async (t) => {
  const [here, there] = [clusterOf(t, await freePorts(1)), clusterOf(t, await freePorts(1))];
  await Promise.all([...here, ...there].map((member) => member.start()));
  const [leader, other] = [await leaderOf(here), await leaderOf(there)];
  for (let attempt = 0; attempt < 2; attempt++) {
    const joined = await ask(`${leader.url}/raft/join`, { body: { peer: other.id } });
    t.like(joined, { status: 409, body: { error: 'not_waiting' } });
  }
  const health = await ask(`${leader.url}/health`);
  t.deepEqual(health?.body.voters, [leader.id]);
});

test('first members that were told of different others do not make a cluster', async (t) => {
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  // Two that together are a majority of what each of them was told.
  const [first] = clusterOf(t, [a, b]);
  const [second] = clusterOf(t, [b, a, c]);
  if (first === undefined || second === undefined) throw new Error('two servers were asked for');
  await Promise.all([first.start(), second.start()]);
  const members = [first, second];
  for (const { logFile } of members) {
    await until('it is refused', () => readFileSync(logFile, 'utf8').includes('wrong_members'));
  }
  for (const { url } of members) {
    t.is((await ask(`${url}/ready`))?.status, 503);
    t.is((await ask(`${url}/health`))?.body.term, 0);
  }
});

test('a request that offers another protocol is answered in this one', async (t) => {
  const [member] = clusterOf(t, await freePorts(1));
  if (member === undefined) throw new Error('a server was asked for');
  await member.start();
  // As `curl --http2` does.
  const offer = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMA' };
  const asked = get(`${member.url}/health`, { headers: offer });
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  t.is(answer.statusCode, 200);
  t.like(await json(answer), { status: 'ok', id: member.id });
});
