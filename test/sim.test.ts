/**
 * Shows that the simulator repeats every run exactly, that each fault does what its description
 * says and is counted only if it changed something, that every seed puts the cluster to the test,
 * and that a cluster which cannot recover is told so.
 *
 *     npx ava test/sim.test.ts
 *     npm run sim -- --seed 7               replays a seed of the default profile
 */
import { Worker } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { PROPERTIES } from '../lab/checker.ts';
import type { Fault, FaultAction } from '../lab/faults.ts';
import type { Schedule, ScheduledOperation } from '../lab/schedule.ts';
import { NodeClock } from '../lab/sim/clock.ts';
import { Events } from '../lab/sim/events.ts';
import type { Member } from '../lab/sim/member.ts';
import { type Profile, scheduleOf } from '../lab/sim/profiles.ts';
import { runSchedule } from '../lab/sim/run.ts';
import { Simulation } from '../lab/sim/simulation.ts';
import { commandOf } from '../lab/swarm/reproduce.ts';
import type { Trace } from '../lab/trace.ts';
import type { RunResult } from '../lab/verdict.ts';
import { lastIndex } from '../src/raft/log.ts';
import type { NodeId } from '../src/raft/types.ts';
import { PERFECT } from '../src/transport/link.ts';
import { always } from './support/property.ts';
import { quietSchedule } from './support/schedules.ts';
import { runSeed, type SeedResult, type SeedTask } from './support/seeds-worker.ts';
import { traceHashes, writtenHashes } from './support/trace-hashes.ts';

const MS = 1000;

// ---- Small runs made by hand --------------------------------------------------------------------

type Probe = readonly [atMs: number, look: (simulation: Simulation) => void];

type Run = { readonly simulation: Simulation; readonly result: RunResult; readonly trace: Trace };

/** Runs a quiet schedule with these changes; looks at moments, ahead of what else happens then. */
function simulate(changes: Partial<Schedule>, ...probes: readonly Probe[]): Run {
  const simulation = new Simulation(quietSchedule(changes), crc32, true);
  for (const [atMs, look] of probes) {
    simulation.events.at(Math.round(atMs * MS), () => look(simulation));
  }
  const result = simulation.run();
  if (result.trace === null) throw new Error('no trace');
  return { simulation, result, trace: result.trace };
}

/** Who plays what before the first fault: a quiet run, of which the others are the continuation. */
function cast(changes: Partial<Schedule> = {}): {
  leader: NodeId;
  first: NodeId;
  second: NodeId;
  electedUs: number;
} {
  const { trace } = simulate({ ...changes, faults: [], operations: [] });
  const elections = trace.roles.filter(({ role }) => role === 'leader');
  const [elected] = elections;
  if (elected === undefined || elections.length > 1) throw new Error('expected one election');
  const { node: leader, atUs: electedUs } = elected;
  const [first = '', second = ''] = trace.nodes.filter((id) => id !== leader);
  return { leader, first, second, electedUs };
}

function at(atMs: number, fault: Fault, forMs?: number): FaultAction {
  return forMs === undefined ? { atMs, fault } : { atMs, fault, forMs };
}

function puts(fromMs: number, toMs: number, everyMs: number, client = 0): ScheduledOperation[] {
  const count = Math.ceil((toMs - fromMs) / everyMs);
  return Array.from({ length: count }, (_, i) => {
    const atMs = fromMs + i * everyMs;
    return { atMs, client, op: 'put', key: 'k', value: `v${client}.${i}` };
  });
}

function memberOf({ members }: Simulation, id: NodeId): Member {
  const member = members.get(id);
  if (member === undefined) throw new Error(`there is no ${id}`);
  return member;
}

function roleAt({ roles }: Trace, id: NodeId, atUs: number): string | undefined {
  return roles.findLast((role) => role.node === id && role.atUs <= atUs)?.role;
}

function leadersAfter({ roles }: Trace, fromUs: number): NodeId[] {
  return roles
    .filter(({ role, atUs }) => role === 'leader' && atUs > fromUs)
    .map(({ node }) => node);
}

/** Everything went well, and the faults did something. */
function passes(t: ExecutionContext, { result }: Run): void {
  t.deepEqual(result.verdict, { kind: 'pass' });
  t.is(result.coverage.faultsBit, result.coverage.faultsScheduled);
}

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
  const end = lines.findIndex((line) => Number(line.slice(0, 12)) * MS >= beforeMs);
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

