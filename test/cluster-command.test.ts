/**
 * Shows that `npm run cluster` starts nodes that serve what it prints, goes on with their data,
 * adds one more, tells of one that dies, and leaves nothing behind; and that the processes below it
 * can be killed, paused and wiped.
 *
 *     npx ava test/cluster-command.test.ts
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { parseArguments } from '../lab/processes/arguments.ts';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts, LOOPBACK, nextFreePort } from '../lab/processes/ports.ts';
import { ask } from '../lab/processes/requests.ts';
import { memberTable } from '../lab/processes/text.ts';
import { tokenSettings } from '../lab/processes/token.ts';
import { nowUs } from '../src/clock.ts';
import { PERFECT } from '../src/transport/link.ts';
import { PeerError, WsPeers } from '../src/transport/ws-peers.ts';
import { UserError } from '../src/user-error.ts';

const LIMIT_MS = 60_000;

class Command {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown[]>;

  constructor(t: ExecutionContext, words: readonly string[], main = 'lab/processes/start.ts') {
    this.#child = spawn(process.execPath, [main, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Nobody is to take over while a busy machine lets a leader wait.
      env: { ...process.env, ELECTION_TIMEOUT_MS: '1000-2000' },
    });
    this.#closed = once(this.#child, 'close');
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    t.teardown(async () => {
      this.#child.kill('SIGTERM');
      await this.#closed;
    });
  }

  /** The processes of its nodes, in the order of the table. */
  get pids(): number[] {
    return [...this.stdout.matchAll(/^127\S+ +http\S+ +(\d+)/gm)].map(([, pid]) => Number(pid));
  }

  async ready(): Promise<void> {
    await until(() => this.stdout.includes('Ctrl-C') || this.#child.exitCode !== null);
    if (this.#child.exitCode !== null) throw new Error(this.stderr);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null;
  }

  /** Nobody reads what it prints any more. */
  leave(): void {
    this.#child.stdout?.destroy();
  }

  async status(): Promise<unknown> {
    const [status] = await this.#closed;
    return status;
  }

  stop(signal: NodeJS.Signals): Promise<unknown> {
    this.#child.kill(signal);
    return this.status();
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + LIMIT_MS;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${LIMIT_MS} ms: ${holds}`);
    await delay(20);
  }
}

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'cluster-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The first of four ports in a row. */
async function portsInARow(): Promise<number> {
  for (;;) {
    const [from = 0, ...others] = await freePorts(4);
    if (others.every((port, i) => port === from + 1 + i)) return from;
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function shell(line: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)('sh', ['-c', line]);
  return JSON.parse(stdout);
}

/** The code that a server refuses a visitor with; `null` where it lets him in. */
async function refusalAt(address: string, token: string | null): Promise<string | null> {
  const [own = 0] = await freePorts(1);
  const id = `${LOOPBACK}:${own}`;
  const visitor = new WsPeers({
    self: () => ({
      id,
      name: `${id}#2`,
      incarnation: 2,
      publicUrl: null,
      waiting: true,
      firstMembers: [],
    }),
    clusterId: 'raft-lab',
    token,
    certificates: null,
    judge: (_peer, decided) => decided(null),
    onRefused: () => {},
    receive: () => {},
    takeForwarded: () => true,
    onLost: () => {},
    nowUs,
    checksum: crc32,
    seed: 1,
    link: PERFECT,
    log: { info: () => {}, warn: () => {}, debug: () => {} },
  });
  try {
    await visitor.identify(address, LIMIT_MS);
    return null;
  } catch (error) {
    return error instanceof PeerError ? error.code : String(error);
  } finally {
    visitor.close();
  }
}

/** A command that was printed, as a person would copy it. */
function printed(text: string, name: string): string {
  const [, line = ''] = new RegExp(`^${name}: +(curl (?:.*\\\\\\n)*.*)$`, 'm').exec(text) ?? [];
  return line.replace('curl', 'curl -sS');
}

// ---- The command --------------------------------------------------------------------------------

