/**
 * Shows that every storage keeps its contract: what was reported done survives, changes count in
 * order and unit by unit, a full disk keeps nothing of the unit that did not fit; that the
 * shared-memory storage survives a thread killed at any point of a write; and that the memory disk
 * loses in a power failure what a disk may lose, and gives back no less than it has promised.
 *
 *     npx ava test/storage.test.ts
 */
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Entry, PersistChange } from '../src/raft/types.ts';
import {
  type CrashFate,
  type Medium as Device,
  MemoryDisk,
  MemoryStorage,
} from '../src/storage/memory.ts';
import { decodeUnit, encodeUnit, unitBytes } from '../src/storage/records.ts';
import { type FoundUnit, unitsToKeep } from '../src/storage/recovery.ts';
import { createDisk, readDisk, SharedStorage } from '../src/storage/shared.ts';
import { type Storage, StorageError, type Stored } from '../src/storage/storage.ts';
import { always, replay, SEED } from './support/property.ts';

// ---- The implementations under contract ---------------------------------------------------------

/** What outlives a storage: opened again, it holds what was durable. */
type Medium = { open(): Storage };

type Implementation = {
  readonly name: string;
  blank(maxBytes: number): Medium;
};

const MIB = 1 << 20;

const IMPLEMENTATIONS: readonly Implementation[] = [
  {
    name: 'shared memory',
    blank(maxBytes) {
      const disk = createDisk(maxBytes);
      return { open: () => new SharedStorage(disk) };
    },
  },
  {
    name: 'memory',
    blank(maxBytes) {
      const disk = new MemoryDisk('disk of n1', crc32);
      const device = instantDevice(maxBytes);
      return { open: () => new MemoryStorage(disk, device) };
    },
  },
];

/** Has written as soon as it is asked to, until it is full. */
function instantDevice(maxBytes = Number.POSITIVE_INFINITY): Device {
  let used = 0;
  return {
    write(bytes, written) {
      const fits = used + bytes <= maxBytes;
      if (fits) used += bytes;
      written(fits ? 'durable' : 'full');
    },
    tell: (hear) => hear(),
  };
}

function load(storage: Storage): Promise<Stored> {
  return new Promise((resolve, reject) => {
    storage.load((error, stored) => (error === null ? resolve(stored) : reject(error)));
  });
}

/** Null once the unit is durable, or the storage's error. */
function persist(storage: Storage, unit: readonly PersistChange[]): Promise<StorageError | null> {
  return new Promise((resolve) => {
    storage.persist(unit, resolve);
  });
}

function close(storage: Storage): Promise<StorageError | null> {
  return new Promise((resolve) => {
    storage.close(resolve);
  });
}

/** What a fresh start would find. */
async function reopened(medium: Medium): Promise<Stored> {
  const storage = medium.open();
  const stored = await load(storage);
  await close(storage);
  return stored;
}

// ---- Changes ------------------------------------------------------------------------------------

const NOTHING: PersistChange = { termAndVote: null, truncateFrom: null, entries: [] };
const EMPTY: Stored = { currentTerm: 0, votedFor: null, entries: [] };

function vote(currentTerm: number, votedFor: string | null): PersistChange {
  return { ...NOTHING, termAndVote: { currentTerm, votedFor } };
}

function command(index: number, term: number, content: string | number): Entry {
  const bytes =
    typeof content === 'string'
      ? new TextEncoder().encode(content)
      : new Uint8Array(content).fill(index);
  return { index, term, kind: 'command', command: bytes };
}

function append(...entries: Entry[]): PersistChange {
  return { ...NOTHING, entries };
}

/** The disk's state after a change, told in another way than the storages do. */
function after(stored: Stored, change: PersistChange): Stored {
  const { termAndVote, truncateFrom } = change;
  const kept = stored.entries.filter(({ index }) => truncateFrom === null || index < truncateFrom);
  return { ...stored, ...termAndVote, entries: [...kept, ...change.entries] };
}

