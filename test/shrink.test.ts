/**
 * Shrinking a schedule that fails: what is left is what the failure needs, it fails by the same
 * property, every candidate on the way is valid, and a budget ends it. Made-up runs stand in for
 * the simulator, so it is known what the failure needs.
 *
 *     npx ava test/shrink.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import type { FaultAction } from '../lab/faults.ts';
import type { Schedule, ScheduledOperation } from '../lab/schedule.ts';
import { checkSchedule } from '../lab/schedule-rules.ts';
import { type Fails, type ShrinkBudget, type Shrunk, shrink } from '../lab/shrink.ts';
import type { RunResult, Verdict } from '../lab/verdict.ts';
import { fork, nextUint32 } from '../src/raft/random.ts';
import { PERFECT } from '../src/transport/link.ts';
import { always } from './support/property.ts';
import { resultWith, schedules, scheduleWith, violationOf } from './support/schedules.ts';

const ENDLESS: ShrinkBudget = { runs: Number.POSITIVE_INFINITY, mayGoOn: () => true };

function shrunk(schedule: Schedule, fails: Fails, budget = ENDLESS): Shrunk {
  const steps = shrink(schedule, fails, budget);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Fails by a property where one is named. */
function by(broken: (schedule: Schedule) => string | false, atMs = 5000): Fails {
  return (schedule) => {
    const property = broken(schedule);
    return property === false ? null : resultWith(violationOf(property, atMs));
  };
}

function crash(node: string, atMs: number): FaultAction {
  return { atMs, fault: { kind: 'crash', node }, forMs: 700 };
}

function put(key: string, atMs: number, client = 0): ScheduledOperation {
  return { atMs, client, op: 'put', key, value: 'v' };
}

const crashes = Array.from({ length: 60 }, (_, i) => crash(`n${(i % 5) + 1}`, i * 100));
const puts = Array.from({ length: 400 }, (_, i) => put(`k${i}`, i * 20, i % 2));
const LARGE = scheduleWith({ nodes: 5, faults: crashes, operations: puts });

function crashesAt(schedule: Schedule, ...moments: readonly number[]): boolean {
  return moments.every((ms) => schedule.faults.some(({ atMs }) => atMs === ms));
}

test('what is left is just what the failure needs', (t) => {
  const keys = ['k17', 'k101', 'k102', 'k230'];
  const { schedule, complete } = shrunk(
    LARGE,
    by(
      (candidate) =>
        crashesAt(candidate, 300, 4100) &&
        keys.every((name) => candidate.operations.some(({ key }) => key === name)) &&
        'Election Safety',
    ),
  );
  t.true(complete);
  t.deepEqual(
    schedule.faults.map(({ atMs }) => atMs),
    [300, 4100],
  );
  t.deepEqual(
    schedule.operations.map(({ key }) => key),
    keys,
  );
  t.is(schedule.clients.count, 1);
  t.deepEqual(
    schedule.faults.map(({ forMs }) => forMs),
    [1, 1],
  );
});

test('it takes few runs where little is needed', (t) => {
  const { runs, schedule } = shrunk(
    LARGE,
    by((candidate) => crashesAt(candidate, 300) && 'X'),
  );
  t.is(schedule.faults.length, 1);
  t.deepEqual(schedule.operations, []);
  t.true(runs < 800, `${runs}`);
});

test('a candidate that breaks another property does not count', (t) => {
  const { schedule, result } = shrunk(
    LARGE,
    by((candidate) => (crashesAt(candidate, 300, 4100) ? 'Log Matching' : 'Election Safety')),
  );
  t.true(crashesAt(schedule, 300, 4100));
  t.like(result.verdict, { violation: { property: 'Log Matching' } });
});

test('a candidate that passes or shows nothing does not count', (t) => {
  const verdicts: Verdict[] = [{ kind: 'pass' }, { kind: 'vacuous', reason: 'no fault bit' }];
  for (const verdict of verdicts) {
    const { schedule } = shrunk(LARGE, (candidate) =>
      resultWith(crashesAt(candidate, 300) ? violationOf('X') : verdict),
    );
    t.deepEqual(
      schedule.faults.map(({ atMs }) => atMs),
      [300],
    );
  }
});

