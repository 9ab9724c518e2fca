/**
 * The command `npm run experiment`: its flags and mistakes, the cells and seeds of a sweep, shards,
 * `--resume`, `merge` and Ctrl-C. A fake host stands in for threads, so nothing here takes time.
 *
 *     npx ava test/experiment.test.ts
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import sqlite3 from 'sqlite3';
import type { ResultDocument, Row } from '../lab/results.ts';
import { parseArguments } from '../lab/sweep/arguments.ts';
import { type Catalogue, catalogueOf } from '../lab/sweep/catalogue.ts';
import { type Cell, cellKey, shardOf } from '../lab/sweep/cells.ts';
import { type Context, main } from '../lab/sweep/commands.ts';
import { FACTOR_NAMES, FACTORS, printFactor } from '../lab/sweep/factors.ts';
import { barLine, clockText } from '../lab/sweep/progress.ts';
import type { RunCell } from '../lab/sweep/runner.ts';
import { planSweep, type Sweep } from '../lab/sweep/sweep.ts';

const project = join(import.meta.dirname, '..');
const command = join(project, 'experiments', 'main.ts');
const catalogue = catalogueOf(join(project, 'experiments'));

// ---- The real command, in a process of its own ----

type Ended = { status: number; stdout: string; stderr: string };

function spawnCommand(words: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...words], { cwd }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** Bad input, and what its line must name: the flag, what came, what is allowed. */
const MISTAKES: readonly (readonly [string, readonly RegExp[]])[] = [
  ['nonsense', [/experiment/, /'nonsense'/, /throughput, timeline/]],
  ['--losss 0.1', [/--losss/, /Did you mean --loss\?/, /--help/]],
  ['--loss 1.5', [/--loss/, /'1\.5'/, /from 0 to 1/]],
  ['--nodes 0', [/--nodes/, /'0'/, /from 1 to 15/]],
  ['--nodes x', [/--nodes/, /'x'/, /whole number/]],
  ['--shard 9/8', [/--shard/, /'9\/8'/, /such as 2\/8/]],
  ['compare absent absent', [/compare/, /'absent'/, /directory/]],
  ['--out /proc/raft-lab', [/--out/, /\/proc\/raft-lab/, /written/]],
];

for (const [words, expected] of MISTAKES) {
  test(`mistake: ${words}`, async (t) => {
    const cwd = temporary(t);
    const results = listing(join(project, 'results'));
    const ended = await spawnCommand(words.split(' '), cwd);
    t.is(ended.status, 2);
    t.is(ended.stdout, '');
    t.regex(ended.stderr, /^[^\n]+\n$/, 'one line');
    for (const pattern of expected) t.regex(ended.stderr, pattern);
    t.deepEqual(readdirSync(cwd), [], 'nothing written');
    t.deepEqual(listing(join(project, 'results')), results, 'nothing written');
  });
}

test('a reader that closes the pipe early is no error', async (t) => {
  const ended = await new Promise<{ status: number | null; stderr: string }>((resolve) => {
    let stderr = '';
    const child = execFile(process.execPath, [command, '--help']);
    child.stdout?.destroy();
    child.stderr?.on('data', (text: string) => {
      stderr += text;
    });
    child.on('close', (status) => resolve({ status, stderr }));
  });
  t.deepEqual(ended, { status: 0, stderr: '' });
});

// ---- More mistakes, list and help, without a process each ----

