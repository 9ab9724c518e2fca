/**
 * The study of reads: what asks a majority is never stale, a lease is not while clocks keep to what
 * it allows for, and is once they do not or stand still.
 *
 *   npm exec ava -- test/study-read-modes.test.ts
 */
import test from 'ava';
import type { CostSample } from '../experiments/read-modes/cost-trial.ts';
import type { Result } from '../experiments/read-modes/counts.ts';
import { findings, verdictOf } from '../experiments/read-modes/findings.ts';
import { ASSUMED_PERCENT, type Cell, MODES } from '../experiments/read-modes/situations.ts';
import type { StaleSample } from '../experiments/read-modes/stale-trial.ts';
import study from '../experiments/read-modes/study.ts';
import { trial } from '../experiments/read-modes/trial.ts';

const AGAIN = 'again: npm run experiment -- read-modes';
const CUT_OFF: Cell = {
  mode: 'lease',
  situation: 'cutOff',
  driftPercent: 0,
  assumedPercent: ASSUMED_PERCENT,
  outstanding: 1,
};

function run(cell: Cell, seeds: number): Result {
  return { cell, samples: Array.from({ length: seeds }, (_, seed) => trial(cell, seed)) };
}

function stale({ samples }: Result): number {
  return samples.filter((sample) => 'stale' in sample && sample.stale > 0).length;
}

for (const mode of ['linearizable', 'follower', 'log'] as const) {
  test(`${mode}: never stale, whatever clocks do`, (t) => {
    for (const cell of [
      { ...CUT_OFF, mode },
      { ...CUT_OFF, mode, driftPercent: 40 },
      { ...CUT_OFF, mode, situation: 'paused' as const },
      { ...CUT_OFF, mode, situation: 'suspended' as const },
    ]) {
      t.is(stale(run(cell, 3)), 0, `${AGAIN} --mode ${mode} --situation ${cell.situation}`);
    }
  });
}

test('lease: not stale while clocks keep to the bound, nor after a pause', (t) => {
  t.is(stale(run(CUT_OFF, 5)), 0, AGAIN);
  t.is(stale(run({ ...CUT_OFF, driftPercent: ASSUMED_PERCENT }, 5)), 0, AGAIN);
  t.is(stale(run({ ...CUT_OFF, situation: 'paused' }, 5)), 0, AGAIN);
});

test('lease: stale with clocks far beyond the bound, and after a suspension', (t) => {
  t.true(stale(run({ ...CUT_OFF, driftPercent: 40 }, 5)) >= 3, AGAIN);
  t.true(stale(run({ ...CUT_OFF, situation: 'suspended' }, 5)) >= 4, AGAIN);
});

test('stale reads, the control, are stale in every trial', (t) => {
  t.is(stale(run({ ...CUT_OFF, mode: 'stale' }, 3)), 3, AGAIN);
});

test('a read that is alone costs the messages that §6.4 says', (t) => {
  const expected = { linearizable: 8, lease: 0, follower: 10, log: 8, stale: 0 };
  for (const mode of MODES) {
    const sample = trial({ ...CUT_OFF, situation: 'healthy', mode }, 1) as CostSample;
    const off = Math.abs(sample.messagesPerRead - expected[mode]);
    t.true(off < 0.2, `${mode}: ${sample.messagesPerRead}`);
  }
});

test('the same seed gives the same sample', (t) => {
  t.deepEqual(trial(CUT_OFF, 7), trial(CUT_OFF, 7));
  const healthy: Cell = { ...CUT_OFF, situation: 'healthy' };
  t.deepEqual(trial(healthy, 7), trial(healthy, 7));
});

// ---- Report -------------------------------------------------------------------------------------

const FRESH: StaleSample = { late: 10, answered: 5, stale: 0, staleForMs: 0 };
const STALE: StaleSample = { late: 10, answered: 5, stale: 2, staleForMs: 12 };

test('the verdict says what was found, either way', (t) => {
  const suspended: Cell = { ...CUT_OFF, situation: 'suspended' };
  const good = [
    { cell: { ...CUT_OFF, mode: 'linearizable' as const }, samples: [FRESH, FRESH] },
    { cell: suspended, samples: [STALE, FRESH] },
  ];
  t.regex(verdictOf(good), /^Never stale were ReadIndex 0 of 2; stale were leases .* 1 of 2/);
  t.regex(verdictOf(good), /as §6.4 leads to expect/);
  const bad = [{ cell: { ...CUT_OFF, mode: 'linearizable' as const }, samples: [STALE, FRESH] }];
  t.regex(verdictOf(bad), /^Stale were ReadIndex 1 of 2 .*against §6.4: ReadIndex/);
  t.regex(verdictOf([]), /Only costs/);
});

test('a small run makes a report without holes', (t) => {
  const cells: Cell[] = MODES.flatMap((mode): Cell[] => [
    { ...CUT_OFF, mode },
    { ...CUT_OFF, mode, driftPercent: 40 },
    { ...CUT_OFF, mode, situation: 'suspended' },
  ]);
  const healthy: Cell = { ...CUT_OFF, mode: 'follower', situation: 'healthy' };
  const results = [...cells, healthy].map((cell) => run(cell, 1));
  const found = findings(results, { seed: 1, command: 'npm run experiment -- read-modes' });
  t.notRegex(JSON.stringify(found), /NaN|undefined|Infinity/);
  t.true(found.figures.length > 0 && found.tables.length > 0);
  for (const { cell, samples } of results) {
    const metrics = study.metrics(samples, cell);
    for (const value of Object.values(metrics)) t.true(value === null || Number.isFinite(value));
  }
});
