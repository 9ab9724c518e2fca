/** When a cluster serves writes, as its clients see it, or as it could where nobody asks. */
import type { StudyCluster } from '../../lab/study/cluster.ts';
import type { Call } from '../../lab/study/load.ts';
import { carries, type TopologyLink } from './topologies.ts';

/**
 * Whether a write that came now would be committed: a server leads, has committed an entry of its
 * own term, and exchanges messages both ways with followers of that term who make it a majority.
 */
export function canServe({ members }: StudyCluster, links: readonly TopologyLink[]): boolean {
  for (const { id, raft } of members.values()) {
    if (raft?.role.kind !== 'leader') continue;
    if (raft.volatile.commitIndex < raft.role.termStartIndex) continue;
    const term = raft.persistent.currentTerm;
    const followers = [...members.values()].filter(
      ({ id: other, raft: its }) =>
        its?.volatile.leaderId === id &&
        its.persistent.currentTerm === term &&
        carries(links, id, other) &&
        carries(links, other, id),
    );
    if ((followers.length + 1) * 2 > members.size) return true;
  }
  return false;
}

/** When writes that were called since then were acknowledged, ascending. */
export function servedAtMs(calls: readonly Call[], sinceMs: number): number[] {
  return calls
    .flatMap(({ calledMs, ok, returnedMs }) =>
      ok && returnedMs !== null && calledMs >= sinceMs ? [returnedMs] : [],
    )
    .sort((a, b) => a - b);
}

/** Of the slices between two moments, those in which one of these moments lies. */
export function servedSlices(
  atMs: readonly number[],
  fromMs: number,
  toMs: number,
  sliceMs: number,
): number {
  const within = atMs.filter((at) => at >= fromMs && at < toMs);
  return new Set(within.map((at) => Math.floor((at - fromMs) / sliceMs))).size;
}

/** The longest time between two moments without any of these in it. */
export function longestGapMs(atMs: readonly number[], fromMs: number, toMs: number): number {
  let [last, longest] = [fromMs, 0];
  for (const at of atMs) {
    if (at < fromMs || at >= toMs) continue;
    longest = Math.max(longest, at - last);
    last = at;
  }
  return Math.max(longest, toMs - last);
}
