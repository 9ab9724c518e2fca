/**
 * From one seed everything: size, settings, links, disks, clocks, workload and faults. Each part is
 * drawn from a stream of its own, so that a change of one leaves the others as they were.
 */
import { between, chance, fork, pick, type RandomState } from '../../src/raft/random.ts';
import type { NodeId, Settings } from '../../src/raft/types.ts';
import { type LinkSettings, PERFECT } from '../../src/transport/link.ts';
import type { ReadWay } from '../cluster.ts';
import {
  type ClockSettings,
  type DiskSettings,
  nodeIds,
  type Recovery,
  SCHEDULE_VERSION,
  type Schedule,
  type ScheduledOperation,
} from '../schedule.ts';
import { randomFaults } from './random-faults.ts';

export const PROFILES = ['lite', 'default', 'harsh'] as const;
export type Profile = (typeof PROFILES)[number];

type Shape = {
  readonly nodes: readonly number[];
  readonly durationMs: number;
  readonly faults: readonly [low: number, high: number];
  readonly operationsPerSecond: readonly number[];
  /** Probability that the links have faults of their own. */
  readonly lossyLinks: number;
};

const SHAPES: Readonly<Record<Profile, Shape>> = {
  lite: {
    nodes: [3],
    durationMs: 20_000,
    faults: [16, 24],
    operationsPerSecond: [10, 20],
    lossyLinks: 0.3,
  },
  default: {
    nodes: [3, 3, 3, 5, 5, 5, 4, 7],
    durationMs: 60_000,
    faults: [24, 48],
    operationsPerSecond: [12, 20, 50],
    lossyLinks: 0.5,
  },
  harsh: {
    nodes: [3, 5, 5, 7, 4],
    durationMs: 80_000,
    faults: [80, 110],
    operationsPerSecond: [12, 20, 50],
    lossyLinks: 0.8,
  },
};

const MIB = 1024 * 1024;

/** Faults begin when there has been time for a first leader. */
const FIRST_FAULT_MS = 1000;
/** The last operation is called so long before the first phase ends. */
const LAST_OPERATION_MS = 500;
/** The bound of the second phase, in maximum election timeouts, and beside that for requests. */
const RECOVERY_ELECTIONS = 20;
const RECOVERY_REQUESTS_MS = 10_000;

/** The schedule of a seed: the same on every machine and in every run. */
export function scheduleOf(seed: number, profile: Profile): Schedule {
  const shape = SHAPES[profile];
  const count = pick(fork(seed, 'schedule nodes'), shape.nodes);
  const nodes = nodeIds(count);
  const features = drawFeatures(fork(seed, 'schedule features'));
  const rare = drawRare(fork(seed, 'schedule rare'), features);
  const settings = fitting(drawSettings(fork(seed, 'schedule settings'), features), rare);
  const recoveryRng = fork(seed, 'schedule recovery');
  const core = drawCore(recoveryRng, nodes);
  const clients = drawClients(fork(seed, 'schedule clients'), features, rare);
  const servers = nodeIds(count + features.spares);
  const { durationMs } = shape;
  const faultRng = fork(seed, 'schedule faults');
  return {
    schemaVersion: SCHEDULE_VERSION,
    name: `seed ${seed} of profile ${profile}`,
    seed,
    nodes: count,
    spares: features.spares,
    settings,
    batchCommands: pick(fork(seed, 'schedule batch'), [1, 4, 512]),
    link: drawLink(fork(seed, 'schedule link'), shape.lossyLinks, rare.slow ? settings : null),
    clientLink: drawLink(fork(seed, 'schedule client link'), shape.lossyLinks),
    disk: drawDisk(fork(seed, 'schedule disk'), rare),
    ...(rare.small ? { sizes: drawSizes(fork(seed, 'schedule sizes')) } : {}),
    ...(rare.asBytes ? { asBytes: true } : {}),
    ...(rare.firstTerm > 0 ? { firstTerm: rare.firstTerm } : {}),
    clocks: drawClocks(fork(seed, 'schedule clocks'), servers.length, settings.clockDriftPpm),
    clients,
    durationMs,
    faults: randomFaults(faultRng, {
      nodes: servers,
      // Whoever loses what it has promised is gone for good: the core must do without. Where
      // memberships change, disks are lost as a whole, and their servers replaced.
      expendable: features.membership ? [] : nodes.filter((id) => !core.includes(id)),
      count: between(faultRng, ...shape.faults),
      fromMs: FIRST_FAULT_MS,
      toMs: durationMs - FIRST_FAULT_MS,
      electionTimeoutMs: settings.electionTimeoutMs[1],
      steadyClocks: settings.clockDriftPpm !== null,
      membership: features.membership,
    }),
    operations: drawOperations(fork(seed, 'schedule operations'), {
      perSecond: pick(fork(seed, 'schedule rate'), shape.operationsPerSecond),
      toMs: durationMs - LAST_OPERATION_MS,
      clients: clients.count,
      reads: features.leases ? LEASE_READS : READS,
      texts: textsOf(rare),
    }),
    recovery: drawRecovery(recoveryRng, core, settings, features),
  };
}

