/**
 * Shows that the limit for values counts the bytes of what would be stored, whatever the value, and
 * stops counting soon where there is no end.
 *
 *     npx ava test/http-encoded-bytes.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import { canonicalText, type Json } from '../src/canonical-json.ts';
import { encodedBytes } from '../src/http/encoded-bytes.ts';
import { always } from './support/property.ts';

test('the count is that of the canonical text', (t) => {
  always(
    t,
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const bytes = Buffer.byteLength(canonicalText(value as Json));
      return encodedBytes(value as Json, Number.MAX_SAFE_INTEGER) === bytes;
    }),
    500,
  );
});

test('numbers beyond all doubles have no count, wherever they stand', (t) => {
  for (const text of ['1e999', '[1,[-1e999]]', '{"a":{"b":1e400}}']) {
    t.is(encodedBytes(JSON.parse(text), 100), Number.NaN, text);
  }
});

test('what is too large is only known to be', (t) => {
  t.true(encodedBytes('x'.repeat(99), 100) > 100);
  t.is(encodedBytes('x'.repeat(98), 100), 100);
  const depth = 1_000_000;
  const nested: Json = JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
  const bytes = encodedBytes(nested, 100);
  t.true(bytes > 100 && bytes < 200);
});
