/** The committed entries of a cluster, as its disks hold them between them. */
import type { Entry, Index } from '../src/raft/types.ts';
import type { Stored } from '../src/storage/storage.ts';

/** One disk, and up to where its node knows the log as committed. */
export type CommittedDisk = {
  readonly id: string;
  readonly commitIndex: Index;
  readonly stored: Pick<Stored, 'baseIndex' | 'baseTerm' | 'entries' | 'snapshot'>;
};

/** The entries behind a base, without a gap. */
export type CommittedLog = { readonly baseIndex: Index; readonly entries: readonly Entry[] };

/**
 * The committed entries up to the last, from as early on as the disks hold all of them: where one
 * log ends, a longer one goes on. O(entries).
 */
export function joinCommitted(disks: readonly CommittedDisk[]): CommittedLog {
  let joined: { baseIndex: Index; entries: Entry[] } = { baseIndex: 0, entries: [] };
  const logs = disks.map(committedOf).toSorted((a, b) => a.baseIndex - b.baseIndex);
  logs.forEach(({ baseIndex, entries }, i) => {
    const end = joined.baseIndex + joined.entries.length;
    if (baseIndex + entries.length <= end && i > 0) return;
    // Between the two there is a gap that nothing but snapshots cover.
    if (baseIndex > end || i === 0) joined = { baseIndex, entries: [...entries] };
    else for (const entry of entries.slice(end - baseIndex)) joined.entries.push(entry);
  });
  return joined;
}

function committedOf({ commitIndex, stored }: CommittedDisk): CommittedLog {
  const { baseIndex, entries } = stored;
  return { baseIndex, entries: entries.slice(0, Math.max(0, commitIndex - baseIndex)) };
}

/** Log Matching (§3.5) on what the disks hold, as far as it is committed; complaints. */
export function mismatches(disks: readonly CommittedDisk[], joined: CommittedLog): string[] {
  const at = (index: Index): Entry | undefined => joined.entries[index - joined.baseIndex - 1];
  return disks.flatMap((disk) => {
    const { id, commitIndex, stored } = disk;
    const { baseIndex, baseTerm, snapshot } = stored;
    const own = committedOf(disk);
    const complaints: string[] = [];
    const end = baseIndex + own.entries.length;
    if (end < commitIndex) complaints.push(`${id} has ${end} of ${commitIndex} committed entries`);
    if ((snapshot?.index ?? 0) < baseIndex) {
      complaints.push(`${id} has neither the first ${baseIndex} entries nor a snapshot of them`);
    }
    const differing = own.entries.find((entry) => {
      const other = at(entry.index);
      return other !== undefined && !isSame(entry, other);
    });
    if (differing !== undefined) {
      complaints.push(`entry ${differing.index} of ${id} differs from others'`);
    }
    const places = [['the base', { index: baseIndex, term: baseTerm }] as const];
    for (const [what, { index, term }] of [...places, ...snapshotPlace(disk)]) {
      const entry = at(index);
      if (entry === undefined || entry.term === term) continue;
      complaints.push(`${what} of ${id} is entry ${index} of term ${term}, not ${entry.term}`);
    }
    return complaints;
  });
}

function snapshotPlace({ stored: { snapshot } }: CommittedDisk) {
  return snapshot === null ? [] : [['the snapshot', snapshot] as const];
}

function isSame(a: Entry, b: Entry): boolean {
  if (a.index !== b.index || a.term !== b.term || a.kind !== b.kind) return false;
  if (a.kind === 'command' && b.kind === 'command') {
    return isSameBytes(a.command, b.command);
  }
  if (a.kind === 'configuration' && b.kind === 'configuration') {
    return JSON.stringify(a.configuration) === JSON.stringify(b.configuration);
  }
  return true;
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false;
  return true;
}
