/**
 * A schedule as a file: what is written reads back the same, a fault and an operation take a line
 * each, and every mistake is told in one line that names the line, the field and what is expected.
 *
 *     npx ava test/schedule-file.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import type { Schedule } from '../lab/schedule.ts';
import { formatSchedule, parseSchedule } from '../lab/schedule-file.ts';
import { UserError } from '../src/user-error.ts';
import { always } from './support/property.ts';
import { schedules, scheduleWith } from './support/schedules.ts';

const FULL = scheduleWith({
  spares: 2,
  faults: [
    { atMs: 100, fault: { kind: 'crash', node: 'leader' }, forMs: 500 },
    {
      atMs: 200,
      when: { kind: 'committed', index: 3, nodes: 2 },
      fault: { kind: 'partition', groups: [['n1'], ['n2', 'n3']] },
    },
    { atMs: 300, fault: { kind: 'cut', links: [['n1', 'n2']] } },
    { atMs: 400, fault: { kind: 'link', from: '*', to: 'n1', settings: { loss: 0.5 } } },
    { atMs: 500, fault: { kind: 'clockJump', node: 'n2', jumpMs: -20 } },
    { atMs: 600, fault: { kind: 'transfer', to: 'follower' } },
    { atMs: 700, fault: { kind: 'join', node: 'n4' } },
    { atMs: 800, fault: { kind: 'wipe', node: 'n3' } },
    { atMs: 900, fault: { kind: 'leave', node: 'leader' } },
  ],
  operations: [
    { atMs: 10, client: 0, op: 'put', key: 'k', value: 'v' },
    { atMs: 20, client: 1, op: 'get', key: 'k' },
    { atMs: 30, client: 1, op: 'cas', key: 'k', value: 'w', expected: null },
    { atMs: 40, client: 0, op: 'get', key: 'k', read: 'lease' },
  ],
});

test('what is written reads back the same', (t) => {
  always(
    t,
    fc.property(schedules, (schedule) => {
      const text = formatSchedule(schedule);
      const back = parseSchedule(text, 'a.json');
      return JSON.stringify(back) === JSON.stringify(schedule) && formatSchedule(back) === text;
    }),
  );
});

test('a fault, an operation and a setting take a line each', (t) => {
  const lines = formatSchedule(FULL).split('\n');
  t.true(
    lines.includes(
      '    { "atMs": 100, "fault": { "kind": "crash", "node": "leader" }, "forMs": 500 },',
    ),
  );
  t.true(lines.includes('    { "atMs": 20, "client": 1, "op": "get", "key": "k" },'));
  t.true(lines.includes('    "electionTimeoutMs": [150, 300],'));
  t.deepEqual(lines.slice(0, 2), ['{', '  "schemaVersion": 2,']);
});

// ---- Mistakes -----------------------------------------------------------------------------------

/** A place in the text, what stands there instead, and what is then told. */
const MISTAKES: readonly (readonly [from: string, to: string, message: string])[] = [
  ['"schemaVersion": 2', '"schemaVersion": 3', 'schemaVersion is 3; expected is 2'],
  [
    '"schemaVersion": 2',
    '"schemaVersion": 1',
    'schemaVersion is 1; expected is 2: a schedule of version 1 lacks spares, sessions',
  ],
  ['"name": "test"', '"name": 7', 'name is 7; expected is text'],
  [
    '"name": "test"',
    '"name": "a\\u001b[2J"',
    'name is "a\\u001b[2J"; expected is text without control characters',
  ],
  [
    '"seed": 1',
    '"seed": 1.5',
    'seed is 1.5; expected is a whole number from 0 to 9007199254740991',
  ],
  ['"nodes": 3', '"nodes": 0', 'nodes is 0; expected is a whole number from 1 to 15'],
  ['"nodes": 3', '"nods": 3', 'nods is unknown; expected are schemaVersion, name, '],
  ['"spares": 2', '"spares": -1', 'spares is -1; expected is a whole number from 0 to 12'],
  ['"spares": 2', '"spares": 13', 'spares is 13; expected is a whole number from 0 to 12'],
  ['  "spares": 2,\n', '', 'spares is missing; expected is a whole number from 0 to 12'],
  ['[150, 300]', '[300, 150]', 'settings.electionTimeoutMs is [300,150]; expected is the lower'],
  ['[150, 300]', '[150]', 'settings.electionTimeoutMs is [150]; expected is a list of two'],
  ['[150, 300]', '[150, "x"]', 'settings.electionTimeoutMs[1] is "x"; expected is a number of m'],
  ['"heartbeatMs": 50', '"heartbeatMs": 150', 'settings.heartbeatMs is 150; expected is above 0 a'],
  ['"preVote": true', '"preVote": "on"', 'settings.preVote is "on"; expected is true or false'],
  ['"windowMessages": 64', '"windowMessages": 0', 'settings.windowMessages is 0; expected is a w'],
  ['"windowBytes": 16777216', '"windowBytes": 0', 'settings.windowBytes is 0; expected is a wh'],
  ['"snapshotEntries": 9', '"snapshotEntries": -9', 'settings.snapshotEntries is -9007199254740'],
  ['"snapshotBytes": 9007199254740991', '"snapshotBytes": 0', 'settings.snapshotBytes is 0; exp'],
  ['"keptEntries": 5000', '"keptEntries": 0.5', 'settings.keptEntries is 0.5; expected is a whole'],
  ['"keptBytes": 8388608', '"keptBytes": -1', 'settings.keptBytes is -1; expected is a whole n'],
  ['"chunkBytes": 262144', '"chunkBytes": 0', 'settings.chunkBytes is 0; expected is a whole nu'],
  ['    "uncommittedBytes": 67108864,\n', '', 'settings.uncommittedBytes is missing; expected'],
  [
    '"clockDriftPpm": null',
    '"clockDriftPpm": 600000',
    'settings.clockDriftPpm is 600000; expected is a number from 0 to 500000, or null for no leas',
  ],
  ['"catchUpTimeoutMs": 10000', '"catchUpTimeoutMs": 0', 'settings.catchUpTimeoutMs is 0; expec'],
  [
    '"adaptiveTimeout": null',
    '"adaptiveTimeout": 10',
    'settings.adaptiveTimeout is 10; expected is floorMs and factor, or null',
  ],
  [
    '"adaptiveTimeout": null',
    '"adaptiveTimeout": { "floorMs": 100 }',
    'settings.adaptiveTimeout.factor is missing; expected is a number from 1 to 1000',
  ],
  [
    '"adaptiveTimeout": null',
    '"adaptiveTimeout": { "floorMs": 50, "factor": 10 }',
    'settings.adaptiveTimeout.floorMs is 50; expected is above the heartbeat, which is 50, and at',
  ],
  [
    '"adaptiveTimeout": null',
    '"adaptiveTimeout": { "floorMs": 301, "factor": 10 }',
    'settings.adaptiveTimeout.floorMs is 301; expected is above the heartbeat, which is 50, and at',
  ],
  ['"batchCommands": 512', '"batchCommands": null', 'batchCommands is null; expected is a whole'],
  ['"loss": 0,', '"loss": 1.5,', 'link.loss: Link setting loss is 1.5; allowed is a number from'],
  ['"loss": 0,', '"lost": 0,', 'link.lost is unknown; expected are loss, burst, '],
  ['    "loss": 0,\n', '', 'link.loss is missing; expected is a setting of the link'],
  ['"loss": 0,', '"loss": 0.9, "burst": 4,', 'field burst stands there twice'],
  ['"torn": 0.5', '"torn": 2', 'disk.torn is 2; expected is a number from 0 to 1'],
  ['{ "offsetMs": 0, "driftPpm": 0 },\n', '', 'expected is a clock for each of 3 nodes and 2 s'],
  ['"driftPpm": 0', '"driftPpm": "fast"', 'clocks[0].driftPpm is "fast"; expected is a number'],
  ['"count": 2', '"count": 0', 'clients.count is 0; expected is a whole number from 1 to 1000'],
  ['"registered": false', '"registered": 0', 'clients.registered is 0; expected is true or false'],
  ['"sessionsMax": 10000', '"sessionsMax": 0', 'clients.sessionsMax is 0; expected is a whole num'],
  ['"durationMs": 10000', '"durationMs": -1', 'durationMs is -1; expected is a number of millis'],
  ['"forMs": 500', '"forMs": "soon"', 'faults[0].forMs is "soon"; expected is a number of milli'],
  ['"atMs": 100,', '"atMs": 10001,', 'faults[0].atMs is 10001; expected is a number of millisec'],
  ['"atMs": 100, ', '', 'faults[0].atMs is missing; expected is a number of milliseconds from 0'],
  ['"kind": "crash"', '"kind": "crush"', 'faults[0].fault.kind is "crush"; expected is "crash" or'],
  ['"node": "leader"', '"node": "n6"', 'faults[0].fault.node is "n6"; expected is n1 … n5, leader'],
  ['"node": "leader"', '"node": "*"', 'faults[0].fault.node is "*"; expected is n1 … n5, leader'],
  ['"node": "leader"', '"nodes": []', 'faults[0].fault.nodes is unknown; expected are kind, node'],
  ['"index": 3', '"index": 0', 'faults[1].when.index is 0; expected is a whole number from 1'],
  ['"nodes": 2 }', '"nodes": 6 }', 'faults[1].when.nodes is 6; expected is a whole number from 1'],
  ['[["n1"], [', '["n1", [', 'faults[1].fault.groups[0] is "n1"; expected is a list'],
  ['[["n1", "n2"]]', '[["n1"]]', 'faults[2].fault.links[0] is ["n1"]; expected is a list of two'],
  ['"from": "*"', '"from": "all"', 'faults[3].fault.from is "all"; expected is n1 … n5, leader, f'],
  ['{ "loss": 0.5 }', '{ "loss": 2 }', 'faults[3].fault.settings.loss: Link setting loss is 2;'],
  ['{ "loss": 0.5 }', '{ "loss": 0.9, "burst": 2 }', 'faults[3].fault.settings: Link setting loss'],
  ['"jumpMs": -20', '"jumpMs": 1e99', 'faults[4].fault.jumpMs is 1e+99; expected is a number fro'],
  ['"to": "follower"', '"to": "leader"', 'faults[5].fault.to is "leader"; expected is n1 … n5, f'],
  ['"node": "n4"', '"node": "leader"', 'faults[6].fault.node is "leader"; expected is n1 … n5'],
  ['"node": "n4"', '"node": "n9"', 'faults[6].fault.node is "n9"; expected is n1 … n5'],
  [
    '"node": "n3" }',
    '"node": "n3" }, "forMs": 10',
    'faults[7].forMs is 10; expected is no time for a wipe, which is not undone',
  ],
  ['"client": 0', '"client": 2', 'operations[0].client is 2; expected is a whole number below cli'],
  ['"op": "put"', '"op": "set"', 'operations[0].op is "set"; expected is "get" or "put" or'],
  [', "value": "v"', '', 'operations[0].value is missing; expected is text'],
  ['"value": "v"', '"value": 5', 'operations[0].value is 5; expected is text or null'],
  [
    '"op": "get"',
    '"op": "get", "value": "x"',
    'operations[1].value is "x"; expected is no value f',
  ],
  [', "expected": null', '', 'operations[2].expected is missing; expected is text or null'],
  ['"read": "lease"', '"read": "fast"', 'operations[3].read is "fast"; expected is "linearizable"'],
  [
    '"value": "v"',
    '"value": "v", "read": "log"',
    'operations[0].read is "log"; expected is no way to read for a put',
  ],
  ['"core": ["n1", "n2"]', '"core": ["n1"]', 'recovery.core is ["n1"]; expected is at least 2 of'],
  ['"core": ["n1", "n2"]', '"core": ["n1", "n1"]', 'recovery.core is ["n1","n1"]; expected is e'],
  ['"core": ["n1", "n2"]', '"core": ["n1", "n9"]', 'recovery.core[1] is "n9"; expected is n1 …'],
  ['"others": "healed"', '"others": "dead"', 'recovery.others is "dead"; expected is "healed" or'],
  ['"seed": 1,', '"seed": 1', 'this is not JSON: comma expected'],
  ['"seed": 1,', '"seed": 1, // why', 'this is not JSON: invalid comment token'],
  ['"boundMs": 5000', '"boundMs": 5000,', 'this is not JSON: property name expected'],
  ['"seed": 1,', '"seed": 1, "__proto__": {},', '__proto__ is unknown; expected are schemaVers'],
];

