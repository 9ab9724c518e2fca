/**
 * Shows that the studies election-wan, election-wan-reset and split-vote set their trials up as the
 * dissertation has them, and say what their data say.
 *
 *     npx ava test/study-first-elections.test.ts
 */
import test from 'ava';
import { findings as wanFindings } from '../experiments/election-wan/findings.ts';
import wan from '../experiments/election-wan/study.ts';
import { trial as wanTrial } from '../experiments/election-wan/trial.ts';
import { findings as resetFindings } from '../experiments/election-wan-reset/findings.ts';
import { trial as resetTrial } from '../experiments/election-wan-reset/trial.ts';
import { findings as splitFindings } from '../experiments/split-vote/findings.ts';
import {
  candidatesThatSplit,
  EXAMPLES,
  expectedElection,
  splitProbability,
} from '../experiments/split-vote/formula.ts';
import { judge } from '../experiments/split-vote/judged.ts';
import split from '../experiments/split-vote/study.ts';
import { trial as splitTrial } from '../experiments/split-vote/trial.ts';
import { mean } from '../lab/report/stats.ts';
import type { FirstElection } from '../lab/study/first-election.ts';

const ABOUT = { seed: 1, command: 'npm run experiment' };

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, seed) => seed);
}

function meanMs(samples: readonly FirstElection[]): number {
  return mean(samples.map(({ leaderlessMs }) => leaderlessMs)) ?? 0;
}

const alike = (count: number, leaderlessMs: number, terms = 1): FirstElection[] =>
  seeds(count).map((seed) => ({ leaderlessMs: leaderlessMs + seed / 1000, terms }));

// ---- election-wan -------------------------------------------------------------------------------

test('nobody leads before the least timeout and two ways have passed', (t) => {
  for (const seed of seeds(100)) {
    const { leaderlessMs } = wanTrial({ failed: 0, logs: 'equal' }, seed);
    t.true(leaderlessMs >= 300 + 60, `seed ${seed}: ${leaderlessMs} ms`);
  }
});

test('means are about those that §9.4 tells, and rise with the servers that are down', (t) => {
  const means = [0, 1, 2].map((failed) =>
    meanMs(seeds(400).map((seed) => wanTrial({ failed, logs: 'equal' }, seed))),
  );
  const [none = 0, one = 0, two = 0] = means;
  t.true(none < one && one < two, String(means));
  t.true(Math.abs(one / 475 - 1) < 0.15 && Math.abs(two / 650 - 1) < 0.2, String(means));
});

test('with differing logs one server of three can win: more elections are repeated', (t) => {
  const terms = (logs: 'equal' | 'different'): number =>
    mean(seeds(200).map((seed) => wanTrial({ failed: 2, logs }, seed).terms)) ?? 0;
  t.true(terms('different') > terms('equal') + 0.3);
});

test('rows of election-wan have the metrics that other programs look for', (t) => {
  const cell = { failed: 1, logs: 'equal' } as const;
  const metrics = wan.metrics(alike(10, 400), cell);
  for (const name of ['Mean', 'P10', 'P50', 'P90', 'P99', 'P999']) {
    t.is(Math.round(metrics[`leaderlessMs${name}`] ?? 0), 400);
  }
  t.deepEqual(
    Object.values(wan.metrics([], cell)).filter((value) => value !== null),
    [],
  );
});

test('statements of the text are judged by the data; the published column stays empty', (t) => {
  const results = (factor: number) =>
    [429, 475, 650].map((ms, failed) => {
      return { cell: { failed, logs: 'equal' as const }, samples: alike(1000, ms * factor) };
    });
  t.regex(wanFindings(results(1), ABOUT).verdict, /429 ms with 0 .*; of 4 statements .* 4 hold/);
  const { tables, verdict } = wanFindings(results(4), ABOUT);
  t.regex(verdict, /of 4 statements of the text 1 hold|of 4 statements of the text 0 hold/);
  t.is(tables[0]?.heads.at(-1), 'published');
  t.deepEqual([...new Set(tables[0]?.rows.map((row) => row.at(-1)))], ['']);
});

