/**
 * Shows that histories survive being written and read, that each mistake in a file is told in one
 * line with its place, what was expected and what came, and what `npm run check-history` says.
 *
 *     npx ava test/history-file.test.ts
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { describe } from '../lab/check-history.ts';
import type { HistoryOperation, Json } from '../lab/history.ts';
import { formatHistory, parseHistory } from '../lab/history-file.ts';
import { checkLinearizability } from '../lab/linearizability.ts';
import { OPERATION_KINDS } from '../src/command.ts';
import { UserError } from '../src/user-error.ts';
import { parseDrawing } from './support/history-text.ts';
import { always } from './support/property.ts';

// ---- Reading and writing ------------------------------------------------------------------------

const json = fc
  .jsonValue({ maxDepth: 2 })
  .filter((value) => !/\d{16}|e\+/.test(JSON.stringify(value)))
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll('-0', '0')) as Json);

const operations: fc.Arbitrary<HistoryOperation> = fc
  .record({
    client: fc.nat(),
    op: fc.constantFrom(...OPERATION_KINDS),
    key: fc.string(),
    value: json,
    expected: json,
    call: fc.maxSafeInteger(),
    length: fc.nat(),
    outcome: fc.constantFrom('ok', 'fail', 'unknown'),
    status: fc.constantFrom('ok', 'notFound', 'alreadyExists', 'mismatch'),
  })
  .map(({ client, op, key, value, expected, call, length, outcome, status }) => ({
    client,
    op,
    key,
    ...(op === 'get' || op === 'delete' ? {} : { value }),
    ...(op === 'cas' ? { expected } : {}),
    call: call - (call > 0 ? length : 0),
    return: outcome === 'unknown' ? null : call > 0 ? call : call + length,
    outcome: outcome as HistoryOperation['outcome'],
    ...(outcome === 'ok' ? { result: { status, value } as HistoryOperation['result'] & {} } : {}),
  }));

test('a history that is written and read is the same, in the order of its calls', (t) => {
  const property = fc.property(fc.array(operations), (history) => {
    const sorted = [...history].sort((a, b) => a.call - b.call);
    t.deepEqual(parseHistory(formatHistory(history), 'file'), sorted);
    return true;
  });
  always(t, property, 300);
});

test('a history is written one operation a line, its fields in one order', (t) => {
  const operation: HistoryOperation = {
    result: { value: { b: 1, a: null }, status: 'mismatch' },
    ...{ outcome: 'ok', return: 20, call: 10, expected: null, value: [1], key: 'x', op: 'cas' },
    client: 0,
  };
  const earlier = { client: 1, op: 'get', key: 'x', call: 5, return: null, outcome: 'unknown' };
  t.deepEqual(formatHistory([operation, earlier as HistoryOperation]).split('\n'), [
    '{"client":1,"op":"get","key":"x","call":5,"return":null,"outcome":"unknown"}',
    '{"client":0,"op":"cas","key":"x","value":[1],"expected":null,"call":10,"return":20,' +
      '"outcome":"ok","result":{"status":"mismatch","value":{"a":null,"b":1}}}',
    '',
  ]);
});

test('a mark at the beginning, carriage returns and empty lines are no matter', (t) => {
  const text = formatHistory(HISTORY);
  t.deepEqual(parseHistory(`\uFEFF${text.replaceAll('\n', '\r\n\r\n')}  \n`, 'file'), HISTORY);
});

const HISTORY = parseDrawing(`# a
# expected: illegal
C0: |--put x 1 -> ok--|
C1:                     |--get x -> null--|
`).history;

// ---- Mistakes -----------------------------------------------------------------------------------

const GET = {
  client: 0,
  op: 'get',
  key: 'x',
  call: 1,
  return: 2,
  outcome: 'ok',
  result: { value: 1 },
};
const PUT = { client: 0, op: 'put', key: 'x', value: 1, call: 1, return: 2, outcome: 'ok' };

const INEXACT = 'beyond 2^53, where numbers of JSON are no longer exact;';

const MISTAKES: readonly (readonly [line: string | object, message: string])[] = [
  ['[', 'the line is not JSON: Unexpected end of JSON input; expected one operation a line'],
  ['[1]', 'the line is [1]; expected a JSON object'],
  ['null', 'the line is null; expected a JSON object'],
  [
    { ...GET, clock: 1 },
    'the line has the field "clock"; known are client, op, key, value, expected, call, return, ' +
      'outcome, result',
  ],
  [{ ...GET, client: undefined }, 'client is missing; expected a whole number from 0 on'],
  [{ ...GET, client: -1 }, 'client is -1; expected a whole number from 0 on'],
  [{ ...GET, client: 'a' }, 'client is "a"; expected a whole number from 0 on'],
  [{ ...GET, client: 0.5 }, 'client is 0.5; expected a whole number from 0 on'],
  [{ ...GET, op: 'read' }, 'op is "read"; expected get, put, delete, create, update or cas'],
  [{ ...GET, op: undefined }, 'op is missing; expected get, put, delete, create, update or cas'],
  [{ ...GET, key: 1 }, 'key is 1; expected a string'],
  [{ ...GET, outcome: 'maybe' }, 'outcome is "maybe"; expected ok, fail or unknown'],
  [{ ...GET, call: undefined }, 'call is missing; expected a whole number of nanoseconds'],
  [{ ...GET, call: '1' }, 'call is "1"; expected a whole number of nanoseconds'],
  [{ ...GET, call: 1.5 }, 'call is 1.5; expected a whole number of nanoseconds'],
  [
    { ...GET, call: 2 ** 55 },
    `call is 36028797018963970, ${INEXACT} subtract the same offset from all times`,
  ],
  [
    { ...GET, return: 1e300 },
    `return is 1e+300, ${INEXACT} subtract the same offset from all times`,
  ],
  [
    { ...GET, return: undefined },
    'return is missing; expected a whole number of nanoseconds, or null',
  ],
  [{ ...GET, return: '2' }, 'return is "2"; expected a whole number of nanoseconds'],
  [{ ...GET, return: null }, 'return is null; an operation of outcome ok has returned'],
  [{ ...GET, return: 0 }, 'return is 0, before call, which is 1'],
  [{ ...PUT, value: undefined }, 'value is missing; put needs one, null for absent'],
  [{ ...PUT, op: 'cas' }, 'expected is missing; cas needs one, null for absent'],
  [{ ...PUT, expected: 1 }, 'expected is 1; put takes none'],
  [{ ...PUT, op: 'delete' }, 'value is 1; delete takes none'],
  [{ ...GET, value: 1 }, 'value is 1; get takes none; what it found is result.value'],
  [{ ...GET, outcome: 'unknown' }, 'result is {"value":1}; outcome unknown has none'],
  [{ ...GET, result: [] }, 'result is []; expected a JSON object'],
  [{ ...GET, result: { found: 1 } }, 'result has the field "found"; known are status, value'],
  [
    { ...GET, result: { status: 'gone' } },
    'result.status is "gone"; expected ok, notFound, alreadyExists or mismatch',
  ],
  [
    { ...GET, result: {} },
    'result is without status and value; a get that is ok has found something',
  ],
  [
    { ...GET, result: undefined },
    'result is without status and value; a get that is ok has found something',
  ],
  [
    { ...PUT, value: { id: [2 ** 53] } },
    `value holds 9007199254740992, ${INEXACT} write it as a string`,
  ],
  [
    { ...GET, result: { value: -(2 ** 53) } },
    `result.value holds -9007199254740992, ${INEXACT} write it as a string`,
  ],
  [
    { ...GET, op: 'x'.repeat(100) },
    `op is "${'x'.repeat(58)}…; expected get, put, delete, create, update or cas`,
  ],
];

for (const [i, [line, message]] of MISTAKES.entries()) {
  test(`mistake ${i + 1}: ${message}`, (t) => {
    const wrong = typeof line === 'string' ? line : JSON.stringify(line);
    const text = `${JSON.stringify(GET)}\n\n${wrong}\n`;
    const error = t.throws(() => parseHistory(text, 'history.ndjson'), { instanceOf: UserError });
    t.is(error?.message, `history.ndjson:3: ${message}`);
  });
}

test('a value nested deeper than a call stack is read, or told as a mistake', (t) => {
  const deep = '['.repeat(50_000) + ']'.repeat(50_000);
  const line = JSON.stringify({ ...PUT, value: 'deep' }).replace('"deep"', deep);
  const history = parseHistory(line, 'file');
  t.is(checkLinearizability(history).verdict, 'ok');
  t.is(formatHistory(history).length, line.length + 1);
  t.throws(() => parseHistory(line.replace('"put"', deep), 'file'), {
    message: /^file:1: op is \[/,
  });
});

// ---- The command --------------------------------------------------------------------------------

type Ended = { status: number; stdout: string; stderr: string };

const command = join(import.meta.dirname, '..', 'lab', 'check-history.ts');

function run(words: readonly string[], input = ''): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [command, ...words], (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

function fileOf(t: ExecutionContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'check-history-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'history.ndjson');
  writeFileSync(file, text);
  return file;
}

test('a linearizable history: one line, status 0', async (t) => {
  const file = fileOf(t, formatHistory(HISTORY.slice(0, 1)));
  t.deepEqual(await run([file]), {
    status: 0,
    stdout: `${file}: 1 operation, 1 key, 1 client: linearizable\n`,
    stderr: '',
  });
});

test('a history that is not: what was placed and what cannot be, status 1', async (t) => {
  const ended = await run(['-'], formatHistory(HISTORY));
  t.is(ended.status, 1);
  t.is(ended.stderr, '');
  t.is(
    ended.stdout,
    `standard input: 2 operations, 1 key, 2 clients: not linearizable

Key "x", 2 operations, of which
1 can be put in an order:

  C0  put 1 -> ok     |--------------------------|

Now the key holds 1.
One of these must come next, and none can:

  C1  get -> notFound                               |--------------------------|

They run from 20 ns to 38 ns after the first call.
`,
  );
});

test('a search over its budget: what that means, and how to go on, status 1', async (t) => {
  const puts = [1, 2, 3].map((value, client) => ({ ...PUT, client, value }));
  const text = [...puts, { ...GET, call: 3, return: 4 }].map((each) => JSON.stringify(each));
  const ended = await run(['-', '--steps', '1'], text.join('\n'));
  t.is(ended.status, 1);
  t.regex(ended.stdout, /: not known\n/);
  t.regex(ended.stdout, /given up after\n1 steps: no order was found, nor is there proof/);
  t.regex(ended.stdout, /--steps 10\n/);
});

test('--json prints the result, --html draws it', async (t) => {
  const file = fileOf(t, formatHistory(HISTORY));
  const html = join(file, '..', 'history.html');
  const ended = await run([file, '--json', '--html', html]);
  t.is(ended.status, 1);
  t.deepEqual(JSON.parse(ended.stdout), JSON.parse(JSON.stringify(checkLinearizability(HISTORY))));
  t.true(existsSync(html));
  t.regex(readFileSync(html, 'utf8'), /<svg/);
});

for (const [words, input, expected] of [
  [['absent.ndjson'], '', /^absent\.ndjson cannot be read: ENOENT/],
  [[], '', /missing required argument 'file'; see --help/],
  [['a', 'b'], '', /too many arguments/],
  [['-', '--step', '3'], '', /unknown option '--step' \(Did you mean --steps\?\); see --help/],
  [['-', '--steps', 'many'], '', /^--steps got 'many'; allowed: a whole number from 1 to/],
  [['-', '--steps', '0'], '', /^--steps got '0'/],
  [['-'], '', /^standard input holds no operations$/],
  [['-'], '{}', /^standard input:1: op is missing; expected get/],
  [['-', '--html', '/proc/x'], formatHistory(HISTORY), /^--html \/proc\/x cannot be written/],
] as const) {
  test(`mistake: check-history ${words.join(' ')}: ${expected.source}`, async (t) => {
    const ended = await run(words, input);
    t.is(ended.status, 2);
    t.is(ended.stdout, '');
    t.regex(ended.stderr, /^[^\n]+\n$/, 'one line');
    t.regex(ended.stderr.trim(), expected);
  });
}

test('--help has the statuses', async (t) => {
  const ended = await run(['--help']);
  t.is(ended.status, 0);
  t.regex(ended.stdout, /Usage: npm run check-history -- \[options\] <file>/);
  t.regex(ended.stdout, /Exit status: 0 linearizable, 1 not or not known, 2 for a mistake\./);
});

test('the drawing fits a narrow terminal, whatever the values', (t) => {
  const long = 'v'.repeat(500);
  const history = [
    ...Array.from({ length: 30 }, (_, i): HistoryOperation => {
      const value = `${long}${i}`;
      const times = { call: i * 10, return: i * 10 + 15 };
      return { client: i, op: 'put', key: long, value, ...times, outcome: 'ok' };
    }),
    ...Array.from({ length: 30 }, (_, i): HistoryOperation => {
      const times = { call: 500 + i, return: 600 };
      const result = { status: 'mismatch', value: long } as const;
      const cas = { op: 'cas', key: long, value: 1, expected: null } as const;
      return { client: i, ...cas, ...times, outcome: 'ok', result };
    }),
  ];
  const result = checkLinearizability(history);
  const lines = describe('h', history, result, 1, 80).split('\n');
  t.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
  t.true(lines.includes('30 can be put in an order; the last 8 of them:'));
  t.true(lines.includes('… and 18 more'));
});