test.serial('three nodes serve what is printed; one joins, one dies, all stop', async (t) => {
  const data = temporary(t);
  const port = await portsInARow();
  const words = ['--port', String(port), '--data', data];
  const cluster = new Command(t, words);
  await cluster.ready();
  t.true(cluster.stdout.startsWith(`3 nodes, data in ${data}\n`));
  const { pids } = cluster;
  t.is(pids.length, 3);
  t.true(pids.every(lives));
  await t.notThrowsAsync(shell(printed(cluster.stdout, 'write')));
  t.like(await shell(printed(cluster.stdout, 'read')), { value: 123 });

  const joined = new Command(t, ['--join', ...words]);
  await joined.ready();
  t.true(joined.stdout.startsWith(`${LOOPBACK}:${port + 3} joined as one of 4 members\n`));
  const health = await ask(`http://${LOOPBACK}:${port + 3}/health`);
  t.is(Object(health?.body.voters).length, 4);
  const left = { status: 'ok', peers: [0, 1, 2].map((i) => `${LOOPBACK}:${port + i}`) };
  t.deepEqual(await shell(printed(joined.stdout, 'remove')), left);
  t.is(await joined.stop('SIGINT'), 0);
  t.false(joined.pids.some(lives));

  const token = readFileSync(join(data, 'token'), 'utf8');
  t.regex(token, /^[0-9a-f]{64}\n$/);
  t.is(statSync(join(data, 'token')).mode & 0o777, 0o600);
  t.is(await refusalAt(`${LOOPBACK}:${port + 1}`, null), 'wrong_token');
  t.is(await refusalAt(`${LOOPBACK}:${port + 1}`, token.trim()), null);

  process.kill(pids[0] ?? 0, 'SIGKILL');
  await until(() => cluster.stderr.includes('again:'));
  const place = join(data, `${LOOPBACK}_${port}`, 'node.log');
  const report = `${LOOPBACK}:${port} was ended by SIGKILL; the end of ${place}: `;
  t.true(cluster.stderr.startsWith(report), cluster.stderr);
  const line = /again: npm run node -- ((?:.*\\\n)*.*)\n/.exec(cluster.stderr)?.[1] ?? '';
  const back = new Command(t, line.replaceAll('\\\n', ' ').trim().split(/ +/), 'src/main.ts');
  const isReady = async () => (await ask(`http://${LOOPBACK}:${port}/ready`))?.status === 200;
  await until(isReady);
  t.is(await back.stop('SIGTERM'), 0);
  t.is(await cluster.stop('SIGTERM'), 0);
  t.false(pids.some(lives));

  const again = new Command(t, words);
  await again.ready();
  t.regex(again.stdout, /^3 nodes, .*; 3 go on with data from before, members included\n/);
  t.like(await shell(printed(again.stdout, 'read')), { value: 123 });
  t.is(readFileSync(join(data, 'token'), 'utf8'), token);
  t.is(await again.stop('SIGINT'), 0);
});

test.serial('nodes go on when nobody reads any more, until they are stopped', async (t) => {
  const port = await portsInARow();
  const cluster = new Command(t, ['--port', String(port), '--data', temporary(t)]);
  cluster.leave();
  const urls = [0, 1, 2].map((i) => `http://${LOOPBACK}:${port + i}`);
  const answers = (path: string) => Promise.all(urls.map((url) => ask(`${url}${path}`)));
  const areReady = async () => (await answers('/ready')).every((each) => each?.status === 200);
  await until(async () => cluster.hasEnded || (await areReady()));
  t.false(cluster.hasEnded, cluster.stderr);
  const pids = (await answers('/debug/state')).map((each) => Number(each?.body.processId));
  process.kill(pids[0] ?? 0, 'SIGKILL');
  // What is printed once all are ready comes before this.
  await until(() => cluster.hasEnded || cluster.stderr.includes('again:'));
  t.false(cluster.hasEnded, cluster.stderr);
  t.deepEqual(pids.map(lives), [false, true, true]);
  t.is((await ask(`${urls[1]}/health`))?.status, 200);
  t.is(await cluster.stop('SIGINT'), 0);
  t.false(pids.some(lives));
});

test.serial('a mistake is one line, and exit status 2', async (t) => {
  const data = temporary(t);
  const taken = createServer().listen(0, LOOPBACK);
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { port } = Object(taken.address());
  const free = String(await portsInARow());
  writeFileSync(join(data, 'file'), '');
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [new RegExp(`^--port got '${port}'; .* ${port} is in use\n$`), '--port', String(port)],
    [/^--data got '.*file'; allowed: a directory /, '--port', free, '--data', join(data, 'file')],
    [/^--data got '.proc.x'; allowed: a directory /, '--port', free, '--data', '/proc/x'],
    [/^--port got '.*'; allowed: the port of a node that runs/, '--join', '--port', free],
  ];
  const ended = wrong.map(async ([expected, ...words]) => {
    const command = new Command(t, words);
    t.is(await command.status(), 2);
    t.regex(command.stderr, expected);
    t.is(command.stderr.split('\n').length, 2, command.stderr);
    t.is(command.stdout, '');
  });
  await Promise.all(ended);
});

