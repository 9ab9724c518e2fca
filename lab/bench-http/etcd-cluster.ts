/**
 * Three members of etcd on this machine, each a process with its data in a directory of its own,
 * heartbeats and election timeouts as etcd has them by default.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endWithThisProcess } from '../processes/children.ts';
import { freePorts, LOOPBACK } from '../processes/ports.ts';
import { ask } from '../processes/requests.ts';
import type { System } from './system.ts';

const MEMBERS = ['e1', 'e2', 'e3'];
const STOP_MS = 5000;
/** Every revision is kept: 2 GB, the default, would end a long run. */
const QUOTA_BYTES = 8 * 2 ** 30;

/** The first line of `etcd --version`, or `null` where there is none to run. */
export async function etcdVersion(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('etcd', ['--version'], { env: environment() });
    return stdout.split('\n')[0]?.replace(/^etcd Version: /, '') ?? '';
  } catch {
    return null;
  }
}

type Member = {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly logFile: string;
};

/** Its leader is asked for later: electing one takes a second or more. */
export async function startEtcd(directory: string, version: string): Promise<System> {
  mkdirSync(directory, { recursive: true });
  const members = await membersIn(directory);
  const initialCluster = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  const processes = members.map((member) => startMember(directory, member, initialCluster));
  return {
    name: 'etcd',
    version,
    processIds: processes.flatMap(({ pid }) => pid ?? []),
    urls: members.map(({ clientUrl }) => clientUrl),
    leads,
    trouble: () => troubleOf(members, processes),
    close: async () => {
      await Promise.all(processes.map(stop));
    },
  };
}

async function membersIn(directory: string): Promise<Member[]> {
  const ports = await freePorts(2 * MEMBERS.length);
  return MEMBERS.map((name, i) => ({
    name,
    clientUrl: `http://${LOOPBACK}:${ports[2 * i]}`,
    peerUrl: `http://${LOOPBACK}:${ports[2 * i + 1]}`,
    logFile: join(directory, `${name}.log`),
  }));
}

function startMember(directory: string, member: Member, initialCluster: string): ChildProcess {
  const { name, clientUrl, peerUrl, logFile } = member;
  const log = openSync(logFile, 'a');
  const words = [
    ['--name', name],
    ['--data-dir', join(directory, name)],
    ['--listen-client-urls', clientUrl],
    ['--advertise-client-urls', clientUrl],
    ['--listen-peer-urls', peerUrl],
    ['--initial-advertise-peer-urls', peerUrl],
    ['--initial-cluster', initialCluster],
    ['--initial-cluster-state', 'new'],
    ['--quota-backend-bytes', String(QUOTA_BYTES)],
    ['--logger', 'zap'],
    ['--log-level', 'error'],
  ].flat();
  const child = spawn('etcd', words, { stdio: ['ignore', log, log], env: environment() });
  endWithThisProcess(child);
  // Told by `trouble`, as an end without a beginning.
  child.on('error', () => {});
  closeSync(log);
  return child;
}

/** Without settings of an etcd of the user's own; on some machines it wants to be told to run. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_'));
  return { ...Object.fromEntries(own), ETCD_UNSUPPORTED_ARCH: process.arch };
}

async function leads(url: string): Promise<boolean> {
  const body = (await ask(`${url}/v3/maintenance/status`, { body: {} }))?.body;
  const { member_id: own } = Object(body?.header);
  return own !== undefined && body?.leader === own;
}

function troubleOf(members: readonly Member[], processes: readonly ChildProcess[]): string | null {
  const ended = processes.findIndex(({ exitCode, pid }) => exitCode !== null || pid === undefined);
  const member = members[ended];
  if (member === undefined) return null;
  const last = readFileSync(member.logFile, 'utf8').trim().split('\n').at(-1) ?? '';
  return `etcd member ${member.name} has ended: ${last}`;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}
