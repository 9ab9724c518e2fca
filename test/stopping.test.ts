/**
 * Shows what becomes of requests that are under way where a server is told to stop: each is
 * answered, as one that was surely not executed or as one of which nobody knows; the process ends
 * by itself, and with nothing lost that was acknowledged. Real processes.
 *
 *     npx ava test/stopping.test.ts
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts, LOOPBACK } from '../lab/processes/ports.ts';
import type { ProcessMember } from '../lab/processes/process-member.ts';
import { type Answered, ask } from '../lab/processes/requests.ts';
import { until } from './support/http-wait.ts';

/** Who leads is not to change by itself, and requests are not to end by themselves. */
const ENVIRONMENT = {
  ELECTION_TIMEOUT_MS: '4000-8000',
  REQUEST_TIMEOUT_MS: '60000',
  JOIN_TIMEOUT_MS: '60000',
  FORWARD: 'true',
};
/** To hand over, to answer and to close; a busy machine takes its time. */
const STOP_LIMIT_MS = 9000;

type Cluster = {
  readonly members: readonly ProcessMember[];
  readonly cluster: ProcessCluster;
};

async function started(
  t: ExecutionContext,
  size: number,
  more: Readonly<Record<string, string>> = {},
): Promise<Cluster> {
  const dataDir = mkdtempSync(join(tmpdir(), 'raft-stopping-'));
  const cluster = new ProcessCluster({ dataDir, environment: { ...ENVIRONMENT, ...more } });
  t.teardown(async () => {
    await cluster.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const members = cluster.addFirst(await freePorts(size));
  await Promise.all(members.map((member) => member.start()));
  return { members, cluster };
}

async function split({ members }: Cluster) {
  let leader: ProcessMember | undefined;
  await until('a leader that all are ready under', async () => {
    const health = await Promise.all(members.map(({ url }) => ask(`${url}/health`)));
    leader = members[health.findIndex((each) => each?.body.role === 'leader')];
    const ready = await Promise.all(members.map(({ url }) => ask(`${url}/ready`)));
    return leader !== undefined && ready.every((answer) => answer?.status === 200);
  });
  const found = leader as ProcessMember;
  return { leader: found, followers: members.filter((member) => member !== found) };
}

function put({ url }: ProcessMember, key: string): Promise<Answered | null> {
  return ask(`${url}/kv/put`, { body: { key, value: key }, limitMs: 30_000 });
}

function get({ url }: ProcessMember, key: string, more = ''): Promise<Answered | null> {
  return ask(`${url}/kv/get?key=${key}${more}`, { limitMs: 30_000 });
}

async function waiting({ url }: ProcessMember, count: number, gauge: string): Promise<void> {
  await until(`${count} requests to wait`, async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const [, value] = new RegExp(`^${gauge} (\\d+)$`, 'm').exec(metrics) ?? [];
    return Number(value) >= count;
  });
}

/** Told to stop, it does, in time and by itself. */
async function stops(t: ExecutionContext, member: ProcessMember): Promise<void> {
  const beganMs = performance.now();
  t.like(await member.stop(STOP_LIMIT_MS), { code: 0, signal: null });
  t.log(`stopped within ${Math.round(performance.now() - beganMs)} ms`);
}

/** A connection that has had an answer and is kept; resolves when it ends. */
async function keptAlive(t: ExecutionContext, { url }: ProcessMember): Promise<Promise<unknown>> {
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const asked = request(`${url}/health`, { agent }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const ended = once(asked.socket as Socket, 'close');
  await text(answer);
  return ended.then(() => ({ ended: true }));
}

/** With a change under way nothing is handed over. */
for (const leaves of [false, true]) {
  const what = leaves ? 'that has been told of a leave' : 'that would hand over';
  test(`at a leader without a majority ${what}: writes may yet happen, reads do not`, (t) =>
    stopsWithoutMajority(t, leaves));
}

async function stopsWithoutMajority(t: ExecutionContext, leaves: boolean): Promise<void> {
  const whole = await started(t, 3);
  const { leader, followers } = await split(whole);
  t.is((await put(leader, 'acknowledged'))?.status, 200);
  const kept = keptAlive(t, leader);
  for (const follower of followers) follower.pause();
  const late = await lateBody(leader);
  const writes = [put(leader, 'pending'), put(leader, 'pending too')];
  const reads = ['', '&consistency=log'].map((more) => get(leader, 'acknowledged', more));
  await waiting(leader, 4, 'requests_waiting');
  const gone = (followers[0] as ProcessMember).id;
  const left = leaves ? change(leader, 'leave', gone) : null;
  if (leaves)
    await until('it to be left out', async () => !(await votersAt(leader)).includes(gone));
  const stopped = stops(t, leader);
  const answer = await late.finish();
  await stopped;
  const unknown = { status: 503, body: { error: 'outcome_unknown', definite: false } };
  for (const write of await Promise.all(writes)) t.like(write, unknown);
  for (const read of await Promise.all(reads))
    t.like(read, { status: 503, body: { definite: true } });
  if (left !== null) t.like(await left, unknown);
  // Whose body came to its end only then was proposed to nobody.
  t.like(answer, { status: 503, body: { error: 'leader_unknown', definite: true } });
  await kept;
  for (const follower of followers) follower.resume();
  await leader.start();
  // Whoever was to leave may have left by now.
  const found = await anybody(whole, 'acknowledged');
  t.like(found, { status: 200, body: { value: 'acknowledged' } });
  t.like(await anybody(whole, 'late'), { status: 404 });
}

/** What the first says that can. */
async function anybody({ members }: Cluster, key: string): Promise<Answered> {
  let found: Answered | null | undefined;
  await until(`somebody to read ${key}`, async () => {
    const answers = members.map(({ url }) => ask(`${url}/kv/get?key=${key}`));
    found = (await Promise.all(answers)).find((each) => each !== null && each.status < 500);
    return (found ?? null) !== null && found?.body.error !== 'not_leader';
  });
  return found as Answered;
}

async function votersAt({ url }: ProcessMember): Promise<unknown[]> {
  const { voters } = (await ask(`${url}/health`))?.body ?? {};
  return Array.isArray(voters) ? voters : [];
}

type Late = { finish(): Promise<Answered> };

/** A write of which the end is sent once the server has begun to stop. */
async function lateBody({ url, port }: ProcessMember): Promise<Late> {
  const body = JSON.stringify({ key: 'late', value: 1 });
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const asked = request(`${url}/kv/put`, { method: 'POST', headers });
  asked.write(body.slice(0, 5));
  await once(asked, 'socket');
  return {
    finish: async () => {
      await until('it to listen no longer', () => listensNoMore(port));
      asked.end(body.slice(5));
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      return { status: answer.statusCode ?? 0, body: Object(await json(answer)) };
    },
  };
}

function listensNoMore(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, LOOPBACK);
    socket.once('error', () => resolve(true));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });
}

