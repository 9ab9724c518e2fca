/**
 * The command `npm run sim`: its flags and mistakes, one run and its files, shrinking a failure,
 * swarms, and runs that hang. Made-up verdicts stand in where the simulator has nothing to fail;
 * the rest is real.
 *
 *     npx ava test/sim-command.test.ts
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Mutant } from '../lab/mutants/mutant.ts';
import { SCHEDULE_VERSION, type Schedule } from '../lab/schedule.ts';
import { parseSchedule } from '../lab/schedule-file.ts';
import { scheduleOf } from '../lab/sim/profiles.ts';
import { runSchedule } from '../lab/sim/run.ts';
import { simulate } from '../lab/swarm/commands.ts';
import type { Context, Simulator, SingleContext } from '../lab/swarm/context.ts';
import { runSeed, type SeedSummary } from '../lab/swarm/seed-summary.ts';
import { parseSeeds, rangesText, seedCount, seedsOf } from '../lab/swarm/seeds.ts';
import { singleRun } from '../lab/swarm/single-run.ts';
import { Tally } from '../lab/swarm/tally.ts';
import type { Verdict } from '../lab/verdict.ts';
import { limitFor, watch } from '../lab/watchdog.ts';
import { always } from './support/property.ts';
import { resultWith, scheduleWith, violationOf } from './support/schedules.ts';

const command = join(import.meta.dirname, '..', 'lab', 'swarm', 'main.ts');
const plant = new URL('../lab/mutants/plant.ts', import.meta.url).href;
const REAL: Simulator = { runSchedule, scheduleOf };
const VACUOUS: Verdict = { kind: 'vacuous', reason: 'no fault bit' };
const COMMIT = '1a2b3c4d5e6f-dirty';

// ---- A command in this process ------------------------------------------------------------------

type Ended = { status: number; stdout: string; stderr: string };

type Lab = {
  readonly directory: string;
  readonly seeds: number[];
  columns: number;
  simulator: Simulator;
  interruption: AbortController;
  run(words: string): Promise<Ended>;
  at(name: string): string;
};

/** Runs commands in a directory of their own; each look at its clock takes a millisecond. */
function labOf(t: ExecutionContext, simulator: Simulator = REAL): Lab {
  const directory = mkdtempSync(join(tmpdir(), 'raft-sim-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const lab: Lab = {
    directory,
    seeds: [],
    columns: 80,
    simulator,
    interruption: new AbortController(),
    at: (name) => join(directory, name),
    run: async (words) => {
      const [stdout, stderr] = [new Sink(lab.columns), new Sink(lab.columns)];
      const list = words === '' ? [] : words.split(' ');
      const status = await simulate(contextOf(lab, list, stdout, stderr));
      return { status, stdout: stdout.text, stderr: stderr.text };
    },
  };
  return lab;
}

function contextOf(lab: Lab, words: string[], stdout: Sink, stderr: Sink): Context {
  let nowMs = 0;
  const single: SingleContext = {
    stdout,
    stderr,
    resultsDirectory: lab.directory,
    commit: () => COMMIT,
    nowMs: () => nowMs++,
    simulator: async () => lab.simulator,
    interruption: () => ({ signal: lab.interruption.signal, release: () => {} }),
  };
  return {
    ...single,
    words,
    single: (request) => singleRun(single, request),
    pool: async (threads = 2) => ({
      threads,
      run: async (seed, profile) => {
        lab.seeds.push(seed);
        const { runSchedule: run, scheduleOf: draw } = lab.simulator;
        return runSeed(seed, () => draw(seed, profile), run);
      },
      close: async () => {},
    }),
  };
}

class Sink extends Writable {
  text = '';
  readonly columns: number;

  constructor(columns: number) {
    super({ decodeStrings: false });
    this.columns = columns;
  }

  override _write(text: string, _encoding: string, done: () => void): void {
    this.text += text;
    done();
  }
}

/** Small schedules without a simulator behind them; the verdict is up to the seed. */
function madeUp(verdictOf: (seed: number, schedule: Schedule) => Verdict): Simulator {
  return {
    scheduleOf: (seed) => scheduleWith({ seed, name: `made up ${seed}`, nodes: 3 + (seed % 2) }),
    runSchedule: (schedule) => resultWith(verdictOf(schedule.seed, schedule)),
  };
}

const passing = madeUp(() => ({ kind: 'pass' }));

// ---- Mistakes -----------------------------------------------------------------------------------

const MISTAKES: readonly (readonly [words: string, told: RegExp])[] = [
  ['', /nothing to run; give --seed, --seeds, --for or --schedule/],
  ['nonsense', /too many arguments/],
  ['--sed 7', /unknown option '--sed'.*--seed/],
  ['--seed', /'--seed <number>' argument missing/],
  ['--seed x', /--seed got 'x'; allowed: a whole number from 0/],
  ['--seed -1', /--seed got '-1'/],
  ['--seed 7 --seed 8', /--seed got '7' and again '8'; allowed: once/],
  ['--seed 7 --mutant harmless', /--mutant got 'harmless'; allowed: voted-for-not-persisted, /],
  ['--seeds 1..9 --mutant quorum-of-half', /--seeds <list>' cannot be used with .*--mutant/],
  ['--seed 7 --profile rough', /--profile got 'rough'; allowed: lite, default, harsh/],
  ['--seed 7 --schedule a.json', /--seed <number>' cannot be used with .*--schedule <file>/],
  ['--seed 7 --seeds 1..9', /--seed <number>' cannot be used with .*--seeds <list>/],
  ['--seed 7 --threads 2', /--seed <number>' cannot be used with .*--threads/],
  ['--seed 7 --for 10s', /--for came with --seed; allowed: --for alone, with --seeds or with/],
  ['--schedule a.json --for 10s', /--for came with --schedule/],
  ['--schedule a.json --profile lite', /--schedule <file>' cannot be used with .*--profile/],
  ['--schedule a.json --save b.json', /--schedule <file>' cannot be used with .*--save/],
  ['--schedule absent.json', /--schedule got 'absent\.json'; allowed: a file that can be read/],
  ['--seed 7 --history /', /--history got '\/'; allowed: a file that can be written/],
  ['--seeds 1..9 --trace', /--seeds <list>' cannot be used with .*--trace/],
  ['--seeds 1..9 --shrink', /--seeds <list>' cannot be used with .*--shrink/],
  ['--for 10s --save a.json', /--save came without a run; allowed: with --seed or --schedule/],
  ['--trace', /--trace came without a run/],
  ['--seed 7 --trace --json', /--trace' cannot be used with option '--json'/],
  ['--seed 7 --shrink --json', /--shrink' cannot be used with option '--json'/],
  ['--seeds 1..', /--seeds got '1\.\.'; allowed: a list without end only with --for/],
  ['--seeds 9..1', /--seeds got '9\.\.1'; allowed: seeds and ranges such as/],
  ['--seeds 1,,2', /--seeds got ''/],
  ['--seeds 1..2..3', /--seeds got '1\.\.2\.\.3'/],
  ['--for 10', /--for got '10'; allowed: a time such as 90s, 10m or 1\.5h, up to 24h/],
  ['--for 0s', /--for got '0s'/],
  ['--for 25h', /--for got '25h'/],
  ['--seed 7 --hang-s 0', /--hang-s got '0'; allowed: a number from 1 to 86400/],
  ['--seeds 1..9 --threads 0', /--threads got '0'; allowed: a whole number from 1 to 256/],
  ['--seed 7 --save /proc/none/a.json', /--save got .* allowed: a file that can be written/],
  ['--seed 7 --history /proc/none/a', /--history got .* allowed: a file that can be written/],
];

for (const [words, told] of MISTAKES) {
  test(`mistake: ${words || 'nothing'}`, async (t) => {
    const ended = await labOf(t, passing).run(words);
    t.is(ended.status, 2);
    t.regex(ended.stderr, /^sim: [^\n]+\n$/, 'one line');
    t.regex(ended.stderr, told);
  });
}

test('a mistake in a schedule file is told with its line', async (t) => {
  const lab = labOf(t, passing);
  writeFileSync(lab.at('a.json'), `{\n  "schemaVersion": ${SCHEDULE_VERSION},\n  "name": 5\n}\n`);
  const ended = await lab.run(`--schedule ${lab.at('a.json')}`);
  t.is(ended.status, 2);
  t.regex(ended.stderr, /^sim: \S+a\.json:3: name is 5; expected is text\n$/);
});

test('--help names every flag and shows examples', async (t) => {
  const { status, stdout } = await labOf(t).run('--help');
  t.is(status, 0);
  const flags = 'seed schedule seeds for profile threads hang-s trace json save history shrink';
  for (const flag of flags.split(' ')) t.regex(stdout, new RegExp(`^ {2}--${flag} `, 'm'));
  t.regex(stdout, /Examples:\n {2}npm run sim -- --seed 7/);
  t.regex(stdout, /Exit status: 0/);
});

// ---- One run ------------------------------------------------------------------------------------

test('a run that passes shows its options, its faults and its verdict', async (t) => {
  const { status, stdout, stderr } = await labOf(t).run('--seed 3 --profile lite');
  const schedule = scheduleOf(3, 'lite');
  const { traceHash } = runSchedule(schedule);
  t.is(status, 0);
  t.is(stderr, '');
  t.regex(stdout, new RegExp(`^trace hash  ${traceHash}$`, 'm'));
  t.regex(stdout, /^verdict {5}pass$/m);
  t.regex(stdout, new RegExp(`^faults      ${schedule.faults.length}$`, 'm'));
  t.is(stdout.match(/^ {2,}[\d,.]+ ms /gm)?.length, schedule.faults.length);
  t.notRegex(stdout, /REPRODUCE/);
});

for (const columns of [60, 80]) {
  test(`nothing but commands and events is wider than ${columns} columns`, async (t) => {
    const lab = labOf(t);
    lab.columns = columns;
    for (const words of ['--seed 7', '--seed 8 --profile harsh', '--seeds 1..6 --profile lite']) {
      const { stdout } = await lab.run(words);
      const wide = stdout.split('\n').filter((line) => line.length > columns);
      t.deepEqual(wide, [], words);
    }
  });
}

test('a run that fails says how to see it again, and to make it small', async (t) => {
  const lab = labOf(
    t,
    madeUp(() => violationOf('Election Safety', 1234)),
  );
  const { status, stdout } = await lab.run('--seed 7 --profile harsh');
  t.is(status, 1);
  t.regex(
    stdout,
    /^verdict {5}VIOLATION of Election Safety at 1,234 ms: Election Safety is broken$/m,
  );
  const lines = stdout.trimEnd().split('\n').slice(-2);
  t.deepEqual(lines, [
    'REPRODUCE: npm run sim -- --seed 7 --profile harsh   # commit 1a2b3c4d-dirty',
    'to make it small: npm run sim -- --seed 7 --profile harsh --shrink',
  ]);
});

test('a run that put nothing to the test fails, and there is nothing to shrink', async (t) => {
  const lab = labOf(
    t,
    madeUp(() => VACUOUS),
  );
  for (const words of ['--seed 7', '--seed 7 --shrink']) {
    const { status, stdout } = await lab.run(words);
    t.is(status, 1);
    t.regex(stdout, /^verdict {5}VACUOUS: no fault bit$/m);
    t.regex(stdout, /REPRODUCE: npm run sim -- --seed 7 --profile default {3}# commit/);
    t.notRegex(stdout, /to make it small/);
  }
});

test('what a run throws comes out, after how to see it again', async (t) => {
  const lab = labOf(t, {
    ...passing,
    runSchedule: () => {
      throw new Error('a defect of the lab');
    },
  });
  const stderr = new Sink(80);
  const context = contextOf(lab, ['--seed', '7'], new Sink(80), stderr);
  await t.throwsAsync(simulate(context), { message: 'a defect of the lab' });
  t.regex(stderr.text, /^REPRODUCE: npm run sim -- --seed 7 --profile default/);
});

test('--trace prints every event', async (t) => {
  const { stdout } = await labOf(t).run('--seed 3 --profile lite --trace');
  const lines = runSchedule(scheduleOf(3, 'lite'), { trace: true }).trace?.lines ?? [];
  t.true(lines.length > 1000);
  t.true(stdout.includes(`\n${lines.join('\n')}\n`));
});

test('a schedule that was saved is the same run, from its file', async (t) => {
  const lab = labOf(t);
  const saved = await lab.run(`--seed 5 --profile lite --save ${lab.at('a.json')}`);
  const again = await lab.run(`--schedule ${lab.at('a.json')}`);
  t.is(hashOf(saved), hashOf(again));
  t.not(hashOf(saved), hashOf(await lab.run('--seed 6 --profile lite')));
  t.deepEqual(
    parseSchedule(readFileSync(lab.at('a.json'), 'utf8'), 'a.json'),
    scheduleOf(5, 'lite'),
  );
});

function hashOf({ stdout }: Ended): string {
  return /^trace hash {2}([0-9a-f]{16})$/m.exec(stdout)?.[1] ?? 'none';
}

test('the schedules of seeds can be saved and read', (t) => {
  for (const profile of ['lite', 'default', 'harsh'] as const) {
    for (let seed = 1; seed <= 40; seed++) {
      const schedule = scheduleOf(seed, profile);
      t.deepEqual(parseSchedule(textOf(schedule), 'a.json'), schedule);
    }
  }
});

function textOf(schedule: Schedule): string {
  return JSON.stringify(schedule);
}

test('--history writes a line for each operation', async (t) => {
  const lab = labOf(t);
  await lab.run(`--seed 3 --profile lite --history ${lab.at('a.ndjson')}`);
  const lines = readFileSync(lab.at('a.ndjson'), 'utf8').trimEnd().split('\n');
  const { history } = runSchedule(scheduleOf(3, 'lite'));
  t.true(history.length > 10);
  t.is(lines.filter((line) => 'op' in JSON.parse(line)).length, history.length);
});

test('--json prints one document, and what is for people on the other stream', async (t) => {
  const { status, stdout, stderr } = await labOf(t).run('--seed 3 --profile lite --json');
  t.is(status, 0);
  const { schedule, result } = JSON.parse(stdout);
  t.is(schedule.seed, 3);
  t.is(result.verdict.kind, 'pass');
  t.is(result.traceHash, runSchedule(scheduleOf(3, 'lite')).traceHash);
  t.regex(stderr, /^verdict {5}pass$/m);
});

// ---- Shrinking ----------------------------------------------------------------------------------

/** The real simulator, but a run in which n1 is crashed is said to have broken a property. */
const breaksOnCrash: Simulator = {
  scheduleOf: (seed) => ({
    ...scheduleOf(seed, 'lite'),
    faults: [
      { atMs: 2000, fault: { kind: 'partition', groups: [['n1']] }, forMs: 500 },
      { atMs: 3000, fault: { kind: 'crash', node: 'n1' }, forMs: 1000 },
      { atMs: 5000, fault: { kind: 'heal' } },
    ],
  }),
  runSchedule: (schedule, options) => {
    const result = runSchedule(schedule, options);
    const crash = schedule.faults.find(({ fault }) => fault.kind === 'crash');
    const verdict =
      crash === undefined ? ({ kind: 'pass' } as const) : violationOf('X', crash.atMs);
    return { ...result, verdict };
  },
};

const FAILURE_FILES = [
  'history.ndjson',
  'schedule.json',
  'spacetime.svg',
  'timeline.html',
  'trace.txt',
];

test('--shrink writes a small failure, which fails again from its file', async (t) => {
  const lab = labOf(t, breaksOnCrash);
  const { status, stdout } = await lab.run('--seed 4 --shrink');
  t.is(status, 1);
  const directory = join(lab.directory, 'failures', '4');
  t.deepEqual(readdirSync(directory).sort(), FAILURE_FILES);
  for (const file of FAILURE_FILES) t.true(readFileSync(join(directory, file)).length > 50, file);
  t.regex(stdout, /^ {2}faults {6}3 → 1$/m);
  t.regex(stdout, /^ {2}operations {2}\d+ → 0$/m);
  t.regex(stdout, /^ {2}nodes {7}3 → 1$/m);
  const path = join(directory, 'schedule.json');
  t.true(stdout.includes(`REPRODUCE: npm run sim -- --schedule ${path}   # commit 1a2b3c4d-dirty`));
  t.is(parseSchedule(readFileSync(path, 'utf8'), path).name.split(' ')[0], 'shrunk');

  const again = await lab.run(`--schedule ${path}`);
  t.is(again.status, 1);
  const small = stdout.slice(stdout.indexOf('shrunk in'));
  t.is(hashOf(again), hashOf({ ...again, stdout: small }));
});

test('--shrink leaves a run that passes alone', async (t) => {
  const lab = labOf(t, passing);
  const { status, stdout } = await lab.run('--seed 4 --shrink');
  t.is(status, 0);
  t.regex(stdout, /nothing to shrink: no property was broken/);
  t.deepEqual(readdirSync(lab.directory), []);
});

test('--shrink ends when its time is over, and when interrupted, with what it has', async (t) => {
  const lab = labOf(t, breaksOnCrash);
  const timely = await lab.run('--seed 4 --shrink --for 0.02s');
  t.is(timely.status, 1);
  t.regex(timely.stdout, /^shrunk in \d+ runs and 0:00, until the time was over:$/m);
  lab.interruption.abort();
  const interrupted = await lab.run('--seed 5 --shrink');
  t.is(interrupted.status, 130);
  t.regex(interrupted.stdout, /^shrunk in 1 run and 0:00, interrupted:$/m);
  t.true(existsSync(join(lab.directory, 'failures', '5', 'schedule.json')));
});

// ---- Swarms -------------------------------------------------------------------------------------

test('a swarm runs every seed once and says what it has covered', async (t) => {
  const lab = labOf(t, passing);
  const { status, stdout } = await lab.run('--seeds 1..10,50,90..92 --threads 3');
  t.is(status, 0);
  t.deepEqual(
    lab.seeds.toSorted((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 50, 90, 91, 92],
  );
  t.regex(
    stdout,
    /^seeds {7}1\.\.10,50,90\.\.92 of profile default: 14 run in 0:00 on 3 threads$/m,
  );
  t.regex(stdout, /^verdicts {4}14 passed, 0 vacuous, 0 violations$/m);
  t.regex(stdout, /^faults {6}14 of 28 bit; in a run at least 1, median 1$/m);
  t.regex(stdout, /^operations {2}280 ok, 42 failed, 14 unknown$/m);
  t.regex(stdout, /^messages {4}1,400 sent, 10\.0 % dropped$/m);
  t.regex(stdout, /^recovery {4}median 250 ms, at most 250 ms \(seed 1\)$/m);
  t.regex(stdout, /^nodes 3 at 0\/s +8 +\S+ +12 +4\.2 % +10\.0 % +250 ms$/m);
  t.regex(stdout, /^nodes 4 at 0\/s +6 /m);
  t.notRegex(stdout, /preVote/, 'an option that does not vary tells nothing');
});

test('a swarm stops at the first violation', async (t) => {
  const lab = labOf(
    t,
    madeUp((seed) => (seed % 100 === 7 ? violationOf('Log Matching') : { kind: 'pass' })),
  );
  const { status, stdout } = await lab.run('--seeds 1..10000 --profile harsh');
  t.is(status, 1);
  t.true(lab.seeds.length < 40, `${lab.seeds.length}`);
  t.regex(stdout, /^verdicts {4}\d+ passed, 0 vacuous, 1 violation$/m);
  t.regex(stdout, /^seed 7 {6}VIOLATION of Log Matching at 5,000 ms: Log Matching is broken$/m);
  t.deepEqual(stdout.trimEnd().split('\n').slice(-2), [
    'REPRODUCE: npm run sim -- --seed 7 --profile harsh   # commit 1a2b3c4d-dirty',
    'to make it small: npm run sim -- --seed 7 --profile harsh --shrink',
  ]);
});

test('a swarm lists what put nothing to the test, and fails for it at the end', async (t) => {
  const lab = labOf(
    t,
    madeUp((seed) => (seed % 2 === 0 ? VACUOUS : { kind: 'pass' })),
  );
  const { status, stdout } = await lab.run('--seeds 1..60');
  t.is(status, 1);
  t.is(lab.seeds.length, 60, 'it goes on');
  t.regex(stdout, /^verdicts {4}30 passed, 30 vacuous, 0 violations$/m);
  t.regex(stdout, /^ {2}2 {9}no fault bit$/m);
  t.regex(stdout, /^ {2}40 {8}no fault bit\n {2}and 10 more\nagain: npm run sim -- --seed 2 /m);
});

test('a run that throws is a failure with its seed', async (t) => {
  const lab = labOf(t, {
    ...passing,
    runSchedule: ({ seed }) => {
      if (seed === 6) throw new Error('a defect');
      return resultWith({ kind: 'pass' });
    },
  });
  const { status, stdout } = await lab.run('--seeds 1..20');
  t.is(status, 1);
  t.regex(stdout, /^verdicts {4}\d+ passed, 0 vacuous, 0 violations, 1 error$/m);
  t.regex(stdout, /^seed 6 {6}ERROR in the lab: Error: a defect/m);
  t.regex(stdout, /REPRODUCE: npm run sim -- --seed 6 /);
});

test('--for ends a list without end, from its first seed on', async (t) => {
  const lab = labOf(t, passing);
  for (const [words, first] of [
    ['--for 0.1s', 1],
    ['--for 0.1s --seeds 500..', 500],
  ] as const) {
    lab.seeds.splice(0);
    const { status, stdout } = await lab.run(words);
    t.is(status, 0);
    const seeds = lab.seeds.toSorted((a, b) => a - b);
    t.true(seeds.length > 20 && seeds.length < 1000, `${seeds.length}`);
    t.deepEqual(
      seeds,
      seeds.map((_, i) => first + i),
    );
    t.true(stdout.includes(`${first}.. of profile default: ${seeds.length} run`));
  }
});

test('an interrupted swarm tells what it has', async (t) => {
  const lab = labOf(t);
  lab.simulator = madeUp((seed) => {
    if (seed === 5) lab.interruption.abort();
    return { kind: 'pass' };
  });
  const { status, stdout } = await lab.run('--seeds 1..1000');
  t.is(status, 130);
  t.true(lab.seeds.length < 40);
  t.regex(stdout, /^seeds .* run in 0:00 on 2 threads,\n? +interrupted$/m);
});

test('--json of a swarm is one document', async (t) => {
  const lab = labOf(
    t,
    madeUp((seed) => (seed === 7 ? violationOf('Log Matching') : VACUOUS)),
  );
  const { status, stdout, stderr } = await lab.run('--seeds 4..7 --json');
  t.is(status, 1);
  const document = JSON.parse(stdout);
  t.like(document, {
    schemaVersion: 1,
    profile: 'default',
    seeds: '4..7',
    runs: 4,
    verdicts: { passed: 0, vacuous: 3, failed: 1 },
    droppedShare: 0.1,
    recoveryMsMax: 250,
  });
  t.like(document.failures[0], {
    seed: 7,
    reproduce: 'npm run sim -- --seed 7 --profile default',
  });
  t.deepEqual(
    document.options.map((option: { value: string }) => option.value),
    ['3 at 0/s', '4 at 0/s'],
  );
  t.regex(stderr, /^verdicts/m);
});

// ---- Seeds and sums -----------------------------------------------------------------------------

test('a list of seeds reads as it is written, and gives its seeds in order', (t) => {
  const range = fc
    .tuple(fc.nat({ max: 1000 }), fc.nat({ max: 40 }))
    .map(([from, more]) => ({ from, to: from + more }));
  always(
    t,
    fc.property(fc.array(range, { minLength: 1 }), (ranges) => {
      const read = parseSeeds(rangesText(ranges));
      const all = ranges.flatMap(({ from, to }) =>
        Array.from({ length: to - from + 1 }, (_, i) => from + i),
      );
      return (
        JSON.stringify([...seedsOf(read)]) === JSON.stringify(all) && seedCount(read) === all.length
      );
    }),
  );
  t.deepEqual(parseSeeds('3..'), [{ from: 3, to: null }]);
  t.is(seedCount(parseSeeds('1..2,3..')), null);
});

test('the order in which runs end makes no difference to what is told', (t) => {
  const summaries = Array.from({ length: 40 }, (_, i): SeedSummary => {
    const verdict: Verdict =
      i % 7 === 0 ? VACUOUS : i % 11 === 5 ? violationOf('X') : { kind: 'pass' };
    const { coverage, ...result } = resultWith(verdict, { recoveredAfterMs: (i * 37) % 400 });
    const covered = { ...coverage, faultsBit: i % 9 };
    return {
      seed: i,
      verdict,
      options: { nodes: String(i % 3) },
      result: { ...result, coverage: covered, wallMs: 1 },
    };
  });
  const told = (order: readonly SeedSummary[]): string => {
    const tally = new Tally();
    for (const summary of order) tally.add(summary);
    const { all, slowest, vacuousSeeds, options } = tally;
    const quantiles = [0, 0.5, 1].map((share) => all.faultsBit.quantile(share));
    const values = options.map(({ value, totals }) => [value, totals.runs, totals.coverage]);
    const first = tally.firstFailure?.seed;
    return JSON.stringify([all.coverage, slowest, vacuousSeeds, quantiles, values, first]);
  };
  const expected = told(summaries);
  always(
    t,
    fc.property(
      fc.shuffledSubarray(summaries, { minLength: summaries.length }),
      (order) => told(order) === expected,
    ),
  );
  t.regex(expected, /\[0,3,8\]/);
});

// ---- The real command, in a process of its own --------------------------------------------------

function spawned(words: string): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...words.split(' ')], (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test('the command runs a seed, and the same twice', async (t) => {
  const first = await spawned('--seed 3 --profile lite');
  t.is(first.status, 0, first.stderr);
  t.is(hashOf(first), runSchedule(scheduleOf(3, 'lite')).traceHash);
});

test('a swarm on two threads counts what one thread counts', async (t) => {
  const counted = async (threads: number): Promise<unknown> => {
    const words = `--seeds 1..12 --profile lite --json --threads ${threads}`;
    const { stdout, stderr } = await spawned(words);
    t.not(stdout, '', stderr);
    const { runs, events, coverage, verdicts, options } = JSON.parse(stdout);
    return { runs, events, coverage, verdicts, options };
  };
  const [one, two] = [await counted(1), await counted(2)];
  t.deepEqual(one, two);
  t.like(one, { runs: 12 });
});

test('a mistake ends the command with one line', async (t) => {
  const { status, stdout, stderr } = await spawned('--seeds none');
  t.is(status, 2);
  t.is(stdout, '');
  t.regex(stderr, /^sim: --seeds got 'none'[^\n]+\n$/);
});

test('a planted bug is found, and the line that repeats the run plants it again', async (t) => {
  const words = ['--seed', '1', '--profile', 'lite', '--mutant', 'acknowledge-before-persist'];
  const ended = await new Promise<{ status: number; stdout: string }>((resolve) => {
    execFile(process.execPath, [command, ...words], (error, stdout) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout });
    });
  });
  t.is(ended.status, 1, ended.stdout);
  t.regex(ended.stdout, /VIOLATION of Persisted Before Promised/);
  t.regex(ended.stdout, /^REPRODUCE: .* --seed 1 --profile lite --mutant acknowledge-before-p/m);
});

// ---- Runs that do not end -----------------------------------------------------------------------

type Edit = Pick<Mutant, 'file' | 'replace'>;

/** Edits as the catalogue has them; each says on its way into the loop that it gets there. */
const LOOP = "process.getBuiltinModule('fs').writeSync(2, 'in the loop'); for (;;);";
const LOOPS_IN_AN_EVENT: Edit = {
  file: 'src/raft/election.ts',
  replace: [{ find: '  becomeCandidate(', with: `  ${LOOP}\n  becomeCandidate(` }],
};
const LOOPS_AT_SEED_3: Edit = {
  file: 'lab/sim/run.ts',
  replace: [{ find: '  return new', with: `  if (schedule.seed === 3) { ${LOOP} }\n  return new` }],
};

/** The real command with an edit; it gets the signal, if one is named, once it is in the loop. */
function looping(edit: Edit, words: string, signal?: 'SIGTERM' | 'SIGINT'): Promise<Ended> {
  const child = spawn(process.execPath, [`--import=${plant}`, command, ...words.split(' ')], {
    env: { ...process.env, RAFT_LAB_MUTANT: JSON.stringify({ name: 'a loop', ...edit }) },
  });
  const printed = { stdout: '', stderr: '' };
  let signalled = signal === undefined;
  for (const to of ['stdout', 'stderr'] as const) {
    child[to].on('data', (chunk) => {
      printed[to] += chunk;
      if (signalled || !printed.stderr.includes('in the loop')) return;
      signalled = child.kill(signal);
    });
  }
  return new Promise((resolve) => {
    child.once('close', (status) => resolve({ status: status ?? -1, ...printed }));
  });
}

test('a swarm ends a run that hangs, names its seed and goes on with the others', async (t) => {
  const words = '--seeds 1..8 --profile lite --threads 2 --hang-s 15';
  const { status, stdout, stderr } = await looping(LOOPS_AT_SEED_3, words);
  t.is(status, 1, stderr);
  t.regex(stdout, /^seeds {7}1\.\.8 of profile lite: 8 run in /m);
  t.regex(stdout, /^verdicts {4}7 passed, 0 vacuous, 0 violations, 1 hang$/m);
  t.regex(stdout, /^seed 3 {6}HANG: the run did not end: nothing happened for \d+ s/m);
  t.regex(stdout, /^REPRODUCE: npm run sim -- --seed 3 --profile lite/m);
});

test('a single run that hangs is told with what it was and how to see it again', async (t) => {
  const { status, stdout, stderr } = await looping(LOOPS_IN_AN_EVENT, '--seed 3 --hang-s 15');
  t.is(status, 1, stderr);
  t.regex(stdout, /^faults {6}\d+$/m);
  t.regex(
    stdout,
    /^verdict {5}HANG: the run did not end: nothing happened for 15 s \(--hang-s\)$/m,
  );
  t.regex(stdout, /^REPRODUCE: npm run sim -- --seed 3 --profile default/m);
});

for (const [words, edit] of [
  ['--seed 3', LOOPS_IN_AN_EVENT],
  ['--seed 3 --shrink', LOOPS_IN_AN_EVENT],
  ['--seeds 3..9', LOOPS_AT_SEED_3],
] as const) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} ends ${words} in a loop, long before it is said to hang`, async (t) => {
      const ended = await looping(edit, `${words} --hang-s 3600`, signal);
      t.is(ended.status, 130, ended.stderr);
      t.notRegex(ended.stdout, /HANG/);
    });
  }
}

test('a clock of beats tells work that goes on from work that does not', async (t) => {
  let beat = 1;
  const beats = setInterval(() => beat++, 1);
  const limitMs = (): number => 600;
  const hung = await new Promise<string>((resolve) => {
    const release = watch({ beat: () => beat, limitMs, hung: () => resolve('what goes on') });
    watch({
      beat: () => 1,
      limitMs,
      hung: () => {
        release();
        resolve('what stands still');
      },
    });
  });
  clearInterval(beats);
  t.is(hung, 'what stands still');
  t.is(limitFor(60_000, null), 60_000);
  t.is(limitFor(60_000, 100), 60_000);
  t.is(limitFor(60_000, 2000), 100_000);
});
