/**
 * Shows that each fault of the simulator does what its description says, for as long as it says,
 * and strikes when its condition comes true.
 *
 *     npx ava test/sim-faults.test.ts
 */
import test, { type ExecutionContext } from 'ava';
import type { Fault, FaultAction } from '../lab/faults.ts';
import type { Schedule } from '../lab/schedule.ts';
import type { RunResult } from '../lab/verdict.ts';
import { lastIndex } from '../src/raft/log.ts';
import type { NodeId } from '../src/raft/types.ts';
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
  roleAt,
  simulate,
} from './support/sim-runs.ts';

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
  const hub = ALL.indexOf(cast(FIVE).first);
  const cut = linksBetween(ALL, (a, b) => a !== hub && b !== hub);
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
  const { second } = cast();
  for (const nodes of [1, 2, 3]) {
    const run = simulate({
      // One follower hears of it a little later than the other.
      faults: [
        at(500, { kind: 'link', from: '*', to: second, settings: { delayMs: 3 } }),
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
