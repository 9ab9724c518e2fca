/**
 * One trial on the threads host, from blank disks to a verdict: start, elect, warm up, measure
 * under the schedule of faults, heal, come to rest, audit.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../../src/raft/types.ts';
import { type LinkSettings, PERFECT } from '../../src/transport/link.ts';
import type { Verdict } from '../audit.ts';
import type { Metrics, Row } from '../results.ts';
import type { Cell } from '../sweep/cells.ts';
import { type CellFactors, rangeOf } from '../sweep/factors.ts';
import { ThreadCluster } from './cluster.ts';
import type { LoadOrder, LoadReport, LoadTask } from './load-worker.ts';
import { Nemesis, randomFaults } from './nemesis.ts';
import type { Counters } from './node-orders.ts';
import { closeThreads } from './pool.ts';
import type { Measurement } from './recorder.ts';
import { Reports, START_LIMIT_MS } from './reports.ts';
import { auditAtRest, REST_LIMIT_MS } from './rest.ts';

/** Load before the measured window, for elections, connections and the compiler to settle. */
const WARM_UP_MS = 150;
const REQUEST_TIMEOUT_MS = 5000;
const RETRY_MS = 200;
/** Of an entry and of a message: a frame that takes long on a slow link holds up heartbeats. */
const BATCH_BYTES = 1 << 16;
const LOAD_WORKER = new URL('./load-worker.ts', import.meta.url);

/**
 * Runs one trial. Rejects if it was aborted, or if the cluster itself failed; a failed audit is a
 * row.
 */
export async function runCell(cell: Cell, options: { signal: AbortSignal }): Promise<Row> {
  const { factors, seed, trial } = cell;
  const cluster = new ThreadCluster({
    nodes: factors.nodes,
    settings: settingsOf(factors),
    batchCommands: factors.batch,
    link: linkOf(factors),
    seed,
    storage: factors.storage,
  });
  const nemesis = new Nemesis(cluster);
  try {
    cluster.start();
    const trialRun = await measure(cell, cluster, nemesis, options.signal);
    const { timeline } = trialRun.measurement;
    const verdict = await auditAtRest(cluster, trialRun.measurement, options.signal);
    return {
      factors,
      trial,
      seed,
      metrics: metricsOf(trialRun, verdict),
      audit: verdict.audit,
      auditedBy: verdict.auditedBy,
      ...(timeline === null
        ? {}
        : { timeline: { bucketMs: 50, points: timeline, bands: nemesis.bands } }),
    };
  } finally {
    await nemesis.heal();
    await cluster.stop();
  }
}

/** Ends the threads kept between trials. */
export function closeHosts(): Promise<void> {
  return closeThreads();
}

type TrialRun = { measurement: Measurement; leaderChanges: number; counters: Counters };

async function measure(
  cell: Cell,
  cluster: ThreadCluster,
  nemesis: Nemesis,
  signal: AbortSignal,
): Promise<TrialRun> {
  const { factors, seed } = cell;
  const durationMs = cell.durationS * 1000;
  const reports = new Reports<LoadReport>();
  const task: LoadTask = {
    workload: factors,
    seed,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    retryMs: RETRY_MS,
    withTimeline: cell.faults.length > 0,
  };
  cluster.startClients<LoadReport>(LOAD_WORKER, task, (report) => reports.add(report));
  const order = (what: LoadOrder): void => cluster.orderClients(what);
  order({ kind: 'start' });
  await reports.wait('served', START_LIMIT_MS, cluster, signal);
  await delay(WARM_UP_MS, undefined, { signal });
  const countersBefore = cluster.counters;
  const termsBefore = cluster.leaderChanges.length;
  order({ kind: 'measure', durationMs });
  nemesis.start([...cell.faults, ...randomFaults(factors, durationMs, seed)]);
  await reports.wait('measured', durationMs + START_LIMIT_MS, cluster, signal);
  const counters = difference(cluster.counters, countersBefore);
  const leaderChanges = cluster.leaderChanges.length - termsBefore;
  await nemesis.heal();
  const drained = await reports.wait(
    'drained',
    REQUEST_TIMEOUT_MS + REST_LIMIT_MS,
    cluster,
    signal,
  );
  return { measurement: drained.measurement, leaderChanges, counters };
}

function metricsOf({ measurement, leaderChanges, counters }: TrialRun, verdict: Verdict): Metrics {
  const { latencyMs } = measurement;
  return {
    committedOpsPerSecond: Math.round((measurement.completed * 1000) / measurement.windowMs),
    latencyMsP50: latencyMs?.p50 ?? null,
    latencyMsP90: latencyMs?.p90 ?? null,
    latencyMsP99: latencyMs?.p99 ?? null,
    latencyMsP999: latencyMs?.p999 ?? null,
    latencyMsMax: latencyMs?.max ?? null,
    failed: measurement.failed,
    unknown: measurement.unknown,
    leaderChanges,
    messagesSent: counters.messagesSent,
    // A damaged frame is found by its checksum where it arrives, and is as good as lost.
    messagesDropped: counters.messagesDropped + counters.messagesDamaged,
    bytesSent: counters.bytesSent,
    acknowledgedWritesLost: verdict.acknowledgedWritesLost,
    writesAppliedTwice: verdict.writesAppliedTwice,
    replicasEqual: verdict.replicasEqual,
  };
}

export function settingsOf(factors: CellFactors): Settings {
  const { min, max } = rangeOf(factors.electionTimeoutMs);
  return {
    electionTimeoutMs: [min, max],
    heartbeatMs: factors.heartbeatMs,
    preVote: factors.preVote,
    checkQuorum: factors.checkQuorum,
    leaderStickiness: factors.stickiness,
    parallelDiskWrite: factors.parallelDisk,
    windowMessages: factors.window,
    batchEntries: factors.batch,
    batchBytes: BATCH_BYTES,
    windowBytes: factors.windowBytes,
    uncommittedBytes: factors.uncommittedBytes,
    snapshotEntries: factors.snapshotEntries,
    snapshotBytes: factors.snapshotBytes,
    keptEntries: factors.keptEntries,
    keptBytes: factors.keptBytes,
    chunkBytes: factors.chunkBytes,
    // Where others may elect a leader at any time, no lease holds (§6.4.1).
    clockDriftPpm: factors.stickiness ? factors.clockDriftPpm : null,
    catchUpTimeoutMs: factors.catchUpTimeoutMs,
    adaptiveTimeout:
      factors.adaptiveTimeout === null
        ? null
        : { floorMs: factors.adaptiveFloorMs, factor: factors.adaptiveTimeout },
  };
}

export function linkOf(factors: CellFactors): LinkSettings {
  return {
    ...PERFECT,
    loss: factors.loss,
    burst: factors.burst,
    duplicate: factors.duplicate,
    delayMs: factors.delayMs,
    jitterMs: factors.jitterMs,
    distribution: factors.distribution,
    reorder: factors.reorder,
    correlation: factors.correlation,
    corrupt: factors.corrupt,
    bytesPerSecond: factors.bandwidth,
  };
}

function difference(after: Counters, before: Counters): Counters {
  return {
    messagesSent: after.messagesSent - before.messagesSent,
    messagesDropped: after.messagesDropped - before.messagesDropped,
    messagesDamaged: after.messagesDamaged - before.messagesDamaged,
    bytesSent: after.bytesSent - before.bytesSent,
  };
}