const MORE_MISTAKES: readonly (readonly [string, RegExp])[] = [
  ['--trials 0', /--trials got '0'; allowed: a whole number from 1/],
  ['--duration-s 0', /--duration-s got '0'; allowed: a number from 0\.1/],
  ['--seed -1', /--seed got '-1'/],
  ['--shard 0/2', /--shard got '0\/2'/],
  ['--nodes 3,,5', /--nodes got ''/],
  ['--nodes 2.5', /--nodes got '2\.5'/],
  ['--loss 0x1', /--loss got '0x1'/],
  ['--loss', /--loss got ''; allowed: a number from 0 to 1/],
  ['--loss 0.1 --loss 0.2', /--loss got '0\.1' and again '0\.2'/],
  ['--prevote maybe', /--prevote got 'maybe'; allowed: on or off/],
  ['--distribution normale', /--distribution got 'normale'; allowed: constant, uniform, normal/],
  ['--zipf 10', /--zipf got '10'; allowed: a number from 0 to below 10/],
  ['--election-timeout-ms 300-150', /--election-timeout-ms got '300-150'/],
  ['--heartbeat-ms 150', /--heartbeat-ms got '150' .* allowed: less than 150/],
  ['--loss 0.9 --burst 4', /--loss got '0\.9' with --burst 4; allowed: a loss of at most 0\.8/],
  ['--burst 0.5', /--burst got '0\.5'/],
  ['--rate 100 --outstanding 5', /--outstanding got '5'; allowed: --rate closed with it/],
  ['--nodes 3 --loss 0 --outstanding 1 --shard 4/4', /--shard got '4\/4'; allowed: at most 3/],
  ['timeline --duration-s 5', /--duration-s got '5'; allowed: 9\.2 or more/],
  ['throughput timeline', /too many arguments/],
  ['--list --json', /--list.*--json/],
  ['--quick merge a', /--quick came before merge/],
  ['merge', /missing required argument 'directories'/],
  ['--resume --overwrite', /--resume.*--overwrite|--overwrite.*--resume/],
  ['merge absent', /merge got '.*absent'; allowed: a directory/],
  ['compare a', /missing required argument 'after'/],
];

for (const [words, expected] of MORE_MISTAKES) {
  test(`mistake: ${words}`, async (t) => {
    const lab = fakeLab(t);
    const ended = await lab.run(words);
    t.is(ended.status, 2);
    t.is(ended.stdout, '');
    t.regex(ended.stderr, /^[^\n]+\n$/, 'one line');
    t.regex(ended.stderr, expected);
    t.deepEqual(readdirSync(lab.directory), [], 'nothing written');
  });
}

test('an --out that is a file is refused before anything runs', async (t) => {
  const lab = fakeLab(t);
  const path = join(lab.directory, 'file');
  writeFileSync(path, 'precious');
  for (const out of [path, join(path, 'below')]) {
    const ended = await lab.run(`--quick --out ${out}`);
    t.is(ended.status, 2);
    t.regex(ended.stderr, /^experiment: --out got .* allowed: a directory[^\n]*\n$/);
  }
  t.is(lab.ran.length, 0);
  t.is(readFileSync(path, 'utf8'), 'precious');
});

test('malformed results are named down to the value', async (t) => {
  const lab = fakeLab(t);
  await lab.run(`${ONE_CELL} --out ${lab.at('good')}`);
  const path = join(lab.at('good'), 'results.json');
  const text = readFileSync(path, 'utf8');
  rmSync(join(lab.at('good'), 'cells.sqlite'));
  const broken: readonly (readonly [string, RegExp])[] = [
    ['{', /results\.json cannot be read as JSON/],
    ['[]', /expected an object/],
    [text.replace('"schemaVersion":1', '"schemaVersion":7'), /schemaVersion is 7, not 1/],
    [text.replace('"failed":0', '"failed":"no"'), /rows\[0\]\.metrics\.failed is not a number/],
  ];
  for (const [content, expected] of broken) {
    writeFileSync(path, content);
    for (const words of [
      `compare ${lab.at('good')} ${lab.at('good')}`,
      `merge ${lab.at('good')}`,
    ]) {
      const ended = await lab.run(words);
      t.is(ended.status, 2);
      t.regex(ended.stderr, expected);
      t.regex(ended.stderr, /^[^\n]+\n$/, 'one line');
    }
  }
});

test('--list gives each experiment with its question', async (t) => {
  const { status, stdout } = await fakeLab(t).run('--list');
  t.is(status, 0);
  for (const name of catalogue.names) {
    const { question } = await catalogue.load(name);
    t.true(stdout.split('\n').some((line) => line.startsWith(name) && line.endsWith(question)));
  }
});

test('--help lists every factor and shows examples; an experiment adds its question', async (t) => {
  const { status, stdout } = await fakeLab(t).run('--help');
  t.is(status, 0);
  for (const name of FACTOR_NAMES) t.true(stdout.includes(`${FACTORS[name].flag} `), name);
  t.regex(stdout, /Examples:\n {2}npm run experiment/);
  const help = await fakeLab(t).run('timeline --help');
  const { question } = await catalogue.load('timeline');
  t.true(help.stdout.startsWith(`timeline: ${question}`));
});

// ---- Factors, cells, seeds ----

