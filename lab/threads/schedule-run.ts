/**
 * A schedule on the threads host, best effort in real time: its faults and operations at their
 * times, then all nodes and links healed, the cluster at rest, and an audit. Whatever of a schedule
 * is of the simulator alone (disks, clocks, clients' links, a core that recovers by itself) has no
 * effect here.
 */
import type { Verdict } from '../audit.ts';
import type { HistoryOperation } from '../history.ts';
import type { Schedule } from '../schedule.ts';
import { ThreadCluster } from './cluster.ts';
import { type Injection, Nemesis } from './nemesis.ts';
import { clientIdOf } from './recorder.ts';
import { Reports, START_LIMIT_MS } from './reports.ts';
import { auditAtRest, REST_LIMIT_MS } from './rest.ts';
import type { ScheduleOrder, ScheduleReport, ScheduleTask } from './schedule-worker.ts';

export type ScheduleRun = {
  /** Every fault of the schedule, and what became of it. */
  readonly injections: readonly Injection[];
  readonly history: readonly HistoryOperation[];
  /** Stale reads that were answered: they promise nothing, and are in no history. */
  readonly staleReads: number;
  /** After the first leader, until the end of the first phase. */
  readonly leaderChanges: number;
  readonly verdict: Verdict;
};

const SCHEDULE_WORKER = new URL('./schedule-worker.ts', import.meta.url);

/** Rejects if it was aborted, or if the cluster itself failed; a failed audit is a result. */
export async function runSchedule(schedule: Schedule, signal: AbortSignal): Promise<ScheduleRun> {
  const { nodes, spares, settings, batchCommands, link, seed } = schedule;
  const { sessionsMax } = schedule.clients;
  const options = { nodes, spares, settings, batchCommands, sessionsMax, link, seed };
  const cluster = new ThreadCluster(options);
  const nemesis = new Nemesis(cluster);
  try {
    const reports = await start(cluster, schedule, signal);
    cluster.orderClients({ kind: 'begin' } satisfies ScheduleOrder);
    nemesis.start(schedule.faults);
    await reports.wait('over', schedule.durationMs + START_LIMIT_MS, cluster, signal);
    const leaderChanges = Math.max(0, cluster.leaderChanges.length - 1);
    await nemesis.heal();
    const limitMs = schedule.clients.requestTimeoutMs + REST_LIMIT_MS;
    const drained = await reports.wait('drained', limitMs, cluster, signal);
    const { history, acknowledged, staleReads } = drained;
    const issued = issuedOf(schedule, history);
    const verdict = await auditAtRest(cluster, { acknowledged, issued }, signal);
    return { injections: nemesis.injections, history, staleReads, leaderChanges, verdict };
  } finally {
    await nemesis.heal();
    await cluster.stop();
  }
}

/** The history does not say by which id a registered client asked. */
function issuedOf(
  { clients }: Schedule,
  history: readonly HistoryOperation[],
): ReadonlyMap<number, number> {
  const issued = new Map<number, number>();
  if (clients.registered) return issued;
  for (const { client } of history) {
    issued.set(clientIdOf(client), (issued.get(clientIdOf(client)) ?? 0) + 1);
  }
  return issued;
}

/** Time counts from when all threads run, so that the first leader is elected within it. */
async function start(
  cluster: ThreadCluster,
  { clients, durationMs, operations, seed }: Schedule,
  signal: AbortSignal,
): Promise<Reports<ScheduleReport>> {
  const reports = new Reports<ScheduleReport>();
  const task: ScheduleTask = { clients, durationMs, operations, seed };
  const hear = (report: ScheduleReport): void => reports.add(report);
  cluster.startClients<ScheduleReport>(SCHEDULE_WORKER, task, hear, [], clients.count);
  await reports.wait('ready', START_LIMIT_MS, cluster, signal);
  cluster.start();
  await cluster.status();
  return reports;
}