/** What of the protocol a run is about, beside its heart. */
type Features = {
  readonly membership: boolean;
  readonly spares: number;
  readonly snapshots: boolean;
  readonly leases: boolean;
  readonly adaptive: boolean;
  readonly registered: boolean;
  /** Limits that are met. */
  readonly tight: boolean;
};

function drawFeatures(rng: RandomState): Features {
  const membership = chance(rng, 0.5);
  const spares = pick(rng, [0, 1, 1, 2]);
  return {
    membership,
    spares: membership ? spares : 0,
    snapshots: chance(rng, 0.7),
    leases: chance(rng, 0.3),
    adaptive: chance(rng, 0.15),
    registered: chance(rng, 0.4),
    tight: chance(rng, 0.3),
  };
}

/** What is otherwise met in large clusters, in long runs or with unusual clients only. */
type Rare = {
  /** Slices, segments and buckets, so that there are many. */
  readonly small: boolean;
  readonly asBytes: boolean;
  /** A round trip takes about as long as a heartbeat. */
  readonly slow: boolean;
  readonly firstTerm: number;
  readonly once: number;
  readonly firstRequestNumber: number;
  readonly snapshotsTakeTime: boolean;
  readonly texts: 'plain' | 'alike' | 'many' | 'long';
};

/** Terms that some number format ends at; who joins takes none from beyond 2^40. */
const EDGE_TERMS = [2 ** 31 - 3, 2 ** 32 - 3, 2 ** 39];
const TEXTS = [...Array<'plain'>(9).fill('plain'), 'alike', 'many', 'long'] as const;
const EDGE_REQUESTS = [250, 65_500];
/** A message in a round trip of a heartbeat: clients write up to 50 a second, some of it twice. */
const SLOW_BATCH_ENTRIES = 16;
const SLOW_BATCH_BYTES = 2000;

function drawRare(rng: RandomState, { registered }: Features): Rare {
  const small = chance(rng, 0.25);
  const asBytes = chance(rng, 0.04);
  const slow = chance(rng, 0.1);
  const firstTerm = chance(rng, 0.15) ? pick(rng, EDGE_TERMS) : 0;
  const once = pick(rng, [0, 0, 1, 2]);
  const firstRequestNumber = chance(rng, 0.2) ? pick(rng, EDGE_REQUESTS) : 1;
  const snapshotsTakeTime = chance(rng, 0.5);
  const texts = pick(rng, TEXTS);
  // Who has no session has none that expires.
  const most = registered ? 0 : once;
  return {
    small,
    asBytes,
    slow,
    firstTerm,
    once: most,
    firstRequestNumber,
    snapshotsTakeTime,
    texts,
  };
}

