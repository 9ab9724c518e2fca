/**
 * Shows that a schedule of the simulator runs on worker threads as well: its faults strike, those
 * that threads cannot do are named, what clients were told is linearizable and can be read back,
 * and the exit status tells a good run from one that went wrong and from a mistake.
 *
 *     npx ava test/schedule-on-threads.test.ts
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import type { Outcome } from '../lab/cluster.ts';
import { READ_WAYS } from '../lab/cluster.ts';
import type { Fault, FaultAction } from '../lab/faults.ts';
import type { HistoryOperation } from '../lab/history.ts';
import { parseHistory } from '../lab/history-file.ts';
import { SCHEDULE_VERSION, type Schedule, type ScheduledOperation } from '../lab/schedule.ts';
import { formatSchedule } from '../lab/schedule-file.ts';
import { ScheduledClients } from '../lab/scheduled-clients.ts';
import { main } from '../lab/threads/schedule-command.ts';
import { runSchedule, type ScheduleRun } from '../lab/threads/schedule-run.ts';
import type { ScheduleDocument } from '../lab/threads/schedule-text.ts';
import { PERFECT } from '../src/transport/link.ts';
import { UserError } from '../src/user-error.ts';
import { LIMITS } from './support/settings.ts';

// ---- Schedules and runs -------------------------------------------------------------------------

/** Well after the last operation: on a busy machine, too, each is called before it is over. */
const DURATION_MS = 6000;

/** Writes of values of their own and reads of them, on two keys, from three clients. */
const OPERATIONS: readonly ScheduledOperation[] = Array.from({ length: 240 }, (_, i) => {
  const common = { atMs: i * 18, client: i % 3, key: `k${i % 2}` };
  return i % 5 < 2 ? { ...common, op: 'get' } : { ...common, op: 'put', value: `v${i}` };
});

const CLIENTS: Schedule['clients'] = {
  count: 3,
  requestTimeoutMs: 2000,
  retryMs: 60,
  registered: false,
  sessionsMax: 100,
};

function scheduleOf(changes: Partial<Schedule>): Schedule {
  return {
    schemaVersion: SCHEDULE_VERSION,
    name: 'a schedule of the test',
    seed: 1,
    nodes: 3,
    spares: 0,
    settings: {
      ...LIMITS,
      electionTimeoutMs: [100, 200],
      heartbeatMs: 25,
      preVote: true,
      checkQuorum: true,
      leaderStickiness: true,
      parallelDiskWrite: true,
      windowMessages: 8,
      batchEntries: 64,
      batchBytes: 65_536,
    },
    batchCommands: 4,
    link: PERFECT,
    clientLink: PERFECT,
    disk: { latencyMs: [0, 0], torn: 0, late: 0 },
    clocks: Array(3).fill({ offsetMs: 0, driftPpm: 0 }),
    clients: CLIENTS,
    durationMs: DURATION_MS,
    faults: [],
    operations: OPERATIONS,
    recovery: { core: ['n1', 'n2'], others: 'healed', boundMs: 5000 },
    ...changes,
  };
}

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'schedule-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

type Ended = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** Runs the command on a file with this text; what it writes goes below `directory`. */
async function command(
  directory: string,
  text: string,
  flags: readonly string[] = [],
  run: typeof runSchedule = runSchedule,
): Promise<Ended> {
  const path = join(directory, 'schedule.json');
  writeFileSync(path, text);
  const told = { stdout: '', stderr: '' };
  const output = (name: keyof typeof told): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        told[name] += chunk.toString();
        done();
      },
    });
  const context = {
    stdout: output('stdout'),
    stderr: output('stderr'),
    resultsDirectory: join(directory, 'results'),
    surroundings: () => {
      throw new Error('not asked for');
    },
    interruption: () => ({ signal: new AbortController().signal, release: () => {} }),
  };
  const status = await main([path, ...flags], context, run);
  return { status, ...told };
}

// ---- On threads ---------------------------------------------------------------------------------