// ---- Nodes: crash, pause, suspend ---------------------------------------------------------------

/** The leader crashes while it writes the entry of a put; what it then starts from. */
function crashedWhileWriting(disk: { torn: number; late: number }): {
  run: Run;
  inMemory: number;
  onDisk: number;
  afterRestart: number;
} {
  const latencyMs = [20, 20] as const;
  const { leader } = cast({ disk: { latencyMs, ...disk } });
  const seen = { inMemory: 0, onDisk: 0, afterRestart: 0 };
  const run = simulate(
    {
      disk: { latencyMs, ...disk },
      operations: puts(1000, 1001, 1),
      faults: [at(1015, { kind: 'crash', node: leader }, 30)],
    },
    [
      1015,
      (simulation) => {
        const { raft, disk: device } = memberOf(simulation, leader);
        if (raft !== null) seen.inMemory = lastIndex(raft.persistent.log);
        seen.onDisk = device.entries.length;
      },
    ],
    [
      1045.001,
      (simulation) => {
        const { raft } = memberOf(simulation, leader);
        if (raft !== null) seen.afterRestart = lastIndex(raft.persistent.log);
      },
    ],
  );
  return { run, ...seen };
}

test('crash: what was not reported durable is lost, and a restart goes on from the rest', (t) => {
  const { run, inMemory, onDisk, afterRestart } = crashedWhileWriting({ torn: 0, late: 0 });
  t.is(inMemory, onDisk + 1, 'the entry of the put is being written');
  t.is(afterRestart, onDisk);
  passes(t, run);
  t.is(run.result.history[0]?.outcome, 'ok', 'its client repeats what the crash took');
  t.is(run.result.coverage.crashes, 1);
});

test('crash: a write that was torn is cut off, one that was whole is there', (t) => {
  const torn = crashedWhileWriting({ torn: 1, late: 0 });
  t.is(torn.afterRestart, torn.onDisk);
  passes(t, torn.run);
  const late = crashedWhileWriting({ torn: 0, late: 1 });
  t.is(late.afterRestart, late.inMemory);
  t.is(late.inMemory, late.onDisk + 1);
  passes(t, late.run);
});

test('crash: a node that is down gets nothing, and says nothing', (t) => {
  const { first, leader } = cast();
  const run = simulate({ faults: [at(1000, { kind: 'crash', node: first }, 500)] });
  passes(t, run);
  const meanwhile = run.trace.messages.filter(
    ({ sentUs }) => sentUs > 1000 * MS && sentUs < 1498 * MS,
  );
  const to = meanwhile.filter((message) => message.to === first);
  t.true(to.length > 5, `${leader} goes on with its heartbeats`);
  t.deepEqual([...new Set(to.map(({ fate }) => fate))], ['down']);
  t.deepEqual(
    meanwhile.filter(({ from }) => from === first),
    [],
  );
  t.is(roleAt(run.trace, first, 1200 * MS), 'down');
  t.is(roleAt(run.trace, first, 1500 * MS), 'follower');
});

test('crash: without a length it lasts until the node is restarted', (t) => {
  const { first } = cast();
  const run = simulate({
    faults: [at(1000, { kind: 'crash', node: first }), at(1700, { kind: 'restart', node: first })],
  });
  passes(t, run);
  t.deepEqual(
    run.trace.faults.map(({ text, fromUs, untilUs }) => [text, fromUs, untilUs]),
    [[`crash ${first}`, 1000 * MS, 1700 * MS]],
  );
  t.is(roleAt(run.trace, first, 1699 * MS), 'down');
  t.is(roleAt(run.trace, first, 1700 * MS), 'follower');
});

/**
 * The leader hears nobody from shortly before one of its quorum checks, which it still passes, and
 * stands still for half a second from then on. When its clock stands still as well, its next check
 * comes that much later.
 */
