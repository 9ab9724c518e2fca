/**
 * What may be kept of a disk after a crash. One rule for every storage: what was never acknowledged
 * may be cut off, what was acknowledged must be there.
 *
 * A disk by itself cannot tell a torn tail from a lost promise. So every unit that is written has a
 * sequence number, and the highest one that was reported durable is noted apart from them.
 */
import { StorageError } from './storage.ts';

export type FoundUnit = {
  /** Counted from 1 in the order of writing. */
  readonly sequence: number;
  /** Its checksum is right. */
  readonly intact: boolean;
};

/**
 * How many units, from the first on, make up the state to start from. Throws StorageError if an
 * acknowledged one is not among them: the server may have voted or vouched for entries by it, so it
 * must not go on under its name (§3.8). O(units).
 */
export function unitsToKeep(
  found: readonly FoundUnit[],
  acknowledged: number,
  where: string,
): number {
  let kept = 0;
  for (const { sequence, intact } of found) {
    if (!intact || sequence !== kept + 1) break;
    kept++;
  }
  if (kept >= acknowledged) return kept;
  throw new StorageError(
    `${where}: record ${kept + 1} is damaged or missing, and everything up to record ` +
      `${acknowledged} was acknowledged; the node must not start with less than it has promised: ` +
      'remove it from the cluster, clear its storage, and let it join again under a new name',
  );
}