/**
 * What a round trip carries must be enough for the state, and for what clients write meanwhile.
 * Where it is long, jitter has the messages of a window overtake each other, and all but one of
 * them are refused: so much goes in one.
 */
function fitting(settings: Settings, { texts, slow }: Rare): Settings {
  const { batchBytes, batchEntries, chunkBytes } = settings;
  const leastChunk = { plain: 0, alike: 0, many: 300, long: 65_536 }[texts];
  const fitted = { ...settings, chunkBytes: Math.max(chunkBytes, leastChunk) };
  if (!slow) return fitted;
  return {
    ...fitted,
    batchEntries: Math.max(batchEntries, SLOW_BATCH_ENTRIES),
    batchBytes: Math.max(batchBytes, SLOW_BATCH_BYTES),
  };
}

function drawSizes(rng: RandomState): NonNullable<Schedule['sizes']> {
  return {
    sliceBytes: pick(rng, [100, 300, 1000]),
    segmentBytes: pick(rng, [256, 1024]),
    bucketSlots: pick(rng, [16, 32]),
  };
}

function drawSettings(rng: RandomState, features: Features): Settings {
  const low = pick(rng, [100, 150, 200, 300]);
  const high = low + Math.round(low * pick(rng, [0.3, 1, 1]));
  const heartbeats = pick(rng, [2, 3, 5]);
  // A leader whose clock is slow must be heard in time by voters whose clocks are fast.
  const heartbeatMs = Math.floor(low / (features.leases ? 5 : heartbeats));
  const shielded = features.leases || features.membership;
  const checkQuorum = chance(rng, 0.6) || shielded;
  const preVote = chance(rng, 0.5);
  const windowMessages = pick(rng, [1, 2, 8, 64]);
  // Without CheckQuorum a leader that hears nobody would be believed for ever by those who still
  // hear it.
  // §4.2.3: nor must one who was removed and does not know it disturb the others for ever.
  const leaderStickiness = (checkQuorum && chance(rng, 0.5)) || shielded;
  const { tight } = features;
  // One entry a round trip is less than what clients write over far links: such a cluster never
  // catches up, nor does a server that joins with few.
  const batchEntries = pick(rng, windowMessages === 1 ? [4, 64, 64] : [1, 4, 64]);
  const batchBytes = pick(rng, [200, 65_536, 65_536]);
  return {
    electionTimeoutMs: [low, high],
    heartbeatMs,
    preVote,
    checkQuorum,
    leaderStickiness,
    parallelDiskWrite: chance(rng, 0.7),
    windowMessages,
    batchEntries: features.membership ? 64 : batchEntries,
    batchBytes: features.membership ? 65_536 : batchBytes,
    windowBytes: tight ? 2000 : 16 * MIB,
    // A few commands: clients have no more than a dozen outstanding.
    uncommittedBytes: tight ? 200 : 64 * MIB,
    ...drawSnapshots(rng, features),
    clockDriftPpm: features.leases ? pick(rng, [50_000, 250_000, 400_000]) : null,
    catchUpTimeoutMs: pick(rng, [200, 1000, 5000]),
    adaptiveTimeout: features.adaptive
      ? { floorMs: between(rng, heartbeatMs + 10, low), factor: pick(rng, [5, 10, 20]) }
      : null,
  };
}

function drawSnapshots(
  rng: RandomState,
  { snapshots }: Features,
): Pick<
  Settings,
  'snapshotEntries' | 'snapshotBytes' | 'keptEntries' | 'keptBytes' | 'chunkBytes'
> {
  const never = Number.MAX_SAFE_INTEGER;
  const entries = pick(rng, [10, 30, 100, 300]);
  const bytes = pick(rng, [500, 5000, never]);
  return {
    snapshotEntries: snapshots ? entries : never,
    snapshotBytes: snapshots ? bytes : never,
    keptEntries: pick(rng, [0, 5, 50]),
    keptBytes: pick(rng, [300, 100_000]),
    chunkBytes: pick(rng, [64, 300, 65_536]),
  };
}

