/**
 * Shows that the docs are true: what is typed in their console blocks is typed into a shell beside
 * a cluster of processes, page by page, and answered as the page says; and their tables are those
 * that the code makes.
 *
 *     npx ava test/docs.test.ts
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts } from '../lab/processes/ports.ts';
import { ask } from '../lab/processes/requests.ts';
import { tokenSettings } from '../lab/processes/token.ts';
import { PAGES_WITH_TABLES, withTables } from '../scripts/reference.ts';
import { type Exchange, exchangesOf, fencesOf, isAnswer } from './support/console-page.ts';
import { Shell } from './support/shell.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const HTTP_PAGE = 'docs/http.md';
const PROCESSES_PAGE = 'docs/processes.md';
const PAGES = ['README.md', HTTP_PAGE, PROCESSES_PAGE, 'docs/recovery.md'];
/** The ports that the pages speak of. */
const PORTS = [8001, 8002, 8003, 8004];
const READY_LIMIT_MS = 60_000;
/** What a page needs of the project, so that `npm run node` works and data lie elsewhere. */
const LINKED = ['package.json', 'node_modules', 'src'];

const ENVIRONMENT = {
  // Nobody is to take over while a busy machine lets a leader wait.
  ELECTION_TIMEOUT_MS: '1000-2000',
  REQUEST_TIMEOUT_MS: '2000',
  no_proxy: '*',
};

function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** What the page says about `~/.curlrc`, for those that print statuses. */
function curlSettings(page: string): string {
  if (page === 'README.md') return 'silent\n';
  const settings = fencesOf(read(HTTP_PAGE), 'text').find(({ text }) => text.includes('write-out'));
  if (settings === undefined) throw new Error(`${HTTP_PAGE} does not say how statuses are shown`);
  return settings.text;
}

class Page {
  readonly #ports: readonly number[];
  readonly #cluster: ProcessCluster;
  readonly #shell: Shell;
  readonly #data: string;

  static async open(t: ExecutionContext, page: string): Promise<Page> {
    const directory = mkdtempSync(join(tmpdir(), 'docs-'));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    for (const name of LINKED) symlinkSync(join(ROOT, name), join(directory, name));
    mkdirSync(join(directory, '.data'));
    writeFileSync(join(directory, '.curlrc'), curlSettings(page));
    // In order, as those of the pages: members are listed by address.
    const ports = (await freePorts(PORTS.length)).sort((a, b) => a - b);
    const opened = new Page(directory, ports);
    t.teardown(() => opened.#close());
    await opened.#start();
    return opened;
  }

  private constructor(directory: string, ports: readonly number[]) {
    this.#ports = ports;
    const environment = { ...ENVIRONMENT, CURL_HOME: directory };
    this.#shell = new Shell(directory, environment);
    this.#data = join(directory, '.data');
    this.#cluster = new ProcessCluster({
      dataDir: this.#data,
      environment: { ...environment, FAULTS: 'true' },
    });
  }

  async run(command: string): Promise<string> {
    const translated = replaceNumbers(command, PORTS, this.#ports);
    return replaceNumbers(await this.#shell.run(translated), this.#ports, PORTS);
  }

  async #start(): Promise<void> {
    const settings = tokenSettings(this.#data, true, {});
    const members = this.#cluster.addFirst(this.#ports.slice(0, 3), settings);
    await this.#cluster.start();
    const deadlineMs = performance.now() + READY_LIMIT_MS;
    for (const { url } of members) {
      while ((await ask(`${url}/ready`))?.status !== 200) {
        if (performance.now() > deadlineMs) throw new Error(`${url} is not ready`);
        await delay(20);
      }
    }
  }

  async #close(): Promise<void> {
    await this.#shell.close();
    await this.#cluster.kill();
  }
}

