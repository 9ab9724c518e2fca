/**
 * Shows that the shared-memory storage survives a thread killed at any point of a write, that its
 * owner may read it at any time, and that compactions give its space back.
 *
 *     npx ava test/storage-shared.test.ts
 */

import { setImmediate as turn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { PersistChange } from '../src/raft/types.ts';
import {
  createDisk,
  type DiskOptions,
  readDisk,
  readDiskSnapshot,
  type SharedDisk,
  SharedStorage,
} from '../src/storage/shared.ts';
import type { Snapshot } from '../src/storage/snapshot-record.ts';
import { StorageError, type Stored } from '../src/storage/storage.ts';
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
} from './support/changes.ts';
import { type DiskWork, entryAt, snapshotDataAt, votedForIn } from './support/disk-writer.ts';
import { always } from './support/property.ts';
import {
  finish,
  holds,
  KIB,
  load,
  MIB,
  persist,
  readBack,
  save,
  sketch,
  unitOf,
} from './support/storages.ts';

const FIRST = [vote(1, 'n1'), run(1, 20, 1), compaction(3, 1)];
const SECOND: PersistChange[] = [
  { ...run(18, 40, 2, 200), termAndVote: { currentTerm: 2, votedFor: 'n22' }, truncateFrom: 18 },
  compaction(19, 2),
];
const AFTER_FIRST = FIRST.reduce(after, EMPTY);
const AFTER_BOTH = SECOND.reduce(after, AFTER_FIRST);

/** FIRST lies in one segment, SECOND goes on in others. */
const SMALL: DiskOptions = { segmentBytes: 2 * KIB, segmentCount: 8, snapshotBytes: MIB };

function blankDisk(): SharedDisk {
  return createDisk(SMALL);
}

function withFirst(): { disk: SharedDisk; storage: SharedStorage } {
  const disk = blankDisk();
  const storage = new SharedStorage(disk);
  storage.persist(FIRST, () => {});
  return { disk, storage };
}

function buffersOf({ head, segments, slots }: SharedDisk): SharedArrayBuffer[] {
  return [head, ...segments, ...slots];
}

