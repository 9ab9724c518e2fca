/**
 * Shows that a snapshot of the state machine says what was when it began, keys and sessions alike,
 * whatever is executed while it is taken; that a server restored from it goes on as the others do,
 * expiry of sessions included; that nothing changes before it is complete; and that bytes which no
 * snapshot can have are refused.
 *
 *     npx ava test/kv-snapshot.test.ts
 */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import {
  COMMAND_KINDS,
  FIRST_REGISTERED_CLIENT,
  type Operation,
  RecordWriter,
} from '../src/command.ts';
import { Kv, SESSION_WINDOW } from '../src/kv.ts';
import type { SnapshotSource } from '../src/snapshots.ts';
import { always } from './support/property.ts';
import {
  type Answered,
  batchOf,
  by,
  bytesOf,
  type Command,
  operation,
  resultsOf,
  textOf,
} from './support/records.ts';

const REGISTER: Operation = { ...operation('get', ''), kind: 'register' };

/** Where the parts of a snapshot stand (kv-snapshot.ts). */
const HEAD_BYTES = 28;
const SESSION_BYTES = 33;
const ANSWER_HEADER_BYTES = 19;
const END_BYTES = 29;
const HASH_BYTES = 4;

function apply(kv: Kv, index: number, ...commands: Command[]): Answered[] {
  const results = new RecordWriter();
  kv.apply(index, batchOf(commands), results);
  return resultsOf(results.take());
}

function rest(source: SnapshotSource, bytes: number): Uint8Array[] {
  const slices: Uint8Array[] = [];
  for (let slice = source.next(bytes); slice !== null; slice = source.next(bytes)) {
    slices.push(slice);
  }
  return slices;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

function snapshotOf(kv: Kv): Uint8Array<ArrayBuffer> {
  return joined(rest(kv.snapshot(), 1 << 16));
}

function restore(kv: Kv, snapshot: Uint8Array, chunkBytes = snapshot.byteLength): Kv {
  const sink = kv.restore();
  for (let at = 0; at < snapshot.byteLength; at += chunkBytes) {
    sink.write(snapshot.subarray(at, at + chunkBytes));
  }
  sink.end();
  sink.adopt();
  return kv;
}

const text = fc.constantFrom('', 'a', 'b', 'a longer value', 'x'.repeat(200));
const command: fc.Arbitrary<Command> = fc
  .record({
    kind: fc.constantFrom(...COMMAND_KINDS),
    key: fc.integer({ min: 0, max: 30 }),
    value: fc.option(text),
    expected: fc.option(text),
    clientId: fc.oneof(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 3 }).map((i) => FIRST_REGISTERED_CLIENT + i),
    ),
    requestNumber: fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 1, max: 60 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: SESSION_WINDOW }) },
    ),
    behind: fc.oneof(fc.nat({ max: 40 }), fc.constant(SESSION_WINDOW)),
  })
  .map(({ kind, key, value, expected, clientId, requestNumber, behind }) => [
    {
      kind,
      key: bytesOf(`key ${key}`),
      value: value === null ? null : bytesOf(value),
      expected: expected === null ? null : bytesOf(expected),
    },
    by(clientId, requestNumber, Math.max(1, requestNumber - behind)),
  ]);

const someCommands = fc.array(command, { maxLength: 60, size: 'max' });
const bounds = fc.record({
  sessionsMax: fc.integer({ min: 1, max: 6 }),
  sessionBytesMax: fc.integer({ min: 500, max: 10_000 }),
});

test('whatever is executed meanwhile, who is restored goes on from where it began', (t) => {
  always(
    t,
    fc.property(
      bounds,
      someCommands,
      fc.array(someCommands, { maxLength: 20 }),
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 300 }),
      (bound, before, meanwhile, sliceBytes, chunkBytes) => {
        const kv = new Kv(bound);
        apply(kv, 1, ...before);
        const digest = kv.digest();
        const { executed } = kv.counters;
        const source = kv.snapshot();
        const slices: Uint8Array[] = [];
        const told = meanwhile.map((commands, i) => {
          const answers = apply(kv, i + 2, ...commands);
          const slice = source.next(sliceBytes);
          if (slice !== null) slices.push(slice);
          return answers;
        });
        slices.push(...rest(source, sliceBytes));
        const restored = restore(new Kv(bound), joined(slices), chunkBytes);
        if (restored.digest() !== digest) throw new Error('the digest is another');
        if (restored.counters.executed !== executed) throw new Error('executed is another');
        const toldAgain = meanwhile.map((commands, i) => apply(restored, i + 2, ...commands));
        if (!isDeepStrictEqual(toldAgain, told)) throw new Error('it answers otherwise');
        return restored.digest() === kv.digest();
      },
    ),
    500,
  );
});

