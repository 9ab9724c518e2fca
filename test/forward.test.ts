/**
 * Shows that servers behind one address serve whatever comes in by it: a server that does not lead
 * asks the leader, once, and its answer, its errors and exactly-once headers are those of the
 * leader; and that without forwarding nobody is sent round in a circle. Real processes.
 *
 *     npx ava test/forward.test.ts
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts } from '../lab/processes/ports.ts';
import type { ProcessMember } from '../lab/processes/process-member.ts';
import { ask } from '../lab/processes/requests.ts';
import { type Answer, type Call, createCaller } from './support/http-caller.ts';
import { until } from './support/http-wait.ts';
import { roundRobin } from './support/round-robin.ts';

/** A busy machine is not to change who leads while a test runs. */
const PATIENT = {
  ELECTION_TIMEOUT_MS: '3000-6000',
  HEARTBEAT_MS: '100',
  REQUEST_TIMEOUT_MS: '10000',
  FAULTS: 'true',
};
const HAS_CURL = spawnSync('curl', ['--version']).status === 0;
const WRITES = 100;
const MIB = 2 ** 20;

type Roles = {
  readonly leader: ProcessMember;
  readonly followers: readonly [ProcessMember, ProcessMember];
};

type Scene = Roles & {
  /** What everybody calls all of the servers. */
  readonly url: string;
  readonly members: readonly ProcessMember[];
};

async function rolesOf(members: readonly ProcessMember[]): Promise<Roles> {
  let roles: Roles | null = null;
  await until('a leader that all follow', async () => {
    const all = await Promise.all(members.map(({ url }) => ask(`${url}/health`)));
    const at = all.findIndex((health) => health?.body.role === 'leader');
    const leader = members[at];
    const [first, second] = members.filter((_, i) => i !== at);
    if (leader === undefined || first === undefined || second === undefined) return false;
    roles = { leader, followers: [first, second] };
    return all.every((health) => health?.body.leader === leader.id);
  });
  return roles as unknown as Roles;
}

/** What is to be done when all tests have ended, the last first. */
const ends: (() => void | Promise<void>)[] = [];

/** The port of a balancer before those of servers. */
async function balancerOf(ports: readonly number[]): Promise<number> {
  const { port, close } = await roundRobin(ports);
  ends.push(close);
  return port;
}

