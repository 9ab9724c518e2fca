/**
 * Shows that the study of figure 16 of the Raft paper sets its trials up as published, and says
 * what its data say.
 *
 *     npx ava test/study-election-lan.test.ts
 */
import test from 'ava';
import { compare, sameOrder } from '../experiments/election-lan/compared.ts';
import { findings } from '../experiments/election-lan/findings.ts';
import { PUBLISHED, QUANTILES, RANGES } from '../experiments/election-lan/published.ts';
import study from '../experiments/election-lan/study.ts';
import { type Sample, trial } from '../experiments/election-lan/trial.ts';
import { quantile } from '../lab/report/stats.ts';
import { sortedMs } from '../lab/study/leaderless.ts';

const ABOUT = { seed: 1, command: 'npm run experiment -- election-lan' };
const MEDIAN = QUANTILES.indexOf(0.5);

function samplesOf(electionTimeoutMs: string, count: number, clockPpm = 20): Sample[] {
  return Array.from({ length: count }, (_, seed) => trial({ electionTimeoutMs, clockPpm }, seed));
}

/** All samples at the published median, times a factor. */
function doctored(factor: number) {
  return RANGES.map((electionTimeoutMs) => {
    const leaderlessMs = (PUBLISHED[electionTimeoutMs]?.quantilesMs[MEDIAN] ?? 0) * factor;
    const samples = Array.from({ length: 30 }, () => ({
      leaderlessMs,
      heardMs: leaderlessMs + 2,
      terms: 1,
    }));
    return { cell: { electionTimeoutMs, clockPpm: 20 }, samples };
  });
}

test('a seed has one outcome, another seed another', (t) => {
  const cell = { electionTimeoutMs: '150-300', clockPpm: 20 };
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

test('the others hear of the new leader a message after it leads', (t) => {
  for (const { heardMs, leaderlessMs } of samplesOf('150-300', 50)) {
    t.true(heardMs > leaderlessMs + 1, `${heardMs} after ${leaderlessMs} ms`);
  }
});

test('nobody leads before the minimum timeout less a heartbeat interval has passed', (t) => {
  for (const { leaderlessMs } of samplesOf('150-300', 100)) t.true(leaderlessMs > 75);
});

test('the median is close to the published, whatever the range', (t) => {
  for (const range of ['12-24', '100-200', '150-300']) {
    const median = quantile(sortedMs(samplesOf(range, 400)), 0.5) ?? 0;
    const published = PUBLISHED[range]?.quantilesMs[MEDIAN] ?? 0;
    t.true(Math.abs(median / published - 1) < 0.15, `${range}: ${median} for ${published} ms`);
  }
});

test('without randomness a tie lasts as long as the clocks run alike', (t) => {
  const drifting = quantile(sortedMs(samplesOf('150-150', 15, 200)), 0.5) ?? 0;
  const random = quantile(sortedMs(samplesOf('150-300', 15)), 0.5) ?? 0;
  t.true(drifting > 5 * random, `${drifting} ms for ${random} ms`);
});

test('the verdict counts medians within their tolerance, and names those outside', (t) => {
  t.regex(
    findings(doctored(1), ABOUT).verdict,
    /^10 of 10 medians .*, the order of the curves is as published, and the curves of .*\.$/,
  );
  const { tables, verdict } = findings(doctored(1.2), ABOUT);
  t.regex(verdict, /^3 of 10 medians .* \(outside: 150-175 has 170 ms for 141 ms/);
  const tones = tables[0]?.rows.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? '' : cell.tone)),
  );
  t.is(tones?.flat().filter((tone) => tone === 'bad').length, 7);
});

test('an order other than the published is told', (t) => {
  const results = doctored(1).map(({ cell, samples }) => {
    const slow = cell.electionTimeoutMs === '12-24';
    return {
      cell,
      samples: slow ? samples.map((each) => ({ ...each, leaderlessMs: 999 })) : samples,
    };
  });
  t.regex(
    findings(results, ABOUT).verdict,
    /outside: 12-24 has .*, the order of the curves is not as published/,
  );
  t.false(sameOrder(compare(results)));
});

test('ranges that were not published are reported without a comparison', (t) => {
  const cell = { electionTimeoutMs: '40-80', clockPpm: 20 };
  const { figures, verdict } = findings([{ cell, samples: samplesOf('40-80', 20) }], ABOUT);
  t.is(verdict, 'None of these ranges was published, so nothing is compared.');
  t.is(figures.length, 1);
});

test('150-150 is run a hundred times, as published', (t) => {
  t.is(study.trialsOf?.({ electionTimeoutMs: '150-150', clockPpm: 20 }, 1000), 100);
  t.is(study.trialsOf?.({ electionTimeoutMs: '150-300', clockPpm: 20 }, 1000), 1000);
});
