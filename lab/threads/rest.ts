/** The end of a run: with all faults healed the cluster comes to rest, and is audited. */
import { setTimeout as delay } from 'node:timers/promises';
import { readDisk } from '../../src/storage/shared.ts';
import { audit, type Verdict } from '../audit.ts';
import type { ThreadCluster } from './cluster.ts';
import type { Status } from './node-worker.ts';

/** Healed, a cluster must come to rest by then. */
export const REST_LIMIT_MS = 20_000;
const REST_POLL_MS = 10;

/**
 * Waits for the cluster to come to rest and audits it; rejects if it was aborted, or if the cluster
 * itself failed. `acknowledged` has for each client a byte per request number, 1 where a write was
 * acknowledged.
 */
export async function auditAtRest(
  cluster: ThreadCluster,
  acknowledged: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Verdict> {
  const statuses = await comeToRest(cluster, signal);
  return audit({
    statuses,
    logs: statuses.map(({ id }) => readDisk(cluster.disk(id)).entries),
    acknowledged,
    nodes: cluster.nodes,
  });
}

/**
 * Waits until one leads and all have applied the same; or until the limit, for the audit to say
 * what.
 */
async function comeToRest(cluster: ThreadCluster, signal: AbortSignal): Promise<Status[]> {
  const limitMs = performance.now() + REST_LIMIT_MS;
  for (;;) {
    cluster.throwIfFailed();
    const late = performance.now() > limitMs;
    if (late || isAtRest(await cluster.status(false), cluster.nodes.length)) {
      // Asked again with digests: only this answer counts, and it may be another.
      const statuses = await cluster.status(true);
      if (late || isAtRest(statuses, cluster.nodes.length)) return statuses;
    }
    await delay(REST_POLL_MS, undefined, { signal });
  }
}

function isAtRest(statuses: readonly Status[], nodes: number): boolean {
  const leader = statuses.find(({ role }) => role === 'leader');
  if (leader === undefined || statuses.length < nodes) return false;
  return statuses.every(
    ({ leaderId, term, lastApplied, commitIndex }) =>
      leaderId === leader.id &&
      term === leader.term &&
      lastApplied === leader.lastIndex &&
      commitIndex === leader.lastIndex,
  );
}
