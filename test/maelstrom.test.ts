/**
 * Shows that `scripts/maelstrom-node` speaks Maelstrom's protocol: a driver of our own starts its
 * processes from another directory, carries their messages, loses some and cuts servers off, kills
 * them and starts them again; what clients of `lin-kv` were told must be linearizable.
 *
 *     npx ava test/maelstrom.test.ts
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { checkLinearizability } from '../lab/linearizability.ts';
import { readSettings } from '../src/maelstrom/settings.ts';
import { between, fork, pick } from '../src/raft/random.ts';
import { UserError } from '../src/user-error.ts';
import { until as waitFor } from './support/http-wait.ts';
import { answerOf, CLIENT_TIMEOUT_MS, Clients } from './support/maelstrom-clients.ts';
import {
  type Body,
  PATIENCE_MS,
  Router,
  type RouterOptions,
  SCRIPT,
  Server,
} from './support/maelstrom-router.ts';

const test = anyTest as TestFn<{ folder: string; routers: Router[] }>;
type Context = ExecutionContext<{ folder: string; routers: Router[] }>;

/** Shorter than by default: three processes on one machine have no latency to speak of. */
const TIMES = { MAELSTROM_ELECTION_TIMEOUT_MS: '250-500', MAELSTROM_HEARTBEAT_MS: '50' };
/** So that nobody takes over by itself while a busy machine lets a leader wait. */
const PATIENT = { MAELSTROM_ELECTION_TIMEOUT_MS: '1500-3000', MAELSTROM_HEARTBEAT_MS: '100' };
const THREE = ['n0', 'n1', 'n2'];
const SEED = Number(process.env.MAELSTROM_SEED ?? Date.now() % 1_000_000);

test.beforeEach((t) => {
  t.context = { folder: mkdtempSync(join(tmpdir(), 'maelstrom-')), routers: [] };
});

test.afterEach.always(async (t) => {
  await Promise.all(t.context.routers.map((router) => router.killAll()));
  rmSync(t.context.folder, { recursive: true, force: true });
});

function createRouter(t: Context, options: Partial<RouterOptions> = {}): Router {
  const router = new Router({ ids: THREE, seed: SEED, environment: TIMES, ...options });
  t.context.routers.push(router);
  return router;
}

const write = (key: number, value: number): Body => ({ type: 'write', key, value });
const read = (key: number): Body => ({ type: 'read', key });

/** Asks until this is the answer: there may be no leader yet. */
async function until(router: Router, id: string, body: Body, wanted: string): Promise<Body> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  let reply: Body | null = null;
  while (performance.now() < deadlineMs) {
    reply = await router.ask('c1', id, body, CLIENT_TIMEOUT_MS);
    if (reply !== null && answerOf(reply) === wanted) return reply;
    await wait(20);
  }
  const log = router.servers.get(id)?.log;
  throw new Error(`${id} did not answer ${wanted} in time, but ${answerOf(reply)}: ${log}`);
}

async function wait(forMs: number): Promise<void> {
  await new Promise((go) => setTimeout(go, forMs));
}

// ---- One server ---------------------------------------------------------------------------------

