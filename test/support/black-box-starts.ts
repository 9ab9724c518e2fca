/** Rows for processes only: how a server starts, or why it does not. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ProcessCluster } from '../../lab/processes/cluster-processes.ts';
import { freePorts } from '../../lab/processes/ports.ts';
import { ERRORS } from '../../src/http/errors.ts';
import { type BlackBoxCluster, healthOf } from './black-box-cluster.ts';
import type { Processes } from './black-box-processes.ts';
import { answers, newKey } from './black-box-row.ts';
import { CALLS } from './black-box-servers.ts';
import type { Answer } from './http-caller.ts';
import { until } from './http-wait.ts';

export type StartRow = readonly [
  what: string,
  show: (t: ExecutionContext, cluster: BlackBoxCluster, processes: Processes) => Promise<void>,
];

type Ended = { readonly status: number; readonly stdout: string; readonly stderr: string };

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const START_LIMIT_MS = 30_000;

/** Of a server that should not start. */
function runServer(environment: Readonly<Record<string, string>>): Promise<Ended> {
  const env = { ...process.env, LOG_LEVEL: 'silent', ...environment };
  return new Promise((resolve) => {
    const options = { env, timeout: START_LIMIT_MS, killSignal: 'SIGKILL' } as const;
    execFile(process.execPath, [MAIN], options, (error, stdout, stderr) => {
      resolve({ status: Number(error?.code ?? (error === null ? 0 : -1)), stdout, stderr });
    });
  });
}

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'black-box-start-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** No error of these can be brought about from outside by sure means, or in so little time. */
const NOT_SEEN = ['internal_error', 'not_executed', 'storage_full'];
/** On loopback alone. */
const HOST_REFUSED = 'forbidden_host';

export const START_ROWS: readonly StartRow[] = [
  [
    'what a server cannot start with is one line, and exit status 2',
    async (t, _cluster, { members }) => {
      const directory = temporary(t);
      const file = join(directory, 'file');
      writeFileSync(file, '');
      const [member] = members;
      if (member === undefined) throw new Error('no member');
      const [port = 0] = await freePorts(1);
      const free = { PORT: String(port), DATA_DIR: join(directory, 'data') };
      const own = { PORT: String(port), DATA_DIR: member.dataDir, NODE_ID: member.id };
      const wrong: readonly (readonly [RegExp, Readonly<Record<string, string>>])[] = [
        [
          /^PORT \d+ of 127\.0\.0\.1 is in use; stop /,
          { PORT: String(member.port), DATA_DIR: join(directory, 'used') },
        ],
        [
          /^cannot listen on HOST 203\.0\.113\.1, PORT /,
          { ...free, DATA_DIR: join(directory, 'host'), HOST: '203.0.113.1' },
        ],
        [/^DATA_DIR got '.*file'; allowed: a directory that /, { ...free, DATA_DIR: file }],
        [/^DATA_DIR got '.*'; allowed: a directory that /, { ...free, DATA_DIR: '/proc/none' }],
        [/black-box-.*: another process has it open; stop /, own],
        [/^PORT got 'http'; allowed: /, { ...free, PORT: 'http' }],
      ];
      const all = wrong.map(async ([expected, environment]) => {
        const { status, stdout, stderr } = await runServer(environment);
        t.regex(stderr, expected);
        t.regex(stderr, /^.+\n$/, 'one line');
        t.is(status, 2, stderr);
        t.is(stdout, '');
      });
      await Promise.all(all);
    },
  ],
  [
    "another server's data directory is refused, and its own is not",
    async (t, cluster, processes) => {
      const { followers } = await cluster.roles();
      const [{ id }] = followers;
      const member = processes.members.find((each) => each.id === id);
      if (member === undefined) throw new Error('no member');
      await processes.stop(id);
      const [port = 0] = await freePorts(1);
      const own = { PORT: String(port), DATA_DIR: member.dataDir, NODE_ID: id };
      for (const environment of [{ NODE_ID: '127.0.0.1:9' }, { CLUSTER_ID: 'another' }]) {
        const { status, stderr } = await runServer({ ...own, ...environment });
        t.regex(stderr, new RegExp(`^${member.dataDir} belongs to ${id} of cluster raft-lab.*\n$`));
        t.is(status, 2);
      }
      await processes.start(id);
      await cluster.roles();
    },
  ],
  [
    'who lost its disk takes no part until it has left and joined again',
    async (t, cluster, { members }) => {
      const { leader, followers } = await cluster.roles();
      const [lost] = followers;
      const member = members.find(({ id }) => id === lost.id);
      await member?.kill();
      member?.wipe();
      await member?.start();
      const change = (path: string): Promise<Answer> =>
        leader.call('POST', path, { json: { peer: lost.id } });
      answers(t, await change('/raft/join'), 409, { error: 'not_waiting' });
      answers(t, await lost.call('GET', '/ready'), 503, { error: 'not_ready' });
      const json = { key: newKey(), value: 1 };
      answers(t, await leader.call('POST', '/kv/put', { json }), 200);
      answers(t, await change('/raft/leave'), 200);
      t.is((await healthOf(leader)).voters.length, 2);
      answers(t, await change('/raft/join'), 200);
      await cluster.roles();
    },
  ],
  [
    'a cluster of one: no faults unless enabled, the last voter stays, and it joins no other',
    async (t, cluster) => {
      const [port = 0] = await freePorts(1);
      const alone = new ProcessCluster({ dataDir: temporary(t), environment: { FAULTS: 'false' } });
      t.teardown(() => alone.kill());
      const [member] = alone.addFirst([port]);
      await member?.start();
      const { call, id } = await cluster.other(String(member?.url));
      await until('it to be ready', async () => (await call('GET', '/ready')).status === 200);
      const disabled = { error: 'faults_disabled' };
      answers(t, await call('GET', '/lab/faults'), 403, disabled);
      answers(t, await call('PUT', '/lab/faults', { json: {} }), 403, disabled);
      const last = await call('POST', '/raft/leave', { json: { peer: id } });
      answers(t, last, 409, { error: 'last_voter' });
      const joined = await cluster.atLeader('POST', '/raft/join', { json: { peer: id } });
      answers(t, joined, 409, { error: 'not_waiting' });
      answers(t, await call('POST', '/items/a', { json: { value: 1 } }), 201);
      t.like(await member?.stop(), { code: 0, signal: null });
    },
  ],
  [
    'every call of the contract was answered, and every error but a few was seen',
    async (t, { seen }) => {
      const unanswered = CALLS.filter(
        (call) => ![200, 201].some((status) => seen.answers.has(`${call} ${status}`)),
      );
      t.deepEqual(unanswered, []);
      const unseen = Object.keys(ERRORS).filter((error) => !seen.errors.has(error));
      t.deepEqual(unseen.filter((error) => error !== HOST_REFUSED).sort(), NOT_SEEN);
    },
  ],
];
