/**
 * The experiments `membership` and `rolling-restart`: their schedules, what single runs show, that
 * the controls do have gaps, and that the same seeds give the same report, byte by byte.
 *
 *     npx ava test/availability.test.ts
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { parseArguments } from '../lab/availability/arguments.ts';
import { HEARTBEAT_MS } from '../lab/availability/cluster.ts';
import { commandOf, complaintsOf } from '../lab/availability/experiment.ts';
import { longestGapMs } from '../lab/availability/gaps.ts';
import { membershipExperiment } from '../lab/availability/membership.ts';
import {
  CELLS,
  type Cell,
  membershipPlan,
  type Size,
} from '../lab/availability/membership-schedule.ts';
import { type MembershipRow, membershipTrial } from '../lab/availability/membership-trial.ts';
import { rollingExperiment } from '../lab/availability/rolling-restart.ts';
import { CELLS as ROLLING_CELLS, rollingPlan } from '../lab/availability/rolling-schedule.ts';
import { type RollingRow, rollingTrial } from '../lab/availability/rolling-trial.ts';
import { unserved } from '../lab/availability/served.ts';
import { formatSchedule, parseSchedule } from '../lab/schedule-file.ts';
import { OWN_COMMANDS, type OwnContext } from '../lab/sweep/own-commands.ts';
import { UserError } from '../src/user-error.ts';

/** Just long enough a log for a blank voter to keep requests waiting beyond their time limit. */
const SMALL: Size = {
  large: { count: 900, bytes: 1000, keys: 300 },
  bytesPerSecond: [600_000, 700_000],
  changeEveryMs: 2000,
};
const DOWN: Cell = {
  variant: 'learner',
  servers: 'one down',
  catchUp: 'entries',
  leaves: 'follower',
};
const TWO_HEARTBEATS_MS = 2 * HEARTBEAT_MS;

function membershipRow(cell: Cell, seed = 1): MembershipRow {
  return membershipTrial({ cell, trial: 0, seed, size: SMALL, withCurve: false }).row;
}

// ---- Gaps ---------------------------------------------------------------------------------------

test('a gap is counted as a whole where it reaches into the span, and lasts to the end', (t) => {
  const advances = [10, 20, 120, 130].map((atMs, index) => ({ atMs, index }));
  const gapMs = (fromMs: number, toMs: number): number =>
    longestGapMs(advances, { fromMs, toMs }, 200);
  t.is(gapMs(100, 110), 100);
  t.is(gapMs(10, 20), 10);
  t.is(gapMs(0, 125), 100);
  t.is(gapMs(120, 130), 10);
  t.is(gapMs(140, 150), 70);
  t.is(longestGapMs([], { fromMs: 0, toMs: 50 }, 80), 80);
});

// ---- Schedules ----------------------------------------------------------------------------------

test('schedules are valid, come from their seed, and give all variants the same load', (t) => {
  for (const cell of CELLS) {
    const { schedule, changes } = membershipPlan(7, cell);
    t.deepEqual(parseSchedule(formatSchedule(schedule), 'a schedule'), schedule);
    t.deepEqual(membershipPlan(7, cell).schedule, schedule);
    t.deepEqual(
      changes.map(({ voters }) => voters),
      [4, 5, 4, 3],
    );
    t.deepEqual(membershipPlan(7, DOWN).schedule.operations, schedule.operations);
    t.notDeepEqual(membershipPlan(8, cell).schedule.operations, schedule.operations);
  }
  for (const cell of ROLLING_CELLS) {
    const { schedule, slots } = rollingPlan(7, cell);
    t.deepEqual(parseSchedule(formatSchedule(schedule), 'a schedule'), schedule);
    t.is(slots.length, cell.nodes);
    t.is(new Set(slots.map(({ node }) => node)).size, cell.nodes);
  }
});

test('only who is asked to join, and how, differs between learner and blank', (t) => {
  const kinds = (variant: Cell['variant']): string[] =>
    membershipPlan(7, { ...DOWN, variant }).schedule.faults.map(({ fault }) => fault.kind);
  t.deepEqual(kinds('learner'), ['crash', 'join', 'join', 'leave', 'leave']);
  t.deepEqual(kinds('blank'), ['crash', 'joinBlank', 'joinBlank', 'leave', 'leave']);
});

// ---- Membership ---------------------------------------------------------------------------------

