/**
 * Shows that the byte table behaves as a Map does: over tens of thousands of random puts,
 * overwrites of other lengths and deletes, through growth and compaction, and where hashes collide;
 * that its memory follows what it holds; that a snapshot says what was, whatever is done meanwhile;
 * and that its digest tells contents apart and nothing else.
 *
 *     npx ava test/table.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import { between, chance, fork, type RandomState } from '../src/raft/random.ts';
import { homeOf, SlotDirectory } from '../src/slots.ts';
import { ByteTable, hashBytes } from '../src/table.ts';
import { always, replay, SEED } from './support/property.ts';

/** Of the only bucket of a table that has not grown. */
const SLOTS = 256;

/** Keys and values are Latin-1 text here: a byte is a character. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function text(content: Uint8Array): string {
  return String.fromCharCode(...content);
}

/** Key and value stand somewhere inside a larger buffer, as they do in a batch. */
function put(table: ByteTable, key: string, value: string): void {
  table.set(bytes(`..${key}.${value}....`), 2, key.length, 3 + key.length, value.length);
}

function get(table: ByteTable, key: string): string | null {
  const value = table.get(bytes(`.${key}.`), 1, key.length);
  return value === null ? null : text(value);
}

function remove(table: ByteTable, key: string): boolean {
  return table.delete(bytes(`...${key}`), 3, key.length);
}

function tableOf(entries: Iterable<readonly [string, string]>): ByteTable {
  const table = new ByteTable();
  for (const [key, value] of entries) put(table, key, value);
  return table;
}

/** Says in what the table and its twin differ, or null. */
function difference(table: ByteTable, twin: ReadonlyMap<string, string>): string | null {
  if (table.size !== twin.size) return `size is ${table.size}, not ${twin.size}`;
  for (const [key, value] of twin) {
    const found = get(table, key);
    if (found !== value) return `${JSON.stringify(key)} is ${found}, not ${value}`;
  }
  const listed = new Map([...table.entries()].map(([key, value]) => [text(key), text(value)]));
  if (listed.size !== twin.size) return `${listed.size} entries are listed, not ${twin.size}`;
  for (const [key, value] of listed) {
    if (twin.get(key) !== value) return `${JSON.stringify(key)} is listed with ${value}`;
  }
  return null;
}

/** A random operation on both; returns what differed. */
function operate(
  table: ByteTable,
  twin: Map<string, string>,
  key: string,
  value: string | null,
): string | null {
  const held = twin.get(key) ?? null;
  const found = get(table, key);
  if (found !== held) return `before: ${JSON.stringify(key)} is ${found}, not ${held}`;
  if (table.has(bytes(key), 0, key.length) !== twin.has(key)) return `has ${JSON.stringify(key)}`;
  if (value === null) {
    const removed = remove(table, key);
    return removed === twin.delete(key) ? null : `delete of ${JSON.stringify(key)} says ${removed}`;
  }
  put(table, key, value);
  twin.set(key, value);
  return null;
}

function randomText(rng: RandomState, lengthMax: number): string {
  const characters = Array.from({ length: between(rng, 0, lengthMax) }, () => between(rng, 0, 255));
  return String.fromCharCode(...characters);
}

test('a table and a Map agree after any few operations on few keys', (t) => {
  const key = fc.constantFrom('', 'a', 'b', 'aa', 'ab', '\0', '\0\0', 'a\0', 'long'.repeat(40));
  const value = fc.option(fc.integer({ min: 0, max: 300 }).map((length) => 'v'.repeat(length)));
  always(
    t,
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 200 }), (operations) => {
      const table = new ByteTable();
      const twin = new Map<string, string>();
      for (const [on, to] of operations) {
        const wrong = operate(table, twin, on, to);
        if (wrong !== null) throw new Error(wrong);
      }
      const wrong = difference(table, twin);
      if (wrong !== null) throw new Error(wrong);
    }),
    300,
  );
});

