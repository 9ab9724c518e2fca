/** One run of a cluster on threads, in real time, with clients that write as fast as they can. */
import type { StorageKind } from '../../lab/cluster.ts';
import { withDefaults } from '../../lab/sweep/factors.ts';
import { runCell } from '../../lab/threads/run.ts';

export type Cell = {
  readonly nodes: number;
  readonly storage: StorageKind;
  /** Each with one write outstanding, as LogCabin's client threads have. */
  readonly clients: number;
};

export type Sample = {
  readonly opsPerSecond: number;
  readonly latencyMsP50: number;
  readonly latencyMsP99: number;
};

/** As published. */
export const VALUE_BYTES = 1024;
export const MEASURED_S = 0.4;

export async function trial(cell: Cell, seed: number): Promise<Sample> {
  const { clients, nodes, storage } = cell;
  const load = { clients, outstanding: 1, valueBytes: VALUE_BYTES, keys: 10_000 };
  const factors = withDefaults({ ...load, nodes, storage });
  const { signal } = new AbortController();
  const run = { factors, durationS: MEASURED_S, trial: 0, seed, faults: [] };
  const { audit, metrics } = await runCell(run, { signal });
  if (audit !== 'ok') throw new Error(`the audit failed: ${audit}`);
  const { committedOpsPerSecond, latencyMsP50, latencyMsP99 } = metrics;
  if (latencyMsP50 === null || latencyMsP99 === null || committedOpsPerSecond === 0) {
    throw new Error('nothing was served');
  }
  return { opsPerSecond: committedOpsPerSecond, latencyMsP50, latencyMsP99 };
}
