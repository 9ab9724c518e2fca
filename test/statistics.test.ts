/**
 * Shows that the statistics of the papers' reports keep what they promise: exact intervals agree
 * with an independent calculation at the extremes, intervals hold their value and cover the truth
 * as often as they claim, distances are the definition's, and impossible input is refused.
 *
 *     npx ava test/statistics.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import { mean } from '../lab/report/stats.ts';
import { tails } from '../lab/statistics/binomial.ts';
import { bootstrapMean } from '../lab/statistics/bootstrap.ts';
import {
  cdfPoints,
  criticalDistance,
  distanceBetween,
  distanceToCurve,
} from '../lab/statistics/distance.ts';
import type { Estimate } from '../lab/statistics/interval.ts';
import { acceptance, proportion, simultaneous } from '../lab/statistics/proportion.ts';
import { quantileEstimate } from '../lab/statistics/quantiles.ts';
import { chance, fork, nextUint32, type RandomState } from '../src/raft/random.ts';
import { always, near, SEED, SIGMAS } from './support/property.ts';

/** What one of 60 statements needs for all to hold with 99 %. */
const ONE_OF_60 = 1 - 0.01 / 60;

const confidences = fc.double({ min: 0.01, max: 0.999999, noNaN: true });
const shares = fc.double({ min: 0, max: 1, noNaN: true });
const ascending = (minLength: number, maxLength = 60): fc.Arbitrary<number[]> =>
  fc
    .array(fc.integer({ min: -50, max: 50 }), { minLength, maxLength })
    .map((samples) => samples.sort((a, b) => a - b));

function holds({ low, value, high }: Estimate): boolean {
  return low <= value && value <= high;
}

/** Uniform over 0 … 1, ends excluded. */
function uniform(rng: RandomState): number {
  return (nextUint32(rng) + 0.5) / 0x1_0000_0000;
}

/** Skewed like times to elect a leader: exponential with mean 1. */
function exponentials(rng: RandomState, count: number): number[] {
  return Array.from({ length: count }, () => -Math.log(uniform(rng))).sort((a, b) => a - b);
}

function share(runs: number, hits: () => boolean): number {
  return Array.from({ length: runs }, hits).filter(Boolean).length / runs;
}

function sigma(probability: number, runs: number): number {
  return Math.sqrt((probability * (1 - probability)) / runs);
}

// ---- Proportions --------------------------------------------------------------------------------

test('exact intervals agree with the quantiles of the beta distribution at the extremes', (t) => {
  // Calculated with SciPy 1.17: beta.ppf(miss, k, n - k + 1) and beta.isf(miss, k + 1, n - k).
  const known: [k: number, n: number, confidence: number, low: number, high: number][] = [
    [7, 10, 0.95, 0.34754714994000274, 0.9332604888222655],
    [0, 20_000, 0.95, 0, 0.0001844269639618992],
    [0, 20_000, ONE_OF_60, 0, 0.00046952283607719093],
    [0, 20_000, 1 - 2e-7, 0, 0.000805580128506484],
    [1, 20_000, ONE_OF_60, 4.1668402787417045e-9, 0.0005975399515805344],
    [7000, 20_000, ONE_OF_60, 0.3373533063828483, 0.36279381548788386],
    [20_000, 20_000, ONE_OF_60, 0.9995304771639228, 1],
    [3, 1_000_000, 0.99, 3.3786366951563994e-7, 1.0977433709098371e-5],
    [500_000, 1_000_000, 0.99, 0.4987115878088738, 0.5012884121911262],
  ];
  for (const [k, n, confidence, low, high] of known) {
    const found = proportion(k, n, confidence);
    const what = `${k} of ${n} at ${confidence}`;
    t.is(found.value, k / n);
    near(t, `${what}, low`, found.low, low, low * 1e-9);
    near(t, `${what}, high`, found.high, high, high * 1e-9);
  }
});

test('the ends without and with nothing but successes have their closed form', (t) => {
  for (const n of [1, 2, 30, 5000]) {
    for (const confidence of [0.5, 0.95, ONE_OF_60]) {
      const end = ((1 - confidence) / 2) ** (1 / n);
      near(t, `none of ${n}`, proportion(0, n, confidence).high, 1 - end, 1e-12);
      near(t, `all of ${n}`, proportion(n, n, confidence).low, end, 1e-12);
    }
  }
});