const FAULTS: readonly FaultAction[] = [
  {
    atMs: 0,
    forMs: 200,
    when: { kind: 'leaderElected' },
    fault: { kind: 'pause', node: 'leader' },
  },
  { atMs: 1500, forMs: 300, fault: { kind: 'crash', node: 'leader' } },
  { atMs: 2700, forMs: 300, fault: { kind: 'cut', links: [['leader', 'follower']] } },
  {
    atMs: 2900,
    forMs: 200,
    fault: { kind: 'link', from: '*', to: '*', settings: { loss: 0.3, delayMs: 1 } },
  },
  {
    atMs: 3500,
    forMs: 100,
    when: { kind: 'committed', index: 1, nodes: 3 },
    fault: { kind: 'suspend', node: 'n1' },
  },
  { atMs: 3600, forMs: 50, fault: { kind: 'clockJump', node: 'n1', jumpMs: 300 } },
  { atMs: 3600, forMs: 50, fault: { kind: 'diskFull', node: 'n2' } },
  { atMs: 4300, fault: { kind: 'restart', node: 'n3' } },
];

test.serial('a schedule runs on threads: audit, linearizability, history and words', async (t) => {
  const directory = temporary(t);
  const schedule = scheduleOf({ faults: FAULTS, link: { ...PERFECT, loss: 0.05 } });
  const { status, stdout: wrapped, stderr } = await command(directory, formatSchedule(schedule));
  const stdout = wrapped.replace(/\n {2,}/g, ' ');
  t.is(status, 0, stdout + stderr);
  t.regex(stdout, /faults +5 of 8 done; 2 not possible on this host \(clockJump 1, diskFull 1\)/);
  t.regex(stdout, /; 1 found nothing to strike\n/);
  t.false(stdout.includes('no effect'));
  t.regex(stdout, /audit +ok\n/);
  t.regex(stdout, /history +linearizable: 240 operations on 2 keys\n/);
  const results = join(directory, 'results', 'schedule-custom');
  const path = join(results, 'history.ndjson');
  t.true(stdout.includes(path));
  const history = parseHistory(readFileSync(path, 'utf8'), path);
  t.is(history.length, OPERATIONS.length);
  t.true(history.filter(({ outcome }) => outcome === 'ok').length > OPERATIONS.length / 2);
  t.true(outstandingMax(history) <= 2);
  t.false(existsSync(join(results, 'timeline.html')));
});

/** Of any client at any time. */
function outstandingMax(history: readonly HistoryOperation[]): number {
  let most = 0;
  for (const { client, call } of history) {
    const open = history.filter(
      (each) =>
        each.client === client && each.call <= call && (each.return ?? Number.MAX_VALUE) > call,
    );
    most = Math.max(most, open.length);
  }
  return most;
}

test.serial('--history and --json: the file that is named, and data', async (t) => {
  const directory = temporary(t);
  const history = join(directory, 'history.ndjson');
  const schedule = scheduleOf({
    durationMs: 3000,
    clients: { ...CLIENTS, requestTimeoutMs: 20_000 },
    operations: OPERATIONS.slice(0, 40),
    clientLink: { ...PERFECT, loss: 0.1 },
    disk: { latencyMs: [1, 5], torn: 0, late: 0 },
  });
  const flags = ['--json', '--history', history, '--out', join(directory, 'out')];
  const { status, stdout, stderr } = await command(directory, formatSchedule(schedule), flags);
  t.is(status, 0, stderr);
  const document: ScheduleDocument = JSON.parse(stdout);
  t.like(document, {
    schedule: schedule.name,
    host: 'threads',
    withoutEffect: ['clientLink', 'disk'],
    faults: { scheduled: 0 },
    operations: { ok: 40, fail: 0, unknown: 0, notCalled: 0, staleReads: 0 },
    audit: 'ok',
    linearizability: 'ok',
  });
  t.is(parseHistory(readFileSync(history, 'utf8'), history).length, 40);
  t.false(existsSync(join(directory, 'out', 'history.ndjson')));
  t.regex(stderr, /audit +ok\n/);
});

