/**
 * Shows that runs come to every place where bugs could hide (lab/places.ts), that faults can wait
 * for one, and that what clients are told and never told is judged.
 *
 *     npx ava test/sim-reach.test.ts
 */
import test from 'ava';
import { PLACE_NAMES, type Place } from '../lab/places.ts';
import type { Schedule } from '../lab/schedule.ts';
import { scheduleOf } from '../lab/sim/profiles.ts';
import { runSchedule } from '../lab/sim/run.ts';

/** A place that one run of a hundred comes to is missed by so many once in ten thousand times. */
const SEEDS_MAX = 450;

test('every place is reached by some seed', (t) => {
  const missing = new Set<Place>(PLACE_NAMES);
  for (let seed = 1; missing.size > 0 && seed <= SEEDS_MAX; seed++) {
    for (const profile of ['default', 'harsh'] as const) {
      for (const place of runSchedule(scheduleOf(seed, profile)).reached) missing.delete(place);
      if (missing.size === 0) break;
    }
  }
  t.deepEqual([...missing], []);
});

/** A seed of few faults, whose settings take snapshots. */
function calm(changes: Partial<Schedule>): Schedule {
  const { settings, ...schedule } = scheduleOf(3, 'lite');
  const snapshots = { snapshotEntries: 30, snapshotBytes: 5000 };
  return { ...schedule, faults: [], settings: { ...settings, ...snapshots }, ...changes };
}

test('a fault waits for a place, and strikes the server that came there', (t) => {
  const crash = { kind: 'crash', node: 'there' } as const;
  const when = { kind: 'reached', place: 'snapshotBegun' } as const;
  const faults = [{ atMs: 1000, when, fault: crash, forMs: 100 }];
  const sizes = { sliceBytes: 20, segmentBytes: 1024, bucketSlots: 16 };
  const disk = { latencyMs: [1, 5], torn: 0, late: 0 } as const;
  const struck = runSchedule(calm({ faults, sizes, disk }));
  t.is(struck.verdict.kind, 'pass');
  t.is(struck.coverage.crashes, 1);
  t.true(struck.reached.includes('crashedWhileTaking'));
  // Nobody comes there: the fault is none.
  const never = { ...when, place: 'electedBeyond32Bits' } as const;
  const vain = runSchedule(calm({ faults: [{ atMs: 1000, when: never, fault: crash }] }));
  t.is(vain.coverage.faultsScheduled, 0);
  t.is(vain.verdict.kind, 'pass');
});

test('who asks once and is refused has its write fail, and nothing comes of it later', (t) => {
  const { clients } = calm({});
  const fault = { kind: 'partition', groups: [['leader']] } as const;
  const faults = [2000, 6000, 10_000].map((atMs) => ({ atMs, fault, forMs: 1500 }));
  const result = runSchedule(calm({ faults, clients: { ...clients, registered: false, once: 1 } }));
  t.is(result.verdict.kind, 'pass', JSON.stringify(result.verdict));
  const asked = result.history.filter(({ client, op }) => client === 0 && op !== 'get');
  t.true(asked.some(({ outcome }) => outcome === 'fail'));
  t.true(asked.some(({ outcome }) => outcome === 'ok'));
});

test('a cluster that begins in a late term, on disks and links of bytes, is as sound', (t) => {
  const result = runSchedule(calm({ firstTerm: 2 ** 32 - 3, asBytes: true }));
  t.is(result.verdict.kind, 'pass', JSON.stringify(result.verdict));
  const fault = { kind: 'crash', node: 'leader' } as const;
  const faults = [2000, 5000, 8000].map((atMs) => ({ atMs, fault, forMs: 300 }));
  const later = runSchedule(calm({ firstTerm: 2 ** 32 - 3, asBytes: true, faults }));
  t.is(later.verdict.kind, 'pass', JSON.stringify(later.verdict));
  t.true(later.reached.includes('electedBeyond32Bits'));
});