function heldInFrontOfQuorumCheck(kind: 'pause' | 'suspend'): {
  run: Run;
  steppedDownUs: number | undefined;
  resumedUs: number;
  nextCheckUs: number;
  shown: number[];
} {
  const { leader, electedUs } = cast();
  const periodUs = 150 * MS;
  const checkUs = electedUs + Math.ceil((1000 * MS - electedUs) / periodUs) * periodUs;
  const heldUs = checkUs + 10 * MS;
  const resumedUs = heldUs + 500 * MS;
  const shown: number[] = [];
  const look: Probe[1] = (simulation) => {
    shown.push(memberOf(simulation, leader).clock.readUs(simulation.events.nowUs));
  };
  const run = simulate(
    {
      faults: [
        at(checkUs / MS - 20, { kind: 'partition', groups: [[leader]] }),
        at(heldUs / MS, { kind, node: leader }, 500),
      ],
    },
    [heldUs / MS, look],
    [resumedUs / MS, look],
    [resumedUs / MS + 100, look],
  );
  const steppedDownUs = run.trace.roles.find(
    ({ node, role, atUs }) => node === leader && role === 'follower' && atUs > heldUs,
  )?.atUs;
  return { run, steppedDownUs, resumedUs, nextCheckUs: checkUs + periodUs, shown };
}

test('pause: the clock runs on, and on resuming all timers are late at once', (t) => {
  const { run, steppedDownUs, resumedUs, shown } = heldInFrontOfQuorumCheck('pause');
  t.is(steppedDownUs, resumedUs, 'the quorum check is overdue');
  const [held = 0, resumed, later] = shown;
  t.is(resumed, held + 500 * MS);
  t.is(later, held + 600 * MS);
  t.is(run.result.verdict.kind, 'pass');
});

test('suspend: the clock stands still, and on resuming goes on where it stood', (t) => {
  const { run, steppedDownUs, nextCheckUs, shown } = heldInFrontOfQuorumCheck('suspend');
  t.is(steppedDownUs, nextCheckUs + 500 * MS, 'the quorum check comes half a second later');
  const [held = 0, resumed, later] = shown;
  t.is(resumed, held);
  t.is(later, held + 100 * MS);
  t.is(run.result.verdict.kind, 'pass');
});

test('pause: messages wait, and a leader that was replaced meanwhile steps down at once', (t) => {
  const { leader } = cast();
  const run = simulate({
    faults: [at(1000, { kind: 'pause', node: leader }, 700)],
    operations: puts(1000, 2500, 50),
  });
  passes(t, run);
  t.is(roleAt(run.trace, leader, 1000 * MS), 'paused');
  const [next, ...more] = leadersAfter(run.trace, 1000 * MS).filter((id) => id !== leader);
  t.truthy(next, 'the others elected one of them');
  t.deepEqual(more, []);
  t.is(roleAt(run.trace, leader, 1700 * MS), 'follower');
  const waiting = run.trace.messages.filter(
    ({ to, sentUs }) => to === leader && sentUs > 1000 * MS && sentUs < 1690 * MS,
  );
  t.true(waiting.length > 5);
  t.true(waiting.every(({ fate }) => fate === 'delivered'));
});

test('resume ends a pause before its time', (t) => {
  const { first } = cast();
  const run = simulate({
    faults: [
      at(1000, { kind: 'pause', node: first }, 900),
      at(1300, { kind: 'resume', node: first }),
    ],
  });
  passes(t, run);
  t.is(roleAt(run.trace, first, 1299 * MS), 'paused');
  t.not(roleAt(run.trace, first, 1300 * MS), 'paused');
  t.is(run.trace.faults[0]?.untilUs, 1300 * MS);
});

// ---- Links: cuts, partitions, loss --------------------------------------------------------------

const FIVE: Partial<Schedule> = { nodes: 5, operations: puts(1000, 1500, 20) };
const ALL = ['n1', 'n2', 'n3', 'n4', 'n5'];

type Link = readonly [from: NodeId, to: NodeId];

function linksBetween(
  nodes: readonly NodeId[],
  apart: (from: number, to: number) => boolean,
): Link[] {
  return nodes.flatMap((from, a) =>
    nodes.flatMap((to, b): Link[] => (a !== b && apart(a, b) ? [[from, to]] : [])),
  );
}

