/**
 * Shows that the network model does what its settings say: rates, bursts, distributions,
 * reordering, the bandwidth limit and cuts, each within a bound that follows from the sample size;
 * and that a seed fixes every fault, so that taking one fault away leaves the others where they
 * were.
 *
 *     npx ava test/link.test.ts
 *
 * All bounds are 5 standard deviations of the estimate (about 1 in 1.7 million by chance, and with
 * fixed seeds never by chance again); distributions as a whole use the inequality of Dvoretzky,
 * Kiefer and Wolfowitz.
 */
import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { normalTable, paretoTable } from '../scripts/distributions.ts';
import { fork, nextUint32 } from '../src/raft/random.ts';
import {
  DEVIATE_SCALE,
  type Distribution,
  drawJitterUs,
  NORMAL,
  normalDeviate,
  PARETO,
  paretoDeviate,
} from '../src/transport/distributions.ts';
import {
  checkLinkSettings,
  createLink,
  type Delivery,
  deliveries,
  dropped,
  type LinkSettings,
  type LinkState,
  PERFECT,
  queuedBytes,
} from '../src/transport/link.ts';
import { always, near, replay, SEED, SIGMAS } from './support/property.ts';

const BYTES = 100;

/** Offers messages `gapUs` apart and returns what arrived of each. */
function offer(
  link: LinkState,
  settings: LinkSettings,
  count: number,
  { bytes = BYTES, gapUs = 10, fromUs = 0 } = {},
): (readonly Delivery[])[] {
  return Array.from({ length: count }, (_, i) =>
    deliveries(settings, link, fromUs + i * gapUs, bytes),
  );
}

/** 5 sigma of a share counted in n independent trials: 5 · √(p (1 - p) / n). */
function binomialBound(probability: number, count: number): number {
  return SIGMAS * Math.sqrt((probability * (1 - probability)) / count);
}

