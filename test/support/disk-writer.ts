/**
 * A thread that writes to a shared disk without a pause, for tests that read it, or kill the
 * thread, meanwhile. What it writes tells by itself whether it was read whole.
 */
import { workerData } from 'node:worker_threads';
import type { PersistChange } from '../../src/raft/types.ts';
import { type SharedDisk, SharedStorage } from '../../src/storage/shared.ts';
import { command, compaction, entries, pattern, snapshotAt, vote } from './changes.ts';

export type DiskWork = { readonly disk: SharedDisk; readonly lastIndex: number };

const ENTRIES_KEPT = 40;
const SNAPSHOT_EVERY = 50;

export function entryAt(index: number) {
  return command(index, 1, 50 + (index % 300));
}

export function snapshotDataAt(index: number): Uint8Array {
  return pattern(1000 + (index % 5000), index);
}

/** The vote of a term is for a server named after it. */
export function votedForIn(term: number): string {
  return `n${term}`.repeat(1 + (term % 20));
}

export function write({ disk, lastIndex }: DiskWork): void {
  const storage = new SharedStorage(disk);
  const fail = (error: Error | null): void => {
    if (error !== null) throw error;
  };
  let next = 0;
  storage.load((error, { baseIndex, entries: found }) => {
    fail(error);
    next = baseIndex + found.length + 1;
  });
  while (next <= lastIndex) {
    const unit: PersistChange[] = [];
    if (next % 7 === 0) unit.push(vote(next, votedForIn(next)));
    // The last of the entries is written, cut, and written again.
    unit.push(entries(entryAt(next), entryAt(next + 1)));
    unit.push({ ...entries(entryAt(next + 1)), truncateFrom: next + 1 });
    next += 2;
    const index = next - ENTRIES_KEPT;
    if (next % SNAPSHOT_EVERY < 2 && index > 0) {
      const writer = storage.writeSnapshot(snapshotAt(index, 1));
      writer.write(snapshotDataAt(index), fail);
      writer.finish(fail);
      unit.push(compaction(index, 1));
    }
    storage.persist(unit, fail);
  }
}

if (workerData !== null) {
  const work = workerData as Partial<DiskWork>;
  if (work.disk !== undefined && work.lastIndex !== undefined) write(work as DiskWork);
}
