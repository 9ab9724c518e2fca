/**
 * One run of the overload study: what a leader's links can carry is measured first; then calls come
 * at half of that rate, at twice, and at half again, whatever becomes of them.
 */
import { StudyCluster } from '../../lab/study/cluster.ts';
import { type Call, Load, servedPerSecond } from '../../lab/study/load.ts';
import { recoverAndJudge } from '../../lab/study/recover.ts';
import type { Settings } from '../../src/raft/types.ts';

/**
 * What bounds the queue of a leader that gets more than its links carry. `none`: nothing but what
 * clients have outstanding; it waits on the link. `window`: a window of few bytes; it waits in the
 * log, and heartbeats pass. `refusal`: the leader refuses commands beyond few bytes.
 */
export const PRESSURES = ['none', 'window', 'refusal'] as const;
export type Pressure = (typeof PRESSURES)[number];

/** How soon a client asks again. */
export const RETRIES = ['patient', 'eager'] as const;
export type Retries = (typeof RETRIES)[number];

export type Cell = { readonly backPressure: Pressure; readonly retries: Retries };

/** Of the calls that came due in one second. */
export type Second = {
  readonly called: number;
  /** Of the answers that came in this second, whenever their calls had been due. */
  readonly answered: number;
  /** Latency of each of its calls that was answered at all. */
  readonly latenciesMs: readonly number[];
};

export type Sample = {
  readonly capacityPerSecond: number;
  /** From the start of the first part on. */
  readonly seconds: readonly Second[];
  /** From the end of the overload until calls are served in good time; null: not any more. */
  readonly recoveryMs: number | null;
  readonly leaderChanges: number;
  /**
   * Of the entries committed from the overload on, how many answered a call: the others were
   * repetitions, or came too late for anybody to wait for them.
   */
  readonly usefulShare: number;
};

export const SERVERS = 3;
export const BYTES_PER_SECOND = 64 * 1024;
export const QUEUE_BYTES = 512 * 1024;
export const VALUE_BYTES = 1000;
export const DELAY_MS = 1;
export const DISK_MS = [0.5, 1] as const;
export const ELECTION_TIMEOUT_MS = [500, 1000] as const;
export const HEARTBEAT_MS = 100;
/** Of what may be uncommitted, and of a window: what the link carries in 125 ms. */
export const BOUND_BYTES = 8 * 1024;
const UNBOUNDED_BYTES = 1024 * 1024 * 1024;
export const REQUEST_TIMEOUT_MS = 2000;
export const RETRY_MS: Readonly<Record<Retries, number>> = {
  patient: REQUEST_TIMEOUT_MS,
  eager: 200,
};

export const BEFORE_S = 5;
export const OVERLOAD_S = 10;
export const AFTER_S = 30;
export const USUAL = 0.5;
export const EXCESS = 2;
/** A call that is served within this is served in good time. */
export const GOOD_MS = 500;
/** Calls in good time up to the end say little if the end comes too soon. */
export const LAST_S = 2;

const CLIENTS = 200;
const CAPACITY_OUTSTANDING = 16;
const CAPACITY_WARM_MS = 500;
const CAPACITY_MS = 4000;
const FIRST_LEADER_MS = 10_000;
const REPAIR_MS = 30_000;

export function settingsOf({ backPressure }: Cell): Partial<Settings> {
  return {
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
    heartbeatMs: HEARTBEAT_MS,
    ...(backPressure === 'none'
      ? { windowBytes: UNBOUNDED_BYTES }
      : { windowBytes: BOUND_BYTES, batchBytes: BOUND_BYTES }),
    uncommittedBytes: backPressure === 'refusal' ? BOUND_BYTES : UNBOUNDED_BYTES,
  };
}

