/**
 * One part of the torture: a fresh cluster, clients that write and read through HTTP, kills at
 * their times, and the verdict on what the clients saw.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { between, fork, type RandomState } from '../../src/raft/random.ts';
import type { HistoryOperation } from '../history.ts';
import { type HttpServer, KvHttpClient } from '../http/kv-client.ts';
import { HttpLinks } from '../http/links.ts';
import { Load, type LoadVerdict } from '../http/load.ts';
import { Recorder } from '../http/recorder.ts';
import { ProcessCluster } from '../processes/cluster-processes.ts';
import { freePorts } from '../processes/ports.ts';
import type { ProcessMember } from '../processes/process-member.ts';
import type { Plan } from './arguments.ts';
import { Victims } from './victims.ts';

/** Which servers are killed: one, drawn anew each time, or all. */
export type Part = 'one' | 'all';

export type Kill = {
  readonly atMs: number;
  readonly killed: number;
  /** The server that led was among them. */
  readonly hitLeader: boolean;
  /** Until a majority was up again; 0 if it was all the time. */
  readonly majorityAfterMs: number | null;
  /** Until a write that was asked for after the kill was acknowledged. */
  readonly servedAfterMs: number | null;
  /** The next kill came first: how long it would have taken is not known. */
  readonly overtaken: boolean;
};

export type PartResult = {
  readonly part: Part;
  readonly kills: readonly Kill[];
  readonly startUpsMs: readonly number[];
  readonly verdict: LoadVerdict;
  readonly history: readonly HistoryOperation[];
};

/** Upper end of the election timeouts, the servers' default: what recovery is measured in. */
export const ELECTION_TIMEOUT_MS = 300;

const PERIOD_MS = 1000;
/** Between the service's return and the next time that all are killed. */
const CALM_MS = 500;
const SERVED_WITHIN_MS = 60_000;
const REQUEST_TIMEOUT_MS = 3000;
const OPERATION_TIMEOUT_MS = 10_000;
const THINK_MS = 10;
const PROBE_TIMEOUT_MS = 1000;
const PROBER = 100;
const LOOK_EVERY_MS = 10;
/** Kills between lines of progress. */
const TOLD_EVERY = 5;
const NS_PER_MS = 1e6;

type Planned = Pick<Kill, 'atMs' | 'killed' | 'hitLeader'>;

/** All that a part works with. */
type Scene = {
  readonly plan: Plan;
  readonly rng: RandomState;
  readonly recorder: Recorder;
  readonly links: HttpLinks;
  readonly cluster: ProcessCluster;
  readonly victims: Victims;
  readonly load: Load;
  /** Aborts when nothing more is to be done. */
  readonly signal: AbortSignal;
  tell(line: string): void;
};

