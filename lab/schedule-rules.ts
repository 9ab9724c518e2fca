/**
 * What every field of a schedule may be, as a table. A schedule that comes from a file is held
 * against it before anything runs.
 */
import { OPERATION_KINDS } from '../src/command.ts';
import type { Settings } from '../src/raft/types.ts';
import { checkLinkSettings, type LinkSettings, PERFECT } from '../src/transport/link.ts';
import type { Condition, Fault, FaultAction } from './faults.ts';
import {
  type ClockSettings,
  type DiskSettings,
  type Recovery,
  SCHEDULE_VERSION,
  type Schedule,
  type ScheduledOperation,
} from './schedule.ts';

/** Where a value stands: names of fields and positions in lists, from the outside in. */
export type Path = readonly (string | number)[];

/** The first thing found wrong; `path` may name a field that is missing. */
export class ScheduleError extends Error {
  readonly path: Path;

  constructor(path: Path, message: string) {
    super(message);
    this.path = path;
  }
}

/** Throws a ScheduleError unless the value, which stands at `path`, is as it must be. */
type Rule = (value: unknown, path: Path) => void;

/** A rule for each field of a type, so that none is forgotten. */
type Rules<T> = { readonly [Field in keyof Required<T>]: Rule };

/** For each kind of a union its other fields. */
type RulesByKind<T extends { kind: string }> = {
  readonly [Kind in T['kind']]: Rules<Omit<Extract<T, { kind: Kind }>, 'kind'>>;
};

const NODES_MAX = 15;
const CLIENTS_MAX = 1000;
const DAY_MS = 86_400_000;
const DRIFT_PPM_MAX = 500_000;
/** What a record has room for. */
const KEY_CHARACTERS_MAX = 1024;

/**
 * Returns if the value is a schedule that can be run; otherwise throws a ScheduleError about the
 * first field that is not as it must be, in the order of the type.
 */
export function checkSchedule(value: unknown): asserts value is Schedule {
  record(scheduleRules(value as Schedule))(value, []);
}

/**
 * Fields are checked from the top down, so a row may rely on what the rows above it have found
 * good.
 */
function scheduleRules(schedule: Schedule): Rules<Schedule> {
  return {
    schemaVersion: oneOf([SCHEDULE_VERSION]),
    name: text(),
    seed: whole(0, Number.MAX_SAFE_INTEGER),
    nodes: whole(1, NODES_MAX),
    settings: all(record(SETTINGS), heartbeatBelowTimeout),
    batchCommands: whole(1, 1_000_000),
    link: all(
      record(LINK),
      fitsLink(() => PERFECT),
    ),
    clientLink: all(
      record(LINK),
      fitsLink(() => PERFECT),
    ),
    disk: record(DISK),
    clocks: all(
      list(record(CLOCK)),
      holds(
        () => `a clock for each of ${schedule.nodes} nodes`,
        (clocks: unknown[]) => clocks.length === schedule.nodes,
      ),
    ),
    clients: record<Schedule['clients']>({
      count: whole(1, CLIENTS_MAX),
      requestTimeoutMs: milliseconds(10),
      retryMs: milliseconds(1),
    }),
    durationMs: milliseconds(),
    faults: list(faultAction(schedule)),
    operations: list(operation(schedule)),
    recovery: record<Recovery>({
      core: all(list(nodeOf(schedule)), distinct, majorityOf(schedule)),
      others: oneOf(['healed', 'cutOff']),
      boundMs: milliseconds(1000),
    }),
  };
}

// ---- The parts ----------------------------------------------------------------------------------

const SETTINGS: Rules<Settings> = {
  electionTimeoutMs: range(1),
  heartbeatMs: milliseconds(),
  preVote: flag(),
  checkQuorum: flag(),
  leaderStickiness: flag(),
  parallelDiskWrite: flag(),
  windowMessages: whole(1, 1_000_000),
  batchEntries: whole(1, 1_000_000),
  batchBytes: whole(1, 2 ** 30),
};

const LINK = Object.fromEntries(
  Object.keys(PERFECT).map((field) => [field, linkSetting(field)]),
) as Rules<LinkSettings>;

const DISK: Rules<DiskSettings> = {
  latencyMs: range(0),
  torn: share(),
  late: share(),
};

const CLOCK: Rules<ClockSettings> = {
  offsetMs: milliseconds(),
  driftPpm: number(-DRIFT_PPM_MAX, DRIFT_PPM_MAX),
};

function faultAction(schedule: Schedule): Rule {
  const conditions: RulesByKind<Condition> = {
    leaderElected: {},
    committed: {
      index: whole(1, Number.MAX_SAFE_INTEGER),
      nodes: (value, path) => whole(1, schedule.nodes)(value, path),
    },
    latestCommitted: { nodes: (value, path) => whole(1, schedule.nodes)(value, path) },
  };
  return record<FaultAction>(
    {
      atMs: momentOf(schedule),
      when: oneOfKinds(conditions),
      fault: oneOfKinds(faultRules(schedule)),
      forMs: milliseconds(),
    },
    ['when', 'forMs'],
  );
}

