/**
 * Shows that the storage on SQLite survives a power failure at any moment: whatever the disk kept
 * of what was not synced by then, all that was reported done is there, whole, and nothing is made
 * up. The system calls of a process are traced, and played on a disk that forgets; where tracing is
 * not possible, what SQLite says of its modes has to do.
 *
 *     npx ava test/storage-crash.test.ts
 */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { fork } from '../src/raft/random.ts';
import type { PersistChange } from '../src/raft/types.ts';
import { SqliteStorage } from '../src/storage/sqlite.ts';
import { SqliteFile } from '../src/storage/sqlite-file.ts';
import { vote } from './support/changes.ts';
import { type Held, heldAfter, snapshotBytesAt, WORK } from './support/crash-work.ts';
import {
  ForgetfulDisk,
  type Image,
  type Step,
  traced,
  whyUntraced,
  writeImage,
} from './support/forgetful-disk.ts';
import { replay, SEED } from './support/property.ts';
import { IN_MEMORY, newFolder, removeFolders } from './support/sqlite-medium.ts';
import { close, load, persist, readBack } from './support/storages.ts';

test.after.always(removeFolders);

const WORKER = fileURLToPath(new URL('./support/crash-work.ts', import.meta.url));
const LOG = 'raft.sqlite-wal';
const AT_ONCE = 4;

test('SQLite says that it syncs each commit, and how long its log grows', async (t) => {
  const path = join(newFolder(), 'raft.sqlite');
  const file = await SqliteFile.open(path, { application: 1, version: 1, schema: '' });
  const modes: Record<string, unknown> = {};
  for (const pragma of [
    'synchronous',
    'journal_mode',
    'locking_mode',
    'fullfsync',
    'checkpoint_fullfsync',
    'wal_autocheckpoint',
  ]) {
    const [row] = await file.all<Record<string, unknown>>(`PRAGMA ${pragma}`);
    modes[pragma] = Object.values(row ?? {})[0];
  }
  await file.close();
  t.deepEqual(modes, {
    synchronous: 2,
    journal_mode: 'wal',
    locking_mode: 'exclusive',
    fullfsync: 1,
    checkpoint_fullfsync: 1,
    wal_autocheckpoint: 4096,
  });
});

/** `null` where nothing can be traced; the reason is printed. */
async function stepsHere(t: ExecutionContext): Promise<readonly Step[] | null> {
  const why = await whyUntraced();
  if (why === null) return tracing();
  t.log(`${why}: what is on the disk when is not looked at, but for the modes of SQLite`);
  t.pass();
  return null;
}

const tracing = once(() => {
  const folder = join(newFolder(), 'data');
  return traced([WORKER, folder], folder);
});

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

// ---- The order of syncs -------------------------------------------------------------------------

test('what is reported done was synced before, and once', async (t) => {
  const steps = await stepsHere(t);
  if (steps === null) return;
  const said = steps.flatMap((step, at) => (step.kind === 'said' ? [{ at, text: step.text }] : []));
  t.deepEqual(
    said.map(({ text }) => text),
    WORK.map((_, i) => `done ${i + 1}`),
  );
  for (const [i, part] of WORK.entries()) {
    if (part.kind === 'reopen') continue;
    const between = steps.slice(said[i - 1]?.at ?? 0, said[i]?.at);
    const ofLog = between.filter((step) => 'name' in step && step.name === LOG);
    const writes = ofLog.filter(({ kind }) => kind === 'write').length;
    const syncs = ofLog.filter(({ kind }) => kind === 'sync').length;
    t.true(writes > 0, `part ${i + 1} wrote nothing to the log`);
    // Before anything was compacted nothing else writes: then the last is the sync.
    if (i > 0 && i < 5) {
      t.is(syncs, 1, `syncs of part ${i + 1}`);
      t.is(ofLog.at(-1)?.kind, 'sync', `part ${i + 1}`);
    } else t.true(syncs > 0, `part ${i + 1} was not synced`);
  }
  const notes = steps.filter((step) => 'name' in step && step.name === 'acknowledged');
  t.is(notes.filter(({ kind }) => kind === 'sync').length, 1, 'syncs of what was acknowledged');
});

// ---- Power failures -----------------------------------------------------------------------------

type Failure = {
  readonly image: Image;
  readonly done: number;
  readonly what: string;
  /** It is tried whether a server can go on from there, and start again. */
  readonly goesOn: boolean;
};

