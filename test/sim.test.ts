/**
 * Shows that the simulator repeats every run exactly, that every seed puts the cluster to the test,
 * that a run which proves nothing is told from a pass, and that a cluster which cannot recover is
 * told so.
 *
 *     npx ava test/sim.test.ts
 *     npm run sim -- --seed 7               replays a seed of the default profile
 */
import { Worker } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import test from 'ava';
import { PROPERTIES } from '../lab/checker.ts';
import type { Fault, FaultAction } from '../lab/faults.ts';
import type { Schedule } from '../lab/schedule.ts';
import { type Profile, scheduleOf } from '../lab/sim/profiles.ts';
import { runSchedule } from '../lab/sim/run.ts';
import { Simulation } from '../lab/sim/simulation.ts';
import { commandOf } from '../lab/swarm/reproduce.ts';
import type { NodeId } from '../src/raft/types.ts';
import { PERFECT } from '../src/transport/link.ts';
import { quietSchedule } from './support/schedules.ts';
import { runSeed, type SeedResult, type SeedTask } from './support/seeds-worker.ts';
import {
  at,
  cast,
  leadersAfter,
  MS,
  memberOf,
  type Probe,
  passes,
  puts,
  type Run,
  simulate,
} from './support/sim-runs.ts';
import { traceHashes, writtenHashes } from './support/trace-hashes.ts';

const { clients: CLIENTS } = quietSchedule();

// ---- The same again -----------------------------------------------------------------------------

const DEFAULT_SEEDS = 40;
const REPEATED_SEEDS = 20;
const HARSH_SEEDS = 5;

const named = ({ seed, profile }: SeedTask): string =>
  `seed ${seed} of profile ${profile}; replay: ${commandOf({ kind: 'seed', seed, profile })}`;

function tasksOf(profile: Profile, from: number, to: number, trace: boolean): SeedTask[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({ seed: from + i, profile, trace }));
}

/** Runs in a thread of its own. */
function runElsewhere(seedTasks: readonly SeedTask[]): Promise<SeedResult[]> {
  return new Promise((resolve, reject) => {
    const results: SeedResult[] = [];
    const url = new URL('./support/seeds-worker.ts', import.meta.url);
    const worker = new Worker(url, { workerData: { seedTasks } });
    worker.on('message', (result: SeedResult) => results.push(result));
    worker.on('error', reject);
    worker.on('exit', () => resolve(results));
  });
}

// Begun at once, so that it runs beside the tests of this file.
const elsewhere = runElsewhere([
  ...tasksOf('default', 1, REPEATED_SEEDS, true),
  ...tasksOf('default', REPEATED_SEEDS + 1, DEFAULT_SEEDS, false),
  ...tasksOf('harsh', 1, HARSH_SEEDS, false),
]);

test('a seed is the same run in another thread, traced or not', async (t) => {
  const here = tasksOf('default', 1, REPEATED_SEEDS, false).map((task) => runSeed(task));
  const there = (await elsewhere).slice(0, REPEATED_SEEDS);
  here.forEach(({ task, ...result }, i) => {
    const { task: other, ...otherResult } = there[i] as SeedResult;
    t.is(other.seed, task.seed);
    t.deepEqual(otherResult, result, named(task));
  });
  t.is(new Set(here.map(({ traceHash }) => traceHash)).size, REPEATED_SEEDS, 'seeds differ');
});

test('seeds mean what they meant: their trace hashes are those written down', (t) => {
  t.is(traceHashes(), writtenHashes(), 'to accept the new ones: npm run golden');
});

test('a run with one other value, or one other key, has another trace hash', (t) => {
  const schedule = scheduleOf(1, 'lite');
  const { traceHash } = runSchedule(schedule);
  const at = schedule.operations.findIndex(({ op }) => op === 'put');
  const withOther = (other: object): string => {
    const operations = schedule.operations.map((each, i) =>
      i === at ? { ...each, ...other } : each,
    );
    return runSchedule({ ...schedule, operations }).traceHash;
  };
  t.is(withOther({}), traceHash);
  t.not(withOther({ value: 'vx' }), traceHash);
  t.not(withOther({ key: 'kx' }), traceHash);
});

