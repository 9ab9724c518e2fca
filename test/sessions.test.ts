/**
 * Shows that sessions are bounded in number and in bytes, that the one used longest ago goes first
 * and at the same entry on every server, that a registered one is refused after it has expired
 * while a chosen id begins anew, that they cost what they keep, whatever its numbers, that ids of
 * clients' own choosing do not push out the registered ones, and that the replay of the log,
 * written apart, agrees about all of it.
 *
 *     npx ava test/sessions.test.ts
 */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { replayCommitted } from '../lab/replay.ts';
import { memoryAfterCollection } from '../lab/threads/heap.ts';
import { Answers } from '../src/answers.ts';
import {
  COMMAND_KINDS,
  decodeClientId,
  FIRST_REGISTERED_CLIENT,
  type Operation,
  RecordWriter,
  type Result,
  type Status,
} from '../src/command.ts';
import { Kv, SESSION_WINDOW } from '../src/kv.ts';
import type { Entry } from '../src/raft/types.ts';
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
const PUT = operation('put', 'k', 'v');
/** What a session costs that keeps no answer. */
const SESSION_BYTES = 576;
const ANSWER_BYTES = 112;
/** What a value in an answer costs beside its bytes. */
const VALUE_BYTES = 192;

/** A state machine that is given one command at a time. */
class Server {
  readonly kv: Kv;
  #index = 0;

  constructor(bounds: ConstructorParameters<typeof Kv>[0] = {}) {
    this.kv = new Kv(bounds);
  }

