/** Growing from 3 servers to 5 and shrinking back, as schedules. */
import { between, fork } from '../../src/raft/random.ts';
import type { FaultAction } from '../faults.ts';
import type { Schedule } from '../schedule.ts';
import { type LargePuts, LOAD_FROM_MS, largePuts, scheduleOf, smallRequests } from './cluster.ts';
import type { Span } from './gaps.ts';

const KIB = 1024;

/** How servers come: as learners that are promoted (§4.2.1), or as voters with a blank log. */
export const VARIANTS = ['learner', 'blank'] as const;
export type Variant = (typeof VARIANTS)[number];

export type Cell = {
  readonly variant: Variant;
  /** While the cluster grows, one of the first three servers may be down. */
  readonly servers: 'all up' | 'one down';
  /** How newcomers get the log: entry by entry, or most of it as a snapshot. */
  readonly catchUp: 'entries' | 'snapshot';
  /** Who leaves last: a newcomer, or whoever leads. */
  readonly leaves: 'follower' | 'leader';
};

export const CELLS: readonly Cell[] = [
  ...(['all up', 'one down'] as const).flatMap((servers) =>
    (['entries', 'snapshot'] as const).flatMap((catchUp) =>
      VARIANTS.map((variant): Cell => ({ variant, servers, catchUp, leaves: 'follower' })),
    ),
  ),
  { variant: 'learner', servers: 'all up', catchUp: 'entries', leaves: 'leader' },
];

/** How much there is to do; tests have less. */
export type Size = {
  readonly large: LargePuts;
  /** Of a link between servers, drawn for each seed. */
  readonly bytesPerSecond: readonly [low: number, high: number];
  /** Between two changes. */
  readonly changeEveryMs: number;
};

/** A log of two megabytes and a state of one: by entries the slowest links take two seconds. */
export const FULL_SIZE: Size = {
  large: { count: 2000, bytes: 1000, keys: 1000 },
  bytesPerSecond: [900_000, 1_800_000],
  changeEveryMs: 2800,
};

/** The large puts come at two thirds of what the slowest link carries. */
const PRELOAD_SHARE = 2 / 3;
/** For snapshots, and for a server to go down, before the first change. */
const BEFORE_MS = 1500;
/** A server that was down is back so long before the third change. */
const BACK_BEFORE_MS = 200;
/** What is in flight to a server may hold up heartbeats for less than an election timeout. */
const FLOW = { windowBytes: 64 * KIB, batchBytes: 16 * KIB, chunkBytes: 32 * KIB };

export type Change = Span & {
  readonly name: string;
  /** The cluster has so many voters, no learner and no outgoing voters once it is through. */
  readonly voters: number;
};

export type MembershipPlan = {
  readonly schedule: Schedule;
  /** From the moment a change is asked for until the next one is. */
  readonly changes: readonly Change[];
  /** The load before anything changes, for comparison. */
  readonly before: Span;
};

export function membershipPlan(seed: number, cell: Cell, size: Size = FULL_SIZE): MembershipPlan {
  const { variant, servers, catchUp, leaves } = cell;
  const { large } = size;
  const bytesPerSecond = between(fork(seed, 'availability bandwidth'), ...size.bytesPerSecond);
  const preloadMs = (large.count * large.bytes * 1000) / (size.bytesPerSecond[0] * PRELOAD_SHARE);
  const loadFromMs = LOAD_FROM_MS + preloadMs;
  const firstMs = loadFromMs + BEFORE_MS;
  const changes = changesFrom(firstMs, size.changeEveryMs, leaves);
  const endMs = changes.at(-1)?.toMs ?? firstMs;
  const faults = [
    ...(catchUp === 'snapshot' ? snapshots(loadFromMs) : []),
    ...(servers === 'one down' ? [downFrom(firstMs, size.changeEveryMs)] : []),
    ...actionsOf(changes, variant, leaves),
  ];
  const span = { fromMs: LOAD_FROM_MS, toMs: loadFromMs };
  const schedule = scheduleOf({
    name: `membership, ${variant}, ${servers}, ${catchUp}, ${leaves} leaves, seed ${seed}`,
    seed,
    nodes: 3,
    spares: 2,
    settings: FLOW,
    bytesPerSecond,
    durationMs: endMs,
    faults,
    operations: [...largePuts(large, span), ...smallRequests(seed, loadFromMs, endMs)],
  });
  return { schedule, changes, before: { fromMs: loadFromMs, toMs: loadFromMs + BEFORE_MS / 4 } };
}

function changesFrom(firstMs: number, everyMs: number, leaves: Cell['leaves']): Change[] {
  const last = leaves === 'leader' ? 'leave leader' : 'leave n4';
  const names: readonly (readonly [string, number])[] = [
    ['join n4', 4],
    ['join n5', 5],
    ['leave n5', 4],
    [last, 3],
  ];
  return names.map(([name, voters], i) => {
    const fromMs = firstMs + i * everyMs;
    return { name, voters, fromMs, toMs: fromMs + everyMs };
  });
}

function actionsOf(
  changes: readonly Change[],
  variant: Variant,
  leaves: Cell['leaves'],
): FaultAction[] {
  const join = variant === 'learner' ? 'join' : 'joinBlank';
  const [n4, n5, leave5, leaveLast] = changes.map(({ fromMs }) => fromMs);
  return [
    { atMs: n4 ?? 0, fault: { kind: join, node: 'n4' } },
    { atMs: n5 ?? 0, fault: { kind: join, node: 'n5' } },
    { atMs: leave5 ?? 0, fault: { kind: 'leave', node: 'n5' } },
    { atMs: leaveLast ?? 0, fault: { kind: 'leave', node: leaves === 'leader' ? leaves : 'n4' } },
  ];
}

/** From the middle of the time before the first change until shortly before the third. */
function downFrom(firstMs: number, everyMs: number): FaultAction {
  const atMs = firstMs - BEFORE_MS / 2;
  const untilMs = firstMs + 2 * everyMs - BACK_BEFORE_MS;
  return { atMs, fault: { kind: 'crash', node: 'follower' }, forMs: untilMs - atMs };
}

/** Of all three, so that whoever leads has no other way to bring newcomers up to date. */
function snapshots(loadFromMs: number): FaultAction[] {
  return ['n1', 'n2', 'n3'].map((node) => {
    return { atMs: loadFromMs + BEFORE_MS / 4, fault: { kind: 'snapshot', node } };
  });
}
