/** One run of a cluster on threads, in real time, whose logs are compacted now and then. */
import { setTimeout as delay } from 'node:timers/promises';
import { type CellFactors, withDefaults } from '../../lab/sweep/factors.ts';
import { ThreadCluster } from '../../lab/threads/cluster.ts';
import type { LoadOrder, LoadReport, LoadTask } from '../../lab/threads/load-worker.ts';
import type { SnapshotSpan } from '../../lab/threads/member.ts';
import type { Measurement } from '../../lab/threads/recorder.ts';
import { Reports, START_LIMIT_MS } from '../../lab/threads/reports.ts';
import { auditAtRest, REST_LIMIT_MS } from '../../lab/threads/rest.ts';
import { linkOf, settingsOf } from '../../lab/threads/run.ts';
import { nowUs } from '../../src/clock.ts';
import {
  type Cell,
  FILL_MS,
  MEASURED_MS,
  NEVER,
  OUTSTANDING,
  SERVERS,
  VALUE_BYTES,
} from './setup.ts';

export type Sample = {
  readonly opsPerSecond: number;
  readonly latencyMsP50: number;
  readonly latencyMsP99: number;
  readonly latencyMsMax: number;
  /** By which the leader's log grew, each with the commands of a batch. */
  readonly entriesPerSecond: number;
  /** Of all servers, begun or under way within the measured time. */
  readonly snapshots: number;
  /** Of those that were begun and ended within it, in milliseconds. */
  readonly snapshotMs: readonly number[];
  /** Share of the time in which the leader took one. */
  readonly takingShare: number;
  /** Latencies by the moments of the run, and when the leader took snapshots. */
  readonly timeline: readonly { readonly atMs: number; readonly p99: number | null }[];
  readonly taken: readonly { readonly fromMs: number; readonly toMs: number }[];
};

const LOAD_WORKER = new URL('../../lab/threads/load-worker.ts', import.meta.url);
const REQUEST_TIMEOUT_MS = 10_000;
const RETRY_MS = 500;
const US_PER_MS = 1000;
/** So many are never reached. */
const COUNT_MAX = 1_000_000_000;
const BYTES_MAX = 1e12;
const KEPT_MAX = 1000;

export async function trial(cell: Cell, seed: number): Promise<Sample> {
  const factors = factorsOf(cell);
  const cluster = new ThreadCluster({
    nodes: SERVERS,
    settings: settingsOf(factors),
    batchCommands: factors.batch,
    link: linkOf(factors),
    seed,
    storage: factors.storage,
  });
  try {
    return sampleOf(await run(cluster, factors, seed), cluster);
  } finally {
    await cluster.stop();
  }
}

function factorsOf({ keys, snapshotEntries, storage }: Cell): CellFactors {
  return withDefaults({
    nodes: SERVERS,
    clients: 1,
    outstanding: OUTSTANDING,
    valueBytes: VALUE_BYTES,
    keys,
    snapshotEntries: snapshotEntries === NEVER ? COUNT_MAX : snapshotEntries,
    snapshotBytes: BYTES_MAX,
    // So that a log is not much longer than what is between two snapshots.
    keptEntries: snapshotEntries === NEVER ? KEPT_MAX : Math.min(KEPT_MAX, snapshotEntries),
    storage,
  });
}

type Run = {
  readonly measurement: Measurement;
  /** The measured time, on the clock of all threads. */
  readonly fromUs: number;
  readonly toUs: number;
  /** By how many entries the log grew in it. */
  readonly entries: number;
};

/** From blank disks to an audit that holds. */
async function run(cluster: ThreadCluster, workload: CellFactors, seed: number): Promise<Run> {
  const { signal } = new AbortController();
  const reports = new Reports<LoadReport>();
  const limits = { requestTimeoutMs: REQUEST_TIMEOUT_MS, retryMs: RETRY_MS };
  const task: LoadTask = { workload, seed, ...limits, withTimeline: true };
  cluster.start();
  cluster.startClients<LoadReport>(LOAD_WORKER, task, (report) => reports.add(report));
  const order = (what: LoadOrder): void => cluster.orderClients(what);
  order({ kind: 'start' });
  await reports.wait('served', START_LIMIT_MS, cluster, signal);
  await delay(FILL_MS);
  const before = await lastIndex(cluster);
  const fromUs = nowUs();
  order({ kind: 'measure', durationMs: MEASURED_MS });
  await reports.wait('measured', MEASURED_MS + START_LIMIT_MS, cluster, signal);
  const toUs = nowUs();
  const entries = (await lastIndex(cluster)) - before;
  const limitMs = REQUEST_TIMEOUT_MS + REST_LIMIT_MS;
  const { measurement } = await reports.wait('drained', limitMs, cluster, signal);
  const { audit } = await auditAtRest(cluster, measurement, signal);
  if (audit !== 'ok') throw new Error(`the audit failed: ${audit}`);
  return { measurement, fromUs, toUs, entries };
}

function sampleOf({ entries, fromUs, measurement, toUs }: Run, cluster: ThreadCluster): Sample {
  const { completed, latencyMs, timeline, windowMs } = measurement;
  if (latencyMs === null) throw new Error('nothing was served');
  const lengthMs = (toUs - fromUs) / US_PER_MS;
  const spans = cluster.snapshots.flatMap((span) => within(span, fromUs, toUs));
  const leaders = spans.filter(({ node }) => node === cluster.leaderId);
  return {
    opsPerSecond: (completed * 1000) / windowMs,
    latencyMsP50: latencyMs.p50,
    latencyMsP99: latencyMs.p99,
    latencyMsMax: latencyMs.max,
    entriesPerSecond: (entries * 1000) / lengthMs,
    snapshots: spans.length,
    snapshotMs: spans.flatMap(({ fromMs, toMs, whole }) => (whole ? [toMs - fromMs] : [])),
    takingShare: leaders.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0) / lengthMs,
    timeline: (timeline ?? []).map(({ atMs, latencyMsP99 }) => ({ atMs, p99: latencyMsP99 })),
    taken: leaders.map(({ fromMs, toMs }) => ({ fromMs, toMs })),
  };
}

type Within = {
  readonly node: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** It began and ended within the time. */
  readonly whole: boolean;
};

/** The part of a snapshot within a time, counted from its beginning. */
function within(span: SnapshotSpan, fromUs: number, toUs: number): Within[] {
  const endUs = span.toUs ?? Number.POSITIVE_INFINITY;
  if (span.fromUs >= toUs || endUs <= fromUs) return [];
  return [
    {
      node: span.node,
      fromMs: (Math.max(span.fromUs, fromUs) - fromUs) / US_PER_MS,
      toMs: (Math.min(endUs, toUs) - fromUs) / US_PER_MS,
      whole: span.fromUs >= fromUs && endUs <= toUs,
    },
  ];
}

async function lastIndex(cluster: ThreadCluster): Promise<number> {
  const statuses = await cluster.status();
  return Math.max(0, ...statuses.map((status) => status.lastIndex));
}