type Sketch = {
  readonly vote: { currentTerm: number; votedFor: string | null } | null;
  readonly cut: number | null;
  readonly kinds: readonly Entry['kind'][];
  readonly bytes: number;
};

const sketch: fc.Arbitrary<Sketch> = fc.record({
  vote: fc.option(
    fc.record(
      {
        currentTerm: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        votedFor: fc.option(fc.constantFrom('n1', 'été', '节点🛶', 'a'.repeat(255))),
      },
      { noNullPrototype: true },
    ),
  ),
  cut: fc.option(fc.nat({ max: 4 })),
  kinds: fc.array(fc.constantFrom('noop', 'command', 'configuration'), { maxLength: 4 }),
  bytes: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 20_000 })),
});

/** A change that fits what is stored: it cuts within the log and goes on where it ends. */
function changeOf({ vote: termAndVote, cut, kinds, bytes }: Sketch, stored: Stored): PersistChange {
  const last = stored.entries.length;
  const truncateFrom = cut === null || last === 0 ? null : Math.max(1, last - cut);
  const kept = truncateFrom === null ? last : truncateFrom - 1;
  const entries = kinds.map((kind, i): Entry => {
    const index = kept + 1 + i;
    if (kind === 'command') return command(index, 3, bytes);
    if (kind === 'noop') return { index, term: 4, kind };
    const configuration = { voters: ['n1', '节点'], outgoing: [], learners: [`n${bytes}`] };
    return { index, term: 5, kind, configuration };
  });
  return { termAndVote, truncateFrom, entries };
}

/** Much faster than `deepEqual`; the difference is printed when there is one. */
function holds(t: ExecutionContext, actual: Stored, expected: Stored): void {
  if (!isDeepStrictEqual(actual, expected)) t.deepEqual(actual, expected, replay(t));
  else t.pass();
}

// ---- The contract -------------------------------------------------------------------------------

