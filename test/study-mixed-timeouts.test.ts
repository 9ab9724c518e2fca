/**
 * Shows that the study of mixed timeout ranges gives servers ranges of their own, that in plain
 * Raft the fastest decide and with stickiness a majority does, and that the report says what the
 * data say.
 *
 *     npx ava test/study-mixed-timeouts.test.ts
 */
import test from 'ava';
import { crashesOf, lossesOf } from '../experiments/mixed-timeouts/numbers.ts';
import study from '../experiments/mixed-timeouts/study.ts';
import { type Cell, type Sample, trial } from '../experiments/mixed-timeouts/trial.ts';
import { StudyCluster } from '../lab/study/cluster.ts';
import type { Rules } from '../lab/study/failover.ts';
import { NOT_A_NUMBER, reportOf } from './support/study-report.ts';

function samplesOf(cell: Cell, count: number): Sample[] {
  return Array.from({ length: count }, (_, seed) => trial(cell, seed));
}

function crashes(otherTimeoutMs: string, others: number, rules: Rules, count = 40) {
  return crashesOf(samplesOf({ run: 'crash', otherTimeoutMs, others, rules }, count));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

test('a seed has one outcome, another seed another', (t) => {
  const cell: Cell = { run: 'crash', otherTimeoutMs: '50-100', others: 3, rules: 'plain' };
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

test('a cluster of a study may have servers with settings of their own', (t) => {
  const cluster = new StudyCluster({
    seed: 1,
    nodes: 3,
    settings: { electionTimeoutMs: [150, 300] },
    settingsOf: (id) => (id === 'n2' ? { electionTimeoutMs: [10, 20] } : {}),
  });
  cluster.begin();
  cluster.runUntil(1000, () => cluster.elections.length > 0);
  t.is(cluster.elections[0]?.node, 'n2');
  t.true(cluster.nowMs <= 20);
});

test('in plain Raft two fast servers are enough for fast elections, which they win', (t) => {
  const fast = crashes('50-100', 2, 'plain');
  t.true(fast.every(({ otherWon }) => otherWon));
  t.true(fast.every(({ leaderlessMs }) => leaderlessMs < 150));
});

test('with stickiness the votes of a slow majority are waited for', (t) => {
  const of = (others: number): number =>
    median(crashes('1000-2000', others, 'protected').map(({ leaderlessMs }) => leaderlessMs));
  t.true(of(1) < 400, `${of(1)} ms`);
  t.true(of(3) > 950, `${of(3)} ms`);
  const plain = median(crashes('1000-2000', 3, 'plain').map(({ leaderlessMs }) => leaderlessMs));
  t.true(plain < 400, `${plain} ms`);
});

test('under loss fast servers change the leader in plain Raft alone', (t) => {
  const changes = (rules: Rules): number =>
    lossesOf(samplesOf({ run: 'loss', otherTimeoutMs: '50-100', others: 4, rules }, 6)).reduce(
      (sum, loss) => sum + loss.changes,
      0,
    );
  t.true(changes('plain') > 10);
  t.true(changes('protected') < 4);
});

test('the verdict says from how many servers on the median halves or doubles', (t) => {
  const doctored = (rules: Rules, otherTimeoutMs: string, medians: readonly number[]) =>
    medians.map((leaderlessMs, others) => {
      const cell: Cell = { run: 'crash', otherTimeoutMs, others, rules };
      const sample: Sample = {
        run: 'crash',
        leaderlessMs,
        terms: 1,
        otherCrashed: false,
        otherWon: false,
      };
      return { cell, samples: [sample] };
    });
  const verdict = (...results: ReturnType<typeof doctored>[]): string =>
    study.findings(results.flat(), { seed: 1, command: '' }).verdict;
  t.is(
    verdict(
      doctored('plain', '50-100', [160, 90, 70, 60]),
      doctored('protected', '50-100', [160, 150, 140, 70]),
    ),
    'It takes 2 of 5 servers with 50-100 ms to halve the median time without a leader in plain ' +
      'Raft (160 ms to 70.0 ms) and 3 with PreVote, CheckQuorum and stickiness (160 ms to ' +
      '70.0 ms).',
  );
  t.is(
    verdict(doctored('plain', '300-600', [160, 170, 180])),
    'It takes more than 2 of 5 servers with 300-600 ms to double the median time without a ' +
      'leader in plain Raft.',
  );
});

test('a report of few trials, or of none, has no number that is none', (t) => {
  const cells = (['crash', 'loss'] as const).flatMap((run) =>
    ['50-100', '1000-2000'].flatMap((otherTimeoutMs) =>
      [0, 5].flatMap((others) =>
        (['plain', 'protected'] as const).map(
          (rules): Cell => ({ run, otherTimeoutMs, others, rules }),
        ),
      ),
    ),
  );
  const few = cells.map((cell) => ({ cell, samples: samplesOf(cell, 2) }));
  t.notRegex(reportOf(study, few), NOT_A_NUMBER);
  t.notRegex(reportOf(study, few.slice(-1)), NOT_A_NUMBER);
  const none = cells.map((cell) => ({ cell, samples: [] }));
  t.notRegex(reportOf(study, none), NOT_A_NUMBER);
});
