/**
 * Shows that the study of cluster sizes measures clusters that serve and pass their audit, judges
 * ratios and not values, and that its report says what the data say.
 *
 *     npx ava test/study-throughput-by-size.test.ts
 */
import test from 'ava';
import {
  comparisons,
  MEASURES,
  publishedRatio,
  type Result,
  ratiosOf,
  stepsOf,
  TOLERANCE_FACTOR,
} from '../experiments/throughput-by-size/numbers.ts';
import {
  PUBLISHED_OPS_PER_SECOND,
  publishedLatencyMs,
  publishedOpsPerSecond,
} from '../experiments/throughput-by-size/published.ts';
import study from '../experiments/throughput-by-size/study.ts';
import { trial } from '../experiments/throughput-by-size/trial.ts';
import type { StorageKind } from '../lab/cluster.ts';
import { closeThreads } from '../lab/threads/pool.ts';
import { NOT_A_NUMBER, reportOf } from './support/study-report.ts';

const ABOUT = { seed: 1, command: 'npm run experiment -- throughput-by-size' };
const SIZES = [1, 2, 3, 4, 5, 7];

/** As published times a factor; from four servers on, times another. */
function doctored(factor: number, large = 1, storage: StorageKind = 'sqlite'): Result[] {
  return [1, 100].flatMap((clients) =>
    SIZES.map((nodes): Result => {
      const published =
        clients === 1
          ? 1000 / (publishedLatencyMs(nodes) ?? 1)
          : (publishedOpsPerSecond(nodes, clients) ?? 10_000);
      const opsPerSecond = published * factor * (nodes > 3 ? large : 1);
      const samples = [0.99, 1, 1.01].map((around) => ({
        opsPerSecond: opsPerSecond * around,
        latencyMsP50: 1,
        latencyMsP99: 2,
      }));
      return { cell: { nodes, storage, clients }, samples };
    }),
  );
}

test.after.always('threads end', () => closeThreads());

test.serial('a cluster of any size serves and passes its audit', async (t) => {
  for (const nodes of [1, 4]) {
    const sample = await trial({ nodes, storage: 'memory', clients: 10 }, 1);
    t.true(sample.opsPerSecond > 0, `${nodes} servers`);
    t.true(sample.latencyMsP50 > 0 && sample.latencyMsP50 <= sample.latencyMsP99);
  }
});

test('what is as fast relative to three servers is within, however fast it is', (t) => {
  for (const factor of [0.1, 1, 7]) {
    const compared = comparisons(doctored(factor));
    t.is(compared.length, 8);
    t.true(compared.every(({ isWithin }) => isWithin));
    t.regex(study.findings(doctored(factor), ABOUT).verdict, /8 of 8 ratios lie within a factor/);
  }
});

test('what falls with the size faster than published is outside', (t) => {
  const { tables, verdict } = study.findings(doctored(1, 0.7), ABOUT);
  t.regex(verdict, /; 4 of 8 ratios lie within a factor of 1\.25 of the published; /);
  const tones = tables[0]?.rows.flatMap((row) =>
    row.flatMap((cell) => (typeof cell === 'string' ? [] : [cell.tone])),
  );
  t.is(tones?.filter((tone) => tone === 'bad').length, 4);
});

test('a cluster that does not slow down with its size is not as published', (t) => {
  const flat = doctored(1).map(({ cell, samples }) => ({
    cell,
    samples: samples.map((sample, i) => ({ ...sample, opsPerSecond: 1000 + i })),
  }));
  const outside = comparisons(flat).filter(({ isWithin }) => !isWithin);
  t.deepEqual(
    outside.map(({ measure, nodes }) => `${measure} ${nodes}`),
    ['throughput 1', 'throughput 5', 'latency 1'],
  );
  t.true(stepsOf(flat).every(({ direction }) => direction === 'unclear'));
  const { shows, verdict } = study.findings(flat, ABOUT);
  t.regex(verdict, /5 steps in size the throughput falls with none .* and rises with none\.$/);
  t.deepEqual(shows, []);
});

test('a ratio whose interval reaches across the tolerance is unclear', (t) => {
  const noisy = doctored(1).map(({ cell, samples }) => ({
    cell,
    samples: samples.map((sample, i) => ({
      ...sample,
      opsPerSecond: sample.opsPerSecond * ([0.8, 1, 1.2][i] ?? 1),
    })),
  }));
  t.true(comparisons(noisy).every(({ isUnclear, isWithin }) => isUnclear && isWithin));
  const { tables, verdict } = study.findings(noisy, ABOUT);
  t.regex(verdict, /8 of 8 ratios lie within .* published, with 8 intervals across that bound; /);
  t.true(tables[0]?.rows[0]?.some((cell) => typeof cell !== 'string' && cell.tone === 'fair'));
  t.true(comparisons(doctored(1)).every(({ isUnclear }) => !isUnclear));
});

