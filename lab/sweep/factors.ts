/**
 * The factors an experiment can set or sweep: one table for the flags, their parsing, ranges,
 * defaults and help, and for the type of a cell. A new factor is one new line here.
 */
import { type Bounds, numberAllowed, parseNumber } from '../../src/decimal.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import { READ_WAYS, type ReadWay, STORAGES, type StorageKind } from '../cluster.ts';
import type { FactorValue } from '../results.ts';

/** One factor: how it is written, what it may be and what it is when nothing is said. */
export type Factor<V extends FactorValue> = {
  flag: string;
  group: string;
  about: string;
  /** What the flag accepts, as a phrase that fits behind `allowed:`. */
  allowed: string;
  fallback: V;
  /** How `null` is written, where `null` is a value. */
  unset?: string;
  /** The value a text stands for, or `undefined` when it is not allowed. */
  parse(text: string): V | undefined;
};

type Place = { flag: string; group: string; about: string };

const CLUSTER = 'Cluster (each a value or a comma list that is swept):';
const LOAD = 'Load:';
const NETWORK = 'Network, for every directed link:';
const PROTOCOL = 'Protocol:';
const LIMITS = 'Snapshots and limits:';
const FAULTS = 'Faults at random moments (0 is never):';

const MIB = 1024 * 1024;
const COUNT_MAX = 1_000_000_000;
const BYTES_MAX = 1e12;
const DISTRIBUTIONS = ['constant', 'uniform', 'normal', 'pareto'] as const;

