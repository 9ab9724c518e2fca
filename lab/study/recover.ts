/** The end of a run under faults: a cluster that is healed must become one again. */
import { Recovery } from '../sim/recovery.ts';
import type { StudyCluster } from './cluster.ts';

/**
 * Heals everything and waits until all servers are up and equal and every client has been served;
 * then judges what replicas hold and clients saw. Throws where one of these fails.
 */
export function recoverAndJudge(cluster: StudyCluster, boundMs: number): void {
  cluster.clients.dropQueued();
  cluster.heal();
  const recovery = new Recovery(cluster);
  if (!cluster.runUntil(cluster.nowMs + boundMs, () => recovery.isOver)) {
    throw new Error(`not recovered within ${boundMs} ms of being healed: ${recovery.lack()}`);
  }
  cluster.judge();
}
