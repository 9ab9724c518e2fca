/**
 * Shows that every storage keeps its contract: what was reported done survives, changes count in
 * order and unit by unit, a full disk keeps nothing of the unit that did not fit, and says so or
 * waits for room; a log may be compacted to any entry; a snapshot exists once it is finished, reads
 * back as it was written, and is replaced by later ones only.
 *
 *     npx ava test/storage.test.ts
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { PersistChange } from '../src/raft/types.ts';
import { MemoryDisk, MemoryStorage } from '../src/storage/memory.ts';
import { PortStorage, serveStorage } from '../src/storage/port-storage.ts';
import { createDisk, SharedStorage } from '../src/storage/shared.ts';
import { type Storage, StorageError, type Stored } from '../src/storage/storage.ts';
import {
  adopted,
  after,
  command,
  compaction,
  EMPTY,
  entries,
  NOTHING,
  pattern,
  run,
  snapshotAt,
  vote,
} from './support/changes.ts';
import { SEED } from './support/property.ts';
import { removeFolders, SqliteMedium } from './support/sqlite-medium.ts';
import {
  aimedAt,
  append,
  begun,
  finish,
  holds,
  instantDevice,
  KIB,
  load,
  type Medium,
  MIB,
  persist,
  readBack,
  readChunk,
  reopened,
  type Sketch,
  type SnapshotSketch,
  save,
  sketch,
  snapshotSketch,
  unitOf,
  until,
} from './support/storages.ts';

type Implementation = {
  readonly name: string;
  /** With room for this much, and for single entries of this size. */
  blank(maxBytes: number, entryBytesMax?: number): Medium;
  /** Of the runs of a property, where each takes long. */
  readonly share?: number;
};

