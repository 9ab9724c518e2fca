/**
 * Shows that a recorded history says what a caller's operations were and how they ended: copied
 * when called, one record each, bytes that are no text included.
 *
 *     npx ava test/recording.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import type { Caller, Outcome } from '../lab/cluster.ts';
import type { HistoryOperation } from '../lab/history.ts';
import { formatHistory, parseHistory } from '../lab/history-file.ts';
import { checkLinearizability } from '../lab/linearizability.ts';
import { recordingCaller } from '../lab/recording.ts';
import { startWorkload } from '../lab/workload.ts';
import { type Operation, RecordWriter, type Status } from '../src/command.ts';
import { Kv } from '../src/kv.ts';
import { always } from './support/property.ts';
import { batchOf, by, bytesOf, operation, resultsOf } from './support/records.ts';

/** A caller whose clock and answers the test moves. */
function rig() {
  let nowUs = 0;
  const waiting: { operation: Operation; done: (outcome: Outcome, number: number) => void }[] = [];
  const ended: HistoryOperation[] = [];
  const caller: Caller = {
    nowUs: () => nowUs,
    at: (_, then) => then(),
    call: (_, operation, done) => waiting.push({ operation, done }),
  };
  const recording = recordingCaller(caller, (operation) => ended.push(operation));
  return {
    recording,
    ended,
    call: (client: number, asked: Operation, heard: (outcome: Outcome) => void = () => {}) => {
      nowUs++;
      recording.call(client, asked, heard);
    },
    answer: (outcome: Outcome) => {
      nowUs++;
      waiting.shift()?.done(outcome, 1);
    },
  };
}

function ok(status: Status, value: string | null = null): Outcome {
  return {
    kind: 'ok',
    result: { status, value: value === null ? null : bytesOf(value), index: 0 },
  };
}

test('an operation is recorded when it has ended, in nanoseconds', (t) => {
  const { call, answer, ended } = rig();
  call(3, operation('put', 'x', '1'));
  t.deepEqual(ended, []);
  answer(ok('ok'));
  t.deepEqual(ended, [
    {
      ...{ client: 3, op: 'put', key: 'x', value: '1', call: 1000, return: 2000 },
      ...{ outcome: 'ok', result: { status: 'ok' } },
    },
  ]);
});

test('what was found is recorded, absent as null', (t) => {
  const { call, answer, ended } = rig();
  for (const [kind, outcome] of [
    ['get', ok('ok', '1')],
    ['get', ok('notFound')],
    ['delete', ok('notFound')],
    ['cas', ok('mismatch')],
    ['create', ok('alreadyExists', '2')],
    ['update', ok('ok', '3')],
    ['cas', ok('ok')],
  ] as const) {
    call(0, operation(kind, 'x'));
    answer(outcome);
  }
  t.deepEqual(
    ended.map(({ result }) => result),
    [
      { status: 'ok', value: '1' },
      { status: 'notFound', value: null },
      { status: 'notFound', value: null },
      { status: 'mismatch', value: null },
      { status: 'alreadyExists', value: '2' },
      { status: 'ok', value: '3' },
      { status: 'ok' },
    ],
  );
  t.deepEqual(
    ended.map((each) => ['value' in each, 'expected' in each]),
    [
      ...[
        [false, false],
        [false, false],
        [false, false],
        [true, true],
        [true, false],
      ],
      ...[
        [true, false],
        [true, true],
      ],
    ],
  );
});

test('an answer that does not tell whether it was executed is of unknown outcome', (t) => {
  const { call, answer, ended } = rig();
  const outcomes: Outcome[] = [ok('stale'), { kind: 'unknown' }, { kind: 'fail' }];
  for (const outcome of outcomes) {
    call(0, operation('put', 'x', '1'));
    answer(outcome);
  }
  t.deepEqual(
    ended.map(({ outcome, result }) => [outcome, result]),
    [
      ['unknown', undefined],
      ['unknown', undefined],
      ['fail', undefined],
    ],
  );
});

test('what is open when it is flushed is unknown, and its answer still arrives', (t) => {
  const { call, answer, ended, recording } = rig();
  const heard: Outcome[] = [];
  call(0, operation('put', 'x', '1'), (outcome) => heard.push(outcome));
  recording.flush();
  answer(ok('ok'));
  recording.flush();
  t.is(ended.length, 1);
  t.like(ended[0], { call: 1000, return: null, outcome: 'unknown' });
  t.is(heard.length, 1);
});

test('an operation is copied when it is called', (t) => {
  const { call, answer, ended } = rig();
  const asked = operation('cas', 'x', '1', '2');
  call(0, asked);
  for (const bytes of [asked.key, asked.value, asked.expected]) bytes?.fill(0x7a);
  answer(ok('ok'));
  t.like(ended[0], { key: 'x', value: '1', expected: '2' });
});

test('no two values are recorded as the same text, and all survive a file', (t) => {
  const recorded = (value: Uint8Array): HistoryOperation => {
    const { call, answer, ended } = rig();
    call(0, { ...operation('put', 'x'), value });
    answer(ok('ok'));
    return ended[0] as HistoryOperation;
  };
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.string({ unit: 'grapheme' }).map(bytesOf),
    fc
      .constantFrom([0xef, 0xbb, 0xbf], [0x80], [0xc2, 0x80], [0xed, 0xb2, 0x80])
      .map((codes) => Uint8Array.from(codes)),
  );
  const property = fc.property(bytes, bytes, (a, b) => {
    const [one, other] = [recorded(a), recorded(b)];
    const equal = a.length === b.length && a.every((byte, i) => byte === b[i]);
    const [read] = parseHistory(formatHistory([one]), 'file');
    return (one.value === other.value) === equal && read?.value === one.value;
  });
  always(t, property, 2000);
});

test('the history of a workload on one store is linearizable', (t) => {
  const kv = new Kv();
  let nowUs = 0;
  let calls = 0;
  const open: (() => void)[] = [];
  const caller: Caller = {
    nowUs: () => nowUs++,
    at: () => {},
    call: (_, asked, done) => {
      const number = ++calls;
      open.push(() => {
        const results = new RecordWriter();
        kv.apply(number, batchOf([[asked, by(0, number)]]), results);
        const [{ status, value, index } = { status: 'stale', value: null, index: 0 } as const] =
          resultsOf(results.take());
        done({ kind: 'ok', result: { status, value, index } }, number);
      });
    },
  };
  const history: HistoryOperation[] = [];
  const recording = recordingCaller(caller, (each) => history.push(each));
  const workload = {
    ...{ clients: 3, outstanding: 2, rate: null, readRatio: 0.5 },
    ...{ valueBytes: 16, keys: 2, zipf: 0 },
  };
  const stop = startWorkload(workload, 1, recording, () => {});
  for (let i = 0; i < 2000; i++) open.splice((i * 7) % open.length, 1)[0]?.();
  stop();
  recording.flush();
  t.is(history.length, 2006);
  t.is(history.filter(({ outcome }) => outcome === 'unknown').length, 6);
  t.true(new Set(history.map(({ op }) => op)).size === 2);
  const values = history.flatMap(({ value }) => (value === undefined ? [] : [value]));
  t.is(new Set(values).size, values.length, 'the values of a workload stay apart');
  t.is(checkLinearizability(history).verdict, 'ok');
});
