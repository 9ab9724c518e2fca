/** What most tests of the protocol have nothing to do with: limits that no test comes near. */
import type { Settings } from '../../src/raft/types.ts';

const MIB = 1024 * 1024;

type Limits = Pick<
  Settings,
  | 'windowBytes'
  | 'uncommittedBytes'
  | 'snapshotEntries'
  | 'snapshotBytes'
  | 'keptEntries'
  | 'keptBytes'
  | 'chunkBytes'
  | 'clockDriftPpm'
  | 'catchUpTimeoutMs'
  | 'adaptiveTimeout'
>;

/** No snapshot is due by itself, there are no leases, and timeouts do not adapt. */
export const LIMITS: Limits = {
  windowBytes: 16 * MIB,
  uncommittedBytes: 64 * MIB,
  snapshotEntries: Number.MAX_SAFE_INTEGER,
  snapshotBytes: Number.MAX_SAFE_INTEGER,
  keptEntries: 5000,
  keptBytes: 8 * MIB,
  chunkBytes: 256 * 1024,
  clockDriftPpm: null,
  catchUpTimeoutMs: 10_000,
  adaptiveTimeout: null,
};