test('every seed of the default profile puts the cluster to the test and passes', async (t) => {
  const results = (await elsewhere).slice(0, DEFAULT_SEEDS);
  t.is(results.length, DEFAULT_SEEDS);
  for (const { task, verdict, simulatedMs, operations, coverage } of results) {
    t.deepEqual(verdict, { kind: 'pass' }, named(task));
    t.true(simulatedMs >= 60_000, `${simulatedMs} ms; ${named(task)}`);
    t.true(operations >= 500, `${operations} operations; ${named(task)}`);
    t.true(coverage.faultsBit >= 10, `${coverage.faultsBit} faults bit; ${named(task)}`);
  }
});

test('every seed of the harsh profile has at least 40 faults that bit, and passes', async (t) => {
  const results = (await elsewhere).slice(DEFAULT_SEEDS);
  t.is(results.length, HARSH_SEEDS);
  for (const { task, verdict, coverage } of results) {
    t.deepEqual(verdict, { kind: 'pass' }, named(task));
    t.true(coverage.faultsBit >= 40, `${coverage.faultsBit} faults bit; ${named(task)}`);
  }
});

/** What happened before a moment, a line an event. */
function linesBefore(schedule: Schedule, beforeMs: number): string[] {
  const lines = runSchedule(schedule, { trace: true }).trace?.lines ?? [];
  const beforeUs = Math.round(beforeMs * MS);
  const end = lines.findIndex((line) => Math.round(Number(line.slice(0, 12)) * 1e6) >= beforeUs);
  return lines.slice(0, end);
}

test('without one of its faults a run is the same up to that fault', (t) => {
  for (let seed = 1; seed <= 4; seed++) {
    // Links that draw for every message show any draw that was shifted.
    const schedule = {
      ...scheduleOf(seed, 'lite'),
      link: { ...PERFECT, delayMs: 2, jitterMs: 2, loss: 0.05, duplicate: 0.1, reorder: 0.1 },
    };
    schedule.faults.forEach(({ atMs }, i) => {
      if (i === 0) return;
      const faults = schedule.faults.filter((_, j) => j !== i);
      const whole = linesBefore({ ...schedule, durationMs: atMs + 100 }, atMs);
      const without = linesBefore({ ...schedule, durationMs: atMs + 100, faults }, atMs);
      t.true(whole.length > 100);
      const how = named({ seed, profile: 'lite', trace: true });
      t.deepEqual(without, whole, `without fault ${i} of ${how}, on other links`);
    });
  }
});

test('a violation is the same with and without a trace, and stops the run', (t) => {
  const { leader } = cast();
  const schedule = quietSchedule({
    faults: [at(1000, { kind: 'crash', node: leader }, 200)],
    recovery: { core: ['n1', 'n2'], others: 'healed', boundMs: 1 },
  });
  const [untraced, traced] = [false, true].map((trace) => runSchedule(schedule, { trace }));
  t.is(untraced?.verdict.kind, 'violation');
  t.is(untraced?.trace, null);
  t.deepEqual({ ...traced, trace: null }, { ...untraced });
});

// ---- Vacuous runs -------------------------------------------------------------------------------

type Vacuous = readonly [
  what: string,
  faults: (cast: { leader: NodeId; first: NodeId; second: NodeId }) => readonly FaultAction[],
];

