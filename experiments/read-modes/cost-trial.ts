/** What a read costs where nothing is wrong: messages between servers, latency, throughput. */
import { quantile } from '../../lab/report/stats.ts';
import { StudyCluster } from '../../lab/study/cluster.ts';
import {
  Load,
  latenciesMs,
  OUTSTANDING_PER_CLIENT,
  servedPerSecond,
} from '../../lab/study/load.ts';
import type { Message } from '../../src/raft/types.ts';
import { type Cell, CLIENT_DELAY_MS, DISK, LINK, PPM_PER_PERCENT, SERVERS } from './situations.ts';

export type CostSample = {
  /** Between servers, beyond what the same cluster sends without reads. */
  readonly messagesPerRead: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly readsPerSecond: number;
};

const LIMIT_MS = 10_000;
const WARM_MS = 100;
/** Without reads, to know what is sent anyway. */
const IDLE_MS = 500;
/** So many are measured. */
export const READS = 500;
export const WRITES_PER_SECOND = 20;

export function costTrial(cell: Cell, seed: number): CostSample {
  const cluster = new CountingCluster({
    seed,
    nodes: SERVERS,
    link: LINK,
    clientLink: { delayMs: CLIENT_DELAY_MS },
    disk: DISK,
    settings: { clockDriftPpm: cell.assumedPercent * PPM_PER_PERCENT },
    // Room for the writes beside the reads.
    clients: Math.max(2, Math.ceil((2 * cell.outstanding) / OUTSTANDING_PER_CLIENT)),
  });
  cluster.begin();
  cluster.runUntil(LIMIT_MS, () => cluster.commits.length > 0);
  const writes = new Load(cluster, { seed });
  writes.arrive(WRITES_PER_SECOND, cluster.nowMs + LIMIT_MS);
  const idlePerMs = messagesPerMs(cluster, WARM_MS, IDLE_MS);
  const reads = new Load(cluster, { seed: seed + 1, readRatio: 1, read: cell.mode });
  reads.keepOutstanding(cell.outstanding);
  const fromMs = cluster.nowMs + WARM_MS;
  cluster.runUntil(fromMs);
  const sent = cluster.messages;
  const last = reads.calls.length + READS;
  const isEnough = (): boolean => reads.calls.length >= last;
  if (!cluster.runUntil(fromMs + LIMIT_MS, isEnough)) throw new Error('reads take too long');
  const toMs = cluster.nowMs;
  const messages = cluster.messages - sent - idlePerMs * (toMs - fromMs);
  reads.stop();
  writes.stop();
  cluster.runUntil(toMs + LIMIT_MS, () => cluster.clients.pending === 0);
  cluster.judge();
  const latencies = latenciesMs(reads.calls, fromMs, toMs);
  const [p50Ms, p99Ms] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
  if (p50Ms === null || p99Ms === null) throw new Error('no read was served');
  return {
    messagesPerRead: messages / latencies.length,
    p50Ms,
    p99Ms,
    readsPerSecond: servedPerSecond(reads.calls, fromMs, toMs),
  };
}

/** What goes on without reads. */
function messagesPerMs(cluster: CountingCluster, warmMs: number, forMs: number): number {
  cluster.runUntil(cluster.nowMs + warmMs);
  const before = cluster.messages;
  cluster.runUntil(cluster.nowMs + forMs);
  return (cluster.messages - before) / forMs;
}

class CountingCluster extends StudyCluster {
  /** Between servers. */
  messages = 0;

  override send(message: Message): void {
    this.messages++;
    super.send(message);
  }
}
