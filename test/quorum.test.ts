/**
 * Shows that `npm run quorum` tells served from unserved: a staircase and two scenarios on real
 * processes, through the real command; that its words are checked; that answers over HTTP become
 * the right entries of a history; and that a report says so when something did not hold.
 *
 *     npx ava test/quorum.test.ts
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Compose } from '../lab/containers/compose.ts';
import type { HistoryOperation, Json } from '../lab/history.ts';
import { KvHttpClient } from '../lab/http/kv-client.ts';
import { type HttpAnswer, HttpLinks } from '../lab/http/links.ts';
import { verdictOf } from '../lab/http/load.ts';
import { historyOf, outcomeOf } from '../lab/http/outcome.ts';
import { Recorder } from '../lab/http/recorder.ts';
import { parseArguments } from '../lab/quorum/arguments.ts';
import { NAMES } from '../lab/quorum/catalogue.ts';
import { contentOf } from '../lab/quorum/content.ts';
import {
  complaintsOf,
  documentOf,
  leaderLossMs,
  majorityBackMs,
  type QuorumDocument,
} from '../lab/quorum/document.ts';
import { reportMarkdown } from '../lab/quorum/markdown.ts';
import { reportPage } from '../lab/quorum/page.ts';
import {
  availabilityOf,
  loadComplaints,
  performScenario,
  type ScenarioResult,
} from '../lab/quorum/perform.ts';
import { ProcessHost } from '../lab/quorum/process-host.ts';
import type { Scenario } from '../lab/quorum/scenario.ts';
import type { StaircaseStep } from '../lab/quorum/staircase.ts';
import { heal, unserved } from '../lab/quorum/steps.ts';
import type { Manifest } from '../lab/results.ts';
import { UserError } from '../src/user-error.ts';

const COMMAND = join(import.meta.dirname, '..', 'lab', 'quorum', 'main.ts');

// ---- The command, on processes ------------------------------------------------------------------

type Ended = { readonly status: number; readonly stdout: string; readonly stderr: string };

function quorum(words: readonly string[]): Promise<Ended> {
  // Nobody is to take over while a busy machine lets a leader wait: a call says who is asked.
  const env = { ...process.env, ELECTION_TIMEOUT_MS: '1000-2000' };
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...words], { env }, (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

test.serial('a staircase and two scenarios: served if and only if a majority is up', async (t) => {
  const out = mkdtempSync(join(tmpdir(), 'quorum-'));
  t.teardown(() => rmSync(out, { recursive: true }));
  const names = ['staircase-kill', 'smoke', 'leader-isolated'];
  const ended = await quorum(['--scenario', ...names, '--nodes', '3', '--out', out, '--json']);
  t.is(ended.status, 0, ended.stderr);
  const document: QuorumDocument = JSON.parse(ended.stdout);
  t.deepEqual(document, JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')));
  t.deepEqual(
    document.scenarios.map(({ name }) => name),
    ['smoke', 'leader-isolated'],
  );
  checkStaircase(t, document);
  for (const { load, steps, name } of [...document.staircases, ...document.scenarios]) {
    t.true(load.acknowledged > 0, name);
    t.deepEqual([load.lost, load.linearizable], [[], 'ok'], name);
    t.true(
      steps.some(({ commands }) => commands.some((line) => line.startsWith('curl '))),
      name,
    );
  }
  const page = readFileSync(join(out, 'report.html'), 'utf8');
  t.regex(page, /7 of 7/);
  t.notRegex(page, /127\.0\.0\.1:(?!800)/, 'commands name the servers that a person would start');
  t.true(existsSync(join(out, 'staircases.svg')));
  t.true(existsSync(join(out, 'manifest.json')));
});

function checkStaircase(t: ExecutionContext, { staircases }: QuorumDocument): void {
  const [staircase] = staircases;
  t.deepEqual(
    staircase?.steps.map(({ up, writer, readers }) => [up, writer !== null, readers.length]),
    [
      [3, true, 3],
      [2, true, 2],
      [1, false, 0],
      [0, false, 0],
      [1, false, 0],
      [2, true, 2],
      [3, true, 3],
    ],
  );
}

test.serial(
  'what is expected wrongly is found out: the scenario fails, and says why',
  async (t) => {
    const host = new ProcessHost();
    t.teardown(() => host.clear());
    const scenario: Scenario = {
      name: 'wrong',
      about: 'A healthy cluster is expected to serve nothing.',
      nodes: 1,
      steps: [unserved('leader'), heal],
    };
    const expected =
      'not served by node1: node1 acknowledged a write; node1 served a linearizable read';
    let found: ScenarioResult;
    let tries = 0;
    // It is looked at for a moment: on a busy machine that may be too short for both.
    do {
      found = await performScenario(host, scenario, 1, new AbortController().signal);
      tries++;
    } while (found.complaints[0] !== expected && tries < 5);
    const { complaints, steps } = found;
    t.deepEqual(complaints, [expected]);
    t.is(steps.length, 1, 'what is written to come after it is not tried');
  },
);

test('mistakes in the command: one line that says what is allowed, and status 2', async (t) => {
  const ended = await quorum(['--scenario', 'kill-everybody']);
  t.is(ended.status, 2);
  t.regex(ended.stderr, /^--scenario got 'kill-everybody'; allowed: staircase, .*\n$/);
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['--host moon', /--host got 'moon'; allowed: processes, docker/],
    ['--nodes 0', /--nodes got '0'; allowed: a list of /],
    ['--host docker --nodes 4', /with --host docker a list of 3 and 5/],
    ['--seed x', /--seed got 'x'/],
    ['--quiet', /unknown option '--quiet'/],
  ];
  for (const [words, message] of wrong) {
    t.throws(() => parseArguments(words.split(' '), 80), { instanceOf: UserError, message });
  }
});

test('the list names everything that can be asked for', async (t) => {
  const { status, stdout } = await quorum(['--list']);
  t.is(status, 0);
  for (const name of NAMES) t.true(stdout.includes(`${name}\n`), name);
});

test('only what is written goes to the committed results', (t) => {
  const isDefault = (words: string): boolean | null => {
    const request = parseArguments(words === '' ? [] : words.split(' '), 80);
    return request.kind === 'run' ? request.isDefault : null;
  };
  t.is(isDefault(''), true);
  t.is(isDefault('--host docker'), true);
  t.is(isDefault('--quick'), false);
  t.is(isDefault('--scenario smoke'), false);
  t.is(isDefault('--nodes 3'), false);
});

test.serial('without an engine, the docker host says so in one line', async (t) => {
  const before = process.env.DOCKER_HOST;
  t.teardown(() => {
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
  });
  process.env.DOCKER_HOST = 'unix:///nowhere/docker.sock';
  const error = await t.throwsAsync(Compose.find('project', '.'), { instanceOf: UserError });
  t.regex(error?.message ?? '', /^no Docker engine answers \(.*\); start one, or leave out --host/);
});

// ---- Answers as entries of a history ------------------------------------------------------------

function answered(status: number, body: Json | undefined): HttpAnswer {
  return { kind: 'answered', status, body, location: null };
}

test('an answer that says what was done is executed, with its result', (t) => {
  const result = (op: 'get' | 'put' | 'delete' | 'cas', status: number, body: Json) => {
    const outcome = outcomeOf(op, answered(status, body));
    return outcome.kind === 'executed' ? outcome.result : outcome.kind;
  };
  t.deepEqual(result('put', 200, { status: 'ok' }), { status: 'ok' });
  t.deepEqual(result('get', 200, { key: 'a', value: 0 }), { status: 'ok', value: 0 });
  t.deepEqual(result('get', 404, { error: 'key_not_found', value: null }), {
    status: 'notFound',
    value: null,
  });
  t.deepEqual(result('delete', 200, { existed: false }), { status: 'notFound' });
  t.deepEqual(result('cas', 409, { error: 'cas_mismatch', actual: null }), {
    status: 'mismatch',
    value: null,
  });
  t.is(result('get', 404, { error: 'unknown_route' }), 'refused');
});

test('a write is definite only where the contract says so', (t) => {
  const kind = (answer: HttpAnswer, op: 'put' | 'get' = 'put'): string =>
    outcomeOf(op, answer).kind;
  const definite = ['not_leader', 'leader_unknown', 'not_executed', 'overloaded', 'storage_full'];
  for (const error of definite) t.is(kind(answered(503, { error })), 'refused', error);
  for (const error of ['no_quorum', 'outcome_unknown', 'something_new']) {
    t.is(kind(answered(503, { error })), 'indefinite', error);
    t.is(kind(answered(503, { error }), 'get'), 'refused', 'a read changes nothing');
  }
  t.is(kind(answered(500, undefined)), 'indefinite');
  t.is(kind(answered(400, { error: 'invalid_key' })), 'refused');
  t.is(kind({ kind: 'notSent', reason: '' }), 'refused');
  t.is(kind({ kind: 'unanswered', reason: '' }), 'indefinite');
  t.is(kind({ kind: 'unanswered', reason: '' }, 'get'), 'refused');
});

test('an indefinite write stays open in the history, a refused one is left out of it', (t) => {
  const put = { op: 'put', key: 'a', value: 1 } as const;
  const open = historyOf(put, 3, 10, 20, { kind: 'indefinite', code: 'no_quorum' });
  const asked = { client: 3, op: 'put', key: 'a', value: 1, call: 10 } as const;
  t.deepEqual(open, { ...asked, return: null, outcome: 'unknown' });
  const refused = { kind: 'refused', code: 'overloaded', leader: null, leaderUrl: null } as const;
  t.deepEqual(historyOf(put, 3, 10, 20, refused), { ...asked, return: 20, outcome: 'fail' });
});

// ---- A client -----------------------------------------------------------------------------------

type Reply = { readonly status: number; readonly body: object } | 'silence';

/** Servers that answer what they are told to, and note what they were asked. */
async function serversOf(
  t: ExecutionContext,
  replies: readonly ((asked: number) => Reply)[],
): Promise<{ servers: { address: string; url: string }[]; headers: string[][] }> {
  const headers: string[][] = replies.map(() => []);
  const started = replies.map((reply, i) =>
    createServer((request, response) => {
      headers[i]?.push(String(request.headers['raft-request-number'] ?? 'none'));
      const said = reply(headers[i]?.length ?? 0);
      if (said === 'silence') return;
      response.writeHead(said.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(said.body));
    }),
  );
  const ports = await Promise.all(started.map(listening));
  t.teardown(() => {
    for (const server of started) {
      server.closeAllConnections();
      server.close();
    }
  });
  const servers = ports.map((port, i) => ({
    address: `s${i}`,
    url: `http://127.0.0.1:${port}`,
  }));
  return { servers, headers };
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function clientOf(
  t: ExecutionContext,
  servers: { address: string; url: string }[],
  sessionId?: string,
): { client: KvHttpClient; history: HistoryOperation[] } {
  const links = new HttpLinks(4);
  t.teardown(() => links.close());
  const recorder = new Recorder();
  const client = new KvHttpClient({
    client: 0,
    links,
    servers: () => servers,
    recorder,
    requestTimeoutMs: 1000,
    operationTimeoutMs: 8000,
    ...(sessionId === undefined ? {} : { sessionId }),
  });
  return { client, history: recorder.history };
}

const DONE: Reply = { status: 200, body: { status: 'ok' } };

test('a client follows a hint to the leader, and stays there', async (t) => {
  const hint: Reply = { status: 409, body: { error: 'not_leader', leader: 's1' } };
  const { servers, headers } = await serversOf(t, [() => hint, () => DONE]);
  const { client } = clientOf(t, servers);
  t.is((await client.execute({ op: 'put', key: 'a', value: 1 })).outcome, 'ok');
  t.is((await client.execute({ op: 'put', key: 'a', value: 2 })).outcome, 'ok');
  t.deepEqual(
    headers.map(({ length }) => length),
    [1, 2],
  );
});

test('a write without an answer is not sent again, unless it is numbered', async (t) => {
  const silentFirst = (asked: number): Reply => (asked === 1 ? 'silence' : DONE);
  const plain = await serversOf(t, [silentFirst]);
  const one = clientOf(t, plain.servers);
  t.is((await one.client.execute({ op: 'put', key: 'a', value: 1 })).outcome, 'unknown');
  t.deepEqual(plain.headers, [['none']]);
  const numbered = await serversOf(t, [silentFirst]);
  const two = clientOf(t, numbered.servers, 'session');
  t.is((await two.client.execute({ op: 'put', key: 'a', value: 1 })).outcome, 'ok');
  t.deepEqual(numbered.headers, [['1', '1']]);
});

test('a refusal after an attempt that may have been executed leaves the write open', async (t) => {
  const { servers } = await serversOf(t, [
    (asked) => (asked === 1 ? 'silence' : { status: 410, body: { error: 'session_expired' } }),
  ]);
  const { client } = clientOf(t, servers, 'session');
  t.is((await client.execute({ op: 'put', key: 'a', value: 1 })).outcome, 'unknown');
});

test('where nobody listens nothing has happened', async (t) => {
  const { servers } = await serversOf(t, [() => DONE]);
  const links = new HttpLinks(1);
  t.teardown(() => links.close());
  const closed = createServer();
  const port = await listening(closed);
  await new Promise((resolve) => closed.close(resolve));
  const request = { method: 'GET', path: '/' } as const;
  t.is((await links.request(`http://127.0.0.1:${port}`, request, 1000)).kind, 'notSent');
  t.is((await links.request(servers[0]?.url ?? '', request, 1000)).kind, 'answered');
});

// ---- Verdicts -----------------------------------------------------------------------------------

test('a lost write and a history that no store could give are complaints', (t) => {
  const at = { client: 0, key: 'a', outcome: 'ok' } as const;
  const history: HistoryOperation[] = [
    { ...at, op: 'put', value: 1, call: 0, return: 1, result: { status: 'ok' } },
    { ...at, op: 'get', call: 2, return: 3, result: { status: 'notFound', value: null } },
  ];
  t.deepEqual(loadComplaints(verdictOf(history, ['ledger/0.1'])), [
    'the history is not linearizable on key "a"',
    '1 acknowledged write could not be read back: ledger/0.1',
  ]);
  t.deepEqual(loadComplaints(verdictOf(history.slice(0, 1), [])), []);
});

test('the longest time without a write counts the ends of a scenario, too', (t) => {
  const { acknowledged, longestGapMs } = availabilityOf([1050, 1060, 1420], 1000, 2000);
  t.is(longestGapMs, 580);
  t.deepEqual(acknowledged, [2, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
});

// ---- The report ---------------------------------------------------------------------------------

const MANIFEST: Manifest = {
  schemaVersion: 1,
  experiment: 'quorum',
  commit: null,
  nodeVersion: 'v24',
  machine: { platform: 'p', arch: 'a', cpu: 'c', cores: 2, memoryGiB: 4 },
  command: 'npm run quorum',
  seed: 1,
  startedAt: 'then',
  finishedAt: 'now',
};

function stepOf(step: Partial<StaircaseStep>): StaircaseStep {
  return {
    action: null,
    server: null,
    commands: ["curl 'localhost:8001/kv/get?key=k'"],
    up: 1,
    standings: ['running'],
    expectedServed: true,
    writer: 'node1',
    readers: ['node1'],
    writeAfterMs: 5,
    readsAfterMs: 6,
    failure: '',
    ...step,
  };
}

test('a step that was not as the majority says fails the report, which names it', (t) => {
  const failure = 'node1 acknowledged a write';
  const steps = [
    stepOf({}),
    stepOf({
      action: 'kill',
      server: 'node1',
      up: 0,
      expectedServed: false,
      writer: null,
      writeAfterMs: null,
      failure,
    }),
    stepOf({ action: 'start', server: 'node1', writeAfterMs: 70 }),
  ];
  const load = {
    operations: 1,
    acknowledged: 1,
    failed: 0,
    unknown: 0,
    lost: [],
    linearizable: 'ok',
  };
  const staircase = {
    name: 'staircase-kill',
    way: 'kill',
    nodes: 1,
    startCommand: 'npm run cluster -- --nodes 1',
    steps,
    durationMs: 10,
    leaderChanges: 0,
    load,
    complaints: [`step 1: ${failure}`],
  } as const;
  const document = documentOf('processes', { staircases: [staircase], scenarios: [], broken: [] });
  t.deepEqual(complaintsOf(document), [`staircase-kill, 1 servers: step 1: ${failure}`]);
  t.deepEqual(majorityBackMs(staircase), [70]);
  t.deepEqual(leaderLossMs(staircase), []);
  const content = contentOf(document, MANIFEST);
  const markdown = reportMarkdown(content);
  t.regex(markdown, /❌ \*\*FAILED\*\*/);
  t.regex(markdown, /\*\*2 of 3\*\*/);
  t.regex(markdown, /# kill node1: 0 up, nobody is left to ask\n/);
  t.regex(reportPage(content), /class="banner failed"/);
});