test('the tolerance is half of what the largest published ratio is off by', (t) => {
  const off = MEASURES.flatMap(({ name }) =>
    [1, 2, 4, 5].flatMap((nodes) => {
      const ratio = publishedRatio(nodes, name) ?? 1;
      return Math.max(ratio, 1 / ratio) - 1;
    }),
  );
  t.is(TOLERANCE_FACTOR, 1 + Number((Math.max(...off) / 2).toFixed(2)));
});

test('a throughput that rises with the size is told, beyond chance', (t) => {
  const rising = doctored(1, 3);
  t.deepEqual(
    stepsOf(rising).map(({ direction, from, to }) => `${from} to ${to} ${direction}`),
    ['1 to 2 falls', '2 to 3 falls', '3 to 4 rises', '4 to 5 falls', '5 to 7 falls'],
  );
  t.regex(study.findings(rising, ABOUT).verdict, /falls with 4 beyond chance, and rises with 1\.$/);
  const once = rising.map(({ cell, samples }) => ({ cell, samples: samples.slice(0, 1) }));
  t.true(stepsOf(once).every(({ direction }) => direction === null));
  t.notRegex(study.findings(once, ABOUT).verdict, /chance/);
});

test('the interval of a ratio knows that three servers were measured as well', (t) => {
  const wide = doctored(1).map(({ cell, samples }) => ({
    cell,
    samples: samples.map((sample, i) => {
      const isLess = cell.nodes === 3 && i === 0;
      return isLess ? { ...sample, opsPerSecond: sample.opsPerSecond / 2 } : sample;
    }),
  }));
  const width = (results: readonly Result[]): number => {
    const ratio = ratiosOf(results, 'sqlite', MEASURES[0]).find(({ nodes }) => nodes === 5);
    return (ratio?.high ?? 0) / (ratio?.low ?? 1);
  };
  t.true(width(wide) > 2 * width(doctored(1)));
  const ownRatio = ratiosOf(doctored(1), 'sqlite', MEASURES[1]).find(({ nodes }) => nodes === 3);
  t.deepEqual([ownRatio?.value, ownRatio?.low, ownRatio?.high], [1, null, null]);
});

test('percentiles of trials are shown by their median and range, never averaged', (t) => {
  const [first] = doctored(1);
  if (first === undefined) throw new RangeError('no cell');
  const samples = first.samples.map((sample, i) => ({
    ...sample,
    latencyMsP99: [2, 3, 40][i] ?? 0,
  }));
  t.like(study.metrics(samples, first.cell), {
    latencyMsP99TrialsMedian: 3,
    latencyMsP99TrialsLeast: 2,
    latencyMsP99TrialsGreatest: 40,
  });
  t.regex(reportOf(study, [{ cell: first.cell, samples }]), /3\.00 \(2\.00 to 40\.0\)/);
});

test('memory is shown and not compared: nothing was published of it', (t) => {
  const results = doctored(1, 1, 'memory');
  t.deepEqual(comparisons(results), []);
  t.is(ratiosOf(results, 'memory', MEASURES[0]).length, SIZES.length);
  t.regex(study.findings(results, ABOUT).verdict, /no ratio was measured that is published\.$/);
});

test('published ratios are those of the published values', (t) => {
  t.is(publishedRatio(3, 'throughput'), 1);
  t.is(publishedRatio(1, 'throughput'), 29_500 / 19_600);
  t.is(publishedRatio(1, 'latency'), 0.668 / 0.941);
  t.is(publishedRatio(6, 'latency'), null);
  t.is(publishedOpsPerSecond(3, 2), null);
  // One write at a time: the latency is what the throughput leaves for each, within a rounding.
  PUBLISHED_OPS_PER_SECOND[1]?.forEach((ops, i) => {
    t.true(Math.abs((publishedLatencyMs(i + 1) ?? 0) * ops - 1000) < 20);
  });
});

test('the report has no number that is none, whatever is missing', (t) => {
  const whole = doctored(1);
  t.notRegex(reportOf(study, [...whole, ...doctored(2, 1, 'memory')]), NOT_A_NUMBER);
  t.notRegex(
    reportOf(
      study,
      whole.filter(({ cell }) => cell.nodes !== 3),
    ),
    NOT_A_NUMBER,
  );
  t.notRegex(
    reportOf(
      study,
      whole.filter(({ cell }) => cell.clients === 1),
    ),
    NOT_A_NUMBER,
  );
  const single = whole.map(({ cell, samples }) => ({ cell, samples: samples.slice(0, 1) }));
  t.notRegex(reportOf(study, single), NOT_A_NUMBER);
  t.notRegex(
    reportOf(
      study,
      whole.map(({ cell }) => ({ cell, samples: [] })),
    ),
    NOT_A_NUMBER,
  );
  t.notRegex(reportOf(study, []), NOT_A_NUMBER);
});
