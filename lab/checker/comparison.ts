/** Whether two pieces of plain data are the same, whoever made them. */
import type { Configuration, Entry } from '../../src/raft/types.ts';

export function sameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  if (a.index !== b.index || a.term !== b.term || a.kind !== b.kind) return false;
  if (a.kind === 'command' && b.kind === 'command') return sameItems(a.command, b.command);
  if (a.kind === 'configuration' && b.kind === 'configuration') {
    return sameConfiguration(a.configuration, b.configuration);
  }
  return true;
}

export function sameConfiguration(a: Configuration, b: Configuration): boolean {
  if (a === b) return true;
  return (
    sameItems(a.voters, b.voters) &&
    sameItems(a.outgoing, b.outgoing) &&
    sameItems(a.learners, b.learners)
  );
}

/** Of any plain data, byte strings included; O(its size). */
export function sameData(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) {
    return sameItems(a as Uint8Array, b as Uint8Array);
  }
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => sameData(a[name as keyof typeof a], b[name as keyof typeof b]))
  );
}

function sameItems(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
