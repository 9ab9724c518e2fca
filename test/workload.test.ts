/**
 * Shows that a closed loop keeps its requests outstanding, neither more nor fewer; that an open
 * loop keeps its rate and counts waiting as latency; that reads, uniform keys and Zipf's come at
 * the rates that were set, within bounds that follow from the sample size; and that a seed fixes it
 * all.
 *
 *     npx ava test/workload.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import type { Caller, Outcome } from '../lab/cluster.ts';
import {
  type Completion,
  KEY_BYTES,
  power,
  startWorkload,
  type Workload,
  zipfThresholds,
} from '../lab/workload.ts';
import type { CommandKind, Operation } from '../src/command.ts';
import { always, near, SEED, SIGMAS } from './support/property.ts';
import { textOf } from './support/records.ts';

const WORKLOAD: Workload = {
  clients: 1,
  outstanding: 1,
  rate: null,
  readRatio: 0,
  valueBytes: 16,
  keys: 1000,
  zipf: 0,
};

const OK: Outcome = { kind: 'ok', result: { status: 'ok', value: null, index: 1 } };

type Call = {
  readonly client: number;
  readonly kind: CommandKind;
  /** Copies: the operation itself is used again. */
  readonly key: string;
  readonly value: string | null;
  readonly atUs: number;
  readonly operation: Operation;
  readonly end: (outcome?: Outcome) => void;
};

/** A cluster in virtual time that answers when the test says so. */
class FakeCaller implements Caller {
  clockUs = 5_000_000;
  readonly calls: Call[] = [];
  /** Calls that have not ended, oldest first. */
  readonly pending: Call[] = [];
  readonly #timers: { atUs: number; then: () => void }[] = [];
  readonly #numbers = new Map<number, number>();

  nowUs(): number {
    return this.clockUs;
  }

  at(atUs: number, then: () => void): void {
    this.#timers.push({ atUs, then });
  }

  call(...[client, operation, done]: Parameters<Caller['call']>): void {
    const requestNumber = (this.#numbers.get(client) ?? 0) + 1;
    this.#numbers.set(client, requestNumber);
    const call: Call = {
      client,
      kind: operation.kind,
      key: textOf(operation.key) ?? '',
      value: operation.value === null ? null : Buffer.from(operation.value).toString('hex'),
      atUs: this.clockUs,
      operation,
      end: (outcome = OK) => {
        this.pending.splice(this.pending.indexOf(call), 1);
        done(outcome, requestNumber);
      },
    };
    this.calls.push(call);
    this.pending.push(call);
  }

  /** Time passes; each timer fires at its moment, but none before `stalledUntilUs`. */
  passUntil(untilUs: number, stalledUntilUs = 0): void {
    for (;;) {
      this.#timers.sort((a, b) => a.atUs - b.atUs);
      const [next] = this.#timers;
      if (next === undefined || Math.max(next.atUs, stalledUntilUs) > untilUs) break;
      this.#timers.shift();
      this.clockUs = Math.max(this.clockUs, next.atUs, stalledUntilUs);
      next.then();
    }
    this.clockUs = untilUs;
  }
}

function start(
  workload: Partial<Workload>,
  seed = SEED,
): { caller: FakeCaller; completions: Completion[]; stop: () => void } {
  const caller = new FakeCaller();
  const completions: Completion[] = [];
  const stop = startWorkload({ ...WORKLOAD, ...workload }, seed, caller, (completion) => {
    completions.push(completion);
  });
  return { caller, completions, stop };
}

/** The first `count` operations of a workload, each answered at once. */
function draw(workload: Partial<Workload>, count: number, seed = SEED): Call[] {
  const { caller, stop } = start(workload, seed);
  while (caller.calls.length < count) caller.pending[0]?.end();
  stop();
  return caller.calls.slice(0, count);
}

// ---- Closed loop --------------------------------------------------------------------------------

test('a closed loop keeps clients × outstanding requests, whatever ends when', (t) => {
  always(
    t,
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 2 })), { maxLength: 60 }),
      (clients, outstanding, ends) => {
        const { caller, completions, stop } = start({ clients, outstanding });
        const outcomes: Outcome[] = [OK, { kind: 'fail' }, { kind: 'unknown' }];
        for (const [pick, how] of ends) {
          if (caller.pending.length !== clients * outstanding) return false;
          for (let client = 0; client < clients; client++) {
            const own = caller.pending.filter((call) => call.client === client);
            if (own.length !== outstanding) return false;
          }
          caller.clockUs += 10;
          caller.pending[pick % caller.pending.length]?.end(outcomes[how]);
        }
        stop();
        for (const call of [...caller.pending]) call.end();
        // What was outstanding completes, and nothing follows it.
        return caller.pending.length === 0 && completions.length === caller.calls.length;
      },
    ),
  );
});

