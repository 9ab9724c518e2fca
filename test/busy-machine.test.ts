/**
 * Shows that the script which runs a cluster beside other work does so: a leader is there, writes
 * are served, and the lead passes on when a leader is killed.
 *
 *     npx ava test/busy-machine.test.ts
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { leadsIn } from '../scripts/busy-machine.ts';

const run = promisify(execFile);

test('a row says what became of a cluster beside busy work', async (t) => {
  const words = ['--loops', '1', '--writers', '0', '--seconds', '1', '--failovers', '1'];
  const { stdout } = await run(process.execPath, ['scripts/busy-machine.ts', ...words]);
  t.regex(
    stdout,
    /first leader \d+ ms · \d+ changes of leader · \d+ acknowledged · .* · failovers \d+ ms\n$/,
  );
});

test('a mistake in its words is told in one line', async (t) => {
  const error = await t.throwsAsync(
    run(process.execPath, ['scripts/busy-machine.ts', '--loops', 'many']),
  );
  t.like(error, { code: 2 });
  t.regex(String(Object(error).stderr), /^--loops got 'many'.*\n$/);
});

test('leads are read from a log, the loss of a leader is none', (t) => {
  const line = (leader: string | null, term: number): string =>
    JSON.stringify({ time: '2026-01-01T00:00:00.100Z', leader, term, msg: 'the leader' });
  t.deepEqual(leadsIn(`${line('a', 1)}\n${line(null, 2)}\n{"msg":"ready"}\n`), [
    { atMs: Date.parse('2026-01-01T00:00:00.100Z'), term: 1, leader: 'a' },
  ]);
});
