/**
 * Majorities and changes of them, as plainly as they can be put (§4.1, §4.3): what the core counts
 * with is a cleverer function, and must not judge itself.
 */
import type { Configuration, NodeId } from '../../src/raft/types.ts';

/** Of the voters, and of the outgoing ones, too, while there are any; learners do not count. */
export function isMajority(
  { outgoing, voters }: Configuration,
  agrees: (id: NodeId) => boolean,
): boolean {
  if (!isMoreThanHalf(voters, agrees)) return false;
  return outgoing.length === 0 || isMoreThanHalf(outgoing, agrees);
}

function isMoreThanHalf(servers: readonly NodeId[], agrees: (id: NodeId) => boolean): boolean {
  return 2 * count(servers, agrees) > servers.length;
}

export function count(servers: readonly NodeId[], agrees: (id: NodeId) => boolean): number {
  let agreeing = 0;
  for (const id of servers) if (agrees(id)) agreeing++;
  return agreeing;
}

/** What is wrong with `after` as the configuration that follows `before`; `null` if nothing is. */
export function wrongStep(before: Configuration, after: Configuration): string | null {
  if (after.voters.length === 0) return 'nobody votes';
  if (before.outgoing.length > 0) {
    const ends = after.outgoing.length === 0 && difference(before.voters, after.voters) === 0;
    return ends ? null : 'a joint configuration must end in its own new voters';
  }
  if (after.outgoing.length > 0) {
    const begins = difference(before.voters, after.outgoing) === 0;
    return begins ? null : 'a joint configuration must begin with all voters there were';
  }
  const differing = difference(before.voters, after.voters);
  return differing <= 1 ? null : `${differing} voters come or go at once`;
}

/** How many are in one list and not in the other. */
function difference(a: readonly NodeId[], b: readonly NodeId[]): number {
  return count(a, (id) => !b.includes(id)) + count(b, (id) => !a.includes(id));
}

export function describeConfiguration({ learners, outgoing, voters }: Configuration): string {
  const old = outgoing.length === 0 ? '' : ` with ${outgoing.join(' ')} outgoing`;
  const listening = learners.length === 0 ? '' : ` and ${learners.join(' ')} learning`;
  return `${voters.join(' ') || 'nobody'}${old}${listening}`;
}
