/**
 * Shows that the study of failing followers has followers fail and come back as it says, that what
 * it expects of latencies is what draws of the model give, and that its report says what the data
 * say.
 *
 *     npx ava test/study-follower-failure.test.ts
 */
import test from 'ava';
import { expectedQuantile, expectedShare } from '../experiments/follower-failure/expected.ts';
import { pooled, type Result } from '../experiments/follower-failure/numbers.ts';
import { type Cell, DISK_MS, HOWS, LINK } from '../experiments/follower-failure/setup.ts';
import study from '../experiments/follower-failure/study.ts';
import { type Sample, trial } from '../experiments/follower-failure/trial.ts';
import { quantile } from '../lab/report/stats.ts';
import { fork, nextUint32, type RandomState } from '../src/raft/random.ts';
import { NOT_A_NUMBER, reportOf } from './support/study-report.ts';

const CELLS: readonly Cell[] = [
  { nodes: 5, how: 'none', failed: 0 },
  ...HOWS.filter((how) => how !== 'none').map((how): Cell => ({ nodes: 5, how, failed: 2 })),
];
const results: readonly Result[] = CELLS.map((cell) => ({ cell, samples: [trial(cell, 3)] }));

function at(how: Cell['how']): Sample {
  const sample = results.find(({ cell }) => cell.how === how)?.samples[0];
  if (sample === undefined) throw new RangeError(`${how} was not run`);
  return sample;
}

function medianMs(sample: Sample): number {
  return (
    quantile(
      pooled([sample], ({ latenciesMs }) => latenciesMs),
      0.5,
    ) ?? 0
  );
}

/** Every latency times a factor. */
function slowed(factor: number, when: (cell: Cell) => boolean): Result[] {
  return results.map(({ cell, samples }) => ({
    cell,
    samples: samples.map((sample) => {
      const { latenciesMs } = sample;
      return when(cell) ? { ...sample, latenciesMs: latenciesMs.map((ms) => ms * factor) } : sample;
    }),
  }));
}

test('a seed has one outcome, another seed another', (t) => {
  const cell: Cell = { nodes: 3, how: 'crash', failed: 1 };
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

test('while a majority is up every write is served, and nobody stands for election', (t) => {
  for (const { cell, samples } of results) {
    for (const { elections, unserved } of samples)
      t.deepEqual([elections, unserved], [0, 0], cell.how);
  }
});

test('writes take longer with two followers of five gone, however they fail', (t) => {
  for (const how of HOWS.slice(1)) {
    const ratio = medianMs(at(how)) / medianMs(at('none'));
    t.true(ratio > 1.08 && ratio < 1.3, `${how}: ${ratio} times as long`);
  }
});

test('who crashed or was paused catches up, and who was slow has nothing to catch up', (t) => {
  const caughtUpMs = (how: Cell['how']): number => at(how).catchUpMs ?? 0;
  t.is(at('none').catchUpMs, null);
  t.true(caughtUpMs('crash') < 150, 'a heartbeat and the backlog');
  t.true(caughtUpMs('pause') < 150);
  t.true(caughtUpMs('slow-disk') < 20);
});

test('expected latencies are those of draws from the same ranges', (t) => {
  const rng = fork(1, 'draws');
  for (const [nodes, failed] of [
    [3, 0],
    [5, 2],
    [7, 1],
  ] as const) {
    const draws = Array.from({ length: 20_000 }, () => drawn(rng, nodes, failed));
    draws.sort((a, b) => a - b);
    for (const share of [0.1, 0.5, 0.99]) {
      const expected = expectedQuantile(nodes, failed, share);
      t.true(Math.abs((quantile(draws, share) ?? 0) - expected) < 0.03, `${nodes}, ${share}`);
      t.true(Math.abs(expectedShare(nodes, failed, expected) - share) < 1e-6);
    }
  }
});

/** The latency of a write: that of the slowest of the fastest followers that are needed. */
function drawn(rng: RandomState, nodes: number, failed: number): number {
  const between = (low: number, high: number): number =>
    low + ((high - low) * nextUint32(rng)) / 0x1_0000_0000;
  const { delayMs, jitterMs } = LINK;
  const way = (): number => between(delayMs - jitterMs, delayMs + jitterMs);
  const answers = Array.from(
    { length: nodes - 1 - failed },
    () => way() + way() + between(...DISK_MS),
  );
  answers.sort((a, b) => a - b);
  return answers[Math.floor(nodes / 2) - 1] ?? 0;
}

test('the verdict says what is within the tolerance, and whether it matters how they fail', (t) => {
  const { verdict } = study.findings(results, { seed: 1, command: '' });
  t.regex(verdict, /however they fail; 10 of 10 quantiles lie within 5 %/);
  const apart = study.findings(
    slowed(1.2, ({ how }) => how === 'crash'),
    { seed: 1, command: '' },
  );
  t.regex(apart.verdict, /how they fail makes a difference of up to \d+ %; 8 of 10 quantiles/);
});

test('the report has no number that is none, whatever is missing', (t) => {
  t.notRegex(reportOf(study, results), NOT_A_NUMBER);
  t.notRegex(reportOf(study, results.slice(1, 2)), NOT_A_NUMBER);
  t.notRegex(
    reportOf(study, [{ cell: { nodes: 3, how: 'none', failed: 0 }, samples: [] }]),
    NOT_A_NUMBER,
  );
  t.notRegex(reportOf(study, []), NOT_A_NUMBER);
});

test('no more followers fail than a minority', (t) => {
  t.true(study.isCell?.({ nodes: 5, how: 'crash', failed: 2 }));
  t.false(study.isCell?.({ nodes: 5, how: 'crash', failed: 3 }));
  t.false(study.isCell?.({ nodes: 4, how: 'crash', failed: 2 }));
  t.false(study.isCell?.({ nodes: 5, how: 'none', failed: 1 }));
  t.false(study.isCell?.({ nodes: 5, how: 'pause', failed: 0 }));
});
