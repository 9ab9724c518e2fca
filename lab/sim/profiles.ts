/**
 * From one seed everything: size, settings, links, disks, clocks, workload and faults. Each part is
 * drawn from a stream of its own, so that a change of one leaves the others as they were.
 */
import { between, chance, fork, pick, type RandomState } from '../../src/raft/random.ts';
import type { NodeId, Settings } from '../../src/raft/types.ts';
import { type LinkSettings, PERFECT } from '../../src/transport/link.ts';
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
  const settings = drawSettings(fork(seed, 'schedule settings'));
  const recoveryRng = fork(seed, 'schedule recovery');
  const core = drawCore(recoveryRng, nodes);
  const clients = drawClients(fork(seed, 'schedule clients'));
  const { durationMs } = shape;
  const faultRng = fork(seed, 'schedule faults');
  return {
    schemaVersion: SCHEDULE_VERSION,
    name: `seed ${seed} of profile ${profile}`,
    seed,
    nodes: count,
    settings,
    batchCommands: pick(fork(seed, 'schedule batch'), [1, 4, 512]),
    link: drawLink(fork(seed, 'schedule link'), shape.lossyLinks),
    clientLink: drawLink(fork(seed, 'schedule client link'), shape.lossyLinks),
    disk: drawDisk(fork(seed, 'schedule disk')),
    clocks: drawClocks(fork(seed, 'schedule clocks'), count),
    clients,
    durationMs,
    faults: randomFaults(faultRng, {
      nodes,
      // Whoever loses what it has promised is gone for good: the core must do without.
      expendable: nodes.filter((id) => !core.includes(id)),
      count: between(faultRng, ...shape.faults),
      fromMs: FIRST_FAULT_MS,
      toMs: durationMs - FIRST_FAULT_MS,
      electionTimeoutMs: settings.electionTimeoutMs[1],
    }),
    operations: drawOperations(fork(seed, 'schedule operations'), {
      perSecond: pick(fork(seed, 'schedule rate'), shape.operationsPerSecond),
      toMs: durationMs - LAST_OPERATION_MS,
      clients: clients.count,
    }),
    recovery: drawRecovery(recoveryRng, core, settings),
  };
}

function drawSettings(rng: RandomState): Settings {
  const low = pick(rng, [100, 150, 200, 300]);
  const high = low + Math.round(low * pick(rng, [0.3, 1, 1]));
  const heartbeatMs = Math.floor(low / pick(rng, [2, 3, 5]));
  const checkQuorum = chance(rng, 0.6);
  const preVote = chance(rng, 0.5);
  const windowMessages = pick(rng, [1, 2, 8, 64]);
  return {
    electionTimeoutMs: [low, high],
    heartbeatMs,
    preVote,
    checkQuorum,
    // Without CheckQuorum a leader that hears nobody would be believed for ever by those who still
    // hear it.
    leaderStickiness: checkQuorum && chance(rng, 0.5),
    parallelDiskWrite: chance(rng, 0.7),
    windowMessages,
    // One entry a round trip is less than what clients write over far links: such a cluster never
    // catches up.
    batchEntries: pick(rng, windowMessages === 1 ? [4, 64, 64] : [1, 4, 64]),
    batchBytes: pick(rng, [200, 65_536, 65_536]),
  };
}

function drawLink(rng: RandomState, lossy: number): LinkSettings {
  const near = { delayMs: 0.5, jitterMs: 0.3 };
  const far = { delayMs: 5, jitterMs: 4 };
  const base: LinkSettings = { ...PERFECT, ...pick(rng, [near, near, far]) };
  const faulty = chance(rng, lossy);
  const loss = pick(rng, [0.005, 0.02, 0.08]);
  const burst = pick(rng, [0, 0, 4]);
  const duplicate = pick(rng, [0, 0.02, 0.2]);
  const reorder = pick(rng, [0, 0.05, 0.25]);
  const corrupt = pick(rng, [0, 0, 0.005]);
  return faulty ? { ...base, loss, burst, duplicate, reorder, corrupt } : base;
}

function drawDisk(rng: RandomState): DiskSettings {
  const latencyMs = pick(rng, [
    [0, 0] as const,
    [0.1, 1] as const,
    [1, 5] as const,
    [2, 12] as const,
  ]);
  return { latencyMs, torn: pick(rng, [0, 0.3]), late: pick(rng, [0, 0.3]) };
}

function drawClocks(rng: RandomState, count: number): ClockSettings[] {
  const steady = chance(rng, 0.4);
  return Array.from({ length: count }, () => {
    const offsetMs = between(rng, 0, 2000);
    const driftPpm = between(rng, -10_000, 10_000);
    return steady ? { offsetMs: 0, driftPpm: 0 } : { offsetMs, driftPpm };
  });
}

function drawClients(rng: RandomState): Schedule['clients'] {
  return {
    count: between(rng, 2, 6),
    requestTimeoutMs: pick(rng, [1000, 2500, 4000]),
    retryMs: pick(rng, [60, 150, 300]),
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

/**
 * Operations on few keys, so that they meet; every value is written once, so that what is read
 * tells who wrote it.
 */
function drawOperations(
  rng: RandomState,
  { perSecond, toMs, clients }: { perSecond: number; toMs: number; clients: number },
): ScheduledOperation[] {
  const keys = between(rng, 1, 6);
  /** By key, the values that were written last, for cas to expect. */
  const recent = new Map<string, string[]>();
  const count = Math.floor((toMs * perSecond) / 1000);
  return Array.from({ length: count }, (_, i) => {
    const atMs = Math.floor((i * toMs) / count) + between(rng, 0, 20);
    const client = between(rng, 0, clients - 1);
    const op = pick(rng, KINDS);
    const key = `k${between(rng, 1, keys)}`;
    const written = recent.get(key) ?? [];
    const guess = pick(rng, [0, 0, 1, 2]);
    const absent = chance(rng, 0.15);
    if (op === 'get' || op === 'delete') return { atMs, client, op, key };
    const value = `v${i}`;
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

function drawRecovery(rng: RandomState, core: readonly NodeId[], settings: Settings): Recovery {
  return {
    core,
    others: chance(rng, 0.5) ? 'healed' : 'cutOff',
    boundMs: settings.electionTimeoutMs[1] * RECOVERY_ELECTIONS + RECOVERY_REQUESTS_MS,
  };
}
