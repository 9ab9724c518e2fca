/**
 * Shows that simulated servers take snapshots and shorten their logs (ch. 5), that one which was
 * away for longer than the log reaches back is brought up to date in chunks, whatever is lost on
 * the way, and that a snapshot which is damaged is not started from.
 *
 *     npx ava test/sim-snapshots.test.ts
 */
import test from 'ava';
import type { Schedule } from '../lab/schedule.ts';
import type { Simulation } from '../lab/sim/simulation.ts';
import type { TracedMessage } from '../lab/trace.ts';
import type { NodeId, Settings } from '../src/raft/types.ts';
import { PERFECT } from '../src/transport/link.ts';
import { quietSchedule } from './support/schedules.ts';
import {
  at,
  cast,
  configurations,
  leadersAfter,
  MS,
  memberOf,
  passes,
  puts,
  type Run,
  sentBetween,
  simulate,
} from './support/sim-runs.ts';

/** A snapshot every 20 entries, nothing kept behind it, and chunks that it takes several of. */
function compacting(changes: Partial<Settings> = {}): Settings {
  const { settings } = quietSchedule();
  return { ...settings, snapshotEntries: 20, keptEntries: 0, chunkBytes: 64, ...changes };
}

/** Keys enough for a snapshot of many chunks. */
function manyKeys(fromMs: number, toMs: number, everyMs: number): Schedule['operations'] {
  return puts(fromMs, toMs, everyMs).map((put, i) => ({ ...put, key: `key ${i % 40}` }));
}

function chunksTo({ trace }: Run, to: NodeId): TracedMessage[] {
  return trace.messages.filter(
    ({ kind, text, to: receiver }) =>
      kind === 'InstallSnapshot' && receiver === to && text.includes('offset='),
  );
}

function offsetOf({ text }: TracedMessage): number {
  return Number(/offset=(\d+)/.exec(text)?.[1] ?? Number.NaN);
}

function snapshotIndex(simulation: Simulation, id: NodeId): number {
  return memberOf(simulation, id).raft?.persistent.snapshot?.index ?? 0;
}

// ---- Taking -------------------------------------------------------------------------------------

test('snapshot: the server takes one of all that it has applied, and its log begins there', (t) => {
  const { leader, first } = cast();
  const run = simulate(
    {
      operations: puts(500, 2500, 20),
      settings: compacting({ snapshotEntries: Number.MAX_SAFE_INTEGER }),
      faults: [at(1510, { kind: 'snapshot', node: 'leader' })],
    },
    [
      1515,
      (simulation) => {
        const { raft, disk } = memberOf(simulation, leader);
        const index = raft?.volatile.lastApplied ?? 0;
        t.true(index > 40);
        t.is(snapshotIndex(simulation, leader), index);
        t.is(raft?.persistent.log.baseIndex, index);
        t.is(disk.snapshot?.index, index);
        t.is(snapshotIndex(simulation, first), 0, 'it is each server by itself');
      },
    ],
  );
  passes(t, run);
});

test('logs stay short, on disk as well, however long a run is', (t) => {
  const longest = { entries: 0, units: 0 };
  const look = (simulation: Simulation): void => {
    for (const { raft, disk } of simulation.members.values()) {
      const entries = raft?.persistent.log.entries.length ?? 0;
      longest.entries = Math.max(longest.entries, entries);
      longest.units = Math.max(longest.units, disk.unitCount - disk.firstUnit);
    }
  };
  const run = simulate(
    {
      durationMs: 10_000,
      operations: puts(500, 9500, 10),
      settings: compacting({ keptEntries: 10 }),
    },
    ...Array.from({ length: 90 }, (_, i) => [1000 + 100 * i, look] as const),
  );
  passes(t, run);
  t.true(run.simulation.committedIndex > 800);
  t.true(longest.entries >= 20 && longest.entries <= 40, `${longest.entries} entries`);
  t.true(longest.units <= 100, `${longest.units} units`);
});