test('every default is a value its own flag accepts, and prints as it parses', (t) => {
  for (const name of FACTOR_NAMES) {
    const { fallback, parse } = FACTORS[name];
    t.is(parse(printFactor(name, fallback)), fallback, name);
  }
});

test('the experiments are valid and the default sweep is the one that is promised', async (t) => {
  for (const name of catalogue.names) {
    const written = await catalogue.load(name);
    for (const words of [name, `${name} --quick`]) t.true(plan(words, written).cells.length > 0);
    t.true(plan(name, written).isDefault);
  }
  const written = await catalogue.load('throughput');
  t.is(plan('', written).cells.length, 96);
  t.is(plan('', written).experiment.durationS, 1.5);
  t.is(plan('--quick', written).cells.length, 24);
});

test('a cell keeps its seed when the sweep is widened or turned round', async (t) => {
  const written = await catalogue.load('throughput');
  const seeds = new Map(plan('', written).cells.map((cell) => [cellKey(cell), cell.seed]));
  const wide = plan('--nodes 9,7,5,3,1 --loss 0.2,0.05,0.01,0,0.5 --trials 5', written);
  const found = wide.cells.filter((cell) => seeds.get(cellKey(cell)) === cell.seed);
  t.is(found.length, seeds.size);
  t.is(new Set(wide.cells.map(({ seed }) => seed)).size, wide.cells.length, 'seeds differ');
  t.true(wide.cells.every(({ seed }) => Number.isSafeInteger(seed) && seed >= 0));
  const other = plan('--seed 2', written).cells.map(cellKey);
  t.true(other.every((key) => !seeds.has(key)));
});

test('the seeds of the default sweep stay what they are', async (t) => {
  const { cells } = plan('', await catalogue.load('throughput'));
  // Whoever repeats a published trial from its seed relies on these.
  t.deepEqual(
    cells.slice(0, 3).map(({ seed }) => seed),
    [3169088094245124, 304017830923573, 3276265524867256],
  );
});

test('every combination runs once before any runs again', async (t) => {
  const { cells } = plan('', await catalogue.load('throughput'));
  t.deepEqual([...new Set(cells.map(({ trial }) => trial))], [0, 1, 2]);
  t.true(cells.slice(0, 32).every(({ trial }) => trial === 0));
});

test('reordering without a delay gets one, and says so', async (t) => {
  const written = await catalogue.load('throughput');
  const sweep = plan('--reorder 0,0.25 --delay-ms 0,1 --nodes 3 --loss 0', written);
  const seen = new Set(sweep.cells.map(({ factors }) => `${factors.reorder} ${factors.delayMs}`));
  t.deepEqual([...seen].sort(), ['0 0', '0 1', '0.25 1']);
  t.is(new Set(sweep.cells.map(cellKey)).size, sweep.cells.length, 'no cell twice');
  t.is(sweep.notes.length, 1);
  t.deepEqual(plan('--reorder 0.25 --jitter-ms 1', written).notes, []);
});

test('an open loop does not sweep what it does not use', async (t) => {
  const written = await catalogue.load('throughput');
  const sweep = plan('--rate 1000 --nodes 3 --loss 0 --trials 1', written);
  t.is(sweep.cells.length, 1);
  t.regex(sweep.notes.join(), /--outstanding has no part/);
  t.is(plan('--rate closed,1000 --nodes 3 --loss 0 --trials 1', written).cells.length, 4);
});

test('a flag with one value fixes a factor, a list varies it', async (t) => {
  const written = await catalogue.load('throughput');
  const { experiment } = plan('--clients 2 --prevote on,off --nodes 3', written);
  t.deepEqual(experiment.fixed, { clients: 2 });
  t.deepEqual(experiment.vary.preVote, [true, false]);
  t.deepEqual(experiment.vary.nodes, [3]);
});

test('shards partition the cells', async (t) => {
  const { cells } = plan('', await catalogue.load('throughput'));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 120 }), (of) => {
      const parts = Array.from({ length: of }, (_, i) => shardOf(cells, { index: i + 1, of }));
      const keys = parts.flat().map(cellKey);
      const sizes = parts.map((part) => part.length);
      return (
        keys.length === cells.length &&
        new Set(keys).size === cells.length &&
        Math.max(...sizes) - Math.min(...sizes) <= 1
      );
    }),
  );
  t.pass();
});

// ---- Whole runs on the fake host ----