function faultRules(schedule: Schedule): RulesByKind<Fault> {
  const target = nodeOf(schedule, 'leader', 'follower');
  const targetOrAll = nodeOf(schedule, 'leader', 'follower', '*');
  const one = { node: target };
  return {
    crash: one,
    restart: one,
    pause: one,
    suspend: one,
    resume: one,
    partition: { groups: list(list(target)) },
    cut: { links: list(pair(target)) },
    link: {
      from: targetOrAll,
      to: targetOrAll,
      settings: all(
        record(LINK, Object.keys(LINK)),
        fitsLink(() => schedule.link),
      ),
    },
    clockJump: { node: target, jumpMs: number(-DAY_MS, DAY_MS) },
    clockDrift: { node: target, driftPpm: number(-DRIFT_PPM_MAX, DRIFT_PPM_MAX) },
    diskSlow: { node: target, latencyMs: milliseconds() },
    diskFull: one,
    diskCorrupt: one,
    heal: {},
  };
}

function operation(schedule: Schedule): Rule {
  const fields: Rules<ScheduledOperation> = {
    atMs: momentOf(schedule),
    client: (value, path) => {
      const { count } = schedule.clients;
      if (isWhole(value, 0, count - 1)) return;
      throw wrong(value, path, `a whole number below clients.count, which is ${count}`);
    },
    op: oneOf(OPERATION_KINDS),
    key: text(KEY_CHARACTERS_MAX),
    value: textOrNull,
    expected: textOrNull,
  };
  return all(record(fields, ['value', 'expected']), operationValues);
}

/** What is stored must be given, and what is not stored must not. */
function operationValues(value: unknown, path: Path): void {
  const { op, value: stored, expected } = value as ScheduledOperation;
  const stores = op !== 'get' && op !== 'delete';
  if (stores && stored === undefined) throw wrong(stored, [...path, 'value'], 'text');
  if (stores && op !== 'cas' && stored === null) throw wrong(stored, [...path, 'value'], 'text');
  if (!stores && stored !== undefined && stored !== null) {
    throw wrong(stored, [...path, 'value'], `no value for a ${op}`);
  }
  if (op === 'cas' && expected === undefined) {
    throw wrong(expected, [...path, 'expected'], 'text or null');
  }
  if (op !== 'cas' && expected !== undefined && expected !== null) {
    throw wrong(expected, [...path, 'expected'], `no expected value for a ${op}`);
  }
}

function momentOf(schedule: Schedule): Rule {
  return (value, path) => {
    const { durationMs } = schedule;
    if (isWithin(value, 0, durationMs)) return;
    const expected = `a number of milliseconds from 0 to durationMs, which is ${durationMs}`;
    throw wrong(value, path, expected);
  };
}

/** The name of a node, or one of `others`. */
function nodeOf(schedule: Schedule, ...others: readonly string[]): Rule {
  return (value, path) => {
    if (others.includes(value as string)) return;
    const name = typeof value === 'string' ? value : '';
    if (/^n[1-9]\d*$/.test(name) && Number(name.slice(1)) <= schedule.nodes) return;
    const names = schedule.nodes === 1 ? 'n1' : `n1 … n${schedule.nodes}`;
    throw wrong(value, path, [names, ...others].join(', '));
  };
}

function majorityOf(schedule: Schedule): Rule {
  return holds(
    () => `at least ${Math.floor(schedule.nodes / 2) + 1} of ${schedule.nodes} nodes`,
    (core: unknown[]) => core.length > schedule.nodes / 2,
  );
}

const distinct = holds(
  () => 'each node once',
  (items: unknown[]) => new Set(items).size === items.length,
);

function heartbeatBelowTimeout(value: unknown, path: Path): void {
  const { heartbeatMs, electionTimeoutMs } = value as Settings;
  if (heartbeatMs > 0 && heartbeatMs < electionTimeoutMs[0]) return;
  const expected = `above 0 and less than the election timeout, which is ${electionTimeoutMs[0]}`;
  throw wrong(heartbeatMs, [...path, 'heartbeatMs'], expected);
}

/** The link model judges its settings itself, one by one and together. */
function linkSetting(field: string): Rule {
  return (value, path) => {
    if (value === undefined) throw wrong(value, path, 'a setting of the link');
    complain(checkLinkSettings({ [field]: value }), path);
  };
}

/** The settings over those that the link has already. */
function fitsLink(base: () => LinkSettings): Rule {
  return (value, path) => {
    complain(checkLinkSettings({ ...base(), ...(value as Partial<LinkSettings>) }), path);
  };
}

function complain(complaint: string | null, path: Path): void {
  if (complaint !== null) throw new ScheduleError(path, `${pathText(path)}: ${complaint}`);
}

