/**
 * How a cluster of three processes fares on a machine that is busy with other work: how soon its
 * first leader is there, how often the lead changes under writes, and what clients are served. A
 * row per run; give two checkouts in turns to compare them:
 *
 *     npm exec -c 'node scripts/busy-machine.ts --source ../before --source . --loops 16'
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Command, Option } from 'commander';
import { KvHttpClient } from '../lab/http/kv-client.ts';
import { HttpLinks } from '../lab/http/links.ts';
import { Recorder } from '../lab/http/recorder.ts';
import { endWithThisProcess } from '../lab/processes/children.ts';
import type { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts } from '../lab/processes/ports.ts';
import type { ProcessMember } from '../lab/processes/process-member.ts';
import { parseWords } from '../lab/sweep/own-words.ts';
import { numberAllowed, parseNumber } from '../src/decimal.ts';
import { messageOf, mistake, oneLine, UserError } from '../src/user-error.ts';

type Plan = {
  /** Checkouts whose servers are run, in turns. */
  readonly sources: readonly string[];
  readonly rounds: number;
  readonly loops: number;
  readonly writers: number;
  readonly seconds: number;
  readonly failovers: number;
};

type Row = {
  readonly firstLeaderMs: number;
  readonly changes: number;
  readonly acknowledged: number;
  readonly failed: number;
  /** Between two acknowledged writes. */
  readonly longestGapMs: number;
  readonly failoversMs: readonly number[];
};

/** A server has noted that somebody leads. */
export type Lead = { readonly atMs: number; readonly term: number; readonly leader: string };

const CONNECTIONS = 32;
const REQUEST_TIMEOUT_MS = 10_000;
const LEADER_LIMIT_MS = 120_000;
const POLL_EVERY_MS = 10;

const LOOP = 'for (;;);';
const WRITER = `
  const fs = require('node:fs');
  const bytes = Buffer.alloc(64 << 20, 1);
  for (const file = fs.openSync(process.argv[1], 'w'); ; ) {
    fs.writeSync(file, bytes, 0, bytes.length, 0);
    fs.fsyncSync(file);
  }`;

/** The leads that a server's log tells of, which it writes as they come. */
export function leadsIn(log: string): Lead[] {
  return log
    .split('\n')
    .filter((line) => line.endsWith('"msg":"the leader"}'))
    .map((line) => JSON.parse(line))
    .filter(({ leader }) => leader !== null)
    .map(({ time, term, leader }) => ({ atMs: Date.parse(time), term, leader }));
}

/** Of the whole cluster, the first notice of each term's. */
function leadsOf(cluster: ProcessCluster): Lead[] {
  const all = cluster.members
    .filter(({ logFile }) => existsSync(logFile))
    .flatMap(({ logFile }) => leadsIn(readFileSync(logFile, 'utf8')))
    .sort((a, b) => a.atMs - b.atMs);
  return all.filter(({ term }, i) => all.findIndex((lead) => lead.term === term) === i);
}

async function nextLead(cluster: ProcessCluster, afterTerm: number): Promise<Lead> {
  const deadlineMs = performance.now() + LEADER_LIMIT_MS;
  while (performance.now() < deadlineMs) {
    const found = leadsOf(cluster).find(({ term }) => term > afterTerm);
    if (found !== undefined) return found;
    await delay(POLL_EVERY_MS);
  }
  throw new Error(`nobody leads after ${LEADER_LIMIT_MS / 1000} s`);
}

function latestTerm(cluster: ProcessCluster): number {
  return Math.max(0, ...leadsOf(cluster).map(({ term }) => term));
}

async function run(plan: Plan, source: string, directory: string): Promise<Row> {
  const work: ChildProcess[] = [];
  const begin = (code: string, ...words: string[]): void => {
    const child = spawn(process.execPath, ['-e', code, ...words], { stdio: 'ignore' });
    endWithThisProcess(child);
    work.push(child);
  };
  for (let i = 0; i < plan.loops; i++) begin(LOOP);
  for (let i = 0; i < plan.writers; i++) begin(WRITER, join(directory, `written-${i}`));
  const path = join(source, 'lab', 'processes', 'cluster-processes.ts');
  const theirs: typeof import('../lab/processes/cluster-processes.ts') = await import(
    pathToFileURL(path).href
  );
  const cluster = new theirs.ProcessCluster({ dataDir: directory });
  try {
    cluster.addFirst(await freePorts(3));
    const startedAtMs = Date.now();
    const starting = cluster.members.map((member) => member.start(LEADER_LIMIT_MS));
    const [first] = await Promise.all([nextLead(cluster, 0), ...starting]);
    const firstLeaderMs = first.atMs - startedAtMs;
    const served = await writes(cluster, plan.seconds);
    const failoversMs = await failovers(cluster, plan.failovers);
    return { firstLeaderMs, ...served, failoversMs };
  } finally {
    for (const child of work) child.kill('SIGKILL');
    await cluster.stop();
  }
}

