/**
 * Shows that no report and no message names the folder that the project stands in.
 *
 *     npx ava test/stack-text.test.ts
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { stackText } from '../lab/stack-text.ts';

const ROOT = new URL('..', import.meta.url);

test('an error tells its files from the root of the project on', (t) => {
  const text = stackText(new Error('no way'));
  t.regex(text, /^Error: no way\n/);
  t.regex(text, /\(?test\/stack-text\.test\.ts:\d+:\d+/);
  t.false(text.includes(ROOT.pathname));
  t.is(stackText('no error'), 'no error');
});

test('committed results name no file by where it stood', (t) => {
  const results = join(ROOT.pathname, 'results');
  const files = readdirSync(results, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /\.(json|md|html|svg)$/.test(name) && statSync(join(results, name)).isFile(),
  );
  t.true(files.length > 0);
  const named = files.filter((name) => {
    const text = readFileSync(join(results, name), 'utf8');
    return text.includes('file://') || text.includes(ROOT.pathname);
  });
  t.deepEqual(named, []);
});
