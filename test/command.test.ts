/**
 * Shows that operations and results come out of a batch as they went in, that absent (`null`) and
 * empty are two things, that a batch is split between records only, and that one cut short is
 * refused and never read beyond its end.
 *
 *     npx ava test/command.test.ts
 */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import {
  COMMAND_KINDS,
  decodeClientId,
  encodeClientId,
  FIRST_REGISTERED_CLIENT,
  isBatch,
  OPERATION_HEADER_BYTES,
  type Operation,
  OperationReader,
  RESULT_HEADER_BYTES,
  RecordWriter,
  ResultReader,
  STATUSES,
  splitBatch,
} from '../src/command.ts';
import { always } from './support/property.ts';
import {
  type Answered,
  batchOf,
  by,
  type Command,
  commandsOf,
  encodeResults,
  operation,
  resultsOf,
} from './support/records.ts';

// Up to 300 bytes: both ways of copying are taken.
const bytes = fc.uint8Array({ maxLength: 300 });
const safeInteger = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

/** Strict equality looks at prototypes too: records are to be plain objects. */
const PLAIN = { noNullPrototype: true } as const;

const command: fc.Arbitrary<Command> = fc.tuple(
  fc.record(
    {
      kind: fc.constantFrom(...COMMAND_KINDS),
      key: bytes,
      value: fc.option(bytes),
      expected: fc.option(bytes),
    },
    PLAIN,
  ),
  fc.record({ clientId: safeInteger, requestNumber: uint32, lowestPending: uint32 }, PLAIN),
);

const answered: fc.Arbitrary<Answered> = fc.record(
  {
    clientId: safeInteger,
    requestNumber: uint32,
    status: fc.constantFrom(...STATUSES),
    value: fc.option(bytes),
    index: safeInteger,
  },
  PLAIN,
);

/** The same bytes inside a larger buffer: readers must heed where their view begins. */
function within(batch: Uint8Array): Uint8Array {
  const larger = new Uint8Array(batch.byteLength + 24).fill(0xee);
  larger.set(batch, 13);
  return larger.subarray(13, 13 + batch.byteLength);
}

test('operations come out as they went in', (t) => {
  always(
    t,
    fc.property(fc.array(command), (commands) =>
      isDeepStrictEqual(commandsOf(within(batchOf(commands))), commands),
    ),
    500,
  );
});

test('results come out as they went in', (t) => {
  always(
    t,
    fc.property(fc.array(answered), (results) =>
      isDeepStrictEqual(resultsOf(within(encodeResults(results))), results),
    ),
    500,
  );
});

test('empty is not absent', (t) => {
  for (const [value, expected] of [
    [null, null],
    ['', null],
    [null, ''],
    ['', ''],
  ] as const) {
    const asked: Operation = operation('cas', '', value, expected);
    t.deepEqual(commandsOf(batchOf([[asked, by(1, 1)]])), [[asked, by(1, 1)]]);
  }
  for (const value of [null, new Uint8Array(0)]) {
    const told: Answered = { clientId: 1, requestNumber: 2, status: 'ok', value, index: 3 };
    t.deepEqual(resultsOf(encodeResults([told])), [told]);
  }
});

test('a batch is split between records, and the parts make up the whole', (t) => {
  always(
    t,
    fc.property(fc.array(command), fc.integer({ min: 1, max: 5 }), (commands, countMax) => {
      const batch = within(batchOf(commands));
      const parts: Command[][] = [];
      for (let from = 0; from < batch.byteLength; ) {
        const { end, count } = splitBatch(batch, from, countMax, Number.POSITIVE_INFINITY);
        const part = commandsOf(batch.subarray(from, end));
        if (part.length !== count || count === 0) return false;
        parts.push(part);
        from = end;
      }
      const full = parts.slice(0, -1).every((part) => part.length === countMax);
      return full && isDeepStrictEqual(parts.flat(), commands);
    }),
    300,
  );
  t.deepEqual(splitBatch(batchOf([[operation('get', 'k'), by(1, 1)]]), 0, 0, 99), {
    end: 0,
    count: 0,
  });
});

/** Cuts a batch at every length; reads what is left up to the first complaint. */
function cutEverywhere(
  batch: Uint8Array,
  ends: readonly number[],
  read: (cut: Uint8Array) => unknown[],
): string | null {
  for (let length = 0; length < batch.byteLength; length++) {
    const cut = within(batch).subarray(0, length);
    const whole = [0, ...ends].indexOf(length);
    try {
      const count = read(cut).length;
      if (count !== whole) return `${length} bytes gave ${count} records`;
    } catch (error) {
      if (!(error instanceof RangeError) || whole >= 0) return `${length} bytes: ${error}`;
    }
  }
  return null;
}

