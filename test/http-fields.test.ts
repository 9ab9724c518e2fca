/**
 * Shows that the text that is stored of a body's field is the canonical text of what JSON.parse
 * makes of it, and that what JSON.parse does not take is refused.
 *
 *     npx ava test/http-fields.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import { canonicalText, type Json } from '../src/canonical-json.ts';
import { canonicalFields, NotJson } from '../src/http/canonical-fields.ts';
import { always } from './support/property.ts';

const ENDLESS = Number.MAX_SAFE_INTEGER;

function fieldText(body: string, lengthMax = ENDLESS): string | null | undefined {
  const fields = canonicalFields(body, ['value'], lengthMax);
  return typeof fields === 'string' ? undefined : fields.get('value')?.text;
}

function canonicalOf(body: string): string {
  return canonicalText((JSON.parse(body) as { value: Json }).value);
}

test('a field is written as the canonical text of what it is', (t) => {
  const layout = fc.constantFrom('', ' ', '\t', '\r\n  ');
  always(
    t,
    fc.property(fc.jsonValue({ maxDepth: 5 }), layout, (value, indent) => {
      const body = JSON.stringify({ value, other: value }, null, indent);
      return fieldText(body) === canonicalOf(body);
    }),
    500,
  );
});

const SAME = [
  '-0',
  '-0.0e3',
  '1e2',
  '1E+2',
  '0.10',
  '12345678901234567890',
  '1e-400',
  '"\\u0041\\/\\n\\ud83d\\ude00"',
  '"\\ud800"',
  '"\u007f\u2028"',
  '{"b":1,"a":2,"b":3}',
  '{"10":1,"9":2,"":3}',
  '{"__proto__":1,"constructor":{"__proto__":[]}}',
  '{"a":{"b":{}},"a":[[],{}]}',
  ' [ 1 , [ ] , { } , "" ] ',
];

test('numbers, escapes and repeated keys are taken as JSON.parse takes them', (t) => {
  for (const value of SAME) {
    const body = `{"value":0,"value":${value}}`;
    t.is(fieldText(body), canonicalOf(body), value);
  }
});

test('what JSON.parse takes is taken, and nothing else', (t) => {
  const pieces = ['{', '}', '[', ']', ',', ':', '"', '\\', 'true', 'nul', '1', '-', '.', 'e', '0'];
  const texts = fc.oneof(
    fc.array(fc.constantFrom(...pieces, ' ', '\u0000', '\ufeff'), { maxLength: 8 }),
    fc.array(fc.constantFrom(...'0123456789.-+eE'), { maxLength: 6 }),
  );
  always(
    t,
    fc.property(texts, (parts) => {
      const body = `{"value":${parts.join('')}}`;
      return isTaken(() => fieldText(body)) === isTaken(() => JSON.parse(body));
    }),
    3000,
  );
});

function isTaken(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof NotJson || error instanceof SyntaxError) return false;
    throw error;
  }
}

test('JSON that is no object is told by its type', (t) => {
  for (const [body, type] of [
    ['[{"value":1}]', 'an array'],
    [' "value"', 'a string'],
    ['1', 'a number'],
    ['false', 'a boolean'],
    ['null', 'a null'],
  ] as const) {
    t.is(canonicalFields(body, ['value'], ENDLESS), type);
  }
});

test('a number that no double can hold is told, wherever it stands', (t) => {
  for (const value of ['1e999', '[1,[-1e999]]', '{"a":{"b":1e400}}']) {
    const body = `{"other":${value},"value":${value},"last":1}`;
    const fields = canonicalFields(body, ['value', 'last'], ENDLESS);
    t.true(typeof fields !== 'string' && fields.get('value')?.isUnheld, value);
    t.true(typeof fields !== 'string' && fields.get('last')?.isUnheld === false, value);
  }
});

test('of a field that is too long nothing is kept, and the others are', (t) => {
  const long = [
    JSON.stringify('x'.repeat(99)),
    JSON.stringify(new Array(60).fill(1)),
    JSON.stringify({ ['k'.repeat(98)]: 1 }),
    `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`,
    `${'{"":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
  ];
  for (const value of long) {
    const fields = canonicalFields(`{"key":"a","value":${value},"b":[2]}`, ['value', 'b'], 100);
    if (typeof fields === 'string') throw new Error(fields);
    t.is(fields.get('value')?.text, null);
    t.is(fields.get('b')?.text, '[2]');
    t.false(fields.has('key'));
  }
  t.is(fieldText(`{"value":${JSON.stringify('x'.repeat(98))}}`, 100)?.length, 100);
});

test('a value that is nested without end is written', (t) => {
  const depth = 500_000;
  const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`;
  t.true(fieldText(`{"value":${nested}}`) === nested);
});
