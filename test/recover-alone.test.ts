/**
 * Shows that a cluster whose majority is lost can go on from one disk: with all that this one
 * holds, as another cluster that the old one cannot disturb, whenever the command is killed; and
 * that the command refuses what it must not do. Real processes.
 *
 *     npx ava test/recover-alone.test.ts
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts } from '../lab/processes/ports.ts';
import type { ProcessMember } from '../lab/processes/process-member.ts';
import { type Answered, ask } from '../lab/processes/requests.ts';
import { until } from './support/http-wait.ts';

const MAIN = join(import.meta.dirname, '..', 'src', 'main.ts');
/** A snapshot with a log behind it; and elections that a busy machine does not disturb. */
const ENVIRONMENT = { SNAPSHOT_EVERY: '10', ELECTION_TIMEOUT_MS: '600-1200' };
const KEYS = Array.from({ length: 25 }, (_, i) => `key ${i}`);

type Three = readonly [ProcessMember, ProcessMember, ProcessMember];

async function threeOf(t: ExecutionContext): Promise<Three> {
  const dataDir = mkdtempSync(join(tmpdir(), 'recover-'));
  const cluster = new ProcessCluster({ dataDir, environment: ENVIRONMENT });
  t.teardown(async () => {
    await cluster.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return cluster.addFirst(await freePorts(3)) as unknown as Three;
}

type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** With `killAt`, it is killed as soon as it has said that. */
async function recoverAlone(
  { dataDir, id }: { readonly dataDir: string; readonly id: string },
  words: readonly string[] = [],
  killAt: string | null = null,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const env = { ...process.env, DATA_DIR: dataDir, NODE_ID: id, ...environment };
  const child = spawn(process.execPath, [MAIN, '--recover-alone', ...words], { env });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
    if (killAt !== null && said.stdout.includes(killAt)) child.kill('SIGKILL');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
  });
  const [status] = await once(child, 'close');
  return { status, ...said };
}

/** The answer of whoever of these leads, once one does. */
async function atLeader(
  members: readonly ProcessMember[],
  path: string,
  body?: Readonly<Record<string, unknown>>,
): Promise<Answered> {
  let found: Answered | null = null;
  await until(`${path} to be answered`, async () => {
    for (const { url } of members) {
      const options = { limitMs: 15_000, ...(body === undefined ? {} : { body }) };
      const answer = await ask(`${url}${path}`, options);
      const passes = answer?.status === 503 || answer?.body.error === 'not_leader';
      if (answer === null || passes) continue;
      found = answer;
      return true;
    }
    return false;
  });
  return found as unknown as Answered;
}

async function logSays(member: ProcessMember, what: string): Promise<void> {
  await until(`${what} in the log of ${member.id}`, () =>
    readFileSync(member.logFile, 'utf8').includes(what),
  );
}