test('a batch cut short throws RangeError wherever it is cut, but between records', (t) => {
  const commands = [
    [operation('cas', 'key', 'value', 'expected'), by(1, 1)],
    [operation('get', ''), by(1, 2)],
    [operation('put', 'k', 'v'), by(1, 3)],
  ] as const;
  const ends = commands.map((_, i) => batchOf(commands.slice(0, i + 1)).byteLength);
  t.is(cutEverywhere(batchOf(commands), ends, commandsOf), null);

  const results: Answered[] = ['ok', 'notFound', 'mismatch'].map((status, i) => ({
    clientId: 7,
    requestNumber: i,
    status: status as Answered['status'],
    value: i === 1 ? null : new Uint8Array(i + 1),
    index: i,
  }));
  const resultEnds = results.map((_, i) => encodeResults(results.slice(0, i + 1)).byteLength);
  t.is(cutEverywhere(encodeResults(results), resultEnds, resultsOf), null);
});

test('a split of a batch cut short throws as well', (t) => {
  const batch = batchOf([[operation('put', 'key', 'value'), by(1, 1)]]);
  t.throws(() => splitBatch(batch.subarray(0, -1), 0, 4, 999), { instanceOf: RangeError });
});

test('kinds and statuses that nobody defined are refused', (t) => {
  const batch = batchOf([[operation('put', 'key', 'value'), by(1, 1)]]);
  batch[0] = COMMAND_KINDS.length;
  t.throws(() => new OperationReader(batch).next(), { instanceOf: RangeError, message: /kind 7/ });
  const results = encodeResults([
    { clientId: 1, requestNumber: 1, status: 'ok', value: null, index: 0 },
  ]);
  results[12] = STATUSES.length;
  t.throws(() => new ResultReader(results).next(), {
    instanceOf: RangeError,
    message: /status 11/,
  });
});

test('kinds and statuses keep their bytes: logs and frames are read by what is newer', (t) => {
  const kinds = ['get', 'put', 'delete', 'create', 'update', 'cas', 'register'] as const;
  const found = kinds.map((kind) => batchOf([[{ ...operation('get', 'k'), kind }, by(1, 1)]])[0]);
  t.deepEqual(found, [0, 1, 2, 3, 4, 5, 6]);
  const status = (name: Answered['status']): number | undefined =>
    encodeResults([{ clientId: 1, requestNumber: 1, status: name, value: null, index: 0 }])[12];
  t.deepEqual([status('ok'), status('stale'), status('outcomeUnknown')], [0, 4, 8]);
  t.deepEqual([status('sessionExpired'), status('overloaded')], [9, 10]);
});

test('a client id comes out of the value it is answered in, wherever that stands', (t) => {
  always(
    t,
    fc.property(safeInteger, (id) => decodeClientId(within(encodeClientId(id))) === id),
    200,
  );
  t.is(decodeClientId(encodeClientId(FIRST_REGISTERED_CLIENT + 1)), 2 ** 52 + 1);
  for (const length of [0, 7, 9]) {
    const message = new RegExp(`8 bytes, got ${length}`);
    t.throws(() => decodeClientId(new Uint8Array(length)), { instanceOf: RangeError, message });
  }
});

test('a key is at most 65,535 bytes; one too long leaves nothing behind', (t) => {
  const writer = new RecordWriter();
  const long = (length: number): Operation => ({
    kind: 'put',
    key: new Uint8Array(length).fill(7),
    value: null,
    expected: null,
  });
  t.throws(() => writer.operation(long(0x1_0000), by(1, 1)), { message: /at most 65535 bytes/ });
  t.deepEqual([writer.length, writer.count], [0, 0]);
  writer.operation(long(0xffff), by(1, 1));
  t.is(commandsOf(writer.take())[0]?.[0].key.byteLength, 0xffff);
});

test('a writer counts, hands out a copy, and starts afresh', (t) => {
  const writer = new RecordWriter(1);
  const [first, second] = [operation('put', 'a', '1'), operation('put', 'b', '2')];
  writer.operation(first, by(1, 1));
  t.deepEqual([writer.count, writer.length], [1, OPERATION_HEADER_BYTES + 2]);
  const taken = writer.take();
  t.deepEqual([writer.count, writer.length, writer.take().byteLength], [0, 0, 0]);
  writer.operation(second, by(1, 2));
  t.deepEqual(commandsOf(taken), [[first, by(1, 1)]], 'what was taken stays as it was');
  // A frame is sent with its whole buffer behind it, so that must not be longer.
  t.is(taken.buffer.byteLength, taken.byteLength);

  writer.records(taken, 1);
  t.is(writer.count, 2);
  t.deepEqual(commandsOf(writer.take()), [
    [second, by(1, 2)],
    [first, by(1, 1)],
  ]);
  writer.result(1, 1, { status: 'ok', value: null, index: 1 });
  t.deepEqual([writer.count, writer.length], [1, RESULT_HEADER_BYTES]);
});

test('what is cut off anywhere but between two commands is no batch', (t) => {
  const commands: Command[] = [
    [operation('put', 'key', 'value'), by(1, 1)],
    [operation('delete', 'another'), by(1, 2)],
  ];
  const batch = batchOf(commands);
  const whole = new Set([0, batchOf(commands.slice(0, 1)).byteLength, batch.byteLength]);
  for (let length = 0; length <= batch.byteLength; length++) {
    t.is(isBatch(batch.subarray(0, length)), whole.has(length), `${length} bytes`);
  }
});