async function sceneOf(environment: Readonly<Record<string, string>>): Promise<Scene> {
  const ports = await freePorts(3);
  const url = `http://localhost:${await balancerOf(ports)}`;
  const dataDir = mkdtempSync(join(tmpdir(), 'raft-forward-'));
  const cluster = new ProcessCluster({
    dataDir,
    environment: { ...PATIENT, PUBLIC_URL: url, ...environment },
  });
  ends.push(async () => {
    await cluster.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const members = cluster.addFirst(ports);
  await cluster.start();
  return { url, members, ...(await rolesOf(members)) };
}

type Curled = { readonly status: number; readonly redirects: number; readonly text: string };

/** As a person types it: `-L` follows redirects. */
async function curl(...words: readonly string[]): Promise<Curled> {
  const format = '\n%{http_code} %{num_redirects}';
  const options = ['--silent', '-L', '--max-time', '30', '--write-out', format];
  const { stdout } = await promisify(execFile)('curl', [...options, ...words]);
  const [, text = '', status, redirects] = /^([\s\S]*)\n(\d+) (\d+)$/.exec(stdout) ?? [];
  return { status: Number(status), redirects: Number(redirects), text };
}

function withJson(json: unknown): readonly string[] {
  return ['-H', 'Content-Type: application/json', '-d', JSON.stringify(json)];
}

async function metric({ url }: ProcessMember, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const [, value] = new RegExp(`^${name} (\\d+)$`, 'm').exec(text) ?? [];
  if (value === undefined) throw new Error(`there is no metric ${name}`);
  return Number(value);
}

async function total(members: readonly ProcessMember[], name: string): Promise<number> {
  const all = await Promise.all(members.map((member) => metric(member, name)));
  return all.reduce((sum, value) => sum + value, 0);
}

function like(t: ExecutionContext, { status, body, text }: Answer, expected: object): void {
  t.like({ ...body, status }, expected, text.slice(0, 300));
}

async function callers(...members: readonly ProcessMember[]): Promise<Call[]> {
  return Promise.all(members.map(({ url }) => createCaller(url)));
}

function setFaults(call: Call, faults: object): Promise<Answer> {
  return call('PUT', '/lab/faults', { json: { default: faults } });
}

// ---- Behind a balancer --------------------------------------------------------------------------

/** Told to forward; the last test ends its leader. */
let scene: Scene;

test.before(async () => {
  scene = await sceneOf({ FORWARD: 'on' });
});

test.after.always(async () => {
  for (const end of ends.reverse()) await end();
});

test.serial('FORWARD=on: every call through one address of a balancer is served', async (t) => {
  if (!HAS_CURL) return t.fail('curl is missing: this test shows what it does; install it');
  const { url, members, leader, followers } = scene;
  const served: number[] = [];
  for (let i = 0; i < WRITES; i++) {
    const { status, redirects, text } =
      i % 2 === 0
        ? await curl(`${url}/items/item${i}`, ...withJson({ value: i }))
        : await curl(`${url}/kv/put`, ...withJson({ key: `item${i}`, value: i }));
    if (status === (i % 2 === 0 ? 201 : 200)) served.push(i);
    else t.log(text);
    t.is(redirects, 0);
  }
  t.is(served.length, WRITES, `of ${WRITES} writes`);
  // Two of three connections come to a server that does not lead.
  const forwards = await total(followers, 'requests_forwarded_total');
  t.true(forwards >= WRITES / 2);
  t.is(await metric(leader, 'requests_served_for_others_total'), forwards);
  t.is(await total(members, 'requests_forwarded_unanswered_total'), 0);
  for (const query of ['', '&consistency=lease', '&consistency=log', '&at=follower']) {
    for (let i = 0; i < 6; i++) {
      const { status, text } = await curl(`${url}/kv/get?key=item${i}${query}`);
      t.is(status, 200, text);
      t.deepEqual(JSON.parse(text), { key: `item${i}`, value: i });
    }
  }
  for (let i = 0; i < 3; i++) t.is((await curl('-X', 'POST', `${url}/session`)).status, 201);
  // A port that was forwarded to one server: nobody there knows what the client calls it.
  const port = await balancerOf([followers[0].port]);
  const forwarded = await curl('-X', 'DELETE', `http://127.0.0.1:${port}/items/item0`);
  t.like(forwarded, { status: 200, redirects: 0 });
});

test.serial(
  'without FORWARD a redirect back to the same URL is answered within one hop',
  async (t) => {
    if (!HAS_CURL) return t.fail('curl is missing: this test shows what it does; install it');
    const { url, leader, followers } = await sceneOf({});
    const statuses = new Map<number, number>();
    for (let i = 0; i < 30; i++) {
      const { status, redirects, text } = await curl(
        `${url}/items/item${i}`,
        ...withJson({ value: i }),
      );
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      t.is(redirects, 0, text);
      if (status === 201) continue;
      const named = { error: 'not_leader', leader: leader.id, leaderUrl: url, definite: true };
      t.like(JSON.parse(text), named);
    }
    t.deepEqual(statuses, new Map([...statuses.keys()].map((s) => [s, s === 409 ? 20 : 10])));
    // Whoever came by another name is sent on as ever, and who asks for it is served.
    const [follower] = followers;
    const inside = await curl(`${follower.url}/items/inside`, ...withJson({ value: 1 }));
    t.like(inside, { status: 201, redirects: 1 });
    for (const said of ['true', 'on']) {
      const { status, redirects } = await curl(
        `${follower.url}/items/${said}`,
        ...['-H', `Raft-Forward: ${said}`],
        ...withJson({ value: 1 }),
      );
      t.like({ status, redirects }, { status: 201, redirects: 0 });
    }
    t.is(await metric(follower, 'requests_forwarded_total'), 2);
  },
);

// ---- The leader's answers -----------------------------------------------------------------------

test.serial("a forwarded request has the leader's answer, whatever it is", async (t) => {
  const { leader, followers } = scene;
  const [call, other] = (await callers(...followers)) as [Call, Call];
  const put = await call('POST', '/kv/put', { json: { key: 'a', value: { b: [1, 'ü'] } } });
  like(t, put, { status: 200, key: 'a', value: { b: [1, 'ü'] } });
  const health = await ask(`${leader.url}/health`);
  t.is(put.body.term, health?.body.term);
  t.true(Number(put.body.index) > 0 && Number(put.body.index) <= Number(health?.body.commitIndex));
  like(t, await other('GET', '/kv/get?key=a'), { status: 200, value: { b: [1, 'ü'] } });
  like(t, await call('GET', '/kv/get?key=none'), { status: 404, error: 'key_not_found' });
  const cas = { key: 'a', expected: 1, desired: 2 };
  like(t, await call('POST', '/kv/cas', { json: cas }), { status: 409, error: 'cas_mismatch' });
  like(t, await call('PUT', '/items/none', { json: { value: 1 } }), { status: 404 });
  like(t, await call('DELETE', '/kv/delete?key=a'), { status: 200, existed: true });
  like(t, await call('DELETE', '/kv/delete?key=a'), { status: 200, existed: false });
  // What a request says goes before what the server was told.
  const headers = { 'raft-forward': 'false' };
  const named = { status: 409, error: 'not_leader', leader: leader.id };
  like(t, await call('GET', '/kv/get?key=a', { headers }), named);
  // What only an operator asks for goes to the leader itself.
  like(t, await call('POST', '/raft/leave', { json: { peer: leader.id } }), named);
  const maybe = await call('GET', '/kv/get?key=a', { headers: { 'raft-forward': 'maybe' } });
  like(t, maybe, { status: 400, error: 'invalid_raft_forward' });
});

test.serial('values of 1 MiB pass, several at a time', async (t) => {
  const { followers } = scene;
  const [call, other] = (await callers(...followers)) as [Call, Call];
  const values = Array.from({ length: 4 }, (_, i) => String(i).repeat(MIB - 2));
  const puts = values.map((value, i) =>
    call('POST', '/kv/put', { json: { key: `large${i}`, value } }),
  );
  for (const { status, text } of await Promise.all(puts)) t.is(status, 200, text.slice(0, 300));
  const gets = values.map((_, i) => other('GET', `/kv/get?key=large${i}`));
  for (const [i, { status, body }] of (await Promise.all(gets)).entries()) {
    t.is(status, 200);
    t.true(body.value === values[i]);
  }
  const json = { expected: values[1], desired: values[2] };
  const mismatch = await call('PUT', '/items/large0/cas', { json });
  t.is(mismatch.status, 412);
  t.true(mismatch.body.actual === values[0]);
});

test.serial('exactly once holds whichever server is asked', async (t) => {
  const { leader, followers } = scene;
  const all = await callers(...followers, leader);
  const [call] = all as [Call];
  const { body } = await call('POST', '/session');
  t.regex(String(body.clientId), /^\d{16}$/);
  for (const client of [String(body.clientId), 'a-name-of-my-own']) {
    const send = (to: Call, number: number, key: string, lowest = 1): Promise<Answer> => {
      const headers = {
        'raft-client-id': client,
        'raft-request-number': String(number),
        'raft-lowest-pending': String(lowest),
      };
      return to('POST', `/items/${client}-${key}`, { headers, json: { value: number } });
    };
    for (const to of all) like(t, await send(to, 1, 'a'), { status: 201 });
    for (const to of all) like(t, await send(to, 2, 'a'), { status: 409, value: 1 });
    like(t, await send(call, 3, 'b', 3), { status: 201 });
    const stale = { status: 409, error: 'stale_request', definite: false };
    for (const to of all) like(t, await send(to, 1, 'a'), stale);
  }
  const headers = { 'raft-client-id': '4503599627999999', 'raft-request-number': '1' };
  const expired = await call('POST', '/items/c', { headers, json: { value: 1 } });
  like(t, expired, { status: 410, error: 'session_expired', definite: true });
});

test.serial('a link that duplicates what it carries has no write executed twice', async (t) => {
  const { leader, followers } = scene;
  const [call, atLeader] = (await callers(followers[0], leader)) as [Call, Call];
  await setFaults(call, { duplicate: 1 });
  await setFaults(atLeader, { duplicate: 1 });
  const before = await metric(leader, 'requests_served_for_others_total');
  for (let i = 0; i < 20; i++) {
    like(t, await call('POST', `/items/twice${i}`, { json: { value: i } }), { status: 201 });
  }
  await setFaults(call, {});
  await setFaults(atLeader, {});
  t.is(await metric(leader, 'requests_served_for_others_total'), before + 20);
});

// ---- What may have happened ---------------------------------------------------------------------

test.serial('a write whose answer does not come is indefinite, a read is not', async (t) => {
  const { followers } = scene;
  const [call] = (await callers(followers[0])) as [Call];
  const unanswered = (): Promise<number> =>
    metric(followers[0], 'requests_forwarded_unanswered_total');
  const before = await unanswered();
  await setFaults(call, { cut: true });
  const [write, read] = await Promise.all([
    call('POST', '/items/cut', { json: { value: 1 } }),
    call('GET', '/kv/get?key=cut'),
  ]);
  await setFaults(call, {});
  like(t, write, { status: 503, error: 'no_quorum', definite: false });
  like(t, read, { status: 503, error: 'no_quorum', definite: true });
  t.is(await unanswered(), before + 2);
});

test.serial('the leader is lost: indefinite if it was asked, definite if it was not', async (t) => {
  const { leader, followers } = scene;
  const [call, other] = (await callers(...followers)) as [Call, Call];
  const headers = { 'raft-client-id': 'patient', 'raft-request-number': '1' };
  const send = (to: Call): Promise<Answer> =>
    to('POST', '/items/once', { headers, json: { value: 1 } });
  leader.pause();
  // Asked, and silent: the connection is given up before anybody's time is.
  const asked = send(call);
  like(t, await asked, { status: 503, error: 'outcome_unknown', definite: false });
  await leader.kill();
  let unasked = await call('GET', '/kv/get?key=a');
  await until('nobody to ask', async () => {
    unasked = await call('GET', '/kv/get?key=a');
    return unasked.body.error === 'not_leader' || unasked.body.error === 'leader_unknown';
  });
  like(t, unasked, { definite: true });
  // Repeated under its number, it takes effect once.
  await until('it is served', async () => (await send(other)).status === 201);
  like(t, await send(call), { status: 201 });
  like(t, await other('GET', '/kv/get?key=once'), { status: 200, value: 1 });
});