test('through a link, and from another directory: every request and its answer', async (t) => {
  const script = join(t.context.folder, 'a link');
  symlinkSync(SCRIPT, script);
  const router = createRouter(t, { ids: ['n0'], script });
  const early = router.launch('n0');
  const refused = await router.ask('c1', 'n0', read(1));
  t.is(refused?.code, 11, 'before init');
  t.is((await router.init('n0'))?.type, 'init_ok');
  t.is((await router.init('n0'))?.type, 'init_ok', 'asked again');
  await until(router, 'n0', write(9, 9), 'write_ok');

  const answer = async (body: Body): Promise<unknown> => {
    const reply = await router.ask('c1', 'n0', body);
    if (reply === null) return null;
    const { in_reply_to: asked, text, ...rest } = reply;
    t.is(typeof asked, 'number');
    t.is(typeof text, rest.type === 'error' ? 'string' : 'undefined');
    return rest;
  };
  const error = (code: number): Body => ({ type: 'error', code });
  const cas = (from: number, to: number): Body => ({ type: 'cas', key: 1, from, to });

  t.deepEqual(await answer(read(1)), error(20));
  t.deepEqual(await answer(cas(0, 1)), error(20));
  t.deepEqual(await answer(read(1)), error(20), 'a cas never creates');
  t.deepEqual(await answer(write(1, 5)), { type: 'write_ok' });
  t.deepEqual(await answer(read(1)), { type: 'read_ok', value: 5 });
  t.deepEqual(await answer(cas(4, 6)), error(22));
  t.deepEqual(await answer(cas(5, 6)), { type: 'cas_ok' });
  t.deepEqual(await answer(read(1)), { type: 'read_ok', value: 6 });

  t.deepEqual(await answer({ type: 'read', key: '1' }), error(20), 'a text is no number');
  t.deepEqual(await answer({ type: 'write', key: { b: 1, a: 2 }, value: [null] }), {
    type: 'write_ok',
  });
  t.deepEqual(await answer({ type: 'read', key: { a: 2, b: 1 } }), {
    type: 'read_ok',
    value: [null],
  });

  t.deepEqual(await answer({ type: 'txn', txn: [] }), error(10));
  t.deepEqual(await answer({ type: 'read' }), error(12));
  t.deepEqual(await answer({ type: 'write', key: 1 }), error(12));
  t.deepEqual(await answer({ type: 'cas', key: 1, from: 6 }), error(12));
  t.deepEqual(await answer({ type: 'write', key: 'x'.repeat(70_000), value: 1 }), error(12));
  t.deepEqual(await answer({ type: 'init', node_id: 'n0' }), error(12));
  t.deepEqual(await answer({ type: 'init', node_id: 'n1', node_ids: ['n1'] }), error(12));
  t.deepEqual(await answer(read(1)), { type: 'read_ok', value: 6 }, 'none of these did harm');

  t.deepEqual(await router.end(), [0], early.log);
  t.deepEqual(router.strayLines, []);
});

test('what is no message is logged and ignored', async (t) => {
  const router = createRouter(t, { ids: ['n0'] });
  const server = router.launch('n0');
  const junk = [
    'not json',
    '{"src":"c1","dest":"n0"}',
    '{"src":"c1","dest":"n0","body":{"msg_id":1}}',
    '[]',
    'null',
    '17',
    '{"src":1,"dest":"n0","body":{"type":"read"}}',
  ];
  server.write(`\n${junk.join('\r\n')}\n`);
  await router.init('n0');
  const peers = [
    { type: 'raft' },
    { type: 'raft', frame: 'AAAA' },
    { type: 'forward' },
    { type: 'forward', request: { type: 'read' } },
    { type: 'forwarded', id: 1 },
    { type: 'read', key: 1 },
  ].map((body) => JSON.stringify({ src: 'n1', dest: 'n0', body }));
  server.write(`${peers.join('\n')}\n{"src":"c1","dest":"n7","body":{"type":"read","msg_id":1}}\n`);
  server.write(
    '{"src":"c1","dest":"n0","body":{"type":"write","key":1,"value":1e999,"msg_id":0}}\n',
  );
  await until(router, 'n0', write(1, 1), 'write_ok');
  await waitFor('the log to say so', () => server.log.includes('n7 came to n0'));
  t.is(server.log.match(/expected a message/g)?.length, junk.length, server.log);
  t.deepEqual(await router.end(), [0]);
  t.notRegex(server.log, /\n {4}at /, 'no stack');
});

test('what came before the end of its input is answered', async (t) => {
  const server = new Server(SCRIPT, TIMES);
  let printed = '';
  server.process.stdout.on('data', (text) => {
    printed += text;
  });
  const to = '{"src":"c0","dest":"n0","body":';
  server.write(`${to}{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0"]}}\n`);
  server.write(`${to}{"type":"write","msg_id":2,"key":1,"value":1e999}}\n`);
  // No line feed: the input ends in the middle of a line.
  server.process.stdin.end(`${to}{"type":"read","msg_id":3,"key":1}}`);
  t.is(await server.exited, 0, server.log);
  const answers = printed
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(new Set(answers.map(({ src, dest }) => `${src} to ${dest}`)), new Set(['n0 to c0']));
  const told = answers.map(({ body }) => `${body.in_reply_to} ${body.type} ${body.code ?? ''}`);
  // Infinity is no JSON; and the key is not there, if by then there is a leader to say so.
  const third = told.includes('3 error 20') ? '3 error 20' : '3 error 11';
  t.deepEqual(told.sort(), ['1 init_ok ', '2 error 12', third]);
});