test('from one disk of three: what it held is there, others join, and all serve', async (t) => {
  const members = await threeOf(t);
  const [left, second, third] = members;
  await Promise.all(members.map((member) => member.start()));
  for (const key of KEYS) {
    const written = await atLeader(members, '/kv/put', { key, value: key });
    t.is(written.status, 200, JSON.stringify(written.body));
  }
  // What an unlucky server does not hold is lost: this one is to hold everything.
  await until('it to hold everything', async () => {
    const last = KEYS.at(-1) ?? '';
    const read = await ask(`${left.url}/kv/get?key=${encodeURIComponent(last)}&consistency=stale`);
    return read?.status === 200;
  });
  t.not((await ask(`${left.url}/debug/state`))?.body.snapshot, null);
  await Promise.all([left.kill(), third.kill()]);

  // One that stands still answers nothing, and is no less there.
  for (const isPaused of [false, true]) {
    if (isPaused) second.pause();
    const early = await recoverAlone(left);
    t.is(early.status, 1, early.stdout);
    t.regex(early.stderr, new RegExp(`^nothing was changed.* listens at ${second.id};.*\n$`));
  }
  await second.kill();
  const kept = `${third.dataDir}-kept`;
  cpSync(third.dataDir, kept, { recursive: true });
  for (const member of [second, third]) member.wipe();
  for (const killAt of ['looks for the others', 'what this one holds', 'is the only voter']) {
    const killed = await recoverAlone(left, ['--cluster-id', 'lab-2'], killAt);
    t.true(killed.stdout.includes(killAt), killed.stderr);
  }
  const done = await recoverAlone(left, ['--cluster-id', 'lab-2']);
  t.is(done.status, 0, done.stderr);
  t.regex(done.stdout, new RegExp(`CLUSTER_ID=lab-2 NODE_ID=${left.id} npm run node`));

  await t.throwsAsync(left.start(), { message: /belongs to .* of cluster lab-2.*set them so/ });
  left.tell({ CLUSTER_ID: 'lab-2' });
  await left.start();
  for (const key of KEYS) {
    const read = await atLeader([left], `/kv/get?key=${encodeURIComponent(key)}`);
    t.deepEqual(read.body, { key, value: key });
  }
  t.like((await ask(`${left.url}/debug/state`))?.body, {
    voters: [left.id],
    recoveredFrom: 'raft-lab',
  });

  // An old disk that turns up is kept out.
  cpSync(kept, third.dataDir, { recursive: true });
  await third.start();
  await logSays(third, 'wrong_cluster');
  t.is((await ask(`${third.url}/ready`))?.status, 503);
  await third.kill();
  third.wipe();
  for (const member of [second, third]) {
    member.tell({ CLUSTER_ID: 'lab-2', JOIN: 'true' });
    await member.start();
    const joined = await atLeader([left, second], '/raft/join', { peer: member.id });
    t.is(joined.status, 200, JSON.stringify(joined.body));
  }
  await left.kill();
  t.is((await atLeader([second, third], '/kv/put', { key: 'new', value: 1 })).status, 200);
  const old = await atLeader([second, third], `/kv/get?key=${encodeURIComponent('key 0')}`);
  t.deepEqual(old.body, { key: 'key 0', value: 'key 0' });
  await left.start();
  await until('all to be ready', async () => (await ask(`${left.url}/ready`))?.status === 200);
});

test('an id is drawn where none is named, and a second time says the same', async (t) => {
  const [left] = await threeOf(t);
  await left.start();
  await left.kill();
  const idOf = ({ stdout }: Ended): string => /CLUSTER_ID=(\S+)/.exec(stdout)?.[1] ?? stdout;
  const first = await recoverAlone(left);
  t.is(first.status, 0, first.stderr);
  t.regex(idOf(first), /^raft-lab-recovered-[0-9a-f]{8}$/);
  t.regex(first.stdout, /is lost\n.*even entries that had not been committed\n/);
  // With what it was told of the cluster before, as after it.
  for (const environment of [{}, { CLUSTER_ID: 'raft-lab' }, { CLUSTER_ID: idOf(first) }]) {
    const again = await recoverAlone(left, [], null, environment);
    t.is(again.status, 0, again.stderr);
    t.is(idOf(again), idOf(first));
  }
});

test('what it must not do, it refuses in a line, with status 2', async (t) => {
  const [left, second] = await threeOf(t);
  const refused = async (
    message: RegExp,
    of: { dataDir: string; id: string },
    words: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<void> => {
    const ended = await recoverAlone(of, words, null, environment);
    t.is(ended.status, 2, ended.stdout + ended.stderr);
    t.regex(ended.stderr, message);
    t.is(ended.stderr.trim().split('\n').length, 1);
  };
  await refused(/^DATA_DIR got .*; allowed: the data directory of the server that is left/, left);
  await left.start();
  await refused(/another process has it open; stop that one/, left);
  await left.kill();
  await refused(/^NODE_ID got .*; allowed: /, { dataDir: left.dataDir, id: second.id });
  await refused(/^CLUSTER_ID got 'x'; allowed: raft-lab/, left, [], { CLUSTER_ID: 'x' });
  await refused(/^--cluster-id got 'raft-lab'; allowed: another/, left, [
    '--cluster-id',
    'raft-lab',
  ]);
  second.tell({ JOIN: 'true' });
  await second.start();
  await second.kill();
  await refused(/holds nothing to recover/, second);
  const directory = mkdtempSync(join(tmpdir(), 'recover-one-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const [one] = new ProcessCluster({ dataDir: directory }).addFirst(await freePorts(1));
  await one?.start();
  await one?.kill();
  if (one !== undefined) await refused(/is the only voter of cluster raft-lab; start it/, one);
});
