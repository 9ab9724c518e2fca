/**
 * Shows what a server does at its edges: how it goes, whom it takes for a member, and that a second
 * reading of it, which found most of these, is not forgotten. Real processes.
 *
 *     npx ava test/server.test.ts
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import sqlite3 from 'sqlite3';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts } from '../lab/processes/ports.ts';
import type { ProcessMember } from '../lab/processes/process-member.ts';
import { type Answered, ask } from '../lab/processes/requests.ts';
import { endText } from '../lab/processes/text.ts';
import { encodeUnit } from '../src/storage/records.ts';
import { until } from './support/http-wait.ts';

/** So that nobody takes over by itself while a test runs. */
const PATIENT = { ELECTION_TIMEOUT_MS: '3000-6000', HEARTBEAT_MS: '100' };
/** So that a busy machine does not change the lead at every step. */
const CALM = { ELECTION_TIMEOUT_MS: '600-1200' };

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

/** What whoever leads says to it in the end: on a busy machine the lead may change meanwhile. */
async function atLeader(
  members: readonly ProcessMember[],
  path: string,
  peer: string,
): Promise<Answered> {
  let found: Answered | null = null;
  await until(`an answer to ${path} of ${peer}`, async () => {
    const { url } = await leaderOf(members);
    found = await ask(`${url}${path}`, { body: { peer }, limitMs: 15_000 });
    return found !== null && found.status !== 503 && found.body.error !== 'not_leader';
  });
  return found as unknown as Answered;
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

test('removed while it was down: /ready and the log say so and what to do', async (t) => {
  const members = clusterOf(t, await freePorts(3), CALM);
  await Promise.all(members.map((member) => member.start()));
  const leader = await leaderOf(members);
  const [gone, other] = members.filter((member) => member !== leader) as [
    ProcessMember,
    ProcessMember,
  ];
  await gone.kill();
  const rest = [leader, other];
  t.like(await atLeader(rest, '/raft/leave', gone.id), { status: 200 });
  await gone.start();
  const removed = /it was removed from the cluster, says .*; stop this server; .*\/raft\/join/;
  await until('/ready to say so', async () => {
    const ready = await ask(`${gone.url}/ready`);
    return ready?.status === 503 && removed.test(String(ready.body.message));
  });
  const message = String((await ask(`${gone.url}/ready`))?.body.message);
  for (const { id } of rest) t.true(message.includes(id), message);
  t.is((await ask(`${gone.url}/health`))?.status, 200);
  const warnings = (): string[] =>
    readFileSync(gone.logFile, 'utf8')
      .split('\n')
      .filter((line) => line.includes('removed from the cluster'));
  t.is(warnings().length, 1);
  t.regex(warnings()[0] ?? '', /"level":"warn".*clear its data directory.*POST \/raft\/join/);
  // It is told, and no more: it goes on as before, and joined again it is a member like any other.
  await until('it to ask for votes', async () => (await roleOf(gone)) === 'preCandidate');
  t.like(await atLeader(rest, '/raft/join', gone.id), { status: 200 });
  await until('it to be ready', async () => (await ask(`${gone.url}/ready`))?.status === 200);
  t.is((await ask(`${gone.url}/debug/state`))?.body.removed, null);
  t.is(warnings().length, 1);
});

test('a leave is refused where the name is no member, and repeated where it was one', async (t) => {
  const members = clusterOf(t, await freePorts(3), CALM);
  await Promise.all(members.map((member) => member.start()));
  const leave = (peer: string): Promise<Answered> => atLeader(members, '/raft/leave', peer);
  const leader = await leaderOf(members);
  const gone = members.find((member) => member !== leader) as ProcessMember;
  for (const peer of [`localhost:${gone.port}`, '127.0.0.1:1']) {
    const answer = await leave(peer);
    t.like(answer, { status: 409, body: { error: 'not_member' } }, peer);
    for (const { id } of members) t.true(String(answer.body.message).includes(id), peer);
  }
  t.like(await ask(`${leader.url}/health`), { body: { voters: { length: 3 } } });
  for (let attempt = 0; attempt < 2; attempt++) t.is((await leave(gone.id)).status, 200);
  // Whoever leads later, and whatever it has read back from its disk.
  for (const member of members.filter((each) => each !== gone)) {
    await member.kill();
    await member.start();
  }
  t.is((await leave(gone.id)).status, 200);
  t.is((await leave(`localhost:${gone.port}`)).status, 409);
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

// ---- Its data directory -------------------------------------------------------------------------

/** A server of one, which has acknowledged a write. */
async function written(t: ExecutionContext): Promise<ProcessMember> {
  const [member] = clusterOf(t, await freePorts(1));
  if (member === undefined) throw new Error('a server was asked for');
  await member.start();
  const put = { body: { key: 'a', value: 1 } };
  await until('a write', async () => (await ask(`${member.url}/kv/put`, put))?.status === 200);
  return member;
}

test.serial(
  'a server whose data directory is removed says so, ends, and does not begin anew',
  async (t) => {
    const member = await written(t);
    rmSync(member.dataDir, { recursive: true });
    const ended = await member.exited;
    t.is(ended.code, 4);
    const says =
      /raft\.sqlite was removed while its server ran, so nothing is acknowledged any more; /;
    t.regex(member.lastWords, says);
    t.regex(endText(member, ended), /ended with status 4; .*nothing is acknowledged any more/);
    t.notRegex(endText(member, ended), /again:/);
    for (let attempt = 0; attempt < 2; attempt++) {
      await t.throwsAsync(() => member.start(), {
        message: /was removed .*lost\); move back what/,
      });
      t.is((await member.exited).code, 4);
    }
    member.wipe();
    await member.start();
    t.regex(
      readFileSync(member.logFile, 'utf8'),
      /the data directory is blank: this is a first start/,
    );
  },
);

test.serial(
  'a server whose directory was moved goes on with all when it is moved back',
  async (t) => {
    const member = await written(t);
    const moved = `${member.dataDir}.moved`;
    renameSync(member.dataDir, moved);
    t.is((await member.exited).code, 4);
    rmSync(member.dataDir, { recursive: true });
    renameSync(moved, member.dataDir);
    await member.start();
    await until('it to be ready', async () => (await ask(`${member.url}/ready`))?.status === 200);
    const read = await ask(`${member.url}/kv/get?key=a`);
    t.like(read, { status: 200, body: { value: 1 } });
  },
);

function runSql(file: string, sql: string, values: readonly unknown[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(file);
    database.run(sql, values, (error) => {
      if (error !== null) reject(error);
    });
    database.close((error) => (error === null ? resolve() : reject(error)));
  });
}

/** How a server that is started on what it cannot go on with ends: its last words. */
async function endedByData(t: ExecutionContext, member: ProcessMember): Promise<string> {
  await t.throwsAsync(() => member.start());
  const ended = await member.exited;
  t.is(ended.code, 3);
  t.regex(member.lastWords, /^[^\n]+$/, 'one line');
  t.regex(member.lastWords, /; run the version .*, or remove this server from the cluster, clear /);
  t.notRegex(endText(member, ended), /again:/);
  return member.lastWords;
}

test.serial(
  'a server that has an entry that it cannot execute names it, and ends with 3',
  async (t) => {
    const member = await written(t);
    const health = await ask(`${member.url}/health`);
    const index = Number(health?.body.lastLogIndex) + 1;
    const term = Number(health?.body.term);
    await member.stop();
    const entry = {
      index,
      term,
      kind: 'command',
      command: Buffer.alloc(9, 7),
    } as const;
    const change = { termAndVote: null, truncateFrom: null, entries: [entry], compactTo: null };
    const file = join(member.dataDir, 'raft.sqlite');
    // Units are counted without gaps; this server has compacted none.
    const sequence = await unitsIn(file);
    const bytes = Buffer.from(encodeUnit({ sequence: sequence + 1, changes: [change] }, crc32));
    await runSql(file, 'INSERT INTO unit VALUES (?, ?)', [sequence + 1, bytes]);
    const words = await endedByData(t, member);
    const which = `entry ${index}, term ${term}, in record ${sequence + 1}`;
    t.true(words.includes(`raft.sqlite: ${which}, cannot be executed (`), words);
  },
);

function unitsIn(file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(file);
    database.get<{ last: number }>('SELECT max(sequence) AS last FROM unit', (error, row) => {
      if (error === null) resolve(row.last);
      else reject(error);
    });
    database.close();
  });
}

