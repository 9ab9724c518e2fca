/**
 * What every field of a schedule may be, as a table. A schedule that comes from a file is held
 * against it before anything runs.
 */
import { SEGMENT_BYTES_MAX } from '../src/arena.ts';
import { OPERATION_KINDS } from '../src/command.ts';
import type { Settings } from '../src/raft/types.ts';
import { FIRST_TERM_MAX } from '../src/raft/validation.ts';
import { checkLinkSettings, type LinkSettings, PERFECT } from '../src/transport/link.ts';
import { READ_WAYS } from './cluster.ts';
import { type Condition, type Fault, type FaultAction, isAdminOperation } from './faults.ts';
import { PLACE_NAMES } from './places.ts';
import {
  all,
  complain,
  DAY_MS,
  flag,
  holds,
  isWhole,
  isWithin,
  list,
  milliseconds,
  number,
  oneOf,
  oneOfKinds,
  orNull,
  type Path,
  pair,
  type Rule,
  type Rules,
  type RulesByKind,
  range,
  record,
  share,
  text,
  textOrNull,
  whole,
  wrong,
} from './rules.ts';
import {
  type ClockSettings,
  type DiskSettings,
  type Recovery,
  SCHEDULE_VERSION,
  type Schedule,
  type ScheduledOperation,
} from './schedule.ts';

const NODES_MAX = 15;
const CLIENTS_MAX = 1000;
const DRIFT_PPM_MAX = 500_000;
const SESSIONS_MAX = 1_000_000_000;
const GIBIBYTE = 2 ** 30;
/** Acknowledged requests are noted by number, a byte each. */
const REQUEST_NUMBER_MAX = 1_000_000;
/** What a record has room for. */
const KEY_CHARACTERS_MAX = 1024;

/**
 * Returns if the value is a schedule that can be run; otherwise throws a ScheduleError about the
 * first field that is not as it must be, in the order of the type.
 */
export function checkSchedule(value: unknown): asserts value is Schedule {
  record(scheduleRules(value as Schedule), ['sizes', 'asBytes', 'firstTerm'])(value, []);
}

/**
 * Fields are checked from the top down, so a row may rely on what the rows above it have found
 * good.
 */
function scheduleRules(schedule: Schedule): Rules<Schedule> {
  return {
    schemaVersion: version,
    name: text(),
    seed: whole(0, Number.MAX_SAFE_INTEGER),
    nodes: whole(1, NODES_MAX),
    spares: (value, path) => whole(0, NODES_MAX - schedule.nodes)(value, path),
    settings: all(record(SETTINGS), heartbeatBelowTimeout, leasesByStickiness, floorBetween),
    batchCommands: whole(1, 1_000_000),
    link: all(
      record(LINK),
      fitsLink(() => PERFECT),
    ),
    clientLink: all(
      record(LINK),
      fitsLink(() => PERFECT),
    ),
    disk: record(DISK, ['readMs']),
    sizes: record<NonNullable<Schedule['sizes']>>({
      sliceBytes: whole(1, GIBIBYTE),
      segmentBytes: powerOfTwo(256, SEGMENT_BYTES_MAX),
      bucketSlots: powerOfTwo(16, 2 ** 20),
    }),
    asBytes: flag(),
    firstTerm: whole(0, FIRST_TERM_MAX),
    clocks: all(
      list(record(CLOCK)),
      holds(
        () => `a clock for each of ${serversText(schedule)}`,
        (clocks: unknown[]) => clocks.length === serverCount(schedule),
      ),
    ),
    clients: record<Schedule['clients']>(
      {
        count: whole(1, CLIENTS_MAX),
        requestTimeoutMs: milliseconds(10),
        retryMs: milliseconds(1),
        registered: flag(),
        sessionsMax: whole(1, SESSIONS_MAX),
        once: (value, path) => whole(0, schedule.clients.count)(value, path),
        firstRequestNumber: whole(1, REQUEST_NUMBER_MAX),
      },
      ['once', 'firstRequestNumber'],
    ),
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

function powerOfTwo(low: number, high: number): Rule {
  return (value, path) => {
    if (isWhole(value, low, high) && ((value as number) & ((value as number) - 1)) === 0) return;
    throw wrong(value, path, `a power of two from ${low} to ${high}`);
  };
}

function version(value: unknown, path: Path): void {
  if (value === 1) {
    const lacks = 'a schedule of version 1 lacks spares, sessions and settings that runs need now';
    const instead = 'run it with the lab that wrote it, or draw another';
    throw wrong(value, path, `${SCHEDULE_VERSION}: ${lacks}; ${instead}`);
  }
  oneOf([SCHEDULE_VERSION])(value, path);
}

function serverCount({ nodes, spares }: Schedule): number {
  return nodes + spares;
}

function serversText({ nodes, spares }: Schedule): string {
  return spares === 0 ? `${nodes} nodes` : `${nodes} nodes and ${spares} spares`;
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
  batchBytes: whole(1, GIBIBYTE),
  windowBytes: whole(1, Number.MAX_SAFE_INTEGER),
  uncommittedBytes: whole(1, Number.MAX_SAFE_INTEGER),
  snapshotEntries: whole(1, Number.MAX_SAFE_INTEGER),
  snapshotBytes: whole(1, Number.MAX_SAFE_INTEGER),
  keptEntries: whole(0, Number.MAX_SAFE_INTEGER),
  keptBytes: whole(0, Number.MAX_SAFE_INTEGER),
  chunkBytes: whole(1, GIBIBYTE),
  clockDriftPpm: orNull(
    number(0, DRIFT_PPM_MAX),
    `a number from 0 to ${DRIFT_PPM_MAX}, or null for no leases`,
  ),
  catchUpTimeoutMs: milliseconds(1),
  adaptiveTimeout: orNull(
    record<NonNullable<Settings['adaptiveTimeout']>>({
      floorMs: milliseconds(1),
      factor: number(1, 1000),
    }),
    'floorMs and factor, or null for timeouts that do not adapt',
  ),
};

const LINK = Object.fromEntries(
  Object.keys(PERFECT).map((field) => [field, linkSetting(field)]),
) as Rules<LinkSettings>;

const DISK: Rules<DiskSettings> = {
  latencyMs: range(0),
  torn: share(),
  late: share(),
  readMs: range(0),
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
      nodes: (value, path) => whole(1, serverCount(schedule))(value, path),
    },
    reached: { place: oneOf(PLACE_NAMES) },
    latestCommitted: {
      nodes: (value, path) => whole(1, serverCount(schedule))(value, path),
    },
  };
  const fields: Rules<FaultAction> = {
    atMs: momentOf(schedule),
    when: oneOfKinds(conditions),
    fault: oneOfKinds(faultRules(schedule)),
    forMs: milliseconds(),
  };
  return all(record(fields, ['when', 'forMs']), notUndone, placeOfThere);
}

