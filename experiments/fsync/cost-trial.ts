/** What writes cost while nothing fails. */
import { quantile } from '../../lab/report/stats.ts';
import {
  Load,
  latenciesMs,
  OUTSTANDING_PER_CLIENT,
  servedPerSecond,
} from '../../lab/study/load.ts';
import { SyncingCluster } from './cluster.ts';
import { type Cell, CLIENT_DELAY_MS, LINK, SERVERS } from './policies.ts';

export type CostSample = {
  readonly writesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

export const OUTSTANDING = 32;
/** So many are measured. */
export const WRITES = 1000;
const LIMIT_MS = 60_000;
const WARM_MS = 100;

export function costTrial(cell: Cell, seed: number): CostSample {
  const cluster = new SyncingCluster(cell, {
    seed,
    nodes: SERVERS,
    link: LINK,
    clientLink: { delayMs: CLIENT_DELAY_MS },
    clients: OUTSTANDING / OUTSTANDING_PER_CLIENT,
    // Nothing is lost: what takes long is not to be repeated.
    retryMs: LIMIT_MS,
    requestTimeoutMs: LIMIT_MS,
  });
  cluster.begin();
  cluster.runUntil(LIMIT_MS, () => cluster.leader() !== null);
  const load = new Load(cluster, { seed });
  load.keepOutstanding(OUTSTANDING);
  const fromMs = cluster.nowMs + WARM_MS;
  cluster.runUntil(fromMs);
  const last = load.calls.length + WRITES;
  const isEnough = (): boolean => load.calls.length >= last;
  if (!cluster.runUntil(fromMs + LIMIT_MS, isEnough)) throw new Error('writes take too long');
  const toMs = cluster.nowMs;
  load.stop();
  if (cell.policy !== 'lazy') {
    cluster.runUntil(toMs + LIMIT_MS, () => cluster.clients.pending === 0);
    cluster.judge();
  }
  const latencies = latenciesMs(load.calls, fromMs, toMs);
  const [p50Ms, p99Ms] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
  if (p50Ms === null || p99Ms === null) throw new Error('no write was acknowledged');
  return { writesPerSecond: servedPerSecond(load.calls, fromMs, toMs), p50Ms, p99Ms };
}