test('binomial tails share the point they both hold, and mirror each other', (t) => {
  const counts = fc.tuple(fc.nat(400), fc.nat(400), shares);
  always(
    t,
    fc.property(counts, ([a, b, p]) => {
      const [k, n] = [Math.min(a, b), Math.max(a, b)];
      const { atMost, atLeast } = tails(k, n, p);
      const above = k === n ? 0 : tails(k + 1, n, p).atLeast;
      const mirrored = tails(n - k, n, 1 - p).atMost;
      return (
        Math.abs(atMost + above - 1) < 1e-12 &&
        Math.abs(atLeast - mirrored) < 1e-12 &&
        atMost <= 1 &&
        atLeast <= 1
      );
    }),
  );
});

test('an exact interval holds its value, widens with confidence and rises with successes', (t) => {
  const cases = fc.tuple(fc.nat(300), fc.nat(300), confidences, confidences);
  always(
    t,
    fc.property(cases, ([a, b, c, d]) => {
      const [k, n] = [Math.min(a, b), Math.max(a, b) + 1];
      const narrow = proportion(k, n, Math.min(c, d));
      const wide = proportion(k, n, Math.max(c, d));
      const next = proportion(k + 1, n, Math.max(c, d));
      return (
        holds(narrow) &&
        holds(wide) &&
        wide.low <= narrow.low &&
        narrow.high <= wide.high &&
        wide.low < next.low &&
        (wide.high < next.high || wide.high === 1)
      );
    }),
  );
});

test('a count is accepted exactly if its interval holds the probability', (t) => {
  const cases = fc.tuple(fc.nat(200), fc.nat(200), shares, confidences);
  always(
    t,
    fc.property(cases, ([a, b, p, confidence]) => {
      const [k, n] = [Math.min(a, b), Math.max(a, b) + 1];
      const [low, high] = acceptance(p, n, confidence);
      const interval = proportion(k, n, confidence);
      return (low <= k && k <= high) === (interval.low <= p && p <= interval.high);
    }),
    300,
  );
});

test('accepted counts agree with an independent calculation', (t) => {
  // SciPy 1.17: the counts at which neither binom.cdf(k) nor binom.sf(k - 1) is within the miss.
  t.deepEqual(acceptance(0.5, 10), [2, 8]);
  t.deepEqual(acceptance(0.3, 20_000, ONE_OF_60), [5757, 6245]);
  t.deepEqual(acceptance(0.001, 20_000, 0.99), [10, 32]);
  t.deepEqual(acceptance(1 - 1e-6, 20_000, 0.99), [19_999, 20_000]);
  t.deepEqual(acceptance(0, 20_000), [0, 0]);
  t.deepEqual(acceptance(1, 20_000), [20_000, 20_000]);
  t.deepEqual(acceptance(0.5, 0), [0, 0]);
});

test('exact intervals cover the probability at least as often as they claim', (t) => {
  const rng = fork(SEED, 'proportions');
  const runs = 4000;
  for (const [p, n] of [
    [0.02, 50],
    [0.3, 25],
    [0.5, 10],
  ] as const) {
    const intervals = Array.from({ length: n + 1 }, (_, k) => proportion(k, n));
    const covered = share(runs, () => {
      const successes = Array.from({ length: n }, () => chance(rng, p)).filter(Boolean).length;
      const interval = intervals[successes];
      return interval !== undefined && interval.low <= p && p <= interval.high;
    });
    t.true(covered >= 0.95 - SIGMAS * sigma(0.95, runs), `${p} of ${n}: covered ${covered}`);
  }
});

test('60 statements that hold together with 99 % each need 1 - 0.01 / 60', (t) => {
  near(t, 'each of 60', simultaneous(0.99, 60), ONE_OF_60, 1e-15);
  near(t, 'a single one', simultaneous(0.95, 1), 0.95, 1e-15);
});

// ---- Quantiles and means ------------------------------------------------------------------------

test('the interval of a quantile is between two samples, and says when there are too few', (t) => {
  const sorted = Array.from({ length: 100 }, (_, i) => i + 1);
  // The classic table for a median of 100 samples: the 40th and the 61st.
  t.deepEqual(quantileEstimate(sorted, 0.5), { value: 50.5, low: 40, high: 61, isBounded: true });
  const rare = quantileEstimate(sorted, 0.999);
  t.is(rare?.high, 100);
  t.is(rare?.isBounded, false);
  t.is(quantileEstimate(sorted.slice(0, 5), 0.5)?.isBounded, false);
  t.is(quantileEstimate(sorted.slice(0, 6), 0.5)?.isBounded, true);
  t.deepEqual(quantileEstimate([7], 0.5), { value: 7, low: 7, high: 7, isBounded: false });
  t.is(quantileEstimate([], 0.5), null);
});