export function trial(cell: Cell, seed: number): Sample {
  const capacityPerSecond = capacityOf(seed);
  const cluster = clusterOf(cell, seed);
  const elected = cluster.elections.length;
  const load = new Load(cluster, { seed, valueBytes: VALUE_BYTES });
  const fromMs = cluster.nowMs;
  const run = (seconds: number, share: number): void => {
    const untilMs = cluster.nowMs + seconds * 1000;
    load.arrive(capacityPerSecond * share, untilMs);
    cluster.runUntil(untilMs);
  };
  run(BEFORE_S, USUAL);
  const before = { entries: cluster.committedIndex, served: served(load) };
  run(OVERLOAD_S, EXCESS);
  const endMs = cluster.nowMs;
  run(AFTER_S, USUAL);
  load.stop();
  const toMs = cluster.nowMs;
  // The last calls have as long as all others for their answers.
  cluster.runUntil(toMs + REQUEST_TIMEOUT_MS);
  const sample = {
    capacityPerSecond,
    seconds: secondsOf(load.calls, fromMs, toMs),
    recoveryMs: recoveryOf(load.calls, endMs, toMs),
    leaderChanges: cluster.elections.length - elected,
    usefulShare: (served(load) - before.served) / (cluster.committedIndex - before.entries),
  };
  recoverAndJudge(cluster, REPAIR_MS);
  return sample;
}

/** Started, and with a leader that all servers know of. */
function clusterOf(cell: Cell, seed: number): StudyCluster {
  const cluster = new StudyCluster({
    seed,
    nodes: SERVERS,
    settings: settingsOf(cell),
    batchCommands: 1,
    link: { delayMs: DELAY_MS, bytesPerSecond: BYTES_PER_SECOND, queueBytes: QUEUE_BYTES },
    disk: { latencyMs: DISK_MS, torn: 0, late: 0 },
    clients: CLIENTS,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    retryMs: RETRY_MS[cell.retries],
  });
  cluster.begin();
  if (!cluster.runUntil(FIRST_LEADER_MS, () => cluster.committedIndex > 0)) {
    throw new Error('no leader committed anything');
  }
  cluster.runUntil(cluster.nowMs + 2 * HEARTBEAT_MS);
  return cluster;
}

/** Writes a second that the links carry at most: of a closed load whose clients repeat nothing. */
function capacityOf(seed: number): number {
  const cluster = clusterOf({ backPressure: 'window', retries: 'patient' }, seed);
  const load = new Load(cluster, { seed, valueBytes: VALUE_BYTES });
  load.keepOutstanding(CAPACITY_OUTSTANDING);
  cluster.runUntil(cluster.nowMs + CAPACITY_WARM_MS);
  const fromMs = cluster.nowMs;
  cluster.runUntil(fromMs + CAPACITY_MS);
  return servedPerSecond(load.calls, fromMs, fromMs + CAPACITY_MS);
}

function served({ calls }: Load): number {
  return calls.filter(({ ok }) => ok).length;
}

function secondsOf(calls: readonly Call[], fromMs: number, toMs: number): Second[] {
  const count = Math.round((toMs - fromMs) / 1000);
  const seconds = Array.from({ length: count }, () => {
    return { called: 0, answered: 0, latenciesMs: [] as number[] };
  });
  const at = (ms: number) => seconds[Math.floor((ms - fromMs) / 1000)];
  for (const { calledMs, ok, returnedMs } of calls) {
    const due = at(calledMs);
    if (due === undefined) continue;
    due.called++;
    if (!ok || returnedMs === null) continue;
    due.latenciesMs.push(returnedMs - calledMs);
    const answered = at(returnedMs);
    if (answered !== undefined) answered.answered++;
  }
  return seconds;
}

/** Until the last call comes due that is not served in good time. */
function recoveryOf(calls: readonly Call[], endMs: number, toMs: number): number | null {
  let lastMs = endMs;
  for (const { calledMs, ok, returnedMs } of calls) {
    if (calledMs < endMs) continue;
    const inTime = ok && returnedMs !== null && returnedMs - calledMs <= GOOD_MS;
    if (!inTime) lastMs = Math.max(lastMs, calledMs);
  }
  return toMs - lastMs < LAST_S * 1000 ? null : lastMs - endMs;
}