/** None of them, or fewer than half, can change anything in a cluster that is at rest. */
const VACUOUS: readonly Vacuous[] = [
  [
    'a cut of a link that carries nothing',
    ({ first, second }) => [at(1000, { kind: 'cut', links: [[first, second]] }, 500)],
  ],
  [
    'loss on a link that carries nothing',
    ({ first, second }) => {
      const settings = { loss: 1, delayMs: 50 };
      return [at(1000, { kind: 'link', from: first, to: second, settings }, 500)];
    },
  ],
  ['a partition of all from nobody', () => [at(1000, { kind: 'partition', groups: [] }, 500)]],
  [
    'crashes of a node that is down',
    ({ first }) => [
      at(1000, { kind: 'crash', node: first }),
      at(1100, { kind: 'crash', node: first }),
      at(1200, { kind: 'crash', node: first }),
    ],
  ],
  ['a restart of a running node', ({ first }) => [at(1000, { kind: 'restart', node: first })]],
  ['a resumption of a running node', ({ first }) => [at(1000, { kind: 'resume', node: first })]],
  [
    'a pause in which nothing comes',
    ({ first }) => [at(1001, { kind: 'pause', node: first }, 0.001)],
  ],
  [
    'a slow disk on which nothing is written',
    ({ first }) => [at(1000, { kind: 'diskSlow', node: first, latencyMs: 50 }, 500)],
  ],
  [
    'a full disk on which nothing is written',
    ({ first }) => [at(1000, { kind: 'diskFull', node: first }, 500)],
  ],
  [
    'a drift that the clock has already',
    ({ first }) => [at(1000, { kind: 'clockDrift', node: first, driftPpm: 0 }, 500)],
  ],
  [
    'a clock that jumps on a node that is down',
    ({ first }) => [
      at(1000, { kind: 'crash', node: first }),
      at(1100, { kind: 'clockJump', node: first, jumpMs: 500 }),
      at(1200, { kind: 'clockJump', node: first, jumpMs: 500 }),
    ],
  ],
  ['a heal when nothing is in force', () => [at(1000, { kind: 'heal' })]],
  [
    'a condition that never comes true',
    () => [
      {
        ...at(1000, { kind: 'crash', node: 'leader' }),
        when: { kind: 'committed', index: 99, nodes: 1 },
      },
    ],
  ],
  ['a crash of the leader when there is none', () => [at(10, { kind: 'crash', node: 'leader' })]],
];

for (const [what, faults] of VACUOUS) {
  test(`vacuous: ${what}`, (t) => {
    const run = simulate({ faults: faults(cast()) });
    const { faultsBit, faultsScheduled } = run.result.coverage;
    t.true(faultsBit * 2 < faultsScheduled);
    const reason = `${faultsBit} of ${faultsScheduled} faults changed anything`;
    t.deepEqual(run.result.verdict, { kind: 'vacuous', reason });
  });
}

test('vacuous: links that should lose messages and lost none', (t) => {
  const link = { ...PERFECT, delayMs: 1, loss: 1e-9 };
  const { verdict } = simulate({ link }).result;
  t.deepEqual(verdict, {
    kind: 'vacuous',
    reason: 'the links lose messages, and none was lost',
  });
});

test('vacuous: a run in which most operations were not served', (t) => {
  const run = simulate({
    // Nobody leads for most of the run.
    faults: [at(300, { kind: 'partition', groups: [['n1'], ['n2'], ['n3']] })],
    operations: puts(800, 1600, 10),
    clients: { ...CLIENTS, requestTimeoutMs: 200 },
  });
  t.is(run.result.verdict.kind, 'vacuous', JSON.stringify(run.result.coverage));
  const { verdict } = run.result;
  t.regex(verdict.kind === 'vacuous' ? verdict.reason : '', /of \d+ operations were served$/);
});

test('a run without faults that serves its operations passes', (t) => {
  const run = simulate({ operations: puts(500, 2500, 20) });
  passes(t, run);
  t.is(run.result.coverage.messagesDropped, 0);
  t.is(run.result.coverage.leaderChanges, 0);
  t.is(run.result.coverage.operationsOk, run.result.history.length);
});

// ---- The second phase ---------------------------------------------------------------------------

/** `lost` starts on a disk that has lost what it promised. */
function withLost(lost: NodeId, recovery: Schedule['recovery']): Run {
  return simulate({
    faults: [
      at(1000, { kind: 'crash', node: lost }, 200),
      at(1100, { kind: 'diskCorrupt', node: lost }),
    ],
    recovery,
  });
}

test('recovery: a core that has lost a node cannot recover, and the verdict says why', (t) => {
  const recovery = { core: ['n1', 'n2'], others: 'healed', boundMs: 2000 } as const;
  const { result } = withLost('n2', recovery);
  const { verdict } = result;
  if (verdict.kind !== 'violation') return t.fail(JSON.stringify(verdict));
  const { property, message, atMs } = verdict.violation;
  t.is(property, PROPERTIES.recovery.name);
  t.is(message, 'within 2000 ms of being healed: n2 cannot run');
  t.is(atMs, 5000);
  t.is(result.recoveredAfterMs, null);
});

