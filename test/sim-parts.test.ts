/**
 * Shows that events happen in their order, and that a node's clock is monotonic whatever is done to
 * it.
 *
 *     npx ava test/sim-parts.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import { NodeClock } from '../lab/sim/clock.ts';
import { Events } from '../lab/sim/events.ts';
import { always } from './support/property.ts';

// ---- The order of events -----------------------------------------------------------------------

test('events happen in the order of their moments, for equal ones first come first served', (t) => {
  always(
    t,
    fc.property(fc.array(fc.nat({ max: 5 }), { maxLength: 40 }), (moments) => {
      const events = new Events();
      const happened: [atUs: number, order: number, nowUs: number][] = [];
      moments.forEach((atUs, order) => {
        events.at(atUs, () => happened.push([atUs, order, events.nowUs]));
      });
      while (events.step(100));
      const expected = moments
        .map((atUs, order): [number, number, number] => [atUs, order, atUs])
        .sort(([a, i], [b, j]) => a - b || i - j);
      return (
        JSON.stringify(happened) === JSON.stringify(expected) &&
        events.count === moments.length &&
        events.nowUs === 100
      );
    }),
  );
});

test('events: what comes of one happens after those of the same moment, the past is now', (t) => {
  const events = new Events();
  const happened: string[] = [];
  events.at(10, () => {
    happened.push('a');
    events.at(3, () => happened.push(`late, at ${events.nowUs}`));
    events.after(0, () => happened.push('child'));
    events.after(5, () => happened.push(`later, at ${events.nowUs}`));
  });
  events.at(10, () => happened.push('b'));
  t.true(events.step(12));
  t.true(events.step(12));
  t.true(events.step(12));
  t.true(events.step(12));
  t.false(events.step(12), 'the next one is not due');
  t.is(events.nowUs, 12);
  t.true(events.step(20));
  t.deepEqual(happened, ['a', 'b', 'late, at 10', 'child', 'later, at 15']);
});

// ---- The clock ---------------------------------------------------------------------------------

type ClockFault = { readonly afterUs: number } & (
  | { readonly kind: 'jump'; readonly byUs: number }
  | { readonly kind: 'drift'; readonly ppm: number }
  | { readonly kind: 'stop' | 'go' }
);

const settings = fc.record({
  offsetMs: fc.integer({ min: 0, max: 5000 }),
  driftPpm: fc.integer({ min: -500_000, max: 500_000 }),
});
const afterUs = fc.nat({ max: 1_000_000 });
const clockFault: fc.Arbitrary<ClockFault> = fc.oneof(
  fc.record({
    kind: fc.constant('jump' as const),
    afterUs,
    byUs: fc.integer({ min: -2e6, max: 2e6 }),
  }),
  fc.record({
    kind: fc.constant('drift' as const),
    afterUs,
    ppm: fc.integer({ min: -5e5, max: 5e5 }),
  }),
  fc.record({ kind: fc.constantFrom('stop' as const, 'go' as const), afterUs }),
);

function strike(clock: NodeClock, atUs: number, fault: ClockFault): void {
  if (fault.kind === 'jump') clock.jump(atUs, fault.byUs);
  else if (fault.kind === 'drift') clock.drift(atUs, fault.ppm);
  else if (fault.kind === 'stop') clock.stop(atUs);
  else clock.go(atUs);
}

test('clock: it shows whole microseconds and never falls, whatever is done to it', (t) => {
  always(
    t,
    fc.property(settings, fc.array(clockFault, { maxLength: 12 }), (given, faults) => {
      const clock = new NodeClock(given);
      let nowUs = 0;
      let shownUs = clock.readUs(0);
      const read = (): boolean => {
        const before = shownUs;
        shownUs = clock.readUs(nowUs);
        return shownUs >= before && Number.isSafeInteger(shownUs);
      };
      return faults.every((fault) => {
        nowUs += fault.afterUs;
        const sound = read();
        strike(clock, nowUs, fault);
        return sound && read();
      });
    }),
    300,
  );
});

test('clock: whenUs is the first moment that shows it', (t) => {
  always(
    t,
    fc.property(
      settings,
      fc.array(clockFault, { maxLength: 6 }),
      fc.integer({ min: 1, max: 3_000_000 }),
      (given, faults, aheadUs) => {
        const clock = new NodeClock(given);
        let nowUs = 0;
        for (const fault of faults) {
          if (fault.kind === 'stop') continue;
          nowUs += fault.afterUs;
          clock.readUs(nowUs);
          strike(clock, nowUs, fault);
        }
        const wantedUs = clock.readUs(nowUs) + aheadUs;
        const whenUs = clock.whenUs(wantedUs);
        return (
          whenUs > nowUs && clock.readUs(whenUs - 1) < wantedUs && clock.readUs(whenUs) >= wantedUs
        );
      },
    ),
    500,
  );
});

test('clock: it gains what its drift says', (t) => {
  const clock = new NodeClock({ offsetMs: 250, driftPpm: 100 });
  t.is(clock.readUs(0), 250_000);
  t.is(clock.readUs(1_000_000), 1_250_100);
  clock.drift(1_000_000, -500);
  t.is(clock.driftPpm, -500);
  t.is(clock.readUs(3_000_000), 3_249_100);
});

test('clock: ahead it jumps; set back it stands still for so long', (t) => {
  const clock = new NodeClock({ offsetMs: 0, driftPpm: 0 });
  t.is(clock.readUs(1000), 1000);
  clock.jump(1000, 500);
  t.is(clock.readUs(1000), 1500);
  t.is(clock.readUs(1200), 1700);
  clock.jump(1200, -300);
  t.is(clock.readUs(1200), 1700);
  t.is(clock.readUs(1499), 1700);
  t.is(clock.readUs(1500), 1700);
  t.is(clock.readUs(1501), 1701);
});

test('clock: stopped it stands still, and goes on from there', (t) => {
  const clock = new NodeClock({ offsetMs: 0, driftPpm: 0 });
  clock.stop(1000);
  t.is(clock.readUs(5000), 1000);
  clock.go(6000);
  t.is(clock.readUs(6000), 1000);
  t.is(clock.readUs(6500), 1500);
  t.is(clock.whenUs(2000), 7000);
});