test('a token that is given already is used, and none is made beside it', (t) => {
  const data = temporary(t);
  t.deepEqual(tokenSettings(data, true, { CLUSTER_TOKEN: 'given' }), {});
  t.deepEqual(tokenSettings(data, true, { CLUSTER_TOKEN_FILE: '/given' }), {});
  t.deepEqual(tokenSettings(data, false, {}), {});
  t.false(existsSync(join(data, 'token')));
  const made = { CLUSTER_TOKEN_FILE: join(data, 'token') };
  t.deepEqual(tokenSettings(data, true, { CLUSTER_TOKEN: '' }), made);
  const text = readFileSync(join(data, 'token'), 'utf8');
  t.deepEqual(tokenSettings(data, true, {}), made);
  t.deepEqual(tokenSettings(data, false, {}), made);
  t.is(readFileSync(join(data, 'token'), 'utf8'), text);
});

test('flags are checked', (t) => {
  t.deepEqual(parseArguments([], 80), {
    kind: 'start',
    plan: { port: 8001, data: '.data', faults: false },
    nodes: 3,
  });
  t.like(parseArguments(['--join', '--faults'], 80), { kind: 'join', plan: { faults: true } });
  t.like(parseArguments(['--help'], 80), { kind: 'help' });
  const wrong = [
    ['--nodes', '0'],
    ['--nodes', '16'],
    ['--nodes', 'three'],
    ['--port', '0'],
    ['--port', '65001'],
    ['--data', ' '],
    ['--join', '--nodes', '2'],
    ['--port', '1', '--port', '2'],
    ['--unknown'],
    ['start'],
  ];
  for (const words of wrong) {
    t.throws(() => parseArguments(words, 80), { instanceOf: UserError }, words.join(' '));
  }
});

test('the table fits narrow terminals', (t) => {
  const cluster = new ProcessCluster({ dataDir: '.data' });
  const members = cluster.addFirst([8001, 8002]);
  for (const columns of [80, 50, 25]) {
    const lines = memberTable(members, columns).split('\n');
    t.is(lines.length, 4);
    t.true(lines.every((line) => line.length <= columns));
    t.true(lines[2]?.startsWith('127.0.0.1:8001'));
  }
});

// ---- The processes ------------------------------------------------------------------------------

test.serial('a process is killed, paused, stopped, wiped and started again', async (t) => {
  const cluster = new ProcessCluster({ dataDir: temporary(t) });
  t.teardown(() => cluster.kill());
  const [member] = cluster.addFirst(await freePorts(1));
  if (member === undefined) throw new Error('no member');
  await cluster.start();
  t.true(member.isRunning && lives(member.pid ?? 0));
  const identity = async () => (await ask(`${member.url}/debug/state`))?.body.incarnation;
  const first = await identity();
  await t.throwsAsync(member.start(), { message: /runs already/ });

  member.pause();
  t.true(member.isPaused);
  t.is(await ask(`${member.url}/health`, { limitMs: 100 }), null);
  member.resume();
  t.is((await ask(`${member.url}/health`))?.status, 200);

  t.deepEqual(await member.kill(), { code: null, signal: 'SIGKILL' });
  t.false(member.isRunning);
  await member.start();
  t.is(await identity(), first);
  member.pause();
  t.deepEqual(await member.stop(), { code: 0, signal: null });

  member.wipe();
  await member.start();
  t.not(await identity(), first);
});

test.serial('what cannot be started says why, and takes the others with it', async (t) => {
  const cluster = new ProcessCluster({ dataDir: temporary(t) });
  const [port = 0, other = 0] = await freePorts(2);
  const [sound] = cluster.addFirst([port]);
  const [wrong] = cluster.addFirst([other], { HEARTBEAT_MS: '150' });
  await t.throwsAsync(cluster.start(), {
    instanceOf: UserError,
    message: new RegExp(`^${wrong?.id}: HEARTBEAT_MS got '150'; allowed: less than 150`),
  });
  t.false(sound?.isRunning);
  t.false(wrong?.isRunning);
  t.is(await nextFreePort(port, (each) => each === port || each === other), port);
  const taken = createServer().listen(port, LOOPBACK);
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  await t.throwsAsync(async () => sound?.start(), {
    message: new RegExp(`^port ${port} is in use`),
  });
});
