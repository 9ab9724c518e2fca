/**
 * Shows that every storage keeps its contract: what was reported done survives, changes count in
 * order and unit by unit, a full disk keeps nothing of the unit that did not fit; and that the
 * shared-memory storage survives a thread killed at any point of a write.
 *
 *     npx ava test/storage.test.ts
 */
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Entry, PersistChange } from '../src/raft/types.ts';
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
];

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

  test(`${name}: what it gave may change afterwards`, async (t) => {
    const medium = blank(MIB);
    await persist(medium.open(), [append(command(1, 1, 'kept'))]);
    const [entry] = (await reopened(medium)).entries;
    if (entry?.kind === 'command') entry.command.fill(0);
    t.deepEqual((await reopened(medium)).entries, [command(1, 1, 'kept')]);
  });

  test(`${name}: what it was given may change afterwards`, async (t) => {
    const medium = blank(MIB);
    const storage = medium.open();
    const entry = command(1, 1, 'kept');
    await persist(storage, [append(entry)]);
    if (entry.kind === 'command') entry.command.fill(0);
    t.deepEqual((await reopened(medium)).entries, [command(1, 1, 'kept')]);
  });
}

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
