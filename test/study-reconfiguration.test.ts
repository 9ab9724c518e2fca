/**
 * Shows that the study of reconfiguration changes memberships as it says, without a leader lost or
 * a write unserved, that a state takes the time that its line and chunks make of it, and that its
 * report says what the data say.
 *
 *     npx ava test/study-reconfiguration.test.ts
 */
import test from 'ava';
import { expectedCatchUpMs } from '../experiments/reconfiguration/expected.ts';
import { hardest, type Result } from '../experiments/reconfiguration/numbers.ts';
import { type Cell, CHANGES, hasNewcomers } from '../experiments/reconfiguration/setup.ts';
import study from '../experiments/reconfiguration/study.ts';
import { type Sample, trial } from '../experiments/reconfiguration/trial.ts';
import { NOT_A_NUMBER, reportOf } from './support/study-report.ts';

const ABOUT = { seed: 1, command: 'npm run experiment -- reconfiguration' };
const results: readonly Result[] = CHANGES.map((change) => {
  const cell: Cell = { change, stateMb: hasNewcomers(change) ? 1 : 0, megabytesPerSecond: 10 };
  return { cell, samples: [trial(cell, 3)] };
});

function at(change: Cell['change']): Sample {
  const sample = hardest(results, change)?.samples[0];
  if (sample === undefined) throw new RangeError(`${change} was not run`);
  return sample;
}

function doctored(change: Partial<Sample>): Result[] {
  return results.map(({ cell, samples }) => {
    return { cell, samples: samples.map((sample) => ({ ...sample, ...change })) };
  });
}

test('a seed has one outcome, another seed another', (t) => {
  const cell: Cell = { change: 'add', stateMb: 0, megabytesPerSecond: 100 };
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

test('every write is served, and only a leader that is removed is followed by another', (t) => {
  for (const { cell, samples } of results) {
    for (const { elections, unserved } of samples) {
      t.is(unserved, 0, cell.change);
      t.is(elections, cell.change === 'remove-leader' ? 1 : 0, cell.change);
    }
  }
});

test('who leaves costs a commit; who comes, as long as the state takes', (t) => {
  t.true(at('remove').doneMs < 10);
  t.is(at('remove').catchUpMs, null);
  for (const change of ['add', 'replace'] as const) {
    const { catchUpMs, doneMs } = at(change);
    const expected = expectedCatchUpMs({ change, stateMb: 1, megabytesPerSecond: 10 });
    t.true(Math.abs((catchUpMs ?? 0) / expected - 1) < 0.15, `${change}: ${catchUpMs} ms`);
    t.true(doneMs >= (catchUpMs ?? 0) && doneMs < (catchUpMs ?? 0) + 20);
  }
  t.true(at('replace-two').doneMs > 1.4 * at('replace').doneMs, 'two share the line');
});

test('a leader that is removed leaves the others without one for less than their timeout', (t) => {
  const { gapBeforeMs, gapMs } = at('remove-leader');
  t.true(gapMs > gapBeforeMs);
  t.true(gapMs < 150, `${gapMs} ms`);
});

test('the expected time grows with the state and shrinks with the line', (t) => {
  const expected = (stateMb: number, megabytesPerSecond: number): number =>
    expectedCatchUpMs({ change: 'add', stateMb, megabytesPerSecond });
  t.true(expected(10, 10) > 7 * expected(1, 10));
  t.true(expected(10, 10) > 5 * expected(10, 100));
  // However fast the line, a window of chunks waits for the one before it to be answered.
  t.true(expected(10, 10_000) > (10_000_000 / 65_536 / 8) * 2);
  t.is(expectedCatchUpMs({ change: 'remove', stateMb: 10, megabytesPerSecond: 10 }), 0);
});

test('the verdict says whether a gap outlasts a timeout, and what was not served', (t) => {
  const { verdict } = study.findings(results, ABOUT);
  t.regex(verdict, /^To remove a follower takes .* shorter than .* and every write was served\.$/);
  const worse = study.findings(doctored({ gapMs: 400, unserved: 2 }), ABOUT);
  t.regex(worse.verdict, /400 ms, no shorter than .* and 10 writes were not\.$/);
});

test('times to catch up that are not as expected are told', (t) => {
  const toneOf = (from: readonly Result[]): string[] =>
    study
      .findings(from, ABOUT)
      .tables[0]?.rows.flatMap((row) =>
        row.flatMap((cell) => (typeof cell === 'string' ? [] : [cell.tone ?? ''])),
      ) ?? [];
  t.deepEqual(toneOf(results), ['good', 'good', 'good']);
  t.deepEqual(toneOf(doctored({ catchUpMs: 5000 })), ['bad', 'bad', 'bad']);
});

test('the report has no number that is none, whatever is missing', (t) => {
  t.notRegex(reportOf(study, results), NOT_A_NUMBER);
  t.notRegex(reportOf(study, results.slice(-1)), NOT_A_NUMBER);
  t.notRegex(
    reportOf(
      study,
      results.map(({ cell }) => ({ cell, samples: [] })),
    ),
    NOT_A_NUMBER,
  );
  t.notRegex(reportOf(study, []), NOT_A_NUMBER);
});

test('who leaves needs no state, and a large state is run less often', (t) => {
  t.false(study.isCell?.({ change: 'remove', stateMb: 1, megabytesPerSecond: 10 }));
  t.true(study.isCell?.({ change: 'remove', stateMb: 0, megabytesPerSecond: 10 }));
  const large: Cell = { change: 'add', stateMb: 10, megabytesPerSecond: 10 };
  t.true((study.trialsOf?.(large, 100) ?? 100) < 100);
  t.is(study.trialsOf?.(large, 2), 2);
});
