/**
 * Shows what TLS_CERT, TLS_KEY and TLS_CA do: HTTP and peers speak TLS, a peer is let in only by a
 * certificate of the authority that names its host, and whoever dials holds the other end to the
 * same. The certificates are those of scripts/throwaway-authority.sh.
 *
 *     npx ava test/tls.test.ts
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get as getPlain, type IncomingMessage } from 'node:http';
import { get, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts } from '../lab/processes/ports.ts';
import type { ProcessMember } from '../lab/processes/process-member.ts';
import { ask } from '../lab/processes/requests.ts';
import { readConfig } from '../src/config.ts';
import type { Certificates } from '../src/transport/certificates.ts';
import { PEERS_PATH } from '../src/transport/ws-peers.ts';
import { until as untilAsync } from './support/http-wait.ts';
import { server, until } from './support/ws-rig.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const SCRIPT = join(ROOT, 'scripts', 'throwaway-authority.sh');

let scratch = '';

test.before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'raft-tls-'));
});

test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

type Outcome = { readonly status: number; readonly stdout: string; readonly stderr: string };

function run(
  command: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { cwd: ROOT, env: { ...process.env, ...environment } };
    const child = execFile(command, words, options, (_, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

let made = 0;

/** The variables for servers at these hosts. */
async function authority(...hosts: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const directory = join(scratch, String(made++));
  const { status, stdout, stderr } = await run(SCRIPT, [directory, ...hosts]);
  if (status !== 0) throw new Error(stderr);
  return Object.fromEntries(
    [...stdout.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]),
  );
}

async function certificates(...hosts: readonly string[]): Promise<Certificates> {
  const { TLS_CERT = '', TLS_KEY = '', TLS_CA = '' } = await authority(...hosts);
  const [cert = '', key = '', ca = ''] = [TLS_CERT, TLS_KEY, TLS_CA].map((file) =>
    readFileSync(file, 'utf8'),
  );
  return { cert, key, ca };
}

// ---- The script ---------------------------------------------------------------------------------

test.serial('the script says what is wrong, and keeps what is there', async (t) => {
  const { TLS_KEY = '' } = await authority('node1', '127.0.0.1', '::1');
  t.is(statSync(TLS_KEY).mode & 0o777, 0o600);
  const before = readFileSync(TLS_KEY, 'utf8');
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/^throwaway-authority: expected a directory and hosts, got ''\n$/],
    [/^throwaway-authority: expected a name or an IP address, got 'a b'\n$/, scratch, 'a b'],
    [
      /^throwaway-authority: .*ca.crt is there already; name another directory\n$/,
      join(TLS_KEY, '..'),
    ],
    [/cannot make the directory/, join(TLS_KEY, 'below')],
  ];
  for (const [expected, ...words] of wrong) {
    const { status, stderr } = await run(SCRIPT, words);
    t.is(status, 2, words.join(' '));
    t.regex(stderr, expected);
  }
  t.is(readFileSync(TLS_KEY, 'utf8'), before);
});

// ---- Settings -----------------------------------------------------------------------------------