test('slices have the bytes asked for, or one record more; each has one at least', (t) => {
  const kv = new Kv();
  const longest = 500;
  for (let i = 0; i < 2000; i++) {
    const value = 'v'.repeat(i % longest);
    apply(kv, i + 1, [operation('put', `key ${i}`, value), by(1 + (i % 7), i + 1)]);
  }
  for (const bytes of [1, 100, 5000, 1 << 16]) {
    const slices = rest(kv.snapshot(), bytes);
    const lengths = slices.map(({ byteLength }) => byteLength);
    t.true(Math.max(...lengths) < bytes + longest + 30, `${Math.max(...lengths)} for ${bytes}`);
    t.true(Math.min(...lengths.slice(0, -1)) >= bytes, `${Math.min(...lengths)} for ${bytes}`);
    t.is(restore(new Kv(), joined(slices)).digest(), kv.digest());
  }
});

test('a session used while the snapshot is taken is in it as it was', (t) => {
  const kv = new Kv();
  apply(kv, 1, [operation('put', 'k', 'first'), by(1, 1, 1)], [operation('get', 'k'), by(1, 2, 1)]);
  const source = kv.snapshot();
  apply(kv, 2, [operation('put', 'k', 'second'), by(1, 3, 3)], [operation('get', 'k'), by(2, 1)]);
  const restored = restore(new Kv(), joined(rest(source, 1)));
  t.deepEqual([restored.executedOf(1), restored.executedOf(2)], [2, 0]);
  const [again, next] = apply(
    restored,
    3,
    [operation('get', 'k'), by(1, 2, 1)],
    [operation('get', 'k'), by(1, 3, 1)],
  );
  t.deepEqual([textOf(again?.value ?? null), again?.index], ['first', 1], 'answered from memory');
  t.deepEqual([textOf(next?.value ?? null), next?.index], ['first', 3], 'executed');
});

test('a session that expires while the snapshot is taken is in it all the same', (t) => {
  const bound = { sessionsMax: 2 };
  const kv = new Kv(bound);
  const put = (clientId: number): Command => [operation('put', 'k', 'v'), by(clientId, 1)];
  apply(kv, 1, put(1), put(2));
  const digest = kv.digest();
  const source = kv.snapshot();
  apply(kv, 2, put(3), put(4));
  t.deepEqual([kv.executedOf(1), kv.executedOf(2)], [0, 0]);
  const restored = restore(new Kv(bound), joined(rest(source, 10)));
  t.is(restored.digest(), digest);
  t.deepEqual([restored.executedOf(1), restored.executedOf(2)], [1, 1]);
});

test('who was used last is known to who is restored: the same session expires next', (t) => {
  const bound = { sessionsMax: 3 };
  const kv = new Kv(bound);
  const put = (clientId: number, requestNumber: number): Command => [
    operation('put', 'k', 'v'),
    by(clientId, requestNumber),
  ];
  apply(kv, 1, put(1, 1), put(2, 1), put(3, 1), put(1, 2));
  const restored = restore(new Kv(bound), snapshotOf(kv));
  apply(restored, 2, put(4, 1));
  t.deepEqual(
    [1, 2, 3, 4].map((clientId) => restored.executedOf(clientId)),
    [2, 0, 1, 1],
  );
});

test('ids given out before the snapshot are not given out again after it', (t) => {
  const kv = new Kv();
  apply(kv, 1, [REGISTER, by(0, 1)], [REGISTER, by(0, 2)]);
  const restored = restore(new Kv(), snapshotOf(kv));
  const [a] = apply(kv, 2, [REGISTER, by(0, 3)]);
  const [b] = apply(restored, 2, [REGISTER, by(0, 3)]);
  t.deepEqual(a, b);
  t.is(kv.digest(), restored.digest());
});