const table = {
  nodes: count(3, 1, 15, place('--nodes', CLUSTER, 'nodes in the cluster')),

  clients: count(1, 1, 1024, place('--clients', LOAD, 'clients')),
  outstanding: count(
    256,
    1,
    65_536,
    place('--outstanding', LOAD, 'operations each client keeps in flight'),
  ),
  rate: orUnset(
    'closed',
    { low: 0.1, high: 10_000_000 },
    place('--rate', LOAD, 'operations per second that arrive whatever the answers take'),
  ),
  readRatio: share(0, place('--read-ratio', LOAD, 'share of reads')),
  readWay: oneOf<ReadWay>(
    'linearizable',
    READ_WAYS,
    place('--read-way', LOAD, 'how reads are made, §6.4'),
  ),
  valueBytes: count(64, 16, MIB, place('--value-bytes', LOAD, 'size of a value')),
  keys: count(100_000, 1, 10_000_000, place('--keys', LOAD, 'distinct keys')),
  zipf: real(
    0,
    { low: 0, high: 10, below: true },
    place('--zipf', LOAD, 'exponent of the key popularity, 0 is uniform'),
  ),

  loss: share(0, place('--loss', NETWORK, 'share of messages lost')),
  burst: real(
    0,
    { low: 0, high: 10_000 },
    place('--burst', NETWORK, 'mean messages a spell of loss lasts, 0 is independent loss'),
  ),
  duplicate: share(0, place('--duplicate', NETWORK, 'share of messages sent twice')),
  delayMs: real(0, { low: 0, high: 60_000 }, place('--delay-ms', NETWORK, 'delay')),
  jitterMs: real(0, { low: 0, high: 60_000 }, place('--jitter-ms', NETWORK, 'spread of the delay')),
  distribution: oneOf<LinkSettings['distribution']>(
    'uniform',
    DISTRIBUTIONS,
    place('--distribution', NETWORK, 'shape of the delay'),
  ),
  reorder: share(0, place('--reorder', NETWORK, 'share of messages that skip the delay')),
  correlation: share(
    0,
    place('--correlation', NETWORK, 'correlation of successive reorder decisions'),
  ),
  corrupt: share(0, place('--corrupt', NETWORK, 'share of frames with a flipped bit')),
  bandwidth: orUnset(
    'unlimited',
    { low: 1, high: 1e12 },
    place('--bandwidth', NETWORK, 'bytes per second'),
  ),

  window: count(64, 1, 65_536, place('--window', PROTOCOL, 'AppendEntries in flight per follower')),
  batch: count(512, 1, 65_536, place('--batch', PROTOCOL, 'commands per entry and message')),
  preVote: onOff(true, place('--prevote', PROTOCOL, 'PreVote, §9.6')),
  checkQuorum: onOff(true, place('--check-quorum', PROTOCOL, 'CheckQuorum, §6.2')),
  stickiness: onOff(true, place('--stickiness', PROTOCOL, 'leader stickiness, §4.2.3')),
  parallelDisk: onOff(
    true,
    place('--parallel-disk', PROTOCOL, "leader's disk write in parallel to replication, §10.2.1"),
  ),
  electionTimeoutMs: range(
    '150-300',
    60_000,
    place('--election-timeout-ms', PROTOCOL, 'range the timeout is drawn from'),
  ),
  heartbeatMs: real(
    50,
    { low: 1, high: 10_000 },
    place('--heartbeat-ms', PROTOCOL, 'time between heartbeats'),
  ),

  storage: oneOf<StorageKind>(
    'memory',
    STORAGES,
    place('--storage', PROTOCOL, 'where nodes keep their data; sqlite syncs every write'),
  ),
  clockDriftPpm: orUnset(
    'none',
    { low: 0, high: 500_000 },
    place(
      '--clock-drift-ppm',
      PROTOCOL,
      'drift of clocks that leases allow for, §6.4.1; there are none without stickiness',
    ),
    10_000,
  ),
  adaptiveTimeout: orUnset(
    'off',
    { low: 1, high: 1000 },
    place('--adaptive-timeout', PROTOCOL, 'round trips that an election timeout is made of'),
  ),
  adaptiveFloorMs: real(
    100,
    { low: 1, high: 60_000 },
    place('--adaptive-floor-ms', PROTOCOL, 'least election timeout that adapts'),
  ),
  catchUpTimeoutMs: real(
    10_000,
    { low: 1, high: 3_600_000 },
    place('--catch-up-timeout-ms', PROTOCOL, 'time that new servers have to catch up, §4.2.1'),
  ),

  snapshotEntries: count(
    100_000,
    1,
    COUNT_MAX,
    place('--snapshot-entries', LIMITS, 'entries after which a snapshot is due, §5.1.3'),
  ),
  snapshotBytes: count(
    64 * MIB,
    1,
    BYTES_MAX,
    place('--snapshot-bytes', LIMITS, 'bytes of entries after which a snapshot is due'),
  ),
  keptEntries: count(
    5000,
    0,
    COUNT_MAX,
    place('--kept-entries', LIMITS, 'entries kept behind a snapshot for slow followers'),
  ),
  keptBytes: count(
    8 * MIB,
    0,
    BYTES_MAX,
    place('--kept-bytes', LIMITS, 'bytes of entries kept behind a snapshot'),
  ),
  chunkBytes: count(
    256 * 1024,
    1,
    1024 * MIB,
    place('--chunk-bytes', LIMITS, 'bytes of a snapshot in one InstallSnapshot'),
  ),
  windowBytes: count(
    16 * MIB,
    1,
    BYTES_MAX,
    place('--window-bytes', LIMITS, 'bytes of entries in flight per follower'),
  ),
  uncommittedBytes: count(
    64 * MIB,
    1,
    BYTES_MAX,
    place('--uncommitted-bytes', LIMITS, 'bytes a leader lets wait for commitment'),
  ),

  crashEveryS: real(0, { low: 0, high: 3600 }, place('--crash-every-s', FAULTS, 'crash of a node')),
  pauseEveryS: real(0, { low: 0, high: 3600 }, place('--pause-every-s', FAULTS, 'pause of a node')),
  partitionEveryS: real(
    0,
    { low: 0, high: 3600 },
    place('--partition-every-s', FAULTS, 'partition of the nodes'),
  ),
} satisfies Record<string, Factor<FactorValue>>;

export type FactorName = keyof typeof table;

/** The value of every factor in one cell. */
export type CellFactors = {
  readonly [Name in FactorName]: (typeof table)[Name] extends Factor<infer V> ? V : never;
};

/** The table by name, for code that treats all factors alike. */
export const FACTORS: Readonly<Record<FactorName, Factor<FactorValue>>> = table;

/** All factors in the order of the table, which is the order of every listing. */
export const FACTOR_NAMES = Object.keys(table) as readonly FactorName[];

export function isFactorName(name: string): name is FactorName {
  return Object.hasOwn(table, name);
}

/** A value as its flag takes it: `print` and `parse` are inverse. */
export function printFactor(name: FactorName, value: FactorValue): string {
  if (value === null) return FACTORS[name].unset ?? 'null';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(value);
}

/** True when the value is one that the factor's flag could have given. */
export function isFactorValue(name: FactorName, value: FactorValue): boolean {
  return FACTORS[name].parse(printFactor(name, value)) === value;
}