test('quantile intervals hold their value, widen with confidence, rise with quantiles', (t) => {
  const cases = fc.tuple(ascending(1), shares, shares, confidences, confidences);
  always(
    t,
    fc.property(cases, ([sorted, a, b, c, d]) => {
      const [q, above] = [Math.min(a, b), Math.max(a, b)];
      const narrow = quantileEstimate(sorted, q, Math.min(c, d));
      const wide = quantileEstimate(sorted, q, Math.max(c, d));
      const higher = quantileEstimate(sorted, above, Math.max(c, d));
      if (narrow === null || wide === null || higher === null) return false;
      return (
        holds(narrow) &&
        holds(wide) &&
        wide.low <= narrow.low &&
        narrow.high <= wide.high &&
        wide.low <= higher.low &&
        wide.high <= higher.high &&
        (!wide.isBounded || narrow.isBounded)
      );
    }),
    300,
  );
});

test('quantile intervals cover the true quantile at least as often as they claim', (t) => {
  const rng = fork(SEED, 'quantiles');
  const runs = 2000;
  for (const q of [0.1, 0.5, 0.9]) {
    const truth = -Math.log(1 - q);
    const covered = share(runs, () => {
      const found = quantileEstimate(exponentials(rng, 100), q);
      return found?.isBounded === true && found.low <= truth && truth <= found.high;
    });
    t.true(covered >= 0.95 - SIGMAS * sigma(0.95, runs), `quantile ${q}: covered ${covered}`);
  }
});

test('a bootstrapped mean is the same for the same seed and holds the mean', (t) => {
  const cases = fc.tuple(ascending(2), fc.nat(), fc.double({ min: 0.01, max: 0.99, noNaN: true }));
  always(
    t,
    fc.property(cases, ([samples, seed, confidence]) => {
      const found = bootstrapMean(samples, seed, 200, confidence);
      const again = bootstrapMean(samples, seed, 200, confidence);
      return (
        found !== null &&
        holds(found) &&
        found.value === mean(samples) &&
        (samples[0] ?? 0) <= found.low &&
        found.high <= (samples.at(-1) ?? 0) &&
        again?.low === found.low &&
        again.high === found.high
      );
    }),
  );
  const spread = exponentials(fork(SEED, 'seeds'), 50);
  t.notDeepEqual(bootstrapMean(spread, 1), bootstrapMean(spread, 2));
  t.deepEqual(bootstrapMean([4, 4, 4], 1), { value: 4, low: 4, high: 4 });
  t.is(bootstrapMean([4], 1), null);
  t.is(bootstrapMean([], 1), null);
});

test('bootstrapped means cover the true mean of skewed samples about as often as claimed', (t) => {
  const rng = fork(SEED, 'means');
  const runs = 500;
  let seed = 0;
  const covered = share(runs, () => {
    const found = bootstrapMean(exponentials(rng, 100), seed++, 400);
    return found !== null && found.low <= 1 && 1 <= found.high;
  });
  // The bootstrap promises its confidence for many samples only; 100 skewed ones cost it 1 to 2 %.
  near(t, 'covered', covered, 0.935, 0.035);
});

// ---- Distances and curves -----------------------------------------------------------------------

test('the distance of two sets of samples is the largest difference of their shares', (t) => {
  const A = [1, 2, 2, 3, 5, 8, 13];
  const B = [2, 2, 4, 4, 6, 7, 9, 20, 21];
  // SciPy 1.17: ks_2samp(A, B).statistic
  near(t, 'distance', distanceBetween(A, B), 0.3492063492063492, 1e-15);
  t.is(distanceBetween(A, A), 0);
  t.is(distanceBetween([1, 2], [3, 4]), 1);
  always(
    t,
    fc.property(ascending(1), ascending(1), (a, b) => {
      const upTo = (samples: readonly number[], x: number): number =>
        samples.filter((sample) => sample <= x).length / samples.length;
      const expected = Math.max(...[...a, ...b].map((x) => Math.abs(upTo(a, x) - upTo(b, x))));
      return distanceBetween(a, b) === expected && distanceBetween(b, a) === expected;
    }),
  );
});

test('the distance to points of a curve never exceeds the distance to all of it', (t) => {
  t.is(distanceToCurve([1, 2, 3, 4], [{ x: 2, cumulative: 0.5 }]), 0);
  t.is(distanceToCurve([1, 2, 3, 4], [{ x: 3, cumulative: 0.5 }]), 0.25);
  t.is(distanceToCurve([10, 11], [{ x: 9, cumulative: 0.99 }]), 0.99);
  always(
    t,
    fc.property(ascending(1), ascending(1), fc.nat(60), (a, b, every) => {
      const curve = cdfPoints(b).map(({ x, y }) => ({ x, cumulative: y }));
      const known = curve.filter((_, i) => i % (every + 1) === 0);
      return distanceToCurve(a, known) <= distanceBetween(a, b);
    }),
  );
});

