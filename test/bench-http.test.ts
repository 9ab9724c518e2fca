/**
 * Shows that the benchmark over HTTP tells mistakes in one line, measures a cluster of processes
 * and writes down what it says, and that its ratios and complaints are what its numbers say.
 *
 *     npx ava test/bench-http.test.ts
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHistogram } from 'node:perf_hooks';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { parseArguments } from '../lab/bench-http/arguments.ts';
import { type BenchHttpDocument, ratiosOf, rowsOf } from '../lab/bench-http/document.ts';
import { etcdVersion } from '../lab/bench-http/etcd-cluster.ts';
import { complaintsOf, findingsOf } from '../lab/bench-http/findings.ts';
import { main } from '../lab/bench-http/main.ts';
import type { Sample } from '../lab/bench-http/measure.ts';
import { requestMaker, VALUE_BYTES } from '../lab/bench-http/requests.ts';
import { UserError } from '../src/user-error.ts';

// ---- The command --------------------------------------------------------------------------------

type Ended = { readonly status: number; readonly stdout: string; readonly stderr: string };

async function command(directory: string, words: readonly string[]): Promise<Ended> {
  const told = { stdout: '', stderr: '' };
  const output = (name: keyof typeof told): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        told[name] += chunk.toString();
        done();
      },
    });
  const machine = { platform: 'p', arch: 'a', cpu: 'c', cores: 2, memoryGiB: 4 };
  const status = await main(words, {
    stdout: output('stdout'),
    stderr: output('stderr'),
    resultsDirectory: directory,
    surroundings: () => ({ commit: null, nodeVersion: 'v24', machine }),
    interruption: () => ({ signal: new AbortController().signal, release: () => {} }),
  });
  return { status, ...told };
}

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'bench-http-test-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

const SMALL = ['--rounds', '1', '--seconds', '2', '--keys', '50', '--connections', '4'];

test.serial('the lab alone: puts and gets are measured on three processes', async (t) => {
  const directory = temporary(t);
  const data = join(directory, 'data');
  const words = [...SMALL, '--only', 'lab', '--data', data, '--json'];
  const { status, stdout, stderr } = await command(directory, words);
  t.is(status, 0, stderr);
  const document: BenchHttpDocument = JSON.parse(stdout);
  t.is(document.schemaVersion, 1);
  t.deepEqual(
    document.rows.map(({ system, operation, connections }) => [system, operation, connections]),
    [
      ['lab', 'put', 4],
      ['lab', 'get', 4],
    ],
  );
  for (const row of document.rows) {
    t.true(row.requests > 0 && row.perSecond > 0);
    t.true(row.latencyMsP50 > 0 && row.latencyMsP50 <= row.latencyMsP99);
    t.true(row.latencyMsP99 <= row.latencyMsMax * 1.01);
    t.true(row.generatorCpuShare > 0);
  }
  t.deepEqual(document.ratios, []);
  t.deepEqual(readdirSync(data), [], 'nothing of the data stays');
  const out = join(directory, 'bench-http-custom');
  t.deepEqual(JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')), document);
  const report = readFileSync(join(out, 'report.md'), 'utf8');
  t.regex(report, /The lab was measured alone, without an etcd/);
  t.regex(report, /npm run bench -- http --rounds 1/);
  t.regex(readFileSync(join(out, 'report.html'), 'utf8'), /<svg/);
});

test('mistakes are told in one line', (t) => {
  const told = (...words: string[]): string =>
    t.throws(() => parseArguments(words, 80), { instanceOf: UserError })?.message ?? '';
  t.is(told('--rounds', '0'), "--rounds got '0'; allowed: a whole number from 1 to 1000");
  t.regex(told('--connections', '1,x'), /^--connections got '1,x'; allowed: a list of/);
  t.regex(told('--connections', '4,4'), /each once$/);
  t.is(told('--only', 'zookeeper'), "--only got 'zookeeper'; allowed: lab, etcd");
  t.regex(told('--out', ' '), /^--out got/);
  t.regex(told('--nodes', '3'), /unknown option '--nodes'/);
});

test('only the benchmark as it is written replaces the committed results', (t) => {
  const isDefault = (...words: string[]): boolean | undefined => {
    const request = parseArguments(words, 80);
    return request.kind === 'run' ? request.isDefault : undefined;
  };
  t.true(isDefault());
  t.true(isDefault('--connections', '1,64,256'));
  t.false(isDefault('--quick'));
  t.false(isDefault('--only', 'lab'));
});

test.serial(
  'without an etcd in PATH there is none, and to measure it alone is a mistake',
  async (t) => {
    const path = process.env.PATH;
    t.teardown(() => {
      process.env.PATH = path;
    });
    process.env.PATH = '';
    t.is(await etcdVersion(), null);
    await t.throwsAsync(command(temporary(t), [...SMALL, '--only', 'etcd']), {
      instanceOf: UserError,
      message: /^--only got 'etcd'; allowed: lab, as there is no etcd to run/,
    });
  },
);

// ---- What is asked ------------------------------------------------------------------------------

test('both systems are asked for the same keys and values, each in its own words', (t) => {
  const bodyOf = (system: 'lab' | 'etcd') =>
    JSON.parse(requestMaker(system, 'put')(7, 12).body ?? '');
  const lab = bodyOf('lab');
  const etcd = bodyOf('etcd');
  t.is(lab.value.length, VALUE_BYTES);
  t.is(atob(etcd.key), lab.key);
  t.is(atob(etcd.value), lab.value);
  t.is(requestMaker('lab', 'get')(7, 0).path, `/kv/get?key=${lab.key}`);
  t.is(JSON.parse(requestMaker('etcd', 'get')(7, 0).body ?? '').key, etcd.key);
});

// ---- What the numbers come to -------------------------------------------------------------------

function sample(over: Partial<Sample> & { readonly ms: readonly number[] }): Sample {
  const latencies = createHistogram();
  for (const each of over.ms) latencies.record(each * 1e6);
  return {
    system: 'lab',
    operation: 'put',
    connections: 64,
    round: 1,
    requests: over.ms.length,
    perSecond: 100,
    latencies,
    generatorCpuShare: 0.25,
    serverCpuUsPerRequest: 50,
    repeats: 0,
    ...over,
  };
}

test('percentiles are of all samples, not means of the rounds’ own', (t) => {
  const slow = { ms: Array.from({ length: 90 }, () => 100), perSecond: 300 };
  const [row, ...others] = rowsOf([
    sample({ ms: Array.from({ length: 10 }, () => 1) }),
    sample(slow),
  ]);
  t.deepEqual(others, []);
  t.is(row?.requests, 100);
  t.is(row?.perSecond, 200);
  t.deepEqual(row?.perSecondByRound, [100, 300]);
  t.true(Math.abs((row?.latencyMsP50 ?? 0) - 100) < 0.2, 'a mean of medians would be about 50');
});

test('a ratio is the median of the rounds’ own ratios', (t) => {
  const lab = [100, 200, 900].map((perSecond) => sample({ ms: [2], perSecond }));
  const etcd = [50, 50, 100].map((perSecond) => sample({ ms: [4], perSecond, system: 'etcd' }));
  const [ratio, ...others] = ratiosOf(rowsOf([...lab, ...etcd]));
  t.deepEqual(others, []);
  t.is(ratio?.perSecond, 4);
  t.is(ratio?.perSecondLow, 2);
  t.is(ratio?.perSecondHigh, 9);
  t.true(Math.abs((ratio?.latencyP99 ?? 0) - 0.5) < 0.01);
});

test('a busy load thread and data in memory are complained about', (t) => {
  const rows = rowsOf([
    sample({ ms: [2], generatorCpuShare: 0.95 }),
    sample({ ms: [2], system: 'etcd' }),
  ]);
  const disk = { syncMsP50: 1, syncMsP99: 2, inMemory: false };
  const plan = { rounds: 1, seconds: 1, connections: [64], keys: 10, seed: 1 };
  const versions = { lab: 'v', etcd: '3' };
  const document = {
    schemaVersion: 1,
    plan,
    versions,
    disk,
    loadBefore: 0,
    rows,
    ratios: ratiosOf(rows),
  } as const;
  const [busy, ...others] = complaintsOf(document);
  t.deepEqual(others, []);
  t.regex(
    busy ?? '',
    /^lab, put, 64 connections: the thread that makes the load was busy for 95 %/,
  );
  t.is(complaintsOf({ ...document, disk: { ...disk, inMemory: true } }).length, 2);
  t.regex(findingsOf(document).headline[0] ?? '', /\*\*1\.00 times\*\* as many/);
});