test('a table and a Map agree over a long life of growing, shrinking and compacting', (t) => {
  const rng = fork(SEED, 'table');
  const table = new ByteTable();
  const twin = new Map<string, string>();
  // Phases with other shares of deletes: the table grows, empties, and grows again.
  for (const [count, deletes, keys] of [
    [30_000, 0.2, 20_000],
    [30_000, 0.9, 20_000],
    [30_000, 0.4, 300],
    [20_000, 0.05, 40_000],
  ] as const) {
    for (let i = 0; i < count; i++) {
      const key = `key ${between(rng, 0, keys - 1)}`;
      const value = chance(rng, deletes) ? null : randomText(rng, 90);
      const wrong = operate(table, twin, key, value);
      if (wrong !== null) return t.fail(`operation ${i}: ${wrong} (${replay(t)})`);
    }
    t.is(difference(table, twin), null, replay(t));
  }
  t.true(twin.size > 10_000);
});

/**
 * Distinct keys, found by searching: `wanted` says of a hash whether it is one of those looked for.
 */
function keysWith(wanted: (hash: number) => boolean, count: number): string[] {
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i++) {
    const key = `k${i}`;
    if (wanted(hashBytes(bytes(key), 0, key.length))) keys.push(key);
  }
  return keys;
}

test('keys that share their slots are found, also where the run wraps around the end', (t) => {
  // All begin at the last three slots of a table that has not grown, so most stand elsewhere.
  const keys = keysWith((hash) => homeOf(hash) % SLOTS >= SLOTS - 3, 60);
  const rng = fork(SEED, 'colliding');
  const table = new ByteTable();
  const twin = new Map<string, string>();
  for (let i = 0; i < 20_000; i++) {
    const key = keys[between(rng, 0, keys.length - 1)] as string;
    const wrong = operate(table, twin, key, chance(rng, 0.5) ? null : `${i}`);
    if (wrong !== null) return t.fail(`operation ${i}: ${wrong} (${replay(t)})`);
    if (i % 100 === 0) t.is(difference(table, twin), null, replay(t));
  }
});

test('two keys of one and the same hash are two keys', (t) => {
  const seen = new Map<number, string>();
  const pairs: [string, string][] = [];
  for (let i = 0; pairs.length < 2; i++) {
    const key = i.toString(36).padStart(6, '0');
    const hash = hashBytes(bytes(key), 0, key.length);
    const other = seen.get(hash);
    if (other !== undefined) pairs.push([other, key]);
    seen.set(hash, key);
  }
  for (const [first, second] of pairs) {
    const table = tableOf([
      [first, 'one'],
      [second, 'two'],
    ]);
    t.deepEqual([get(table, first), get(table, second), table.size], ['one', 'two', 2]);
    t.true(remove(table, first));
    t.deepEqual([get(table, first), get(table, second), table.size], [null, 'two', 1]);
    t.false(remove(table, first));
  }
});

test('what `get` returns is a copy', (t) => {
  const table = tableOf([['key', 'value']]);
  table.get(bytes('key'), 0, 3)?.fill(0);
  for (const [key, value] of table.entries()) {
    key.fill(0);
    value.fill(0);
  }
  t.is(get(table, 'key'), 'value');
});

test('hashes alike in all bits that buckets are told apart by are found all the same', (t) => {
  const directory = new SlotDirectory();
  const hashes = Array.from({ length: 6000 }, (_, i) => (i * 2 ** 16 + 7) % 2 ** 32);
  for (const [i, hash] of hashes.entries()) directory.insert(hash, i + 1);
  const missing = hashes.filter((hash, i) => {
    const { slots, mask } = directory.bucketOf(hash);
    for (let slot = homeOf(hash) & mask; slots[slot * 2] !== 0; slot = (slot + 1) & mask) {
      if (slots[slot * 2] === i + 1) return false;
    }
    return true;
  });
  t.deepEqual(missing, []);
});