for (const { name, blank } of IMPLEMENTATIONS) {
  test(`${name}: a blank medium holds nothing`, async (t) => {
    t.deepEqual(await reopened(blank(MIB)), EMPTY);
  });

  test(`${name}: whatever was reported done survives, unit by unit`, async (t) => {
    const units = fc.array(fc.tuple(fc.array(sketch, { maxLength: 4 }), fc.boolean()));
    const property = fc.asyncProperty(units, async (sketches) => {
      const medium = blank(64 * MIB);
      let storage = medium.open();
      let expected = EMPTY;
      for (const [parts, restart] of sketches) {
        const unit: PersistChange[] = [];
        for (const part of parts) {
          const change = changeOf(part, expected);
          unit.push(change);
          expected = after(expected, change);
        }
        if ((await persist(storage, unit)) !== null) throw new Error('the storage failed');
        holds(t, await reopened(medium), expected);
        // Later writes go on behind what an earlier life has written.
        if (restart) storage = medium.open();
      }
    });
    await fc.assert(property, { seed: SEED, numRuns: 60 });
  });

  test(`${name}: term and vote are kept apart from the log, the last one counts`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    await persist(storage, [vote(1, 'n1'), append(command(1, 1, 'a'))]);
    await persist(storage, [vote(2, null)]);
    holds(t, await reopened(medium), {
      currentTerm: 2,
      votedFor: null,
      entries: [command(1, 1, 'a')],
    });
    await persist(storage, [vote(2, 'n3')]);
    const { currentTerm, votedFor } = await reopened(medium);
    t.deepEqual([currentTerm, votedFor], [2, 'n3']);
  });

  test(`${name}: within a change the cut comes before the entries`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    const old = [1, 2, 3, 4].map((index) => command(index, 1, 'old'));
    await persist(storage, [append(...old)]);
    const renewed = [command(2, 2, 'new'), command(3, 2, 'new')];
    const termAndVote = { currentTerm: 2, votedFor: 'n2' };
    await persist(storage, [{ termAndVote, truncateFrom: 2, entries: renewed }]);
    const expected = { ...termAndVote, entries: [command(1, 1, 'old'), ...renewed] };
    holds(t, await reopened(medium), expected);
  });

  test(`${name}: a log may be cut to nothing, again and again, and written anew`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    for (let term = 1; term <= 5; term++) {
      const entries = [command(1, term, 'one'), command(2, term, 'two')];
      await persist(storage, [{ ...NOTHING, truncateFrom: term === 1 ? null : 1, entries }]);
      t.deepEqual((await reopened(medium)).entries, entries);
    }
    await persist(storage, [{ ...NOTHING, truncateFrom: 1 }]);
    t.deepEqual(await reopened(medium), EMPTY);
  });

  test(`${name}: changes of one unit count in their order`, async (t) => {
    const medium = blank(MIB);
    await persist(medium.open(), [
      vote(1, 'n1'),
      append(command(1, 1, 'a'), command(2, 1, 'b')),
      { ...NOTHING, truncateFrom: 2, entries: [command(2, 2, 'c')] },
      vote(3, 'n3'),
      append(command(3, 3, 'd')),
    ]);
    holds(t, await reopened(medium), {
      currentTerm: 3,
      votedFor: 'n3',
      entries: [command(1, 1, 'a'), command(2, 2, 'c'), command(3, 3, 'd')],
    });
  });

  test(`${name}: it grows with what it holds`, async (t) => {
    const medium = blank(64 * MIB);
    const storage = medium.open();
    // Many small units, and one larger than all before.
    for (let index = 1; index <= 200; index++) {
      t.is(await persist(storage, [append(command(index, 1, 30_000))]), null);
    }
    t.is(await persist(storage, [append(command(201, 1, 20 * MIB))]), null);
    const { entries } = await reopened(medium);
    t.is(entries.length, 201);
    const sound = entries.every(
      (entry, i) =>
        entry.kind === 'command' &&
        entry.index === i + 1 &&
        Buffer.from(entry.command).equals(
          Buffer.alloc(i === 200 ? 20 * MIB : 30_000, (i + 1) % 256),
        ),
    );
    t.true(sound);
  });

  test(`${name}: a full disk is an error, and keeps nothing of the unit`, async (t) => {
    const medium = blank(2 * MIB);
    const storage = medium.open();
    t.is(await persist(storage, [vote(1, 'n1'), append(command(1, 1, MIB))]), null);
    const before = await reopened(medium);
    const tooLarge = [vote(2, 'n2'), append(command(2, 2, 'small')), append(command(3, 2, MIB))];
    const error = await persist(storage, tooLarge);
    t.true(error instanceof StorageError);
    t.regex(error?.message ?? '', /full/);
    holds(t, await reopened(medium), before);
    // What fits still does, and goes where the failed unit would have gone.
    t.is(await persist(storage, [vote(3, 'n3'), append(command(2, 3, 'fits'))]), null);
    const entries = [...before.entries, command(2, 3, 'fits')];
    holds(t, await reopened(medium), { currentTerm: 3, votedFor: 'n3', entries });
  });
}

// ---- Shared memory: bytes of its own ------------------------------------------------------------

// The memory disk keeps entries as they are, as the core's logs do: those never change.

function sharedMemory(): Medium {
  const disk = createDisk();
  return { open: () => new SharedStorage(disk) };
}

test('shared memory: what it gave may change afterwards', async (t) => {
  const medium = sharedMemory();
  await persist(medium.open(), [append(command(1, 1, 'kept'))]);
  const [entry] = (await reopened(medium)).entries;
  if (entry?.kind === 'command') entry.command.fill(0);
  t.deepEqual((await reopened(medium)).entries, [command(1, 1, 'kept')]);
});

