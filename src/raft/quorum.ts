/** Majorities, simple and joint (§3.3, §4.3): how many servers must agree, and on what they do. */
import type { Configuration, NodeId } from './types.ts';

/**
 * The highest number (index or read round) that a majority has acknowledged, of both majorities
 * while the configuration is joint. O(v²) in the number of voters, without allocation beyond one
 * small array.
 */
export function committedIndex(
  configuration: Configuration,
  acknowledged: (id: NodeId) => number,
): number {
  const incoming = majorityIndex(configuration.voters, acknowledged);
  if (configuration.outgoing.length === 0) return incoming;
  return Math.min(incoming, majorityIndex(configuration.outgoing, acknowledged));
}

function majorityIndex(voters: readonly NodeId[], acknowledged: (id: NodeId) => number): number {
  // Insertion sort, descending: there are few voters, and most arrive nearly in order.
  const sorted: number[] = [];
  for (const id of voters) {
    const value = acknowledged(id);
    let at = sorted.length;
    for (; at > 0 && (sorted[at - 1] as number) < value; at--) {
      sorted[at] = sorted[at - 1] as number;
    }
    sorted[at] = value;
  }
  // Without voters there is nothing to wait for; etcd: an empty half of a joint quorum agrees.
  return sorted[Math.floor(voters.length / 2)] ?? Number.POSITIVE_INFINITY;
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** An election is won by a majority, and lost once a majority can no longer be reached. */
export function voteResult(
  configuration: Configuration,
  votes: Readonly<Record<NodeId, boolean>>,
): VoteResult {
  const incoming = majorityVote(configuration.voters, votes);
  if (configuration.outgoing.length === 0) return incoming;
  const outgoing = majorityVote(configuration.outgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}

function majorityVote(
  voters: readonly NodeId[],
  votes: Readonly<Record<NodeId, boolean>>,
): VoteResult {
  const needed = Math.floor(voters.length / 2) + 1;
  let granted = 0;
  let open = 0;
  for (const id of voters) {
    if (votes[id] === true) granted++;
    else if (votes[id] === undefined) open++;
  }
  if (granted >= needed) return 'won';
  return granted + open >= needed ? 'pending' : 'lost';
}

export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return configuration.voters.includes(id) || configuration.outgoing.includes(id);
}

/** Every other server of the configuration, each once: voters of both halves, then learners. */
export function peersOf(configuration: Configuration, self: NodeId): NodeId[] {
  const all = [...configuration.voters, ...configuration.outgoing, ...configuration.learners];
  return [...new Set(all)].filter((id) => id !== self);
}