/** With `slow`, a round trip takes about as long as the heartbeat of these settings. */
function drawLink(
  rng: RandomState,
  lossy: number,
  slow: Pick<Settings, 'heartbeatMs'> | null = null,
): LinkSettings {
  const near = { delayMs: 0.5, jitterMs: 0.3 };
  const far = { delayMs: 5, jitterMs: 4 };
  const drawn = pick(rng, [near, near, far]);
  const halfMs = (slow?.heartbeatMs ?? 0) / 2;
  const distance = slow === null ? drawn : { delayMs: halfMs * 0.9, jitterMs: halfMs * 0.2 };
  const base: LinkSettings = { ...PERFECT, ...distance };
  const faulty = chance(rng, lossy);
  const loss = pick(rng, [0.005, 0.02, 0.08]);
  const burst = pick(rng, [0, 0, 4]);
  const duplicate = pick(rng, [0, 0.02, 0.2]);
  const reorder = pick(rng, [0, 0.05, 0.25]);
  const corrupt = pick(rng, [0, 0, 0.005]);
  return faulty ? { ...base, loss, burst, duplicate, reorder, corrupt } : base;
}

function drawDisk(rng: RandomState, { snapshotsTakeTime }: Rare): DiskSettings {
  const latencyMs = pick(rng, [
    [0, 0] as const,
    [0.1, 1] as const,
    [1, 5] as const,
    [2, 12] as const,
  ]);
  const fates = { torn: pick(rng, [0, 0.3]), late: pick(rng, [0, 0.3]) };
  const readMs = pick(rng, [[0.1, 1] as const, [1, 10] as const]);
  return { latencyMs, ...fates, ...(snapshotsTakeTime ? { readMs } : {}) };
}

/** With leases, some clocks are as slow or as fast as these allow for. */
function drawClocks(rng: RandomState, count: number, boundPpm: number | null): ClockSettings[] {
  const steady = chance(rng, 0.4) && boundPpm === null;
  return Array.from({ length: count }, () => {
    const offsetMs = between(rng, 0, 2000);
    const mostPpm = boundPpm ?? 10_000;
    const drawnPpm = between(rng, -mostPpm, mostPpm);
    const extremePpm = pick(rng, [-mostPpm, mostPpm]);
    const driftPpm = boundPpm !== null && chance(rng, 0.8) ? extremePpm : drawnPpm;
    return steady ? { offsetMs: 0, driftPpm: 0 } : { offsetMs, driftPpm };
  });
}

function drawClients(
  rng: RandomState,
  { registered }: Features,
  { once, firstRequestNumber }: Rare,
): Schedule['clients'] {
  const count = between(rng, 2, 6);
  const requestTimeoutMs = pick(rng, [1000, 2500, 4000]);
  const retryMs = pick(rng, [60, 150, 300]);
  // Only who is registered learns that its session has expired.
  const sessionsMax = registered ? count + pick(rng, [-1, 0, 1, 3]) : 10_000;
  return {
    count,
    requestTimeoutMs,
    retryMs,
    registered,
    sessionsMax,
    ...(once > 0 ? { once: Math.min(once, count - 1) } : {}),
    ...(firstRequestNumber > 1 ? { firstRequestNumber } : {}),
  };
}

const KINDS = [
  ...Array<'get'>(8).fill('get'),
  ...Array<'put'>(6).fill('put'),
  ...Array<'cas'>(3).fill('cas'),
  'create',
  'update',
  'delete',
] as const;

const READS: readonly ReadWay[] = [
  ...Array<'linearizable'>(8).fill('linearizable'),
  ...Array<'lease'>(2).fill('lease'),
  ...Array<'follower'>(3).fill('follower'),
  ...Array<'log'>(2).fill('log'),
  'stale',
];
/** Where there are leases. */
const LEASE_READS: readonly ReadWay[] = [...READS, ...Array<'lease'>(32).fill('lease')];