function share<T>(items: readonly T[], holds: (item: T) => boolean): number {
  return items.filter(holds).length / items.length;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Lengths of the runs of lost messages. */
function lostRuns(arrivals: readonly (readonly Delivery[])[]): number[] {
  const runs: number[] = [];
  let run = 0;
  for (const arrived of arrivals) {
    if (arrived.length === 0) run++;
    else if (run > 0) {
      runs.push(run);
      run = 0;
    }
  }
  return runs;
}

test('independent losses have the rate that was set, and come alone', (t) => {
  for (const loss of [0.001, 0.1, 0.5, 0.97]) {
    const count = 100_000;
    const link = createLink(SEED, `n1->n2 ${loss}`);
    const arrivals = offer(link, { ...PERFECT, loss }, count);
    const rate = share(arrivals, (arrived) => arrived.length === 0);
    near(t, `loss ${loss}`, rate, loss, binomialBound(loss, count));
    t.is(link.counters.lost, Math.round(rate * count));
    // A run of independent losses is geometric: mean 1 / (1 - loss), deviation √loss / (1 - loss).
    const runs = lostRuns(arrivals);
    const bound = (SIGMAS * Math.sqrt(loss)) / (1 - loss) / Math.sqrt(runs.length);
    near(t, `run length at loss ${loss}`, mean(runs), 1 / (1 - loss), bound);
  }
});

test('loss 1 loses everything and loss 0 nothing', (t) => {
  t.true(
    offer(createLink(SEED, 'a'), { ...PERFECT, loss: 1 }, 10_000).every((a) => a.length === 0),
  );
  const rest = { ...PERFECT, delayMs: 1 };
  t.true(offer(createLink(SEED, 'a'), rest, 10_000).every((a) => a.length === 1));
});

test('Gilbert-Elliott losses keep the overall rate whatever the burst', (t) => {
  const count = 200_000;
  for (const [loss, burst, burstLoss] of [
    [0.02, 1, 1],
    [0.05, 8, 1],
    [0.05, 8, 0.5],
    [0.4, 3, 0.7],
    [0.01, 50, 0.9],
  ] as const) {
    const link = createLink(SEED, 'n1->n2');
    const arrivals = offer(link, { ...PERFECT, loss, burst, burstLoss }, count);
    // The states of a two-state chain are correlated by λ = 1 - p - r per step, so the variance of
    // a mean of n losses is (loss (1 - loss) + 2 h² s (1 - s) λ / (1 - λ)) / n with h = burstLoss
    // and s = loss / h the share of bad messages.
    const bad = loss / burstLoss;
    const leave = 1 / burst;
    const lambda = 1 - leave - (leave * bad) / (1 - bad);
    const spread = 2 * burstLoss ** 2 * bad * (1 - bad) * (lambda / (1 - lambda));
    const bound = SIGMAS * Math.sqrt((loss * (1 - loss) + spread) / count);
    const rate = share(arrivals, (arrived) => arrived.length === 0);
    near(t, `loss ${loss} burst ${burst} burstLoss ${burstLoss}`, rate, loss, bound);
  }
});

test('a Gilbert-Elliott spell lasts `burst` messages and loses `burstLoss` of them', (t) => {
  for (const [loss, burst] of [
    [0.05, 8],
    [0.3, 2.5],
  ] as const) {
    const arrivals = offer(createLink(SEED, 'n1->n2'), { ...PERFECT, loss, burst }, 200_000);
    // With burstLoss 1 every run of losses is one spell: geometric, deviation √(1 - r) / r, r = 1 /
    // burst.
    const runs = lostRuns(arrivals);
    const bound = SIGMAS * Math.sqrt(((1 - 1 / burst) * burst ** 2) / runs.length);
    near(t, `run length at burst ${burst}`, mean(runs), burst, bound);
    // Spells as such: the share of runs of length 1 is r.
    const alone = share(runs, (run) => run === 1);
    near(t, `runs of 1 at burst ${burst}`, alone, 1 / burst, binomialBound(1 / burst, runs.length));
  }
  const link = createLink(SEED, 'n1->n2');
  const settings = { ...PERFECT, loss: 0.1, burst: 10, burstLoss: 0.3 };
  let inSpell = 0;
  let lost = 0;
  for (let i = 0; i < 200_000; i++) {
    const arrived = deliveries(settings, link, i, BYTES);
    if (link.bad) {
      inSpell++;
      if (arrived.length === 0) lost++;
    } else {
      t.is(arrived.length, 1, `a loss outside a bad spell (${replay(t)})`);
    }
  }
  near(t, 'loss within a spell', lost / inSpell, 0.3, binomialBound(0.3, inSpell));
});

test('copies come at the rate that was set, each lost and delayed by itself', (t) => {
  const count = 100_000;
  const rareLink = createLink(SEED, 'n1->n2');
  const rare = offer(rareLink, { ...PERFECT, duplicate: 0.03 }, count);
  const rate = share(rare, (arrived) => arrived.length === 2);
  near(t, 'copies', rate, 0.03, binomialBound(0.03, count));
  t.is(rareLink.counters.duplicated, Math.round(rate * count));
  t.is(rareLink.counters.sent, count, 'a copy is no message sent');

  const link = createLink(SEED, 'n1->n2');
  const settings = { ...PERFECT, duplicate: 1, loss: 0.3, delayMs: 50, jitterMs: 10 };
  const arrivals = offer(link, settings, count);
  for (const [copies, probability] of [
    [0, 0.09],
    [1, 0.42],
    [2, 0.49],
  ] as const) {
    const seen = share(arrivals, (arrived) => arrived.length === copies);
    near(t, `${copies} arrive`, seen, probability, binomialBound(probability, count));
  }
  // Two independent uniform delays of width w differ by w / 3 on average, deviation w / √18.
  const gaps = arrivals.flatMap(([first, second]) =>
    first && second ? [Math.abs(first.delayUs - second.delayUs)] : [],
  );
  const bound = (SIGMAS * 20_000) / Math.sqrt(18 * gaps.length);
  near(t, 'delay between copies', mean(gaps), 20_000 / 3, bound);
});

test('a flipped bit comes at the rate that was set and falls anywhere in the frame', (t) => {
  const count = 200_000;
  const link = createLink(SEED, 'n1->n2');
  const arrivals = offer(link, { ...PERFECT, corrupt: 0.2 }, count, { bytes: 8 }).flat();
  const flipped = arrivals.filter(({ corruptBit }) => corruptBit !== -1);
  near(t, 'corrupted', flipped.length / count, 0.2, binomialBound(0.2, count));
  t.is(link.counters.corrupted, flipped.length);
  t.true(flipped.every(({ corruptBit }) => corruptBit >= 0 && corruptBit < 64));
  for (let bit = 0; bit < 64; bit++) {
    const rate = share(flipped, ({ corruptBit }) => corruptBit === bit);
    near(t, `bit ${bit}`, rate, 1 / 64, binomialBound(1 / 64, flipped.length));
  }
});

test('a flipped bit lies within the frame, whatever its length', (t) => {
  always(
    t,
    fc.property(fc.integer(), fc.integer({ min: 1, max: 1 << 24 }), (seed, bytes) => {
      const [arrived] = deliveries({ ...PERFECT, corrupt: 1 }, createLink(seed, 'a'), 0, bytes);
      const bit = arrived?.corruptBit ?? -1;
      return Number.isInteger(bit) && bit >= 0 && bit < bytes * 8;
    }),
  );
  t.deepEqual(deliveries({ ...PERFECT, corrupt: 1 }, createLink(SEED, 'a'), 0, 0), [
    { delayUs: 0, corruptBit: -1 },
  ]);
});

test('reordered messages come at the rate that was set and skip the delay', (t) => {
  const count = 100_000;
  const link = createLink(SEED, 'n1->n2');
  const settings = { ...PERFECT, delayMs: 10, reorder: 0.25 };
  const arrivals = offer(link, settings, count).flat();
  const ahead = share(arrivals, ({ delayUs }) => delayUs === 0);
  near(t, 'reordered', ahead, 0.25, binomialBound(0.25, count));
  t.is(link.counters.reordered, Math.round(ahead * count));
  t.true(arrivals.every(({ delayUs }) => delayUs === 0 || delayUs === 10_000));
});

test('correlated reordering follows the recurrence of netem to the bit', (t) => {
  for (const correlation of [0, 0.25, 0.5, 0.9, 1]) {
    const link = createLink(SEED, 'n1->n2');
    const rng = structuredClone(link.original.reorder);
    let last = BigInt(link.original.reorderLast);
    const rho = BigInt(Math.floor(correlation * 2 ** 32));
    const threshold = BigInt(Math.floor(0.4 * 2 ** 32));
    const settings = { ...PERFECT, delayMs: 10, reorder: 0.4, correlation };
    for (const arrived of offer(link, settings, 5_000)) {
      last = (BigInt(nextUint32(rng)) * (2n ** 32n - rho) + last * rho) >> 32n;
      const expected = last <= threshold ? 0 : 10_000;
      if (arrived[0]?.delayUs !== expected) return t.fail(`at ${correlation} (${replay(t)})`);
    }
    t.is(link.original.reorderLast, Number(last), replay(t));
  }
});

test('correlation lowers the effective rate of reordering as the comment in link.ts says', (t) => {
  const count = 200_000;
  for (const [correlation, rate] of [
    [0.25, 0.1667],
    [0.5, 0.0694],
    [0.75, 0.008],
  ] as const) {
    const settings = { ...PERFECT, delayMs: 10, reorder: 0.25, correlation };
    const arrivals = offer(createLink(SEED, 'n1->n2'), settings, count).flat();
    const ahead = share(arrivals, ({ delayUs }) => delayUs === 0);
    // Successive draws are correlated by ρ, which widens the binomial bound by √((1 + ρ) / (1 -
    // ρ)).
    const widened = Math.sqrt((1 + correlation) / (1 - correlation));
    near(t, `reordered at ${correlation}`, ahead, rate, binomialBound(rate, count) * widened);
  }
});

test('reordering does nothing where there is no delay to skip', (t) => {
  const link = createLink(SEED, 'n1->n2');
  const arrivals = offer(link, { ...PERFECT, reorder: 0.5 }, 1_000).flat();
  t.true(arrivals.every(({ delayUs }) => delayUs === 0));
  t.is(link.counters.reordered, 0);
  // Its draws are taken all the same, so a delay set later meets the reordering it would have met.
  const delayed = createLink(SEED, 'n1->n2');
  offer(delayed, { ...PERFECT, reorder: 0.5, delayMs: 1 }, 1_000);
  t.deepEqual(link.original, delayed.original);
});

/** Φ by Simpson's rule over the density: slow, and nothing in common with the tables' generator. */
function normalCdf(z: number): number {
  const steps = 200;
  const width = z / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp(-((i * width) ** 2) / 2);
  }
  return 0.5 + (sum * width) / 3 / Math.sqrt(2 * Math.PI);
}