test.serial('without a majority to the end nothing is called in vain for ever', async (t) => {
  const directory = temporary(t);
  const fault: Fault = { kind: 'partition', groups: [['n1'], ['n2'], ['n3']] };
  const schedule = scheduleOf({
    durationMs: 1000,
    operations: OPERATIONS.slice(0, 50),
    clients: { ...CLIENTS, requestTimeoutMs: 400 },
    faults: [{ atMs: 0, fault }],
  });
  const { status, stdout, stderr } = await command(directory, formatSchedule(schedule), ['--json']);
  t.is(status, 0, stderr);
  const { operations, faults }: ScheduleDocument = JSON.parse(stdout);
  t.is(faults.done, 1);
  t.true(operations.unknown > 0 && operations.notCalled > 0, stdout);
});

/** A get of each way now and then, and writes between them. */
const WAYS: readonly ScheduledOperation[] = Array.from({ length: 160 }, (_, i) => {
  const common = { atMs: i * 36, client: i % 3, key: `k${i % 2}` };
  const read = READ_WAYS[(i >> 1) % READ_WAYS.length] ?? 'log';
  return i % 2 === 0 ? { ...common, op: 'put', value: `v${i}` } : { ...common, op: 'get', read };
});

test.serial('servers come, go and lose their disks; sessions are registered', async (t) => {
  const directory = temporary(t);
  const schedule = scheduleOf({
    durationMs: 6500,
    spares: 1,
    clocks: Array(4).fill({ offsetMs: 0, driftPpm: 0 }),
    settings: {
      ...scheduleOf({}).settings,
      // A transfer is given up after one, and other tests share the cores.
      electionTimeoutMs: [600, 1200],
      snapshotEntries: 20,
      keptEntries: 3,
    },
    clients: { ...CLIENTS, requestTimeoutMs: 20_000, registered: true },
    operations: WAYS,
    // Each has time to be carried out, on a busy machine too, before the next or the end comes.
    faults: [
      { atMs: 1300, fault: { kind: 'join', node: 'n4' } },
      { atMs: 1900, fault: { kind: 'transfer', to: 'n2' } },
      { atMs: 2500, fault: { kind: 'snapshot', node: 'n3' } },
      { atMs: 2800, fault: { kind: 'wipe', node: 'n1' } },
      { atMs: 3200, fault: { kind: 'join', node: 'n1' } },
      { atMs: 3900, fault: { kind: 'leave', node: 'n3' } },
      { atMs: 4600, fault: { kind: 'learn', node: 'n3' } },
    ],
  });
  const { status, stdout, stderr } = await command(directory, formatSchedule(schedule), ['--json']);
  t.is(status, 0, stdout + stderr);
  t.like(JSON.parse(stdout), {
    faults: { scheduled: 7, done: 7, refused: 0, impossible: {} },
    operations: { ok: 144, notCalled: 0, staleReads: 16 },
    audit: 'ok',
    auditedBy: 'counts',
    linearizability: 'ok',
  });
  t.regex(stderr.replace(/\n {2,}/g, ' '), /audit +ok \(logs were compacted: by counts\)\n/);
});

// ---- What goes wrong ----------------------------------------------------------------------------

const STALE_READ: readonly HistoryOperation[] = [
  { client: 0, op: 'put', key: 'k', value: 'v', call: 0, return: 10, outcome: 'ok', result: {} },
  {
    client: 1,
    op: 'get',
    key: 'k',
    call: 20,
    return: 30,
    outcome: 'ok',
    result: { status: 'notFound', value: null },
  },
];

function fakeRun(changes: { history?: readonly HistoryOperation[]; audit?: string }) {
  const { history = [], audit = 'ok' } = changes;
  const counts = { acknowledgedWritesLost: 0, writesAppliedTwice: 0 };
  const verdict = { ...counts, replicasEqual: true, auditedBy: 'log', audit } as const;
  const run: ScheduleRun = {
    injections: [],
    history,
    staleReads: 0,
    leaderChanges: 0,
    verdict,
  };
  return () => Promise.resolve(run);
}

