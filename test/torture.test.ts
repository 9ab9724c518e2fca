/**
 * Shows that the torture kills processes, that what clients saw is judged, and that what is lost,
 * not linearizable or late makes the command fail with the words that repeat it.
 *
 *     npx ava test/torture.test.ts
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { commandText, DEFAULT, parseArguments } from '../lab/torture/arguments.ts';
import { complaintsOf, documentOf, type TortureDocument } from '../lab/torture/document.ts';
import { findingsOf } from '../lab/torture/findings.ts';
import { main } from '../lab/torture/main.ts';
import type { Kill, PartResult } from '../lab/torture/run.ts';
import { UserError } from '../src/user-error.ts';

// ---- The command --------------------------------------------------------------------------------

type Ended = { readonly status: number; readonly stdout: string; readonly stderr: string };

async function command(directory: string, words: readonly string[]): Promise<Ended> {
  const told = { stdout: '', stderr: '' };
  const output = (name: keyof typeof told): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        told[name] += chunk.toString();
        done();
      },
    });
  const machine = { platform: 'p', arch: 'a', cpu: 'c', cores: 2, memoryGiB: 4 };
  const status = await main(words, {
    stdout: output('stdout'),
    stderr: output('stderr'),
    resultsDirectory: directory,
    surroundings: () => ({ commit: null, nodeVersion: 'v24', machine }),
    interruption: () => ({ signal: new AbortController().signal, release: () => {} }),
  });
  return { status, ...told };
}

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'torture-test-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

test.serial('two kills, and one of all servers: nothing is lost', async (t) => {
  const directory = temporary(t);
  const words = ['--seconds', '2', '--all-at-once', '1', '--clients', '4', '--json'];
  const { status, stdout, stderr } = await command(directory, words);
  t.is(status, 0, stderr);
  const document: TortureDocument = JSON.parse(stdout);
  t.deepEqual(
    document.rows.map(({ part, kills }) => [part, ...kills.map(({ killed }) => killed)]),
    [
      ['one', 1, 1],
      ['all', 3],
    ],
  );
  for (const { verdict, startUpMs } of document.rows) {
    t.is(verdict.linearizable, 'ok');
    t.deepEqual(verdict.lost, []);
    t.true(verdict.acknowledged > 0);
    t.true((startUpMs.median ?? 0) > 0);
  }
  const all = document.rows[1]?.kills[0];
  t.true((all?.majorityAfterMs ?? 0) > 0, 'without servers there is no majority');
  t.true((all?.servedAfterMs ?? 0) >= (all?.majorityAfterMs ?? 0) - 50);
  const out = join(directory, 'torture-custom');
  t.deepEqual(JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')), document);
  t.regex(readFileSync(join(out, 'report.md'), 'utf8'), /none of \d+ acknowledged writes was lost/);
});

test('mistakes are told in one line', (t) => {
  const told = (...words: string[]): string =>
    t.throws(() => parseArguments(words, 80), { instanceOf: UserError })?.message ?? '';
  t.is(told('--clients', '0'), "--clients got '0'; allowed: a whole number from 1 to 256");
  t.regex(told('--seconds', '0', '--all-at-once', '0'), /^--all-at-once got '0'; allowed: more/);
  t.regex(told('--seed', '1', '--seed', '2'), /^--seed got '1' and again '2'/);
  t.regex(told('--kills', '3'), /unknown option '--kills'/);
});

test('the command that repeats a run says what differs from the default, and the seed', (t) => {
  const plan = { ...DEFAULT, seconds: 5, seed: 7 };
  t.is(commandText(plan), 'npm run torture -- --seconds 5 --seed 7');
  const request = parseArguments(commandText(plan).split(' ').slice(4), 80);
  t.deepEqual(request.kind === 'run' && request.plan, plan);
});

// ---- What makes it fail -------------------------------------------------------------------------

const SAFE = {
  operations: 100,
  acknowledged: 50,
  failed: 0,
  unknown: 1,
  lost: [],
  linearizable: 'ok',
};

function kill(over: Partial<Kill>): Kill {
  return {
    atMs: 1000,
    killed: 1,
    hitLeader: true,
    majorityAfterMs: 0,
    servedAfterMs: 300,
    overtaken: false,
    ...over,
  };
}

function documentWith(over: Partial<PartResult>): TortureDocument {
  const part = { part: 'one', kills: [], startUpsMs: [500], verdict: SAFE, history: [] } as const;
  return documentOf({ ...DEFAULT, seed: 7 }, [{ ...part, ...over }]);
}

function complaints(over: Partial<PartResult>): string[] {
  return complaintsOf(documentWith(over));
}

test('a lost write, an illegal history and a cluster that stays away fail it', (t) => {
  t.deepEqual(complaints({}), []);
  t.regex(findingsOf(documentWith({}), []).verdict, /none of 50 acknowledged writes was lost/);
  t.deepEqual(complaints({ verdict: { ...SAFE, lost: ['ledger/1.1'] } }), [
    'one killed each second: 1 acknowledged writes are lost, first "ledger/1.1"; ' +
      'again: npm run torture -- --seed 7',
  ]);
  t.is(complaints({ verdict: { ...SAFE, linearizable: 'not linearizable on key "a"' } }).length, 1);
  t.is(complaints({ kills: [kill({ servedAfterMs: null })] }).length, 1);
});

test('time counts from when a majority is up, and not where another kill came first', (t) => {
  const five = (over: Partial<Kill>): Kill[] => Array.from({ length: 5 }, () => kill(over));
  t.deepEqual(complaints({ kills: five({ servedAfterMs: 590 }) }), []);
  t.is(complaints({ kills: five({ servedAfterMs: 610 }) }).length, 1);
  t.deepEqual(complaints({ kills: five({ servedAfterMs: 1600, majorityAfterMs: 1010 }) }), []);
  const slow = kill({ servedAfterMs: 1510 });
  t.is(complaints({ kills: [...five({}), slow] }).length, 1);
  t.deepEqual(complaints({ kills: [...five({}), { ...slow, overtaken: true }] }), []);
  t.deepEqual(complaints({ kills: [slow] }), [], 'one is no sample');
});

test('the kill of a follower is no interruption', (t) => {
  const followers = Array.from({ length: 5 }, () => kill({ hitLeader: false, servedAfterMs: 900 }));
  t.deepEqual(complaints({ kills: followers }), []);
});