/** Pareto of shape 3 and minimum 1, moved and scaled to mean 0 and deviation 1. */
function paretoCdf(z: number): number {
  const x = z * Math.sqrt(0.75) + 1.5;
  return x <= 1 ? 0 : 1 - x ** -3;
}

const SHAPES: readonly {
  distribution: Distribution;
  deviation: number;
  cdf: (z: number) => number;
}[] = [
  { distribution: 'uniform', deviation: Math.sqrt(1 / 3), cdf: (z) => clamp((z + 1) / 2) },
  { distribution: 'normal', deviation: 1, cdf: normalCdf },
  { distribution: 'pareto', deviation: 1, cdf: paretoCdf },
];

function clamp(probability: number): number {
  return Math.min(1, Math.max(0, probability));
}

test('jitter follows its distribution: every quantile, and the mean', (t) => {
  const count = 200_000;
  const jitterUs = 1_000_000;
  // P(sup |F_n - F| > ε) <= 2 exp(-2 n ε²), here one in a million; half a microsecond is rounding.
  const epsilon = Math.sqrt(Math.log(2e6) / (2 * count)) + 1e-6;
  for (const { distribution, deviation, cdf } of SHAPES) {
    const rng = fork(SEED, distribution);
    const draws = Array.from({ length: count }, () => drawJitterUs(rng, distribution, jitterUs));
    const sorted = Float64Array.from(draws).sort();
    let apart = 0;
    sorted.forEach((draw, i) => {
      apart = Math.max(apart, Math.abs(cdf(draw / jitterUs) - (i + 0.5) / count));
    });
    near(t, `distance of ${distribution}`, apart, 0, epsilon);
    for (const probability of [0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999]) {
      const quantile = sorted[Math.floor(probability * count)] as number;
      const bound = binomialBound(probability, count) + 1 / count;
      near(t, `${distribution} p${probability}`, cdf(quantile / jitterUs), probability, bound);
    }
    const bound = (SIGMAS * deviation * jitterUs) / Math.sqrt(count);
    near(t, `mean of ${distribution}`, mean(draws), 0, bound);
  }
});

