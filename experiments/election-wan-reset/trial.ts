/** One first election on a wide-area network, in which later terms do or do not reset timers. */
import { type FirstElection, firstElection, WAN } from '../../lab/study/first-election.ts';

export type Cell = {
  /** Servers that never start. */
  readonly failed: number;
  readonly logs: 'equal' | 'different';
  /** Whether a server that learns of a later term starts its election timer anew. */
  readonly reset: boolean;
};

export function trial({ failed, logs, reset }: Cell, seed: number): FirstElection {
  return firstElection({ ...WAN, seed, failed, logs, resetsOnLaterTerm: reset });
}