test('with one server down a learner costs nothing, and a blank voter stops the cluster', (t) => {
  const learner = membershipRow(DOWN);
  t.is(learner.audit, 'ok');
  t.is(unserved(learner.metrics.served), 0);
  t.true(learner.metrics.gapMs <= TWO_HEARTBEATS_MS);
  t.is(learner.metrics.elections, 0);

  const blank = membershipRow({ ...DOWN, variant: 'blank' });
  t.is(blank.audit, 'ok');
  const [join4, ...others] = blank.metrics.changes;
  t.true((join4?.gapMs ?? 0) > 10 * TWO_HEARTBEATS_MS);
  // It commits nothing until the newcomer has the log, and its joining is part of that.
  t.true((join4?.gapMs ?? 0) >= (join4?.tookMs ?? 0));
  t.true(others.every(({ gapMs }) => gapMs <= TWO_HEARTBEATS_MS));
  t.true(unserved(blank.metrics.served) > 0);
  t.is(blank.metrics.served.acknowledgedWritesLost, 0);
});

test('while all servers are up nobody notices a blank voter', (t) => {
  const { audit, metrics } = membershipRow({ ...DOWN, variant: 'blank', servers: 'all up' });
  t.is(audit, 'ok');
  t.true(metrics.gapMs <= TWO_HEARTBEATS_MS);
  t.is(unserved(metrics.served), 0);
});

test('a learner is promoted later than a blank voter joins, and by a snapshot sooner', (t) => {
  const tookMs = (cell: Partial<Cell>): number =>
    membershipRow({ ...DOWN, servers: 'all up', ...cell }).metrics.changes[0]?.tookMs ?? 0;
  const [blank, entries, snapshot] = [
    tookMs({ variant: 'blank' }),
    tookMs({}),
    tookMs({ catchUp: 'snapshot' }),
  ];
  t.true(blank > 0 && blank < 50, `${blank}`);
  t.true(snapshot > blank && snapshot < entries / 2, `${snapshot} of ${entries}`);
  t.true(entries > 1000, `${entries}`);
});

test('a leader that leaves hands over within two heartbeats', (t) => {
  const { audit, metrics } = membershipRow({ ...DOWN, servers: 'all up', leaves: 'leader' });
  t.is(audit, 'ok');
  t.is(metrics.elections, 1);
  const last = metrics.changes.at(-1);
  t.is(last?.name, 'leave leader');
  t.true((last?.gapMs ?? 0) <= TWO_HEARTBEATS_MS);
});

// ---- Rolling restart ----------------------------------------------------------------------------

for (const nodes of [3, 5]) {
  test(`with transfer the leader of ${nodes} restarts with a shorter gap than without`, (t) => {
    const rowOf = (way: 'with transfer' | 'without'): RollingRow =>
      rollingTrial({ cell: { way, nodes }, trial: 0, seed: 2, withCurve: false }).row;
    const [withTransfer, without] = [rowOf('with transfer'), rowOf('without')];
    for (const { audit, metrics } of [withTransfer, without]) {
      t.is(audit, 'ok');
      t.is(metrics.served.acknowledgedWritesLost, 0);
      t.deepEqual(
        metrics.restarts.map(({ node }) => node),
        Array.from({ length: nodes }, (_, i) => `n${i + 1}`),
      );
    }
    t.is(unserved(withTransfer.metrics.served), 0);
    const [first, second] = [withTransfer.metrics.restarts[0], without.metrics.restarts[0]];
    t.deepEqual([first?.led, first?.ledWhenDown], [true, false]);
    t.deepEqual([second?.led, second?.ledWhenDown], [true, true]);
    // No election timeout passes, where without at least the shortest one does.
    t.true((first?.gapMs ?? 0) < 100);
    t.true((second?.gapMs ?? 0) > 140);
    t.true((first?.gapBeforeDownMs ?? 0) <= (first?.gapMs ?? 0));
    for (const { gapMs, led } of without.metrics.restarts) if (!led) t.true(gapMs < 50);
  });
}

// ---- What is made of runs -----------------------------------------------------------------------

