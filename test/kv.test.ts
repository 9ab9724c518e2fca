/**
 * Shows that the state machine does what each operation says, with `null` for absent, against a
 * dumb twin; that a request repeated through its session takes effect once and gets its first
 * answer, however many are outstanding and in whatever order they come; and that replicas that
 * executed the same entries have the same digest.
 *
 *     npx ava test/kv.test.ts
 */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { OPERATION_KINDS, type Operation, RecordWriter, type Status } from '../src/command.ts';
import { Kv, SESSION_WINDOW } from '../src/kv.ts';
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

type Told = readonly [status: Status, value: string | null, index: number];

/** Executes one command as an entry of its own. */
function apply(kv: Kv, index: number, ...command: Command): Told {
  const results = new RecordWriter();
  kv.apply(index, batchOf([command]), results);
  const [answered] = resultsOf(results.take());
  if (answered === undefined) throw new Error('a command got no result');
  return [answered.status, textOf(answered.value), answered.index];
}

function query(kv: Kv, key: string): Told {
  const results = new RecordWriter();
  kv.query(batchOf([[operation('get', key), by(9, 1)]]), results);
  const [answered] = resultsOf(results.take());
  return [answered?.status ?? 'stale', textOf(answered?.value ?? null), answered?.index ?? -1];
}

function contentOf(kv: Kv): Map<string, string> {
  return new Map([...kv.entries()].map(([k, v]) => [textOf(k) ?? '', textOf(v) ?? '']));
}

// ---- The dumb twin: a Map of text, and every answer ever given ----------------------------------

class Twin {
  readonly content = new Map<string, string>();
  readonly answers = new Map<number, Map<number, Told>>();
  readonly lowest = new Map<number, number>();
  executed = 0;
  repeated = 0;

  apply(index: number, [asked, identity]: Command): Told {
    const { clientId, requestNumber, lowestPending } = identity;
    if (clientId === 0) return this.execute(index, asked);
    const known = this.answers.get(clientId) ?? new Map<number, Told>();
    this.answers.set(clientId, known);
    const lowest = Math.max(this.lowest.get(clientId) ?? 0, lowestPending);
    this.lowest.set(clientId, lowest);
    const first: Told | undefined =
      requestNumber < lowest ? ['stale', null, 0] : known.get(requestNumber);
    if (first !== undefined) {
      this.repeated++;
      return first;
    }
    if (requestNumber >= lowest + SESSION_WINDOW) return ['tooManyPending', null, 0];
    const told = this.execute(index, asked);
    known.set(requestNumber, told);
    return told;
  }

  execute(index: number, asked: Operation): Told {
    this.executed++;
    const key = textOf(asked.key) ?? '';
    const value = textOf(asked.value);
    const held = this.content.get(key) ?? null;
    const store = (wanted: string | null): void => {
      if (wanted === null) this.content.delete(key);
      else this.content.set(key, wanted);
    };
    const found: Told = [held === null ? 'notFound' : 'ok', held, index];
    if (asked.kind === 'get') return found;
    if (asked.kind === 'delete') {
      store(null);
      return found;
    }
    if (asked.kind === 'update') {
      if (held !== null) store(value);
      return found;
    }
    if (asked.kind === 'create' && held !== null) return ['alreadyExists', held, index];
    if (asked.kind === 'cas' && held !== textOf(asked.expected)) return ['mismatch', held, index];
    store(value);
    return ['ok', null, index];
  }
}

const text = fc.constantFrom('', 'a', 'b', 'a longer value');
const asked = fc
  .tuple(
    fc.constantFrom(...OPERATION_KINDS),
    fc.constantFrom('', 'x', 'y'),
    fc.option(text),
    fc.option(text),
  )
  .map((parts) => operation(...parts));

/** Requests of two sessions and of none, repeated, late and out of order. */
const command: fc.Arbitrary<Command> = fc
  .tuple(
    asked,
    fc.integer({ min: 0, max: 2 }),
    fc.oneof(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: SESSION_WINDOW + 400 }),
    ),
    fc.oneof(fc.constant(0), fc.nat({ max: 400 }), fc.constant(SESSION_WINDOW)),
  )
  .map(([what, clientId, requestNumber, behind]) => [
    what,
    by(clientId, requestNumber, Math.max(1, requestNumber - behind)),
  ]);