test('a server that restarts begins with its snapshot, and has what it had', (t) => {
  const { first } = cast();
  const before: string[] = [];
  const run = simulate(
    {
      operations: manyKeys(500, 1400, 10),
      settings: compacting(),
      faults: [at(2000, { kind: 'crash', node: first }, 100)],
    },
    [1999, (simulation) => before.push(memberOf(simulation, first).kv.contentDigest())],
    [
      2100.2,
      (simulation) => {
        const { raft } = memberOf(simulation, first);
        t.true((raft?.volatile.lastApplied ?? 0) >= 80, 'before it hears of any leader');
        t.is(raft?.volatile.lastApplied, snapshotIndex(simulation, first));
      },
    ],
    [2500, (simulation) => before.push(memberOf(simulation, first).kv.contentDigest())],
  );
  passes(t, run);
  t.is(before[0], before[1]);
});

test('a damaged snapshot is found: the server refuses to start and is gone for good', (t) => {
  const { first, leader, second } = cast();
  const run = simulate(
    {
      operations: manyKeys(500, 2500, 20),
      settings: compacting(),
      faults: [at(1500, { kind: 'crash', node: first }, 200)],
      recovery: { core: [leader, second], others: 'healed', boundMs: 5000 },
    },
    [1600, (simulation) => memberOf(simulation, first).disk.corruptSnapshot(777)],
  );
  passes(t, run);
  t.is(memberOf(run.simulation, first).state, 'lost');
});

// ---- Catching up --------------------------------------------------------------------------------

const AWAY: Partial<Schedule> = {
  durationMs: 4000,
  operations: manyKeys(500, 3500, 10),
  settings: compacting(),
};

test('a server away for longer than the log reaches back gets a snapshot, chunk by chunk', (t) => {
  const { first } = cast();
  const faults = [at(1000, { kind: 'crash', node: first }, 1000)];
  const run = simulate({ ...AWAY, faults });
  passes(t, run);
  const chunks = chunksTo(run, first);
  const [head] = chunks;
  t.true(chunks.length > 5, `${chunks.length} chunks`);
  t.is(head === undefined ? -1 : offsetOf(head), 0);
  t.is(chunks.filter(({ text }) => text.includes(' done')).length, 1);
  const offsets = chunks.map(offsetOf);
  t.deepEqual(
    offsets,
    [...offsets].sort((a, b) => a - b),
    'nothing is sent twice',
  );
  t.true(run.trace.lines.some((line) => line.includes(` ${first} `) && / {2}install /.test(line)));
  t.is(run.result.coverage.operationsOk, run.result.history.length);
});

test('a server a little behind gets entries: some are kept behind the snapshot', (t) => {
  const { first } = cast();
  const faults = [at(1000, { kind: 'crash', node: first }, 1000)];
  const run = simulate({ ...AWAY, faults, settings: compacting({ keptEntries: 500 }) });
  passes(t, run);
  t.deepEqual(sentBetween(run.trace, 0, 5000, 'InstallSnapshot'), []);
  t.true(snapshotIndex(run.simulation, first) > 0, 'there are snapshots');
});

test('a snapshot that takes several election timeouts arrives while writes go on', (t) => {
  const { first } = cast();
  const writesUntilMs = 20_000;
  const run = simulate(
    {
      durationMs: writesUntilMs,
      operations: puts(500, writesUntilMs, 30).map((put, i) => ({
        ...put,
        key: `key ${i % 40}`,
        value: `${i} ${'x'.repeat(1000)}`,
      })),
      settings: compacting({ batchEntries: 8, chunkBytes: 1024 }),
      link: { ...PERFECT, bytesPerSecond: 60_000, queueBytes: 20_000, delayMs: 2 },
      faults: [at(800, { kind: 'crash', node: first }, 4200)],
    },
    [
      10_000,
      (simulation) => t.true((memberOf(simulation, first).raft?.volatile.lastApplied ?? 0) > 100),
    ],
  );
  passes(t, run);
});

test('a server cut off for a while is not sent chunks that nobody answers', (t) => {
  const { first } = cast();
  const faults = [at(1000, { kind: 'partition', groups: [[first]] }, 1500)];
  const run = simulate({ ...AWAY, faults });
  passes(t, run);
  const meanwhile = sentBetween(run.trace, 1500, 2500, 'InstallSnapshot');
  // One question a heartbeat, of 50 ms.
  t.true(meanwhile.length <= 22, `${meanwhile.length} messages`);
  t.true(chunksTo(run, first).length > 5);
});

