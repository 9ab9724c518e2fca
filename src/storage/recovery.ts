/**
 * What may be kept of a disk after a crash. One rule for every storage: what was never acknowledged
 * may be cut off, what was acknowledged must be there.
 *
 * A disk by itself cannot tell a torn tail from a lost promise. So every unit that is written has a
 * sequence number, and the highest one that was reported durable is noted apart from them.
 */
import { DamageError, type Stored, withRemedy } from './storage.ts';

export type FoundUnit = {
  /** Counted from 1 in the order of writing. */
  readonly sequence: number;
  /** Its checksum is right. */
  readonly intact: boolean;
};

/**
 * How many units, from the first one ever written on, make up the state to start from; the first
 * `folded` of them live on in a checkpoint, and `found` are those behind it. Throws StorageError if
 * an acknowledged one is not among them. O(units).
 */
export function unitsToKeep(
  found: readonly FoundUnit[],
  acknowledged: number,
  where: string,
  folded = 0,
): number {
  let kept = folded;
  for (const { sequence, intact } of found) {
    if (!intact || sequence !== kept + 1) break;
    kept++;
  }
  if (kept >= acknowledged) return kept;
  throw brokenPromise(
    `${where}: record ${kept + 1} is damaged or missing, and everything up to record ` +
      `${acknowledged} was acknowledged`,
  );
}

/**
 * What was acknowledged is gone: the server may have voted or vouched for entries by it, so it must
 * not go on under its name (§3.8).
 */
export function brokenPromise(what: string): DamageError {
  return new DamageError(
    `${what}; the node must not start with less than it has promised: ` +
      'remove it from the cluster, clear its storage, and let it join again under a new name',
  );
}

/** It is as it was written, by its checksum, and means nothing to this program. */
export function unreadable(what: string, cause: unknown): DamageError {
  return new DamageError(withRemedy(what, cause));
}

/** What a disk holds at the first start; and what is told of one that cannot be read. */
export function nothingStored(): Stored {
  const log = { baseIndex: 0, baseTerm: 0, entries: [] };
  return { currentTerm: 0, votedFor: null, ...log, snapshot: null };
}