test('any commands give the results and the state of the dumb twin', (t) => {
  always(
    t,
    fc.property(fc.array(command, { maxLength: 120, size: 'max' }), (commands) => {
      const kv = new Kv();
      const twin = new Twin();
      commands.forEach((one, i) => {
        const told = apply(kv, i + 1, ...one);
        const expected = twin.apply(i + 1, one);
        if (!isDeepStrictEqual(told, expected)) {
          throw new Error(`command ${i} was told ${told}, not ${expected}`);
        }
      });
      const { executed, repeated } = twin;
      return (
        isDeepStrictEqual(contentOf(kv), twin.content) &&
        isDeepStrictEqual(kv.counters, { executed, repeated }) &&
        kv.size === twin.content.size
      );
    }),
    500,
  );
});

// ---- Operations ---------------------------------------------------------------------------------

test('each operation, where the key is absent and where it is present', (t) => {
  const rows: [Operation, held: string | null, Told, after: string | null][] = [
    [operation('get', 'k'), null, ['notFound', null, 7], null],
    [operation('get', 'k'), 'old', ['ok', 'old', 7], 'old'],
    [operation('put', 'k', 'new'), null, ['ok', null, 7], 'new'],
    [operation('put', 'k', 'new'), 'old', ['ok', null, 7], 'new'],
    [operation('put', 'k', ''), 'old', ['ok', null, 7], ''],
    [operation('put', 'k', null), 'old', ['ok', null, 7], null],
    [operation('delete', 'k'), null, ['notFound', null, 7], null],
    [operation('delete', 'k'), 'old', ['ok', 'old', 7], null],
    [operation('create', 'k', 'new'), null, ['ok', null, 7], 'new'],
    [operation('create', 'k', 'new'), 'old', ['alreadyExists', 'old', 7], 'old'],
    [operation('create', 'k', 'new'), '', ['alreadyExists', '', 7], ''],
    [operation('update', 'k', 'new'), null, ['notFound', null, 7], null],
    [operation('update', 'k', 'new'), 'old', ['ok', 'old', 7], 'new'],
    [operation('update', 'k', null), 'old', ['ok', 'old', 7], null],
    [operation('cas', 'k', 'new', 'old'), 'old', ['ok', null, 7], 'new'],
    [operation('cas', 'k', 'new', 'odd'), 'old', ['mismatch', 'old', 7], 'old'],
    [operation('cas', 'k', 'new', 'ol'), 'old', ['mismatch', 'old', 7], 'old'],
    [operation('cas', 'k', 'new', 'older'), 'old', ['mismatch', 'old', 7], 'old'],
    [operation('cas', 'k', 'new', 'old'), null, ['mismatch', null, 7], null],
    [operation('cas', 'k', 'new', null), null, ['ok', null, 7], 'new'],
    [operation('cas', 'k', 'new', null), 'old', ['mismatch', 'old', 7], 'old'],
    [operation('cas', 'k', 'new', null), '', ['mismatch', '', 7], ''],
    [operation('cas', 'k', 'new', ''), null, ['mismatch', null, 7], null],
    [operation('cas', 'k', 'new', ''), '', ['ok', null, 7], 'new'],
    [operation('cas', 'k', null, 'old'), 'old', ['ok', null, 7], null],
    [operation('cas', 'k', null, null), null, ['ok', null, 7], null],
  ];
  for (const [what, held, told, after] of rows) {
    const kv = new Kv();
    if (held !== null) apply(kv, 1, operation('put', 'k', held), by(0, 1));
    const row = `${what.kind} ${textOf(what.value)} expecting ${textOf(what.expected)} at ${held}`;
    t.deepEqual(apply(kv, 7, what, by(1, 1)), told, row);
    t.deepEqual(query(kv, 'k'), [after === null ? 'notFound' : 'ok', after, 0], row);
  }
});

test('an expectation is not compared beyond its end', (t) => {
  const kv = new Kv();
  apply(kv, 1, operation('put', 'k', 'old\x01'), by(0, 1));
  const results = new RecordWriter();
  // What follows the expectation in the batch begins with byte 1: the kind of the next command.
  const commands: Command[] = [
    [operation('cas', 'k', 'new', 'old'), by(0, 2)],
    [operation('put', 'other', 'v'), by(0, 3)],
  ];
  kv.apply(2, batchOf(commands), results);
  t.is(resultsOf(results.take())[0]?.status, 'mismatch');
});

test('a query reads and nothing else', (t) => {
  const kv = new Kv();
  const batch = batchOf([[operation('put', 'k', 'v'), by(1, 1)]]);
  t.throws(() => kv.query(batch, new RecordWriter()), { instanceOf: RangeError });
  t.is(kv.size, 0);
});