const IMPLEMENTATIONS: readonly Implementation[] = [
  {
    name: 'shared memory',
    blank(maxBytes, entryBytesMax = 20_000) {
      // As small as may be, so that a log lies in many segments.
      const segmentBytes = 2 ** Math.ceil(Math.log2(entryBytesMax + 64));
      const segmentCount = Math.floor(maxBytes / segmentBytes);
      const disk = createDisk({ segmentBytes, segmentCount, snapshotBytes: maxBytes });
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
  { name: 'SQLite', blank: (maxBytes) => new SqliteMedium(maxBytes), share: 0.2 },
  {
    name: 'memory, over a port',
    blank(maxBytes) {
      const disk = new MemoryDisk('disk of n1', crc32);
      const device = instantDevice(maxBytes);
      return { open: () => overPort(new MemoryStorage(disk, device)) };
    },
  },
];

const ports: MessagePort[] = [];

test.after.always(() => {
  removeFolders();
  for (const port of ports) port.close();
});

function overPort(storage: Storage): Storage {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1);
  serveStorage(storage, port2);
  return new PortStorage(port1);
}

// ---- The log ------------------------------------------------------------------------------------

for (const { name, blank, share = 1 } of IMPLEMENTATIONS) {
  test(`${name}: a blank medium holds nothing`, async (t) => {
    const medium = blank(MIB);
    t.deepEqual(await reopened(medium), EMPTY);
    t.is(await readBack(medium.open(), 0), null);
  });

  test(`${name}: whatever was reported done survives, unit by unit`, async (t) => {
    const units = fc.array(fc.tuple(fc.array(sketch, { maxLength: 4 }), fc.boolean()));
    const property = fc.asyncProperty(units, async (sketches) => {
      const medium = blank(64 * MIB);
      let storage = medium.open();
      let expected = EMPTY;
      for (const [parts, restart] of sketches) {
        const [unit, next] = unitOf(parts, expected);
        expected = next;
        if ((await persist(storage, unit)) !== null) throw new Error('the storage failed');
        holds(t, await reopened(medium), expected);
        // Later writes go on behind what an earlier life has written.
        if (restart) storage = medium.open();
      }
    });
    await fc.assert(property, { seed: SEED, numRuns: 60 * share });
  });

  test(`${name}: term and vote are kept apart from the log, the last one counts`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    await persist(storage, [vote(1, 'n1'), run(1, 1, 1)]);
    await persist(storage, [vote(2, null)]);
    holds(t, await reopened(medium), {
      ...EMPTY,
      currentTerm: 2,
      votedFor: null,
      entries: [command(1, 1, 'x')],
    });
    await persist(storage, [vote(2, 'n3')]);
    const { currentTerm, votedFor } = await reopened(medium);
    t.deepEqual([currentTerm, votedFor], [2, 'n3']);
  });

  test(`${name}: within a change the cut comes before the entries`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    await persist(storage, [run(1, 4, 1, 'old')]);
    const termAndVote = { currentTerm: 2, votedFor: 'n2' };
    await persist(storage, [{ ...run(2, 3, 2, 'new'), termAndVote, truncateFrom: 2 }]);
    const kept = [command(1, 1, 'old'), command(2, 2, 'new'), command(3, 2, 'new')];
    holds(t, await reopened(medium), { ...EMPTY, ...termAndVote, entries: kept });
  });

  test(`${name}: a log may be cut to nothing, again and again, and written anew`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    for (let term = 1; term <= 5; term++) {
      const change = run(1, 2, term);
      await persist(storage, [{ ...change, truncateFrom: term === 1 ? null : 1 }]);
      t.deepEqual((await reopened(medium)).entries, change.entries);
    }
    await persist(storage, [{ ...NOTHING, truncateFrom: 1 }]);
    t.deepEqual(await reopened(medium), EMPTY);
  });

  test(`${name}: changes of one unit count in their order`, async (t) => {
    const medium = blank(MIB);
    await persist(medium.open(), [
      vote(1, 'n1'),
      entries(command(1, 1, 'a'), command(2, 1, 'b')),
      { ...NOTHING, truncateFrom: 2, entries: [command(2, 2, 'c')] },
      vote(3, 'n3'),
      entries(command(3, 3, 'd')),
      compaction(1, 1),
      entries(command(4, 3, 'e')),
    ]);
    holds(t, await reopened(medium), {
      ...EMPTY,
      currentTerm: 3,
      votedFor: 'n3',
      baseIndex: 1,
      baseTerm: 1,
      entries: [command(2, 2, 'c'), command(3, 3, 'd'), command(4, 3, 'e')],
    });
  });

  test(`${name}: it grows with what it holds`, async (t) => {
    const medium = blank(64 * MIB, 20 * MIB);
    const storage = medium.open();
    // Many small units, and one larger than all before.
    for (let index = 1; index <= 200; index++) {
      t.is(await persist(storage, [entries(command(index, 1, 30_000))]), null);
    }
    t.is(await persist(storage, [entries(command(201, 1, 20 * MIB))]), null);
    const found = (await reopened(medium)).entries;
    t.is(found.length, 201);
    const sound = found.every(
      (entry, i) =>
        entry.kind === 'command' &&
        entry.index === i + 1 &&
        Buffer.from(entry.command).equals(
          Buffer.alloc(i === 200 ? 20 * MIB : 30_000, (i + 1) % 256),
        ),
    );
    t.true(sound);
  });

  test(`${name}: a full disk keeps nothing of the unit that does not fit`, async (t) => {
    const medium = blank(2 * MIB, MIB);
    const storage = medium.open();
    t.is(await persist(storage, [vote(1, 'n1'), entries(command(1, 1, MIB))]), null);
    const before = await reopened(medium);
    const small = command(2, 2, 'small');
    const tooLarge = [vote(2, 'n2'), entries(small), compaction(1, 1), entries(command(3, 2, MIB))];
    const persisting = persist(storage, tooLarge);
    const found = await refusedOrWaiting(t, medium, persisting);
    holds(t, found, before);
    // What fits still does, and goes where the failed unit would have gone.
    const next = medium.room === undefined ? before : tooLarge.reduce(after, before);
    const fits = [vote(3, 'n3'), entries(command(next === before ? 2 : 4, 3, 'fits'))];
    t.is(await persist(storage, fits), null);
    holds(t, await reopened(medium), fits.reduce(after, next));
  });
}

/**
 * What is stored while a unit does not fit. Then it has been refused, or there is room after all
 * and it has been written.
 */
async function refusedOrWaiting(
  t: ExecutionContext,
  medium: Medium,
  persisting: Promise<StorageError | null>,
): Promise<Stored> {
  const { room } = medium;
  if (room === undefined) {
    const error = await persisting;
    t.true(error instanceof StorageError);
    t.regex(error?.message ?? '', /full/);
    return reopened(medium);
  }
  await until('the disk is full', () => room.isFull());
  const found = await reopened(medium);
  room.make();
  t.is(await persisting, null);
  t.false(room.isFull());
  return found;
}

// ---- Compaction (§5.1) --------------------------------------------------------------------------

type Compaction = readonly [
  to: string,
  changes: readonly PersistChange[],
  base: readonly [index: number, term: number],
  entriesLeft: number,
];

