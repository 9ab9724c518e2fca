/**
 * Shows that the endurance experiment measures what it says, on a run small enough for a test; that
 * each of its lines can fail; and that latencies are told apart by when snapshots were taken.
 *
 *     npx ava test/endurance.test.ts
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { parseArguments } from '../lab/endurance/arguments.ts';
import { complaintsOf, documentOf, type EnduranceDocument } from '../lab/endurance/document.ts';
import { main } from '../lab/endurance/experiment.ts';
import type { Measured, runEndurance } from '../lab/endurance/run.ts';
import { Windows } from '../lab/endurance/windows.ts';
import { withDefaults } from '../lab/sweep/factors.ts';
import { settingsOf } from '../lab/threads/run.ts';
import { UserError } from '../src/user-error.ts';

// ---- The command --------------------------------------------------------------------------------

type Ended = { readonly status: number; readonly stdout: string; readonly stderr: string };

async function command(
  directory: string,
  words: readonly string[],
  run?: typeof runEndurance,
): Promise<Ended> {
  const told = { stdout: '', stderr: '' };
  const output = (name: keyof typeof told): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        told[name] += chunk.toString();
        done();
      },
    });
  const machine = { platform: 'p', arch: 'a', cpu: 'c', cores: 2, memoryGiB: 4 };
  const context = {
    stdout: output('stdout'),
    stderr: output('stderr'),
    resultsDirectory: directory,
    surroundings: () => ({ commit: null, nodeVersion: 'v24', machine }),
    interruption: () => ({ signal: new AbortController().signal, release: () => {} }),
  };
  const status = await main(words, context, ...(run === undefined ? [] : [run]));
  return { status, ...told };
}

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'endurance-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

test.serial('a small run: every part is measured, and written down', async (t) => {
  const directory = temporary(t);
  const words = ['--seconds', '3', '--keys', '20000', '--snapshot-mib', '8', '--json'];
  const { stdout, stderr } = await command(directory, words);
  const document: EnduranceDocument = JSON.parse(stdout);
  const { measured } = document;
  t.is(document.audit, 'ok', stderr);
  t.is(measured.failed, 0);
  t.deepEqual(
    measured.atEnd.map(({ node }) => node),
    ['n1', 'n2', 'n3'],
  );
  // A key and its value take 80 bytes, in each of the nodes.
  t.true(measured.atThird.every(({ bytes }) => bytes > 20_000 * 80));
  t.true(measured.snapshots >= 6, 'three nodes are asked for two, and others fall due');
  t.true((measured.latencies.during?.requests ?? 0) > 0);
  t.true((measured.latencies.without?.requests ?? 0) > 0);
  t.true(measured.logEntriesMax > 0 && measured.logBytesMax > 0);
  t.true(measured.putsPerSecond > 0);
  t.true((measured.joinedAfterMs ?? Number.POSITIVE_INFINITY) < 30_000);
  // How fast it is depends on the machine, and on what else it does: the lengths of logs do not.
  const logs = document.lines.filter(({ what }) => what.startsWith('longest log'));
  t.true(logs.length === 2 && logs.every(({ holds }) => holds), JSON.stringify(logs));
  const custom = join(directory, 'endurance-custom');
  t.deepEqual(JSON.parse(readFileSync(join(custom, 'results.json'), 'utf8')), document);
  const manifest = JSON.parse(readFileSync(join(custom, 'manifest.json'), 'utf8'));
  t.is(
    manifest.command,
    'npm run experiment -- endurance --seconds 3 --keys 20000 --snapshot-mib 8',
  );
  t.regex(
    readFileSync(join(custom, 'report.md'), 'utf8'),
    /\| audit at the end \| ok \| ok \| yes \| by /,
  );
});

test('a line that does not hold: exit 1, and a sentence that says which', async (t) => {
  const directory = temporary(t);
  const slow = (): Promise<Measured> => Promise.resolve({ ...GOOD, joinedAfterMs: 31_000 });
  const { status, stderr, stdout } = await command(directory, ['--quick'], slow);
  t.is(status, 1);
  t.regex(stderr, /^endurance: .*fresh node.*: 31\.00 s; the bound is at most 30\.00 s$/m);
  t.regex(stdout, /^✕ +.*fresh node/m);
  const good = await command(directory, ['--quick'], () => Promise.resolve(GOOD));
  t.is(good.status, 0, good.stderr);
});

test('a run that fails, or is stopped, leaves nothing', async (t) => {
  const directory = temporary(t);
  const failed = () => Promise.reject(new Error('n1: the storage is full'));
  const { status, stderr } = await command(directory, [], failed);
  t.is(status, 1);
  t.regex(stderr, /^endurance: n1: the storage is full$/m);
  t.false(existsSync(join(directory, 'endurance', 'results.json')));
});

test('flags are checked, and only the experiment as it is written is the one that counts', (t) => {
  const asked = (...words: string[]) => {
    const request = parseArguments(words, 100);
    if (request.kind !== 'run') throw new Error('a run was asked for');
    return request;
  };
  t.like(asked(), { isDefault: true, plan: { seconds: 60, keys: 1_000_000 }, json: false });
  t.true(asked('--seconds', '60').isDefault);
  t.like(asked('--quick'), { isDefault: false, plan: { seconds: 10, keys: 50_000 } });
  t.like(asked('--quick', '--keys', '7', '--out', 'o'), { plan: { keys: 7 }, out: 'o' });
  for (const [words, expected] of [
    [['--seconds', 'x'], /--seconds got 'x'; allowed: a number from 1/],
    [['--keys', '1.5'], /--keys got '1.5'; allowed: a whole number/],
    [['--keys', '5', '--keys', '6'], /--keys got '5' and again '6'/],
    [['--out', ' '], /--out got '/],
    [['--fast'], /endurance: .*--fast.*--help/],
    [['more'], /too many arguments/],
  ] as const) {
    const error = t.throws(() => parseArguments(words, 100), { instanceOf: UserError });
    t.regex(error?.message ?? '', expected);
  }
  const help = parseArguments(['--help'], 100);
  t.regex(help.kind === 'help' ? help.text : '', /--snapshot-mib/);
});

// ---- Lines --------------------------------------------------------------------------------------

const MIB = 2 ** 20;
const QUIET = { requests: 1000, p50Ms: 1, p99Ms: 2, p999Ms: 3, maxMs: 4 };
const NODES = ['n1', 'n2', 'n3'];

const GOOD: Measured = {
  settings: settingsOf(withDefaults({ snapshotBytes: 32 * MIB, snapshotEntries: 1000 })),
  atThird: NODES.map((node) => ({ node, bytes: 100 * MIB })),
  atEnd: NODES.map((node) => ({ node, bytes: 130 * MIB })),
  logEntriesMax: 7000,
  logBytesMax: 72 * MIB,
  snapshots: 4,
  snapshotMsMax: 100,
  latencies: { during: { ...QUIET, p999Ms: 15 }, without: QUIET },
  putsPerSecond: 1000,
  failed: 0,
  joinedAfterMs: 30_000,
  verdict: {
    acknowledgedWritesLost: 0,
    writesAppliedTwice: 0,
    replicasEqual: true,
    auditedBy: 'counts',
    audit: 'ok',
  },
};

const PLAN = { seconds: 60, keys: 1000, snapshotMib: 32, seed: 1 };

function complaints(change: Partial<Measured>): string[] {
  return complaintsOf(documentOf(PLAN, { ...GOOD, ...change }));
}

test('at their bounds all lines hold, and a little beyond each fails by itself', (t) => {
  t.deepEqual(complaints({}), []);
  const others = GOOD.atEnd.slice(1);
  for (const [change, expected] of [
    [
      { atEnd: [{ node: 'n1', bytes: 131 * MIB }, ...others] },
      /^memory of n1,.*: 1\.31 \(131\.0 MiB over 100\.0 MiB\)/,
    ],
    [{ logEntriesMax: 7001 }, /^longest log, in entries/],
    [{ logBytesMax: 72 * MIB + 1 }, /^longest log, in bytes/],
    [{ latencies: { during: { ...QUIET, p999Ms: 15.1 }, without: QUIET } }, /^p99\.9 /],
    [{ latencies: { during: null, without: QUIET } }, /^p99\.9 /],
    [{ latencies: { during: QUIET, without: null } }, /^p99\.9 /],
    [{ joinedAfterMs: 30_001 }, /^a fresh node /],
    [{ joinedAfterMs: null }, /^a fresh node .*: never;/],
    [
      { verdict: { ...GOOD.verdict, audit: 'n1 and n2 differ' } },
      /^audit .*: n1 and n2 differ \(by counts\);/,
    ],
  ] as const) {
    const told = complaints(change);
    t.is(told.length, 1, JSON.stringify(told));
    t.regex(told[0] ?? '', expected);
  }
  t.is(complaints({ atEnd: others }).length, 1, 'a node that is gone was not weighed');
});

// ---- Latencies ----------------------------------------------------------------------------------

test('latencies belong to the windows in which a snapshot was taken, or to the others', (t) => {
  const windows = new Windows();
  // One request in every window of 50 ms: slow ones in the third to the fifth.
  for (let number = 0; number < 10; number++) {
    const slow = number >= 2 && number <= 4;
    windows.record(number * 50_000 + 10_000, slow ? 20_000 : 1000);
  }
  const snapshots = [{ fromUs: 140_000, toUs: 210_000 }];
  const { during, without } = windows.split(snapshots, []);
  t.is(during?.requests, 3);
  t.true(Math.abs((during?.p999Ms ?? 0) - 20) < 0.3);
  t.is(without?.requests, 7);
  t.true(Math.abs((without?.maxMs ?? 0) - 1) < 0.02);
  const some = windows.split(snapshots, [{ fromUs: 200_000, toUs: Number.POSITIVE_INFINITY }]);
  t.deepEqual([some.during?.requests, some.without?.requests], [2, 2]);
  t.deepEqual(windows.split([{ fromUs: 0, toUs: 1e6 }], []).without, null);
});