test('a schedule that does not fail is an error', (t) => {
  t.throws(() => shrunk(LARGE, () => null), { message: /does not fail/ });
  t.throws(() => shrunk(LARGE, () => resultWith({ kind: 'pass' })), { message: /does not fail/ });
});

test('what comes after the violation goes first, and at last the time after it', (t) => {
  const sizes: number[] = [];
  const { schedule } = shrunk(LARGE, (candidate) => {
    sizes.push(candidate.faults.length + candidate.operations.length);
    return crashesAt(candidate, 1900) ? resultWith(violationOf('X', 2000.5)) : null;
  });
  t.is(sizes[0], 460);
  t.true(sizes.slice(0, 20).includes(21 + 101), 'without what comes after');
  t.true(schedule.durationMs <= 2001);
});

test('a violation of the second phase keeps what it needs of the first', (t) => {
  const { schedule } = shrunk(
    LARGE,
    by((candidate) => crashesAt(candidate, 5900) && 'Liveness', 14_000),
  );
  t.deepEqual(
    schedule.faults.map(({ atMs }) => atMs),
    [5900],
  );
  t.true(schedule.durationMs >= 5900 && schedule.durationMs <= 6100, `${schedule.durationMs}`);
  t.is(schedule.recovery.boundMs, LARGE.recovery.boundMs);
});

test('links, disks and clocks become plain, but for what the failure needs', (t) => {
  const large = scheduleWith({
    link: { ...PERFECT, loss: 0.2, duplicate: 0.1, delayMs: 5 },
    clientLink: { ...PERFECT, delayMs: 3 },
    clocks: [1, 2, 3].map((offsetMs) => ({ offsetMs, driftPpm: 9 })),
  });
  const { schedule } = shrunk(
    large,
    by(({ link, disk }) => link.duplicate > 0 && disk.torn > 0 && 'X'),
  );
  t.deepEqual(schedule.link, { ...PERFECT, delayMs: 1, duplicate: 0.1 });
  t.deepEqual(schedule.clientLink, { ...PERFECT, delayMs: 1 });
  t.deepEqual(schedule.disk, { latencyMs: [0, 0], torn: 0.5, late: 0 });
  t.deepEqual(schedule.clocks[0], { offsetMs: 0, driftPpm: 0 });
  t.is(schedule.batchCommands, 1);
});

test('a fault becomes as small as it can be', (t) => {
  const links = ['n1', 'n2', 'n3'].flatMap((from) =>
    ['n1', 'n2', 'n3'].map((to) => [from, to] as const),
  );
  const settings = { loss: 0.5, delayMs: 7, duplicate: 0.1 };
  const large = scheduleWith({
    faults: [
      { atMs: 100, fault: { kind: 'cut', links }, forMs: 900 },
      { atMs: 200, fault: { kind: 'link', from: '*', to: 'n1', settings } },
    ],
  });
  const { schedule } = shrunk(
    large,
    by(({ faults: [cut, link], nodes }) => {
      if (nodes < 3 || cut?.fault.kind !== 'cut' || link?.fault.kind !== 'link') return false;
      const needed = cut.fault.links.some(([from, to]) => from === 'n2' && to === 'n3');
      return needed && (cut.forMs ?? 0) > 50 && link.fault.settings.delayMs === 7 && 'X';
    }),
  );
  t.deepEqual(
    schedule.faults.map(({ fault, forMs }) => ({ fault, forMs })),
    [
      { fault: { kind: 'cut', links: [['n2', 'n3']] }, forMs: 56 },
      { fault: { kind: 'link', from: '*', to: 'n1', settings: { delayMs: 7 } }, forMs: undefined },
    ],
  );
});