/** Of a log with entries 1 to 9, of terms 1 to 3. */
const COMPACTIONS: readonly Compaction[] = [
  ['its first entry', [compaction(1, 1)], [1, 1], 8],
  ['an entry within it', [compaction(5, 2)], [5, 2], 4],
  ['its last entry', [compaction(9, 3)], [9, 3], 0],
  ['its base, which changes nothing', [compaction(4, 2), compaction(4, 2)], [4, 2], 5],
  ['before its base, which changes nothing', [compaction(4, 2), compaction(2, 1)], [4, 2], 5],
  ['its base by another term, as nothing', [compaction(4, 2), compaction(4, 9)], [4, 2], 5],
  ['an entry that it has with another term, and is empty', [compaction(5, 3)], [5, 3], 0],
  ['an entry far behind it, and is empty', [compaction(100, 4)], [100, 4], 0],
  ['an entry that the change cuts', [{ ...compaction(7, 3), truncateFrom: 7 }], [7, 3], 0],
  [
    'an entry of its change',
    [{ ...run(10, 12, 4), compactTo: { index: 11, term: 4 } }],
    [11, 4],
    1,
  ],
  ['one entry after the other', [1, 2, 3].map((index) => compaction(index, 1)), [3, 1], 6],
];

for (const { name, blank } of IMPLEMENTATIONS) {
  for (const [to, changes, base, entriesLeft] of COMPACTIONS) {
    test(`${name}: a log may be compacted to ${to}`, async (t) => {
      const medium = blank(MIB);
      const storage = medium.open();
      const units = [[run(1, 3, 1), run(4, 6, 2), run(7, 9, 3)], ...changes.map((each) => [each])];
      for (const unit of units) t.is(await persist(storage, unit), null);
      const expected = units.flat().reduce(after, EMPTY);
      t.deepEqual([expected.baseIndex, expected.baseTerm], base);
      t.is(expected.entries.length, entriesLeft);
      holds(t, await reopened(medium), expected);
      // The log goes on behind its new base, in this life and the next.
      const last = expected.baseIndex + entriesLeft;
      const more = [vote(7, 'n2'), run(last + 1, last + 3, 7), compaction(last + 2, 7)];
      t.is(await persist(storage, more), null);
      holds(t, await reopened(medium), more.reduce(after, expected));
      more.push(run(last + 4, last + 4, 8));
      t.is(await persist(medium.open(), more.slice(-1)), null);
      holds(t, await reopened(medium), more.reduce(after, expected));
    });
  }
}

// ---- Snapshots (§5.1, figure 5.3) ---------------------------------------------------------------