const ONE_CELL = '--nodes 3 --loss 0 --outstanding 1 --trials 1';
const SMALL = '--nodes 1,3 --loss 0,0.2 --outstanding 1 --trials 2';

test('--json prints the document alone, with rows in order and all factors', async (t) => {
  const lab = fakeLab(t);
  const ended = await lab.run(`${SMALL} --json`);
  t.is(ended.status, 0);
  const document = JSON.parse(ended.stdout) as ResultDocument;
  t.is(document.experiment, 'throughput');
  t.deepEqual(
    document.rows.map(({ factors, trial }) => [factors.nodes, factors.loss, trial]),
    [1, 3].flatMap((nodes) => [0, 0.2].flatMap((loss) => [0, 1].map((n) => [nodes, loss, n]))),
  );
  t.deepEqual(Object.keys(document.rows[0]?.factors ?? {}), [...FACTOR_NAMES]);
  t.regex(ended.stderr, /8\/8 {2}0:00 left {2}nodes 3, loss 0\.2, outstanding 1, trial 1: /);
  t.true(lab.closed);
});

test('only the sweep as written goes to results/<experiment>', async (t) => {
  const lab = fakeLab(t);
  const places: readonly (readonly [string, string])[] = [
    ['', 'throughput'],
    ['--seed 1 --trials 3', 'throughput'],
    ['--seed 2', 'throughput-custom'],
    ['--quick', 'throughput-custom'],
    ['--shard 2/8', 'throughput-custom/shard-2-of-8'],
  ];
  for (const [words, place] of places) {
    rmSync(lab.directory, { recursive: true, force: true });
    const { stdout } = await lab.run(words);
    t.true(existsSync(join(lab.directory, place, 'results.json')), words);
    t.true(stdout.trimEnd().endsWith(join(place, 'report.html')), words);
  }
});

test('--resume runs only the rest, also of a wider sweep', async (t) => {
  const lab = fakeLab(t);
  await lab.run(`${SMALL} --out ${lab.at('a')}`);
  const first = lab.ran.splice(0).map(cellKey);
  t.is(first.length, 8);
  const wide = '--nodes 1,3,5 --loss 0,0.2 --outstanding 1 --trials 2';
  const ended = await lab.run(`${wide} --out ${lab.at('a')} --resume --json`);
  t.deepEqual([...new Set(lab.ran.map(({ factors }) => factors.nodes))], [5]);
  t.is((JSON.parse(ended.stdout) as ResultDocument).rows.length, 12);
  t.false(ended.stderr.includes('note:'));

  lab.ran.splice(0);
  await lab.run(`${SMALL} --out ${lab.at('a')}`);
  t.is(lab.ran.length, 8, 'without --resume all run again');
});

test('kept rows of another commit are noted, on the terminal and in the report', async (t) => {
  const lab = fakeLab(t);
  await lab.run(`${SMALL} --out ${lab.at('a')}`);
  lab.commit = 'feed';
  const ended = await lab.run(`${SMALL} --out ${lab.at('a')} --resume`);
  t.regex(ended.stderr, /note: 8 trials come from commit beef, .* not commit feed/);
  t.true(lab.caveats.some((caveat) => caveat.includes('commit beef')));
});

test('a directory of another experiment is left alone', async (t) => {
  const lab = fakeLab(t);
  await lab.run(`timeline --out ${lab.at('a')}`);
  const ended = await lab.run(`${SMALL} --out ${lab.at('a')}`);
  t.is(ended.status, 2);
  t.regex(ended.stderr, /holds the experiment 'timeline', not 'throughput'/);
});

test('a file that is no store is not replaced', async (t) => {
  const lab = fakeLab(t);
  writeFileSync(join(lab.directory, 'cells.sqlite'), 'not a database at all, but long enough');
  const ended = await lab.run(`${SMALL} --out ${lab.directory}`);
  t.is(ended.status, 2);
  t.regex(ended.stderr, /^experiment: .*cells\.sqlite is not a store[^\n]*\n$/);
});

test('Ctrl-C keeps what is done and gives the command that goes on', async (t) => {
  const lab = fakeLab(t);
  lab.interruptAt = 3;
  const ended = await lab.run(`${SMALL} --out ${lab.at('a')}`);
  t.is(ended.status, 130);
  const resume = `npm run experiment -- throughput ${SMALL} --out ${lab.at('a')} --resume`;
  t.true(ended.stderr.endsWith(`go on with: ${resume}\n`));
  t.regex(ended.stderr, /stopped: 2 of 8 trials/);
  t.true(lab.closed);
  t.false(existsSync(join(lab.at('a'), 'results.json')));

  lab.interruptAt = undefined;
  lab.ran.splice(0);
  const again = await lab.run(resume.replace('npm run experiment -- ', ''));
  t.is(again.status, 0);
  t.is(lab.ran.length, 6);
});