test('the memory follows what is held, not what was ever written', (t) => {
  const buffer = bytes(`?${'v'.repeat(1000)}`);
  const source = (key: number): Uint8Array => {
    buffer[0] = key;
    return buffer;
  };
  const most = (table: ByteTable, count: number, write: (i: number) => void): number => {
    let held = 0;
    for (let i = 0; i < count; i++) {
      write(i);
      held = Math.max(held, table.heldBytes);
    }
    return held;
  };
  const table = new ByteTable();
  // Longer and longer: each leaves the record before it as garbage. 40 MB in all, 20 kB held.
  const overwritten = most(table, 80_000, (i) =>
    table.set(source(i % 20), 0, 1, 1, 1 + Math.floor(i / 80)),
  );
  const single = new ByteTable();
  const deleted = most(single, 40_000, (i) => {
    single.set(source(i % 20), 0, 1, 1, 1000);
    single.delete(source(i % 20), 0, 1);
  });
  t.true(overwritten <= 1 << 17, `${overwritten} bytes for 20 kB of values`);
  t.true(deleted <= 1 << 17, `${deleted} bytes for one value at a time`);
});

test('a large table that changes all the time holds no more than a few times its content', (t) => {
  const rng = fork(SEED, 'table memory');
  const table = new ByteTable();
  const source = new Uint8Array(2000);
  const view = new DataView(source.buffer);
  const lengths = new Map<number, number>();
  let content = 0;
  let worst = 0;
  for (let i = 0; i < 60_000; i++) {
    const key = between(rng, 0, 4000);
    const length = between(rng, 0, 1900);
    view.setUint32(0, key);
    table.set(source, 0, 4, 4, length);
    content += length - (lengths.get(key) ?? 0);
    lengths.set(key, length);
    if (i > 20_000) worst = Math.max(worst, table.heldBytes / content);
  }
  // A record keeps the room of its longest value until it has to move.
  t.true(worst < 5, `${worst} times the bytes of the values`);
});

test('a value longer than a segment is held, replaced and let go of', (t) => {
  const table = new ByteTable();
  const source = new Uint8Array(2_000_000).fill(7);
  for (const length of [300_000, 2_000_000 - 1, 10, 70_000]) {
    table.set(source, 0, 1, 1, length);
    t.is(table.get(source, 0, 1)?.byteLength, length);
  }
  table.delete(source, 0, 1);
  t.deepEqual([table.size, table.get(source, 0, 1)], [0, null]);
  t.true(table.heldBytes <= 1 << 17, `${table.heldBytes} bytes for nothing`);
});

/** The rest of a snapshot of a table. */
function walked(snapshot: ReturnType<ByteTable['beginSnapshot']>): [string, string][] {
  const found: [string, string][] = [];
  while (snapshot.next()) {
    const { bytes: all, keyStart, valueStart, valueLength } = snapshot;
    const key = text(all.subarray(keyStart, valueStart));
    found.push([key, text(all.subarray(valueStart, valueStart + valueLength))]);
  }
  return found;
}

test('a snapshot has each record once, as it was when it began, whatever happens', (t) => {
  const rng = fork(SEED, 'table snapshot');
  const table = new ByteTable();
  const twin = new Map<string, string>();
  let snapshots = 0;
  let overtaken = 0;
  while (snapshots < 25) {
    const then = new Map(twin);
    const snapshot = table.beginSnapshot();
    t.throws(() => table.beginSnapshot(), { message: /under way/ });
    const found = new Map<string, string>();
    // Small and large tables, slow and fast snapshots, and some that are given up.
    const operations = between(rng, 1, 400);
    const slice = between(rng, 1, 200);
    const givenUpAt = chance(rng, 0.2) ? between(rng, 0, 20) : Infinity;
    for (let turn = 0, more = true; more && turn < givenUpAt; turn++) {
      for (let i = 0; i < operations; i++) {
        const key = `key ${between(rng, 0, 3000)}`;
        const value = chance(rng, 0.3) ? null : randomText(rng, 60);
        if (then.has(key) && !found.has(key)) overtaken++;
        const wrong = operate(table, twin, key, value);
        if (wrong !== null) return t.fail(`${wrong} (${replay(t)})`);
      }
      for (let i = 0; i < slice && more; i++) {
        more = snapshot.next();
        if (!more) break;
        const { bytes: all, keyStart, valueStart, valueLength } = snapshot;
        const key = text(all.subarray(keyStart, valueStart));
        if (found.has(key)) return t.fail(`${key} comes twice (${replay(t)})`);
        found.set(key, text(all.subarray(valueStart, valueStart + valueLength)));
      }
      if (!more) t.deepEqual([...found].sort(), [...then].sort(), replay(t));
    }
    snapshot.cancel();
    snapshots++;
    t.is(difference(table, twin), null, replay(t));
  }
  t.true(overtaken > 10_000, `${overtaken} records changed before the snapshot came to them`);
});