test('any node may go, and those behind it take its name', (t) => {
  const large = scheduleWith({
    nodes: 5,
    clocks: [1, 2, 3, 4, 5].map((offsetMs) => ({ offsetMs, driftPpm: 0 })),
    faults: [
      crash('n1', 100),
      {
        atMs: 200,
        fault: {
          kind: 'cut',
          links: [
            ['n4', 'n5'],
            ['n5', 'n4'],
            ['n1', 'n2'],
          ],
        },
      },
      { atMs: 300, fault: { kind: 'partition', groups: [['n1', 'n3'], ['n4'], ['leader']] } },
    ],
    recovery: { core: ['n2', 'n3', 'n5'], others: 'cutOff', boundMs: 1000 },
  });
  const { schedule } = shrunk(
    large,
    by(
      ({ faults, clocks }) =>
        clocks.length >= 3 &&
        faults.some(({ fault }) => fault.kind === 'cut') &&
        faults.some(({ fault }) => fault.kind === 'partition') &&
        'X',
    ),
  );
  t.is(schedule.nodes, 3);
  // The two that were left of it when n5 went were no majority of four.
  t.deepEqual(schedule.recovery.core, ['n1', 'n2', 'n3']);
  t.deepEqual(
    schedule.faults.map(({ fault }) => fault),
    [
      { kind: 'cut', links: [['n1', 'n2']] },
      { kind: 'partition', groups: [['n1', 'n3']] },
    ],
  );
});

test('spares go as nodes do, and with them what is done to them', (t) => {
  const large = scheduleWith({
    nodes: 3,
    spares: 3,
    faults: [
      { atMs: 100, fault: { kind: 'join', node: 'n4' } },
      { atMs: 200, fault: { kind: 'transfer', to: 'n6' } },
      { atMs: 300, fault: { kind: 'wipe', node: 'n5' } },
      { atMs: 400, fault: { kind: 'transfer', to: 'follower' } },
    ],
    recovery: { core: ['n1', 'n5', 'n6'], others: 'healed', boundMs: 1000 },
  });
  const { schedule } = shrunk(
    large,
    by(
      ({ nodes, faults }) =>
        nodes >= 2 &&
        faults.some(({ fault }) => fault.kind === 'transfer' && fault.to === 'follower') &&
        faults.some(({ fault }) => fault.kind === 'wipe') &&
        'X',
    ),
  );
  t.deepEqual([schedule.nodes, schedule.spares, schedule.clocks.length], [2, 1, 3]);
  t.deepEqual(
    schedule.faults.map(({ fault }) => fault),
    [
      { kind: 'wipe', node: 'n3' },
      { kind: 'transfer', to: 'follower' },
    ],
  );
  t.deepEqual(schedule.recovery.core, ['n1', 'n3']);
});

test('sessions and reads become as plain as the failure allows', (t) => {
  const reads = (['lease', 'stale', 'log'] as const).map(
    (read, i): ScheduledOperation => ({ atMs: i, client: 0, op: 'get', key: 'k', read }),
  );
  const clients = { ...LARGE.clients, registered: true, sessionsMax: 1 };
  const large = scheduleWith({ clients, operations: reads });
  const plain = shrunk(
    large,
    by(({ operations }) => operations.length === 3 && 'X'),
  ).schedule;
  t.false(plain.clients.registered);
  t.is(plain.clients.sessionsMax, 10_000);
  t.true(plain.operations.every(({ read }) => read === undefined));
  const stale = shrunk(
    large,
    by(
      ({ operations, clients }) =>
        clients.registered && operations.some(({ read }) => read === 'stale') && 'X',
    ),
  ).schedule;
  t.true(stale.clients.registered);
  t.deepEqual(
    stale.operations.map(({ read }) => read),
    ['stale'],
  );
});

test('features of the protocol that the failure does not need are left out', (t) => {
  const rich = {
    ...LARGE.settings,
    snapshotEntries: 10,
    snapshotBytes: 500,
    clockDriftPpm: 1000,
    adaptiveTimeout: { floorMs: 60, factor: 10 },
    windowBytes: 2000,
    uncommittedBytes: 200,
  };
  const large = { ...LARGE, settings: rich, clients: { ...LARGE.clients, sessionsMax: 2 } };
  const plain = shrunk(
    large,
    by((candidate) => crashesAt(candidate, 300) && 'X'),
  ).schedule;
  t.deepEqual(plain.settings, LARGE.settings);
  t.is(plain.clients.sessionsMax, LARGE.clients.sessionsMax);
  const leased = shrunk(
    large,
    by((candidate) => candidate.settings.clockDriftPpm !== null && 'X'),
  ).schedule;
  t.deepEqual(leased.settings, { ...LARGE.settings, clockDriftPpm: 1000 });
});