/** What stays until another verb changes it: a time would promise an end that does not come. */
function notUndone(value: unknown, path: Path): void {
  const { fault, forMs } = value as FaultAction;
  if (forMs === undefined || !(isAdminOperation(fault) || fault.kind === 'wipe')) return;
  throw wrong(forMs, [...path, 'forMs'], `no time for a ${fault.kind}, which is not undone`);
}

/** Only a place says who is there. */
function placeOfThere(value: unknown, path: Path): void {
  const { fault, when } = value as FaultAction;
  if (when?.kind === 'reached' || !JSON.stringify(fault).includes('"there"')) return;
  throw wrong('there', [...path, 'fault'], 'a server by name, as the action waits for no place');
}

function notEmpty(value: unknown, path: Path): void {
  if ((value as readonly unknown[]).length === 0) throw wrong(value, path, 'at least one');
}

function faultRules(schedule: Schedule): RulesByKind<Fault> {
  const target = nodeOf(schedule, 'leader', 'follower', 'there');
  const targetOrAll = nodeOf(schedule, 'leader', 'follower', 'there', '*');
  const one = { node: target };
  const named = { node: nodeOf(schedule) };
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
    wipe: one,
    transfer: { to: nodeOf(schedule, 'follower') },
    join: named,
    joinBlank: named,
    leave: one,
    learn: named,
    configure: { voters: all(list(nodeOf(schedule)), notEmpty) },
    snapshot: one,
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
    read: oneOf(READ_WAYS),
  };
  return all(record(fields, ['value', 'expected', 'read']), operationValues, readOfGet);
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

function readOfGet(value: unknown, path: Path): void {
  const { op, read } = value as ScheduledOperation;
  if (op === 'get' || read === undefined) return;
  throw wrong(read, [...path, 'read'], `no way to read for a ${op}`);
}

function momentOf(schedule: Schedule): Rule {
  return (value, path) => {
    const { durationMs } = schedule;
    if (isWithin(value, 0, durationMs)) return;
    const expected = `a number of milliseconds from 0 to durationMs, which is ${durationMs}`;
    throw wrong(value, path, expected);
  };
}

/** The name of a node or a spare, or one of `others`. */
function nodeOf(schedule: Schedule, ...others: readonly string[]): Rule {
  return (value, path) => {
    if (others.includes(value as string)) return;
    const servers = serverCount(schedule);
    const name = typeof value === 'string' ? value : '';
    if (/^n[1-9]\d*$/.test(name) && Number(name.slice(1)) <= servers) return;
    const names = servers === 1 ? 'n1' : `n1 … n${servers}`;
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

/** §6.4.1: without stickiness others may elect a leader while the lease of this one holds. */
function leasesByStickiness(value: unknown, path: Path): void {
  const { clockDriftPpm, leaderStickiness } = value as Settings;
  if (clockDriftPpm === null || leaderStickiness) return;
  const expected = 'null without leaderStickiness, which leases need';
  throw wrong(clockDriftPpm, [...path, 'clockDriftPpm'], expected);
}

/** Below the heartbeat servers stand for election between two, above the ceiling it is none. */
function floorBetween(value: unknown, path: Path): void {
  const { adaptiveTimeout, heartbeatMs, electionTimeoutMs } = value as Settings;
  const floorMs = adaptiveTimeout?.floorMs;
  const mostMs = electionTimeoutMs[1];
  if (floorMs === undefined || (floorMs > heartbeatMs && floorMs <= mostMs)) return;
  const expected = `above the heartbeat, which is ${heartbeatMs}, and at most ${mostMs},`;
  const place = [...path, 'adaptiveTimeout', 'floorMs'];
  throw wrong(floorMs, place, `${expected} the longest election timeout`);
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