test('shared memory: what it was given may change afterwards', async (t) => {
  const medium = sharedMemory();
  const storage = medium.open();
  const entry = command(1, 1, 'kept');
  await persist(storage, [append(entry)]);
  if (entry.kind === 'command') entry.command.fill(0);
  t.deepEqual((await reopened(medium)).entries, [command(1, 1, 'kept')]);
});

// ---- Shared memory: a thread killed in the middle of a write ------------------------------------

const FIRST = [vote(1, 'n1'), append(command(1, 1, 'first'), command(2, 1, 'second'))];
const SECOND = [
  { ...vote(2, 'n2'), truncateFrom: 2, entries: [command(2, 2, 'other'), command(3, 2, 'third')] },
];

/** Where the bytes that count end: the first word of the disk says how many words do. */
function durableEnd(disk: SharedArrayBuffer): number {
  return 8 + Atomics.load(new Int32Array(disk), 0) * 8;
}

test('shared memory: what a killed thread had not finished does not exist', async (t) => {
  const whole = createDisk();
  const storage = new SharedStorage(whole);
  storage.persist(FIRST, () => {});
  const start = durableEnd(whole);
  const before = new Uint8Array(whole, 0, start).slice();
  storage.persist(SECOND, () => {});
  const end = durableEnd(whole);
  const first = FIRST.reduce(after, EMPTY);
  const both = SECOND.reduce(after, first);
  t.true(end - start > 100);
  for (let written = start; written <= end; written++) {
    // FIRST, and as much of SECOND as was written before the end; its length never was.
    const disk = createDisk();
    new Uint8Array(disk).set(new Uint8Array(whole, 0, written));
    new Uint8Array(disk).set(before);
    holds(t, readDisk(disk), first);
    // The next life writes over the remains.
    const next = new SharedStorage(disk);
    holds(t, await load(next), first);
    t.is(await persist(next, SECOND), null);
    holds(t, readDisk(disk), both);
  }
});

/**
 * Runs `run` with `before` called ahead of every Atomics.store, which is what makes writes count.
 */
function aheadOfEveryStore(before: () => void, run: () => void): void {
  const original = Atomics.store;
  Atomics.store = ((...given: Parameters<typeof original>) => {
    before();
    return original(...given);
  }) as typeof original;
  try {
    run();
  } finally {
    Atomics.store = original;
  }
}

test('shared memory: one store, after all bytes and before the report, makes a unit count', (t) => {
  const disk = createDisk();
  const storage = new SharedStorage(disk);
  storage.persist(FIRST, () => {});
  const seen: Stored[] = [];
  const atReport: Stored[] = [];
  const images: Buffer[] = [];
  const image = (): Buffer => Buffer.from(new Uint8Array(disk, 8).slice());
  aheadOfEveryStore(
    () => {
      seen.push(readDisk(disk));
      images.push(image());
    },
    () => storage.persist(SECOND, () => atReport.push(readDisk(disk))),
  );
  const first = FIRST.reduce(after, EMPTY);
  t.deepEqual(seen, [first], 'ahead of the store only what came before counts');
  t.deepEqual(atReport, [SECOND.reduce(after, first)]);
  t.true(images[0]?.equals(image()), 'behind it nothing more is written');
});

test('shared memory: a thread killed ahead of the store leaves what was before', (t) => {
  const disk = createDisk();
  const storage = new SharedStorage(disk);
  storage.persist(FIRST, () => {});
  const killed = new Error('killed');
  const kill = (): void => {
    throw killed;
  };
  let reported = false;
  const run = (): void => {
    storage.persist(SECOND, () => {
      reported = true;
    });
  };
  t.is(
    t.throws(() => aheadOfEveryStore(kill, run)),
    killed,
  );
  t.false(reported);
  t.deepEqual(readDisk(disk), FIRST.reduce(after, EMPTY));
});

test('shared memory: the owner may read while a node writes', (t) => {
  const disk = createDisk(32 * MIB);
  const storage = new SharedStorage(disk);
  let expected = EMPTY;
  always(
    t,
    fc.property(sketch, (part) => {
      const change = changeOf(part, expected);
      expected = after(expected, change);
      storage.persist([change], () => {});
      return isDeepStrictEqual(readDisk(disk), expected);
    }),
    100,
  );
});