test('a row whose audit is not ok makes it 1 and gives the command of that trial', async (t) => {
  const lab = fakeLab(t);
  lab.audit = ({ factors, trial }) =>
    factors.nodes === 3 && factors.loss === 0.2 && trial === 1 ? 'n2 differs at index 7' : 'ok';
  const ended = await lab.run(`${SMALL} --duration-s 1 --clients 2 --seed 5`);
  t.is(ended.status, 1);
  t.regex(ended.stderr, /nodes 3, loss 0\.2, outstanding 1, trial 1: .*n2 differs at index 7/);
  const again = /again: npm run experiment -- (.*)\n/.exec(ended.stderr)?.[1] ?? '';
  const bad = lab.ran.find((cell) => lab.audit(cell) !== 'ok');
  lab.ran.splice(0);
  await lab.run(again);
  t.deepEqual(lab.ran, [bad]);
});

test('a run that fails makes it 1, the others run, and --resume tries it again', async (t) => {
  const lab = fakeLab(t);
  lab.failWhen = ({ factors }) => factors.nodes === 3;
  const ended = await lab.run(`${SMALL} --out ${lab.at('a')} --json`);
  t.is(ended.status, 1);
  t.is((JSON.parse(ended.stdout) as ResultDocument).rows.length, 4);
  t.regex(ended.stderr, /nodes 3, loss 0, outstanding 1, trial 0: the run failed: no thread\n/);

  lab.failWhen = () => false;
  lab.ran.splice(0);
  t.is((await lab.run(`${SMALL} --out ${lab.at('a')} --resume`)).status, 0);
  t.is(lab.ran.length, 4);
});

test('merged shards equal the whole, from stores and from result documents', async (t) => {
  const lab = fakeLab(t);
  await lab.run(`${SMALL} --out ${lab.at('whole')}`);
  const parts = [1, 2, 3].map((index) => lab.at(`part${index}`));
  for (const [index, part] of parts.entries()) {
    await lab.run(`${SMALL} --shard ${index + 1}/3 --out ${part}`);
  }
  rmSync(join(lab.at('part2'), 'cells.sqlite'));
  // A directory that comes twice holds the same trials twice, which is no contradiction.
  const ended = await lab.run(`merge ${parts.join(' ')} ${parts[0]} --out ${lab.at('merged')}`);
  t.is(ended.status, 0);
  t.is(ended.stderr, '');
  const read = (name: string) => readFileSync(join(lab.at(name), 'results.json'), 'utf8');
  t.is(read('merged'), read('whole'));

  lab.ran.splice(0);
  await lab.run(`${SMALL} --out ${lab.at('merged')} --resume`);
  t.is(lab.ran.length, 0, 'the merged store is complete');
});

test('merge refuses what does not belong together', async (t) => {
  const lab = fakeLab(t);
  await lab.run(`${SMALL} --out ${lab.at('a')}`);
  await lab.run(`timeline --out ${lab.at('other')}`);
  await lab.run(`${SMALL} --duration-s 1 --out ${lab.at('short')}`);
  lab.audit = () => 'different';
  await lab.run(`${SMALL} --out ${lab.at('b')}`);
  const refused: readonly (readonly [string, RegExp])[] = [
    ['other', /merge got '.*other \(of 'timeline'\)'; allowed: results of 'throughput'/],
    ['short', /merge got 'trials of 1 s and 1\.5 s'; allowed: trials of one duration/],
    ['b', /trial 0 is in .*a and .*b with different results; allowed: each trial once/],
  ];
  for (const [other, expected] of refused) {
    const ended = await lab.run(`merge ${lab.at('a')} ${lab.at(other)} --out ${lab.at('merged')}`);
    t.is(ended.status, 2);
    t.regex(ended.stderr, expected);
    t.false(existsSync(lab.at('merged')));
  }
});