type Texts = {
  /** The key of a number that was drawn from 1 to the keys' number, which is `keys` at most. */
  key(number: number): string;
  readonly keys: number;
  /** A value that is written once; `draw` is any number. */
  value(i: number, draw: number): string;
};

const FEW_KEYS = 6;
/** The first two have the same hash, and so have the next two (src/table.ts). */
const ALIKE = ['k1', 'k1dmb15d8', 'k13yzx', 'k1a6ad', `${'k'.repeat(40)}1`, `${'k'.repeat(40)}2`];
const LONG_VALUE = 100_000;

/** What a table could confuse: prefixes, equal lengths, a difference in one byte. */
function textsOf({ texts }: Rare): Texts {
  const key = (number: number): string => `k${number}`;
  const value = (i: number): string => `v${i}`;
  switch (texts) {
    case 'plain':
      return { keys: FEW_KEYS, key, value };
    case 'alike':
      return {
        keys: FEW_KEYS,
        key: (number) => ALIKE[number - 1] ?? key(number),
        // Of equal length, with a length of their own, and lengths at the ends of a byte.
        value: (i, draw) =>
          draw % 10 > 0
            ? `${i}`.padStart(5, '0')
            : `${i}:`.padEnd(draw % 20 === 0 ? 255 : 257, 'x'),
      };
    case 'many':
      return { keys: 500, key, value };
    case 'long':
      return {
        keys: FEW_KEYS,
        key,
        value: (i, draw) => (draw % 100 === 0 ? `${i}:`.padEnd(LONG_VALUE, 'x') : value(i)),
      };
  }
}

/**
 * Operations on few keys, so that they meet; every value is written once, so that what is read
 * tells who wrote it.
 */
function drawOperations(
  rng: RandomState,
  {
    perSecond,
    toMs,
    clients,
    reads,
    texts,
  }: {
    perSecond: number;
    toMs: number;
    clients: number;
    reads: readonly ReadWay[];
    texts: Texts;
  },
): ScheduledOperation[] {
  const few = between(rng, 1, 6);
  const keys = texts.keys > FEW_KEYS ? texts.keys : few;
  /** By key, the values that were written last, for cas to expect. */
  const recent = new Map<string, string[]>();
  const count = Math.floor((toMs * perSecond) / 1000);
  return Array.from({ length: count }, (_, i) => {
    const atMs = Math.floor((i * toMs) / count) + between(rng, 0, 20);
    const client = between(rng, 0, clients - 1);
    const op = pick(rng, KINDS);
    const key = texts.key(between(rng, 1, keys));
    const written = recent.get(key) ?? [];
    const guess = pick(rng, [0, 0, 1, 2]);
    const absent = chance(rng, 0.15);
    const read = pick(rng, reads);
    if (op === 'get' && read !== 'linearizable') return { atMs, client, op, key, read };
    if (op === 'get' || op === 'delete') return { atMs, client, op, key };
    const value = texts.value(i, between(rng, 0, 999));
    recent.set(key, [value, ...written].slice(0, 3));
    if (op !== 'cas') return { atMs, client, op, key, value };
    const expected = absent ? null : (written[guess] ?? null);
    return { atMs, client, op, key, value, expected };
  });
}

function drawCore(rng: RandomState, nodes: readonly NodeId[]): NodeId[] {
  const size = Math.floor(nodes.length / 2) + 1;
  const core = nodes.slice();
  while (core.length > size) core.splice(between(rng, 0, core.length - 1), 1);
  return core;
}

function drawRecovery(
  rng: RandomState,
  core: readonly NodeId[],
  settings: Settings,
  { membership }: Features,
): Recovery {
  const alone = chance(rng, 0.5);
  return {
    core,
    // Where memberships have changed, it is not known before who makes up a majority.
    others: membership || alone ? 'healed' : 'cutOff',
    boundMs: settings.electionTimeoutMs[1] * RECOVERY_ELECTIONS + RECOVERY_REQUESTS_MS,
  };
}
