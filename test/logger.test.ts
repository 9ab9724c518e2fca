/**
 * Shows that a log that cannot be written costs its lines and nothing else: they are counted,
 * whoever started the server is told once, and the log says how many once it is written again.
 *
 *     npx ava test/logger.test.ts
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { freePorts } from '../lab/processes/ports.ts';
import { ask } from '../lab/processes/requests.ts';
import { readConfig } from '../src/config.ts';
import { createLogger } from '../src/logger.ts';
import { until } from './support/http-wait.ts';

const MAIN = join(import.meta.dirname, '..', 'src', 'main.ts');

type Line = { readonly msg: string; readonly linesLost?: number };

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'logger-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function loggerTo(logFile: string) {
  const request = readConfig(['--log-file', logFile], {}, 80);
  if (request.kind !== 'run') throw new Error('help was asked for');
  return createLogger(request.config);
}

function linesIn(text: string): readonly Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function linesOf(file: string): readonly Line[] {
  return linesIn(readFileSync(file, 'utf8'));
}

// ---- Files --------------------------------------------------------------------------------------

test('lines for a directory that is missing are counted, and their number is logged', async (t) => {
  const directory = join(temporary(t), 'later');
  const file = join(directory, 'node.log');
  const { log, linesLost } = loggerTo(file);
  for (let i = 0; i < 3; i++) log.info('lost');
  t.is(linesLost(), 3);
  mkdirSync(directory);
  log.info('written');
  t.is(linesLost(), 3);
  const [told, written] = linesOf(file);
  t.like(told, { level: 'warn', linesLost: 3 });
  t.is(written?.msg, 'written');
  rmSync(directory, { recursive: true });
  log.info('lost');
  mkdirSync(directory);
  // Nothing more is logged: that there was a loss is told all the same.
  await until('the loss to be told', () => existsSync(file) && linesOf(file).length > 0);
  t.deepEqual(
    linesOf(file).map((line) => line.linesLost),
    [4],
  );
});

test('a file that is removed, or moved for another, is made anew, and no line is lost', (t) => {
  const file = join(temporary(t), 'node.log');
  const { log, linesLost } = loggerTo(file);
  log.info('first');
  renameSync(file, `${file}.1`);
  log.info('second');
  rmSync(file);
  log.info('third');
  t.is(linesLost(), 0);
  t.deepEqual(
    [...linesOf(`${file}.1`), ...linesOf(file)].map(({ msg }) => msg),
    ['first', 'third'],
  );
});

// ---- Pipes --------------------------------------------------------------------------------------

/** Whatever has come; it is opened for the first time, or again. */
class Reader {
  readonly #file: number;
  text = '';

  constructor(path: string) {
    this.#file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  read(bytes: number): number {
    try {
      const buffer = Buffer.alloc(bytes);
      const count = readSync(this.#file, buffer);
      this.text += buffer.toString('utf8', 0, count);
      return count;
    } catch {
      return 0;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

test('nobody waits for whoever reads a pipe: lines wait, up to a bound', async (t) => {
  const fifo = join(temporary(t), 'fifo');
  execFileSync('mkfifo', [fifo]);
  const { log, linesLost } = loggerTo(fifo);
  log.info('before anybody reads');
  t.is(linesLost(), 1);
  const reader = new Reader(fifo);
  const long = 'x'.repeat(10_000);
  for (let i = 0; i < 200; i++) log.info(long);
  // 1 MiB waits, and some of it is in the pipe.
  const lost = linesLost();
  t.true(lost > 60 && lost < 120, `${lost} lines were lost`);
  await until('all that was kept', () => {
    while (reader.read(1 << 16) > 0);
    return reader.text.endsWith('\n') && linesIn(reader.text).at(-1)?.linesLost === lost;
  });
  const lines = linesIn(reader.text);
  t.is(lines[0]?.linesLost, 1);
  t.is(lines.filter(({ msg }) => msg === long).length, 200 - (lost - 1));
  reader.close();
});

test('a reader that goes within a line leaves no torn line to the next reader', async (t) => {
  const fifo = join(temporary(t), 'fifo');
  execFileSync('mkfifo', [fifo]);
  const { log, linesLost } = loggerTo(fifo);
  const first = new Reader(fifo);
  // More than a pipe holds.
  log.info('x'.repeat(200_000));
  first.read(1000);
  first.close();
  log.info('nobody reads this');
  t.is(linesLost(), 2);
  const second = new Reader(fifo);
  log.info('at last');
  const whole = () => linesIn(second.text.slice(second.text.indexOf('\n') + 1));
  await until('the line', () => {
    while (second.read(1 << 16) > 0);
    return second.text.endsWith('\n') && whole().length === 2;
  });
  // What the pipe still held of the torn one comes first.
  t.regex(second.text, /^x+\n/);
  t.deepEqual(
    whole().map(({ msg, linesLost: told }) => told ?? msg),
    [2, 'at last'],
  );
  second.close();
});

// ---- Servers ------------------------------------------------------------------------------------

type Running = {
  readonly child: ChildProcess;
  readonly url: string;
  stderr: string;
};

async function serverWith(
  t: ExecutionContext,
  environment: Readonly<Record<string, string>>,
): Promise<Running> {
  const [port = 0] = await freePorts(1);
  const DATA_DIR = join(temporary(t), 'data');
  const child = spawn(process.execPath, [MAIN], {
    env: { ...process.env, PORT: String(port), DATA_DIR, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const running = { child, url: `http://127.0.0.1:${port}`, stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    running.stderr += text;
  });
  return running;
}

async function isReady({ url, child }: Running): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`it ended with status ${child.exitCode}`);
  return (await ask(`${url}/ready`))?.status === 200;
}

async function linesLostBy({ url }: Running): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^log_lines_lost_total (\d+)$/m.exec(text)?.[1]);
}

const full = existsSync('/dev/full') ? ['/dev/full'] : [];
for (const LOG_FILE of ['/nowhere/node.log', '/proc/nowhere', ...full]) {
  test(`a server starts and serves with LOG_FILE=${LOG_FILE}`, async (t) => {
    const server = await serverWith(t, { LOG_FILE });
    await until('it to be ready', () => isReady(server));
    t.true((await linesLostBy(server)) >= 2);
    const put = { body: { key: 'a', value: 1 } };
    t.is((await ask(`${server.url}/kv/put`, put))?.status, 200);
    server.child.kill('SIGTERM');
    const [status] = await once(server.child, 'close');
    t.is(status, 0);
    t.regex(server.stderr, /^the log cannot be written to \S+ \(E.*\): lines are lost\n$/);
  });
}

test('a server goes on when nobody reads its standard output and error any more', async (t) => {
  const server = await serverWith(t, { LOG_LEVEL: 'debug' });
  server.child.stdout?.destroy();
  server.child.stderr?.destroy();
  await until('it to be ready', () => isReady(server));
  t.true((await linesLostBy(server)) >= 1);
  server.child.kill('SIGTERM');
  const [status] = await once(server.child, 'close');
  t.is(status, 0);
});