test.serial('TLS takes all three, and files that make it', async (t) => {
  const all = await authority();
  const other = await authority();
  const config = (environment: Readonly<Record<string, string>>) => readConfig([], environment, 80);
  t.like(config(all), {
    config: { certificates: { ca: readFileSync(all.TLS_CA ?? '', 'utf8').trim() } },
  });
  t.like(config({}), { config: { certificates: null } });
  const nonsense = join(scratch, 'nonsense');
  writeFileSync(nonsense, 'nonsense');
  const broken = join(scratch, 'broken');
  writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const { TLS_CERT = '', TLS_KEY = '', TLS_CA = '' } = all;
  const wrong: readonly (readonly [RegExp, Readonly<Record<string, string>>])[] = [
    [/^TLS_KEY and TLS_CA not set; TLS takes TLS_CERT, TLS_KEY and TLS_CA/, { TLS_CERT }],
    [/^TLS_CA not set; /, { TLS_CERT, TLS_KEY }],
    [/^TLS_CERT not set; /, { TLS_KEY, TLS_CA }],
    [
      /^TLS_CERT got '\/nowhere'; allowed: a file with a certificate as PEM \(ENOENT/,
      { ...all, TLS_CERT: '/nowhere' },
    ],
    [
      /^TLS_CA got '.*nonsense'; allowed: a file with a certificate as PEM$/,
      { ...all, TLS_CA: nonsense },
    ],
    [
      /do not make TLS: the key is that of another certificate$/,
      { ...all, TLS_KEY: other.TLS_KEY ?? '' },
    ],
    [/do not make TLS: /, { ...all, TLS_CERT: broken }],
  ];
  for (const [message, environment] of wrong) t.throws(() => config(environment), { message });
});

// ---- Peers --------------------------------------------------------------------------------------

test.serial('peers with certificates of one authority reach each other, both ways', async (t) => {
  const own = await certificates();
  const [here, there] = [
    await server(t, { certificates: own, token: 'secret' }),
    await server(t, { certificates: own, token: 'secret' }),
  ];
  here.peers.follow([there.id]);
  there.peers.follow([here.id]);
  await until('both are connected', () => here.isConnectedTo(there) && there.isConnectedTo(here));
  here.sendLarge(there, 3 * 2 ** 20);
  there.send(here, 5);
  await until('a large message arrives', () => there.received.length === 1);
  await until('a small one arrives', () => here.terms.includes(5));
  // Longer than a silent connection is kept.
  const lateMs = performance.now() + 3000;
  await until('signs of life go both ways', () => performance.now() > lateMs);
  t.true(here.isConnectedTo(there) && there.isConnectedTo(here));
  t.is(here.statsOf(there)?.reconnects, 0);
});

test.serial(
  'a peer is refused by whom it dials, and by who dials it, unless it is certified',
  async (t) => {
    const own = await certificates();
    const here = await server(t, { certificates: own });
    const foreign = await certificates();
    /** Takes the others for certified, and is not. */
    const pretender = { ...foreign, ca: own.ca };
    const misnamed = await certificates('node1.test');
    const elsewhere = await server(t, { certificates: pretender });
    elsewhere.peers.follow([here.id]);
    await until('refused by whom it dials', () => elsewhere.refusals.length > 0);
    t.like(elsewhere.refusals[0], { by: here.id, code: 'wrong_certificate' });
    t.true(here.logsOf('wrong_certificate').length > 0);
    here.peers.follow([elsewhere.id]);
    await until('refused by who dials it', () => here.logsOf('has no fit certificate').length > 0);
    t.false(here.isConnectedTo(elsewhere));
    t.false(elsewhere.isConnectedTo(here));

    const named = await server(t, { certificates: misnamed });
    const asker = await server(t, { certificates: { ...own, ca: misnamed.ca } });
    await t.throwsAsync(asker.peers.identify(named.id, 5000), { message: /ERR_TLS_CERT_ALTNAME/ });
    const judge = await server(t, { certificates: { ...own, ca: misnamed.ca } });
    const dialling = await server(t, { certificates: { ...misnamed, ca: own.ca } });
    dialling.peers.follow([judge.id]);
    await until('a name that is not its host', () => dialling.refusals.length > 0);
    t.regex(dialling.refusals[0]?.reason ?? '', /does not match certificate's altnames/);
  },
);

test.serial('without a certificate, or without TLS, nobody shakes hands', async (t) => {
  const own = await certificates();
  const here = await server(t, { certificates: own });
  const plain = await server(t);
  plain.peers.follow([here.id]);
  here.peers.follow([plain.id]);
  await until('both have tried', () => plain.logged.length > 0 && here.logged.length > 0);
  t.false(plain.isConnectedTo(here) || here.isConnectedTo(plain));
  const bare = new WebSocket(`wss://${here.id}${PEERS_PATH}`, { ca: own.ca });
  bare.on('error', () => {});
  const [, answer] = (await once(bare, 'unexpected-response')) as [unknown, IncomingMessage];
  t.is(answer.statusCode, 403);
  answer.destroy();
});

// ---- Servers ------------------------------------------------------------------------------------

async function clusterOn(
  t: ExecutionContext,
  environment: Readonly<Record<string, string>>,
): Promise<readonly ProcessMember[]> {
  const dataDir = mkdtempSync(join(scratch, 'data-'));
  const settings = { ...environment, ELECTION_TIMEOUT_MS: '1000-2000' };
  const cluster = new ProcessCluster({ dataDir, environment: settings });
  t.teardown(() => cluster.kill());
  const members = cluster.addFirst(await freePorts(3));
  await Promise.all(members.map((member) => member.start(120_000)));
  for (const { url } of members) {
    await untilAsync('it is ready', async () => (await ask(`${url}/ready`))?.status === 200);
  }
  return members;
}

test.serial(
  'a cluster serves over TLS and names its leader so, and says nothing in the clear',
  async (t) => {
    const environment = await authority();
    const ca = readFileSync(environment.TLS_CA ?? '', 'utf8');
    const members = await clusterOn(t, environment);
    const follower = await (async () => {
      for (const member of members) {
        if ((await ask(`${member.url}/health`))?.body.role === 'follower') return member;
      }
      throw new Error('all lead');
    })();
    t.true(follower.url.startsWith('https://'));
    const locations = [follower.url, follower.publicUrl].map(async (url) => {
      const headers = { 'content-type': 'application/json' };
      const asked = request(`${url}/items/abc`, { ca, method: 'POST', headers });
      asked.end('{"value":1}');
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      answer.resume();
      t.is(answer.statusCode, 307);
      return String(answer.headers.location);
    });
    const [inner = '', outer = ''] = await Promise.all(locations);
    t.true(
      members.some(({ url }) => inner === `${url}/items/abc`),
      inner,
    );
    t.true(
      members.some(({ publicUrl }) => outer === `${publicUrl}/items/abc`),
      outer,
    );
    const body = { value: 1 };
    t.is((await ask(inner, { body }))?.status, 201);

    // No connection that is open already will do.
    const untrusting = get(`${follower.url}/health`, { ca: [], agent: false });
    const [error] = (await once(untrusting, 'error')) as [NodeJS.ErrnoException];
    t.regex(String(error.code), /SELF_SIGNED|UNABLE_TO/);
    const plain = getPlain(follower.url.replace('https:', 'http:'));
    t.truthy((await once(plain, 'error')) as [Error]);
    const [answer] = (await once(get(`${follower.url}/health`, { ca }), 'response')) as [
      IncomingMessage,
    ];
    t.like(await json(answer), { status: 'ok', id: follower.id });
    const asked = { HOST: '0.0.0.0', PORT: String(follower.port), ...environment };
    const healthy = await run(process.execPath, ['src/healthcheck.ts'], asked);
    t.like(healthy, { status: 0, stdout: '/health answered 200\n' });
  },
);