test('normal and uniform jitter have the deviation that was set', (t) => {
  const count = 200_000;
  for (const { distribution, deviation } of SHAPES.slice(0, 2)) {
    const rng = fork(SEED, `deviation ${distribution}`);
    const squares = Array.from(
      { length: count },
      () => (drawJitterUs(rng, distribution, 10_000) / 10_000) ** 2,
    );
    // The variance of a squared deviate is at most 2 σ⁴ for both (normal 2 σ⁴, uniform 4/5 σ⁴).
    const bound = SIGMAS * deviation ** 2 * Math.sqrt(2 / count);
    near(t, `variance of ${distribution}`, mean(squares), deviation ** 2, bound);
  }
});

test('the tables are exact: each quantile down to 2^-26, mean 0 and deviation 1', (t) => {
  // A sample cannot show the deviation of Pareto, whose fourth moment is infinite, so this
  // integrates over all 2^32 draws by the midpoint rule, finer towards both ends.
  const points = 512;
  for (const [name, deviateOf, cdf] of [
    ['normal', normalDeviate, normalCdf],
    ['pareto', paretoDeviate, paretoCdf],
  ] as const) {
    let sum = 0;
    let squares = 0;
    for (let octave = 0; octave < 31; octave++) {
      const width = 2 ** octave / points;
      for (let i = 0; i < points; i++) {
        const low = Math.floor(2 ** octave + (i + 0.5) * width);
        for (const draw of [low, 2 ** 32 - 1 - low]) {
          const deviate = deviateOf(draw) / DEVIATE_SCALE;
          sum += deviate * width;
          squares += deviate ** 2 * width;
          const tail = name === 'normal' ? ((draw % 2 ** 31) + 0.5) / 2 ** 32 : draw / 2 ** 32;
          const actual = name === 'normal' ? 1 - cdf(Math.abs(deviate)) : 1 - cdf(deviate);
          // Below, too few digits of 1 - cdf are left to compare.
          if (tail < 2 ** -26) continue;
          // One unit of the table, or the chord of a 32nd of an octave, moves a tail by less.
          if (Math.abs(actual / tail - 1) > 1e-3) {
            return t.fail(`${name}: P of ${draw} is ${actual}, expected ${tail}`);
          }
        }
      }
    }
    near(t, `mean of ${name}`, sum / 2 ** 32, 0, 1e-4);
    // Pareto beyond 2^-32 holds 3 · 2^(-32/3) / 0.75 = 0.0025 of the variance.
    near(t, `variance of ${name}`, squares / 2 ** 32, 1, name === 'pareto' ? 0.005 : 0.001);
  }
});

test('the tables are those that scripts/distributions.ts generates', (t) => {
  t.deepEqual(NORMAL, normalTable());
  t.deepEqual(PARETO, paretoTable());
});