  answer(...command: Command): Answered {
    const results = new RecordWriter();
    this.kv.apply(++this.#index, batchOf([command]), results);
    const [answered] = resultsOf(results.take());
    if (answered === undefined) throw new Error('a command got no result');
    return answered;
  }

  /** Commands by the thousand, each in an entry of its own, and nobody waits for the answers. */
  execute(count: number, commandOf: (i: number) => Command): void {
    const writer = new RecordWriter();
    for (let i = 0; i < count; i++) {
      writer.operation(...commandOf(i));
      this.kv.apply(++this.#index, writer.take(), null);
    }
  }

  /** The status of a put under this identity. */
  put(clientId: number, requestNumber: number, lowestPending = requestNumber): Status {
    return this.answer(PUT, by(clientId, requestNumber, lowestPending)).status;
  }

  register(): number {
    const { status, value } = this.answer(REGISTER, by(0, 7));
    if (status !== 'ok' || value === null) throw new Error(`a registration was told ${status}`);
    return decodeClientId(value);
  }

  /** Which of these clients have a session in which something was executed. */
  known(...clientIds: readonly number[]): number[] {
    return clientIds.filter((clientId) => this.kv.executedOf(clientId) > 0);
  }
}

// ---- Expiry -------------------------------------------------------------------------------------

test('with one session too many the one used longest ago goes', (t) => {
  const server = new Server({ sessionsMax: 3 });
  for (const clientId of [1, 2, 3]) server.put(clientId, 1);
  server.put(1, 2);
  server.put(4, 1);
  t.deepEqual(server.known(1, 2, 3, 4), [1, 3, 4]);
  server.put(5, 1);
  t.deepEqual(server.known(1, 2, 3, 4, 5), [1, 4, 5]);
  t.is(server.kv.sessionCount, 3);
});

test('a repetition and a refusal are uses as well', (t) => {
  const server = new Server({ sessionsMax: 2 });
  server.put(1, 5);
  server.put(2, 1);
  t.is(server.put(1, 5), 'ok');
  server.put(3, 1);
  t.deepEqual(server.known(1, 2, 3), [1, 3]);
  t.is(server.put(1, 4, 4), 'stale');
  server.put(4, 1);
  t.deepEqual(server.known(1, 3, 4), [1, 4]);
  t.is(server.put(1, 5 + SESSION_WINDOW, 5), 'tooManyPending');
  server.put(5, 1);
  t.deepEqual(server.known(1, 4, 5), [1, 5]);
});

test('what has a session no more is counted from the start', (t) => {
  const server = new Server({ sessionsMax: 1 });
  for (const requestNumber of [1, 2, 3, 3]) server.put(1, requestNumber);
  t.is(server.kv.executedOf(1), 3);
  server.put(2, 1);
  t.deepEqual([server.kv.executedOf(1), server.kv.executedOf(2)], [0, 1]);
});

test('answers that are kept count by their bytes, and go with their session', (t) => {
  const long = 'x'.repeat(1000);
  const found = ANSWER_BYTES + VALUE_BYTES + long.length;
  const server = new Server({ sessionBytesMax: 3 * SESSION_BYTES + 2 * found + ANSWER_BYTES });
  server.answer(operation('put', 'k', long), by(0, 1));
  const get = (clientId: number, requestNumber: number, lowestPending = 1): Status =>
    server.answer(operation('get', 'k'), by(clientId, requestNumber, lowestPending)).status;
  get(1, 1);
  get(2, 1);
  // As much as may be kept, and not a byte more.
  server.put(3, 1);
  t.deepEqual(server.known(1, 2, 3), [1, 2, 3]);
  server.put(3, 2, 1);
  t.deepEqual(server.known(1, 2, 3), [2, 3]);
  // What its client has received costs nothing any more.
  get(3, 3, 3);
  get(3, 4, 4);
  t.deepEqual(server.known(1, 2, 3), [2, 3]);
});

test('puts of a thousand clients with thousands outstanding fit into the default bounds', (t) => {
  const { kv } = new Server();
  const clients = 1024;
  const each = 2048;
  for (let clientId = 1; clientId <= clients; clientId++) {
    const writer = new RecordWriter();
    for (let requestNumber = 1; requestNumber <= each; requestNumber++) {
      writer.operation(PUT, by(clientId, requestNumber, 1));
    }
    kv.apply(clientId, writer.take(), null);
  }
  t.is(kv.sessionCount, clients);
  t.is(kv.executedOf(1), each);
});

test('a session never goes for its own request; too long, it takes nothing new until told', (t) => {
  const long = 'x'.repeat(1000);
  const server = new Server({ sessionBytesMax: 2500 });
  server.answer(operation('put', 'k', long), by(0, 1));
  const get = (requestNumber: number, lowestPending: number): Status =>
    server.answer(operation('get', 'k'), by(1, requestNumber, lowestPending)).status;
  t.deepEqual([get(1, 1), get(2, 1)], ['ok', 'ok']);
  t.is(get(3, 1), 'tooManyPending');
  t.deepEqual([get(1, 1), get(2, 1)], ['ok', 'ok'], 'what was executed is still answered');
  t.is(server.kv.counters.executed, 3);
  t.is(get(3, 2), 'ok', 'there is room again');
});

test('one that takes too much alone is asked to wait, and goes when others need the room', (t) => {
  const server = new Server({ sessionBytesMax: 6000 });
  const given = server.register();
  server.put(given, 1);
  server.answer(operation('put', 'k', 'x'.repeat(1000)), by(0, 1));
  const get = (requestNumber: number): Status =>
    server.answer(operation('get', 'k'), by(1, requestNumber, 1)).status;
  t.deepEqual([1, 2, 3, 4, 5, 6].map(get), [
    'ok',
    'ok',
    'ok',
    'ok',
    'tooManyPending',
    'tooManyPending',
  ]);
  t.deepEqual(server.known(1, given), [1, given], 'it has pushed out nobody of the other kind');
  t.is(server.put(given, 2), 'ok');
  t.deepEqual(server.known(1, given), [given]);
});

test('bounds are whole numbers of at least 1', (t) => {
  for (const sessionsMax of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    const message = /sessionsMax is an integer of at least 1/;
    t.throws(() => new Kv({ sessionsMax }), { instanceOf: RangeError, message });
  }
  t.throws(() => new Kv({ sessionBytesMax: 0 }), { message: /sessionBytesMax/ });
});

// ---- Registration -------------------------------------------------------------------------------

test('each registration makes a session of its own, a repeated one as well', (t) => {
  const server = new Server();
  const ids = [server.register(), server.register(), server.register()];
  t.deepEqual(
    ids,
    [0, 1, 2].map((i) => FIRST_REGISTERED_CLIENT + i),
  );
  t.is(server.kv.sessionCount, 3);
  t.is(server.kv.counters.executed, 3);
  t.deepEqual([server.put(ids[0] as number, 1), server.put(ids[0] as number, 1)], ['ok', 'ok']);
  t.is(server.kv.counters.executed, 4);
});

test('a registered session that has expired is refused, and its command not executed', (t) => {
  const server = new Server({ sessionsMax: 1 });
  const clientId = server.register();
  t.is(server.put(clientId, 1), 'ok');
  const other = server.register();
  const { executed } = server.kv.counters;
  const told = server.answer(operation('put', 'k', 'late'), by(clientId, 1));
  t.deepEqual([told.status, told.value, told.index], ['sessionExpired', null, 0]);
  t.is(server.kv.counters.executed, executed);
  t.is(textOf(server.answer(operation('get', 'k'), by(0, 1)).value), 'v');
  t.is(server.put(other, 1), 'ok', 'the refusal was no use of a session');
});

test('an id that was never given out is refused too', (t) => {
  const server = new Server();
  t.is(server.put(FIRST_REGISTERED_CLIENT, 1), 'sessionExpired');
  t.is(server.put(FIRST_REGISTERED_CLIENT - 1, 1), 'ok');
  t.is(server.kv.sessionCount, 1);
});

test('an id of a client’s own choosing begins anew after it has expired', (t) => {
  const server = new Server({ sessionsMax: 1 });
  server.put(1, 1);
  server.put(2, 1);
  t.is(server.put(1, 1), 'ok');
  t.is(server.kv.counters.executed, 3, 'it cannot be told from one that is new');
});

test('the digest tells apart what will expire next, and which ids were given out', (t) => {
  const digestAfter = (...commands: Command[]): string => {
    const server = new Server();
    for (const one of commands) server.answer(...one);
    return server.kv.digest();
  };
  const [one, two] = [
    [PUT, by(1, 1)],
    [PUT, by(2, 1)],
  ] as const;
  const digests = [
    digestAfter(one, two),
    digestAfter(two, one),
    digestAfter(one, two, one),
    digestAfter(one, one, two),
    digestAfter([REGISTER, by(0, 1)]),
    digestAfter([REGISTER, by(0, 1)], [REGISTER, by(0, 1)]),
  ];
  t.is(new Set(digests).size, digests.length);
});

// ---- What a stranger can do ---------------------------------------------------------------------

const MADE_UP = 2 ** 40;

function bytesInUse(): number {
  const { heapBytes, bufferBytes } = memoryAfterCollection();
  return heapBytes + bufferBytes;
}

test('ten thousand ids with request number 60,000 take less than 50 MiB', (t) => {
  const server = new Server();
  const before = bytesInUse();
  server.execute(10_000, (i) => [PUT, by(MADE_UP + i, 60_000, 1)]);
  const bytes = bytesInUse() - before;
  t.true(bytes < 50 * 2 ** 20, `${bytes} bytes`);
  t.is(server.kv.sessionCount, 10_000, 'and none of them expires');
});

test('any number of made-up ids with the highest numbers expires no registered session', (t) => {
  const server = new Server();
  const given = server.register();
  server.put(given, 1);
  server.execute(30_000, (i) => [PUT, by(MADE_UP + i, SESSION_WINDOW, 1)]);
  const { executed } = server.kv.counters;
  t.is(server.put(given, 1), 'ok');
  t.is(server.kv.counters.executed, executed, 'it is answered from its session');
});

test('each kind has half of the sessions for itself, and what the other leaves', (t) => {
  const server = new Server({ sessionsMax: 6 });
  const given = Array.from({ length: 6 }, () => {
    const clientId = server.register();
    server.put(clientId, 1);
    return clientId;
  });
  for (const clientId of [1, 2, 3, 4, 5]) server.put(clientId, 1);
  t.deepEqual(server.known(...given), given.slice(3), 'a half is left to those registered');
  t.deepEqual(server.known(1, 2, 3, 4, 5), [3, 4, 5]);
  for (let i = 0; i < 5; i++) server.register();
  t.deepEqual(server.known(1, 2, 3, 4, 5), [3, 4, 5], 'and a half to those chosen');
  t.is(server.kv.sessionCount, 6);
});

test('each kind has half of the bytes for itself', (t) => {
  const long = 'x'.repeat(1000);
  const each = SESSION_BYTES + ANSWER_BYTES + VALUE_BYTES + long.length;
  const server = new Server({ sessionBytesMax: 4 * each });
  server.answer(operation('put', 'k', long), by(0, 1));
  const get = (clientId: number): void => {
    server.answer(operation('get', 'k'), by(clientId, 1));
  };
  const given = [server.register(), server.register(), server.register()];
  given.forEach(get);
  for (let clientId = 1; clientId <= 20; clientId++) get(clientId);
  t.deepEqual(server.known(...given), given.slice(1));
  t.deepEqual(server.known(18, 19, 20), [19, 20]);
});

test('a lone session is kept where there is room for one, of whichever kind', (t) => {
  const server = new Server({ sessionsMax: 1 });
  const given = server.register();
  server.put(1, 1);
  t.deepEqual([server.kv.sessionCount, server.put(given, 1)], [1, 'sessionExpired']);
  server.register();
  t.deepEqual([server.kv.sessionCount, server.kv.executedOf(1)], [1, 0]);
});

test('sessions cost what they are charged, however they were filled', (t) => {
  const count = 20_000;
  const shapes: Record<string, (i: number) => Command> = {
    'of one answer': (i) => [PUT, by(MADE_UP + i, 1)],
    'of one answer far ahead': (i) => [PUT, by(MADE_UP + i, 60_000, 1)],
    'registered, without answers': () => [REGISTER, by(0, 1)],
    'one, with all its numbers': (i) => [PUT, by(1, 1 + i, 1)],
    'one, with every third number': (i) => [PUT, by(1, 1 + 3 * i, 1)],
    'one, with numbers far ahead': (i) => [PUT, by(1, 45_000 + i, 1)],
    'one, with most of it forgotten': (i) => [
      PUT,
      by(1, 1 + i, i === count - 1 ? 1 + (count * 7) / 8 : 1),
    ],
    'one, with short values': (i) => [operation('get', 'k'), by(1, 1 + i, 1)],
  };
  for (const [shape, commandOf] of Object.entries(shapes)) {
    const server = new Server({ sessionsMax: count, sessionBytesMax: 2 ** 40 });
    server.answer(operation('put', 'k', 'value'), by(0, 1));
    const before = bytesInUse();
    server.execute(count, commandOf);
    const used = bytesInUse() - before;
    const charged = server.kv.sessionBytes;
    t.true(used < charged * 1.1, `${shape}: ${used} bytes used, ${charged} charged`);
  }
});

test('no request takes time for numbers that are not kept, again and again', (t) => {
  const requests = 20_000;
  const timed = (stride: number, lowestPendingOf: (requestNumber: number) => number): bigint => {
    const server = new Server();
    // Grown once to the whole window.
    server.execute(SESSION_WINDOW, (i) => [PUT, by(1, 1 + i, 1)]);
    const begun = process.hrtime.bigint();
    server.execute(requests, (i) => {
      const requestNumber = SESSION_WINDOW + (i + 1) * stride;
      return [PUT, by(1, requestNumber, lowestPendingOf(requestNumber))];
    });
    return process.hrtime.bigint() - begun;
  };
  const inOrder = timed(1, (requestNumber) => requestNumber);
  const jumping = timed(SESSION_WINDOW - 1, (requestNumber) => requestNumber - SESSION_WINDOW + 1);
  t.true(jumping < 10n * inOrder, `${jumping} ns, and ${inOrder} ns in order`);
});

// ---- The answers of a session -------------------------------------------------------------------

const WORTH: readonly (Uint8Array | null)[] = [null, null, null, bytesOf(''), bytesOf('a value')];

/** Requests in runs, alone, near and far; and how far the client's mark moves before each. */
const steps = fc.array(
  fc.record({
    ahead: fc.oneof(
      { weight: 2, arbitrary: fc.nat({ max: 40 }) },
      { weight: 1, arbitrary: fc.nat({ max: SESSION_WINDOW - 1 }) },
    ),
    run: fc.oneof(fc.constant(1), fc.nat({ max: 200 })),
    moves: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      { weight: 2, arbitrary: fc.nat({ max: 300 }) },
      { weight: 1, arbitrary: fc.nat({ max: 2 * SESSION_WINDOW }) },
    ),
  }),
  { maxLength: 30 },
);

test('whatever is kept and forgotten, the answers are those of a plain map', (t) => {
  always(
    t,
    fc.property(steps, fc.integer({ min: 1, max: 2 ** 31 + 5 }), (taken, first) => {
      const answers = new Answers(first);
      const twin = new Map<number, Result>();
      let lowest = first;
      for (const { ahead, run, moves } of taken) {
        lowest += moves;
        answers.forgetBelow(lowest);
        answers.forgetBelow(first);
        for (const known of twin.keys()) if (known < lowest) twin.delete(known);
        const copy = answers.copy();
        const before = new Map(twin);
        for (let i = 0; i < run && ahead + i < SESSION_WINDOW; i++) {
          const requestNumber = lowest + ahead + i;
          if (answers.get(requestNumber) !== twin.get(requestNumber)) return false;
          if (twin.has(requestNumber)) continue;
          const value = WORTH[requestNumber % WORTH.length] ?? null;
          const answer: Result = { status: 'ok', value, index: requestNumber };
          answers.keep(requestNumber, answer);
          twin.set(requestNumber, answer);
        }
        let bytes = 0;
        for (const { value } of twin.values()) {
          bytes += ANSWER_BYTES + (value === null ? 0 : VALUE_BYTES + value.byteLength);
        }
        if (answers.lowestPending !== lowest || answers.bytes !== bytes) return false;
        if (answers.size !== twin.size) return false;
        if (!isDeepStrictEqual(new Map(answers.entries()), twin)) return false;
        if (!isDeepStrictEqual(new Map(copy.entries()), before)) return false;
      }
      return true;
    }),
    400,
  );
});

// ---- The replay, written apart ------------------------------------------------------------------

const text = fc.constantFrom('', 'a', 'b', 'a longer value', 'x'.repeat(200));
const command: fc.Arbitrary<Command> = fc
  .record({
    kind: fc.constantFrom(...COMMAND_KINDS),
    key: fc.constantFrom('', 'x', 'y'),
    value: fc.option(text),
    expected: fc.option(text),
    clientId: fc.oneof(
      fc.integer({ min: 0, max: 4 }),
      fc.integer({ min: 0, max: 3 }).map((i) => FIRST_REGISTERED_CLIENT + i),
    ),
    requestNumber: fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 1, max: 8 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 100 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: SESSION_WINDOW + 8 }) },
    ),
    behind: fc.oneof(fc.nat({ max: 40 }), fc.constant(SESSION_WINDOW)),
  })
  .map(({ kind, key, value, expected, clientId, requestNumber, behind }) => [
    {
      kind,
      key: bytesOf(key),
      value: value === null ? null : bytesOf(value),
      expected: expected === null ? null : bytesOf(expected),
    },
    by(clientId, requestNumber, Math.max(1, requestNumber - behind)),
  ]);