/** Between 1000 and 1500 ms exactly these links carry nothing; before and afterwards all do. */
function cutsOnly(t: ExecutionContext, changes: Partial<Schedule>, fault: Fault, cut: Link[]): Run {
  const run = simulate({ ...changes, faults: [at(1000, fault, 500)] });
  passes(t, run);
  const names = new Set(cut.map(([from, to]) => `${from} → ${to}`));
  const met = new Set<string>();
  const wrong: string[] = [];
  for (const { from, to, sentUs, fate } of run.trace.messages) {
    // At the very moment of the fault a message may leave on either side of it.
    if (sentUs === 1000 * MS || sentUs === 1500 * MS) continue;
    const name = `${from} → ${to}`;
    const inForce = sentUs > 1000 * MS && sentUs < 1500 * MS && names.has(name);
    if (inForce) met.add(name);
    if ((fate === 'cut') !== inForce) wrong.push(`${name} at ${sentUs / MS} ms is ${fate}`);
  }
  t.deepEqual(wrong, []);
  t.true(met.size > 0, 'something was sent over the links that were cut');
  return run;
}

test('cut: a link is cut in its one direction', (t) => {
  const { leader, first } = cast();
  const run = cutsOnly(t, {}, { kind: 'cut', links: [[leader, first]] }, [[leader, first]]);
  t.true(
    run.trace.roles.some(({ node, role, atUs }) => {
      return node === first && role === 'preCandidate' && atUs > 1000 * MS && atUs < 1400 * MS;
    }),
    'who does not hear the leader asks for votes',
  );
});

test('cut: a leader that is heard by nobody is replaced, though it hears all', (t) => {
  const { leader, first, second } = cast();
  const links: Link[] = [
    [leader, first],
    [leader, second],
  ];
  const run = cutsOnly(t, {}, { kind: 'cut', links }, links);
  const [next] = leadersAfter(run.trace, 1000 * MS);
  t.true(next === first || next === second);
});

test('partition: messages pass only within a group, the unnamed are one more', (t) => {
  const group = (index: number): number => (index < 2 ? 0 : index === 2 ? 1 : 2);
  const cut = linksBetween(ALL, (a, b) => group(a) !== group(b));
  cutsOnly(t, FIVE, { kind: 'partition', groups: [['n1', 'n2'], ['n3']] }, cut);
});

test('partition: the leader by itself, whoever that is', (t) => {
  const { leader, first, second } = cast();
  const cut = linksBetween([leader, first, second], (a, b) => a === 0 || b === 0);
  const run = cutsOnly(t, {}, { kind: 'partition', groups: [['leader']] }, cut);
  t.is(run.trace.faults[0]?.nodes.includes(leader), true);
});

test('cut: a ring, in which each sees its neighbours', (t) => {
  const cut = linksBetween(ALL, (a, b) => ![1, 4].includes((a - b + 5) % 5));
  cutsOnly(t, FIVE, { kind: 'cut', links: cut }, cut);
});

test('cut: a hub, which alone sees all', (t) => {
  const cut = linksBetween(ALL, (a, b) => a !== 2 && b !== 2);
  const run = cutsOnly(t, FIVE, { kind: 'cut', links: cut }, cut);
  t.is(run.result.recoveredAfterMs === null, false);
});

test('cut: a chain', (t) => {
  const cut = linksBetween(ALL, (a, b) => Math.abs(a - b) > 1);
  cutsOnly(t, FIVE, { kind: 'cut', links: cut }, cut);
});

test('two cuts of one link: it carries again when both have ended', (t) => {
  const { leader, first } = cast();
  const fault: Fault = { kind: 'cut', links: [[leader, first]] };
  const run = simulate({ faults: [at(1000, fault, 300), at(1200, fault, 300)] });
  passes(t, run);
  const cut = run.trace.messages.filter(({ fate }) => fate === 'cut').map(({ sentUs }) => sentUs);
  t.true(Math.max(...cut) > 1400 * MS);
  t.true(cut.every((atUs) => atUs >= 1000 * MS && atUs <= 1500 * MS));
  const sent = run.trace.messages.filter(
    ({ from, to, sentUs }) =>
      from === leader && to === first && sentUs > 1000 * MS && sentUs < 1500 * MS,
  );
  t.true(sent.every(({ fate }) => fate === 'cut'));
});