for (const { name, blank } of IMPLEMENTATIONS) {
  test(`${name}: a snapshot reads back as it was written, in parts of any size`, async (t) => {
    for (const [bytes, sliceBytes, chunkBytes] of [
      [0, 1, 1],
      [1, 1, 1],
      [1000, 1, 7],
      [1000, 1000, 1000],
      [1000, 333, 999],
      [300 * KIB, 64 * KIB, 10_000],
      [300 * KIB, 10_000, MIB],
    ] as const) {
      const medium = blank(MIB);
      const data = pattern(bytes, sliceBytes);
      const storage = medium.open();
      await persist(storage, [run(1, 5, 1)]);
      await save(storage, snapshotAt(5, 1), data, sliceBytes);
      t.deepEqual(await readBack(storage, 5, chunkBytes), data);
      const next = medium.open();
      t.deepEqual((await load(next)).snapshot, snapshotAt(5, 1));
      t.deepEqual(await readBack(next, 5, chunkBytes), data);
    }
  });

  test(`${name}: behind a snapshot's end there is nothing to read`, async (t) => {
    const storage = blank(MIB).open();
    await save(storage, snapshotAt(5, 1), pattern(100, 5));
    for (const offset of [100, 101, 5000]) {
      const chunk = await readChunk(storage, 5, offset, 10);
      t.deepEqual(chunk && [chunk.data.byteLength, chunk.last], [0, true]);
    }
  });

  test(`${name}: what is given to a snapshot may change afterwards`, async (t) => {
    const storage = blank(MIB).open();
    const data = pattern(100, 1);
    const writer = await begun(storage, snapshotAt(5, 1), data);
    data.fill(0);
    await finish(writer);
    t.deepEqual(await readBack(storage, 5), pattern(100, 1));
  });

  test(`${name}: a later snapshot takes the place of an earlier one, which is gone`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    for (let index = 1; index <= 10; index++) {
      await save(storage, snapshotAt(index, 1), pattern(100 * index, index));
      t.deepEqual(await readBack(storage, index), pattern(100 * index, index));
      t.is(await readBack(storage, index - 1), null);
      t.is(await readBack(storage, index + 1), null);
    }
    t.deepEqual((await reopened(medium)).snapshot, snapshotAt(10, 1));
  });

  test(`${name}: an earlier snapshot that is finished late changes nothing`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    const own = await begun(storage, snapshotAt(5, 1), pattern(5000, 5));
    const received = await begun(storage, snapshotAt(8, 2), pattern(3000, 8));
    t.is(await finish(received), null);
    t.is(await finish(own), null);
    t.is(await readBack(storage, 5), null);
    t.deepEqual(await readBack(storage, 8), pattern(3000, 8));
    // Its space is there for the next ones.
    for (let index = 9; index <= 12; index++) {
      const pair = await begun(storage, snapshotAt(index, 2), pattern(2000, index));
      await save(storage, snapshotAt(index - 4, 2), pattern(1000, 1));
      t.is(await finish(pair), null);
      t.deepEqual(await readBack(storage, index), pattern(2000, index));
    }
    t.deepEqual((await reopened(medium)).snapshot, snapshotAt(12, 2));
  });

  // Who reads a snapshot in chunks must not be given bytes of two.
  test(`${name}: a second snapshot of an entry does not replace the first`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    await save(storage, snapshotAt(5, 1), pattern(500, 1));
    await save(storage, snapshotAt(5, 1), pattern(700, 2));
    t.deepEqual(await readBack(storage, 5), pattern(500, 1));
    const next = medium.open();
    await load(next);
    t.deepEqual(await readBack(next, 5), pattern(500, 1));
  });

  test(`${name}: slices of two snapshots may come in turns`, async (t) => {
    const storage = blank(MIB).open();
    const [own, received] = [snapshotAt(5, 1), snapshotAt(8, 2)].map((meta) =>
      storage.writeSnapshot(meta),
    );
    for (let i = 0; i < 20; i++) {
      own?.write(pattern(10, 5), (error) => t.is(error, null));
      received?.write(pattern(20, 8), (error) => t.is(error, null));
    }
    own?.finish((error) => t.is(error, null));
    t.is((await readBack(storage, 5))?.byteLength, 200);
    received?.finish((error) => t.is(error, null));
    t.is((await readBack(storage, 8))?.byteLength, 400);
  });

  test(`${name}: a snapshot that is cancelled, or never finished, leaves no trace`, async (t) => {
    const medium = blank(MIB);
    let storage = medium.open();
    await persist(storage, [run(1, 9, 1)]);
    await save(storage, snapshotAt(5, 1), pattern(500, 5));
    const before = await reopened(medium);
    for (let i = 0; i < 10; i++) {
      (await begun(storage, snapshotAt(8, 1), pattern(4000, 8))).cancel();
      holds(t, await reopened(medium), before);
    }
    for (let i = 0; i < 10; i++) {
      await begun(storage, snapshotAt(8, 1), pattern(4000, 8));
      // The node dies and comes back.
      storage = medium.open();
      holds(t, await load(storage), before);
      t.deepEqual(await readBack(storage, 5), pattern(500, 5));
      t.is(await readBack(storage, 8), null);
    }
  });

  test(`${name}: a snapshot without room leaves the latest as it was`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    await save(storage, snapshotAt(5, 1), pattern(500, 5));
    const writer = storage.writeSnapshot(snapshotAt(8, 1));
    t.is(await append(writer, new Uint8Array(600 * KIB)), null);
    const appending = append(writer, new Uint8Array(600 * KIB));
    const found = await refusedOrWaiting(t, medium, appending);
    t.deepEqual(found.snapshot, snapshotAt(5, 1));
    t.deepEqual(await readBack(storage, 5), pattern(500, 5));
    writer.cancel();
    t.deepEqual((await reopened(medium)).snapshot, snapshotAt(5, 1));
    t.deepEqual(await readBack(storage, 5), pattern(500, 5));
  });
}

// ---- A snapshot and the log beside it -----------------------------------------------------------

/** Of a log with entries 1 to 9 of term 1, compacted to 2. */
const BESIDE = [
  ['within the log leaves it as it is', snapshotAt(5, 1), 2, 7],
  ['of the last entry leaves the log as it is', snapshotAt(9, 1), 2, 7],
  ['of the base leaves the log as it is', snapshotAt(2, 1), 2, 7],
  ['before the base leaves the log as it is', snapshotAt(1, 1), 2, 7],
  ['behind the log takes its place', snapshotAt(20, 3), 20, 0],
  ['that contradicts the log takes its place', snapshotAt(5, 2), 5, 0],
] as const;

