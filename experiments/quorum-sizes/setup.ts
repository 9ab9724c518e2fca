/** Numbers and names that the trial, its expectations and its report share. */

export type Cell = {
  readonly nodes: number;
  /** How many of them fail, all at once. */
  readonly failed: number;
};

/** A write, and a read in each of the ways of §6.4; stale is the control. */
export const KINDS = ['write', 'linearizable', 'lease', 'follower', 'log', 'stale'] as const;
export type Kind = (typeof KINDS)[number];

export const KIND_TITLES: Readonly<Record<Kind, string>> = {
  write: 'write',
  linearizable: 'ReadIndex read',
  lease: 'lease read',
  follower: 'follower read',
  log: 'read through the log',
  stale: 'stale read',
};

export const ELECTION_TIMEOUT_MS = [150, 300] as const;
export const HEARTBEAT_MS = 50;
export const CLOCK_DRIFT_PPM = 100;
/** One way. */
export const LINK = { delayMs: 1, jitterMs: 0.5, distribution: 'uniform' } as const;
/** A request that no server has answered by then was not served. */
export const PATIENCE_MS = 100;
/** Between two writes before the crash, … */
export const WRITE_EVERY_MS = 5;
/** … and while it is measured when one is served again. */
export const AWAIT_EVERY_MS = 2;
/** Right after the crash: so long, in bins of so much. */
export const EARLY_MS = 500;
export const BIN_MS = 20;
/** From the crash until it is measured what is served. */
export const SETTLE_MS = 2000;
export const WINDOW_MS = 1000;
/** Between two requests of a kind meanwhile. */
export const REQUEST_EVERY_MS = 40;

/** As many as must agree (§3.3). */
export function majorityOf(nodes: number): number {
  return Math.floor(nodes / 2) + 1;
}

export function hasMajority({ failed, nodes }: Cell): boolean {
  return nodes - failed >= majorityOf(nodes);
}

/** Whether the cell should serve requests of this kind. */
export function shouldServe(kind: Kind, cell: Cell): boolean {
  return kind === 'stale' ? cell.failed < cell.nodes : hasMajority(cell);
}
