/** What keeps servers from disturbing a leader that is heard, each of it told apart. */
import type { Settings } from '../../src/raft/types.ts';

/** Stickiness is §4.2.3, CheckQuorum §6.2, PreVote §9.6. */
export type Refinements = Pick<Settings, 'preVote' | 'checkQuorum' | 'leaderStickiness'>;

/** These are on, and the others off. */
export function refinements(...on: readonly (keyof Refinements)[]): Refinements {
  return {
    preVote: on.includes('preVote'),
    checkQuorum: on.includes('checkQuorum'),
    leaderStickiness: on.includes('leaderStickiness'),
  };
}
