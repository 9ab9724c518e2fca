/** A cluster of threads under load in the hands of a test, and what to wait for. */
import type { ExecutionContext } from 'ava';
import type { Verdict } from '../../lab/audit.ts';
import type { FactorValue } from '../../lab/results.ts';
import { withDefaults } from '../../lab/sweep/factors.ts';
import { ThreadCluster } from '../../lab/threads/cluster.ts';
import type { LoadOrder, LoadReport, LoadTask } from '../../lab/threads/load-worker.ts';
import type { Status } from '../../lab/threads/node-orders.ts';
import { Reports } from '../../lab/threads/reports.ts';
import { auditAtRest } from '../../lab/threads/rest.ts';
import { linkOf, settingsOf } from '../../lab/threads/run.ts';
import { SEED } from './property.ts';

/**
 * Elections that are over soon; a machine that stalls for longer elects again, and no harm done.
 */
export const QUICK = {
  electionTimeoutMs: '100-200',
  heartbeatMs: 25,
  clients: 2,
  outstanding: 8,
  keys: 50,
};

export type Factors = Record<string, FactorValue>;

/** Longer than anything here should take, on however busy a machine. */
export const LIMIT_MS = 30_000;

export async function until<T>(what: string, look: () => Promise<T | null> | T | null): Promise<T> {
  const endMs = performance.now() + LIMIT_MS;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > endMs) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export type Loaded = {
  readonly cluster: ThreadCluster;
  /** Ends the load, waits until all is answered, and audits what is left. */
  readonly audit: () => Promise<Verdict>;
};

/** A cluster under load that ends with the test. */
export function start(t: ExecutionContext, factors: Factors = {}, spares = 0): Loaded {
  const complete = withDefaults({ ...QUICK, ...factors });
  const cluster = new ThreadCluster({
    nodes: complete.nodes,
    spares,
    settings: settingsOf(complete),
    batchCommands: complete.batch,
    link: linkOf(complete),
    storage: complete.storage,
    seed: SEED,
  });
  t.teardown(() => cluster.stop());
  const reports = new Reports<LoadReport>();
  const task: LoadTask = {
    workload: complete,
    seed: SEED,
    requestTimeoutMs: 5000,
    retryMs: 100,
    withTimeline: false,
  };
  cluster.start();
  const file = new URL('../../lab/threads/load-worker.ts', import.meta.url);
  cluster.startClients<LoadReport>(file, task, (report) => reports.add(report));
  cluster.orderClients({ kind: 'start' } satisfies LoadOrder);
  const audit = async (): Promise<Verdict> => {
    const { signal } = new AbortController();
    cluster.orderClients({ kind: 'measure', durationMs: 1 } satisfies LoadOrder);
    const { measurement } = await reports.wait('drained', LIMIT_MS, cluster, signal);
    return auditAtRest(cluster, measurement, signal);
  };
  return { cluster, audit };
}

/** The node that leads in its own view, once its commands commit. */
export function leaderOf({ cluster }: Loaded, beyondIndex = 0): Promise<Status> {
  return until('a leader that commits', async () => {
    cluster.throwIfFailed();
    const statuses = await cluster.status();
    const leaders = statuses.filter(({ role }) => role === 'leader');
    const latest = leaders.toSorted((a, b) => b.term - a.term)[0];
    return latest !== undefined && latest.commitIndex > beyondIndex ? latest : null;
  });
}

export async function statusOf({ cluster }: Loaded, id: string): Promise<Status | null> {
  return (await cluster.status()).find((status) => status.id === id) ?? null;
}

/** A node that knows more than this as committed, and has applied it. */
export function appliedBeyond(loaded: Loaded, id: string, index: number): Promise<Status> {
  return until(`${id} applies entry ${index + 1}`, async () => {
    const status = await statusOf(loaded, id);
    return status !== null && status.lastApplied > index ? status : null;
  });
}
