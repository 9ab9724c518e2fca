/**
 * Shows that the lab's intervals are the textbook's: Student's t against its published table, one-
 * and two-sample intervals against R's worked example, quantiles against R's type 7; and that few,
 * equal or missing samples give null, never NaN.
 *
 *     npx ava test/stats.test.ts
 */
import test from 'ava';
import {
  cellsOf,
  differenceInterval,
  factorValues,
  halfWidth,
  interval,
  mean,
  metricInterval,
  quantile,
  variedFactors,
} from '../lab/report/stats.ts';
import type { Metrics, ResultDocument, Row } from '../lab/results.ts';

/** R's `sleep` data (Student 1908): extra hours of sleep under two drugs, ten patients. */
const DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
const DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

const METRICS: Metrics = {
  committedOpsPerSecond: 1000,
  latencyMsP50: 1,
  latencyMsP90: 2,
  latencyMsP99: 3,
  latencyMsP999: 4,
  latencyMsMax: 5,
  failed: 0,
  unknown: 0,
  leaderChanges: 0,
  messagesSent: 100,
  messagesDropped: 5,
  bytesSent: 6400,
  acknowledgedWritesLost: 0,
  writesAppliedTwice: 0,
  replicasEqual: true,
};

function close(
  t: { true(value: boolean, message?: string): unknown },
  actual: number | null,
  expected: number,
  within: number,
): void {
  const near = actual !== null && Math.abs(actual - expected) <= within;
  t.true(near, `expected ${expected} within ${within}, got ${actual}`);
}

function row(factors: Row['factors'], trial: number, metrics: Partial<Metrics> = {}): Row {
  return { factors, trial, seed: trial, metrics: { ...METRICS, ...metrics }, audit: 'ok' };
}

function result(rows: Row[]): ResultDocument {
  return { schemaVersion: 1, experiment: 'sample', rows };
}

/** Samples whose mean is 0 and whose standard error is 1, so that the half width is t itself. */
function unitErrorSamples(n: number): number[] {
  const raw = Array.from({ length: n }, (_, i) => i - (n - 1) / 2);
  const squares = raw.reduce((sum, value) => sum + value * value, 0);
  const scale = Math.sqrt((n * (n - 1)) / squares);
  return raw.map((value) => value * scale);
}

test('the t quantile is that of the published table', (t) => {
  const published: [number, number][] = [
    [1, 12.706],
    [2, 4.303],
    [3, 3.182],
    [4, 2.776],
    [9, 2.262],
    [29, 2.045],
    [120, 1.98],
  ];
  for (const [degreesOfFreedom, expected] of published) {
    close(t, halfWidth(interval(unitErrorSamples(degreesOfFreedom + 1))), expected, 0.0006);
  }
});

test('a one-sample interval is that of R: t.test(extra[1:10] - extra[11:20])', (t) => {
  const differences = DRUG_1.map((value, i) => value - (DRUG_2[i] ?? 0));
  const found = interval(differences);
  close(t, found.mean, -1.58, 1e-9);
  close(t, found.low, -2.4598858, 1e-6);
  close(t, found.high, -0.7001142, 1e-6);
  t.is(found.n, 10);
});

test("Welch's interval is that of R: t.test(extra ~ group)", (t) => {
  const found = differenceInterval(DRUG_1, DRUG_2);
  close(t, found.difference, 1.58, 1e-9);
  close(t, found.degreesOfFreedom, 17.776, 0.001);
  // R subtracts the other way round: -3.3654832 … 0.2054832.
  close(t, found.low, -0.2054832, 1e-6);
  close(t, found.high, 3.3654832, 1e-6);
});

test('fewer than two samples have no interval, none have no mean', (t) => {
  t.deepEqual(interval([7]), { mean: 7, low: null, high: null, n: 1 });
  t.deepEqual(interval([]), { mean: null, low: null, high: null, n: 0 });
  t.is(mean([]), null);
  t.is(halfWidth(interval([7])), null);
  t.deepEqual(differenceInterval([1], [3, 4]), {
    difference: 2.5,
    low: null,
    high: null,
    degreesOfFreedom: null,
  });
  t.is(differenceInterval([], [3, 4]).difference, null);
});

test('equal samples give an interval of width zero, not NaN', (t) => {
  t.deepEqual(interval([4, 4, 4]), { mean: 4, low: 4, high: 4, n: 3 });
  const found = differenceInterval([4, 4, 4], [5, 5, 5]);
  t.deepEqual([found.low, found.high, found.degreesOfFreedom], [1, 1, 4]);
});

test("quantiles are R's type 7", (t) => {
  const sorted = [1, 2, 4, 8, 16];
  t.is(quantile(sorted, 0), 1);
  t.is(quantile(sorted, 0.5), 4);
  t.is(quantile(sorted, 1), 16);
  close(t, quantile(sorted, 0.9), 12.8, 1e-9);
  close(t, quantile([10, 20], 0.25), 12.5, 1e-9);
  t.is(quantile([], 0.5), null);
});

test('cells gather trials whatever the order of rows and factors, and sort by value', (t) => {
  const rows = [
    row({ nodes: 5, loss: 0 }, 0),
    row({ loss: 0.2, nodes: 3 }, 1, { latencyMsP50: null }),
    row({ nodes: 3, loss: 0.2 }, 0, { latencyMsP50: 9 }),
    row({ nodes: 3, loss: 0.05 }, 0),
  ];
  const cells = cellsOf(result(rows), ['nodes', 'loss']);
  t.deepEqual(
    cells.map((cell) => [cell.factors.nodes, cell.factors.loss, cell.rows.length]),
    [
      [3, 0.05, 1],
      [3, 0.2, 2],
      [5, 0, 1],
    ],
  );
  const second = cells[1];
  t.deepEqual(
    second?.rows.map((each) => each.trial),
    [0, 1],
  );
  if (second) t.deepEqual(metricInterval(second, 'latencyMsP50').mean, 9);
});

test('varied factors are those with more than one value; absent counts as a value', (t) => {
  const document = result([row({ nodes: 3, window: 8 }, 0), row({ nodes: 3 }, 1)]);
  t.deepEqual(variedFactors(document), ['window']);
  t.deepEqual(factorValues(document, 'window'), [null, 8]);
  t.deepEqual(cellsOf(result([])), []);
});