test('a snapshot keeps what is cleaned away, and nothing of it is left behind', (t) => {
  const content = Array.from({ length: 5000 }, (_, i) => [`key ${i}`, `value ${i}`] as const);
  const table = tableOf(content);
  const snapshot = table.beginSnapshot();
  // Every record moves or goes, several times, before the snapshot has seen one.
  for (let round = 1; round < 6; round++) {
    for (const [key] of content) put(table, key, 'x'.repeat(round * 20));
  }
  for (const [key] of content) remove(table, key);
  t.deepEqual(walked(snapshot).sort(), [...content].map(([...pair]) => pair).sort());
  t.false(snapshot.next());
  t.deepEqual(walked(table.beginSnapshot()), []);
});

test('the digest does not depend on the order or the history of what is held', (t) => {
  const key = fc.string({ maxLength: 6 });
  always(
    t,
    fc.property(
      fc.uniqueArray(fc.tuple(key, fc.string({ maxLength: 80 })), { selector: ([k]) => k }),
      fc.array(fc.tuple(key, fc.string())),
      fc.infiniteStream(fc.nat()),
      (content, passing, order) => {
        const direct = tableOf(content);
        const roundabout = tableOf(passing);
        const ranked = content.map((pair) => [order.next().value, pair] as const);
        for (const [, pair] of ranked.sort(([a], [b]) => a - b)) put(roundabout, ...pair);
        const kept = new Set(content.map(([k]) => k));
        for (const [k] of passing) if (!kept.has(k)) remove(roundabout, k);
        return direct.digest() === roundabout.digest();
      },
    ),
    300,
  );
});

test('the digest tells any difference: a key, a value, a missing one, two exchanged', (t) => {
  const content = Array.from({ length: 200 }, (_, i) => [`key ${i}`, `value ${i}`] as const);
  const digests = new Set([tableOf(content).digest()]);
  const variants: (readonly (readonly [string, string])[])[] = [
    [],
    [['', '']],
    [['', 'a']],
    [['a', '']],
    [['', '\0']],
    [['a', 'b']],
    [['b', 'a']],
    [['ab', '']],
    [['', 'ab']],
    content.slice(1),
    [...content, ['key', 'value']],
    ...content.map((_, at) =>
      content.map(([key, value], i) => [key, i === at ? `${value}!` : value] as const),
    ),
    ...content.map((_, at) =>
      content.map(([key, value], i) => [i === at ? `${key}!` : key, value] as const),
    ),
    // Neighbours exchange their values.
    ...content.slice(1).map((_, at) =>
      content.map(([key, value], i) => {
        if (i === at) return [key, `value ${at + 1}`] as const;
        return [key, i === at + 1 ? `value ${at}` : value] as const;
      }),
    ),
  ];
  for (const variant of variants) digests.add(tableOf(variant).digest());
  t.is(digests.size, variants.length + 1);
  // Each half tells by itself: 32 bits are enough for so few contents.
  t.is(new Set([...digests].map((digest) => digest % 2 ** 32)).size, digests.size);
  t.true([...digests].every(Number.isSafeInteger));
});

test('a digest is of the values as they are, not of what stood in their place', (t) => {
  const shortened = tableOf([
    ['key', 'a long value'],
    ['key', 'a'],
  ]);
  t.is(shortened.digest(), tableOf([['key', 'a']]).digest());
  t.not(shortened.digest(), tableOf([['key', 'a long value']]).digest());
});
