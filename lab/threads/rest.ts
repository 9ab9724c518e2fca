/** The end of a run: with all faults healed the cluster comes to rest, and is audited. */
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeId } from '../../src/raft/types.ts';
import { audit, type Evidence, type Verdict } from '../audit.ts';
import type { ThreadCluster } from './cluster.ts';
import type { Status } from './node-orders.ts';

/** Healed, a cluster must come to rest by then. */
export const REST_LIMIT_MS = 20_000;
const REST_POLL_MS = 10;

/** What the clients know of their writes. */
export type Told = Pick<Evidence, 'acknowledged' | 'issued'>;

/**
 * Waits for the cluster to come to rest and audits it; rejects if it was aborted, or if the cluster
 * itself failed.
 */
export async function auditAtRest(
  cluster: ThreadCluster,
  { acknowledged, issued }: Told,
  signal: AbortSignal,
): Promise<Verdict> {
  const clientIds = [...new Set([...acknowledged.keys(), ...issued.keys()])];
  const statuses = await comeToRest(cluster, clientIds, signal);
  return audit({
    statuses,
    disks: await Promise.all(statuses.map(({ id }) => cluster.disk(id).read())),
    acknowledged,
    issued,
    sessionsMax: cluster.sessionsMax,
    members: membersOf(cluster, statuses),
  });
}

/**
 * Waits until one leads and all members have applied the same; or until the limit, for the audit to
 * say what.
 */
async function comeToRest(
  cluster: ThreadCluster,
  clientIds: readonly number[],
  signal: AbortSignal,
): Promise<Status[]> {
  const limitMs = performance.now() + REST_LIMIT_MS;
  for (;;) {
    cluster.throwIfFailed();
    const late = performance.now() > limitMs;
    if (late || isAtRest(cluster, await cluster.status())) {
      // Asked again with digests: only this answer counts, and it may be another.
      const statuses = await cluster.status({ digest: true, executedBy: clientIds });
      if (late || isAtRest(cluster, statuses)) return statuses;
    }
    await delay(REST_POLL_MS, undefined, { signal });
  }
}

function isAtRest(cluster: ThreadCluster, statuses: readonly Status[]): boolean {
  const leader = leaderOf(statuses);
  const members = membersOf(cluster, statuses);
  const present = statuses.filter(({ name }) => members.includes(name));
  if (leader === undefined || present.length < members.length) return false;
  return present.every(
    ({ leaderId, term, lastApplied, commitIndex }) =>
      leaderId === leader.name &&
      term === leader.term &&
      lastApplied === leader.lastIndex &&
      commitIndex === leader.lastIndex,
  );
}

function leaderOf(statuses: readonly Status[]): Status | undefined {
  const leaders = statuses.filter(({ role }) => role === 'leader');
  return leaders.toSorted((a, b) => b.term - a.term)[0];
}

/**
 * By name, the nodes that belong to the cluster: spares and those who left are sent nothing, and
 * who has lost its disk is no member any more, even while the configuration has its old name.
 */
function membersOf(cluster: ThreadCluster, statuses: readonly Status[]): NodeId[] {
  const { voters, outgoing, learners } =
    leaderOf(statuses)?.configuration ?? cluster.membership.configuration;
  const belonging = new Set([...voters, ...outgoing, ...learners]);
  return cluster.nodes.map((id) => cluster.name(id)).filter((name) => belonging.has(name));
}