/** Memory in use for the log. */
function logBytes({ segments }: SharedDisk): number {
  return segments.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function cloneOf(disk: SharedDisk): SharedDisk {
  const clone = blankDisk();
  const into = buffersOf(clone);
  for (const [i, from] of buffersOf(disk).entries()) {
    const to = into[i] as SharedArrayBuffer;
    if (to.growable) to.grow(from.byteLength);
    new Uint8Array(to).set(new Uint8Array(from));
  }
  return clone;
}

// ---- Bytes of its own ---------------------------------------------------------------------------

// The memory disk keeps entries as they are, as the core's logs do: those never change.

test('shared memory: what it gave may change afterwards', async (t) => {
  const { disk, storage } = withFirst();
  await save(storage, snapshotAt(3, 1), pattern(100, 3));
  for (const entry of readDisk(disk).entries) if (entry.kind === 'command') entry.command.fill(0);
  (await readBack(storage, 3))?.fill(0);
  readDiskSnapshot(disk)?.data.fill(0);
  holds(t, readDisk(disk), { ...AFTER_FIRST, snapshot: snapshotAt(3, 1) });
  t.deepEqual(readDiskSnapshot(disk), { meta: snapshotAt(3, 1), data: pattern(100, 3) });
});

test('shared memory: what it was given may change afterwards', async (t) => {
  const disk = blankDisk();
  const entry = command(1, 1, 'kept');
  await persist(new SharedStorage(disk), [entries(entry)]);
  if (entry.kind === 'command') entry.command.fill(0);
  t.deepEqual(readDisk(disk).entries, [command(1, 1, 'kept')]);
});

test('shared memory: a disk can be posted to another thread, and is the same there', (t) => {
  const { disk } = withFirst();
  const there = structuredClone(disk);
  new SharedStorage(there).persist(SECOND, () => {});
  holds(t, readDisk(disk), AFTER_BOTH);
});

// ---- A thread killed in the middle of a write ---------------------------------------------------

/**
 * Runs `run` with `before` called ahead of every store and addition of Atomics: the former makes
 * writes count, the latter tells readers.
 */
function aheadOfAtomics(before: (what: 'store' | 'add') => void, run: () => void): void {
  const { store, add } = Atomics;
  Atomics.store = ((...given: Parameters<typeof store>) => {
    before('store');
    return store(...given);
  }) as typeof store;
  Atomics.add = ((...given: Parameters<typeof add>) => {
    before('add');
    return add(...given);
  }) as typeof add;
  try {
    run();
  } finally {
    Object.assign(Atomics, { store, add });
  }
}

class Killed extends Error {}

/** How many of the atomic operations are ahead of the end of `run`, if it is killed at the nth. */
function killedAt(nth: number, run: () => void): boolean {
  let count = 0;
  try {
    aheadOfAtomics(() => {
      if (++count === nth) throw new Killed();
    }, run);
    return false;
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  }
}

test('shared memory: killed at any step of a unit, a thread leaves what was before', async (t) => {
  let steps = 0;
  for (let nth = 1; ; nth++) {
    const { disk, storage } = withFirst();
    let reported = false;
    const isKilled = killedAt(nth, () => {
      storage.persist(SECOND, () => {
        reported = true;
      });
    });
    if (!isKilled) break;
    steps++;
    t.false(reported);
    holds(t, readDisk(disk), AFTER_FIRST);
    // The next life writes over the remains.
    const next = new SharedStorage(disk);
    holds(t, await load(next), AFTER_FIRST);
    t.is(await persist(next, SECOND), null);
    holds(t, readDisk(disk), AFTER_BOTH);
  }
  // A segment is opened, and the root is written, each told to readers; then all of it counts.
  t.true(steps >= 3, `${steps} steps`);
});

test('shared memory: however much of a unit is written, it does not count before its end', (t) => {
  const { disk: before } = withFirst();
  const whole = cloneOf(before);
  new SharedStorage(whole).persist(SECOND, () => {});
  const end = new Int32Array(before.head)[0] as number;
  const written = buffersOf(whole);
  for (let share = 0; share <= 100; share++) {
    const disk = cloneOf(before);
    for (const [i, buffer] of buffersOf(disk).entries()) {
      const from = new Uint8Array(written[i] as SharedArrayBuffer);
      if (buffer.growable) buffer.grow(Math.max(buffer.byteLength, from.byteLength));
      // Every byte that the unit changes, up to here; FIRST's are the same in both.
      const bytes = Math.floor((from.byteLength * share) / 100);
      new Uint8Array(buffer).set(from.subarray(0, bytes));
    }
    // The word that makes it count is the last one that is written.
    new Int32Array(disk.head)[0] = end;
    holds(t, readDisk(disk), AFTER_FIRST);
    const next = new SharedStorage(disk);
    next.persist(SECOND, () => {});
    holds(t, readDisk(disk), AFTER_BOTH);
  }
});

test('shared memory: one store, after all bytes and before the report, makes a unit count', (t) => {
  const { disk, storage } = withFirst();
  const seen: Stored[] = [];
  const atReport: Stored[] = [];
  let image = '';
  const imageOf = (): string =>
    buffersOf(disk)
      .map((buffer, i) => Buffer.from(new Uint8Array(buffer, i === 0 ? 4 : 0)).toString('latin1'))
      .join();
  aheadOfAtomics(
    (what) => {
      if (what === 'add') return;
      image = imageOf();
      seen.push(readDisk(disk));
    },
    () => storage.persist(SECOND, () => atReport.push(readDisk(disk))),
  );
  for (const each of seen) holds(t, each, AFTER_FIRST);
  t.true(seen.length > 0);
  t.deepEqual(atReport, [AFTER_BOTH]);
  t.is(image, imageOf(), 'behind the last store nothing more is written');
});

test('shared memory: killed at any step of a snapshot, a thread leaves the last', async (t) => {
  let steps = 0;
  for (let nth = 1; ; nth++) {
    const { disk, storage } = withFirst();
    await save(storage, snapshotAt(5, 1), pattern(300, 5));
    const isKilled = killedAt(nth, () => {
      const writer = storage.writeSnapshot(snapshotAt(9, 1));
      writer.write(pattern(500, 9), () => {});
      writer.finish(() => {});
    });
    if (!isKilled) break;
    steps++;
    t.deepEqual(readDiskSnapshot(disk), { meta: snapshotAt(5, 1), data: pattern(300, 5) });
    const next = new SharedStorage(disk);
    t.deepEqual((await load(next)).snapshot, snapshotAt(5, 1));
    await save(next, snapshotAt(9, 1), pattern(500, 9));
    t.deepEqual(readDiskSnapshot(disk), { meta: snapshotAt(9, 1), data: pattern(500, 9) });
  }
  t.true(steps >= 1);
});

test('shared memory: killed while it takes a snapshot for its log, it does so again', async (t) => {
  const meta = snapshotAt(100, 4);
  for (let nth = 1; nth <= 2; nth++) {
    const { disk, storage } = withFirst();
    await save(storage, meta, pattern(300, 5));
    const expected = adopted({ ...AFTER_FIRST, snapshot: meta });
    t.true(killedAt(nth, () => new SharedStorage(disk).load(() => {})));
    const next = new SharedStorage(disk);
    holds(t, await load(next), expected);
    t.is(await persist(next, [run(101, 102, 5)]), null);
    holds(t, readDisk(disk), after(expected, run(101, 102, 5)));
  }
});

// ---- The owner ----------------------------------------------------------------------------------

test('shared memory: the owner sees every unit as soon as it is durable', (t) => {
  const disk = createDisk({ segmentBytes: 128 * KIB, segmentCount: 64 });
  const storage = new SharedStorage(disk);
  let expected = EMPTY;
  always(
    t,
    fc.property(sketch, (part) => {
      const [unit, next] = unitOf([part], expected);
      expected = next;
      storage.persist(unit, () => {});
      holds(t, readDisk(disk), expected);
      return true;
    }),
    200,
  );
});

test('shared memory: the owner sees a received snapshot in place of the log', async (t) => {
  const { disk, storage } = withFirst();
  await save(storage, snapshotAt(100, 4), pattern(300, 5));
  holds(t, readDisk(disk), adopted({ ...AFTER_FIRST, snapshot: snapshotAt(100, 4) }));
  // Reading is all that the owner does: the node's own change is still to come, and fits.
  t.is(await persist(storage, [compaction(100, 4), run(101, 103, 4)]), null);
  t.is(readDisk(disk).entries.length, 3);
});

/** Calls `overtake` once, ahead of the nth time that `run` loads a word or copies bytes. */
function overtakenAt(nth: number, overtake: () => void, run: () => void): boolean {
  const { load: loadWord } = Atomics;
  const { slice } = Uint8Array.prototype;
  let count = 0;
  const restore = (): void => {
    Object.assign(Atomics, { load: loadWord });
    Object.assign(Uint8Array.prototype, { slice });
  };
  const step = (): void => {
    if (++count !== nth) return;
    restore();
    overtake();
  };
  Atomics.load = ((...given: Parameters<typeof loadWord>) => {
    step();
    return loadWord(...given);
  }) as typeof loadWord;
  Uint8Array.prototype.slice = function (this: Uint8Array, ...given) {
    step();
    return slice.apply(this, given);
  } as typeof slice;
  try {
    run();
  } finally {
    restore();
  }
  return count >= nth;
}

/** A disk whose log goes through several segments, with a snapshot, and what it holds. */
function wellFilled(): { disk: SharedDisk; storage: SharedStorage; stored: Stored } {
  const { disk, storage } = withFirst();
  storage.persist(SECOND, () => {});
  storage.writeSnapshot(snapshotAt(19, 2)).finish(() => {});
  return { disk, storage, stored: { ...AFTER_BOTH, snapshot: snapshotAt(19, 2) } };
}

/** What a node may do while its owner reads; each uses again what was in use before. */
const OVERTAKING: Readonly<Record<string, readonly PersistChange[]>> = {
  'many entries': [38, 39, 40].flatMap((index, i) => [
    compaction(index, 2),
    run(41 + 30 * i, 70 + 30 * i, 2, 100),
  ]),
  'many votes': [3, 4, 5, 6].map((term) => vote(term, `n${term}`.repeat(term))),
  'one vote': [vote(3, 'n1')],
  'a few entries': [run(41, 43, 2)],
};

for (const [what, units] of Object.entries(OVERTAKING)) {
  test(`shared memory: an owner who is overtaken by ${what} reads what was, or is, there`, (t) => {
    for (let nth = 1; ; nth++) {
      const { disk, storage, stored } = wellFilled();
      const states = [stored];
      const seen: Stored[] = [];
      const overtake = (): void => {
        for (const unit of units) {
          storage.persist([unit], (error) => t.is(error, null));
          states.push(after(states.at(-1) as Stored, unit));
        }
      };
      if (!overtakenAt(nth, overtake, () => seen.push(readDisk(disk)))) break;
      t.true(
        states.some((state) => isDeepStrictEqual(state, seen[0])),
        `overtaken at step ${nth}`,
      );
    }
  });
}

test('shared memory: an owner who is overtaken by snapshots reads one of them', (t) => {
  const of = (index: number) => ({ meta: snapshotAt(index, 2), data: pattern(10 * index, index) });
  for (let nth = 1; ; nth++) {
    const { disk, storage } = wellFilled();
    const write = (index: number): void => {
      const writer = storage.writeSnapshot(snapshotAt(index, 2));
      writer.write(of(index).data, () => {});
      writer.finish(() => {});
    };
    write(20);
    const seen: (Snapshot | null)[] = [];
    const overtake = (): void => [21, 22, 23, 24].forEach(write);
    if (!overtakenAt(nth, overtake, () => seen.push(readDiskSnapshot(disk)))) break;
    const { index } = seen[0]?.meta ?? { index: 0 };
    t.true(index >= 20 && index <= 24);
    t.deepEqual(seen[0], of(index), `overtaken at step ${nth}`);
  }
});

test('shared memory: an owner who is overtaken by a snapshot reads no hole', (t) => {
  for (let nth = 1; ; nth++) {
    const { disk, storage, stored } = wellFilled();
    const writer = storage.writeSnapshot(snapshotAt(42, 2));
    const more = run(41, 43, 2);
    const overtake = (): void => {
      storage.persist([more], () => {});
      writer.finish(() => {});
    };
    const states = [stored, after(stored, more)];
    states.push({ ...after(stored, more), snapshot: snapshotAt(42, 2) });
    const seen: Stored[] = [];
    if (!overtakenAt(nth, overtake, () => seen.push(readDisk(disk)))) break;
    const isOne = states.some((state) => isDeepStrictEqual(state, seen[0]));
    t.true(isOne, `overtaken at step ${nth}: read ${JSON.stringify(seen[0])}`);
  }
});

test('shared memory: an owner who begins between a root and its store reads no hole', (t) => {
  const unit = [compaction(39, 2)];
  const more = run(41, 100, 2, 100);
  for (let nth = 1; ; nth++) {
    const { disk, storage, stored } = wellFilled();
    const whole = cloneOf(disk);
    new SharedStorage(whole).persist(unit, () => {});
    // The readers are told and the root is written; what makes it count is still to come.
    t.true(killedAt(2, () => storage.persist(unit, () => {})));
    const overtake = (): void => {
      Atomics.store(new Int32Array(disk.head), 0, new Int32Array(whole.head)[0] as number);
      new SharedStorage(disk).persist([more], (error) => t.is(error, null));
    };
    const states = [stored, unit.reduce(after, stored), [...unit, more].reduce(after, stored)];
    const seen: Stored[] = [];
    if (!overtakenAt(nth, overtake, () => seen.push(readDisk(disk)))) break;
    const isOne = states.some((state) => isDeepStrictEqual(state, seen[0]));
    t.true(isOne, `overtaken at step ${nth}`);
  }
});

function isSound({ baseIndex, entries: found, snapshot, ...rest }: Stored): boolean {
  return (
    found.every((entry, i) => {
      if (entry.kind !== 'command' || entry.index !== baseIndex + 1 + i) return false;
      const expected = entryAt(entry.index);
      return expected.kind === 'command' && Buffer.compare(entry.command, expected.command) === 0;
    }) &&
    (snapshot?.index ?? 0) >= baseIndex &&
    (rest.currentTerm === 0 || rest.votedFor === votedForIn(rest.currentTerm))
  );
}

test('shared memory: a node is killed and goes on, and its owner never reads amiss', async (t) => {
  const disk = createDisk({ segmentBytes: 16 * KIB, segmentCount: 16, snapshotBytes: MIB });
  const workerData: DiskWork = { disk, lastIndex: Number.MAX_SAFE_INTEGER };
  let lastIndex = 0;
  let reads = 0;
  for (let life = 1; life <= 6; life++) {
    const worker = new Worker(new URL('./support/disk-writer.ts', import.meta.url), { workerData });
    const goal = lastIndex + 20_000;
    while (lastIndex < goal) {
      const stored = readDisk(disk);
      if (!isSound(stored)) return t.fail(`life ${life}: read amiss behind index ${lastIndex}`);
      const snapshot = readDiskSnapshot(disk);
      if (snapshot !== null) {
        const expected = snapshotDataAt(snapshot.meta.index);
        if (Buffer.compare(snapshot.data, expected) !== 0) return t.fail('a snapshot read amiss');
      }
      const last = stored.baseIndex + stored.entries.length;
      if (last < lastIndex) return t.fail(`entry ${lastIndex} is gone`);
      lastIndex = last;
      reads++;
      await turn();
    }
    await worker.terminate();
    const killed = readDisk(disk);
    t.true(isSound(killed));
    holds(t, await load(new SharedStorage(disk)), killed);
  }
  t.true(reads > 100, `${reads} reads`);
  t.true(logBytes(disk) <= 16 * 16 * KIB);
});

// ---- Space --------------------------------------------------------------------------------------

test('shared memory: with compactions a log needs the space of its live part', (t) => {
  const disk = createDisk({ segmentBytes: MIB, segmentCount: 128 });
  const storage = new SharedStorage(disk);
  for (let index = 1; index <= 4000; index++) {
    const compactTo = index % 100 === 0 ? { index, term: 1 } : null;
    const change = { ...entries(command(index, 1, 32 * KIB)), compactTo };
    storage.persist([change], (error) => t.is(error, null));
  }
  // 128 MiB were written; up to 3.2 MiB live, and the segments at both ends are used in part.
  t.true(logBytes(disk) <= 6 * MIB, `${logBytes(disk)} bytes`);
});

test('shared memory: a full disk has room again after a compaction', async (t) => {
  const disk = createDisk({ segmentBytes: 64 * KIB, segmentCount: 4 });
  const storage = new SharedStorage(disk);
  let last = 0;
  for (let round = 1; round <= 3; round++) {
    let error: StorageError | null = null;
    while (error === null) {
      error = await persist(storage, [entries(command(last + 1, 1, 10 * KIB))]);
      if (error === null) last++;
    }
    t.regex(error.message, /full: all of its 4 segments .* take snapshots more often/);
    t.is(last, round === 1 ? 24 : last);
    t.is(await persist(storage, [compaction(last - 1, 1)]), null);
    t.deepEqual(readDisk(disk).entries, [command(last, 1, 10 * KIB)]);
  }
  t.true(last > 24 + 2 * 17);
});

test('shared memory: an entry larger than a segment is an error that says so', async (t) => {
  const disk = createDisk({ segmentBytes: 64 * KIB, segmentCount: 4 });
  const error = await persist(new SharedStorage(disk), [entries(command(1, 1, 64 * KIB))]);
  t.true(error instanceof StorageError);
  t.regex(error?.message ?? '', /full: an entry needs \d+ bytes, and a segment has 65528; use/);
  t.deepEqual(readDisk(disk), EMPTY);
});

test('shared memory: snapshots use the memory of three, however many are written', async (t) => {
  const disk = createDisk({ snapshotBytes: 4 * MIB });
  const storage = new SharedStorage(disk);
  for (let index = 1; index <= 30; index++) {
    const received = storage.writeSnapshot(snapshotAt(2 * index, 1));
    received.write(new Uint8Array(2 * MIB - 500), () => {});
    await save(storage, snapshotAt(2 * index - 1, 1), new Uint8Array(MIB), MIB);
    t.is(await finish(received), null);
  }
  t.true(disk.slots.reduce((sum, { byteLength }) => sum + byteLength, 0) <= 6 * MIB);
});

test('shared memory: a third snapshot at a time is refused, a finished is closed', async (t) => {
  const storage = new SharedStorage(blankDisk());
  await save(storage, snapshotAt(1, 1), pattern(10, 1));
  const own = storage.writeSnapshot(snapshotAt(2, 1));
  const received = storage.writeSnapshot(snapshotAt(3, 1));
  t.throws(() => storage.writeSnapshot(snapshotAt(4, 1)), { message: /2 snapshots are being/ });
  own.cancel();
  t.notThrows(() => storage.writeSnapshot(snapshotAt(4, 1)));
  t.is(await finish(received), null);
  t.throws(() => received.write(pattern(1, 1), () => {}), { message: /finished or cancelled/ });
  t.throws(() => received.finish(() => {}), { message: /finished or cancelled/ });
  t.is((await readBack(storage, 3))?.byteLength, 0);
});

// ---- Damage, and what cannot be -----------------------------------------------------------------

test('shared memory: a flipped bit in the latest snapshot refuses the start', async (t) => {
  const { disk, storage } = withFirst();
  await save(storage, snapshotAt(5, 1), pattern(50, 5));
  const slot = disk.slots.find(({ byteLength }) => byteLength > 0) as SharedArrayBuffer;
  const used = 16 + JSON.stringify(snapshotAt(5, 1)).length + '节点'.length * 2 + 50;
  const flip = (bit: number): void => {
    const bytes = new Uint8Array(slot);
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  };
  // Behind the head: the bytes that a node reads, and the meta that it starts with.
  for (let bit = 16 * 8; bit < used * 8; bit += 3) {
    flip(bit);
    const error = await t.throwsAsync(() => load(new SharedStorage(disk)));
    t.true(error instanceof StorageError, `bit ${bit}: ${error?.message}`);
    t.regex(error?.message ?? '', /its snapshot is damaged; .* under a new name$/);
    flip(bit);
  }
  t.deepEqual((await load(new SharedStorage(disk))).snapshot, snapshotAt(5, 1));
});

test('shared memory: a disk is as large as can be counted, or refused', (t: ExecutionContext) => {
  for (const options of [
    { segmentBytes: 32 * MIB, segmentCount: 129 },
    { segmentBytes: 1001, segmentCount: 1 },
    { segmentBytes: 8, segmentCount: 1 },
    { segmentCount: 0 },
  ]) {
    t.throws(() => createDisk(options), {
      instanceOf: RangeError,
      message: /expected segments of/,
    });
  }
  // Places up to its very end can be told from a root's number.
  const disk = createDisk();
  t.is(disk.segments.length * (disk.segments[0]?.maxByteLength ?? 0), 4 * 2 ** 30);
  t.is(logBytes(disk), 0, 'memory is used as it fills');
});

test('shared memory: an id too long to be kept is an error, as is its unit', async (t) => {
  const { disk, storage } = withFirst();
  const error = await persist(storage, [run(21, 22, 1), vote(2, 'n'.repeat(993))]);
  t.true(error instanceof StorageError);
  t.regex(error?.message ?? '', /993 bytes; at most 992 .* shorter ids/);
  holds(t, readDisk(disk), AFTER_FIRST);
  t.is(await persist(storage, [vote(2, 'n'.repeat(992))]), null);
  t.is(readDisk(disk).votedFor, 'n'.repeat(992));
});
