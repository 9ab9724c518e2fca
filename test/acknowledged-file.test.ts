/**
 * Shows that the file of what was acknowledged says the highest number that is whole in it, however
 * many notes were made and wherever one of them was torn; and what a recovery makes of each such
 * number beside each database.
 *
 *     npx ava test/acknowledged-file.test.ts
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import test from 'ava';
import { AcknowledgedFile } from '../src/storage/acknowledged-file.ts';
import { SqliteStorage } from '../src/storage/sqlite.ts';
import { DamageError } from '../src/storage/storage.ts';
import { compaction, run, snapshotAt } from './support/changes.ts';
import { copyFolder, IN_MEMORY, newFolder, removeFolders } from './support/sqlite-medium.ts';
import { close, load, persist, save } from './support/storages.ts';

test.after.always(removeFolders);

const NAME = 'acknowledged';
const SLOT_BYTES = 512;
const RECORD_BYTES = 12;

/** A slot as it is written, told in another way than the file does. */
function slotOf(sequence: number): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES);
  slot.writeDoubleLE(sequence, 4);
  slot.writeUInt32LE(crc32(slot.subarray(4, RECORD_BYTES)));
  return slot;
}

/** `null`: a slot that says nothing. */
function fileOf(...slots: readonly (number | null)[]): Buffer {
  return Buffer.concat(slots.map((each) => (each === null ? Buffer.alloc(512, 7) : slotOf(each))));
}

/** What another process finds in these bytes. */
function sequenceIn(bytes: Buffer): number {
  const path = join(newFolder(), NAME);
  writeFileSync(path, bytes);
  const file = new AcknowledgedFile(path, crc32, false);
  file.close();
  return file.sequence;
}

/** What the file holds after one more note of another process. */
function afterNote(bytes: Buffer, sequence: number): Buffer {
  const path = join(newFolder(), NAME);
  writeFileSync(path, bytes);
  const file = new AcknowledgedFile(path, crc32, false);
  file.note(sequence);
  file.close();
  return readFileSync(path);
}

/** Which slot differs; the test fails where both do, or none. */
function slotChanged(before: Buffer, after: Buffer): number {
  const changed = [0, 1].filter((slot) => {
    const [from, to] = [slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES];
    return !before.subarray(from, to).equals(after.subarray(from, to));
  });
  if (changed.length !== 1) throw new Error(`a note changed ${changed.length} slots`);
  return changed[0] as number;
}

for (const aside of [false, true]) {
  const how = aside ? 'aside' : 'at once';
  test(`noted ${how}: after any number of notes the last one is found, by turns`, async (t) => {
    const path = join(newFolder(), NAME);
    const file = new AcknowledgedFile(path, crc32, true);
    t.is(file.sequence, 0);
    t.deepEqual(readFileSync(path), Buffer.concat([slotOf(0), Buffer.alloc(SLOT_BYTES)]));
    let before = readFileSync(path);
    for (let notes = 1; notes <= 7; notes++) {
      // Not every number is noted: compactions and clears leave some out.
      const sequence = notes * 3;
      if (aside) await file.noteAside(sequence);
      else file.note(sequence);
      const bytes = readFileSync(path);
      t.is(slotChanged(before, bytes), notes % 2, `note ${notes}`);
      t.is(sequenceIn(bytes), sequence);
      // Less was noted already.
      await file.noteAside(sequence - 1);
      file.note(sequence);
      t.deepEqual(readFileSync(path), bytes);
      before = bytes;
    }
    file.close();
  });
}

test('of two whole slots the higher counts, and the next note spares it', (t) => {
  for (const [first, second] of [
    [4, 5],
    [5, 4],
    [0, 1],
    [2 ** 40, 3],
    [9, 10],
    [10, 9],
    [7, null],
    [null, 7],
    [0, null],
  ] as const) {
    const what = `${first} before ${second}`;
    const bytes = fileOf(first, second);
    const highest = Math.max(first ?? 0, second ?? 0);
    t.is(sequenceIn(bytes), highest, what);
    const spared = highest === first ? 0 : 1;
    const after = afterNote(bytes, highest + 1);
    t.is(slotChanged(bytes, after), 1 - spared, what);
    t.is(sequenceIn(after), highest + 1, what);
    // Whatever becomes of that note, what was noted before it is there.
    after.fill(7, (1 - spared) * SLOT_BYTES, (2 - spared) * SLOT_BYTES);
    t.is(sequenceIn(after), highest, what);
  }
});