test('a mistake in its environment is told in one line', async (t) => {
  const server = new Server(SCRIPT, { MAELSTROM_HEARTBEAT_MS: 'often' });
  t.is(await server.exited, 2);
  const line = /^maelstrom-node: MAELSTROM_HEARTBEAT_MS got 'often'; allowed: [^\n]+\n$/;
  t.regex(server.log, line);
  const wrong = {
    MAELSTROM_ELECTION_TIMEOUT_MS: ['300', '300-', '400-300', '0-5', 'a-b'],
    MAELSTROM_HEARTBEAT_MS: ['0', '1.5', '500', '700'],
    MAELSTROM_REQUEST_TIMEOUT_MS: ['0', '-1', 'soon'],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const message = `${name} got '${value}'; allowed: `;
      const error = t.throws(() => readSettings({ [name]: value }), { instanceOf: UserError });
      t.true(error.message.startsWith(message), error.message);
    }
  }
});

test('where nothing is installed it says so in one line', async (t) => {
  const script = join(t.context.folder, 'scripts/maelstrom-node');
  mkdirSync(join(t.context.folder, 'scripts'));
  copyFileSync(SCRIPT, script);
  const server = new Server(script, {});
  t.is(await server.exited, 2);
  t.regex(server.log, /^maelstrom-node: expected Node 24 and packages in [^\n]*npm ci[^\n]*\n$/);
});

// ---- Three servers ------------------------------------------------------------------------------

/** Each by its role, once there is a leader that all of them know. */
async function untilLed(router: Router): Promise<{ leader: string; followers: string[] }> {
  for (const id of router.options.ids) await until(router, id, write(0, 0), 'write_ok');
  const lastRole = (id: string): string | undefined =>
    router.servers
      .get(id)
      ?.log.match(/^\w+(?= in term)/gm)
      ?.at(-1);
  const leader = THREE.find((id) => lastRole(id) === 'leader') as string;
  return { leader, followers: THREE.filter((id) => id !== leader) };
}

/** Asked again after no answer, it may have been executed: the value is written anew before. */
async function exchanged(router: Router, id: string, from: number, to: number): Promise<void> {
  const cas: Body = { type: 'cas', key: 1, from, to };
  for (;;) {
    const answer = answerOf(await router.ask('c1', id, cas));
    if (answer === 'cas_ok') return;
    if (!['none', 'error0', 'error11'].includes(answer)) throw new Error(`cas: ${answer}`);
    await until(router, id, write(1, from), 'write_ok');
  }
}

test('every server takes every request, and denies no write that may still commit', async (t) => {
  const router = createRouter(t, { environment: PATIENT });
  const late = router.launch('n2');
  await Promise.all(['n0', 'n1'].map((id) => router.start(id)));
  // Meanwhile n2 is spoken to, and does not know yet who it is.
  await until(router, 'n0', write(1, 1), 'write_ok');
  t.is((await router.init('n2'))?.type, 'init_ok', late.log);
  const { leader, followers } = await untilLed(router);

  for (const [i, id] of THREE.entries()) {
    await until(router, id, write(1, i), 'write_ok');
    for (const other of THREE) t.is((await until(router, other, read(1), 'read_ok')).value, i);
    await exchanged(router, id, i, 10);
    await until(router, id, { type: 'cas', key: 1, from: i, to: 11 }, 'error22');
  }

  const [asked = ''] = followers;
  router.isCut = ({ src, body }) => src === leader && body.type === 'forwarded';
  t.is((await router.ask('c1', asked, write(1, 1)))?.code, 0, 'the answer on its way back is lost');
  t.is((await until(router, asked, read(1), 'read_ok')).value, 1, 'it was executed');

  router.isCut = ({ src, dest }) => src === leader || dest === leader;
  t.is((await router.ask('c1', leader, write(1, 2)))?.code, 0, 'a leader without a majority');
  await until(router, leader, write(1, 3), 'error11');
  t.is((await router.ask('c1', leader, read(1)))?.code, 11, 'it leads no longer');
  await until(router, asked, write(1, 4), 'write_ok');

  router.isCut = () => false;
  t.is((await until(router, leader, read(1), 'read_ok')).value, 4);
  t.deepEqual(await router.end(), [0, 0, 0]);
  t.deepEqual(router.strayLines, []);
});