test('a history that is not linearizable: exit 1, a line and a picture', async (t) => {
  const directory = temporary(t);
  const run = fakeRun({ history: STALE_READ });
  const { status, stdout, stderr } = await command(
    directory,
    formatSchedule(scheduleOf({})),
    [],
    run,
  );
  t.is(status, 1);
  t.regex(stderr, /^schedule: Not linearizable: [^\n]*key k\n$/m);
  const picture = join(directory, 'results', 'schedule-custom', 'timeline.html');
  t.true(stdout.includes(picture));
  t.regex(readFileSync(picture, 'utf8'), /Not linearizable/);
  // The picture is of that run: the next one, which is right, leaves none.
  const again = await command(directory, formatSchedule(scheduleOf({})), [], fakeRun({}));
  t.is(again.status, 0);
  t.false(existsSync(picture));
});

test('an audit that does not hold: exit 1 and a line that says what', async (t) => {
  const run = fakeRun({ audit: '3 acknowledged writes are not in the committed log' });
  const { status, stderr } = await command(temporary(t), formatSchedule(scheduleOf({})), [], run);
  t.is(status, 1);
  t.regex(stderr, /^schedule: the audit did not hold: 3 acknowledged writes are not [^\n]*\n$/m);
});

test('a run that fails: exit 1 and its reason in one line', async (t) => {
  const run = () => Promise.reject(new Error('n1: the disk is full'));
  const directory = temporary(t);
  const { status, stderr } = await command(directory, formatSchedule(scheduleOf({})), [], run);
  t.is(status, 1);
  t.regex(stderr, /^schedule: n1: the disk is full\n$/m);
});

test('mistakes are told before anything runs', async (t) => {
  const directory = temporary(t);
  const good = formatSchedule(scheduleOf({}));
  const never = (): never => t.fail() as never;
  const wrong = async (text: string, flags: readonly string[], expected: RegExp) => {
    const error = await t.throwsAsync(command(directory, text, flags, never), {
      instanceOf: UserError,
    });
    t.regex(error?.message ?? '', expected);
    t.false(error?.message.includes('\n'));
  };
  await wrong('{', [], /schedule\.json:1: this is not JSON/);
  await wrong(
    good.replace('"nodes": 3', '"nodes": 0'),
    [],
    /schedule\.json:5: nodes is 0; expected/,
  );
  await wrong(good, ['--out', '/proc/raft-lab'], /--out got '\/proc\/raft-lab'/);
  await wrong(good, ['--history', '/proc/raft-lab'], /--history got '\/proc\/raft-lab'/);
  await wrong(good, ['--history', ' '], /--history got ''; allowed: the name of a file/);
  await wrong(good, ['--histroy', 'file'], /--histroy.*--help/);
  await wrong(good, ['another.json'], /too many arguments/);
});

// ---- The clients of a schedule ------------------------------------------------------------------

test('a client has two operations outstanding, and keeps to its order', (t) => {
  const called: string[] = [];
  const answers: (() => void)[] = [];
  const client = {
    get pendingCount() {
      return called.length - answered;
    },
    call: (_: 0, { key }: { key: Uint8Array }, done: Done) => {
      called.push(Buffer.from(key).toString());
      const number = called.length;
      answers.push(() => {
        answered++;
        done({ kind: 'ok', result: { status: 'ok', value: null, index: 1 } }, number, 7);
      });
    },
  };
  let answered = 0;
  let nowNs = 0;
  const clients = new ScheduledClients([client], () => nowNs++);
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    clients.call({ atMs: 0, client: 0, op: 'put', key, value: 'v' });
  }
  t.deepEqual(called, ['a', 'b']);
  answers[1]?.();
  t.deepEqual(called, ['a', 'b', 'c']);
  clients.dropQueued();
  answers[0]?.();
  answers[2]?.();
  t.deepEqual(called, ['a', 'b', 'c'], 'what was dropped is never called');
  t.deepEqual(
    clients.history.map(({ key, call, return: end }) => [key, call, end]),
    [
      ['a', 0, 4],
      ['b', 1, 2],
      ['c', 3, 5],
    ],
  );
  t.deepEqual([...(clients.acknowledged.get(7) ?? [])].slice(0, 5), [0, 1, 1, 1, 0]);
});

type Done = (outcome: Outcome, requestNumber: number, clientId: number) => void;