test('recovery: whoever lost its disk outside the core is not waited for', (t) => {
  for (const others of ['healed', 'cutOff'] as const) {
    passes(t, withLost('n3', { core: ['n1', 'n2'], others, boundMs: 2000 }));
  }
});

test('recovery: nodes outside the core may be cut off from it and from the clients', (t) => {
  const { leader, first, second } = cast();
  const run = simulate({
    faults: [at(1000, { kind: 'crash', node: first }, 200)],
    // The leader of the first phase is not in the core: another one must be elected.
    recovery: { core: [first, second], others: 'cutOff', boundMs: 5000 },
    operations: puts(1000, 2500, 50),
  });
  passes(t, run);
  const fromUs = run.trace.recoveryUs ?? 0;
  const crossing = run.trace.messages.filter(
    ({ from, to, sentUs }) => sentUs > fromUs && (from === leader || to === leader),
  );
  t.true(crossing.length > 0);
  t.true(crossing.every(({ fate }) => fate === 'cut'));
  t.true(leadersAfter(run.trace, fromUs).every((id) => id !== leader));
  t.true(leadersAfter(run.trace, fromUs).length > 0);
});

test('recovery: links lose nothing any more, and keep their distance', (t) => {
  const run = simulate({
    link: { ...PERFECT, delayMs: 3, loss: 0.1, duplicate: 0.1 },
    operations: puts(1000, 2500, 50),
  });
  passes(t, run);
  const fromUs = run.trace.recoveryUs ?? 0;
  const later = run.trace.messages.filter(
    ({ sentUs, fate }) => sentUs > fromUs && fate !== 'under way',
  );
  t.true(later.length > 5);
  t.true(later.every(({ fate }) => fate === 'delivered'));
  t.deepEqual(
    [...new Set(later.map(({ sentUs, arrivedUs }) => (arrivedUs ?? 0) - sentUs))],
    [3 * MS],
  );
});

test('recovery: what was still queued is not called, and every client is served afresh', (t) => {
  const run = simulate({
    faults: [at(2500, { kind: 'partition', groups: [['n1'], ['n2'], ['n3']] })],
    operations: puts(2600, 2990, 10),
    clients: { ...CLIENTS, count: 3, requestTimeoutMs: 4000 },
  });
  const fresh = run.result.history.filter(({ key }) => key.startsWith('recovery'));
  t.deepEqual(
    fresh.map(({ op, key }) => `${op} ${key}`).sort(),
    [0, 1, 2].flatMap((client) => [`get recovery ${client}`, `put recovery ${client}`]).sort(),
  );
  t.true(fresh.every(({ call }) => call >= 3000 * MS * 1000));
  t.is(run.result.history.length - fresh.length, 2, 'a client has two operations outstanding');
  t.true((run.result.recoveredAfterMs ?? 0) > 0);
});

test('recovery: a bound that is too short is a violation of liveness', (t) => {
  const run = simulate({
    faults: [at(1000, { kind: 'partition', groups: [['n1'], ['n2'], ['n3']] })],
    recovery: { core: ['n1', 'n2'], others: 'healed', boundMs: 20 },
  });
  const { verdict } = run.result;
  t.is(verdict.kind === 'violation' ? verdict.violation.property : '', PROPERTIES.recovery.name);
  t.regex(
    verdict.kind === 'violation' ? verdict.violation.message : '',
    /^within 20 ms of being healed: there is no leader; n1 /,
  );
});

// ---- Clients ------------------------------------------------------------------------------------

test('exactly once: requests are repeated over lossy links and take effect once', (t) => {
  const operations = [0, 1, 2].flatMap((client) => puts(500, 7500, 40, client));
  const run = simulate({
    durationMs: 8000,
    clientLink: { ...PERFECT, delayMs: 1, loss: 0.4 },
    clients: { ...CLIENTS, count: 3, requestTimeoutMs: 2000 },
    operations,
  });
  passes(t, run);
  for (const { id, kv } of run.simulation.members.values()) {
    t.true(kv.counters.repeated > 20, `${id} met ${kv.counters.repeated} repetitions`);
  }
  const writes = run.result.history.filter(({ op, outcome }) => op === 'put' && outcome === 'ok');
  const { executed } = memberOf(run.simulation, 'n1').kv.counters;
  t.true(executed >= writes.length);
  t.true(executed <= run.result.history.filter(({ op }) => op === 'put').length);
});

