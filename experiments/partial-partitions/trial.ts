/** One partition, from its onset until the cluster serves again after it has healed. */
import { type Cell, Partition } from './partition.ts';
import { canServe, longestGapMs, servedAtMs, servedSlices } from './service.ts';

export type Sample = {
  /** What runs it again, for a picture. */
  readonly seed: number;
  /** Slices of the partition, and those in which writes were, or could be, served. */
  readonly slices: number;
  readonly served: number;
  /** Elections won during the partition. */
  readonly changes: number;
  readonly firstTerm: number;
  readonly finalTerm: number;
  /** From the onset to the first write after it; `null` if there was none before the end. */
  readonly recoveryMs: number | null;
  /** The longest time without service. */
  readonly gapMs: number;
  /** From the end of the partition to the next write. */
  readonly healedMs: number;
  /** The longest time without a write soon after the end: servers that return may disturb. */
  readonly healedGapMs: number;
};

export const SLICE_MS = 100;
/** How often an idle cluster is asked whether it could serve. */
const WATCH_MS = 10;
/** So long after the end the load goes on. */
export const AFTERMATH_MS = 2000;

export function trial(cell: Cell, seed: number): Sample {
  const partition = new Partition(cell, seed);
  partition.begin();
  const { cluster, load, onsetMs, endMs } = partition;
  const firstTerm = cluster.highestTerm();
  const ableMs = watchUntil(partition, endMs);
  const finalTerm = cluster.highestTerm();
  const changes = cluster.elections.filter(({ atMs }) => atMs >= onsetMs && atMs < endMs).length;
  if (cell.load === 'idle') partition.keepWriting();
  cluster.runUntil(endMs + AFTERMATH_MS);
  load.stop();
  cluster.judge();
  const atMs = cell.load === 'idle' ? ableMs : servedAtMs(load.calls, onsetMs);
  const first = atMs.find((at) => at < endMs);
  return {
    seed,
    slices: Math.round((endMs - onsetMs) / SLICE_MS),
    served: servedSlices(atMs, onsetMs, endMs, SLICE_MS),
    changes,
    firstTerm,
    finalTerm,
    recoveryMs: first === undefined ? null : first - onsetMs,
    gapMs: longestGapMs(atMs, onsetMs, endMs),
    ...aftermath(servedAtMs(load.calls, onsetMs), endMs),
  };
}

function aftermath(
  servedMs: readonly number[],
  endMs: number,
): Pick<Sample, 'healedMs' | 'healedGapMs'> {
  const next = servedMs.find((at) => at >= endMs);
  if (next === undefined) {
    throw new Error(`no write is served within ${AFTERMATH_MS} ms after the partition`);
  }
  const healedGapMs = longestGapMs(servedMs, endMs, endMs + AFTERMATH_MS);
  return { healedMs: next - endMs, healedGapMs };
}

/** The moments at which the cluster could serve a write. */
function watchUntil({ cluster, links, onsetMs }: Partition, endMs: number): number[] {
  const able: number[] = [];
  for (let atMs = onsetMs; atMs < endMs; atMs += WATCH_MS) {
    cluster.runUntil(atMs);
    if (canServe(cluster, links)) able.push(atMs);
  }
  cluster.runUntil(endMs);
  return able;
}
