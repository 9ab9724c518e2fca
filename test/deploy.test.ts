/**
 * Shows that the files containers are made from agree with the project: they set what a server can
 * be told and to values it takes, name each other's ports, volumes and paths, and use the Node that
 * package.json asks for. What needs no engine of the scripts around them is run.
 *
 *     npx ava test/deploy.test.ts
 */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { FIELD_NAMES, FIELDS, variableOf } from '../src/config-fields.ts';
import {
  type ComposeService,
  composeOf,
  type Manifest,
  manifestsOf,
  type Pod,
  ROOT,
  stagesOf,
  textOf,
  variablesOf,
} from './support/deploy-files.ts';

const STAGES = stagesOf(textOf('Dockerfile'));
const SERVER = STAGES.at(-1);
const SERVER_VARIABLES = variablesOf(SERVER?.lines ?? []);
const COMPOSE = composeOf('docker-compose.yml');
const FIVE = composeOf('docker-compose.five.yml');
const CLUSTER = manifestsOf('deploy/kubernetes/cluster.yaml');
const [EXPERIMENT] = manifestsOf('deploy/kubernetes/experiment.yaml').slice(-1);

/** What a server would say to these variables, as far as each stands alone. */
function wrongVariables(variables: Readonly<Record<string, string | null>>): string[] {
  return Object.entries(variables).flatMap(([variable, value]) => {
    const name = FIELD_NAMES.find((each) => variableOf(each) === variable);
    if (name === undefined) return [`${variable} is no setting`];
    if (value === null || value === '') return [];
    const parsed = FIELDS[name].parse(value);
    return 'value' in parsed ? [] : [`${variable}=${value}, allowed: ${parsed.allowed}`];
  });
}

// ---- Dockerfile ---------------------------------------------------------------------------------

test('the Dockerfile needs no more than a plain builder and the official images', (t) => {
  const text = textOf('Dockerfile');
  t.notRegex(text, /^# *syntax|<<|--link|--mount/m);
  t.deepEqual(
    STAGES.map(({ name, from }) => `${name} from ${from}`),
    [
      'modules from node:24-bookworm',
      'base from node:24-bookworm-slim',
      'lab from base',
      'node from base',
    ],
  );
});

test('the Node of the images is the one that package.json asks for', (t) => {
  const { engines } = JSON.parse(textOf('package.json'));
  const [, low, high] = /^>=(\d+)\.\d+ <(\d+)$/.exec(engines.node) ?? [];
  for (const { from } of STAGES.filter((stage) => stage.from.startsWith('node:'))) {
    t.is(from.slice('node:'.length).split('-')[0], low);
  }
  t.is(Number(high), Number(low) + 1);
});

test('what the Dockerfile copies and runs is there and gets past .dockerignore', (t) => {
  const sent = textOf('.dockerignore').match(/(?<=^!).+/gm) ?? [];
  const lines = STAGES.flatMap((stage) => stage.lines);
  const copied = lines
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(' ').slice(1, -1));
  t.deepEqual([...new Set(copied)].sort(), [...sent].sort());
  const run = new Set(lines.flatMap((line) => line.match(/[\w/.-]+\.ts\b/g) ?? []));
  t.deepEqual([...run].sort(), ['src/healthcheck.ts', 'src/main.ts']);
  for (const file of [...copied, ...run]) t.true(existsSync(join(ROOT, file)), file);
});

test('a server in the image is told only what it understands, and is not root', (t) => {
  const { NODE_COMPILE_CACHE: cache, ...settings } = SERVER_VARIABLES;
  t.deepEqual(wrongVariables(settings), []);
  // Of Node itself; it is filled while the image is built.
  t.is(cache, '/app/compile-cache');
  const lines = SERVER?.lines ?? [];
  t.true(lines.includes(`VOLUME ${SERVER_VARIABLES.DATA_DIR}`));
  t.true(lines.includes(`EXPOSE ${SERVER_VARIABLES.PORT}`));
  for (const { lines } of STAGES.slice(-2)) t.true(lines.includes('USER node'));
});