test('a damaged message is found by its checksum and counts as lost', (t) => {
  const run = simulate({
    link: { ...PERFECT, delayMs: 1, corrupt: 0.1 },
    clientLink: { ...PERFECT, delayMs: 1, corrupt: 0.1 },
    operations: puts(500, 2500, 50),
  });
  passes(t, run);
  const damaged = run.trace.messages.filter(({ fate }) => fate === 'damaged');
  t.true(damaged.length > 10);
  t.is(run.result.coverage.messagesDropped, damaged.length);
  t.true(damaged.every(({ arrivedUs }) => arrivedUs === null));
});

// ---- Defects found once ------------------------------------------------------------------------

test('a crashed node stays down when room is made on its disk', (t) => {
  const { first } = cast();
  simulate(
    {
      faults: [
        at(1000, { kind: 'crash', node: first }, 1500),
        at(1200, { kind: 'diskFull', node: first }, 300),
      ],
    },
    [1600, (simulation) => t.is(memberOf(simulation, first).state, 'down')],
  );
});

test('a node that learns of the full disk when there is room again starts again', (t) => {
  const { first } = cast();
  simulate(
    {
      faults: [
        at(900, { kind: 'diskSlow', node: first, latencyMs: 300 }, 600),
        at(950, { kind: 'diskFull', node: first }, 200),
      ],
      operations: puts(1000, 1001, 1),
    },
    [2900, (simulation) => t.is(memberOf(simulation, first).state, 'running')],
  );
});

test('drifts that overlap: when the last has ended the clock is as it was', (t) => {
  const { first } = cast();
  const drifts: number[] = [];
  const look: Probe[1] = (simulation) => {
    drifts.push(memberOf(simulation, first).clock.driftPpm);
  };
  simulate(
    {
      faults: [
        at(900, { kind: 'clockDrift', node: first, driftPpm: 1000 }, 600),
        at(950, { kind: 'clockDrift', node: first, driftPpm: 2000 }, 1000),
      ],
    },
    [1600, look],
    [2000, look],
  );
  t.deepEqual(drifts, [2000, 0]);
});

test('a clock that jumps while its node is suspended has jumped afterwards', (t) => {
  const { first } = cast();
  simulate(
    {
      faults: [
        at(1000, { kind: 'suspend', node: first }, 500),
        at(1200, { kind: 'clockJump', node: first, jumpMs: 5000 }),
      ],
    },
    [
      2000,
      (simulation) => {
        const { clock } = memberOf(simulation, first);
        t.is(clock.readUs(simulation.events.nowUs), 6500 * MS);
      },
    ],
  );
});

test('a link that is cut or slowed down by its settings counts as struck', (t) => {
  const { leader } = cast();
  for (const settings of [{ cut: true }, { bytesPerSecond: 500 }]) {
    const fault: Fault = { kind: 'link', from: leader, to: '*', settings };
    t.is(simulate({ faults: [at(1000, fault, 500)] }).result.coverage.faultsBit, 1);
  }
});

test('a paused node that crashes has been paused', (t) => {
  const { first } = cast();
  const run = simulate({
    faults: [
      at(1000, { kind: 'pause', node: first }, 500),
      at(1400, { kind: 'crash', node: first }, 300),
    ],
  });
  t.is(run.result.coverage.faultsBit, 2);
});

test('a broken promise in what waited for the disk is a verdict, not an exception', (t) => {
  const simulation = new Simulation(quietSchedule(), crc32, false);
  // A disk that says that it has written, and has not.
  memberOf(simulation, 'n1').disk.write = () => 1;
  const { verdict } = simulation.run();
  const { name } = PROPERTIES.persistedBeforePromised;
  t.is(verdict.kind === 'violation' ? verdict.violation.property : verdict.kind, name);
});
