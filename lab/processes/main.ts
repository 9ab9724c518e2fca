/** The command `npm run cluster`: a cluster of processes on this machine, or one more node. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { dataDirectory } from '../../src/config.ts';
import { standardOutput } from '../../src/standard-output.ts';
import { stopSignal } from '../../src/stop-signals.ts';
import { messageOf, mistake, oneLine, UserError } from '../../src/user-error.ts';
import { ensureWritable } from '../../src/writable-directory.ts';
import { shownPath } from '../sweep/output-directory.ts';
import { type Plan, parseArguments } from './arguments.ts';
import { ProcessCluster } from './cluster-processes.ts';
import { entryAt, joinCluster, membersAt } from './join-cluster.ts';
import { isFree, LOOPBACK, nextFreePort } from './ports.ts';
import type { ProcessMember } from './process-member.ts';
import { ask } from './requests.ts';
import { clusterHints, endText, joinHints, memberTable } from './text.ts';
import { tokenSettings } from './token.ts';

const { stdout, stderr } = standardOutput();
const COLUMNS = 80;
const LEADER_LIMIT_MS = 10_000;
const LEADER_EVERY_MS = 50;

type Run = {
  readonly cluster: ProcessCluster;
  readonly plan: Plan;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
};

/** Resolves to the exit status. */
async function main(words: readonly string[]): Promise<number> {
  const request = parseArguments(words, columns());
  if (request.kind === 'help') {
    print(request.text.trimEnd());
    return 0;
  }
  const { plan } = request;
  const interruption = new AbortController();
  const stopped = stopSignal().then(() => interruption.abort());
  const environment: Record<string, string> = plan.faults ? { FAULTS: 'true' } : {};
  const cluster = new ProcessCluster({ dataDir: plan.data, environment });
  const run: Run = { cluster, plan, signal: interruption.signal };
  const started = request.kind === 'join' ? startOneMore(run) : startAll(run, request.nodes);
  try {
    await Promise.race([started, stopped]);
    if (interruption.signal.aborted) return 0;
    return await Promise.race([stopped.then(() => 0), watch(run)]);
  } finally {
    interruption.abort();
    await cluster.stop();
    // What was under way when the signal came ends with its processes.
    await started.catch(() => {});
    await cluster.stop();
  }
}

async function startAll({ cluster, plan, signal }: Run, nodes: number): Promise<void> {
  const ports = Array.from({ length: nodes }, (_, i) => plan.port + i);
  await checkPorts(ports);
  ensureWritable(plan.data, '--data');
  const members = cluster.addFirst(ports, tokenSettings(plan.data, true, process.env));
  const found = members.filter(({ dataDir }) => existsSync(dataDir)).length;
  await cluster.start();
  await waitForLeader(members, signal);
  if (signal.aborted) return;
  const count = nodes === 1 ? '1 node' : `${nodes} nodes`;
  print(`${count}, data in ${shownPath(plan.data)}${foundText(found)}`);
  print(`${memberTable(members, columns())}\n\n${clusterHints(members)}`);
}

/** Flags say nothing about members that are remembered. */
function foundText(found: number): string {
  if (found === 0) return '';
  return `; ${found === 1 ? '1 goes' : `${found} go`} on with data from before, members included`;
}

async function startOneMore({ cluster, plan, signal }: Run): Promise<void> {
  const known = await membersAt(plan.port);
  ensureWritable(plan.data, '--data');
  const isNew = (port: number): boolean => {
    const id = `${LOOPBACK}:${port}`;
    return !known.includes(id) && !existsSync(dataDirectory(plan.data, id));
  };
  const port = await nextFreePort(plan.port + 1, isNew);
  if (port === null) throw mistake('--port', String(plan.port), 'a port with a free one behind it');
  const member = cluster.addWaiting(port, tokenSettings(plan.data, false, process.env));
  await member.start();
  const joined = await joinCluster(entryAt(plan.port), member.id, signal);
  print(`${member.id} joined as one of ${joined.members.length} members`);
  print(`${memberTable([member], columns())}\n\n${joinHints(member, joined.leaderUrl)}`);
}

async function checkPorts(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (await isFree(port)) continue;
    const allowed = `a port that is free, as the ${ports.length - 1} behind it; ${port} is in use`;
    throw mistake('--port', String(ports[0]), allowed);
  }
}

/** So that the commands printed work at once. Nodes that found old data may have to wait longer. */
async function waitForLeader(members: readonly ProcessMember[], signal: AbortSignal) {
  const deadlineMs = performance.now() + LEADER_LIMIT_MS;
  while (performance.now() < deadlineMs && !signal.aborted) {
    const answers = await Promise.all(members.map(({ url }) => ask(`${url}/ready`)));
    if (answers.every((answer) => answer?.status === 200)) return;
    await delay(LEADER_EVERY_MS);
  }
  if (!signal.aborted) print('there is no leader yet; a majority of the members must be there');
}

/** Tells of each node that ends by itself; resolves to the exit status once none is left. */
async function watch({ cluster, signal }: Run): Promise<number> {
  await Promise.all(
    cluster.members.map(async (member) => {
      const ended = await member.exited;
      if (!signal.aborted) stderr.write(`${endText(member, ended)}\n`);
    }),
  );
  return signal.aborted ? 0 : 1;
}

function columns(): number {
  return stdout.columns ?? COLUMNS;
}

function print(text: string): void {
  stdout.write(`${text}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  stderr.write(`${oneLine(messageOf(error))}\n`);
  process.exitCode = error instanceof UserError ? 2 : 1;
}
