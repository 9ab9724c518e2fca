/** One first election with a fixed latency (§9.2): was its first term decided, and how soon? */
import { type FirstElection, firstElection } from '../../lab/study/first-election.ts';

export type Cell = {
  readonly servers: number;
  /** Of them; the others are down. */
  readonly alive: number;
  /** One way, as a share of the range that timeouts are drawn from. */
  readonly latency: number;
};

/**
 * Timeouts are drawn from one to two of these, to the microsecond: so fine that two servers hardly
 * ever draw alike.
 */
export const RANGE_MS = 1000;

export function trial({ alive, latency, servers }: Cell, seed: number): FirstElection {
  return firstElection({
    seed,
    servers,
    failed: servers - alive,
    logs: 'equal',
    electionTimeoutMs: [RANGE_MS, 2 * RANGE_MS],
    link: { delayMs: latency * RANGE_MS },
  });
}
