/**
 * Shows that the memory disk loses in a power failure what a disk may lose, and gives back no less
 * than it has promised: units, the snapshot, and what compactions have folded into a checkpoint.
 *
 *     npx ava test/storage-memory.test.ts
 */
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { PersistChange } from '../src/raft/types.ts';
import { type CrashFate, MemoryDisk, MemoryStorage } from '../src/storage/memory.ts';
import { unitBytes } from '../src/storage/records.ts';
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
import { always } from './support/property.ts';
import {
  aimedAt,
  FATES,
  HeldDevice,
  holds,
  instantDevice,
  type Sketch,
  type SnapshotSketch,
  sketch,
  snapshotSketch,
  unitOf,
} from './support/storages.ts';

const FIRST = [vote(1, 'n1'), entries(command(1, 1, 'first'), command(2, 1, 'second'))];
const SECOND: PersistChange[] = [
  { ...vote(2, 'n2'), truncateFrom: 2, entries: [command(2, 2, 'other'), command(3, 2, 'third')] },
];

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
  // Compactions would do away with units; what of those is left is told of below.
  const units = fc.array(
    sketch.map((part) => ({ ...part, compact: null })),
    { minLength: 1, maxLength: 5 },
  );
  always(
    t,
    fc.property(units, fc.nat(), fc.nat({ max: 0xffff }), (parts, at, bit) => {
      const disk = blankDisk();
      const storage = new MemoryStorage(disk, instantDevice());
      for (const change of unitOf(parts, EMPTY)[0]) storage.persist([change], () => {});
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

// ---- A checkpoint in place of compacted units --------------------------------------------------

/** A disk with a unit for each change, all acknowledged. */
function written(...changes: readonly PersistChange[]): MemoryDisk {
  const disk = blankDisk();
  const storage = new MemoryStorage(disk, instantDevice());
  for (const change of changes) storage.persist([change], () => {});
  return disk;
}

/** As an observer reads it, who asks for nothing to be recovered. */
function observed(disk: MemoryDisk): Stored {
  const { currentTerm, votedFor, baseIndex, baseTerm, snapshot } = disk;
  return { currentTerm, votedFor, baseIndex, baseTerm, snapshot, entries: [...disk.entries] };
}

test('memory: what an observer reads is there after every unit', (t) => {
  const disk = blankDisk();
  const { entries: live } = disk;
  const storage = new MemoryStorage(disk, instantDevice());
  always(
    t,
    fc.property(sketch, (part) => {
      const [unit, expected] = unitOf([part], observed(disk));
      storage.persist(unit, () => {});
      holds(t, observed(disk), expected);
      return disk.entries === live;
    }),
    200,
  );
});

test('memory: a compaction does away with the units before it, once it is acknowledged', (t) => {
  const disk = written(run(1, 3, 1), run(4, 6, 1));
  t.deepEqual([disk.firstUnit, disk.unitCount, disk.acknowledged], [0, 2, 2]);
  const device = new HeldDevice();
  new MemoryStorage(disk, device).persist([compaction(2, 1)], () => {});
  device.writes.shift()?.('durable');
  t.deepEqual([disk.baseIndex, disk.entries.length], [2, 4]);
  t.deepEqual([disk.firstUnit, disk.unitCount, disk.acknowledged], [0, 3, 2]);
  device.news.shift()?.();
  t.deepEqual([disk.firstUnit, disk.unitCount, disk.acknowledged], [3, 3, 3]);
  goesOnFrom(t, disk, [run(1, 6, 1), compaction(2, 1)].reduce(after, EMPTY));
  t.deepEqual([disk.firstUnit, disk.unitCount, disk.acknowledged], [3, 4, 4]);
});

test('memory: what is not acknowledged is not folded, compaction or not', (t) => {
  const disk = written(run(1, 6, 1));
  for (const index of [2, 4]) disk.write([compaction(index, 1)]);
  disk.acknowledge(2);
  t.deepEqual([disk.firstUnit, disk.unitCount, disk.baseIndex], [2, 3, 4]);
  disk.corrupt(2, 77);
  goesOnFrom(t, disk, [run(1, 6, 1), compaction(2, 1)].reduce(after, EMPTY));
});

test('memory: with compactions a disk keeps few units, however many are written', (t) => {
  const disk = blankDisk();
  const storage = new MemoryStorage(disk, instantDevice());
  for (let index = 1; index <= 2000; index++) {
    const change = run(index, index, 1);
    const compactTo = index % 20 === 0 ? { index: index - 5, term: 1 } : null;
    storage.persist([{ ...change, compactTo }], () => {});
    t.true(disk.unitCount - disk.firstUnit <= 20);
    t.true(disk.entries.length <= 25);
  }
  t.is(disk.unitCount, 2000);
  holds(t, loaded(disk), {
    ...EMPTY,
    baseIndex: 1995,
    baseTerm: 1,
    entries: [...run(1996, 2000, 1).entries],
  });
});

test('memory: only units that are kept can be corrupted, and the error says which', (t) => {
  const disk = written(run(1, 3, 1), compaction(2, 1), run(4, 4, 1));
  t.deepEqual([disk.firstUnit, disk.unitCount], [2, 3]);
  for (const unit of [0, 1, 3]) {
    t.throws(() => disk.corrupt(unit, 0), {
      instanceOf: RangeError,
      message: `${DISK_NAME} keeps units 2 up to, not including, 3; unit ${unit} was asked for`,
    });
  }
  disk.corrupt(2, 500);
  t.throws(() => loaded(disk), { instanceOf: StorageError, message: /record 3 is damaged/ });
});

test('memory: a compaction that is cut off was none', (t) => {
  const disk = written(run(1, 6, 1));
  const storage = new MemoryStorage(disk, new HeldDevice());
  storage.persist([compaction(4, 1)], () => {});
  storage.crash({ kind: 'whole' });
  t.is(disk.baseIndex, 4);
  disk.corrupt(1, 99);
  goesOnFrom(t, disk, after(EMPTY, run(1, 6, 1)));
});

test('memory: a compaction does not do away with damage', (t) => {
  const disk = written(run(1, 3, 1), run(4, 6, 1));
  disk.corrupt(1, 200);
  new MemoryStorage(disk, instantDevice()).persist([compaction(5, 1)], () => {});
  t.true(disk.isDamaged);
  t.throws(() => loaded(disk), { instanceOf: StorageError, message: /record 2 is damaged/ });
});

test('memory: a wiped disk is a new one', (t) => {
  const disk = written(vote(3, 'n1'), run(1, 6, 1), compaction(4, 1), run(7, 7, 1));
  disk.keepSnapshot({ meta: snapshotAt(4, 1), data: pattern(10, 1) });
  disk.corrupt(3, 1);
  disk.corruptSnapshot(1);
  disk.wipe();
  t.deepEqual([disk.firstUnit, disk.unitCount, disk.acknowledged], [0, 0, 0]);
  t.false(disk.isDamaged);
  t.is(disk.readSnapshot(4, 0, 10), null);
  goesOnFrom(t, disk, EMPTY);
});

// ---- A snapshot under way when the power fails --------------------------------------------------

const OLD = { meta: snapshotAt(1, 1), data: pattern(300, 1) };
const NEW = { meta: snapshotAt(2, 1), data: pattern(500, 2) };

function snapshotOf(disk: MemoryDisk): typeof OLD | null {
  const { snapshot } = loaded(disk);
  if (snapshot === null) return null;
  const { data } = disk.readSnapshot(snapshot.index, 0, 1e9) ?? { data: new Uint8Array(0) };
  return { meta: snapshot, data: data.slice() };
}

/** FIRST and OLD are durable; of NEW, written in two slices, `ended` writes have ended. */
function withNewUnderWay(ended: number): {
  disk: MemoryDisk;
  device: HeldDevice;
  storage: MemoryStorage;
  cancel: () => void;
  reports: (StorageError | null)[];
} {
  const disk = blankDisk();
  const device = new HeldDevice();
  const storage = new MemoryStorage(disk, device);
  storage.persist(FIRST, () => {});
  device.end();
  disk.keepSnapshot(OLD);
  const reports: (StorageError | null)[] = [];
  const report = (error: StorageError | null): void => {
    reports.push(error);
  };
  const writer = storage.writeSnapshot(NEW.meta);
  const acts = [
    () => writer.write(NEW.data.subarray(0, 200), report),
    () => writer.write(NEW.data.subarray(200), report),
    () => writer.finish(report),
  ];
  for (const [i, act] of acts.entries()) {
    if (i <= ended) act();
    if (i < ended) device.end();
  }
  return { disk, device, storage, cancel: () => writer.cancel(), reports };
}

for (const fate of FATES) {
  test(`memory: a snapshot of which slices are under way is gone (${fate.kind})`, (t) => {
    for (const ended of [0, 1]) {
      const { disk, storage, device } = withNewUnderWay(ended);
      storage.crash(fate);
      device.end();
      t.deepEqual(snapshotOf(disk), OLD);
      goesOnFrom(t, disk, { ...AFTER_FIRST, snapshot: OLD.meta });
    }
  });

  test(`memory: a snapshot whose end is under way is there, or not (${fate.kind})`, (t) => {
    const { disk, storage, device, reports } = withNewUnderWay(2);
    storage.crash(fate);
    const expected = fate.kind === 'whole' ? NEW : OLD;
    t.deepEqual(snapshotOf(disk), expected);
    device.end();
    t.deepEqual(reports, [null, null], 'nobody hears of it');
    t.deepEqual(snapshotOf(disk), expected);
  });

  test(`memory: a unit and a snapshot under way meet the same fate (${fate.kind})`, (t) => {
    const { disk, storage } = withNewUnderWay(2);
    storage.persist(SECOND, () => {});
    storage.crash(fate);
    const isWhole = fate.kind === 'whole';
    t.is(disk.isDamaged, fate.kind === 'torn');
    const expected = isWhole ? AFTER_BOTH : AFTER_FIRST;
    t.deepEqual(snapshotOf(disk), isWhole ? NEW : OLD);
    // The second unit contradicts the new snapshot, which stands for what is committed.
    goesOnFrom(t, disk, adopted({ ...expected, snapshot: (isWhole ? NEW : OLD).meta }));
  });

  test(`memory: a snapshot cancelled while its end is under way is gone (${fate.kind})`, (t) => {
    const { disk, storage, cancel } = withNewUnderWay(2);
    cancel();
    storage.crash(fate);
    t.deepEqual(snapshotOf(disk), OLD);
  });
}

test('memory: a cancelled snapshot whose end is written all the same does not count', (t) => {
  const { disk, device, cancel } = withNewUnderWay(2);
  cancel();
  device.end();
  t.deepEqual(snapshotOf(disk), OLD);
});

test('memory: a snapshot is the latest when its end is written, reported when heard', (t) => {
  const { disk, device, storage, reports } = withNewUnderWay(2);
  t.deepEqual(disk.snapshot, OLD.meta);
  device.writes.shift()?.('durable');
  t.deepEqual(disk.snapshot, NEW.meta);
  t.deepEqual(reports, [null, null]);
  storage.crash({ kind: 'lost' });
  t.deepEqual(snapshotOf(disk), NEW);
  t.deepEqual(reports, [null, null]);
});

test('memory: a disk too full for the end of a snapshot keeps the one before', (t) => {
  const { disk, device, storage, reports } = withNewUnderWay(2);
  device.end('full');
  t.true(reports[2] instanceof StorageError);
  t.regex(reports[2]?.message ?? '', /^disk of n3: the disk is full; make room/);
  storage.crash({ kind: 'whole' });
  t.deepEqual(snapshotOf(disk), OLD);
});

test('memory: units are written and reported while a snapshot is under way', (t) => {
  const { device, storage, reports } = withNewUnderWay(2);
  const units: (StorageError | null)[] = [];
  storage.persist(SECOND, (error) => units.push(error));
  const [end, unit] = device.writes.splice(0);
  unit?.('durable');
  device.news.shift()?.();
  t.deepEqual([units, reports], [[null], [null, null]]);
  end?.('durable');
  device.news.shift()?.();
  t.deepEqual([units, reports], [[null], [null, null, null]]);
});

test('memory: every flipped bit of the snapshot refuses the start, and is not read', (t) => {
  const disk = written(run(1, 6, 1), compaction(2, 1));
  disk.keepSnapshot({ meta: snapshotAt(4, 1), data: pattern(20, 1) });
  const expected = loaded(disk);
  for (let bit = 0; bit < 300 * 8; bit++) {
    disk.corruptSnapshot(bit);
    t.true(disk.isDamaged);
    for (let start = 1; start <= 2; start++) {
      const error = t.throws(() => loaded(disk), { instanceOf: StorageError });
      t.regex(error?.message ?? '', /^disk of n3: the snapshot of entry 4 is damaged; .*new name$/);
    }
    const errors: (StorageError | null)[] = [];
    new MemoryStorage(disk, instantDevice()).readSnapshot(4, 0, 10, (error, chunk) => {
      errors.push(error);
      t.is(chunk, null);
    });
    t.true(errors[0] instanceof StorageError);
    // Back again, it is as it was.
    disk.corruptSnapshot(bit);
    t.deepEqual(loaded(disk), expected);
    t.false(disk.isDamaged);
  }
});

test('memory: a later snapshot takes the place of a damaged one', (t) => {
  const disk = written(run(1, 6, 1));
  disk.keepSnapshot(OLD);
  disk.corruptSnapshot(5);
  disk.keepSnapshot(NEW);
  t.deepEqual(snapshotOf(disk), NEW);
});

test('memory: a disk without a snapshot has none to corrupt', (t) => {
  t.throws(() => blankDisk().corruptSnapshot(0), {
    instanceOf: RangeError,
    message: /no snapshot/,
  });
});

// ---- A plain model of power failures ------------------------------------------------------------

type Life = {
  readonly units: readonly (readonly Sketch[])[];
  readonly snapshot: SnapshotSketch;
  /** What is under way when the power fails. */
  readonly writes: 'none' | 'unit' | 'snapshot' | 'both';
  readonly fate: CrashFate;
};

const life: fc.Arbitrary<Life> = fc.record({
  units: fc.array(fc.array(sketch, { maxLength: 2 }), { minLength: 1, maxLength: 4 }),
  snapshot: snapshotSketch,
  writes: fc.constantFrom('none', 'unit', 'snapshot', 'both'),
  fate: fc.constantFrom(...FATES),
});

/** Lives the life on the disk; what the next one must find. */
function lived(disk: MemoryDisk, before: Stored, { units, snapshot, writes, fate }: Life): Stored {
  const device = new HeldDevice();
  const storage = new MemoryStorage(disk, device);
  let expected = before;
  for (const parts of units.slice(1)) {
    const [unit, next] = unitOf(parts, expected);
    storage.persist(unit, () => {});
    device.end();
    expected = next;
  }
  const isWhole = fate.kind === 'whole';
  const [unit, next] = unitOf(units[0] ?? [], expected);
  if (writes === 'snapshot' || writes === 'both') {
    const { index, term } = aimedAt(snapshot.at, expected);
    const writer = storage.writeSnapshot(snapshotAt(index, term));
    writer.write(pattern(snapshot.bytes, index), () => {});
    device.end();
    writer.finish(() => {});
    const isLatest = index > (expected.snapshot?.index ?? 0);
    if (isWhole && isLatest) expected = { ...expected, snapshot: snapshotAt(index, term) };
  }
  if (writes === 'unit' || writes === 'both') {
    storage.persist(unit, () => {});
    if (isWhole) expected = { ...next, snapshot: expected.snapshot };
  }
  storage.crash(fate);
  return adopted(expected);
}

test('memory: lives that end in power failures agree with a model', (t) => {
  always(
    t,
    fc.property(fc.array(life, { maxLength: 8 }), (lives) => {
      const disk = blankDisk();
      let expected = EMPTY;
      for (const each of lives) {
        expected = lived(disk, expected, each);
        holds(t, loaded(disk), expected);
      }
      return true;
    }),
    300,
  );
});