test('link: all is lost in a window, and nothing before and after', (t) => {
  const { leader } = cast();
  const fault: Fault = { kind: 'link', from: leader, to: '*', settings: { loss: 1 } };
  const run = simulate({ faults: [at(1000, fault, 500)] });
  passes(t, run);
  const wrong = run.trace.messages.filter(({ from, sentUs, fate }) => {
    if (sentUs === 1000 * MS || sentUs === 1500 * MS) return false;
    const inForce = from === leader && sentUs > 1000 * MS && sentUs < 1500 * MS;
    return (fate === 'lost') !== inForce;
  });
  t.deepEqual(wrong, []);
  t.true(leadersAfter(run.trace, 1000 * MS).length > 0, 'the others elect one of them');
});

test('link: settings lie on top of those of the run, and of each other', (t) => {
  const { leader, first } = cast();
  const links = { kind: 'link', from: leader, to: first } as const;
  const run = simulate({
    faults: [
      at(1000, { ...links, settings: { delayMs: 30 } }, 600),
      at(1200, { ...links, settings: { duplicate: 1 } }, 600),
    ],
  });
  passes(t, run);
  const delays = (fromMs: number, toMs: number): number[] => {
    const sent = run.trace.messages.filter(
      ({ from, to, sentUs }) =>
        from === leader && to === first && sentUs > fromMs * MS && sentUs < toMs * MS,
    );
    return [...new Set(sent.map(({ sentUs, arrivedUs }) => ((arrivedUs ?? 0) - sentUs) / MS))];
  };
  t.deepEqual(delays(500, 1000), [1]);
  t.deepEqual(delays(1000, 1600), [30], 'the second fault leaves the delay of the first');
  t.deepEqual(delays(1600, 2500), [1], 'and the end of the first leaves the second');
});

// ---- Clocks -------------------------------------------------------------------------------------

test('clockJump: a follower whose clock jumps ahead believes that its leader is gone', (t) => {
  const { first } = cast();
  const run = simulate({ faults: [at(1000, { kind: 'clockJump', node: first, jumpMs: 400 })] });
  passes(t, run);
  t.is(roleAt(run.trace, first, 1000 * MS), 'preCandidate');
});

test('clockJump: a leader whose clock is set back stands still and is replaced', (t) => {
  const { leader } = cast();
  const run = simulate({ faults: [at(1000, { kind: 'clockJump', node: leader, jumpMs: -600 })] });
  passes(t, run);
  const heartbeats = run.trace.messages.filter(
    ({ from, sentUs }) => from === leader && sentUs > 1000 * MS && sentUs < 1140 * MS,
  );
  t.deepEqual(heartbeats, []);
  t.true(leadersAfter(run.trace, 1000 * MS).length > 0);
});

test('clockDrift: timers follow the drifting clock, and the right one again afterwards', (t) => {
  const { leader } = cast();
  const shown: number[] = [];
  const look: Probe[1] = (simulation) => {
    shown.push(memberOf(simulation, leader).clock.readUs(simulation.events.nowUs));
  };
  const run = simulate(
    { faults: [at(1000, { kind: 'clockDrift', node: leader, driftPpm: 250_000 }, 1000)] },
    [1000, look],
    [2000, look],
    [2500, look],
  );
  passes(t, run);
  const [start = 0, end = 0, later = 0] = shown;
  t.is(end - start, 1250 * MS);
  t.is(later - end, 500 * MS);
  const { first } = cast();
  const heartbeats = run.trace.messages
    .filter(({ from, to, kind }) => from === leader && to === first && kind === 'AppendEntries')
    .map(({ sentUs }) => sentUs);
  const gaps = (fromMs: number, toMs: number): Set<number> => {
    const sent = heartbeats.filter((atUs) => atUs > fromMs * MS && atUs < toMs * MS);
    return new Set(sent.slice(1).map((atUs, i) => atUs - (sent[i] as number)));
  };
  t.deepEqual(gaps(500, 1000), new Set([50 * MS]));
  t.deepEqual(gaps(1060, 2000), new Set([40 * MS]), '50 ms of a clock that is a quarter too fast');
  t.deepEqual(gaps(2060, 2900), new Set([50 * MS]));
});

// ---- Disks --------------------------------------------------------------------------------------

function latencyMs({ history }: RunResult): number {
  const [first] = history;
  return ((first?.return ?? Number.NaN) - (first?.call ?? 0)) / 1e6;
}