// ---- Memory: a power failure --------------------------------------------------------------------

/** Does nothing by itself: writes end, and are heard of, when the test says so. */
class HeldDevice implements Device {
  readonly writes: ((outcome: 'durable' | 'full') => void)[] = [];
  readonly news: (() => void)[] = [];

  write(_bytes: number, written: (outcome: 'durable' | 'full') => void): void {
    this.writes.push(written);
  }

  tell(hear: () => void): void {
    this.news.push(hear);
  }
}

const DISK_NAME = 'disk of n3';
const AFTER_FIRST = FIRST.reduce(after, EMPTY);
const AFTER_BOTH = SECOND.reduce(after, AFTER_FIRST);

function blankDisk(): MemoryDisk {
  return new MemoryDisk(DISK_NAME, crc32);
}

function loaded(disk: MemoryDisk): Stored {
  const found: Stored[] = [];
  new MemoryStorage(disk, instantDevice()).load((error, stored) => {
    if (error !== null) throw error;
    found.push(stored);
  });
  const [stored] = found;
  if (stored === undefined) throw new Error('the storage has not loaded');
  return stored;
}

/** A disk with FIRST acknowledged, and SECOND still being written by the storage. */
function withSecondUnderWay(): {
  disk: MemoryDisk;
  device: HeldDevice;
  storage: MemoryStorage;
  reports: (StorageError | null)[];
} {
  const disk = blankDisk();
  const device = new HeldDevice();
  const storage = new MemoryStorage(disk, device);
  storage.persist(FIRST, () => {});
  device.writes.shift()?.('durable');
  device.news.shift()?.();
  const reports: (StorageError | null)[] = [];
  storage.persist(SECOND, (error) => reports.push(error));
  return { disk, device, storage, reports };
}

/** The storage may go on from what it finds, and its next unit stands where a lost one would. */
function goesOnFrom(t: ExecutionContext, disk: MemoryDisk, expected: Stored): void {
  holds(t, loaded(disk), expected);
  const next = [vote(expected.currentTerm + 1, 'n9')];
  new MemoryStorage(disk, instantDevice()).persist(next, (error) => t.is(error, null));
  holds(t, loaded(disk), next.reduce(after, expected));
  t.false(disk.isDamaged);
}

test('memory: a unit is reported when its news is heard, and not before', (t) => {
  const { device, reports } = withSecondUnderWay();
  t.deepEqual(reports, []);
  device.writes.shift()?.('durable');
  t.deepEqual(reports, [], 'the process has not got to it');
  device.news.shift()?.();
  t.deepEqual(reports, [null]);
});

test('memory: what had not reached the disk is lost', (t) => {
  const { disk, storage } = withSecondUnderWay();
  storage.crash({ kind: 'lost' });
  goesOnFrom(t, disk, AFTER_FIRST);
});

test('memory: a torn write is cut off, wherever it was torn', (t) => {
  for (let percent = 0; percent <= 100; percent++) {
    const { disk, storage } = withSecondUnderWay();
    storage.crash({ kind: 'torn', share: percent / 100 });
    t.true(disk.isDamaged, `${percent} %: even then the last byte is missing`);
    goesOnFrom(t, disk, AFTER_FIRST);
  }
});

test('memory: a write that was whole and never reported is kept', (t) => {
  const { disk, storage } = withSecondUnderWay();
  storage.crash({ kind: 'whole' });
  goesOnFrom(t, disk, AFTER_BOTH);
});

test('memory: a write that was durable and not yet heard of is kept', (t) => {
  const { disk, device, storage, reports } = withSecondUnderWay();
  device.writes.shift()?.('durable');
  storage.crash({ kind: 'lost' });
  goesOnFrom(t, disk, AFTER_BOTH);
  t.deepEqual(reports, []);
});