test('at a follower: what was forwarded may yet happen, and reads do not', async (t) => {
  const whole = await started(t, 3);
  const { leader, followers } = await split(whole);
  const [follower] = followers as [ProcessMember];
  t.is((await put(follower, 'acknowledged'))?.status, 200);
  leader.pause();
  const write = put(follower, 'pending');
  const read = get(follower, 'acknowledged');
  const own = get(follower, 'acknowledged', '&at=follower');
  await waiting(follower, 3, 'requests_forwarded_total');
  await waiting(follower, 1, 'requests_waiting');
  await stops(t, follower);
  t.like(await write, { status: 503, body: { error: 'outcome_unknown', definite: false } });
  for (const each of [read, own]) t.like(await each, { status: 503, body: { definite: true } });
  leader.resume();
  await follower.start();
  const { leader: next } = await split(whole);
  t.like(await get(next, 'acknowledged'), { status: 200, body: { value: 'acknowledged' } });
});

test('a join is answered: as not begun where its server was not found yet', async (t) => {
  const { leader } = await split(await started(t, 1));
  // It listens, and says nothing.
  const silent = createServer().listen(0, LOOPBACK);
  t.teardown(() => silent.close());
  await once(silent, 'listening');
  const knocked = once(silent, 'connection');
  const { port } = silent.address() as { port: number };
  const joined = change(leader, 'join', `${LOOPBACK}:${port}`);
  const [socket] = (await knocked) as [Socket];
  t.teardown(() => socket.destroy());
  await stops(t, leader);
  t.like(await joined, { status: 504, body: { error: 'catch_up_timeout', definite: true } });
});

test('a join is answered: as unknown where its server was being caught up', async (t) => {
  // So slow that it does not catch up before it is paused.
  const whole = await started(t, 1, { LINK: '{"delayMs":1000}' });
  const { leader } = await split(whole);
  const [port = 0] = await freePorts(1);
  const learner = whole.cluster.addWaiting(port);
  await learner.start();
  const joined = change(leader, 'join', learner.id);
  await until('it to be taken in as a learner', async () => {
    const { learners } = (await ask(`${leader.url}/health`))?.body ?? {};
    return Array.isArray(learners) && learners.includes(learner.id);
  });
  learner.pause();
  await stops(t, leader);
  t.like(await joined, { status: 503, body: { error: 'outcome_unknown', definite: false } });
});

test('while a snapshot is sent: who needs it gets it from the next leader', async (t) => {
  const whole = await started(t, 3, { SNAPSHOT_EVERY: '10', LINK: '{"delayMs":100}' });
  const { leader, followers } = await split(whole);
  const [behind] = followers as [ProcessMember];
  await behind.kill();
  const value = 'x'.repeat(100_000);
  for (let i = 0; i < 40; i++) {
    const answer = await ask(`${leader.url}/kv/put`, { body: { key: `k${i}`, value } });
    t.is(answer?.status, 200);
  }
  await behind.start();
  await until('a snapshot to be sent', async () => {
    const { progress } = (await ask(`${leader.url}/debug/state`))?.body ?? {};
    const to = (progress as { id: string; state: string }[]).find(({ id }) => id === behind.id);
    return to?.state === 'snapshot';
  });
  await stops(t, leader);
  await until('the last write to be read there', async () => {
    const read = await ask(`${behind.url}/kv/get?key=k39&consistency=stale`);
    return read?.body.value === value;
  });
});

function change({ url }: ProcessMember, how: string, peer: string): Promise<Answered | null> {
  return ask(`${url}/raft/${how}`, { body: { peer }, limitMs: 30_000 });
}