// ---- Kinds of rules -----------------------------------------------------------------------------

function number(low: number, high: number, what = 'a number'): Rule {
  return (value, path) => {
    if (!isWithin(value, low, high)) throw wrong(value, path, `${what} from ${low} to ${high}`);
  };
}

function milliseconds(low = 0): Rule {
  return number(low, DAY_MS, 'a number of milliseconds');
}

function share(): Rule {
  return number(0, 1);
}

function whole(low: number, high: number): Rule {
  return (value, path) => {
    if (isWhole(value, low, high)) return;
    throw wrong(value, path, `a whole number from ${low} to ${high}`);
  };
}

function flag(): Rule {
  return oneOf([true, false]);
}

function text(most = Number.POSITIVE_INFINITY): Rule {
  return (value, path) => {
    if (typeof value !== 'string') throw wrong(value, path, 'text');
    // It is shown on terminals, which would take some for orders.
    if (/\p{Cc}/u.test(value)) throw wrong(value, path, 'text without control characters');
    if (value.length > most) {
      const came = `has ${value.length} characters`;
      throw new ScheduleError(path, `${pathText(path)} ${came}; expected are at most ${most}`);
    }
  };
}

function textOrNull(value: unknown, path: Path): void {
  if (value !== null && typeof value !== 'string') throw wrong(value, path, 'text or null');
}

function oneOf(allowed: readonly (string | number | boolean)[]): Rule {
  return (value, path) => {
    if (allowed.includes(value as string)) return;
    throw wrong(value, path, allowed.map((each) => JSON.stringify(each)).join(' or '));
  };
}

/** A pair of milliseconds, the smaller one first. */
function range(low: number): Rule {
  return all(
    pair(milliseconds(low)),
    holds(
      () => 'the lower bound first',
      ([first, second]: number[]) => (first as number) <= (second as number),
    ),
  );
}

function pair(item: Rule): Rule {
  return all(
    list(item),
    holds(
      () => 'a list of two',
      (items: unknown[]) => items.length === 2,
    ),
  );
}

function list(item: Rule): Rule {
  return (value, path) => {
    if (!Array.isArray(value)) throw wrong(value, path, 'a list');
    value.forEach((each, i) => {
      item(each, [...path, i]);
    });
  };
}

/** An object with these fields and no other. */
function record<T>(rules: Rules<T>, optional: readonly string[] = []): Rule {
  const fields = Object.entries<Rule>(rules);
  return (value, path) => {
    if (!isObject(value)) throw wrong(value, path, 'an object');
    for (const field of Object.keys(value)) {
      if (Object.hasOwn(rules, field)) continue;
      const expected = fields.map(([name]) => name).join(', ');
      const at = [...path, field];
      throw new ScheduleError(at, `${pathText(at)} is unknown; expected are ${expected}`);
    }
    for (const [field, rule] of fields) {
      if (Object.hasOwn(value, field)) rule(value[field], [...path, field]);
      else if (!optional.includes(field)) rule(undefined, [...path, field]);
    }
  };
}

/** An object whose field `kind` says which other fields it has. */
function oneOfKinds<T extends { kind: string }>(rules: RulesByKind<T>): Rule {
  const byKind: Readonly<Record<string, Rules<object>>> = rules;
  const kind = oneOf(Object.keys(rules));
  return (value, path) => {
    if (!isObject(value)) throw wrong(value, path, 'an object');
    kind(value.kind, [...path, 'kind']);
    record({ kind, ...byKind[value.kind as string] })(value, path);
  };
}

function all(...rules: readonly Rule[]): Rule {
  return (value, path) => {
    for (const rule of rules) rule(value, path);
  };
}

/** What a value that is of the right type must fulfil besides. */
function holds<T>(expected: () => string, condition: (value: T) => boolean): Rule {
  return (value, path) => {
    if (!condition(value as T)) throw wrong(value, path, expected());
  };
}

function isWithin(value: unknown, low: number, high: number): value is number {
  return typeof value === 'number' && value >= low && value <= high;
}

function isWhole(value: unknown, low: number, high: number): boolean {
  return isWithin(value, low, high) && Number.isSafeInteger(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// ---- Saying so ----------------------------------------------------------------------------------

const SHOWN_CHARACTERS_MAX = 60;

function wrong(value: unknown, path: Path, expected: string): ScheduleError {
  const came = value === undefined ? 'missing' : shown(value);
  return new ScheduleError(path, `${pathText(path)} is ${came}; expected is ${expected}`);
}

function shown(value: unknown): string {
  if (isObject(value)) return 'an object';
  const written = JSON.stringify(value);
  if (written.length <= SHOWN_CHARACTERS_MAX) return written;
  return `${written.slice(0, SHOWN_CHARACTERS_MAX)}…`;
}

/** As one would write it in code: `faults[3].fault.node`. */
function pathText(path: Path): string {
  const text = path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '');
  return text === '' ? 'the schedule' : text;
}
