/**
 * Two candidates of one term, and a third server that votes for one of them, loses its power, and
 * is asked by the other: does it remember its vote?
 */
import type { Member } from '../../lab/sim/member.ts';
import type { Message } from '../../src/raft/types.ts';
import { SyncingCluster } from './cluster.ts';
import type { Cell } from './policies.ts';

export type VoteSample = {
  /** Whether the power failed behind a vote: an election that nobody else stands for needs none. */
  readonly struck: boolean;
  /** Terms in which two servers led. */
  readonly termsOfTwo: number;
};

export const VOTE_SERVERS = 3;
/** So close that two candidates of one term are frequent. */
export const VOTE_TIMEOUT_MS = [150, 160] as const;
/** Far apart, so that the requests of two candidates reach the third at different moments. */
export const VOTE_LINK = { delayMs: 30, jitterMs: 25, distribution: 'uniform' } as const;
/** Quicker than machines are: what can happen does not depend on it, how often it does. */
export const VOTE_BOOT_MS = 5;
const WATCHED_MS = 1000;

export function voteTrial(cell: Cell, seed: number): VoteSample {
  const cluster = new VotingCluster(cell, {
    seed,
    nodes: VOTE_SERVERS,
    link: VOTE_LINK,
    settings: { electionTimeoutMs: VOTE_TIMEOUT_MS },
  });
  cluster.begin();
  cluster.runUntil(WATCHED_MS);
  return { struck: cluster.struck, termsOfTwo: cluster.termsOfTwo };
}

/** The power of the first server that votes for another fails as soon as its vote has left. */
class VotingCluster extends SyncingCluster {
  struck = false;

  override send(message: Message): void {
    super.send(message);
    if (this.struck || message.kind !== 'RequestVoteResponse' || !message.voteGranted) return;
    this.struck = true;
    const voter = this.member(message.from);
    this.events.after(0, () => this.#strike(voter));
  }

  #strike(voter: Member): void {
    this.crash(voter);
    this.events.after(VOTE_BOOT_MS * 1000, () => this.start(voter));
  }
}
