/** Numbers that the trial and its report share. */
import type { StorageKind } from '../../lab/cluster.ts';

/** For `snapshotEntries`: the log is never compacted. */
export const NEVER = 0;

export type Cell = {
  readonly storage: StorageKind;
  readonly keys: number;
  /** A snapshot is due after so many entries. */
  readonly snapshotEntries: number;
};

export const SERVERS = 3;
export const OUTSTANDING = 64;
export const VALUE_BYTES = 1024;
/** Load before the measured time: the state fills up, and the compiler settles. */
export const FILL_MS = 400;
export const MEASURED_MS = 700;