test('a completion says what ended, how, and how long it took', (t) => {
  const { caller, completions } = start({ clients: 2, readRatio: 1 });
  const startUs = caller.clockUs;
  caller.clockUs += 700;
  caller.pending[1]?.end({ kind: 'fail' });
  t.deepEqual(completions, [
    {
      kind: 'get',
      client: 1,
      requestNumber: 1,
      intendedUs: startUs,
      completedUs: startUs + 700,
      outcome: { kind: 'fail' },
    },
  ]);
  // In a closed loop the next is intended when the one before has ended.
  caller.clockUs += 50;
  caller.pending.at(-1)?.end();
  t.is(completions[1]?.intendedUs, startUs + 700);
});

test('an operation does not change until it has ended', (t) => {
  const { caller } = start({ clients: 2, outstanding: 3 });
  for (let i = 0; i < 200; i++) {
    caller.pending[(i * 7) % 6]?.end();
    for (const { operation, key, value } of caller.pending) {
      t.is(textOf(operation.key), key);
      t.is(Buffer.from(operation.value ?? []).toString('hex'), value ?? '');
    }
  }
});

// ---- Open loop ----------------------------------------------------------------------------------

test('an open loop issues at its rate, whether or not it is answered', (t) => {
  for (const rate of [3, 250, 1000, 33_333]) {
    const { caller, stop } = start({ rate, clients: 3 });
    const startUs = caller.clockUs;
    caller.passUntil(startUs + 2_000_000);
    // The first is due at once; the last of two seconds may be due at their very end.
    const issued = caller.calls.length;
    t.true(Math.abs(issued - 2 * rate) <= Math.max(1, rate / 1000) + 1, `${issued} at ${rate}/s`);
    caller.calls.forEach(({ atUs }, i) => {
      const dueUs = startUs + (i * 1e6) / rate;
      if (atUs < dueUs - 1 || atUs > dueUs + 1000) t.fail(`request ${i} came ${atUs - dueUs} late`);
    });
    const clients = new Set(caller.calls.map(({ client }) => client));
    t.is(clients.size, 3, 'all clients take part');
    stop();
    caller.passUntil(startUs + 4_000_000);
    t.is(caller.calls.length, issued, 'none after the end');
  }
});

test('a stall of the caller shows as latency of all that was due meanwhile', (t) => {
  const { caller, completions } = start({ rate: 1000 });
  const startUs = caller.clockUs;
  caller.passUntil(startUs + 100_000);
  for (const call of [...caller.pending]) call.end();
  completions.length = 0;
  // For half a second nothing runs; then all is issued, and answered at once.
  caller.passUntil(startUs + 600_000, startUs + 600_000);
  for (const call of [...caller.pending]) call.end();
  t.true(Math.abs(completions.length - 500) <= 2, `${completions.length} completions`);
  const latenciesUs = completions.map(({ intendedUs, completedUs }) => completedUs - intendedUs);
  t.true(Math.max(...latenciesUs) >= 498_000);
  const mean = latenciesUs.reduce((sum, value) => sum + value, 0) / latenciesUs.length;
  t.true(Math.abs(mean - 250_000) < 3000, `a mean of ${mean} µs`);
});

test('a slow answer of an open loop counts from when the request was due', (t) => {
  const { caller, completions } = start({ rate: 10 });
  caller.clockUs += 30_000;
  caller.pending[0]?.end();
  t.is((completions[0]?.completedUs ?? 0) - (completions[0]?.intendedUs ?? 0), 30_000);
});

// ---- What is asked ------------------------------------------------------------------------------

test('the same seed asks the same, another seed something else', (t) => {
  const ask = (seed: number): string[] =>
    draw({ readRatio: 0.3, zipf: 0.99 }, 500, seed).map((c) => `${c.kind} ${c.key} ${c.value}`);
  t.deepEqual(ask(1), ask(1));
  t.notDeepEqual(ask(1), ask(2));
});

test('reads come at their ratio and carry no value', (t) => {
  const count = 20_000;
  for (const readRatio of [0, 0.05, 0.5, 1]) {
    const calls = draw({ readRatio }, count);
    const reads = calls.filter(({ kind }) => kind === 'get');
    const bound = SIGMAS * Math.sqrt((readRatio * (1 - readRatio)) / count);
    near(t, `reads at ${readRatio}`, reads.length / count, readRatio, bound);
    t.true(reads.every(({ value }) => value === null));
    t.true(calls.every(({ kind, value }) => kind === 'get' || (kind === 'put' && value !== null)));
  }
});