test('merge names the parts that are missing and those that lack trials', async (t) => {
  const lab = fakeLab(t);
  const parts = await lab.parts(`${SMALL}`, 3);
  const [first, second, third] = parts;
  lab.failWhen = ({ factors, trial }) => factors.loss === 0.2 && trial === 1;
  await lab.run(`${SMALL} --shard 2/3 --out ${second} --overwrite`);
  const named =
    '; allowed: all parts of a plan with all trials, or --partial to join what there is';
  const refused: readonly (readonly [string, string])[] = [
    [
      `${first} ${third}`,
      'part 2 of 3 is missing, with 3 trials (nodes 1, loss 0.2, outstanding 1, trial 0; ',
    ],
    [
      `${third}`,
      'part 1 of 3 is missing, with 3 trials (nodes 1, loss 0, outstanding 1, trial 0; ',
    ],
    [parts.join(' '), `part 2 of 3, in ${second}, lacks 1 of its 3 trials (nodes 3, loss 0.2, `],
  ];
  for (const [given, expected] of refused) {
    const ended = await lab.run(`merge ${given} --out ${lab.at('merged')}`);
    t.is(ended.status, 2);
    t.true(ended.stderr.startsWith(`experiment: merge: ${expected}`), ended.stderr);
    t.true(ended.stderr.endsWith(`${named}\n`), ended.stderr);
    t.regex(ended.stderr, /^[^\n]+\n$/, 'one line');
    t.false(existsSync(lab.at('merged')));
  }
  lab.failWhen = () => false;
  await lab.run(`${SMALL} --shard 2/3 --out ${second} --resume`);
  t.is((await lab.run(`merge ${parts.join(' ')} --out ${lab.at('merged')}`)).status, 0);
});

test('merge --partial joins what there is and says what is missing', async (t) => {
  const lab = fakeLab(t);
  const [first, second, third] = await lab.parts(SMALL, 3);
  const some = await lab.run(`merge ${first} ${third} --partial --out ${lab.at('some')}`);
  t.is(some.status, 0);
  const missing =
    'part 2 of 3 is missing, with 3 trials (nodes 1, loss 0.2, outstanding 1, trial 0; ';
  t.true(some.stderr.startsWith(`note: ${missing}`), some.stderr);
  const document = lab.document('some');
  t.true(document.missing?.[0]?.startsWith(missing));
  t.is(document.rows.length, 5);
  t.true((await lab.run(`compare ${lab.at('some')} ${lab.at('some')}`)).stderr.includes(missing));
  t.is((await lab.run(`merge ${lab.at('some')} --out ${lab.at('again')}`)).status, 2);

  const all = await lab.run(`merge ${lab.at('some')} ${second} --out ${lab.at('all')}`);
  t.deepEqual([all.status, all.stderr], [0, '']);
  await lab.run(`${SMALL} --out ${lab.at('whole')}`);
  t.deepEqual(lab.document('all'), lab.document('whole'));
});

test('parts of different plans are not joined; whole sweeps are', async (t) => {
  const lab = fakeLab(t);
  const [first] = await lab.parts(SMALL, 2);
  for (const other of ['--seed 2', '--trials 3', '--nodes 3,1', '--nodes 1,3,5']) {
    const [flag = ''] = other.split(' ');
    const words = `${SMALL.replace(new RegExp(`${flag} \\S+ ?`), '')} ${other}`.trim();
    await lab.run(`${words} --shard 2/2 --out ${lab.at('other')} --overwrite`);
    const ended = await lab.run(`merge ${first} ${lab.at('other')} --partial`);
    t.is(ended.status, 2, other);
    const expected =
      /'\S+1 \(part 1 of 2 of plan (\w+)\) and \S+ \(part 2 of 2 of plan (\w+)\)'; allowed: parts/;
    const [, ...plans] = expected.exec(ended.stderr) ?? [];
    t.is(new Set(plans).size, 2, ended.stderr);
  }
  await lab.run(`${SMALL} --out ${lab.at('a')}`);
  await lab.run(`${SMALL} --seed 2 --out ${lab.at('b')}`);
  const ended = await lab.run(`merge ${lab.at('a')} ${lab.at('b')} --out ${lab.at('both')}`);
  t.deepEqual([ended.status, lab.document('both').rows.length], [0, 16]);
});