test('memory: a crash while a write is under way never calls done', (t) => {
  const fates: CrashFate[] = [{ kind: 'lost' }, { kind: 'whole' }, { kind: 'torn', share: 0.5 }];
  for (const fate of fates) {
    const { disk, device, storage, reports } = withSecondUnderWay();
    storage.crash(fate);
    const units = disk.unitCount;
    // The device knows nothing of the crash and ends what it has begun.
    device.writes.shift()?.('durable');
    for (const hear of device.news) hear();
    t.deepEqual(reports, [], fate.kind);
    t.is(disk.unitCount, units, `${fate.kind}: nothing is written after the crash`);
  }
});

test('memory: a flipped bit in an acknowledged unit refuses the start', (t) => {
  const units = fc.array(sketch, { minLength: 1, maxLength: 5 });
  always(
    t,
    fc.property(units, fc.nat(), fc.nat({ max: 0xffff }), (parts, at, bit) => {
      const disk = blankDisk();
      const storage = new MemoryStorage(disk, instantDevice());
      let expected = EMPTY;
      for (const part of parts) {
        const change = changeOf(part, expected);
        expected = after(expected, change);
        storage.persist([change], () => {});
      }
      const struck = at % parts.length;
      disk.corrupt(struck, bit);
      let refusal: StorageError | null = null;
      new MemoryStorage(disk, instantDevice()).load((error) => {
        refusal = error;
      });
      const { message } = refusal ?? { message: 'it starts' };
      return (
        message.includes(`${DISK_NAME}: record ${struck + 1} is damaged`) &&
        message.includes(`up to record ${parts.length} was acknowledged`) &&
        message.includes('join again under a new name')
      );
    }),
  );
});

test('memory: a refused start is refused again, and cuts nothing', (t) => {
  const { disk, device } = withSecondUnderWay();
  device.writes.shift()?.('durable');
  device.news.shift()?.();
  disk.corrupt(0, 77);
  for (let start = 1; start <= 2; start++) {
    t.throws(() => loaded(disk), { instanceOf: StorageError, message: /record 1 is damaged/ });
    t.is(disk.unitCount, 2);
    t.true(disk.isDamaged);
  }
});

test('memory: a flipped bit in what was never acknowledged is cut off', (t) => {
  for (let bit = 0; bit < unitBytes(SECOND) * 8; bit++) {
    const { disk, storage } = withSecondUnderWay();
    storage.crash({ kind: 'whole' });
    disk.corrupt(1, bit);
    goesOnFrom(t, disk, AFTER_FIRST);
  }
});

test('memory: whoever has started from an unreported write has promised it', (t) => {
  const { disk, storage } = withSecondUnderWay();
  storage.crash({ kind: 'whole' });
  holds(t, loaded(disk), AFTER_BOTH);
  // The same flip that was cut off before the start is a lost promise after it.
  disk.corrupt(1, 100);
  t.throws(() => loaded(disk), { instanceOf: StorageError, message: /record 2 is damaged/ });
});

test('memory: a full disk says so when heard, and writes what comes later', (t) => {
  const { disk, device, reports, storage } = withSecondUnderWay();
  device.writes.shift()?.('full');
  t.is(disk.unitCount, 1);
  t.deepEqual(reports, []);
  device.news.shift()?.();
  t.is(reports.length, 1);
  t.true(reports[0] instanceof StorageError);
  t.regex(reports[0]?.message ?? '', /^disk of n3: the disk is full; make room/);
  // What was refused is no longer under way: a crash leaves nothing of it.
  storage.crash({ kind: 'whole' });
  goesOnFrom(t, disk, AFTER_FIRST);
});

test('memory: a disk of which every unit is as it was written is not damaged', (t) => {
  const { disk } = withSecondUnderWay();
  disk.corrupt(0, 100);
  disk.corrupt(0, 100);
  holds(t, loaded(disk), AFTER_FIRST);
  t.false(disk.isDamaged);
});