test('times by default: servers 100 ms apart elect one and answer in time', async (t) => {
  const router = createRouter(t, { environment: {} });
  router.latencyMs = 100;
  await router.startAll();
  for (const [i, id] of THREE.entries()) {
    await until(router, id, write(1, i), 'write_ok');
    t.is((await until(router, id, read(1), 'read_ok')).value, i);
  }
});

// ---- Faults -------------------------------------------------------------------------------------

const FAULTS_MS = 5000;
const CLIENTS = 6;

/** One fault after the other, until the time is over; how often each came. */
async function disturb(router: Router, kinds: readonly string[]): Promise<Map<string, number>> {
  const rng = fork(SEED, 'faults');
  const counts = new Map<string, number>();
  const endMs = performance.now() + FAULTS_MS;
  for (let i = 0; i < kinds.length || performance.now() < endMs; i++) {
    // Each kind comes at least once.
    const kind = kinds[i] ?? pick(rng, kinds);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    await strike(router, kind, pick(rng, THREE), between(rng, 300, 900));
    await wait(between(rng, 200, 600));
  }
  return counts;
}

async function strike(router: Router, kind: string, id: string, forMs: number): Promise<void> {
  if (kind === 'kill') {
    await router.kill(id);
    await wait(forMs / 2);
    await router.start(id);
    return;
  }
  router.isCut = ({ src, dest }) =>
    (kind !== 'deaf' && src === id) || (kind !== 'mute' && dest === id);
  await wait(forMs);
  router.isCut = () => false;
}

test('linearizable whatever is lost, cut off and killed, with a data directory', async (t) => {
  const kinds = ['kill', 'isolated', 'deaf', 'mute'];
  const data = join(t.context.folder, 'data');
  const router = createRouter(t, { environment: { ...TIMES, MAELSTROM_DATA: data } });
  await router.startAll();
  await untilLed(router);
  const clients = new Clients(router, SEED);
  router.loss = 0.03;
  clients.start(CLIENTS);
  const faults = await disturb(router, kinds);
  router.loss = 0;
  await Promise.all(THREE.map((id) => until(router, id, write(9, 9), 'write_ok')));
  await clients.stop();

  const { lost, cut } = router.counts;
  t.log(`MAELSTROM_SEED=${SEED}`, Object.fromEntries(faults), { lost, cut });
  t.log(Object.fromEntries(clients.answers));
  t.true(lost > 0 && cut > 0);
  for (const answer of ['read_ok', 'write_ok', 'cas_ok', 'error22']) {
    t.true((clients.answers.get(answer) ?? 0) > 0, answer);
  }
  const checked = checkLinearizability(clients.history);
  t.is(checked.verdict, 'ok', `MAELSTROM_SEED=${SEED}: ${JSON.stringify(checked)}`);

  await router.killAll();
  await router.startAll();
  for (const id of THREE) {
    t.is((await until(router, id, read(9), 'read_ok')).value, 9, 'all were killed at once');
  }
  t.deepEqual(router.strayLines, []);
});

test('a data directory that cannot be used is told in one line', async (t) => {
  const server = new Server(SCRIPT, { MAELSTROM_DATA: SCRIPT });
  const body = { type: 'init', msg_id: 1, node_id: 'n0', node_ids: ['n0'] };
  server.write(`${JSON.stringify({ src: 'c0', dest: 'n0', body })}\n`);
  t.is(await server.exited, 2);
  t.regex(server.log, /^maelstrom-node: [^\n]*maelstrom-node\/n0[^\n]*\n$/);
});
