/**
 * Shows that the study of clock drift lets clocks run as it says, that leaders lose their lead
 * where the ratio of clocks exceeds that of timeout and heartbeat and not before, and that the
 * report says what the data say.
 *
 *     npx ava test/study-clock-drift.test.ts
 */
import test from 'ava';
import { clocksOf, clocksText, drawRates } from '../experiments/clock-drift/clocks.ts';
import { crashesOf, quietsOf } from '../experiments/clock-drift/numbers.ts';
import study from '../experiments/clock-drift/study.ts';
import { type Cell, type Sample, trial } from '../experiments/clock-drift/trial.ts';
import type { Rules } from '../lab/study/failover.ts';
import { NOT_A_NUMBER, reportOf } from './support/study-report.ts';

function samplesOf(cell: Cell, count: number): Sample[] {
  return Array.from({ length: count }, (_, seed) => trial(cell, seed));
}

function changes(clocks: string, rules: Rules, count = 4): number {
  const quiets = quietsOf(samplesOf({ run: 'quiet', clocks, rules }, count));
  return quiets.reduce((sum, quiet) => sum + quiet.changes, 0);
}

test('a seed has one outcome, another seed another', (t) => {
  const cell: Cell = { run: 'crash', clocks: 'spread-0.1', rules: 'plain' };
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

test('rates are within their spread, or one is unlike the others', (t) => {
  for (let seed = 0; seed < 50; seed++) {
    const { odd, rates } = drawRates({ kind: 'spread', share: 0.5 }, seed);
    t.is(odd, null);
    t.true(rates.every((rate) => rate >= 0.5 && rate <= 1.5));
    const one = drawRates({ kind: 'one', rate: 10 }, seed);
    t.deepEqual(
      one.rates.flatMap((rate, i) => (rate === 1 ? [] : [[i, rate]])),
      [[one.odd, 10]],
    );
  }
});

test('clocks are understood as they are written', (t) => {
  t.deepEqual(clocksOf('spread-0.1'), { kind: 'spread', share: 0.1 });
  t.deepEqual(clocksOf('one-10'), { kind: 'one', rate: 10 });
  for (const wrong of ['spread-1', 'one-0', 'one-100', 'two-2', 'one-', '']) {
    t.is(clocksOf(wrong), undefined, wrong);
  }
  t.is(clocksText('one-0.1'), 'one 10× slow');
  t.is(clocksText('spread-0.5'), 'all off by up to 50 %');
});

test('below the ratio of timeout and heartbeat nobody loses the lead', (t) => {
  for (const clocks of ['spread-0', 'spread-0.1', 'one-2', 'one-0.5']) {
    for (const rules of ['plain', 'protected'] as const) t.is(changes(clocks, rules), 0, clocks);
  }
});

test('beyond it a fast follower takes the lead in plain Raft, once and for good', (t) => {
  const quiets = quietsOf(samplesOf({ run: 'quiet', clocks: 'one-10', rules: 'plain' }, 4));
  quiets.forEach(({ changes: own, fastestLeads }, seed) => {
    t.is(own, 1, `seed ${seed}`);
    t.true(fastestLeads, `seed ${seed}`);
  });
  t.is(changes('one-10', 'protected'), 0);
});

test('beyond it a slow leader loses its lead, protected or not', (t) => {
  for (const rules of ['plain', 'protected'] as const) t.true(changes('one-0.1', rules) >= 4);
});

test('after a crash in plain Raft a clock twice as fast wins', (t) => {
  const crashes = crashesOf(samplesOf({ run: 'crash', clocks: 'one-2', rules: 'plain' }, 30));
  t.true(crashes.filter(({ oddWon }) => oddWon).length >= 28);
});

test('the verdict says who is unseated, from the data', (t) => {
  const quiet = (lost: number): Sample => {
    return { run: 'quiet', changes: lost, campaigns: lost, fastestLeads: true };
  };
  const verdict = (plain: number, guarded: number): string => {
    const results = (['plain', 'protected'] as const).map((rules) => {
      const cell: Cell = { run: 'quiet', clocks: 'one-10', rules };
      return { cell, samples: [quiet(rules === 'plain' ? plain : guarded)] };
    });
    return study.findings(results, { seed: 1, command: '' }).verdict;
  };
  t.is(
    verdict(1, 0),
    'A follower 10× fast unseats the leader in 100 % of plain runs and 0 % of protected runs.',
  );
  t.is(verdict(0, 0), 'A follower 10× fast unseats the leader in 0 % of runs, protected or not.');
});

test('a report of few trials, or of none, has no number that is none', (t) => {
  const cells = (['crash', 'quiet'] as const).flatMap((run) =>
    ['spread-0', 'spread-0.5', 'one-0.1', 'one-10'].flatMap((clocks) =>
      (['plain', 'protected'] as const).map((rules): Cell => ({ run, clocks, rules })),
    ),
  );
  const few = cells.map((cell) => ({ cell, samples: samplesOf(cell, 2) }));
  t.notRegex(reportOf(study, few), NOT_A_NUMBER);
  t.notRegex(reportOf(study, few.slice(-1)), NOT_A_NUMBER);
  const none = cells.map((cell) => ({ cell, samples: [] }));
  t.notRegex(reportOf(study, none), NOT_A_NUMBER);
});