// ---- election-wan-reset -------------------------------------------------------------------------

test('the reset costs time where logs differ, and the same seed begins alike', (t) => {
  const cell = { failed: 2, logs: 'different' } as const;
  const [without, withReset] = [false, true].map((reset) =>
    seeds(150).map((seed) => resetTrial({ ...cell, reset }, seed)),
  );
  t.true(meanMs(withReset ?? []) > 1.5 * meanMs(without ?? []));
  // An election that nobody repeats never comes to what the two differ in.
  for (const [seed, sample] of (without ?? []).entries()) {
    if (sample.terms === 1) t.deepEqual(withReset?.[seed], sample, `seed ${seed}`);
  }
});

test('a cost whose interval includes zero is not told as one', (t) => {
  const results = (costMs: number) =>
    [false, true].map((reset) => ({
      cell: { failed: 1, logs: 'equal' as const, reset },
      samples: alike(50, reset ? 500 + costMs : 500),
    }));
  t.regex(resetFindings(results(0), ABOUT).verdict, /^No difference was found/);
  t.regex(resetFindings(results(250), ABOUT).verdict, /^It does in 1 of 1 .* 1\.5 times as long/);
  t.regex(resetFindings(results(0).slice(0, 1), ABOUT).verdict, /^Only one of the two ways/);
  // A trial that failed on either side would set all behind it against other seeds.
  const [without, withReset] = results(250);
  const lacking = [without, withReset]
    .flatMap((each) => each ?? [])
    .map((each) => {
      return { ...each, failed: 1 };
    });
  t.regex(resetFindings(lacking, ABOUT).verdict, /^Only one of the two ways/);
});

// ---- split-vote ---------------------------------------------------------------------------------

test('the formula comes to what the text of §9.2 works out', (t) => {
  const shares = EXAMPLES.map((example) => splitProbability(example));
  const expected = [0.0006, 0.052, 0.181, 0.49, 0.15, 0.34, 0.1, 0.67, 0.41];
  for (const [i, share] of shares.entries()) {
    t.true(Math.abs(share - (expected[i] ?? 0)) < 0.006, `${EXAMPLES[i]?.text}: ${share}`);
  }
  t.is(candidatesThatSplit({ servers: 5, alive: 4 }), 3);
  t.is(candidatesThatSplit({ servers: 5, alive: 3 }), 2);
});

test('without latency an election takes the range and the earliest timeout (§9.1)', (t) => {
  const cell = { servers: 5, alive: 4, latency: 0 };
  t.is(splitProbability(cell), 0);
  t.is(expectedElection(cell), 1 + 1 / 5);
});

test('simulated shares lie within what the formula allows', (t) => {
  const cells = [
    { servers: 3, alive: 2, latency: 0.2 },
    { servers: 5, alive: 5, latency: 0.4 },
  ];
  const results = cells.map((cell) => {
    return { cell, samples: seeds(1000).map((seed) => splitTrial(cell, seed)) };
  });
  for (const { formula, isWithin, result, splits } of judge(results)) {
    t.true(isWithin, `${JSON.stringify(result.cell)}: ${splits} of 1000 for ${formula}`);
  }
});

test('a share outside is told, in the verdict and in its row', (t) => {
  const cell = { servers: 3, alive: 2, latency: 0.2 };
  const samples = [...alike(500, 1500), ...alike(500, 3000, 2)];
  const { tables, verdict } = splitFindings([{ cell, samples }], ABOUT);
  t.regex(verdict, /^0 of 1 simulated shares .*, and 1 do NOT\.$/);
  const cells = tables[0]?.rows[0] ?? [];
  t.true(cells.some((each) => typeof each === 'object' && each.tone === 'bad'));
});

test('numbers alive that are no majority are no cells', (t) => {
  t.false(split.isCell?.({ servers: 5, alive: 2, latency: 0.1 }));
  t.true(split.isCell?.({ servers: 5, alive: 3, latency: 0.1 }));
  t.false(split.isCell?.({ servers: 3, alive: 4, latency: 0.1 }));
});