/** A complete cell from the factors that differ from their defaults. */
export function withDefaults(values: Readonly<Record<string, FactorValue>>): CellFactors {
  const factors: Record<string, FactorValue> = {};
  for (const name of FACTOR_NAMES) factors[name] = FACTORS[name].fallback;
  for (const [name, value] of Object.entries(values)) {
    if (!isFactorName(name)) throw new Error(`factor '${name}': not in lab/sweep/factors.ts`);
    if (!isFactorValue(name, value)) {
      throw new Error(`factor ${name} is ${String(value)}; allowed: ${FACTORS[name].allowed}`);
    }
    factors[name] = value;
  }
  return factors as CellFactors;
}

/** The bounds written in a range such as `150-300`. */
export function rangeOf(text: string): { min: number; max: number } {
  const [min = Number.NaN, max = Number.NaN] = text.split('-').map(Number);
  return { min, max };
}

/** What makes a combination of values impossible although each is allowed, as a sentence. */
export function factorConflict(factors: CellFactors): string | undefined {
  return networkConflict(factors) ?? timeoutConflict(factors);
}

function networkConflict({ loss, burst }: CellFactors): string | undefined {
  if (burst > 0 && burst < 1) {
    return `--burst got '${burst}'; allowed: 0, or a mean of at least 1 message`;
  }
  // Gilbert-Elliott: a good spell lasts at least one message, so bad ones lose at most b of b + 1.
  const lossMax = burst / (burst + 1);
  if (burst > 0 && loss > lossMax) {
    const most = Math.floor(lossMax * 1e4) / 1e4;
    return `--loss got '${loss}' with --burst ${burst}; allowed: a loss of at most ${most} with it`;
  }
  return undefined;
}

function timeoutConflict(factors: CellFactors): string | undefined {
  const { heartbeatMs, electionTimeoutMs, adaptiveTimeout, adaptiveFloorMs } = factors;
  const { min, max } = rangeOf(electionTimeoutMs);
  if (heartbeatMs >= min) {
    return (
      `--heartbeat-ms got '${heartbeatMs}' with --election-timeout-ms ${electionTimeoutMs}; ` +
      `allowed: less than ${min}, the shortest election timeout`
    );
  }
  if (adaptiveTimeout === null) return undefined;
  if (heartbeatMs >= adaptiveFloorMs) {
    return (
      `--adaptive-floor-ms got '${adaptiveFloorMs}' with --heartbeat-ms ${heartbeatMs}; ` +
      'allowed: more than the heartbeat, or followers stand for election between two of them'
    );
  }
  if (adaptiveFloorMs > max) {
    return (
      `--adaptive-floor-ms got '${adaptiveFloorMs}' with --election-timeout-ms ` +
      `${electionTimeoutMs}; allowed: at most ${max}, the longest election timeout`
    );
  }
  return undefined;
}

function place(flag: string, group: string, about: string): Place {
  return { flag, group, about };
}

function real(fallback: number, bounds: Bounds, where: Place): Factor<number> {
  return {
    ...where,
    fallback,
    allowed: numberAllowed(bounds),
    parse: (text) => parseNumber(text, bounds),
  };
}

function count(fallback: number, low: number, high: number, where: Place): Factor<number> {
  return real(fallback, { low, high, whole: true }, where);
}

function share(fallback: number, where: Place): Factor<number> {
  return real(fallback, { low: 0, high: 1 }, where);
}

function orUnset(
  unset: string,
  bounds: Bounds,
  where: Place,
  fallback: number | null = null,
): Factor<number | null> {
  return {
    ...where,
    fallback,
    unset,
    allowed: `${numberAllowed(bounds)}, or ${unset}`,
    parse: (text) => (text === unset ? null : parseNumber(text, bounds)),
  };
}

function oneOf<V extends string>(fallback: V, values: readonly V[], where: Place): Factor<V> {
  return {
    ...where,
    fallback,
    allowed: `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
    parse: (text) => values.find((value) => value === text),
  };
}

function onOff(fallback: boolean, where: Place): Factor<boolean> {
  return {
    ...where,
    fallback,
    allowed: 'on or off',
    parse: (text) => (text === 'on' ? true : text === 'off' ? false : undefined),
  };
}

function range(fallback: string, most: number, where: Place): Factor<string> {
  return {
    ...where,
    fallback,
    allowed: `two whole numbers such as ${fallback}, from 1 to ${most}, the smaller first`,
    parse: (text) => {
      if (!/^[1-9]\d*-[1-9]\d*$/.test(text)) return undefined;
      const { min, max } = rangeOf(text);
      return min <= max && max <= most ? text : undefined;
    },
  };
}
