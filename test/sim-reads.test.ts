/**
 * Shows what each way of reading costs and promises (§6.4), that sessions which expire are told so
 * (§6.3), and that a cluster which is asked too much says so and is asked again.
 *
 *     npx ava test/sim-reads.test.ts
 */
import test, { type ExecutionContext } from 'ava';
import { READ_WAYS, type ReadWay } from '../lab/cluster.ts';
import type { FaultAction } from '../lab/faults.ts';
import type { Schedule, ScheduledOperation } from '../lab/schedule.ts';
import { OperationReader } from '../src/command.ts';
import type { Settings } from '../src/raft/types.ts';
import { quietSchedule } from './support/schedules.ts';
import {
  at,
  cast,
  leadersAfter,
  MS,
  passes,
  puts,
  type Run,
  sentBetween,
  simulate,
} from './support/sim-runs.ts';

const QUIET = quietSchedule();

function settingsWith(changes: Partial<Settings>): Settings {
  return { ...QUIET.settings, ...changes };
}

/** Leases count on clocks that run alike to a thousandth. */
const LEASES: Partial<Schedule> = { settings: settingsWith({ clockDriftPpm: 1000 }) };

/** A value to read, and then a read every `everyMs`. */
function reads(way: ReadWay, fromMs: number, toMs: number, everyMs: number): ScheduledOperation[] {
  const count = Math.ceil((toMs - fromMs) / everyMs);
  const gets = Array.from({ length: count }, (_, i): ScheduledOperation => {
    return { atMs: fromMs + i * everyMs, client: 0, op: 'get', key: 'k', read: way };
  });
  return [...puts(500, 501, 1), ...gets];
}

function gets({ result }: Run): readonly { readonly outcome: string }[] {
  return result.history.filter(({ op, key }) => op === 'get' && key === 'k');
}

/** AppendEntries between 1000 and 2000 ms. */
function appends({ trace }: Run): number {
  return sentBetween(trace, 1000, 2000, 'AppendEntries').length;
}

const IDLE = appends(simulate(LEASES));
const READS = 100;

// ---- What a read costs --------------------------------------------------------------------------

test('linearizable: each read has a round of heartbeats', (t) => {
  const run = simulate({ ...LEASES, operations: reads('linearizable', 1000, 2000, 10) });
  passes(t, run);
  t.is(gets(run).length, READS);
  // The first of them falls on the end of the span that is counted.
  t.true(appends(run) >= IDLE + 2 * (READS - 1));
});

test('lease: while it holds, reads send nothing', (t) => {
  const run = simulate({ ...LEASES, operations: reads('lease', 1000, 2000, 10) });
  passes(t, run);
  t.is(gets(run).length, READS);
  t.true(gets(run).every(({ outcome }) => outcome === 'ok'));
  t.is(appends(run), IDLE);
});

test('lease: without a bound on drift there is none, and each read has its round', (t) => {
  const run = simulate({ operations: reads('lease', 1000, 2000, 10) });
  passes(t, run);
  t.true(appends(run) >= IDLE + 2 * (READS - 1));
});

test('lease: void for the rest of the term once a transfer has begun', (t) => {
  const { first, second, leader } = cast(LEASES);
  // Nobody hears who is to lead: it never will, and with the other follower the lease would hold.
  const unheard = at(500, {
    kind: 'cut',
    links: [
      [first, leader],
      [first, second],
    ],
  });
  const transfer = at(600, { kind: 'transfer', to: first });
  const appendsAfter = (faults: readonly FaultAction[]): number => {
    const run = simulate({
      ...LEASES,
      faults,
      durationMs: 7000,
      // The operator has lost patience by then.
      operations: reads('lease', 5500, 6500, 10),
    });
    t.is(run.result.verdict.kind, 'pass');
    t.deepEqual(
      leadersAfter(run.trace, 500 * MS).filter((id) => id === first),
      [],
    );
    t.true(gets(run).every(({ outcome }) => outcome === 'ok'));
    return sentBetween(run.trace, 5500, 6500, 'AppendEntries').length;
  };
  const held = appendsAfter([unheard]);
  t.true(held < READS);
  t.true(appendsAfter([unheard, transfer]) >= held + 2 * (READS - 1));
});

test('log: each read is an entry', (t) => {
  const run = simulate({ operations: reads('log', 1000, 2000, 10) });
  passes(t, run);
  t.is(gets(run).length, READS);
  const entries = run.simulation.committed.filter((entry) => isGet(entry));
  t.is(entries.length, READS);
});