test.serial('a server whose snapshot does not restore names it, and ends with 3', async (t) => {
  const member = await written(t);
  await member.stop();
  const file = join(member.dataDir, 'raft.sqlite');
  const slice = Buffer.alloc(8, 1);
  const configuration = { voters: [member.id], outgoing: [], learners: [] };
  const meta = JSON.stringify({ index: 2, term: 1, configuration: { index: 0, configuration } });
  await runSql(file, 'INSERT INTO snapshot_slice VALUES (1, 0, ?, ?)', [slice, crc32(slice)]);
  const checksum = crc32(`1 8 ${meta}`);
  await runSql(file, 'INSERT INTO snapshot VALUES (1, ?, 8, 2, ?)', [meta, checksum]);
  t.regex(
    await endedByData(t, member),
    /raft\.sqlite: the snapshot of entry 2 cannot be restored \(a snapshot's end: .*\); run the/,
  );
});

test.serial('a server without its note of what it acknowledged is refused, with 3', async (t) => {
  const member = await written(t);
  await member.stop();
  rmSync(join(member.dataDir, 'acknowledged'));
  const says = /acknowledged is missing, beside a database in use; .* remove it from the cluster, /;
  await t.throwsAsync(() => member.start(), { message: says });
  t.is((await member.exited).code, 3);
});
