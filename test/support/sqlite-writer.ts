/**
 * A process that writes to a data directory without a pause, for tests that kill it. Each line of
 * its output is the last entry that was acknowledged. What it writes tells by itself whether it was
 * read whole.
 */
import { crc32 } from 'node:zlib';
import type { PersistChange } from '../../src/raft/types.ts';
import { SqliteStorage } from '../../src/storage/sqlite.ts';
import type { Stored } from '../../src/storage/storage.ts';
import { compaction, entries, snapshotAt, vote } from './changes.ts';
import { entryAt, snapshotDataAt, votedForIn } from './disk-writer.ts';

const ENTRIES_KEPT = 40;
const SNAPSHOT_EVERY = 200;

/** What ends with an error, or with what was asked for. */
function done<Value>(
  start: (ended: (error: Error | null, value: Value) => void) => void,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value) : reject(error)));
  });
}

async function writeForever(folder: string): Promise<never> {
  const storage = await SqliteStorage.open({ folder, checksum: crc32 });
  const { baseIndex, entries: found } = await done<Stored>((ended) => storage.load(ended));
  for (let next = baseIndex + found.length + 1; ; next += 2) {
    // The last of the entries is written, cut, and written again.
    const unit: PersistChange[] = [
      vote(next, votedForIn(next)),
      entries(entryAt(next), entryAt(next + 1)),
      { ...entries(entryAt(next + 1)), truncateFrom: next + 1 },
    ];
    const index = next - ENTRIES_KEPT;
    if (next % SNAPSHOT_EVERY < 2 && index > 0) {
      const writer = storage.writeSnapshot(snapshotAt(index, 1));
      await done<void>((ended) => writer.write(snapshotDataAt(index), ended));
      await done<void>((ended) => writer.finish(ended));
      unit.push(compaction(index, 1));
    }
    await done<void>((ended) => storage.persist(unit, ended));
    process.stdout.write(`${next + 1}\n`);
  }
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('expected a data directory');
try {
  await writeForever(folder);
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