export async function runPart(
  part: Part,
  plan: Plan,
  dataDir: string,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<PartResult> {
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  const scene = await sceneOf(part, plan, dataDir, stop, tell);
  const { victims, load, links } = scene;
  try {
    await victims.start();
    return await Promise.race([perform(part, scene), victims.failed, abortOf(signal)]);
  } finally {
    ended.abort();
    const stopped = load.stop();
    await victims.end();
    await links.close();
    await stopped;
  }
}

async function sceneOf(
  part: Part,
  plan: Plan,
  dataDir: string,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<Scene> {
  const recorder = new Recorder();
  const links = new HttpLinks(plan.clients);
  const environment = { ELECTION_TIMEOUT_MS: `${ELECTION_TIMEOUT_MS / 2}-${ELECTION_TIMEOUT_MS}` };
  const cluster = new ProcessCluster({ dataDir, environment });
  cluster.addFirst(await freePorts(plan.nodes));
  const load = new Load({
    links,
    recorder,
    servers: () => serversOf(cluster),
    clients: plan.clients,
    seed: plan.seed,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    operationTimeoutMs: OPERATION_TIMEOUT_MS,
    // Once with repetitions that must not take effect twice, once with writes whose end is open.
    exactlyOnce: part === 'one',
    thinkMs: THINK_MS,
  });
  const rng = fork(plan.seed, `torture ${part}`);
  const victims = new Victims(cluster, recorder);
  return { plan, rng, recorder, links, cluster, victims, load, signal, tell };
}

async function perform(part: Part, scene: Scene): Promise<PartResult> {
  const { load, recorder, victims } = scene;
  await untilServed(scene);
  load.start();
  const planned =
    part === 'one' ? await killOneEachSecond(scene) : await killAllAgainAndAgain(scene);
  await untilAllUp(scene);
  await load.stop();
  const seen = recorder.history.slice();
  const verdict = await load.judge();
  return {
    part,
    kills: planned.map((kill, i) => killOf(kill, planned[i + 1], seen, victims)),
    startUpsMs: victims.startUpsMs,
    verdict,
    history: recorder.history,
  };
}

// ---- Kills --------------------------------------------------------------------------------------

async function killOneEachSecond(scene: Scene): Promise<Planned[]> {
  const { plan, rng, recorder, cluster, signal, tell } = scene;
  const kills: Planned[] = [];
  const served: Promise<void>[] = [];
  const startMs = recorder.nowMs();
  for (let second = 1; second <= plan.seconds; second++) {
    await delay(Math.max(0, startMs + second * PERIOD_MS - recorder.nowMs()), undefined, {
      signal,
    });
    const from = between(rng, 0, cluster.members.length - 1);
    const inTurn = [...cluster.members.slice(from), ...cluster.members.slice(0, from)];
    const victim = inTurn.find(({ isRunning }) => isRunning);
    if (victim === undefined) continue;
    kills.push(await kill([victim], scene));
    served.push(untilServed(scene));
    if (second % TOLD_EVERY === 0) tell(`${second} of ${plan.seconds} killed`);
  }
  await Promise.all(served);
  return kills;
}

async function killAllAgainAndAgain(scene: Scene): Promise<Planned[]> {
  const { plan, cluster, signal, tell } = scene;
  const kills: Planned[] = [];
  for (let round = 1; round <= plan.allAtOnce; round++) {
    await delay(CALM_MS, undefined, { signal });
    kills.push(await kill(cluster.members, scene));
    await untilServed(scene);
    await untilAllUp(scene);
    if (round % TOLD_EVERY === 0) tell(`all killed ${round} of ${plan.allAtOnce} times`);
  }
  return kills;
}

async function kill(members: readonly ProcessMember[], { victims }: Scene): Promise<Planned> {
  const leader = await victims.leader();
  const atMs = victims.kill(members);
  const hitLeader = members.some((member) => member === leader);
  return { atMs, killed: members.length, hitLeader };
}

function killOf(
  kill: Planned,
  next: Planned | undefined,
  history: readonly HistoryOperation[],
  victims: Victims,
): Kill {
  const killedNs = kill.atMs * NS_PER_MS;
  let servedNs = Number.POSITIVE_INFINITY;
  for (const { op, call, outcome, return: returned } of history) {
    if (op === 'get' || outcome !== 'ok' || call < killedNs || returned === null) continue;
    servedNs = Math.min(servedNs, returned);
  }
  const servedAfterMs = Number.isFinite(servedNs) ? servedNs / NS_PER_MS - kill.atMs : null;
  return {
    ...kill,
    majorityAfterMs: victims.majorityAfterMs(kill.atMs),
    servedAfterMs,
    overtaken: next !== undefined && kill.atMs + (servedAfterMs ?? 0) > next.atMs,
  };
}

// ---- Waiting ------------------------------------------------------------------------------------

/** Until a write that is asked for now, or one after it, is acknowledged. */
async function untilServed(scene: Scene): Promise<void> {
  const { cluster, links, plan, recorder, signal } = scene;
  const deadlineMs = recorder.nowMs() + SERVED_WITHIN_MS;
  const client = new KvHttpClient({
    // Neither one of the load's clients nor of its last readers.
    client: plan.clients + PROBER,
    links,
    servers: () => serversOf(cluster),
    recorder,
    requestTimeoutMs: PROBE_TIMEOUT_MS,
    operationTimeoutMs: SERVED_WITHIN_MS,
  });
  while (recorder.nowMs() < deadlineMs) {
    signal.throwIfAborted();
    const value = `probe.${recorder.nowNs()}`;
    const { outcome } = await client.execute({ op: 'put', key: `ledger/${value}`, value });
    if (outcome === 'ok') return;
  }
  throw new Error(`no write was acknowledged within ${SERVED_WITHIN_MS / 1000} s`);
}

async function untilAllUp({ victims, recorder, signal }: Scene): Promise<void> {
  const deadlineMs = recorder.nowMs() + SERVED_WITHIN_MS;
  while (!victims.allUp) {
    if (recorder.nowMs() > deadlineMs) {
      throw new Error(`not all servers were up within ${SERVED_WITHIN_MS / 1000} s`);
    }
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function serversOf({ members }: ProcessCluster): HttpServer[] {
  return members.map(({ id, url }) => ({ address: id, url }));
}
