/**
 * Shows that no command ends with a stack trace, or with another exit status, because nobody reads
 * what it prints or the disk behind that is full; and that results which a disk does not take are
 * told of in one line, and not left there by half.
 *
 *     npx ava test/standard-output.test.ts
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';

const ROOT = join(import.meta.dirname, '..');
/** Every write to it fails with ENOSPC; not every system has it. */
const FULL = '/dev/full';
const EXPERIMENT = 'experiments/main.ts';
const ONE_TRIAL = '--nodes 1 --loss 0 --outstanding 1 --trials 1 --duration-s 0.1';

/** A read that does not see what was written before. */
const STALE_READ = [
  { client: 0, op: 'put', key: 'x', value: 1, call: 1, return: 2, result: { status: 'ok' } },
  { client: 1, op: 'get', key: 'x', call: 3, return: 4, result: { status: 'notFound' } },
].map((operation) => JSON.stringify({ ...operation, outcome: 'ok' }));

/** The file of a command, its words with OUT and HISTORY to be replaced, and its exit status. */
const COMMANDS: readonly (readonly [file: string, words: string, status: number])[] = [
  [EXPERIMENT, '--list', 0],
  [EXPERIMENT, 'nonsense', 2],
  [EXPERIMENT, `${ONE_TRIAL} --json --out OUT`, 0],
  [EXPERIMENT, 'election-lan --electionless', 2],
  [EXPERIMENT, 'election-lan --trials 1 --out OUT', 0],
  [EXPERIMENT, 'papers --help', 0],
  ['lab/swarm/main.ts', '--seed 1 --profile lite --trace', 0],
  ['lab/swarm/main.ts', '--nonsense', 2],
  ['lab/check-history.ts', 'HISTORY', 1],
  ['lab/check-history.ts', 'absent', 2],
  ['src/main.ts', '--help', 0],
  ['src/main.ts', '--nonsense', 2],
  ['lab/processes/main.ts', '--help', 0],
  ['lab/processes/main.ts', '--nodes 0', 2],
  ['lab/bench/main.ts', '--help', 0],
  ['lab/bench/main.ts', 'http --nonsense', 2],
  ['lab/quorum/main.ts', '--list', 0],
  ['lab/torture/main.ts', '--help', 0],
  ['lab/results-index/main.ts', 'OUT', 0],
  ['lab/results-index/main.ts', 'absent', 2],
];

/** `read` is collected; of `gone`, the reader closes it before anything comes; the last is full. */
type End = 'read' | 'gone' | 'full';

type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

async function run(words: readonly string[], stdout: End, stderr: End): Promise<Ended> {
  const full = existsSync(FULL) ? openSync(FULL, 'w') : null;
  const place = (end: End) => (end === 'full' && full !== null ? full : 'pipe');
  const child = spawn(process.execPath, words, {
    cwd: ROOT,
    stdio: ['ignore', place(stdout), place(stderr)],
  });
  if (full !== null) closeSync(full);
  const texts = { stdout: '', stderr: '' };
  for (const [name, end] of [['stdout', stdout] as const, ['stderr', stderr] as const]) {
    if (end !== 'read') child[name]?.destroy();
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const [status] = await once(child, 'close');
  return { status, ...texts };
}

/** With a new directory in place of OUT, and that of a history in place of HISTORY. */
function wordsOf(t: ExecutionContext, text: string, out = temporary(t)): string[] {
  const history = join(temporary(t), 'history.ndjson');
  writeFileSync(history, `${STALE_READ.join('\n')}\n`);
  const words = text.split(' ').filter((word) => word !== '');
  return words.map((word) => word.replace('OUT', out).replace('HISTORY', history));
}

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'output-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

for (const [file, words, status] of COMMANDS) {
  test.serial(`${file} ${words}: output that is lost changes nothing else`, async (t) => {
    // What is wrong with a command is told on standard error alone.
    const ways: readonly (readonly [stdout: End, stderr: End])[] =
      status === 2
        ? [
            ['full', 'gone'],
            ['gone', 'full'],
          ]
        : [
            ['full', 'read'],
            ['gone', 'full'],
          ];
    const ended = ways.map(async ([stdout, stderr]) => {
      const out = temporary(t);
      const came = await run(wordsOf(t, `${file} ${words}`, out), stdout, stderr);
      const what = `standard output ${stdout}, standard error ${stderr}: ${came.stderr}`;
      t.is(came.status, status, what);
      t.notRegex(came.stderr, /^ +at |EPIPE/m, what);
      const hasPage = readdirSync(out).some((name) => name.endsWith('.html'));
      t.is(hasPage, words.includes('OUT'), what);
    });
    await Promise.all(ended);
  });
}

test('what standard output could not take is told once, on the other', async (t) => {
  const ended = await run(wordsOf(t, 'lab/check-history.ts HISTORY'), 'full', 'read');
  const told = 'standard output is not complete: ENOSPC: no space left on device, write\n';
  t.is(ended.stderr, existsSync(FULL) ? told : '');
});

// ---- Results that a disk does not take ----------------------------------------------------------

/** Files of at most so many blocks of 512 bytes: a write beyond fails in its midst. */
function runWithin(blocks: number, words: readonly string[]): Promise<Ended> {
  const line = `ulimit -f ${blocks}; exec "$@"`;
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', line, 'sh', process.execPath, ...words], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/** The words, and which file could not be written. */
const TOO_LARGE: readonly (readonly [words: string, file: string])[] = [
  [`${EXPERIMENT} election-lan --trials 1 --out OUT`, 'leaderless-1.svg'],
  [`${EXPERIMENT} ${ONE_TRIAL} --out OUT`, 'cells.sqlite'],
  ['lab/swarm/main.ts --seed 1 --profile lite --save OUT/saved.json', 'saved.json'],
  ['lab/swarm/main.ts --seed 1 --profile lite --history OUT/history.ndjson', 'history.ndjson'],
  ['lab/check-history.ts HISTORY --html OUT/page.html', 'page.html'],
];

for (const [words, file] of TOO_LARGE) {
  test.serial(
    `${words}: a full disk is told in one line, and nothing is left by half`,
    async (t) => {
      const out = temporary(t);
      const { status, stderr } = await runWithin(8, wordsOf(t, words, out));
      t.is(status, 1, stderr);
      const last = stderr.trimEnd().split('\n').at(-1) ?? '';
      t.regex(
        last,
        new RegExp(`${file} cannot be written \\(.*\\); make room there, and run it again`),
      );
      t.notRegex(stderr, /^ +at /m);
      const left = readdirSync(out).filter((name) => /tmp$/.test(name));
      t.deepEqual(left, []);
      for (const name of readdirSync(out).filter((each) => each.endsWith('.json'))) {
        t.notThrows(() => JSON.parse(readFileSync(join(out, name), 'utf8')), name);
      }
    },
  );
}