test('a delay is delayMs and its jitter in whole microseconds, never below 0', (t) => {
  const exact = offer(createLink(SEED, 'a'), { ...PERFECT, delayMs: 1.2345 }, 3).flat();
  t.deepEqual(new Set(exact.map(({ delayUs }) => delayUs)), new Set([1235]));

  const constant: LinkSettings = { ...PERFECT, delayMs: 2, jitterMs: 1, distribution: 'constant' };
  t.true(
    offer(createLink(SEED, 'a'), constant, 1_000)
      .flat()
      .every((d) => d.delayUs === 2_000),
  );

  const count = 100_000;
  const short: LinkSettings = { ...PERFECT, delayMs: 1, jitterMs: 1, distribution: 'normal' };
  const delays = offer(createLink(SEED, 'a'), short, count).flat();
  t.true(delays.every(({ delayUs }) => Number.isInteger(delayUs) && delayUs >= 0));
  const atOnce = normalCdf(-1);
  const rate = share(delays, ({ delayUs }) => delayUs === 0);
  // Rounding to a microsecond adds what falls within half of one: density · 0.0005 sigma.
  near(t, 'held at 0', rate, atOnce, binomialBound(atOnce, count) + 0.0005);

  const uniform: LinkSettings = { ...PERFECT, delayMs: 0.01, jitterMs: 0.003 };
  const seen = new Set(
    offer(createLink(SEED, 'a'), uniform, 1_000).flatMap((a) => a.map((d) => d.delayUs)),
  );
  t.deepEqual([...seen].sort(), [10, 11, 12, 13, 7, 8, 9]);
});

/**
 * Rates at which every transmission time is exact in binary, so the reference may demand equality.
 */
const exactRate = fc.constantFrom(500_000, 1_000_000, 4_000_000);
const offers = fc.array(
  fc.record({ gapUs: fc.nat({ max: 400 }), bytes: fc.integer({ min: 1, max: 500 }) }),
  { minLength: 1, maxLength: 200 },
);

test('the rate limit is a queue in order, never idle and never over its bound', (t) => {
  always(
    t,
    fc.property(
      exactRate,
      fc.nat({ max: 2_000 }),
      offers,
      (bytesPerSecond, queueBytes, sequence) => {
        const link = createLink(SEED, 'n1->n2');
        const settings = { ...PERFECT, bytesPerSecond, queueBytes };
        const bytesPerUs = bytesPerSecond / 1e6;
        let nowUs = 0;
        let waiting = 0;
        for (const { gapUs, bytes } of sequence) {
          nowUs += gapUs;
          waiting = Math.max(0, waiting - gapUs * bytesPerUs);
          assert.equal(queuedBytes(settings, link, nowUs), Math.round(waiting));
          const arrived = deliveries(settings, link, nowUs, bytes);
          const fits = waiting === 0 || Math.round(waiting) + bytes <= queueBytes;
          if (fits) waiting += bytes;
          const expected = fits
            ? [{ delayUs: Math.ceil(waiting / bytesPerUs), corruptBit: -1 }]
            : [];
          assert.deepEqual([...arrived], expected);
          if (fits) assert.ok(queuedBytes(settings, link, nowUs) <= Math.max(queueBytes, bytes));
        }
        return link.counters.overflowed + countAccepted(link) === sequence.length;
      },
    ),
    50,
  );
});

function countAccepted(link: LinkState): number {
  const { sent, duplicated } = link.counters;
  return sent + duplicated - dropped(link.counters);
}

test('an overloaded link carries exactly its rate, an idle one adds its own time', (t) => {
  const settings = { ...PERFECT, bytesPerSecond: 125_000, queueBytes: 10_000 };
  const link = createLink(SEED, 'n1->n2');
  // 100 bytes every 100 µs is 1 MB/s, eight times the rate, for one second.
  const arrivals = offer(link, settings, 10_000, { gapUs: 100 });
  const arrivedUs = arrivals.flatMap((a, i) => a.map(({ delayUs }) => i * 100 + delayUs));
  const inTime = arrivedUs.filter((us) => us <= 1_000_000).length * BYTES;
  t.true(Math.abs(inTime - 125_000) <= BYTES, `carried ${inTime} bytes in a second`);
  t.deepEqual(
    arrivedUs,
    arrivedUs.toSorted((a, b) => a - b),
    'first in, first out',
  );
  t.is(link.counters.overflowed, 10_000 - arrivedUs.length);
  const full = queuedBytes(settings, link, 999_900);
  t.true(full <= 10_000 && full > 10_000 - 2 * BYTES, `${full} bytes wait in a full queue`);
  t.is(queuedBytes(settings, link, 2_000_000), 0);

  const idle = offer(createLink(SEED, 'n1->n2'), settings, 100, { gapUs: 800 }).flat();
  t.true(idle.every(({ delayUs }) => delayUs === 800));
});