test('diskSlow: what a majority writes slowly is committed late', (t) => {
  const { leader, first, second } = cast();
  const slow = (node: NodeId): FaultAction =>
    at(900, { kind: 'diskSlow', node, latencyMs: 80 }, 500);
  const operations = puts(1000, 1001, 1);
  const undisturbed = latencyMs(simulate({ operations }).result);
  t.true(undisturbed < 10);
  const one = simulate({ operations, faults: [slow(first)] });
  passes(t, one);
  t.is(latencyMs(one.result), undisturbed, 'two others are a majority');
  const own = simulate({ operations, faults: [slow(leader)] });
  t.is(latencyMs(own.result), undisturbed, 'the leader writes in parallel (§10.2.1)');
  const two = simulate({ operations, faults: [slow(first), slow(second)] });
  passes(t, two);
  t.is(latencyMs(two.result), undisturbed + 80);
});

test('diskFull: the node stops, vouches for nothing, and starts again when there is room', (t) => {
  const { first } = cast();
  const operations = puts(1000, 1001, 1);
  const seen: string[] = [];
  const look: Probe[1] = (simulation) => {
    const { state, disk } = memberOf(simulation, first);
    seen.push(`${state} with ${disk.entries.length}`);
  };
  const run = simulate(
    { operations, faults: [at(900, { kind: 'diskFull', node: first }, 500)] },
    [950, look],
    [1100, look],
    [1390, look],
    [1500, look],
  );
  passes(t, run);
  t.deepEqual(seen, ['running with 1', 'down with 1', 'down with 1', 'running with 2']);
  t.true(run.trace.lines.some((line) => line.includes(`disk of ${first}: the disk is full`)));
  const promised = run.trace.messages.filter(
    ({ from, sentUs, text }) => from === first && sentUs < 1400 * MS && text.includes('match=2'),
  );
  t.deepEqual(promised, []);
  t.is(run.result.history[0]?.outcome, 'ok');
});

test('diskCorrupt: the node refuses to start and is gone for good, the others go on', (t) => {
  const { first, leader, second } = cast();
  const run = simulate({
    faults: [
      at(1000, { kind: 'crash', node: first }, 200),
      at(1100, { kind: 'diskCorrupt', node: first }),
    ],
    operations: puts(1500, 2500, 100),
    recovery: { core: [leader, second], others: 'healed', boundMs: 5000 },
  });
  passes(t, run);
  t.is(memberOf(run.simulation, first).state, 'lost');
  const refusals = run.trace.lines.filter((line) =>
    /: record \d+ is damaged or missing/.test(line),
  );
  t.is(refusals.length, 1, 'it is not tried again in the second phase');
  t.true(refusals[0]?.includes(`disk of ${first}`));
  t.is(run.result.coverage.operationsOk, run.result.history.length);
});

test('diskCorrupt: nobody notices before the node starts again', (t) => {
  const { first } = cast();
  const run = simulate({
    faults: [at(1000, { kind: 'diskCorrupt', node: first })],
    operations: puts(1500, 2500, 100),
  });
  const reason = '0 of 1 faults changed anything';
  t.deepEqual(run.result.verdict, { kind: 'vacuous', reason });
  t.is(memberOf(run.simulation, first).state, 'running');
});

// ---- Conditions and ends ------------------------------------------------------------------------

test('leaderElected: the fault strikes the new leader as soon as it is elected', (t) => {
  const { leader } = cast();
  const run = simulate({
    faults: [
      at(1000, { kind: 'crash', node: leader }, 300),
      { ...at(1000, { kind: 'crash', node: 'leader' }, 300), when: { kind: 'leaderElected' } },
    ],
  });
  passes(t, run);
  const elected = run.trace.roles.find(({ role, atUs }) => role === 'leader' && atUs > 1000 * MS);
  const { text, fromUs, untilUs } = run.trace.faults[1] ?? {};
  t.is(text, `crash ${elected?.node}`);
  t.is(fromUs, elected?.atUs);
  t.is(untilUs, (elected?.atUs ?? 0) + 300 * MS);
});

