/**
 * What is written about a run: its settings where they differ from what most runs have, its
 * servers, sessions and ways of reading, what became of its members; and that nothing is wider than
 * the terminal.
 *
 *     npx ava test/run-text.test.ts
 */
import test from 'ava';
import type { ReadWay } from '../lab/cluster.ts';
import type { Schedule, ScheduledOperation } from '../lab/schedule.ts';
import { PROFILES, scheduleOf } from '../lab/sim/profiles.ts';
import { resultText, scheduleText } from '../lab/swarm/run-text.ts';
import { resultWith, scheduleWith } from './support/schedules.ts';

/** The text as one line, however it was wrapped. */
function textOf(schedule: Schedule, columns = 80): string {
  return scheduleText(schedule, columns).join(' ').replace(/\s+/g, ' ');
}

const PLAIN = scheduleWith();

test('what most runs do without is not spoken of', (t) => {
  const text = textOf(PLAIN);
  t.false(/spare|registered|room for|leases|round trips|in flight|uncommitted|catch-up/.test(text));
  t.true(text.includes('snapshots when asked for; at most 5,000 entries and 8,388,608 bytes kept'));
});

test('what a run has beside is said in few words', (t) => {
  const settings: Schedule['settings'] = {
    ...PLAIN.settings,
    snapshotEntries: 30,
    snapshotBytes: 500,
    keptEntries: 0,
    chunkBytes: 64,
    clockDriftPpm: 50_000,
    adaptiveTimeout: { floorMs: 60, factor: 10 },
    windowBytes: 2000,
    uncommittedBytes: 200,
    catchUpTimeoutMs: 1000,
  };
  const text = textOf(
    scheduleWith({
      spares: 2,
      settings,
      clients: { ...PLAIN.clients, registered: true, sessionsMax: 3 },
      faults: [{ atMs: 100, fault: { kind: 'join', node: 'n4' } }],
    }),
  );
  for (const part of [
    '3 nodes and 2 spares for 10.00 s',
    'election timeout 150 to 300 ms or 10 round trips, at least 60 ms,',
    'leases for clocks within 50,000 ppm',
    '2,000 bytes in flight',
    '200 bytes uncommitted',
    'catch-up within 1,000 ms',
    'snapshots after 30 entries or 500 bytes; nothing kept, chunks of 64 bytes',
    'clients 2, registered, room for 3 sessions;',
    'join n4',
  ]) {
    t.true(text.includes(part), part);
  }
});

test('the ways of reading are counted, and each is named where operations are listed', (t) => {
  const get = (read: ReadWay): ScheduledOperation => {
    return { atMs: 1, client: 0, op: 'get', key: 'k', read };
  };
  const few = textOf(scheduleWith({ operations: [get('lease'), get('stale'), get('lease')] }));
  t.true(few.includes('3: 3 get; on 1 key; of the gets 2 lease, 1 stale'));
  t.is(few.match(/client 0: get k \(lease\)/g)?.length, 2);
  t.is(few.match(/client 0: get k \(stale\)/g)?.length, 1);
});

test('what became of the members is told', (t) => {
  const text = resultText(resultWith({ kind: 'pass' }), 100, 80).join('\n');
  t.regex(text, /^nodes {7}1 crash, 2 changes of leader, 1 handed over$/m);
  t.regex(text, /^members {5}3 configurations committed, 1 disk lost, 2 snapshots installed$/m);
});

test('no line is wider than the terminal', (t) => {
  for (const columns of [80, 60]) {
    for (const profile of PROFILES) {
      for (let seed = 1; seed <= 30; seed++) {
        const lines = [
          ...scheduleText(scheduleOf(seed, profile), columns),
          ...resultText(resultWith({ kind: 'pass' }), 100, columns),
        ];
        t.deepEqual(
          lines.filter((line) => [...line].length > columns),
          [],
          `seed ${seed} of profile ${profile}`,
        );
      }
    }
  }
});