test('a batch is answered command by command, in its order', (t) => {
  const kv = new Kv();
  const results = new RecordWriter();
  const commands: Command[] = [
    [operation('put', 'k', 'one'), by(2, 1)],
    [operation('get', 'k'), by(1, 1)],
    [operation('delete', 'k'), by(2, 2)],
    [operation('get', 'k'), by(0, 5)],
  ];
  kv.apply(4, batchOf(commands), results);
  const expected: Answered[] = [
    { clientId: 2, requestNumber: 1, status: 'ok', value: null, index: 4 },
    { clientId: 1, requestNumber: 1, status: 'ok', value: bytesOf('one'), index: 4 },
    { clientId: 2, requestNumber: 2, status: 'ok', value: bytesOf('one'), index: 4 },
    { clientId: 0, requestNumber: 5, status: 'notFound', value: null, index: 4 },
  ];
  t.true(isDeepStrictEqual(resultsOf(results.take()), expected));
});

// ---- Sessions -----------------------------------------------------------------------------------

test('a retry applies once and gets the first answer, also after other writes to the key', (t) => {
  const kv = new Kv();
  const cas = operation('cas', 'k', 'mine', null);
  t.deepEqual(apply(kv, 1, cas, by(1, 1)), ['ok', null, 1]);
  apply(kv, 2, operation('put', 'k', 'other'), by(2, 1));
  t.deepEqual(apply(kv, 3, cas, by(1, 1)), ['ok', null, 1]);
  t.deepEqual(query(kv, 'k'), ['ok', 'other', 0]);

  const remove = operation('delete', 'k');
  t.deepEqual(apply(kv, 4, remove, by(1, 2, 1)), ['ok', 'other', 4]);
  apply(kv, 5, operation('put', 'k', 'again'), by(2, 2));
  t.deepEqual(apply(kv, 6, remove, by(1, 2, 1)), ['ok', 'other', 4]);
  t.deepEqual(query(kv, 'k'), ['ok', 'again', 0]);
  t.deepEqual(kv.counters, { executed: 4, repeated: 2 });
});

test('a refusal is an answer too: the retry of a mismatch stays one', (t) => {
  const kv = new Kv();
  const create = operation('create', 'k', 'mine');
  apply(kv, 1, operation('put', 'k', 'first'), by(2, 1));
  t.deepEqual(apply(kv, 2, create, by(1, 1)), ['alreadyExists', 'first', 2]);
  apply(kv, 3, operation('delete', 'k'), by(2, 2));
  t.deepEqual(apply(kv, 4, create, by(1, 1)), ['alreadyExists', 'first', 2]);
  t.deepEqual(query(kv, 'k'), ['notFound', null, 0]);
});

test('several outstanding requests may come out of order, each once', (t) => {
  const kv = new Kv();
  for (const requestNumber of [3, 1, 2, 3, 2, 1]) {
    const value = `${requestNumber}`;
    apply(kv, requestNumber, operation('put', value, value), by(1, requestNumber, 1));
  }
  t.deepEqual(kv.counters, { executed: 3, repeated: 3 });
});

test('what the client no longer waits for is forgotten, and stale when it comes again', (t) => {
  const kv = new Kv();
  const put = operation('put', 'k', 'v');
  apply(kv, 1, put, by(1, 1, 1));
  apply(kv, 2, put, by(1, 2, 1));
  t.deepEqual(apply(kv, 3, put, by(1, 1, 1)), ['ok', null, 1], 'still kept');
  apply(kv, 4, put, by(1, 3, 2));
  t.deepEqual(apply(kv, 5, put, by(1, 1, 1)), ['stale', null, 0]);
  t.deepEqual(apply(kv, 6, put, by(1, 2, 1)), ['ok', null, 2], 'the mark never goes back');
  t.deepEqual(apply(kv, 7, put, by(1, 1, 1)), ['stale', null, 0]);
  t.is(kv.counters.executed, 3);
});

test('a stale request is not executed even if it never was', (t) => {
  const kv = new Kv();
  apply(kv, 1, operation('put', 'k', 'late'), by(1, 9, 9));
  t.deepEqual(apply(kv, 2, operation('put', 'k', 'early'), by(1, 8, 8)), ['stale', null, 0]);
  t.deepEqual(query(kv, 'k'), ['ok', 'late', 0]);
});

