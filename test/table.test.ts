/**
 * Shows that the byte table behaves as a Map does: over tens of thousands of random puts,
 * overwrites of other lengths and deletes, through growth and compaction, and where hashes collide;
 * that its memory follows what it holds; and that its digest tells contents apart and nothing else.
 *
 *     npx ava test/table.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import { between, chance, fork, type RandomState } from '../src/raft/random.ts';
import { ByteTable, hashBytes } from '../src/table.ts';
import { always, replay, SEED } from './support/property.ts';

const SLOTS = 1024;

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
  const keys = keysWith((hash) => hash % SLOTS >= SLOTS - 3, 60);
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

/** The longest buffer of bytes that is made while `run` runs. */
function longestBufferBytes(run: () => void): number {
  const original = globalThis.Uint8Array;
  let longest = 0;
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, [first, ...rest], newTarget) {
      if (typeof first === 'number') longest = Math.max(longest, first);
      return Reflect.construct(target, [first, ...rest], newTarget);
    },
  });
  try {
    run();
  } finally {
    globalThis.Uint8Array = original;
  }
  return longest;
}

test('the memory follows what is held, not what was ever written', (t) => {
  const buffer = bytes(`?${'v'.repeat(1000)}`);
  const source = (key: number): Uint8Array => {
    buffer[0] = key;
    return buffer;
  };
  const overwritten = longestBufferBytes(() => {
    const table = new ByteTable();
    // Longer and longer: each leaves the record before it as garbage. 40 MB in all, 20 kB held.
    for (let i = 0; i < 80_000; i++) table.set(source(i % 20), 0, 1, 1, 1 + Math.floor(i / 80));
  });
  const deleted = longestBufferBytes(() => {
    const table = new ByteTable();
    for (let i = 0; i < 40_000; i++) {
      table.set(source(i % 20), 0, 1, 1, 1000);
      table.delete(source(i % 20), 0, 1);
    }
  });
  t.true(overwritten <= 1 << 17, `${overwritten} bytes for 20 kB of values`);
  t.true(deleted <= 1 << 17, `${deleted} bytes for one value at a time`);
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