// ---- Compose ------------------------------------------------------------------------------------

const SERVICES: readonly [string, ComposeService][] = Object.entries(COMPOSE.services);
const FIRST = ['node1:8000', 'node2:8000', 'node3:8000'];

test('the compose file keeps to what both generations of Compose read', (t) => {
  const text = textOf('docker-compose.yml') + textOf('docker-compose.five.yml');
  t.notRegex(text, /^(name|version|include):|start_interval|required:|dockerfile_inline|develop:/m);
});

test('each service is a server with an address, a port and a volume of its own', (t) => {
  const expected = [1, 2, 3, 4, 5].map((n) => `node${n}`);
  t.deepEqual(Object.keys(COMPOSE.services), expected);
  t.deepEqual(Object.keys(COMPOSE.volumes ?? {}), expected);
  const inside = SERVER_VARIABLES.PORT;
  for (const [i, [name, { environment = {}, ports, volumes }]] of SERVICES.entries()) {
    t.deepEqual(wrongVariables(environment), [], name);
    t.is(environment.NODE_ID, `${name}:${inside}`);
    t.is(environment.PUBLIC_URL, `http://localhost:${8001 + i}`);
    // Whoever reaches a server can write to it: beyond this machine only if told.
    t.deepEqual(ports, [`$\{PUBLISH:-127.0.0.1}:${8001 + i}:${inside}`]);
    t.deepEqual(volumes, [`${name}:${SERVER_VARIABLES.DATA_DIR}`]);
  }
});

test('three servers come first; two more wait behind a profile to be joined', (t) => {
  for (const [name, { environment = {}, profiles }] of SERVICES) {
    const isFirst = FIRST.includes(`${name}:8000`);
    t.deepEqual(profiles, isFirst ? undefined : ['extra']);
    t.is(environment.JOIN, isFirst ? undefined : 'true');
    t.is(environment.PEERS, FIRST.join());
  }
});

test('with the second compose file all five come first', (t) => {
  const all = SERVICES.map(([name]) => `${name}:8000`).join();
  t.deepEqual(Object.keys(FIVE.services), Object.keys(COMPOSE.services));
  for (const [name, { environment = {} }] of SERVICES) {
    const together = { ...environment, ...FIVE.services[name]?.environment };
    t.is(together.PEERS, all);
    t.not(together.JOIN, 'true');
    t.deepEqual(wrongVariables(together), []);
  }
});

// ---- Kubernetes ---------------------------------------------------------------------------------