test('a note that is torn after any byte leaves the one before it, and is written over', (t) => {
  const before = fileOf(41, 40);
  const whole = afterNote(before, 300);
  t.is(slotChanged(before, whole), 1);
  for (let bytes = 0; bytes <= RECORD_BYTES; bytes++) {
    const torn = Buffer.from(before);
    whole.copy(torn, SLOT_BYTES, SLOT_BYTES, SLOT_BYTES + bytes);
    // Numbers may end alike.
    const isWhole = torn.equals(whole);
    t.is(sequenceIn(torn), isWhole ? 300 : 41, `${bytes} bytes`);
    const after = afterNote(torn, 301);
    t.is(slotChanged(torn, after), isWhole ? 0 : 1, `${bytes} bytes`);
    t.is(sequenceIn(after), 301);
  }
});

test('a slot of which any bit differs does not count', (t) => {
  for (let at = 0; at < RECORD_BYTES; at++) {
    const bytes = fileOf(8, 9);
    bytes[SLOT_BYTES + at] = (bytes[SLOT_BYTES + at] as number) ^ 0x10;
    t.is(sequenceIn(bytes), 8, `byte ${at}`);
  }
});

// ---- Beside a database --------------------------------------------------------------------------

const UNITS_MAX = 4;

/** Data directories with so many units, of which `folded` live on in a checkpoint. */
async function directories(): Promise<{ units: number; folder: string }[]> {
  const made: { units: number; folder: string }[] = [];
  const folder = newFolder();
  const storage = await SqliteStorage.open({ folder, checksum: crc32 });
  await load(storage);
  const keep = (units: number): void => {
    const copy = newFolder();
    copyFolder(folder, copy);
    made.push({ units, folder: copy });
  };
  keep(0);
  for (let units = 1; units < UNITS_MAX; units++) {
    await persist(storage, [run(units, units, 1)]);
    keep(units);
  }
  await save(storage, snapshotAt(3, 1), new Uint8Array(9));
  await persist(storage, [compaction(3, 1)]);
  keep(UNITS_MAX);
  await close(storage);
  return made;
}

test('each database beside each number: less than was acknowledged is refused', async (t) => {
  const slots = [null, 0, 1, 2, 3, 4, 5];
  for (const { units, folder } of await directories()) {
    for (const first of slots) {
      for (const second of slots) {
        const at = newFolder(IN_MEMORY);
        copyFolder(folder, at);
        writeFileSync(join(at, NAME), fileOf(first, second));
        const what = `${units} units, noted ${first} and ${second}`;
        const acknowledged = Math.max(first ?? -1, second ?? -1);
        // A first start that was cut off may have made no slot yet, where nothing was stored.
        const isSound = acknowledged >= 0 ? acknowledged <= units : units === 0;
        t.is(await lastEntry(at), isSound ? Math.min(units, 3) : 'refused', what);
        if (!isSound) continue;
        // What it went on from is promised from now on.
        t.is(sequenceIn(readFileSync(join(at, NAME))), units, what);
      }
    }
  }
});

test('where the last note is lost, what the database has beyond it is kept', async (t) => {
  const [, one, two] = await directories();
  if (one === undefined || two === undefined) throw new Error('three directories were asked for');
  copyFileSync(join(one.folder, NAME), join(two.folder, NAME));
  t.is(await lastEntry(two.folder), 2);
  // And missed, should it be lost after that start.
  copyFileSync(join(two.folder, NAME), join(one.folder, NAME));
  t.is(await lastEntry(one.folder), 'refused');
});

async function lastEntry(folder: string): Promise<number | 'refused'> {
  try {
    const storage = await SqliteStorage.open({ folder, checksum: crc32 });
    try {
      const { baseIndex, entries } = await load(storage);
      return baseIndex + entries.length;
    } finally {
      await close(storage);
    }
  } catch (error) {
    if (error instanceof DamageError) return 'refused';
    throw error;
  }
}