test('results that do not say their plan are joined, and what is unknown is told', async (t) => {
  const lab = fakeLab(t);
  const [first = '', second = ''] = await lab.parts(SMALL, 2);
  for (const part of [first, second]) {
    rmSync(join(part, 'cells.sqlite'));
    const { part: _part, ...old } = JSON.parse(readFileSync(join(part, 'results.json'), 'utf8'));
    writeFileSync(join(part, 'results.json'), JSON.stringify(old));
  }
  const one = await lab.run(`merge ${first} --out ${lab.at('one')}`);
  t.is(one.status, 0);
  const unknown = 'does not say which part of which plan it is: whether trials are missing';
  t.true(one.stderr.startsWith(`note: ${first} ${unknown}`), one.stderr);
  t.true(lab.caveats.some((caveat) => caveat.includes(unknown)));
  const committed = join(project, 'results', 'throughput');
  const old = await lab.run(`merge ${committed} --out ${lab.at('committed')}`);
  t.is(old.status, 0);
  t.is(lab.document('committed').rows.length, 96);
});

test('where a store does not say whether its run ended, the report beside it does', async (t) => {
  const lab = fakeLab(t);
  const words = `${SMALL} --out ${lab.at('a')}`;
  await lab.run(words);
  await forgetEnd(join(lab.at('a'), 'cells.sqlite'));
  const report = join(lab.at('a'), 'results.json');
  const content = readFileSync(report, 'utf8');
  rmSync(report);
  t.is((await lab.run(words)).status, 2);
  writeFileSync(report, content);
  t.is((await lab.run(words)).status, 0);
});

test('a run replaces the trials of one that was interrupted only if it is told to', async (t) => {
  const lab = fakeLab(t);
  const out = `--out ${lab.at('a')}`;
  const interrupt = async (words: string): Promise<Ended> => {
    lab.interruptAt = lab.ran.length + 4;
    const ended = await lab.run(words);
    lab.interruptAt = undefined;
    return ended;
  };
  t.is((await interrupt(`${SMALL} ${out}`)).status, 130);
  lab.ran.splice(0);
  for (const words of [SMALL, ONE_CELL, '--quick --seed 7']) {
    const refused = await lab.run(`${words} ${out}`);
    t.is(refused.status, 2);
    t.regex(refused.stderr, /3 trials of a run that was interrupted; .*--resume.*--overwrite/);
    t.regex(refused.stderr, /^[^\n]+\n$/, 'one line');
  }
  await lab.run(`${ONE_CELL} --out ${lab.at('other')}`);
  const merged = await lab.run(`merge ${lab.at('other')} ${out}`);
  t.deepEqual([merged.status, /--overwrite/.test(merged.stderr)], [2, true]);
  lab.ran.splice(0);

  t.is((await lab.run(`${SMALL} ${out} --resume`)).status, 0);
  t.is(lab.ran.splice(0).length, 5);
  t.is((await lab.run(`${SMALL} ${out}`)).status, 0, 'one that came to its end is replaced');
  t.is(lab.ran.splice(0).length, 8);

  t.is((await interrupt(`${SMALL} ${out}`)).status, 130);
  lab.ran.splice(0);
  const anew = await lab.run(`${SMALL} ${out} --overwrite`);
  t.deepEqual([anew.status, lab.ran.length], [0, 8]);
  t.false(lab.command.includes('--overwrite'), 'nothing that the result depends on');
});

test('compare hands both documents on', async (t) => {
  const lab = fakeLab(t);
  await lab.run(`${SMALL} --out ${lab.at('a')}`);
  await lab.run(`${ONE_CELL} --out ${lab.at('b')}`);
  t.is((await lab.run(`compare ${lab.at('a')} ${lab.at('b')}`)).stdout, '8 rows, then 1\n');
});

// ---- Progress ----

test('the bar fits the terminal', (t) => {
  const cell = 'nodes 3, loss 0.05, outstanding 256, trial 2';
  t.is(
    barLine(60, { done: 48, total: 96, secondsLeft: 125, cell }),
    '[======------] 48/96  2:05 left  nodes 3, loss 0.05, outst…',
  );
  for (const columns of [40, 60, 80, 200]) {
    t.true(barLine(columns, { done: 96, total: 96, secondsLeft: 1e4, cell }).length < columns);
  }
  t.deepEqual([0, 7.4, 65, 3723].map(clockText), ['0:00', '0:07', '1:05', '1:02:03']);
});