for (const { name, blank } of IMPLEMENTATIONS) {
  for (const [what, meta, baseIndex, entriesLeft] of BESIDE) {
    // Figure 5.3, steps 5 to 7: the crash comes between the snapshot and the change of the log.
    test(`${name}: at a start, a snapshot ${what}`, async (t) => {
      const medium = blank(MIB);
      const first = medium.open();
      await persist(first, [vote(3, 'n2'), run(1, 9, 1), compaction(2, 1)]);
      await save(first, meta, pattern(400, meta.index));
      const second = medium.open();
      const found = await load(second);
      t.deepEqual([found.currentTerm, found.votedFor], [3, 'n2']);
      t.deepEqual(found.snapshot, meta);
      t.deepEqual([found.baseIndex, found.entries.length], [baseIndex, entriesLeft]);
      // The disk is as the node was told: what it writes next fits.
      const last = baseIndex + entriesLeft;
      const unit = [run(last + 1, last + 3, 4), compaction(last + 1, 4)];
      t.is(await persist(second, unit), null);
      holds(t, await reopened(medium), unit.reduce(after, found));
      t.deepEqual(await readBack(medium.open(), meta.index), pattern(400, meta.index));
    });
  }
}

// ---- A plain model ------------------------------------------------------------------------------

type Step =
  | { readonly kind: 'unit'; readonly parts: readonly Sketch[] }
  | { readonly kind: 'snapshot'; readonly of: SnapshotSketch; readonly end: 'finish' | 'cancel' }
  | { readonly kind: 'restart' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('unit' as const), parts: fc.array(sketch, { maxLength: 3 }) }),
  fc.record({
    kind: fc.constant('snapshot' as const),
    of: snapshotSketch,
    end: fc.constantFrom('finish' as const, 'cancel' as const),
  }),
  fc.record({ kind: fc.constant('restart' as const) }),
);

/** A storage, and what it should hold. */
class Compared {
  readonly #t: ExecutionContext;
  readonly #medium: Medium;
  #storage: Storage;
  #expected = EMPTY;
  #data = new Uint8Array(0);

  constructor(t: ExecutionContext, medium: Medium) {
    this.#t = t;
    this.#medium = medium;
    this.#storage = medium.open();
  }

  async take(each: Step, salt: number): Promise<void> {
    if (each.kind === 'unit') await this.#persist(each.parts);
    if (each.kind === 'snapshot') await this.#save(each, salt);
    if (each.kind === 'restart') await this.restart();
  }

  async #persist(parts: readonly Sketch[]): Promise<void> {
    // A node takes a snapshot that it has received for its log, and goes on behind it.
    const { snapshot } = this.#expected;
    const received = adopted(this.#expected) === this.#expected ? null : snapshot;
    const first = received === null ? [] : [compaction(received.index, received.term)];
    const [unit, next] = unitOf(parts, first.reduce(after, this.#expected));
    if ((await persist(this.#storage, [...first, ...unit])) !== null) throw new Error('it failed');
    this.#expected = next;
  }

  async #save({ of, end }: Step & { kind: 'snapshot' }, salt: number): Promise<void> {
    const { index, term } = aimedAt(of.at, this.#expected);
    const data = pattern(of.bytes, salt);
    const writer = await begun(this.#storage, snapshotAt(index, term), data, of.sliceBytes);
    if (end === 'cancel') writer.cancel();
    else await finish(writer);
    if (end === 'cancel' || index <= (this.#expected.snapshot?.index ?? 0)) return;
    this.#expected = { ...this.#expected, snapshot: snapshotAt(index, term) };
    this.#data = data;
  }

  async restart(): Promise<void> {
    this.#storage = this.#medium.open();
    this.#expected = adopted(this.#expected);
    holds(this.#t, await load(this.#storage), this.#expected);
    const { snapshot } = this.#expected;
    if (snapshot === null) return;
    const found = await readBack(this.#storage, snapshot.index, 600);
    this.#t.true(found !== null && Buffer.compare(found, this.#data) === 0);
  }
}

for (const { name, blank, share = 1 } of IMPLEMENTATIONS) {
  test(`${name}: units, compactions, snapshots and restarts agree with a model`, async (t) => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const compared = new Compared(t, blank(16 * MIB));
      for (const [i, each] of steps.entries()) await compared.take(each, i);
      await compared.restart();
    });
    await fc.assert(property, { seed: SEED, numRuns: 150 * share });
  });
}