test('one snapshot at a time; after its end, or when it is given up, another', (t) => {
  const kv = new Kv();
  apply(kv, 1, [operation('put', 'k', 'v'), by(1, 1)]);
  const first = kv.snapshot();
  t.throws(() => kv.snapshot(), { message: /one snapshot at a time/ });
  first.next(1);
  first.cancel();
  t.is(first.next(100), null);
  apply(kv, 2, [operation('put', 'k', 'w'), by(1, 2)]);
  const second = kv.snapshot();
  first.cancel();
  t.throws(() => kv.snapshot(), { message: /one snapshot at a time/ });
  t.is(restore(new Kv(), joined(rest(second, 10))).digest(), kv.digest());
  t.is(second.next(100), null);
  second.cancel();
  t.is(restore(new Kv(), snapshotOf(kv)).digest(), kv.digest());
});

test('nothing changes before the end, and then all of it at once', (t) => {
  const [from, to] = [new Kv(), new Kv()];
  apply(from, 1, [operation('put', 'k', 'new'), by(1, 1)], [REGISTER, by(0, 1)]);
  apply(to, 1, [operation('put', 'k', 'old'), by(2, 1)], [operation('put', 'l', 'old'), by(2, 2)]);
  const digest = to.digest();
  const sink = to.restore();
  sink.write(snapshotOf(from));
  t.deepEqual([to.digest(), to.counters.executed], [digest, 2]);
  sink.end();
  sink.adopt();
  t.deepEqual([to.digest(), to.counters.executed, to.size], [from.digest(), 2, 1]);
  t.throws(() => sink.adopt(), { instanceOf: Error });
});

test('a snapshot under way goes on with the state it began with when another is restored', (t) => {
  const [kv, other] = [new Kv(), new Kv()];
  for (let i = 1; i <= 50; i++) apply(kv, i, [operation('put', `key ${i}`, 'v'), by(1, i)]);
  apply(other, 1, [operation('put', 'key 1', 'other'), by(2, 1)]);
  const digest = kv.digest();
  const source = kv.snapshot();
  const first = source.next(1) ?? new Uint8Array(0);
  restore(kv, snapshotOf(other));
  apply(kv, 60, [operation('put', 'key 2', 'later'), by(1, 60)]);
  t.is(restore(new Kv(), joined([first, ...rest(source, 50)])).digest(), digest);
  t.is(restore(new Kv(), snapshotOf(kv)).digest(), kv.digest());
});

test('a large value comes in pieces, however small', (t) => {
  const kv = new Kv();
  apply(kv, 1, [operation('put', 'k', 'v'.repeat(300_000)), by(0, 1)]);
  t.is(restore(new Kv(), snapshotOf(kv), 1000).digest(), kv.digest());
});

test('the end has room, whatever the length of what is before it', (t) => {
  for (let length = 900; length < 2100; length++) {
    const kv = new Kv();
    apply(kv, 1, [operation('put', 'k', 'v'.repeat(length)), by(0, 1)]);
    if (restore(new Kv(), snapshotOf(kv)).digest() !== kv.digest()) t.fail(`${length}`);
  }
  t.pass();
});

// ---- What no snapshot can say -------------------------------------------------------------------

/** One session with one answer, and one key: each part stands where the constants say. */
function small(): Uint8Array<ArrayBuffer> {
  const kv = new Kv();
  apply(kv, 1, [operation('put', 'k', 'v'), by(1, 1)]);
  return snapshotOf(kv);
}

test('a snapshot cut short anywhere restores nothing', (t) => {
  const whole = small();
  for (let length = 0; length < whole.byteLength; length++) {
    const kv = new Kv();
    const digest = kv.digest();
    const error = t.throws(() => restore(kv, whole.subarray(0, length)), {
      instanceOf: RangeError,
    });
    if (!error?.message.includes('expected')) t.fail(`${length}: ${error?.message}`);
    t.is(kv.digest(), digest);
  }
});