test('an empty queue takes a message larger than its bound, and only then', (t) => {
  const settings = { ...PERFECT, bytesPerSecond: 1_000_000, queueBytes: 10 };
  const link = createLink(SEED, 'n1->n2');
  t.is(deliveries(settings, link, 0, 5_000)[0]?.delayUs, 5_000);
  t.is(deliveries(settings, link, 4_995, 6).length, 0);
  t.is(deliveries(settings, link, 4_995, 5)[0]?.delayUs, 10);
  t.is(link.counters.overflowed, 1);
});

test('short messages on a fast link do not round away', (t) => {
  const settings = { ...PERFECT, bytesPerSecond: 1_000_000_000, queueBytes: 1e9 };
  const link = createLink(SEED, 'n1->n2');
  // Microseconds since 1970 leave a double no room for tenths.
  const fromUs = 1_790_000_000_000_000;
  const last = offer(link, settings, 10_000, { gapUs: 0, fromUs }).at(-1);
  t.is(last?.[0]?.delayUs, 1_000, '10,000 messages of 100 bytes at 1,000 bytes per microsecond');
});

test('the delay begins when the message is sent; reordering keeps the rate limit', (t) => {
  const settings = { ...PERFECT, bytesPerSecond: 1_000_000, delayMs: 1 };
  const delays = offer(createLink(SEED, 'a'), settings, 3, { gapUs: 0 }).flat();
  t.deepEqual(
    delays.map((d) => d.delayUs),
    [1_100, 1_200, 1_300],
  );
  const ahead = { ...settings, reorder: 1 };
  const overtaking = offer(createLink(SEED, 'a'), ahead, 3, { gapUs: 0 }).flat();
  t.deepEqual(
    overtaking.map((d) => d.delayUs),
    [100, 200, 300],
  );
});

test('a cut stops one direction only, and is undone at once', (t) => {
  const there = createLink(SEED, 'n1->n2');
  const back = createLink(SEED, 'n2->n1');
  t.true(offer(there, { ...PERFECT, cut: true }, 100).every((a) => a.length === 0));
  t.true(offer(back, PERFECT, 100).every((a) => a.length === 1));
  t.is(there.counters.cut, 100);
  t.is(dropped(there.counters), 100);
  t.is(dropped(back.counters), 0);
  t.is(deliveries(PERFECT, there, 0, BYTES).length, 1);
});

const probability = fc.constantFrom(0, 0.1, 0.5, 0.9);
const anySettings: fc.Arbitrary<LinkSettings> = fc.record({
  loss: fc.constantFrom(0, 0.1, 0.4),
  burst: fc.constantFrom(0, 1, 4),
  burstLoss: fc.constantFrom(0.9, 1),
  duplicate: probability,
  delayMs: fc.constantFrom(0, 0.5, 3),
  jitterMs: fc.constantFrom(0, 0.2, 5),
  distribution: fc.constantFrom('constant', 'uniform', 'normal', 'pareto'),
  reorder: probability,
  correlation: fc.constantFrom(0, 0.25, 0.9),
  corrupt: probability,
  bytesPerSecond: fc.constantFrom(null, 1_000_000, 20_000_000),
  queueBytes: fc.constantFrom(0, 500, 100_000),
  cut: fc.constantFrom(false, false, false, true),
});

test('the same seed and name give the same deliveries; another seed or name gives others', (t) => {
  always(
    t,
    fc.property(anySettings, fc.integer(), (settings, seed) => {
      const link = createLink(seed, 'n1->n2');
      const first = offer(link, settings, 100);
      assert.deepEqual(first, offer(createLink(seed, 'n1->n2'), settings, 100));
      // A clone taken on the way goes on alike: nothing is kept outside the state.
      const clone = structuredClone(link);
      const more = { fromUs: 1_000 };
      assert.deepEqual(offer(link, settings, 100, more), offer(clone, settings, 100, more));
      assert.deepEqual(link, clone);
    }),
    50,
  );
  const settings = { ...PERFECT, delayMs: 10, jitterMs: 5 };
  const [one, seed, name] = [
    createLink(SEED, 'n1->n2'),
    createLink(SEED + 1, 'n1->n2'),
    createLink(SEED, 'n2->n1'),
  ].map((link) => offer(link, settings, 100));
  t.notDeepEqual(one, seed);
  t.notDeepEqual(one, name);
});