const bounds = fc.record({
  sessionsMax: fc.integer({ min: 1, max: 5 }),
  sessionBytesMax: fc.integer({ min: 1, max: 6000 }),
});

function latin1(all: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...all.subarray(start, end));
}

const configuration = { voters: ['n1'], outgoing: [], learners: [] };

test('the replay agrees on what takes effect and what is held, also where sessions expire', (t) => {
  const seen = { expired: 0, full: 0, repeated: 0 };
  always(
    t,
    fc.property(
      bounds,
      fc.array(fc.array(command, { maxLength: 6 }), { maxLength: 40, size: 'max' }),
      (bound, batches) => {
        const kv = new Kv(bound);
        const log: Entry[] = [];
        const counts = [0];
        batches.forEach((commands, i) => {
          const place = { index: i + 1, term: 1 };
          const results = new RecordWriter();
          if (commands.length === 0) log.push({ ...place, kind: 'configuration', configuration });
          else log.push({ ...place, kind: 'command', command: batchOf(commands) });
          kv.apply(i + 1, batchOf(commands), results);
          for (const { status } of resultsOf(results.take())) {
            if (status === 'sessionExpired') seen.expired++;
            if (status === 'tooManyPending') seen.full++;
          }
          counts.push(kv.counters.executed);
        });
        seen.repeated += kv.counters.repeated;
        const { countAt, model } = replayCommitted(log, latin1, bound);
        const held = [...kv.entries()].map(([k, v]) => [textOf(k), textOf(v)] as const);
        return (
          isDeepStrictEqual(countAt, counts) &&
          isDeepStrictEqual(new Map(held), new Map(model.state)) &&
          kv.sessionCount <= bound.sessionsMax
        );
      },
    ),
    1500,
  );
  t.true(Math.min(seen.expired, seen.full, seen.repeated) > 300, JSON.stringify(seen));
});

test('the replay tells of each client which requests took effect, given a session', (t) => {
  const commands: Command[] = [
    [PUT, by(0, 3)],
    [PUT, by(0, 3)],
    [PUT, by(1, 2)],
    [PUT, by(1, 2)],
    [REGISTER, by(0, 1)],
    [PUT, by(FIRST_REGISTERED_CLIENT, 5)],
    [PUT, by(FIRST_REGISTERED_CLIENT + 1, 5)],
  ];
  const entry: Entry = { index: 1, term: 1, kind: 'command', command: batchOf(commands) };
  const { executed, countAt, repeated } = replayCommitted([entry], latin1);
  t.deepEqual([...executed.keys()], [0, 1, FIRST_REGISTERED_CLIENT]);
  // Without a session nothing keeps a request from taking effect again.
  t.is(executed.get(0)?.[3], 1);
  t.is(repeated, 1);
  t.deepEqual([executed.get(1)?.[1], executed.get(1)?.[2]], [0, 1]);
  t.is(executed.get(FIRST_REGISTERED_CLIENT)?.[5], 1);
  t.deepEqual(countAt, [0, 5]);
});