test('each write has a value of its own, of the length that was set', (t) => {
  for (const valueBytes of [16, 64, 1000]) {
    const calls = draw({ valueBytes, outstanding: 4, readRatio: 0.2, keys: 5 }, 3000);
    const values = calls.flatMap(({ value }) => value ?? []);
    t.is(new Set(values).size, values.length);
    t.true(values.every((value) => value.length === valueBytes * 2));
  }
});

/** How often each key is drawn; fails on one that is none of `k000… + number`. */
function frequencies(calls: readonly Call[], keys: number): number[] {
  const counts = new Array<number>(keys).fill(0);
  for (const { key } of calls) {
    const number = Number(key.slice(1));
    if (key.length !== KEY_BYTES || key[0] !== 'k' || counts[number] === undefined) {
      throw new Error(`${key} is no key`);
    }
    counts[number]++;
  }
  return counts;
}

/**
 * Every key within 5 sigma of its expected count, and Pearson's statistic within 5 sigma of its
 * mean: chi-squared with k - 1 degrees of freedom has mean k - 1 and variance about 2 (k - 1).
 */
function fits(
  t: Parameters<typeof near>[0],
  counts: readonly number[],
  shares: readonly number[],
): void {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let pearson = 0;
  counts.forEach((count, key) => {
    const share = shares[key] ?? 0;
    const bound = SIGMAS * Math.sqrt(total * share * (1 - share));
    near(t, `key ${key}`, count, total * share, bound);
    pearson += (count - total * share) ** 2 / (total * share);
  });
  const freedom = counts.length - 1;
  near(t, 'chi-squared', pearson, freedom, SIGMAS * Math.sqrt(2 * freedom) + SIGMAS);
}

test('uniform keys are drawn alike', (t) => {
  const keys = 50;
  const counts = frequencies(draw({ keys }, 50_000), keys);
  fits(
    t,
    counts,
    counts.map(() => 1 / keys),
  );
});

test('Zipf keys are drawn by their rank', (t) => {
  const keys = 40;
  for (const zipf of [0.5, 0.99, 1, 2]) {
    const weights = Array.from({ length: keys }, (_, i) => (i + 1) ** -zipf);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const counts = frequencies(draw({ keys, zipf }, 50_000), keys);
    fits(
      t,
      counts,
      weights.map((weight) => weight / sum),
    );
  }
});

test('a single key is always drawn, uniform or not', (t) => {
  for (const zipf of [0, 1]) t.is(frequencies(draw({ keys: 1, zipf }, 100), 1)[0], 100);
});

test('thresholds rise, end at the largest draw, and halve as the law says', (t) => {
  for (const exponent of [0.5, 1, 3]) {
    const thresholds = zipfThresholds(1000, exponent);
    t.is(thresholds.at(-1), 0xffff_ffff);
    t.true(thresholds.every((value, i) => i === 0 || value >= (thresholds[i - 1] ?? 0)));
    const first = thresholds[0] ?? 0;
    const second = (thresholds[1] ?? 0) - first;
    t.true(Math.abs(first / second - 2 ** exponent) < 1e-6 * 2 ** exponent);
  }
});

test('power agrees with Math.pow to 1e-9 where the exponent has at most 30 binary places', (t) => {
  always(
    t,
    fc.property(
      fc.integer({ min: 1, max: 10_000_000 }),
      fc.integer({ min: 0, max: 10 * 2 ** 30 }),
      (x, places) => {
        const exponent = places / 2 ** 30;
        return Math.abs(power(x, exponent) / x ** exponent - 1) < 1e-9;
      },
    ),
    5000,
  );
  t.deepEqual([power(7, 0), power(1, 9.5), power(2, 10), power(16, 0.25)], [1, 1, 1024, 2]);
});

test('for any exponent power is off by no more than the places it leaves out', (t) => {
  always(
    t,
    fc.property(
      fc.integer({ min: 1, max: 10_000_000 }),
      fc.double({ min: 0, max: 10, noNaN: true }),
      (x, exponent) => {
        const error = Math.abs(power(x, exponent) / x ** exponent - 1);
        return error <= 2 ** -30 * Math.log(x) * 1.01 + 1e-12;
      },
    ),
    5000,
  );
});
