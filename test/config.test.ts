/**
 * Shows what a server makes of flags, environment variables and a file: which goes before which,
 * what follows from what, and that each mistake is told in one line under the name that its user
 * wrote.
 *
 *     npx ava test/config.test.ts
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseAddress } from '../src/address.ts';
import { type Config, dataDirectory, readConfig } from '../src/config.ts';
import {
  configurationTable,
  FIELD_NAMES,
  FIELDS,
  flagOf,
  variableOf,
} from '../src/config-fields.ts';
import { createLogger } from '../src/logger.ts';
import { PERFECT } from '../src/transport/link.ts';
import { UserError } from '../src/user-error.ts';

type Environment = Readonly<Record<string, string>>;

function config(words: readonly string[] = [], environment: Environment = {}): Config {
  const request = readConfig(words, environment, 80);
  if (request.kind !== 'run') throw new Error('help was asked for');
  return request.config;
}

/** The one line that the settings are refused with. */
function refusal(t: ExecutionContext, words: readonly string[], environment: Environment = {}) {
  const error = t.throws(() => config(words, environment), { instanceOf: UserError });
  const message = error?.message ?? '';
  t.notRegex(message, /\n/);
  return message;
}

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'config-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

function file(t: ExecutionContext, content: unknown): string {
  const path = join(temporary(t), 'node.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

// ---- Values -------------------------------------------------------------------------------------

test('nothing said: one server on the loopback interface', (t) => {
  t.like(config(), {
    nodeId: '127.0.0.1:8001',
    host: '127.0.0.1',
    port: 8001,
    peers: [],
    dataDir: '.data/127.0.0.1_8001',
    join: false,
    publicUrl: null,
    clusterId: 'raft-lab',
    clusterToken: null,
    joinTimeoutMs: 10_000,
    faults: false,
    link: PERFECT,
    logFile: null,
  });
  t.like(config().settings, { electionTimeoutMs: [150, 300], preVote: true, checkQuorum: true });
});

test('the environment of the quick start', (t) => {
  const started = config([], {
    NODE_ID: '127.0.0.1:8001',
    PORT: '8001',
    PEERS: '127.0.0.1:8002,127.0.0.1:8003',
    DATA_DIR: '/tmp/one',
  });
  t.like(started, { peers: ['127.0.0.1:8002', '127.0.0.1:8003'], dataDir: '/tmp/one' });
});

test('what is not said follows from what is', (t) => {
  t.like(config([], { NODE_ID: 'node1:8000' }), { port: 8000, dataDir: '.data/node1_8000' });
  t.like(config([], { PORT: '8002' }), { nodeId: '127.0.0.1:8002', port: 8002 });
  t.like(config([], { NODE_ID: 'node1:80', PORT: '8000' }), { nodeId: 'node1:80', port: 8000 });
  t.is(dataDirectory('.data', '[::1]:8001'), '.data/__1_8001');
  t.is(config([], { JOIN_TIMEOUT_MS: '500' }).settings.catchUpTimeoutMs, 500);
  t.is(config([], { SNAPSHOT_EVERY: '10' }).settings.keptEntries, 10);
  const batch = config([], { BATCH: '8', WINDOW: '2', CLOCK_DRIFT: 'none' });
  t.is(batch.batchCommands, 8);
  t.like(batch.settings, { batchEntries: 8, windowMessages: 2, clockDriftPpm: null });
});

test('a list of all members serves each of them, and who waits to be joined has no peers', (t) => {
  const peers = 'n1:1, n2:2,n3:3';
  t.deepEqual(config([], { NODE_ID: 'n2:2', PEERS: peers }).peers, ['n1:1', 'n3:3']);
  t.deepEqual(config([], { NODE_ID: 'n2:2', PEERS: peers, JOIN: 'true' }).peers, []);
});

test('hosts that are allowed are a list of names and addresses', (t) => {
  t.deepEqual(config().allowedHosts, []);
  const { allowedHosts } = config([], { ALLOWED_HOSTS: 'kv.example, ::1,10.0.0.1' });
  t.deepEqual(allowedHosts, ['kv.example', '::1', '10.0.0.1']);
});

test('a token comes from a file, without the end of its line, or from one place else', (t) => {
  const path = join(temporary(t), 'token');
  writeFileSync(path, 'from-a-file\n');
  t.is(config([], { CLUSTER_TOKEN_FILE: path }).clusterToken, 'from-a-file');
  const both = { CLUSTER_TOKEN: 'secret', CLUSTER_TOKEN_FILE: path };
  const message = refusal(t, [], both);
  t.is(
    message,
    `CLUSTER_TOKEN_FILE got '${path}'; allowed: nothing beside CLUSTER_TOKEN, which is set as well`,
  );
  writeFileSync(path, 'two words');
  t.notRegex(refusal(t, [], { CLUSTER_TOKEN_FILE: path }), /words/);
});

test('links have the faults that are named, and no others', (t) => {
  t.deepEqual(config(['--link', '{"loss":0.5}']).link, { ...PERFECT, loss: 0.5 });
});

// ---- Sources ------------------------------------------------------------------------------------

test('flags go before variables, and variables before the file', (t) => {
  const path = file(t, { port: 1, heartbeatMs: 11, snapshotEvery: 111 });
  const words = ['--config', path, '--port', '3'];
  const all = config(words, { PORT: '2', HEARTBEAT_MS: '22' });
  t.is(all.port, 3);
  t.like(all.settings, { heartbeatMs: 22, snapshotEntries: 111 });
});

test('an empty variable counts as not set, but for no peers', (t) => {
  const path = file(t, { clusterId: 'other', peers: ['n2:2'] });
  const all = config(['--config', path], { CLUSTER_ID: '', CLUSTER_TOKEN: '', PEERS: '' });
  t.like(all, { clusterId: 'other', clusterToken: null, peers: [] });
});

test('a file has values of JSON or text, under either name', (t) => {
  const values = {
    NODE_ID: 'node1:8000',
    peers: ['n2:2', 'n3:3'],
    prevote: false,
    CHECK_QUORUM: 'false',
    clockDrift: 0,
    window: '7',
    link: { delayMs: 3 },
  };
  const all = config(['--config', file(t, values)]);
  t.like(all, { nodeId: 'node1:8000', peers: ['n2:2', 'n3:3'], link: { delayMs: 3 } });
  const { preVote, checkQuorum, clockDriftPpm, windowMessages } = all.settings;
  t.deepEqual([preVote, checkQuorum, clockDriftPpm, windowMessages], [false, false, 0, 7]);
});

test('a switch is on by its name alone', (t) => {
  t.true(config(['--faults']).faults);
  t.true(config(['--join', '--port', '8004']).join);
  t.false(config(['--join', 'false'], { JOIN: 'true' }).join);
});

test('to recover alone is a flag, which no variable and no file can set', (t) => {
  const request = (words: readonly string[], environment: Environment = {}) => {
    const { kind, ...rest } = readConfig(words, environment, 80);
    return { kind, ids: 'newClusterId' in rest ? [rest.newClusterId, rest.oldClusterId] : null };
  };
  const flag = '--recover-alone';
  t.deepEqual(request([flag]), { kind: 'recoverAlone', ids: [null, null] });
  // The flag names the cluster to make; what is set for every start, the one to find.
  const both = request([flag, '--cluster-id', 'new'], { CLUSTER_ID: 'old' });
  t.deepEqual(both, { kind: 'recoverAlone', ids: ['new', null] });
  t.deepEqual(request([flag], { CLUSTER_ID: 'old' }).ids, [null, 'old']);
  t.deepEqual(request([flag, '--config', file(t, { clusterId: 'old' })]).ids, [null, 'old']);
  t.is(request([], { RECOVER_ALONE: 'true' }).kind, 'run');
  t.regex(refusal(t, ['--config', file(t, { recoverAlone: true })]), /unknown setting/);
});

test('forwarding is a switch: on and off, too', (t) => {
  t.false(config().forward);
  t.true(config(['--forward']).forward);
  for (const [text, isOn] of Object.entries({ on: true, off: false, true: true, false: false })) {
    t.is(config([], { FORWARD: text }).forward, isOn);
    t.is(config(['--config', file(t, { forward: text })]).forward, isOn);
  }
  t.true(config(['--config', file(t, { forward: true })]).forward);
});

// ---- Mistakes -----------------------------------------------------------------------------------

const REFUSED: readonly (readonly [name: string, ...texts: string[]])[] = [
  [
    'NODE_ID',
    'node1',
    'node1:0',
    'node1:65536',
    ':8001',
    'no de:1',
    '::1:8001',
    'a#2:1',
    '1.2.3:4',
  ],
  ['HOST', '127.0.0.1:8001', 'a b', '999.1.1.1'],
  ['PORT', '0', '65536', '80.5', '0x50', 'http', '-1', ' 80'],
  ['PEERS', 'n1', 'n1:1,', 'n1:1,n1:1', 'n1:1;n2:2'],
  ['JOIN', 'yes', 'TRUE', '1'],
  ['DATA_DIR', ' '],
  ['PUBLIC_URL', 'localhost:8001', 'ftp://a', 'http://a/path', 'http://u:p@a', 'http://a?q'],
  ['ALLOWED_HOSTS', 'a:80', 'a b', 'a,,b', 'http://a', '[::1]'],
  ['CLUSTER_TOKEN_FILE', '/nowhere', '/dev/null', '/'],
  ['TLS_CERT', '/nowhere', '/dev/null'],
  ['FORWARD', 'yes', 'ON', '1'],
  ['CLUSTER_ID', 'two words', 'ü', 'x'.repeat(65)],
  ['ELECTION_TIMEOUT_MS', '150', '300-150', '0-10', '1-60001', '1.5-2', '-5-10'],
  ['HEARTBEAT_MS', '0', 'fast', '10001'],
  ['REQUEST_TIMEOUT_MS', '0', '1.5', '-1'],
  ['JOIN_TIMEOUT_MS', '0', '1e9'],
  ['SNAPSHOT_EVERY', '0', '1.5'],
  ['PREVOTE', 'on'],
  ['CHECK_QUORUM', 'off'],
  ['WINDOW', '0'],
  ['BATCH', '0', '65537'],
  ['CLOCK_DRIFT', '-1', 'off', '500001'],
  ['FAULTS', 'maybe'],
  ['LINK', '{', '[]', '1', '{"lost":1}', '{"loss":2}', '{"__proto__":{}}'],
  ['LOG_LEVEL', 'verbose'],
];

test('values that are not allowed are refused under the name of variable, flag or key', (t) => {
  for (const [variable, ...texts] of REFUSED) {
    const name = FIELD_NAMES.find((each) => variableOf(each) === variable);
    if (name === undefined) throw new Error(variable);
    for (const text of texts) {
      const message = refusal(t, [], { [variable]: text });
      t.true(message.startsWith(`${variable} got '${text.trim()}'; allowed: `), message);
      t.true(refusal(t, [`${flagOf(name)}=${text}`]).startsWith(`${flagOf(name)} got '`));
      const path = file(t, { [name]: text });
      t.true(refusal(t, ['--config', path]).startsWith(`${name} in ${path} got '`));
    }
  }
});

test('a heartbeat must come within an election timeout', (t) => {
  t.is(
    refusal(t, ['--heartbeat-ms', '100'], { ELECTION_TIMEOUT_MS: '100-200' }),
    "--heartbeat-ms got '100'; allowed: less than 100, the shortest election timeout " +
      '(ELECTION_TIMEOUT_MS is 100-200)',
  );
  t.regex(refusal(t, ['--election-timeout-ms', '20-40']), /^HEARTBEAT_MS got '50'.*--election-/);
});

test('unknown names and words are refused', (t) => {
  t.regex(refusal(t, ['--prot', '1']), /^unknown option '--prot'; --help lists/);
  t.regex(refusal(t, ['start']), /^too many arguments.*start; --help lists/);
  t.regex(refusal(t, ['--port']), /^option '--port <number>' argument missing; --help lists/);
  t.regex(refusal(t, ['--port', '1', '--port', '2']), /^--port came twice/);
  const path = file(t, { prot: 1 });
  t.is(
    refusal(t, ['--config', path]),
    `--config ${path}: unknown setting 'prot'; --help lists all settings`,
  );
  t.regex(refusal(t, ['--config', file(t, { port: 1, PORT: 1 })]), /port came twice/);
});

test('a file that is none, or holds something else, is refused', (t) => {
  t.regex(refusal(t, ['--config', '/nowhere/node.json']), /^--config got .*ENOENT/);
  for (const content of ['', '{"port":', '[]', 'null', '5']) {
    t.regex(refusal(t, ['--config', file(t, content)]), /^--config got '.*'; allowed: a/);
  }
  for (const value of [null, true, 1.5, {}, [1]]) {
    t.regex(refusal(t, ['--config', file(t, { nodeId: value })]), /^nodeId in .* got '/);
  }
  t.regex(refusal(t, ['--config', file(t, { faults: 1 })]), /^faults in .* got '1'; allowed: true/);
});

test('no message repeats a token', (t) => {
  t.notRegex(refusal(t, [], { CLUSTER_TOKEN: 'my secret' }), /secret/);
  t.notRegex(refusal(t, ['--config', file(t, { clusterToken: ['secret'] })]), /secret/);
  t.notRegex(refusal(t, ['--config', file(t, '{"clusterToken":"secret"x}')]), /secret/);
  t.notRegex(refusal(t, ['--cluster-token', 'secret', '--cluster-token', 'secret']), /'secret/);
});

test('addresses: names, IPv4, and IPv6 in brackets', (t) => {
  t.deepEqual(parseAddress('raft-0.raft.default.svc:8000'), {
    host: 'raft-0.raft.default.svc',
    port: 8000,
  });
  t.deepEqual(parseAddress('[::1]:1'), { host: '::1', port: 1 });
  t.deepEqual(parseAddress('my_node_1:65535'), { host: 'my_node_1', port: 65_535 });
  for (const text of ['', 'a', 'a:', ':1', '[a]:1', '[::1:1', 'a:01', 'a:1:1', '-a:1', 'a..b:1']) {
    t.is(parseAddress(text), null, text);
  }
});

// ---- Help and reference -------------------------------------------------------------------------

test('the help names every flag with its default, within the width of the terminal', (t) => {
  const request = readConfig(['--help'], { PORT: 'not looked at' }, 80);
  const text = request.kind === 'help' ? request.text : '';
  for (const name of FIELD_NAMES) t.true(text.includes(`${flagOf(name)} `), name);
  t.true(text.split('\n').every((line) => line.length <= 88));
});

test('the reference has a row for every setting, and every default is allowed', (t) => {
  const rows = configurationTable().split('\n');
  t.is(rows.length, FIELD_NAMES.length + 2);
  for (const name of FIELD_NAMES) {
    const row = rows.find((each) => each.startsWith(`| \`${variableOf(name)}\` |`));
    t.is(row?.split(' | ').length, 6, name);
    const { fallback, parse } = FIELDS[name];
    t.true(fallback === null || 'value' in parse(fallback), name);
  }
});

// ---- The log, and the command -------------------------------------------------------------------

test('the log is lines of JSON appended to its file', (t) => {
  const logFile = join(temporary(t), 'node.log');
  const settings = config(['--log-file', logFile, '--log-level', 'warn']);
  createLogger(settings).log.warn('first');
  const { log } = createLogger(settings);
  log.info('not this');
  log.error(new Error('second'));
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  const [first, second] = lines.map((line) => JSON.parse(line));
  t.is(lines.length, 2);
  t.like(first, { level: 'warn', id: '127.0.0.1:8001', msg: 'first' });
  t.like(second, { level: 'error', msg: 'second' });
});

async function runNode(words: readonly string[], environment: Environment) {
  const child = spawn(process.execPath, ['src/main.ts', ...words], {
    env: { ...process.env, ...environment },
  });
  const told = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    told.stdout += text;
  });
  child.stderr.on('data', (text) => {
    told.stderr += text;
  });
  const [status] = await once(child, 'close');
  return { status, ...told };
}

test('the command: a mistake is one line on standard error, and exit status 2', async (t) => {
  const wrong = await runNode(['--port', '0'], {});
  t.is(wrong.status, 2);
  t.is(wrong.stdout, '');
  t.is(wrong.stderr, "--port got '0'; allowed: a whole number from 1 to 65535\n");
  const help = await runNode(['--help'], {});
  t.is(help.status, 0);
  t.regex(help.stdout, /^Usage: npm run node -- \[flags\]\n/);
});