/** Puts on all connections at once, each after the answer to the one before. */
async function writes(
  cluster: ProcessCluster,
  seconds: number,
): Promise<Pick<Row, 'changes' | 'acknowledged' | 'failed' | 'longestGapMs'>> {
  const links = new HttpLinks(CONNECTIONS);
  const recorder = new Recorder();
  const servers = cluster.members.map(({ id, url }) => ({ address: id, url }));
  const termBefore = latestTerm(cluster);
  const endMs = recorder.nowMs() + seconds * 1000;
  const write = async (client: number): Promise<void> => {
    const kv = new KvHttpClient({
      client,
      links,
      recorder,
      servers: () => servers,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      operationTimeoutMs: REQUEST_TIMEOUT_MS,
    });
    for (let number = 0; recorder.nowMs() < endMs; number++) {
      await kv.execute({ op: 'put', key: `${client}/${number % 100}`, value: number });
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, client) => write(client)));
  await links.close();
  const atMs = recorder.acknowledgedMs().sort((a, b) => a - b);
  return {
    changes: leadsOf(cluster).filter(({ term }) => term > termBefore).length,
    acknowledged: atMs.length,
    failed: recorder.history.length - atMs.length,
    longestGapMs: atMs.reduce((gap, ms, i) => Math.max(gap, ms - (atMs[i - 1] ?? ms)), 0),
  };
}

/** From the death of a leader to the first that knows another. */
async function failovers(cluster: ProcessCluster, count: number): Promise<number[]> {
  const tookMs: number[] = [];
  while (tookMs.length < count) {
    // Everybody is to know who leads, and connections to stand.
    await delay(1000);
    const { term, leader } = leadsOf(cluster).at(-1) as Lead;
    const member: ProcessMember = cluster.member(leader);
    const killedAtMs = Date.now();
    await member.kill();
    const { atMs } = await nextLead(cluster, term);
    tookMs.push(atMs - killedAtMs);
    await member.start();
  }
  return tookMs;
}

// ---- The command --------------------------------------------------------------------------------

const NUMBERS = {
  rounds: { about: 'how often each is run', fallback: 1, bounds: { low: 1, high: 1000 } },
  loops: { about: 'busy loops beside', fallback: 0, bounds: { low: 0, high: 1000 } },
  writers: { about: 'of 64 MB at a time, synced', fallback: 0, bounds: { low: 0, high: 100 } },
  seconds: { about: 'of puts', fallback: 30, bounds: { low: 0, high: 3600 } },
  failovers: { about: 'leaders killed afterwards', fallback: 0, bounds: { low: 0, high: 1000 } },
} as const;
type Flag = keyof typeof NUMBERS;

function planOf(values: Readonly<Record<string, string | string[] | undefined>>): Plan {
  const number = (flag: Flag): number => {
    const text = values[flag];
    if (typeof text !== 'string') return NUMBERS[flag].fallback;
    const bounds = { ...NUMBERS[flag].bounds, whole: true };
    const value = parseNumber(text, bounds);
    if (value === undefined) throw mistake(`--${flag}`, text, numberAllowed(bounds));
    return value;
  };
  const sources = [values.source ?? '.'].flat().map((source) => {
    if (existsSync(join(source, 'src', 'main.ts'))) return resolve(source);
    throw mistake('--source', source, 'a directory with src/main.ts in it');
  });
  return {
    sources,
    rounds: number('rounds'),
    loops: number('loops'),
    writers: number('writers'),
    seconds: number('seconds'),
    failovers: number('failovers'),
  };
}

function textOf(source: string, row: Row): string {
  const failoversMs = [...row.failoversMs].sort((a, b) => a - b);
  return [
    source,
    `first leader ${row.firstLeaderMs} ms`,
    `${row.changes} changes of leader`,
    `${row.acknowledged} acknowledged`,
    `${row.failed} not`,
    `longest gap ${Math.round(row.longestGapMs)} ms`,
    ...(failoversMs.length === 0 ? [] : [`failovers ${failoversMs.join(' ')} ms`]),
  ].join(' · ');
}

async function main(words: readonly string[]): Promise<void> {
  const command = new Command('busy-machine')
    .description('Three servers beside other work: first leader, changes of leader, service.')
    .allowExcessArguments(false)
    .addOption(
      new Option(
        '--source <directory>',
        'a checkout to run; may be repeated (default .)',
      ).argParser((value: string, before: string[] = []) => [...before, value]),
    );
  for (const [flag, { about, fallback }] of Object.entries(NUMBERS)) {
    command.option(`--${flag} <number>`, `${about} (default ${fallback})`);
  }
  const help = parseWords(command, 'busy-machine', words, process.stdout.columns ?? 80);
  if (help !== null) {
    process.stdout.write(help.text);
    return;
  }
  const plan = planOf(command.opts());
  for (let round = 0; round < plan.rounds; round++) {
    for (const source of plan.sources) {
      const directory = mkdtempSync(join(tmpdir(), 'busy-machine-'));
      try {
        process.stdout.write(`${textOf(source, await run(plan, source, directory))}\n`);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }
  }
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${oneLine(messageOf(error))}\n`);
    process.exitCode = error instanceof UserError ? 2 : 1;
  }
}
