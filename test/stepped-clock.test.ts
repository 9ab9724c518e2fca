/**
 * Shows that a wall clock that is stepped by an hour, ahead or back, changes nothing: who leads
 * leads on, sessions and requests last as long as before, and a lease ends when it should. Real
 * processes, whose `Date` is stepped while they run.
 *
 *     npx ava test/stepped-clock.test.ts
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts } from '../lab/processes/ports.ts';
import type { ProcessMember } from '../lab/processes/process-member.ts';
import { type Answered, ask } from '../lab/processes/requests.ts';
import { until } from './support/http-wait.ts';

const PRELOAD = join(import.meta.dirname, 'support', 'stepped-clock.mjs');
const HOUR_MS = 3_600_000;
const REQUEST_TIMEOUT_MS = 1000;
const ENVIRONMENT = {
  NODE_OPTIONS: `--import ${PRELOAD}`,
  // A busy machine is not to change the lead.
  ELECTION_TIMEOUT_MS: '4000-8000',
  REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS),
  FORWARD: 'true',
};

type Stepped = { readonly members: readonly ProcessMember[]; readonly file: string };

async function started(t: ExecutionContext): Promise<Stepped> {
  const dataDir = mkdtempSync(join(tmpdir(), 'raft-clock-'));
  const file = join(dataDir, 'clock');
  const cluster = new ProcessCluster({
    dataDir,
    environment: { ...ENVIRONMENT, STEPPED_CLOCK: file },
  });
  t.teardown(async () => {
    await cluster.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const members = cluster.addFirst(await freePorts(3));
  await Promise.all(members.map((member) => member.start()));
  return { members, file };
}

async function step(of: readonly ProcessMember[], file: string, aheadMs: number): Promise<void> {
  writeFileSync(file, String(aheadMs));
  for (const { pid } of of) process.kill(pid as number, 'SIGUSR2');
  const seen = `${file}.seen`;
  await until('clocks to be stepped', () => {
    const lines = existsSync(seen) ? readFileSync(seen, 'utf8').split('\n') : [];
    return of.every(({ pid }) => lines.includes(`${pid} ${aheadMs}`));
  });
}

async function leaderOf(members: readonly ProcessMember[]): Promise<ProcessMember> {
  let found: ProcessMember | undefined;
  await until('a leader that all are ready under', async () => {
    const roles = await Promise.all(members.map(async ({ url }) => ask(`${url}/health`)));
    found = members[roles.findIndex((health) => health?.body.role === 'leader')];
    const ready = await Promise.all(members.map(({ url }) => ask(`${url}/ready`)));
    return found !== undefined && ready.every((answer) => answer?.status === 200);
  });
  return found as ProcessMember;
}

function put({ url }: ProcessMember, key: string): Promise<Answered | null> {
  return ask(`${url}/kv/put`, { body: { key, value: 1 }, limitMs: 20_000 });
}

/** A write of a session; the same number again is the same write. */
async function putOnce({ url }: ProcessMember, session: string, number: number): Promise<unknown> {
  const answer = await fetch(`${url}/kv/put`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'raft-client-id': session,
      'raft-request-number': String(number),
    },
    body: JSON.stringify({ key: 'once', value: number }),
  });
  const { index } = Object(await answer.json());
  return { status: answer.status, index };
}

test('clocks that are stepped change nothing', async (t) => {
  const { members, file } = await started(t);
  const leader = await leaderOf(members);
  const followers = members.filter((member) => member !== leader);
  const { clientId } = Object((await ask(`${leader.url}/session`, { body: {} }))?.body);
  const before = await putOnce(leader, clientId, 1);
  t.like(before, { status: 200 });
  const health = await ask(`${leader.url}/health`);
  const term = health?.body.term;

  for (const aheadMs of [HOUR_MS, -HOUR_MS]) {
    await step(members, file, aheadMs);
    const shown = `${aheadMs} ms ahead`;
    for (const [i, member] of members.entries()) {
      // At followers it is forwarded.
      t.is((await put(member, `${aheadMs} ${i}`))?.status, 200, shown);
      t.like(await ask(`${member.url}/health`), { body: { term, leader: leader.id } }, shown);
      t.is((await ask(`${member.url}/ready`))?.status, 200, shown);
    }
    t.deepEqual(await putOnce(leader, clientId, 1), before, shown);
    const lease = await ask(`${leader.url}/kv/get?key=once&consistency=lease`);
    t.like(lease, { status: 200, body: { value: 1 } }, shown);
  }
  await waitsAsLong(t, leader, followers, file);
  for (const member of followers) member.resume();
  for (const member of members) t.like(await member.stop(), { code: 0, signal: null });
});

/** While nobody answers the leader: requests, the lease and the lead end by monotonic time. */
async function waitsAsLong(
  t: ExecutionContext,
  leader: ProcessMember,
  followers: readonly ProcessMember[],
  file: string,
): Promise<void> {
  await step([leader], file, 0);
  for (const member of followers) member.pause();
  // One after the other, both within the time that a leader goes on without a majority.
  for (const aheadMs of [HOUR_MS, -HOUR_MS]) {
    const sentMs = performance.now();
    const asked = put(leader, `nobody ${aheadMs}`);
    const waiting = async (): Promise<boolean> =>
      Number((await ask(`${leader.url}/debug/state`))?.body.requestsWaiting) > 0;
    await until('the request to wait', waiting);
    await step([leader], file, aheadMs);
    t.like(await asked, { status: 503, body: { error: 'no_quorum', definite: false } });
    const tookMs = performance.now() - sentMs;
    t.true(tookMs >= REQUEST_TIMEOUT_MS - 20, `answered after ${tookMs} ms`);
  }
  // What counts on a clock that was set back goes on for as long.
  await step([leader], file, -2 * HOUR_MS);
  const isOver = async (): Promise<boolean> => {
    const lease = await ask(`${leader.url}/kv/get?key=once&consistency=lease`, { limitMs: 5000 });
    const role = (await ask(`${leader.url}/health`))?.body.role;
    return lease !== null && lease.status !== 200 && role !== 'leader';
  };
  await until('lease and lead to be over', isOver);
}
