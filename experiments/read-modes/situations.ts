/** What the study tells apart: how a read is made, and what happens to the server that is asked. */
import type { ReadWay } from '../../lab/cluster.ts';

/** In the order of what they cost. */
export const MODES = ['linearizable', 'lease', 'follower', 'log', 'stale'] as const;

/** How reports call them. */
export const MODE_NAMES: Readonly<Record<ReadWay, string>> = {
  linearizable: 'ReadIndex',
  lease: 'lease',
  follower: 'follower',
  log: 'through the log',
  stale: 'stale (control)',
};

/**
 * `healthy`: nothing, and the cost is measured. Otherwise the leader and one follower are cut off
 * from the other three servers, which elect another leader, while the old one is still asked: with
 * its clock running, after a pause with its clock running, or after a suspension with its clock
 * standing still.
 */
export const SITUATIONS = ['healthy', 'cutOff', 'paused', 'suspended'] as const;
type Situation = (typeof SITUATIONS)[number];

export type Cell = {
  readonly mode: ReadWay;
  readonly situation: Situation;
  /** The old leader's clock is slow by this, and all others are fast by it. */
  readonly driftPercent: number;
  /** What leases allow for. */
  readonly assumedPercent: number;
  /** Reads that clients keep outstanding, where the cost is measured. */
  readonly outstanding: number;
};

export const SERVERS = 5;
export const ASSUMED_PERCENT = 5;
export const PPM_PER_PERCENT = 10_000;

/** Between servers, one way. */
export const LINK = { delayMs: 1, jitterMs: 0.2, distribution: 'uniform' } as const;
/** Between clients and servers, one way. */
export const CLIENT_DELAY_MS = 0.1;
export const DISK = { latencyMs: [0.5, 1], torn: 0, late: 0 } as const;
