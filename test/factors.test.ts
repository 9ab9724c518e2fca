/**
 * The factors of an experiment that settings are made of: what cannot be run together is told with
 * its flag and what is allowed, and what is run is what the cell says.
 *
 *     npx ava test/factors.test.ts
 */
import test from 'ava';
import type { FactorValue } from '../lab/results.ts';
import { FACTORS, factorConflict, isFactorName, withDefaults } from '../lab/sweep/factors.ts';
import { settingsOf } from '../lab/threads/run.ts';

type Values = Readonly<Record<string, FactorValue>>;

const ADAPTIVE: Values = { adaptiveTimeout: 10 };

const CONFLICTS: readonly (readonly [values: Values, told: RegExp | undefined])[] = [
  [{}, undefined],
  [ADAPTIVE, undefined],
  [{ adaptiveFloorMs: 20 }, undefined],
  [
    { ...ADAPTIVE, adaptiveFloorMs: 50 },
    /^--adaptive-floor-ms got '50' with --heartbeat-ms 50; allowed: more than the heartbeat/,
  ],
  [
    { ...ADAPTIVE, adaptiveFloorMs: 301 },
    /^--adaptive-floor-ms got '301' with --election-timeout-ms 150-300; allowed: at most 300/,
  ],
  [{ ...ADAPTIVE, heartbeatMs: 5, adaptiveFloorMs: 10 }, undefined],
  [{ loss: 0.9, burst: 4 }, /^--loss got '0.9' with --burst 4/],
  [{ burst: 0.5 }, /^--burst got '0.5'/],
  [{ heartbeatMs: 150 }, /^--heartbeat-ms got '150'/],
];

for (const [values, told] of CONFLICTS) {
  test(`together: ${JSON.stringify(values)}`, (t) => {
    const conflict = factorConflict(withDefaults(values));
    if (told === undefined) t.is(conflict, undefined);
    else t.regex(conflict ?? 'none', told);
  });
}

test('what is not given is what a cluster in use would have', (t) => {
  const mib = 1024 * 1024;
  t.like(settingsOf(withDefaults({})), {
    windowBytes: 16 * mib,
    uncommittedBytes: 64 * mib,
    snapshotEntries: 100_000,
    snapshotBytes: 64 * mib,
    keptEntries: 5000,
    keptBytes: 8 * mib,
    chunkBytes: mib / 4,
    clockDriftPpm: 10_000,
    catchUpTimeoutMs: 10_000,
    adaptiveTimeout: null,
  });
});

/** A factor, a value that is not its default, and what becomes of it. */
const GIVEN = [
  ['windowBytes', 100_000, { windowBytes: 100_000 }],
  ['uncommittedBytes', 100_000, { uncommittedBytes: 100_000 }],
  ['snapshotEntries', 7, { snapshotEntries: 7 }],
  ['snapshotBytes', 7, { snapshotBytes: 7 }],
  ['keptEntries', 0, { keptEntries: 0 }],
  ['keptBytes', 0, { keptBytes: 0 }],
  ['chunkBytes', 7, { chunkBytes: 7 }],
  ['clockDriftPpm', 500, { clockDriftPpm: 500 }],
  ['clockDriftPpm', null, { clockDriftPpm: null }],
  ['catchUpTimeoutMs', 250, { catchUpTimeoutMs: 250 }],
  ['adaptiveTimeout', 8, { adaptiveTimeout: { floorMs: 100, factor: 8 } }],
] as const;

for (const [name, value, settings] of GIVEN) {
  test(`${name} ${value} reaches the servers, and its flag says it`, (t) => {
    t.like(settingsOf(withDefaults({ [name]: value })), settings);
    t.true(isFactorName(name));
    t.is(FACTORS[name].parse(value === null ? (FACTORS[name].unset ?? '') : String(value)), value);
  });
}

test('without stickiness there are no leases, whatever the clocks (§6.4.1)', (t) => {
  t.is(settingsOf(withDefaults({ stickiness: false })).clockDriftPpm, null);
});
