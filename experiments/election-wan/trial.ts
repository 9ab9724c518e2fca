/** One first election on a wide-area network (§9.4, §9.5). */
import { type FirstElection, firstElection, WAN } from '../../lab/study/first-election.ts';

export type Cell = {
  /** Servers that never start. */
  readonly failed: number;
  /** `different`: no two servers have the same log. */
  readonly logs: 'equal' | 'different';
};

export function trial({ failed, logs }: Cell, seed: number): FirstElection {
  return firstElection({ ...WAN, seed, failed, logs });
}