for (const [from, to, message] of MISTAKES) {
  test(`mistake: ${from.trim()} as ${to}`, (t) => {
    const good = formatSchedule(FULL);
    const offset = good.indexOf(from);
    t.true(offset >= 0, 'the place is in the text');
    const text = good.slice(0, offset) + to + good.slice(offset + from.length);
    const told = mistakeOf(text);
    t.true(told.includes(message), told);
    t.notRegex(told, /\n/, 'one line');
    t.regex(told, /^a\.json:\d+: /);
  });
}

test('leases need stickiness', (t) => {
  const { settings } = FULL;
  const leases = { ...settings, clockDriftPpm: 500 };
  t.regex(mistakeOf(formatSchedule({ ...FULL, settings: leases })), /^parsed: /);
  const text = formatSchedule({ ...FULL, settings: { ...leases, leaderStickiness: false } });
  t.regex(
    mistakeOf(text),
    /settings\.clockDriftPpm is 500; expected is null without leaderStickiness, which leases need$/,
  );
});

test('the line is that of the value, or of what lacks it', (t) => {
  const text = formatSchedule(FULL);
  const lineOf = (part: string): number => text.slice(0, text.indexOf(part)).split('\n').length;
  const at = (broken: string): string => mistakeOf(broken).split(' ')[0] ?? '';
  t.is(at(text.replace('"forMs": 500', '"forMs": "soon"')), `a.json:${lineOf('"forMs": 500')}:`);
  t.is(at(text.replace('"atMs": 20, ', '')), `a.json:${lineOf('"atMs": 20,')}:`);
  t.is(at(text.replace('    "loss": 0,\n', '')), `a.json:${lineOf('"link": {')}:`);
  t.is(at(text.replace('"seed": 1,', '"seed": 1')), `a.json:${lineOf('"seed"') + 1}:`);
  t.is(at(text.replace('{ "atMs": 30', '{ "at": 30')), `a.json:${lineOf('"atMs": 30')}:`);
});

test('what is no schedule at all', (t) => {
  t.is(mistakeOf(''), 'a.json:1: this is not JSON: value expected');
  t.is(mistakeOf('[]'), 'a.json:1: the schedule is []; expected is an object');
  t.is(mistakeOf('null'), 'a.json:1: the schedule is null; expected is an object');
  t.regex(mistakeOf('{}'), /^a\.json:1: schemaVersion is missing; expected is 2$/);
  t.regex(mistakeOf('{'), /^a\.json:1: this is not JSON: /);
});

function mistakeOf(text: string): string {
  let parsed: Schedule;
  try {
    parsed = parseSchedule(text, 'a.json');
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return `parsed: ${JSON.stringify(parsed)}`;
}
