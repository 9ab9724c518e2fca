/**
 * Shows that a study is run as its words say: cells, trials, seeds, files, messages, exit status;
 * and that the same seed leaves the same bytes.
 *
 *     npx ava test/study.test.ts
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { parseArguments } from '../lab/study/arguments.ts';
import { seedOf } from '../lab/study/cells.ts';
import { type KeptStudy, studyCommand } from '../lab/study/command.ts';
import { PAPERS } from '../lab/study/papers.ts';
import type { AnyStudy } from '../lab/study/study.ts';
import { catalogueOf } from '../lab/sweep/catalogue.ts';
import type { OwnContext } from '../lab/sweep/own-commands.ts';
import { UserError } from '../src/user-error.ts';
import dice from './support/dice/study.ts';

const EXPERIMENTS = new URL('../experiments', import.meta.url).pathname;
const FILE = new URL('./support/dice/trial.ts', import.meta.url).pathname;
const DICE: KeptStudy = { name: 'dice', study: dice as AnyStudy, file: FILE };

function directoryOf(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'study-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

function sink(columns = 80) {
  let text = '';
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      text += String(chunk);
      done();
    },
  });
  return { stream: Object.assign(stream, { columns }), text: () => text };
}

async function run(words: string, resultsDirectory: string, signal?: AbortSignal) {
  const [stdout, stderr] = [sink(), sink()];
  const context: OwnContext = {
    stdout: stdout.stream,
    stderr: stderr.stream,
    resultsDirectory,
    surroundings: () => ({
      commit: 'abc',
      nodeVersion: 'v24',
      machine: { platform: 'linux', arch: 'x64', cpu: 'a cpu', cores: 2, memoryGiB: 4 },
    }),
    interruption: () => ({ signal: signal ?? new AbortController().signal, release: () => {} }),
  };
  const given = words === '' ? [] : words.split(' ');
  const status = await studyCommand(DICE, given, context);
  return { status, stdout: stdout.text(), stderr: stderr.text() };
}

function filesIn(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names
      .filter((entry) => entry.isFile() && entry.name !== 'manifest.json')
      .map(({ name, parentPath }) => [name, readFileSync(join(parentPath, name), 'utf8')]),
  );
}

test('the study as it is written goes to its results, the same bytes each time', async (t) => {
  const directory = directoryOf(t);
  const { status, stdout } = await run('', directory);
  t.is(status, 0);
  t.regex(stdout, /Dice of 4 kinds were thrown\.\nreport: .*dice\/report\.html/);
  const files = filesIn(join(directory, 'dice'));
  t.deepEqual(Object.keys(files).sort(), ['die.txt', 'report.html', 'report.md', 'results.json']);
  const { rows } = JSON.parse(files['results.json'] ?? '');
  t.deepEqual(Object.keys(rows[0]), ['factors', 'trials', 'metrics', 'audit']);
  t.deepEqual(rows[0].factors, { sides: 6, colour: 'red' });
  t.is(rows[0].trials, 50);
  t.regex(
    files['report.md'] ?? '',
    /^# What do dice show\?\n[\s\S]*\| 🟩 \[6\]\(faces\/die\.txt\) \|/,
  );
  t.regex(files['report.md'] ?? '', /npm run experiment -- dice\n/);
  t.regex(files['report.html'] ?? '', /<td class="good"><a href="faces\/die\.txt">6<\/a><\/td>/);
  await run('', directory);
  t.deepEqual(filesIn(join(directory, 'dice')), files);
});

test('flags choose cells, trials and seed, and leave the committed results alone', async (t) => {
  const directory = directoryOf(t);
  const { status, stdout, stderr } = await run('--sides 4,8 --trials 3 --seed 9 --json', directory);
  t.is(status, 0);
  const { rows, seed } = JSON.parse(stdout);
  t.is(seed, 9);
  t.deepEqual(
    rows.map(({ factors, trials }: { factors: object; trials: number }) => ({
      ...factors,
      trials,
    })),
    [
      { sides: 4, colour: 'red', trials: 3 },
      { sides: 4, colour: 'blue', trials: 3 },
      { sides: 8, colour: 'red', trials: 3 },
      { sides: 8, colour: 'blue', trials: 3 },
    ],
  );
  t.regex(stderr, /sides +colour +trials +mean/);
  t.false(existsSync(join(directory, 'dice')));
  t.true(existsSync(join(directory, 'dice-custom', 'report.html')));
});

test('where results go leaves no trace in them', async (t) => {
  const directory = directoryOf(t);
  const [here, there] = [join(directory, 'here'), join(directory, 'there')];
  await run(`--sides 4 --out ${here}`, directory);
  await run(`--sides 4 --json --out=${there}`, directory);
  t.deepEqual(filesIn(there), filesIn(here));
  t.regex(filesIn(here)['report.md'] ?? '', /npm run experiment -- dice --sides 4\n/);
});

test('cells that differ in what is paired meet the same chance, others do not', (t) => {
  const seed = (sides: number, colour: string, trial = 0): number =>
    seedOf('dice', DICE.study, { sides, colour }, 1, trial);
  t.is(seed(6, 'red'), seed(6, 'blue'));
  t.not(seed(6, 'red'), seed(8, 'red'));
  t.not(seed(6, 'red'), seed(6, 'red', 1));
});

test('combinations that make no sense are left out, and a cell may want fewer trials', (t) => {
  const request = parseArguments(['--sides', '1,2', '--trials', '7'], 'dice', DICE.study, 80);
  t.deepEqual(request.kind === 'run' ? request.plan.cells : [], [
    { cell: { sides: 1, colour: 'red' }, trials: 1 },
    { cell: { sides: 2, colour: 'red' }, trials: 7 },
    { cell: { sides: 2, colour: 'blue' }, trials: 7 },
  ]);
});

test('a failed trial is told with the command that runs it again, and fails the run', async (t) => {
  const directory = directoryOf(t);
  const { status, stderr } = await run('--sides 13 --colour red --trials 2', directory);
  t.is(status, 1);
  t.regex(stderr, /sides 13, colour red, trial 1: a red die of 13 sides rolled away/);
  const again = 'dice --sides 13 --colour red --seed 1 --trial 1';
  t.true(stderr.includes(`again: npm run experiment -- ${again}`), stderr);
  const rerun = await run(again.replace('dice ', ''), directory);
  t.regex(rerun.stderr, /cells 1, trials 1,/);
  t.is(rerun.status, 1);
  t.regex(readFileSync(join(directory, 'dice-custom', 'report.md'), 'utf8'), /FAILED/);
});

test('mistakes are told in one line, and nothing is run', async (t) => {
  const directory = directoryOf(t);
  const mistakes = {
    '--sides 21': /--sides got '21'; allowed: a whole number from 1 to 20, or a comma list/,
    '--colour green': /--colour got 'green'; allowed: red, blue/,
    '--trials 3 --trial 3': /--trial got '3'; allowed: a number from 0 to 2/,
    '--trials 0': /--trials got '0'; allowed: a whole number from 1/,
    '--sides 1 --colour blue': /leave no combination/,
    '--sides 6 --sides 8': /allowed: once/,
    '--nodes 3': /unknown option/,
    more: /too many arguments/,
  };
  for (const [words, message] of Object.entries(mistakes)) {
    await t.throwsAsync(() => run(words, directory), { instanceOf: UserError, message }, words);
  }
  t.deepEqual(readdirSync(directory), []);
});

test('--help names the flags, their ranges and defaults', async (t) => {
  const { status, stdout } = await run('--help', directoryOf(t));
  t.is(status, 0);
  t.regex(
    stdout,
    /--sides <list> +sides of a die; a whole number from 1 to 20\s+\(default\s+6,20\)/,
  );
  t.regex(stdout, /Exit status: 0 /);
  const narrow = parseArguments(['--help'], 'dice', DICE.study, 60);
  const flags = narrow.kind === 'help' ? (narrow.text.split('Examples:')[0] ?? '') : '';
  t.deepEqual(
    flags.split('\n').filter((line) => line.length > 60),
    [],
  );
});

test('who interrupts a study finds nothing half written', async (t) => {
  const directory = directoryOf(t);
  const { status, stderr } = await run('', directory, AbortSignal.abort());
  t.is(status, 130);
  t.regex(stderr, /stopped: nothing was written/);
  t.deepEqual(filesIn(directory), {});
});

test('the papers are all the studies there are, each with a question of its own', async (t) => {
  const { loadStudy, studies } = catalogueOf(EXPERIMENTS);
  t.deepEqual([...PAPERS].sort(), [...studies]);
  const kept = await Promise.all(studies.map(loadStudy));
  t.is(new Set(kept.map(({ study }) => study.question)).size, studies.length);
  for (const { name, study } of kept) {
    const request = parseArguments(['--quick'], name, study, 80);
    t.true(request.kind === 'run' && request.plan.cells.length > 0 && !request.isDefault, name);
  }
});
