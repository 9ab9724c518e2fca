/** What the membership is to be after an operator's verb, whichever host carries it out. */
import { addressOf } from './raft/identity.ts';
import type { Configuration, Membership, NodeId } from './raft/types.ts';

/** With the servers' present names. */
export type MembershipChange =
  | { readonly kind: 'join' | 'joinBlank' | 'learn' | 'leave'; readonly name: NodeId }
  | { readonly kind: 'configure'; readonly voters: readonly NodeId[] };

/**
 * Who joins takes the place of a member of the same address and another incarnation: that one's
 * disk is gone.
 */
export function membershipAfter(
  change: MembershipChange,
  { learners, voters }: Configuration,
): Membership {
  if (change.kind === 'configure') return { voters: change.voters, learners: [] };
  const { kind, name } = change;
  const others = (members: readonly NodeId[]): NodeId[] =>
    members.filter((member) => addressOf(member) !== addressOf(name));
  switch (kind) {
    case 'join':
    case 'joinBlank':
      return { voters: [...others(voters), name], learners: others(learners) };
    case 'learn':
      return { voters: others(voters), learners: [...others(learners), name] };
    case 'leave':
      return { voters: others(voters), learners: others(learners) };
  }
}