test('a broken promise fails the experiment, and so does a control without a gap', (t) => {
  const experiment = membershipExperiment(SMALL);
  const row = membershipRow(DOWN);
  t.deepEqual(complaintsOf(experiment, [row]), []);
  const broken = { ...row, seed: 9, audit: 'nothing was committed for 120 ms' };
  t.deepEqual(complaintsOf(experiment, [broken]), [
    'learner, one down, entries, seed 9: nothing was committed for 120 ms; ' +
      'again: npm run experiment -- membership --seeds 9',
  ]);
  const idle: MembershipRow = { ...row, factors: { ...DOWN, variant: 'blank' } };
  t.regex(complaintsOf(experiment, [idle])[0] ?? '', /^the control shows no gap \(blank, one down/);
});

// ---- The commands -------------------------------------------------------------------------------

type Ended = { status: number; stdout: string; stderr: string };

function directoryOf(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'raft-availability-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function run(
  main: (words: readonly string[], context: OwnContext) => Promise<number>,
  words: string,
  directory: string,
  signal = new AbortController().signal,
): Promise<Ended> {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const machine = { platform: 'linux', arch: 'x64', cpu: 'a cpu', cores: 2, memoryGiB: 4 };
  const status = await main(words.split(' '), {
    stdout,
    stderr,
    resultsDirectory: directory,
    surroundings: () => ({ commit: '1a2b3c4', nodeVersion: process.version, machine }),
    interruption: () => ({ signal, release: () => {} }),
  });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

/** A terminal of 80 columns that is not one. */
class Sink extends Writable {
  readonly columns = 80;
  text = '';

  override _write(chunk: unknown, _encoding: unknown, done: () => void): void {
    this.text += String(chunk);
    done();
  }
}

/** All files but the manifest, which tells the time. */
function filesIn(directory: string): Record<string, string> {
  const files = readdirSync(directory).filter((file) => file !== 'manifest.json');
  return Object.fromEntries(
    files.toSorted().map((file) => [file, readFileSync(join(directory, file), 'utf8')]),
  );
}

/** One of each kind. */
const SOME = [DOWN, { ...DOWN, variant: 'blank' }, { ...DOWN, leaves: 'leader' }] as const;
const COMMANDS = {
  membership: { main: commandOf(membershipExperiment(SMALL, SOME)), rows: SOME.length },
  'rolling-restart': { main: commandOf(rollingExperiment()), rows: ROLLING_CELLS.length },
};

for (const [name, { main, rows }] of Object.entries(COMMANDS)) {
  test(`${name} writes a report, the same each time, and a table of 80 columns`, async (t) => {
    const directory = directoryOf(t);
    const { status, stdout } = await run(main, '--seeds 3', directory);
    t.is(status, 0, stdout);
    const out = join(directory, `${name}-custom`);
    const files = filesIn(out);
    const names = ['commits.svg', 'gaps.svg', 'report.html', 'report.md', 'results.json'];
    t.deepEqual(Object.keys(files), names);
    t.is(JSON.parse(files['results.json'] ?? '').rows.length, rows);
    t.regex(files['report.md'] ?? '', /npm run experiment -- .* --seeds 3/);
    t.true(files['report.html']?.includes(files['gaps.svg']?.trim() ?? 'no picture'));
    const lines = stdout.split('\n').filter((line) => !line.includes('report:'));
    t.deepEqual(
      lines.filter((line) => line.length > 80),
      [],
    );
    t.is(lines.length, rows + 3);

    await run(main, '--seeds 3', directory);
    t.deepEqual(filesIn(out), files);
  });

  test(`${name} stops when interrupted and writes nothing`, async (t) => {
    const directory = directoryOf(t);
    const { status, stderr } = await run(main, '--quick', directory, AbortSignal.abort());
    t.is(status, 130);
    t.regex(stderr, /stopped: nothing was written/);
    t.false(existsSync(join(directory, `${name}-custom`, 'report.md')));
  });

  test(`${name} --help and mistakes`, async (t) => {
    const load = OWN_COMMANDS[name]?.load ?? t.fail();
    const loaded = await load();
    const { status, stdout } = await run(loaded.main, '--help', directoryOf(t));
    t.is(status, 0);
    t.regex(stdout, new RegExp(`npm run experiment -- ${name} --quick`));
    const mistakes: readonly (readonly [string, RegExp])[] = [
      ['--seeds 1..', /--seeds got '1..'; allowed: seeds and ranges .* with an end/],
      ['--seeds x', /--seeds got 'x'/],
      ['--seeds 1 --seeds 2', /--seeds got '1' and again '2'/],
      ['--quick --seeds 1', /--quick got '--seeds 1'; allowed: one of the two/],
      ['--sedes 1', /unknown option '--sedes'/],
    ];
    for (const [words, expected] of mistakes) {
      const error = await t.throwsAsync(run(loaded.main, words, directoryOf(t)), {
        instanceOf: UserError,
      });
      t.regex(error?.message ?? '', expected);
    }
  });
}

test('only the experiment as it is written replaces the committed results', (t) => {
  for (const experiment of [membershipExperiment(), rollingExperiment()]) {
    const isDefault = (words: string[]): boolean => {
      const request = parseArguments(words, experiment, 80);
      return request.kind === 'run' && request.isDefault;
    };
    t.true(isDefault([]));
    t.true(isDefault(['--json', '--seeds', experiment.seeds]));
    t.false(isDefault(['--quick']));
    t.false(isDefault(['--seeds', '2']));
  }
});