function isGet(entry: { kind: string; command?: Uint8Array }): boolean {
  if (entry.kind !== 'command' || entry.command === undefined) return false;
  const reader = new OperationReader(entry.command);
  return reader.next() && reader.kind === 'get' && textOf(reader.key()) === 'k';
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

test('follower: a follower asks the leader for an index, and serves the read itself', (t) => {
  const { leader } = cast();
  const run = simulate({ operations: reads('follower', 1000, 2000, 20) });
  passes(t, run);
  const asked = sentBetween(run.trace, 1000, 2010, 'ReadIndex');
  t.true(asked.length >= READS / 2 - 2, `${asked.length} questions`);
  t.true(asked.every(({ to, from }) => to === leader && from !== leader));
  t.is(new Set(asked.map(({ from }) => from)).size, 2, 'both followers serve');
  t.true(gets(run).every(({ outcome }) => outcome === 'ok'));
});

test('stale: nothing is sent, and whoever is cut off from the leader answers as well', (t) => {
  const run = simulate({
    faults: [at(900, { kind: 'partition', groups: [['n1'], ['n2'], ['n3']] }, 2000)],
    operations: reads('stale', 1200, 2800, 20),
  });
  passes(t, run);
  t.is(run.simulation.clients.staleReads, 80);
  t.deepEqual(sentBetween(run.trace, 1000, 2800, 'ReadIndex', 'ReadIndexResponse'), []);
});

// ---- What a read promises -----------------------------------------------------------------------

/** Two clients write and read one key by all ways, while leaders are lost and cut off. */
function mixed(ways: readonly ReadWay[]): Partial<Schedule> {
  const operations = [0, 1].flatMap((client) => [
    ...puts(500, 7500, 40, client),
    ...Array.from({ length: 350 }, (_, i): ScheduledOperation => {
      const read = ways[i % ways.length] as ReadWay;
      return { atMs: 510 + 20 * i, client, op: 'get', key: 'k', read };
    }),
  ]);
  return {
    ...LEASES,
    durationMs: 8000,
    operations: operations.sort((a, b) => a.atMs - b.atMs),
    faults: [
      at(1000, { kind: 'partition', groups: [['leader']] }, 800),
      at(2500, { kind: 'crash', node: 'leader' }, 500),
      at(3500, { kind: 'pause', node: 'leader' }, 700),
      at(4500, { kind: 'transfer', to: 'follower' }),
      at(5500, { kind: 'partition', groups: [['leader', 'n1']] }, 600),
    ],
  };
}

for (const way of READ_WAYS.filter((each) => each !== 'stale')) {
  test(`${way}: what is read is linearizable, whoever leads`, (t) => {
    const run = simulate(mixed([way]));
    t.is(run.result.verdict.kind, 'pass', JSON.stringify(run.result.verdict));
    t.true(run.result.coverage.leaderChanges >= 3);
    t.true(gets(run).filter(({ outcome }) => outcome === 'ok').length > 350);
  });
}

test('stale reads are in no history; all others are', (t) => {
  const schedule = mixed(READ_WAYS);
  const run = simulate(schedule);
  t.is(run.result.verdict.kind, 'pass', JSON.stringify(run.result.verdict));
  t.is(gets(run).length, 2 * 350 * (4 / 5));
  t.true(run.simulation.clients.staleReads > 100);
});

// ---- Sessions -----------------------------------------------------------------------------------

function registrations({ simulation }: Run): number {
  let count = 0;
  for (const entry of simulation.committed) {
    if (entry.kind !== 'command') continue;
    const reader = new OperationReader(entry.command);
    while (reader.next()) if (reader.kind === 'register') count++;
  }
  return count;
}

function registered(sessionsMax: number): Partial<Schedule> {
  return {
    durationMs: 5000,
    clients: { ...QUIET.clients, count: 3, registered: true, sessionsMax },
    operations: [0, 1, 2].flatMap((client) => puts(500 + client * 7, 4500, 60, client)),
  };
}

test('registered clients that all have room keep the sessions they were given', (t) => {
  const run = simulate(registered(3));
  passes(t, run);
  t.is(registrations(run), 3);
  t.is(run.result.coverage.operationsOk, run.result.history.length);
});

test('a registered client whose session expired is refused, and registers anew (§6.3)', (t) => {
  const run = simulate(registered(2));
  passes(t, run);
  t.true(registrations(run) > 20, `${registrations(run)} registrations`);
  const { operationsFailed, operationsOk, operationsUnknown } = run.result.coverage;
  t.is(operationsFailed, 0);
  t.true(operationsUnknown > 20, 'whose session is gone cannot know what became of a write');
  t.true(operationsOk > 50, 'and goes on under the next one');
});

// ---- Too much -----------------------------------------------------------------------------------

/** Writes cannot be committed for a while; the leader may hold few bytes of them. */
function crowded(t: ExecutionContext, uncommittedBytes: number): Run {
  const { first, second } = cast();
  const slow = { kind: 'diskSlow', latencyMs: 300 } as const;
  const run = simulate({
    settings: settingsWith({ uncommittedBytes }),
    clients: { ...QUIET.clients, count: 6, requestTimeoutMs: 4000 },
    operations: Array.from({ length: 6 }, (_, client) => puts(1000, 2000, 100, client)).flat(),
    faults: [at(950, { ...slow, node: first }, 1000), at(950, { ...slow, node: second }, 1000)],
  });
  passes(t, run);
  t.is(run.result.coverage.operationsOk, run.result.history.length);
  return run;
}

function refusals({ trace }: Run): number {
  return trace.lines.filter((line) => line.includes('rejected overloaded')).length;
}

test('overloaded: a leader with too much uncommitted refuses, and the clients ask again', (t) => {
  t.true(refusals(crowded(t, 50)) > 5);
  t.is(refusals(crowded(t, 1 << 20)), 0);
});