function replaceNumbers(text: string, from: readonly number[], to: readonly number[]): string {
  return text.replace(/(?<!\d)\d{4,5}(?!\d)/g, (number) => {
    const index = from.indexOf(Number(number));
    return index < 0 ? number : String(to[index]);
  });
}

function isCurlMissing(t: ExecutionContext): boolean {
  if (spawnSync('curl', ['--version']).status === 0) return false;
  t.fail('curl is missing: the docs are written for it, and this test runs them; install it');
  return true;
}

async function typeAll(t: ExecutionContext, name: string, exchanges: readonly Exchange[]) {
  const page = await Page.open(t, name);
  const wrong: Exchange[] = [];
  for (const exchange of exchanges) {
    const answer = await page.run(exchange.command);
    if (!isAnswer(exchange.answer, answer)) wrong.push({ ...exchange, answer });
  }
  t.deepEqual(wrong, []);
}

for (const name of PAGES) {
  test(`what ${name} says to type is answered as it says`, async (t) => {
    if (isCurlMissing(t)) return;
    const exchanges = exchangesOf(read(name));
    t.true(exchanges.length > 0);
    await typeAll(t, name, exchanges);
  });
}

test('every call of the contract is typed in one of the pages', (t) => {
  const commands = [HTTP_PAGE, PROCESSES_PAGE]
    .flatMap((page) => exchangesOf(read(page)))
    .map(({ command }) => command);
  const calls = [
    /\/kv\/put /,
    /\/kv\/get\?key/,
    /DELETE .*\/kv\/delete /,
    /DELETE .*\/kv\/delete\?key/,
    /\/kv\/cas /,
    /curl (-L )?localhost:\d+\/items\/\w+ .*-d/,
    /curl localhost:\d+\/items\/\w+$/,
    /PUT .*\/items\/\w+ /,
    /DELETE .*\/items\/\w+/,
    /PUT .*\/items\/\w+\/cas /,
    /\/session/,
    /\/health/,
    /\/ready/,
    /\/debug\/state/,
    /\/metrics/,
    /\/openapi\.json/,
    /\/raft\/join /,
    /\/raft\/leave /,
    /\/raft\/transfer /,
    /curl localhost:\d+\/lab\/faults/,
    /PUT .*\/lab\/faults/,
    /Raft-Request-Number/,
    /Raft-Lowest-Pending/,
  ];
  const missing = calls.filter((call) => !commands.some((command) => call.test(command)));
  t.deepEqual(missing, []);
});

test('tables are as the code makes them', (t) => {
  t.true(PAGES_WITH_TABLES.length > 0);
  for (const page of PAGES_WITH_TABLES) {
    t.is(
      read(page),
      withTables(read(page)),
      'to renew them: npm exec -c "node scripts/reference.ts"',
    );
    t.regex(read(page), /<!-- table: \w+ -->\n\n\|/);
  }
});

test('an answer differs in what varies and in nothing else', (t) => {
  const answer = '{"status":"ok","index":17,"term":3,"value":5}  (200)';
  t.true(isAnswer(answer, '{"status":"ok","index":4,"term":12,"value":5}  (200)'));
  t.false(isAnswer(answer, '{"status":"ok","index":4,"term":12,"value":6}  (200)'));
  t.false(isAnswer(answer, '{"status":"ok","index":4,"term":12,"value":5}  (201)'));
  t.true(isAnswer('{"a":1,…}', '{"a":1,"b":[2]}'));
  t.false(isAnswer('{"a":1,…}', '{"a":2,"b":[2]}'));
  t.false(isAnswer('', '{}'));
});

test('a block is taken apart into commands and answers', (t) => {
  const page = 'Text.\n\n```console\n$ one \\\n  more\n1\n2\n$ two\n$ three\n3\n```\n';
  t.deepEqual(exchangesOf(page), [
    { line: 4, command: 'one \\\n  more', answer: '1\n2' },
    { line: 8, command: 'two', answer: '' },
    { line: 9, command: 'three', answer: '3' },
  ]);
});