test('every message and copy arrives or is counted as dropped', (t) => {
  always(
    t,
    fc.property(anySettings, fc.integer(), (settings, seed) => {
      const link = createLink(seed, 'n1->n2');
      const arrived = offer(link, settings, 200).flat();
      assert.equal(arrived.length, countAccepted(link));
      assert.equal(link.counters.sent, 200);
      assert.equal(link.counters.bytesSent, 200 * BYTES);
      assert.equal(
        link.counters.corrupted,
        arrived.filter(({ corruptBit }) => corruptBit >= 0).length,
      );
      assert.ok(arrived.every(({ delayUs }) => Number.isInteger(delayUs) && delayUs >= 0));
    }),
    100,
  );
});

/** Whether all of `part` are among `whole`, in order. */
function isWithin(part: readonly Delivery[], whole: readonly Delivery[]): boolean {
  let from = 0;
  return part.every((delivery) => {
    while (from < whole.length && !same(whole[from] as Delivery, delivery)) from++;
    return from++ < whole.length;
  });
}

function same(a: Delivery, b: Delivery): boolean {
  return a.delayUs === b.delayUs && a.corruptBit === b.corruptBit;
}

/** What may change of one message's deliveries when a fault is taken away, and nothing else may. */
const WITHOUT: Record<
  string,
  {
    settings: Partial<LinkSettings>;
    holds: (faulty: readonly Delivery[], without: readonly Delivery[]) => boolean;
  }
> = {
  loss: { settings: { loss: 0 }, holds: isWithin },
  cut: { settings: { cut: false }, holds: isWithin },
  duplicate: {
    settings: { duplicate: 0 },
    holds: (faulty, without) => without.length <= 1 && isWithin(without, faulty),
  },
  corrupt: {
    settings: { corrupt: 0 },
    holds: (faulty, without) =>
      faulty.length === without.length &&
      without.every(({ delayUs, corruptBit }, i) => {
        return corruptBit === -1 && delayUs === faulty[i]?.delayUs;
      }),
  },
  reorder: {
    settings: { reorder: 0 },
    holds: (faulty, without) =>
      faulty.length === without.length &&
      without.every(({ delayUs, corruptBit }, i) => {
        const before = faulty[i] as Delivery;
        return corruptBit === before.corruptBit && [0, delayUs].includes(before.delayUs);
      }),
  },
  delay: {
    settings: { delayMs: 0, jitterMs: 0 },
    holds: (faulty, without) =>
      faulty.length === without.length &&
      without.every(({ delayUs, corruptBit }, i) => {
        return delayUs === 0 && corruptBit === faulty[i]?.corruptBit;
      }),
  },
};

for (const [fault, { settings: without, holds }] of Object.entries(WITHOUT)) {
  test(`taking ${fault} away leaves all other faults where they were`, (t) => {
    always(
      t,
      // Without a rate limit, where a message does wait for those that were not dropped before it.
      fc.property(anySettings, fc.integer(), (drawn, seed) => {
        const settings = { ...drawn, bytesPerSecond: null };
        const faulty = offer(createLink(seed, 'n1->n2'), settings, 200);
        const healed = offer(createLink(seed, 'n1->n2'), { ...settings, ...without }, 200);
        return faulty.every((arrived, i) => holds(arrived, healed[i] as readonly Delivery[]));
      }),
      200,
    );
    t.pass();
  });
}

test('a cut, a loss or an overflow leaves the faults after it where they were', (t) => {
  const faults: LinkSettings = {
    ...{ ...PERFECT, loss: 0.2, duplicate: 0.3, delayMs: 5, jitterMs: 1, distribution: 'pareto' },
    ...{ reorder: 0.2, correlation: 0.25, corrupt: 0.2 },
  };
  const later = { fromUs: 10_000_000 };
  const plain = createLink(SEED, 'n1->n2');
  offer(plain, faults, 500);
  const expected = offer(plain, faults, 500, later);
  for (const hidden of [{ cut: true }, { bytesPerSecond: 1, queueBytes: 0 }, { loss: 1 }]) {
    const link = createLink(SEED, 'n1->n2');
    offer(link, { ...faults, ...hidden }, 500);
    t.deepEqual(offer(link, faults, 500, later), expected, `${Object.keys(hidden)}: ${replay(t)}`);
  }
});

test('settings take effect with the next message, also when changed in place', (t) => {
  const link = createLink(SEED, 'n1->n2');
  const settings: LinkSettings = { ...PERFECT };
  t.is(deliveries(settings, link, 0, BYTES)[0]?.delayUs, 0);
  settings.delayMs = 7;
  t.is(deliveries(settings, link, 1, BYTES)[0]?.delayUs, 7_000);
  settings.loss = 1;
  t.is(deliveries(settings, link, 2, BYTES).length, 0);
  settings.loss = 0;
  settings.cut = true;
  t.is(deliveries(settings, link, 3, BYTES).length, 0);
  Object.assign(settings, PERFECT);
  t.deepEqual([...deliveries(settings, link, 4, BYTES)], [{ delayUs: 0, corruptBit: -1 }]);
});