test('answers stay in place as a session grows, up to the bound of its window', (t) => {
  const kv = new Kv();
  const last = 5 + SESSION_WINDOW - 1;
  const numbers = [5, 6, 20, 21, 37, 300, 4096, 40_000, last];
  for (const [i, requestNumber] of numbers.entries()) {
    const put = operation('put', `${requestNumber}`, 'v');
    t.deepEqual(apply(kv, i + 1, put, by(1, requestNumber, 5)), ['ok', null, i + 1]);
  }
  const tooFar = by(1, last + 1, 5);
  t.deepEqual(apply(kv, 50, operation('put', 'far', 'v'), tooFar), ['tooManyPending', null, 0]);
  t.deepEqual(query(kv, 'far'), ['notFound', null, 0]);
  for (const [i, requestNumber] of numbers.entries()) {
    const put = operation('put', `${requestNumber}`, 'other');
    t.deepEqual(apply(kv, 60, put, by(1, requestNumber, 5)), ['ok', null, i + 1]);
  }
  t.deepEqual(kv.counters, { executed: numbers.length, repeated: numbers.length });
  // With the first answered there is room for one more.
  t.deepEqual(apply(kv, 70, operation('put', 'far', 'v'), by(1, last + 1, 6)), ['ok', null, 70]);
});

test('a number may be used again in its slot once a whole window has passed', (t) => {
  const kv = new Kv();
  for (let requestNumber = 1; requestNumber <= 3 * 16; requestNumber++) {
    const told = apply(kv, requestNumber, operation('put', 'k', 'v'), by(1, requestNumber));
    t.deepEqual(told, ['ok', null, requestNumber]);
  }
  // The mark moves by more than the ring is long: everything kept is forgotten.
  t.deepEqual(apply(kv, 99, operation('put', 'k', 'v'), by(1, 1000)), ['ok', null, 99]);
  t.is(kv.counters.repeated, 0);
});

test('clients do not answer for each other, and client 0 has no session', (t) => {
  const kv = new Kv();
  const create = operation('create', 'k', 'v');
  t.deepEqual(apply(kv, 1, create, by(1, 1)), ['ok', null, 1]);
  t.deepEqual(apply(kv, 2, create, by(2, 1)), ['alreadyExists', 'v', 2]);
  t.deepEqual(apply(kv, 3, create, by(1, 1)), ['ok', null, 1]);
  const large = 2 ** 40 + 1;
  t.deepEqual(apply(kv, 4, create, by(large, 1)), ['alreadyExists', 'v', 4]);
  t.deepEqual(apply(kv, 5, operation('delete', 'k'), by(0, 1)), ['ok', 'v', 5]);
  t.deepEqual(apply(kv, 6, create, by(0, 1)), ['ok', null, 6]);
  t.deepEqual(apply(kv, 7, operation('delete', 'k'), by(0, 1)), ['ok', 'v', 7]);
});

// ---- Replicas -----------------------------------------------------------------------------------

const entries = fc.array(fc.array(command, { maxLength: 8 }), { maxLength: 20 });

test('replicas fed the same entries agree, also when an entry comes in pieces', (t) => {
  always(
    t,
    fc.property(entries, fc.infiniteStream(fc.boolean()), (log, cuts) => {
      const [whole, pieces] = [new Kv(), new Kv()];
      log.forEach((batch, i) => {
        whole.apply(i + 1, batchOf(batch), null);
        // The leader applies an entry client by client, for their results.
        let piece: Command[] = [];
        for (const one of batch) {
          piece.push(one);
          if (!cuts.next().value) continue;
          pieces.apply(i + 1, batchOf(piece), new RecordWriter());
          piece = [];
        }
        pieces.apply(i + 1, batchOf(piece), new RecordWriter());
      });
      const equalCounts = isDeepStrictEqual(whole.counters, pieces.counters);
      return equalCounts && whole.digest() === pieces.digest();
    }),
    300,
  );
});

test('the digest tells apart what differs in keys, in values or in sessions alone', (t) => {
  const digestAfter = (...commands: Command[]): string => {
    const kv = new Kv();
    commands.forEach((one, i) => {
      apply(kv, i + 1, ...one);
    });
    return kv.digest();
  };
  const digests = [
    digestAfter(),
    digestAfter([operation('put', 'k', 'v'), by(0, 1)]),
    digestAfter([operation('put', 'k', 'w'), by(0, 1)]),
    digestAfter([operation('put', 'l', 'v'), by(0, 1)]),
    digestAfter([operation('put', 'k', 'v'), by(1, 1)]),
    digestAfter([operation('put', 'k', 'v'), by(2, 1)]),
    digestAfter([operation('put', 'k', 'v'), by(1, 2)]),
    digestAfter([operation('put', 'k', 'v'), by(1, 1)], [operation('get', 'k'), by(1, 2, 1)]),
    digestAfter([operation('put', 'k', 'v'), by(1, 1)], [operation('get', 'k'), by(2, 1)]),
  ];
  t.is(new Set(digests).size, digests.length);
});