test('two sets of one distribution exceed the critical distance about as rarely as told', (t) => {
  near(t, 'c(0.05) for 100 samples and a curve', criticalDistance(100, Infinity), 0.1358, 5e-5);
  near(t, 'c(0.01) for 50 and 80', criticalDistance(50, 80, 0.01), 0.29341, 5e-5);
  const rng = fork(SEED, 'distances');
  const runs = 1000;
  const exceeded = share(runs, () => {
    const distance = distanceBetween(exponentials(rng, 150), exponentials(rng, 200));
    return distance > criticalDistance(150, 200);
  });
  t.true(exceeded <= 0.05 + SIGMAS * sigma(0.05, runs), `exceeded in ${exceeded}`);
  t.true(exceeded >= 0.02, `exceeded in ${exceeded}`);
});

test('points of a chart lie on the distribution, from the first sample to the last', (t) => {
  always(
    t,
    fc.property(ascending(1, 400), fc.integer({ min: 2, max: 200 }), (sorted, points) => {
      const drawn = cdfPoints(sorted, points);
      const onCurve = drawn.every(
        ({ x, y }) => y === sorted.filter((sample) => sample <= x).length / sorted.length,
      );
      const rising = drawn.every(({ x }, i) => i === 0 || x > (drawn[i - 1]?.x ?? x));
      const ends = drawn[0]?.x === sorted[0] && drawn.at(-1)?.x === sorted.at(-1);
      return drawn.length <= points && onCurve && rising && ends;
    }),
  );
  t.deepEqual(cdfPoints([]), []);
});

test('points of a chart are at most a step apart, and nearer in the tail', (t) => {
  const sorted = Array.from({ length: 10_000 }, (_, i) => i);
  const drawn = cdfPoints(sorted);
  t.true(drawn.length <= 200);
  for (let i = 1; i < drawn.length; i++) {
    t.true((drawn[i]?.y ?? 1) - (drawn[i - 1]?.y ?? 0) <= 2 / 200);
  }
  // Of the slowest 0.1 %, ten samples, every chart that is logarithmic in 1 - y wants some.
  t.true(drawn.filter(({ y }) => y > 0.999).length >= 8);
});

test('many equal samples are one point', (t) => {
  t.deepEqual(cdfPoints(Array.from({ length: 1000 }, () => 5)), [{ x: 5, y: 1 }]);
});

// ---- Impossible input ---------------------------------------------------------------------------

test('impossible input is refused, and the message says what was expected', (t) => {
  const refused: [call: () => unknown, message: RegExp][] = [
    [() => proportion(0, 0), /trials: expected an integer of at least 1, got 0/],
    [() => proportion(11, 10), /successes: expected at most the 10 trials, got 11/],
    [() => proportion(0.5, 10), /successes: expected an integer/],
    [() => proportion(1, 10, 1), /a confidence lies between 0 and 1/],
    [() => proportion(1, 10, Number.NaN), /got NaN/],
    [() => acceptance(1.1, 10), /probability: expected a number from 0 to 1, got 1.1/],
    [() => acceptance(Number.NaN, 10), /probability: .* got NaN/],
    [() => simultaneous(0.99, 0), /statements: expected an integer of at least 1/],
    [() => quantileEstimate([2, 1], 0.5), /expected ascending numbers, got 1 after 2/],
    [() => quantileEstimate([1, Number.NaN], 0.5), /expected finite numbers, got NaN/],
    [() => quantileEstimate([1], 2), /quantile: expected a number from 0 to 1, got 2/],
    [() => bootstrapMean([1, 2], 1, 30), /resamples for a confidence of 0.95: .* got 30/],
    [() => bootstrapMean([1, Infinity], 1), /expected finite numbers, got Infinity/],
    [() => distanceBetween([], [1]), /samples: expected an integer of at least 1, got 0/],
    [() => distanceToCurve([1], []), /points of the curve/],
    [() => distanceToCurve([1], [{ x: 1, cumulative: 2 }]), /cumulative share of the curve/],
    [() => criticalDistance(0, 5), /samples/],
    [() => criticalDistance(5, 5, 0), /alpha lies between 0 and 1/],
    [() => cdfPoints([1], 1), /points: expected an integer of at least 2/],
  ];
  for (const [call, message] of refused) t.throws(call, { instanceOf: RangeError, message });
});