test('lost, doubled, damaged and overtaking chunks: the snapshot arrives all the same', (t) => {
  const { first } = cast();
  const settings = { loss: 0.2, duplicate: 0.2, corrupt: 0.05, reorder: 0.2 };
  const run = simulate({
    ...AWAY,
    durationMs: 8000,
    link: { ...PERFECT, delayMs: 2, jitterMs: 2 },
    faults: [
      at(1000, { kind: 'crash', node: first }, 1000),
      at(1900, { kind: 'link', from: '*', to: '*', settings }, 3000),
    ],
  });
  passes(t, run);
  t.true(run.trace.lines.some((line) => / {2}install /.test(line)));
});

test('the receiver crashes in the middle, and is brought up to date all the same', (t) => {
  const { first } = cast();
  const crash = at(1000, { kind: 'crash', node: first }, 1000);
  const half = chunksTo(simulate({ ...AWAY, faults: [crash] }), first)[4];
  const atMs = (half?.sentUs ?? 0) / MS + 0.5;
  t.true(atMs > 2000);
  const run = simulate({ ...AWAY, faults: [crash, at(atMs, { kind: 'crash', node: first }, 50)] });
  passes(t, run);
  const again = chunksTo(run, first).filter((chunk) => offsetOf(chunk) === 0);
  t.true(again.length >= 2, 'what it had not completed is gone');
});

test('the sender crashes in the middle, and the next leader sends its own', (t) => {
  const { first } = cast();
  const crash = at(1000, { kind: 'crash', node: first }, 1000);
  const half = chunksTo(simulate({ ...AWAY, faults: [crash] }), first)[4];
  const atMs = (half?.sentUs ?? 0) / MS + 0.5;
  const strike = at(atMs, { kind: 'crash', node: 'leader' }, 800);
  const run = simulate({ ...AWAY, durationMs: 6000, faults: [crash, strike] });
  passes(t, run);
  const [next] = leadersAfter(run.trace, atMs * MS);
  t.truthy(next);
  t.true(chunksTo(run, first).some(({ from }) => from === next));
});

test('a server that joins gets the snapshot, with the membership that was in it', (t) => {
  const run = simulate(
    {
      ...AWAY,
      spares: 1,
      faults: [at(2000, { kind: 'join', node: 'n4' })],
    },
    [
      3500,
      (simulation) => {
        const { node } = memberOf(simulation, 'n4');
        t.deepEqual(node?.configuration.voters, ['n1', 'n2', 'n3', 'n4']);
      },
    ],
  );
  passes(t, run);
  t.true(chunksTo(run, 'n4').length > 5);
  t.deepEqual(configurations(run), ['voters=(n1 n2 n3) learners=(n4)', 'voters=(n1 n2 n3 n4)']);
});

test('a membership in a snapshot outlives the entry that brought it, and a restart of all', (t) => {
  const run = simulate(
    {
      ...AWAY,
      spares: 1,
      durationMs: 6000,
      operations: manyKeys(500, 5500, 10),
      faults: [
        at(1000, { kind: 'join', node: 'n4' }),
        at(1500, { kind: 'leave', node: 'follower' }),
        ...['n1', 'n2', 'n3', 'n4'].map((node) => at(3000, { kind: 'crash', node }, 200)),
      ],
    },
    [
      3201,
      (simulation) => {
        const [, voters = ''] = /voters=\(([^)]*)\)/.exec(configurationsOf(simulation)) ?? [];
        for (const id of voters.split(' ')) {
          const { node, raft } = memberOf(simulation, id);
          const held = raft?.persistent.log.entries.some(({ kind }) => kind === 'configuration');
          t.false(held, 'the entry itself is gone');
          t.is(node?.configuration.voters.join(' '), voters);
        }
      },
    ],
  );
  passes(t, run);
});

function configurationsOf(simulation: Simulation): string {
  return `voters=(${simulation.configuration.voters.join(' ')})`;
}
