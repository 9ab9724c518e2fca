/**
 * A process that does a fixed work on a data directory and says after each part of it that it is
 * done: for tests that look at what is on the disk when. Others compare with the same list.
 */
import { crc32 } from 'node:zlib';
import type { PersistChange, SnapshotMeta } from '../../src/raft/types.ts';
import { SqliteStorage } from '../../src/storage/sqlite.ts';
import type { Done, Stored } from '../../src/storage/storage.ts';
import {
  adopted,
  after,
  command,
  compaction,
  EMPTY,
  entries,
  pattern,
  run,
  snapshotAt,
  vote,
} from './changes.ts';

type Part =
  | { readonly kind: 'unit'; readonly unit: readonly PersistChange[]; readonly record?: string }
  | { readonly kind: 'record'; readonly record: string }
  | { readonly kind: 'snapshot'; readonly meta: SnapshotMeta }
  | { readonly kind: 'clear' | 'reopen' };

const RECORD = 'member';

export const WORK: readonly Part[] = [
  { kind: 'record', record: 'first' },
  { kind: 'unit', unit: [vote(1, 'n1')] },
  { kind: 'unit', unit: [run(1, 3, 1)] },
  { kind: 'unit', unit: [vote(2, null), { ...entries(command(3, 2, 9000)), truncateFrom: 3 }] },
  { kind: 'unit', unit: [vote(2, 'n2'), run(4, 5, 2)] },
  { kind: 'snapshot', meta: snapshotAt(3, 2) },
  { kind: 'unit', unit: [compaction(3, 2)] },
  { kind: 'record', record: 'second' },
  { kind: 'unit', unit: [vote(3, 'n3'), run(6, 6, 3)], record: 'third' },
  { kind: 'reopen' },
  { kind: 'unit', unit: [vote(4, 'n1')] },
  { kind: 'unit', unit: [run(7, 12, 4)] },
  { kind: 'snapshot', meta: snapshotAt(10, 4) },
  { kind: 'unit', unit: [compaction(10, 4)] },
  // One that was received goes beyond the log.
  { kind: 'snapshot', meta: snapshotAt(20, 4) },
  { kind: 'unit', unit: [compaction(20, 4), run(21, 22, 4)] },
  { kind: 'reopen' },
  { kind: 'record', record: 'fourth' },
  { kind: 'clear' },
  { kind: 'unit', unit: [vote(5, 'n1'), run(1, 2, 5)] },
];

export function snapshotBytesAt(index: number): Uint8Array<ArrayBuffer> {
  return pattern(5000 + index, index);
}

export type Held = { readonly stored: Stored; readonly record: string | null };

/** What a start finds after so many parts. */
export function heldAfter(parts: number): Held {
  let stored: Stored = EMPTY;
  let record: string | null = null;
  for (const part of WORK.slice(0, parts)) {
    if (part.kind === 'unit') stored = part.unit.reduce(after, stored);
    if (part.kind === 'snapshot') stored = { ...stored, snapshot: part.meta };
    if (part.kind === 'clear') stored = EMPTY;
    if ('record' in part) record = part.record ?? record;
  }
  return { stored: adopted(stored), record };
}

// ---- Doing it -----------------------------------------------------------------------------------

function done(act: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    act((error) => (error === null ? resolve() : reject(error)));
  });
}

async function opened(folder: string): Promise<SqliteStorage> {
  const storage = await SqliteStorage.open({ folder, checksum: crc32 });
  await done((ended) => storage.load(ended));
  return storage;
}

async function doPart(storage: SqliteStorage, part: Part, folder: string): Promise<SqliteStorage> {
  switch (part.kind) {
    case 'unit': {
      const { unit, record } = part;
      if (record === undefined) await done((ended) => storage.persist(unit, ended));
      else await done((ended) => storage.persistWithRecord(unit, RECORD, record, ended));
      return storage;
    }
    case 'record':
      await done((ended) => storage.writeRecord(RECORD, part.record, ended));
      return storage;
    case 'snapshot': {
      const writer = storage.writeSnapshot(part.meta);
      const bytes = snapshotBytesAt(part.meta.index);
      await done((ended) => writer.write(bytes.subarray(0, 3000), ended));
      await done((ended) => writer.write(bytes.subarray(3000), ended));
      await done((ended) => writer.finish(ended));
      return storage;
    }
    case 'clear':
      await done((ended) => storage.clear(ended));
      await done((ended) => storage.load(ended));
      return storage;
    default:
      await done((ended) => storage.close(ended));
      return opened(folder);
  }
}

async function work(folder: string): Promise<void> {
  let storage = await opened(folder);
  for (const [i, part] of WORK.entries()) {
    storage = await doPart(storage, part, folder);
    process.stdout.write(`done ${i + 1}\n`);
  }
  await done((ended) => storage.close(ended));
}

/** Says what it finds, and ends as one that is killed. */
async function look(folder: string): Promise<never> {
  const storage = await SqliteStorage.open({ folder, checksum: crc32 });
  const stored = await new Promise<Stored>((resolve) => {
    storage.load((_error, found) => resolve(found));
  });
  process.stdout.write(`found ${stored.entries.length}\n`);
  process.exit(0);
}

const [program, folder, isLook] = process.argv.slice(1);
if (program === import.meta.filename && folder !== undefined) {
  if (isLook === 'look') await look(folder);
  await work(folder);
}
