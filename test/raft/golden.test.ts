/**
 * Shows the core at work, in scripts a person can read: each `*.txt` beside this file is played,
 * and what comes out must be what stands in it.
 *
 *     npx ava test/raft/golden.test.ts
 *     npm run golden    accepts what comes out now; read the diff
 */
import test from 'ava';
import { play, readScript, scriptNames } from './golden.ts';

const names = scriptNames();

test('there are scripts', (t) => {
  t.true(names.length >= 60);
});

for (const name of names) {
  test(name, (t) => {
    const script = readScript(name);
    t.regex(script, /^# .+\n(#.*\n)+/, 'a script opens with what it shows');
    t.is(play(name, script), script, 'to accept the new transcript: npm run golden');
  });
}