function manifest(kind: string): Manifest['spec'] {
  const found = CLUSTER.find((each) => each.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} in the manifest`);
  return found.spec;
}

function containerOf(spec: Manifest['spec'] | undefined): Pod['containers'][0] {
  const container = spec?.template?.spec.containers[0];
  if (container === undefined) throw new Error('no container in the manifest');
  return container;
}

test('servers of the StatefulSet know each other by names of the headless service', (t) => {
  const set = manifest('StatefulSet');
  const service = CLUSTER.find(({ metadata }) => metadata.name === set.serviceName);
  t.is(service?.spec.clusterIP, 'None');
  t.true(service?.spec.publishNotReadyAddresses);
  t.is(set.podManagementPolicy, 'Parallel');

  const given = containerOf(set).env ?? [];
  const { POD_NAME: _, ...variables } = Object.fromEntries(
    given.map(({ name, value }) => [name, value?.replace('$(POD_NAME)', 'raft-0') ?? null]),
  );
  t.deepEqual(wrongVariables(variables), []);
  const names = [...Array(set.replicas).keys()].map((n) => `raft-${n}.${set.serviceName}:8000`);
  t.is(variables.PEERS, names.join());
  t.is(variables.NODE_ID, names[0]);
});

test('it keeps a quorum, its disks and its distance from root', (t) => {
  const set = manifest('StatefulSet');
  const budget = manifest('PodDisruptionBudget');
  t.is(budget.maxUnavailable, 1);
  t.deepEqual(budget.selector, set.selector);
  t.deepEqual(set.selector, { matchLabels: set.template?.metadata?.labels });
  t.true(set.template?.spec.securityContext.runAsNonRoot);
  const { livenessProbe, readinessProbe, startupProbe, volumeMounts } = containerOf(set);
  t.is(volumeMounts[0]?.mountPath, SERVER_VARIABLES.DATA_DIR);
  t.deepEqual(
    [livenessProbe, readinessProbe, startupProbe].map(({ httpGet }) => httpGet.path),
    ['/health', '/ready', '/health'],
  );
});

test('the parts of the Job are all shards of one sweep', async (t) => {
  const { args, env } = containerOf(EXPERIMENT?.spec);
  const parts = EXPERIMENT?.spec.completions ?? 0;
  t.deepEqual(env, [{ name: 'PARTS', value: String(parts) }]);
  const folder = mkdtempSync(join(tmpdir(), 'deploy-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  // In place of npm: says what it was asked for.
  writeFileSync(join(folder, 'npm'), '#!/bin/sh\necho "$*"\n');
  chmodSync(join(folder, 'npm'), 0o755);
  const shards = [...Array(parts).keys()].map(async (index) => {
    const variables = { PARTS: String(parts), JOB_COMPLETION_INDEX: String(index) };
    const { text } = await run('sh', ['-c', args?.[0] ?? ''], {
      ...variables,
      PATH: `${folder}:${process.env.PATH}`,
    });
    return /^run experiment -- throughput .*--shard (\S+) --out (\S+)/.exec(text)?.slice(1);
  });
  t.deepEqual(
    await Promise.all(shards),
    [1, 2, 3, 4].map((part) => [`${part}/4`, `/results/part-${part}`]),
  );
});

// ---- What is run --------------------------------------------------------------------------------

type Outcome = { readonly status: number; readonly text: string; readonly errors: string };

function run(
  command: string,
  given: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { cwd: ROOT, env: { ...process.env, ...variables }, timeout: 60_000 };
    const child = execFile(command, given, options, (_, text, errors) =>
      resolve({ status: child.exitCode ?? -1, text, errors }),
    );
  });
}

function healthcheck(port: number): Promise<Outcome> {
  return run(process.execPath, ['src/healthcheck.ts'], { HOST: '0.0.0.0', PORT: String(port) });
}

test('the healthcheck tells a server that answers from one that does not', async (t) => {
  let answer: number | null = 200;
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    if (answer !== null) response.writeHead(answer).end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  t.like(await healthcheck(port), { status: 0, text: '/health answered 200\n' });
  answer = 503;
  t.like(await healthcheck(port), { status: 1, text: '/health answered 503\n' });
  answer = null;
  t.regex((await healthcheck(port)).text, /did not answer in 2500 ms/);
  t.deepEqual(asked, ['/health', '/health', '/health']);

  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  const { status, text } = await healthcheck(port);
  t.is(status, 1);
  t.regex(text, /ECONNREFUSED/);
});

test('the quick test says in one line why it cannot begin', async (t) => {
  const mistaken = await run('scripts/test_cluster.sh', ['--keep'], {});
  t.is(mistaken.status, 2);
  t.is(mistaken.errors, "test_cluster: expected --keep-volumes or nothing, got '--keep'\n");
  const alone = await run('scripts/test_cluster.sh', [], { DOCKER_HOST: 'tcp://127.0.0.1:1' });
  t.is(alone.status, 2);
  t.regex(alone.errors, /^test_cluster: .*(install|start it).*\n$/);
});

test('the quick tests for both shells take the same five steps', (t) => {
  const steps = (file: string): string[] => textOf(file).match(/\d\/5 [a-z ]+:/g) ?? [];
  const expected = ['start', 'find the leader', 'write', 'stop the leader', 'read back'];
  t.deepEqual(
    steps('scripts/test_cluster.sh'),
    expected.map((step, i) => `${i + 1}/5 ${step}:`),
  );
  t.deepEqual(steps('scripts/test_cluster.ps1'), steps('scripts/test_cluster.sh'));
});