test('what stands where it cannot is refused, with what was expected and what came', (t) => {
  const session = HEAD_BYTES;
  const answer = session + SESSION_BYTES;
  const key = answer + ANSWER_HEADER_BYTES;
  const end = small().byteLength - END_BYTES;
  const rows: [what: string, damage: (view: DataView) => void, message: RegExp][] = [
    ['letters', (view) => view.setUint8(0, 0x6b), /head: expected "KVS/],
    ['version', (view) => view.setUint8(3, 3), /expected "KVS\\u0002", got "KVS\\u0003"/],
    ['executed', (view) => view.setFloat64(4, -1, true), /executed: expected a whole.* got -1/],
    ['registered', (view) => view.setFloat64(12, 0.5, true), /registered: .* got 0.5/],
    ['tag', (view) => view.setUint8(session, 9), /expected a tag from 1 to 4, got 9/],
    ['no client', (view) => view.setFloat64(session + 1, 0, true), /a client id.* got 0/],
    [
      'an id that was not given out',
      (view) => view.setFloat64(session + 1, FIRST_REGISTERED_CLIENT, true),
      /a client id, 0 registered, got 4503599627370496/,
    ],
    ['last use', (view) => view.setFloat64(session + 25, 2, true), /of at most 1, got 2/],
    ['request', (view) => view.setUint32(answer + 1, 65_537, true), /1, 65536 at most, got 65537/],
    ['request', (view) => view.setUint32(answer + 1, 0, true), /from 1, 65536 at most, got 0/],
    ['status', (view) => view.setUint8(answer + 5, 99), /a known status, got 99/],
    ['value', (view) => view.setUint8(answer + 6, 2), /a value as announced, got 2/],
    ['index', (view) => view.setFloat64(answer + 11, Number.NaN, true), /index: .* got NaN/],
    ['a session after keys', (view) => view.setUint8(end, 1), /expected keys and the end/],
    ['sessions', (view) => view.setFloat64(end + 1, 2, true), /2, 1, 1 .*, got 1, 1, 1/],
    ['answers', (view) => view.setFloat64(end + 9, 0, true), /1, 0, 1 .*, got 1, 1, 1/],
    ['keys', (view) => view.setFloat64(end + 17, 2, true), /1, 1, 2 .*, got 1, 1, 1/],
  ];
  t.is(small()[key], 3, 'the key stands where it is expected');
  for (const [what, damage, message] of rows) {
    const kv = new Kv();
    const digest = kv.digest();
    const snapshot = joined([small(), new Uint8Array(64)]).slice(0, small().byteLength);
    damage(new DataView(snapshot.buffer));
    const sink = kv.restore();
    const padding = what === 'a session after keys' ? new Uint8Array(64) : new Uint8Array(0);
    const error = t.throws(
      () => {
        sink.write(snapshot);
        sink.write(padding);
        sink.end();
        sink.adopt();
      },
      { instanceOf: RangeError },
      what,
    );
    t.regex(error?.message ?? '', message, what);
    // Once malformed, always malformed.
    t.throws(() => sink.write(small()), { instanceOf: RangeError }, what);
    t.throws(() => sink.end(), { instanceOf: RangeError }, what);
    t.is(kv.digest(), digest, what);
  }
});

test('a snapshot of the first version, which has no hash, is restored', (t) => {
  const snapshot = small().slice(0, -HASH_BYTES);
  const view = new DataView(snapshot.buffer);
  view.setUint8(3, 1);
  // What are spare bytes now told then how many slots a session had.
  view.setUint32(HEAD_BYTES + 13, 16, true);
  t.is(restore(new Kv(), snapshot).digest(), restore(new Kv(), small()).digest());
});

test('whichever bit was turned on the way, nothing is restored', (t) => {
  const whole = small();
  for (let bit = 0; bit < whole.byteLength * 8; bit++) {
    const damaged = whole.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    t.throws(() => restore(new Kv(), damaged), { instanceOf: RangeError }, `bit ${bit}`);
  }
});

test('what is there twice, or behind the end, is refused', (t) => {
  const whole = small();
  const session = whole.slice(HEAD_BYTES, HEAD_BYTES + SESSION_BYTES);
  const answer = whole.slice(
    HEAD_BYTES + SESSION_BYTES,
    HEAD_BYTES + SESSION_BYTES + ANSWER_HEADER_BYTES,
  );
  const head = whole.slice(0, HEAD_BYTES);
  const end = whole.slice(-END_BYTES);
  const key = whole.slice(HEAD_BYTES + SESSION_BYTES + ANSWER_HEADER_BYTES, -END_BYTES);
  t.is(restore(new Kv(), joined([head, session, answer, key, end])).size, 1);
  const rows: [Uint8Array[], RegExp][] = [
    [[head, session, session], /each client once, got client 1 twice/],
    [[head, session, answer, answer], /each request once, got request 1 twice/],
    [[head, answer], /a session before it, got none/],
    [[head, key, key], /each key once/],
    [[head, key, session], /keys and the end after the first key, got tag 1/],
    [[head, session, answer, key, end, head], /nothing behind its end record, got 28 bytes more/],
  ];
  for (const [parts, message] of rows) {
    t.throws(() => restore(new Kv(), joined(parts)), { instanceOf: RangeError, message });
  }
});