// ---- Helpers ----

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'raft-lab-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** As stores were before they said so. */
async function forgetEnd(path: string): Promise<void> {
  const database = new sqlite3.Database(path);
  const sql = "UPDATE header SET value = json_remove(value, '$.ended')";
  await new Promise<void>((resolve, reject) => {
    database.exec(sql, (error) => (error === null ? resolve() : reject(error)));
  });
  await new Promise((closed) => database.close(closed));
}

function listing(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}

function plan(words: string, written: Awaited<ReturnType<Catalogue['load']>>): Sweep {
  const request = parseArguments(wordsOf(words), catalogue, 'throughput', 80);
  if (request.kind !== 'run') throw new Error(`expected a run, came ${request.kind}`);
  return planSweep(request.name, written, request.flags);
}

function wordsOf(text: string): string[] {
  return text === '' ? [] : text.split(' ');
}

/** The command with a host that answers at once, in a directory of its own. */
function fakeLab(t: ExecutionContext) {
  const directory = temporary(t);
  const lab = {
    directory,
    at: (name: string) => join(directory, name),
    /** Every cell the host was given. */
    ran: [] as Cell[],
    closed: false,
    commit: 'beef',
    caveats: [] as readonly string[],
    /** As the manifest has it. */
    command: '',
    document: (name: string): ResultDocument =>
      JSON.parse(readFileSync(join(directory, name, 'results.json'), 'utf8')),
    /** Runs a sweep in so many parts and returns their directories. */
    parts: async (words: string, of: number): Promise<string[]> => {
      const parts = Array.from({ length: of }, (_, i) => lab.at(`${i + 1}`));
      for (const [i, part] of parts.entries()) {
        await lab.run(`${words} --shard ${i + 1}/${of} --out ${part}`);
      }
      return parts;
    },
    audit: (_cell: Cell): string => 'ok',
    failWhen: (_cell: Cell): boolean => false,
    /** The trial, counted from 1, during which Ctrl-C comes. */
    interruptAt: undefined as number | undefined,
    run: async (words: string): Promise<Ended> => {
      const stdout = new Collector();
      const stderr = new Collector();
      const status = await main(contextOf(wordsOf(words), stdout, stderr));
      return { status, stdout: stdout.text, stderr: stderr.text };
    },
  };
  const contextOf = (words: readonly string[], stdout: Collector, stderr: Collector): Context => {
    const controller = new AbortController();
    const runCell: RunCell = async (cell, { signal }) => {
      lab.ran.push(cell);
      if (lab.ran.length === lab.interruptAt) controller.abort();
      signal.throwIfAborted();
      if (lab.failWhen(cell)) throw new Error('no thread');
      return fakeRow(cell, lab.audit(cell));
    };
    return {
      words,
      stdout,
      stderr,
      catalogue,
      resultsDirectory: directory,
      surroundings: () => ({
        commit: lab.commit,
        nodeVersion: 'v24',
        machine: { platform: 'any', arch: 'any', cpu: 'fake', cores: 2, memoryGiB: 4 },
      }),
      host: async () => ({
        runCell,
        closeHosts: async () => {
          lab.closed = true;
        },
      }),
      reports: async () => ({
        writeReport: async (where, _name, experiment, document, manifest) => {
          lab.caveats = experiment.caveats;
          lab.command = manifest.command;
          writeFileSync(join(where, 'results.json'), JSON.stringify(document));
          writeFileSync(join(where, 'manifest.json'), JSON.stringify(manifest));
          return join(where, 'report.html');
        },
        terminalTable: (document) => `${document.rows.length} rows`,
      }),
      comparison: async (before, after) => `${before.rows.length} rows, then ${after.rows.length}`,
      interruption: () => ({ signal: controller.signal, release: () => {} }),
    };
  };
  return lab;
}

class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** A row whose numbers follow from its seed, so that two runs of a cell agree. */
function fakeRow({ factors, trial, seed }: Cell, audit: string): Row {
  return {
    factors,
    trial,
    seed,
    metrics: {
      committedOpsPerSecond: seed % 100_000,
      latencyMsP50: 1,
      latencyMsP90: 2,
      latencyMsP99: 3,
      latencyMsP999: 4,
      latencyMsMax: null,
      failed: 0,
      unknown: 0,
      leaderChanges: 0,
      messagesSent: 10,
      messagesDropped: 0,
      bytesSent: 100,
      acknowledgedWritesLost: 0,
      writesAppliedTwice: 0,
      replicasEqual: true,
    },
    audit,
  };
}