/** Each image once, beside what had been reported by then. */
function* failures(steps: readonly Step[]): Generator<Failure, undefined> {
  const disk = new ForgetfulDisk();
  const rng = fork(SEED, 'what a disk keeps');
  const seen = new Set<string>();
  let done = 0;
  for (const [at, step] of steps.entries()) {
    disk.take(step);
    if (step.kind === 'said') done++;
    for (const [kept, image] of disk.images(rng)) {
      const key = `${done} ${hashOf(image)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const last = 'name' in step ? `${step.kind} ${step.name}` : step.kind;
      const what = `after step ${at} (${last}), with ${kept} that was not synced, ${done} done`;
      yield { image, done, what, goesOn: kept.startsWith('none') };
    }
  }
}

function hashOf(image: Image): string {
  const hash = createHash('sha1');
  for (const [name, content] of image) hash.update(name).update(content);
  return hash.digest('base64');
}

test('a power failure after any system call leaves all that was reported done', async (t) => {
  const steps = await stepsHere(t);
  if (steps === null) return;
  const all = failures(steps);
  let count = 0;
  const wrong: string[] = [];
  const worker = async (): Promise<void> => {
    for (const failure of all) {
      const folder = newFolder(IN_MEMORY);
      count++;
      const flaw = await flawAfter(failure, folder).catch((error: Error) => error.message);
      rmSync(folder, { recursive: true, force: true });
      if (flaw !== null) wrong.push(`${failure.what}: ${flaw}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  t.log(`${count} power failures`);
  t.true(count > 300, `${count} power failures`);
  t.deepEqual(wrong.slice(0, 5), [], `${wrong.length} of ${count}; ${replay(t)}`);
});

/** What is wrong with what a start finds, or with how it goes on; `null` if nothing is. */
async function flawAfter({ image, done, goesOn }: Failure, folder: string): Promise<string | null> {
  writeImage(folder, image);
  const found = await start(folder, ...(goesOn ? [vote(9, 'n1')] : []));
  // The part under way may have come to its end.
  const parts = [done, done + 1].find((each) => isDeepStrictEqual(found, heldAfter(each)));
  if (parts === undefined) return `found ${JSON.stringify(found).slice(0, 300)}`;
  if (!goesOn) return null;
  const { stored } = await start(folder);
  const expected = { ...heldAfter(parts).stored, currentTerm: 9, votedFor: 'n1' };
  return isDeepStrictEqual(stored, expected) ? null : 'it does not go on from there';
}

/** What it finds, and then writes. */
async function start(folder: string, ...next: PersistChange[]): Promise<Held> {
  const storage = await SqliteStorage.open({ folder, checksum: crc32 });
  try {
    const record = await new Promise<string | null>((resolve, reject) => {
      storage.readRecord('member', (error, text) => (error ? reject(error) : resolve(text)));
    });
    const stored = structuredClone(await load(storage));
    if (stored.snapshot !== null) await checkBytes(storage, stored.snapshot.index);
    if (next.length === 0) return { stored, record };
    const error = await persist(storage, next);
    if (error !== null) throw error;
    return { stored, record };
  } finally {
    await close(storage);
  }
}

async function checkBytes(storage: SqliteStorage, index: number): Promise<void> {
  const bytes = await readBack(storage, index);
  if (isDeepStrictEqual(bytes, snapshotBytesAt(index))) return;
  throw new Error(`the snapshot of entry ${index} is not as it was written`);
}

test('a start that follows a kill promises what it finds: a power failure leaves it', async (t) => {
  const steps = await stepsHere(t);
  if (steps === null) return;
  const disk = new ForgetfulDisk();
  // The commit of the third part is written, and not synced.
  const from = steps.findIndex((step) => step.kind === 'said' && step.text === 'done 2');
  const at = steps.findIndex((step, i) => i > from && step.kind === 'sync' && step.name === LOG);
  for (const step of steps.slice(0, at)) disk.take(step);
  const folder = join(newFolder(), 'data');
  writeImage(folder, disk.image);
  const found = await traced([WORKER, folder, 'look'], folder, [...disk.image.keys()]);
  const last = found.findLastIndex(({ kind }) => kind === 'said');
  t.like(found[last], { text: 'found 3' });
  for (const step of found.slice(0, last)) disk.take(step);
  for (const [kept, image] of disk.images(fork(SEED, 'what a disk keeps after a kill'))) {
    const left = newFolder(IN_MEMORY);
    writeImage(left, image);
    t.deepEqual((await start(left)).stored, heldAfter(3).stored, `${kept}; ${replay(t)}`);
  }
});