test('a changed rate leaves what waits as it was, and the next line up behind it', (t) => {
  const link = createLink(SEED, 'n1->n2');
  const slow = { ...PERFECT, bytesPerSecond: 1_000, queueBytes: 1_000 };
  const fast = { ...slow, bytesPerSecond: 1_000_000 };
  t.is(deliveries(slow, link, 0, 500)[0]?.delayUs, 500_000);
  t.is(queuedBytes(fast, link, 100_000), 400);
  t.is(deliveries(fast, link, 100_000, 300)[0]?.delayUs, 400_300, 'no overtaking');
  t.is(queuedBytes(fast, link, 100_000), 700);
  t.is(deliveries(fast, link, 100_000, 301).length, 0, 'the bound counts bytes, not time');
  t.is(queuedBytes(PERFECT, link, 100_000), 0);
  t.is(deliveries(PERFECT, link, 100_000, 300)[0]?.delayUs, 0, 'a lifted limit holds nothing back');
});

test('a perfect link returns one shared, frozen, intact delivery and draws nothing', (t) => {
  const link = createLink(SEED, 'n1->n2');
  const fresh = createLink(SEED, 'n1->n2');
  const first = deliveries(PERFECT, link, 0, BYTES);
  t.deepEqual([...first], [{ delayUs: 0, corruptBit: -1 }]);
  t.true(Object.isFrozen(first) && Object.isFrozen(first[0]) && Object.isFrozen(PERFECT));
  for (let i = 1; i < 1_000; i++) {
    if (deliveries({ ...PERFECT }, link, i, BYTES) !== first) t.fail(`call ${i} allocated`);
  }
  t.deepEqual(link, { ...fresh, counters: { ...fresh.counters, sent: 1_000, bytesSent: 100_000 } });
});

test('checkLinkSettings names the field, what came and what is allowed', (t) => {
  t.is(checkLinkSettings({}), null);
  t.is(checkLinkSettings(PERFECT), null);
  t.is(checkLinkSettings({ loss: 0.1, burst: 5, delayMs: 2.5, bytesPerSecond: 1e6 }), null);
  t.is(
    checkLinkSettings({ loss: 1.5 }),
    'Link setting loss is 1.5; allowed is a number from 0 to 1.',
  );
  t.is(
    checkLinkSettings({ distribution: 'gauss' as 'normal' }),
    "Link setting distribution is 'gauss'; allowed is constant, uniform, normal or pareto.",
  );
  t.regex(
    checkLinkSettings({ lag: 3 } as Partial<LinkSettings>) ?? '',
    /^Link setting lag is unknown/,
  );
  t.is(
    checkLinkSettings({ loss: 0.9, burst: 4, burstLoss: 0.5 }),
    'Link setting loss is 0.9; allowed with burst 4 and burstLoss 0.5 is at most ' +
      'burstLoss * burst / (burst + 1) = 0.4.',
  );
  t.is(checkLinkSettings({ loss: 0.4, burst: 4, burstLoss: 0.5 }), null);
});

test('checkLinkSettings refuses every value that a field cannot have', (t) => {
  const wrong: { [Field in keyof LinkSettings]: readonly unknown[] } = {
    loss: [-0.1, 1.1, Number.NaN, '0.5', null],
    burst: [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY],
    burstLoss: [-0.1, 1.1],
    duplicate: [-0.1, 1.1],
    delayMs: [-1, Number.POSITIVE_INFINITY, 1_000_001, '5'],
    jitterMs: [-1, Number.NaN, 1_000_001],
    distribution: ['', 'Normal', 3],
    reorder: [-0.1, 1.1],
    correlation: [-0.1, 1.1],
    corrupt: [-0.1, 1.1],
    bytesPerSecond: [0, -1, Number.NaN, undefined, Number.POSITIVE_INFINITY],
    queueBytes: [-1, 0.5, Number.POSITIVE_INFINITY, null],
    cut: [0, 'true', null],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const sentence = checkLinkSettings({ [field]: value }) ?? 'nothing';
      t.true(sentence.startsWith(`Link setting ${field} is `), `${field} ${value}: ${sentence}`);
    }
  }
  always(
    t,
    fc.property(anySettings, (settings) => checkLinkSettings(settings) === null),
  );
});