test('committed: the fault strikes when exactly so many know', (t) => {
  for (const nodes of [1, 2, 3]) {
    const run = simulate({
      // One follower hears of it a little later than the other.
      faults: [
        at(500, { kind: 'link', from: '*', to: 'n3', settings: { delayMs: 3 } }),
        {
          ...at(900, { kind: 'pause', node: 'leader' }, 50),
          when: { kind: 'committed', index: 2, nodes },
        },
      ],
      operations: puts(1000, 1001, 1),
    });
    passes(t, run);
    const struckUs = run.trace.faults[1]?.fromUs ?? 0;
    const commits = run.trace.commits.filter(({ index }) => index >= 2);
    const know = commits.filter(({ atUs }) => atUs <= struckUs);
    t.is(know.length, nodes, `when ${nodes} know`);
    t.is(know.at(-1)?.atUs, struckUs, 'at that moment');
  }
});

test('committed: the fault does not strike when more know already', (t) => {
  const fault = at(1500, { kind: 'crash', node: 'leader' }, 50);
  const run = simulate({
    faults: [{ ...fault, when: { kind: 'committed', index: 2, nodes: 1 } }],
    operations: puts(1000, 2500, 500),
  });
  t.deepEqual(run.trace.faults, []);
  t.is(run.result.verdict.kind, 'vacuous');
});

test('a condition counts from its moment on, and strikes once', (t) => {
  const run = simulate({
    faults: [
      at(1000, { kind: 'crash', node: 'leader' }, 1000),
      { ...at(1100, { kind: 'crash', node: 'leader' }, 700), when: { kind: 'leaderElected' } },
    ],
    nodes: 5,
    durationMs: 5000,
  });
  passes(t, run);
  // The first election of all came before, those after the second crash come too late.
  t.deepEqual(
    run.trace.faults.map(({ text }) => text.startsWith('crash')),
    [true, true],
  );
  t.true(leadersAfter(run.trace, 1000 * MS).length >= 2);
});

test('heal undoes whatever is in force', (t) => {
  const { leader, first, second } = cast();
  const faults = [
    at(1000, { kind: 'crash', node: first }),
    at(1050, { kind: 'pause', node: second }),
    at(1060, { kind: 'clockDrift', node: leader, driftPpm: 100_000 }),
    at(1070, { kind: 'link', from: '*', to: '*', settings: { loss: 1 } }),
    at(1080, { kind: 'cut', links: [[leader, first]] }),
    at(1090, { kind: 'diskSlow', node: leader, latencyMs: 50 }),
  ];
  const run = simulate(
    { faults: [...faults, at(1500, { kind: 'heal' })], operations: puts(1400, 1401, 1) },
    [
      1500.001,
      (simulation) => {
        for (const { state, slowerByMs, clock } of simulation.members.values()) {
          t.deepEqual([state, slowerByMs, clock.driftPpm], ['running', 0, 0]);
        }
      },
    ],
  );
  t.is(run.result.verdict.kind, 'pass');
  t.deepEqual(
    run.trace.faults.map(({ untilUs }) => untilUs),
    faults.map(() => 1500 * MS),
  );
  const later = run.trace.messages.filter(({ sentUs }) => sentUs > 1500 * MS);
  t.true(later.length > 100);
  t.deepEqual(
    later.filter(({ fate }) => fate !== 'delivered' && fate !== 'under way'),
    [],
  );
});

test('every fault ends after its time, or with the first phase', (t) => {
  const { first } = cast();
  const run = simulate({
    faults: [
      at(1000, { kind: 'partition', groups: [[first]] }, 250),
      at(1000, { kind: 'diskSlow', node: 'leader', latencyMs: 1 }, 300),
      at(2900, { kind: 'partition', groups: [[first]] }, 10_000),
    ],
    operations: puts(1000, 2500, 20),
  });
  passes(t, run);
  t.deepEqual(
    run.trace.faults.map(({ untilUs }) => untilUs),
    [1250 * MS, 1300 * MS, 3000 * MS],
  );
  t.is(run.trace.recoveryUs, 3000 * MS);
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
    clients: { count: 2, requestTimeoutMs: 200, retryMs: 50 },
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
    clients: { count: 3, requestTimeoutMs: 4000, retryMs: 50 },
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
    clients: { count: 3, requestTimeoutMs: 2000, retryMs: 50 },
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

// ---- Parts: the order of events -----------------------------------------------------------------

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

// ---- Parts: the clock ---------------------------------------------------------------------------

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