// ---- What may be kept of a disk -----------------------------------------------------------------

/** A unit a letter: `+` intact, `-` damaged, `?` one that is not next in order. */
function found(units: string): FoundUnit[] {
  return [...units].map((letter, i) => ({
    sequence: letter === '?' ? i + 2 : i + 1,
    intact: letter !== '-',
  }));
}

const KEPT: readonly (readonly [units: string, acknowledged: number, kept: number | null])[] = [
  ['', 0, 0],
  ['++', 2, 2],
  // Never reported, and there: kept. Cut off at the first that is not.
  ['+++', 2, 3],
  ['++-', 2, 2],
  ['++-+', 2, 2],
  ['++?', 2, 2],
  ['-', 0, 0],
  ['-++', 0, 0],
  // Reported, and not there: refused.
  ['', 1, null],
  ['+', 2, null],
  ['+-', 2, null],
  ['-+', 1, null],
  ['-+', 2, null],
  ['?+', 1, null],
  ['+-+', 3, null],
];

for (const [units, acknowledged, kept] of KEPT) {
  const what = kept === null ? 'the start is refused' : `${kept} are kept`;
  test(`of units "${units}", ${acknowledged} of them acknowledged, ${what}`, (t) => {
    const judge = (): number => unitsToKeep(found(units), acknowledged, DISK_NAME);
    if (kept === null) {
      const error = t.throws(judge, { instanceOf: StorageError });
      const intact = units.length - units.replace(/^\++/, '').length;
      t.true(error?.message.startsWith(`${DISK_NAME}: record ${intact + 1} is damaged or missing`));
      t.regex(error?.message ?? '', /remove it from the cluster.*join again under a new name$/);
    } else t.is(judge(), kept);
  });
}

// ---- Units as bytes -----------------------------------------------------------------------------

const unitOfChanges = fc
  .tuple(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), fc.array(sketch, { maxLength: 4 }))
  .map(([sequence, parts]) => {
    let stored = EMPTY;
    const changes = parts.map((part) => {
      const change = changeOf(part, stored);
      stored = after(stored, change);
      return change;
    });
    return { sequence, changes };
  });

/** One of everything, so that a bit of every field is flipped. */
const EVERYTHING = {
  sequence: 7,
  changes: [
    vote(3, 'n2'),
    { ...vote(4, null), truncateFrom: 2 },
    append({ index: 2, term: 4, kind: 'noop' }, command(3, 4, 'put x'), {
      index: 4,
      term: 4,
      kind: 'configuration',
      configuration: { voters: ['n1', 'n2'], outgoing: ['n3'], learners: [] },
    }),
    NOTHING,
  ],
};

test('records: a unit reads back as it was written, and is as long as was said', (t) => {
  always(
    t,
    fc.property(unitOfChanges, (unit) => {
      const bytes = encodeUnit(unit, crc32);
      return (
        bytes.byteLength === unitBytes(unit.changes) &&
        isDeepStrictEqual(decodeUnit(bytes, crc32), unit)
      );
    }),
    200,
  );
});

test('records: every flipped bit is found', (t) => {
  const bytes = encodeUnit(EVERYTHING, crc32);
  t.deepEqual(decodeUnit(bytes, crc32), EVERYTHING);
  const missed: number[] = [];
  for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    if (decodeUnit(damaged, crc32) !== null) missed.push(bit);
  }
  t.deepEqual(missed, []);
});

test('records: every truncation is found, and every byte too many', (t) => {
  const bytes = encodeUnit(EVERYTHING, crc32);
  const missed: number[] = [];
  for (let length = 0; length < bytes.byteLength; length++) {
    if (decodeUnit(bytes.subarray(0, length), crc32) !== null) missed.push(length);
  }
  t.deepEqual(missed, []);
  t.is(decodeUnit(new Uint8Array([...bytes, 0]), crc32), null);
});