test('who is to belong to the cluster becomes as few as the failure allows', (t) => {
  const voters = ['n1', 'n2', 'n3', 'n4', 'n5'];
  const { schedule } = shrunk(
    scheduleWith({ nodes: 5, faults: [{ atMs: 100, fault: { kind: 'configure', voters } }] }),
    by(
      ({ nodes, faults: [first] }) =>
        nodes === 5 &&
        first?.fault.kind === 'configure' &&
        first.fault.voters.includes('n2') &&
        first.fault.voters.includes('n4') &&
        'X',
    ),
  );
  t.deepEqual(
    schedule.faults.map(({ fault }) => fault),
    [{ kind: 'configure', voters: ['n2', 'n4'] }],
  );
});

test('where a seed hides the failure, another is found', (t) => {
  // Whatever is taken out, one seed in four shows the failure again.
  const shows = ({ seed, faults, operations }: Schedule): boolean =>
    nextUint32(fork(seed, `${faults.length} ${operations.length}`)) % 4 === 0;
  const seed = [...Array(100).keys()].find((each) => shows({ ...LARGE, seed: each }));
  if (seed === undefined) return t.fail('no seed shows it');
  const fails = by((candidate) => crashesAt(candidate, 300) && shows(candidate) && 'X');
  const { schedule } = shrunk({ ...LARGE, seed }, fails);
  t.is(schedule.faults.length + schedule.operations.length, 1);
  t.not(schedule.seed, seed);
  t.true(shows(schedule));
});

test('the largest seed has seeds after it', (t) => {
  const large = { ...LARGE, seed: Number.MAX_SAFE_INTEGER };
  const tried = new Set<number>();
  shrunk(large, (candidate) => {
    tried.add(candidate.seed);
    return tried.size === 1 && candidate.faults.length === 60 ? resultWith(violationOf('X')) : null;
  });
  t.true(tried.size > 20);
  t.true([...tried].every((seed) => Number.isSafeInteger(seed) && seed >= 0));
});

test('a budget of runs ends it, with the best so far', (t) => {
  for (const runs of [1, 2, 10, 37]) {
    let ran = 0;
    const outcome = shrunk(
      LARGE,
      (candidate) => {
        ran++;
        return crashesAt(candidate, 300, 4100) ? resultWith(violationOf('X')) : null;
      },
      { runs, mayGoOn: () => true },
    );
    t.is(ran, runs);
    t.is(outcome.runs, runs);
    t.false(outcome.complete);
    t.true(crashesAt(outcome.schedule, 300, 4100));
  }
});

test('a caller who says stop is asked before each run', (t) => {
  let asked = 0;
  const fails = by((candidate) => crashesAt(candidate, 300) && 'X');
  const outcome = shrunk(LARGE, fails, { ...ENDLESS, mayGoOn: () => ++asked <= 5 });
  t.is(outcome.runs, 6);
  t.false(outcome.complete);
});

test('progress is told after each run, and never grows', (t) => {
  const fails = by((candidate) => crashesAt(candidate, 300) && 'X');
  const sizes = [...shrink(LARGE, fails, ENDLESS)].map(
    ({ best }) => best.faults.length + best.operations.length,
  );
  t.true(sizes.length > 10);
  t.true(sizes.every((size, i) => i === 0 || size <= (sizes[i - 1] ?? 0)));
});

/** Fails or not by a hash of the candidate: a failure without any sense. */
function senseless(candidate: Schedule): RunResult | null {
  const draw = nextUint32(fork(candidate.seed, JSON.stringify(candidate)));
  return draw % 3 === 0 ? resultWith(violationOf('X', draw % 12_000)) : null;
}

test('every candidate is a valid schedule, and the same runs come out again', (t) => {
  let total = 0;
  const check = (schedule: Schedule): string => {
    const candidates: string[] = [];
    shrunk(
      schedule,
      (candidate) => {
        checkSchedule(JSON.parse(JSON.stringify(candidate)));
        candidates.push(JSON.stringify(candidate));
        return candidates.length === 1 ? resultWith(violationOf('X')) : senseless(candidate);
      },
      { runs: 150, mayGoOn: () => true },
    );
    total += candidates.length;
    return candidates.join('\n');
  };
  always(
    t,
    fc.property(schedules, (schedule) => {
      const first = check(schedule);
      return check(schedule) === first;
    }),
    60,
  );
  t.true(total > 5000, `${total}`);
});
