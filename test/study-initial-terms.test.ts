/**
 * Shows that the study of initial terms starts its servers in the terms that it says, that the
 * first candidate wins as often as the order of the answers makes it, and that the report says what
 * the data say.
 *
 *     npx ava test/study-initial-terms.test.ts
 */
import test from 'ava';
import { firstWinsShare, initialTerms, startOf } from '../experiments/initial-terms/starts.ts';
import study from '../experiments/initial-terms/study.ts';
import { type Cell, type Sample, trial } from '../experiments/initial-terms/trial.ts';
import { NOT_A_NUMBER, reportOf } from './support/study-report.ts';

function samplesOf(cell: Cell, count: number): Sample[] {
  return Array.from({ length: count }, (_, seed) => trial(cell, seed));
}

test('a seed has one outcome, another seed another', (t) => {
  const cell: Cell = { terms: 'spread-10', preVote: false };
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

test('terms are drawn from their spread, or one is far ahead', (t) => {
  const drawn = Array.from({ length: 100 }, (_, seed) =>
    initialTerms({ kind: 'spread', spread: 2 }, seed),
  ).flat();
  t.deepEqual([...new Set(drawn)].sort(), [1, 2, 3]);
  t.deepEqual(initialTerms({ kind: 'ahead', isBehind: false }, 1), [1001, 1, 1, 1, 1]);
  for (const wrong of ['spread-', 'spread--1', 'spread-1.5', 'all', '']) {
    t.is(startOf(wrong), undefined, wrong);
  }
});

test('the lasting leader comes no earlier than the first, and in a term above all others', (t) => {
  for (const terms of ['spread-0', 'spread-10', 'one-ahead', 'one-ahead-behind']) {
    for (const preVote of [false, true]) {
      samplesOf({ terms, preVote }, 20).forEach((sample, seed) => {
        const what = `${terms}, PreVote ${preVote}, seed ${seed}`;
        t.true(sample.firstMs >= 150, what);
        t.true(sample.leaderlessMs >= sample.firstMs, what);
        t.true(sample.campaigns >= sample.won, what);
        t.is(sample.won === 1, sample.leaderlessMs === sample.firstMs, what);
      });
    }
  }
});

test('a start in equal terms takes one election of one term', (t) => {
  const samples = samplesOf({ terms: 'spread-0', preVote: false }, 60);
  t.true(samples.filter((each) => each.won === 1 && each.termsAbove === 1).length >= 55);
});

test('the first candidate wins if the first two to answer are in no later term', (t) => {
  for (const terms of ['spread-1', 'spread-3', 'spread-1000', 'one-ahead', 'one-ahead-behind']) {
    const samples = samplesOf({ terms, preVote: false }, 400);
    const share = samples.filter(({ firstWon }) => firstWon).length / samples.length;
    const start = startOf(terms);
    const expected = start === undefined ? 0 : firstWinsShare(start);
    // Three standard deviations of 400 trials, and rivals.
    t.true(Math.abs(share - expected) < 0.085, `${terms}: ${share} for ${expected}`);
  }
});

test('a server that is far ahead and cannot win delays the lasting leader', (t) => {
  const median = (terms: string, preVote: boolean): number =>
    samplesOf({ terms, preVote }, 60)
      .map(({ leaderlessMs }) => leaderlessMs)
      .sort((a, b) => a - b)[30] ?? 0;
  for (const preVote of [false, true]) {
    t.true(median('one-ahead-behind', preVote) > 1.5 * median('spread-0', preVote));
  }
});

test('the verdict has the medians of the data', (t) => {
  const one = trial({ terms: 'spread-0', preVote: false }, 1);
  const doctored = (terms: string, leaderlessMs: number, preVote = false) => {
    return { cell: { terms, preVote }, samples: [{ ...one, leaderlessMs }] };
  };
  const verdict = (...results: ReturnType<typeof doctored>[]): string =>
    study.findings(results, { seed: 1, command: '' }).verdict;
  t.is(
    verdict(doctored('spread-0', 170), doctored('spread-10', 230), doctored('one-ahead', 200)),
    'The median time to a lasting leader is without PreVote 170 ms from terms all equal, 230 ms ' +
      'from terms spread by 10.',
  );
  t.regex(
    verdict(doctored('spread-0', 170), doctored('spread-10', 150), doctored('one-ahead', 400)),
    /170 ms from terms all equal, 150 ms from terms spread by 10 and 400 ms with one ahead\.$/,
  );
  t.regex(verdict(doctored('spread-0', 170)), /not both measured\.$/);
});

test('a report of few trials, or of none, has no number that is none', (t) => {
  const cells = ['spread-0', 'spread-10', 'one-ahead-behind'].flatMap((terms) =>
    [false, true].map((preVote): Cell => ({ terms, preVote })),
  );
  const few = cells.map((cell) => ({ cell, samples: samplesOf(cell, 3) }));
  t.notRegex(reportOf(study, few), NOT_A_NUMBER);
  t.notRegex(reportOf(study, few.slice(-1)), NOT_A_NUMBER);
  const none = cells.map((cell) => ({ cell, samples: [] }));
  t.notRegex(reportOf(study, none), NOT_A_NUMBER);
});
