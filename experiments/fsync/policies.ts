/** What the study tells apart: when a server syncs, and whose power fails. */
import type { DiskSettings } from '../../lab/schedule.ts';

/**
 * `always`: every command is an entry of its own, and every entry a sync of its own, before it is
 * acknowledged. `batched`: what gathers during a sync shares the next one, as in this lab's node.
 * `lazy`: a record is acknowledged as soon as the operating system has it, and synced every
 * `flushMs` in the background.
 */
export const POLICIES = ['always', 'batched', 'lazy'] as const;
export type Policy = (typeof POLICIES)[number];

/**
 * Whose power fails, all at the same moment: nobody's, where the cost is measured; `majority` is
 * the leader and two followers of five. `voter` is another story: of three servers without a
 * leader, the one that has just voted.
 */
export const LOSSES = ['none', 'follower', 'leader', 'majority', 'all', 'voter'] as const;
export type Loss = (typeof LOSSES)[number];

export type Cell = {
  readonly policy: Policy;
  readonly loss: Loss;
  /** A sync takes so long. */
  readonly syncMs: number;
  /** Of the lazy alone; 0 of the others. */
  readonly flushMs: number;
};

export const SERVERS = 5;
/** Between servers, one way. */
export const LINK = { delayMs: 0.5, jitterMs: 0.1, distribution: 'uniform' } as const;
/** Between clients and servers, one way. */
export const CLIENT_DELAY_MS = 0.1;
/** What the operating system takes to accept a write that it does not sync. */
export const ACCEPT_US = 20;

/** A sync takes a tenth more or less at most; what was under way is lost. */
export function diskOf({ syncMs }: Cell): DiskSettings {
  return { latencyMs: [syncMs * 0.9, syncMs * 1.1], torn: 0, late: 0 };
}
