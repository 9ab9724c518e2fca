/**
 * The cluster of the availability experiments and the load on it, as data: the same for all
 * variants of a seed, so that these differ only in what an operator does.
 */
import { between, fork } from '../../src/raft/random.ts';
import type { Settings } from '../../src/raft/types.ts';
import { type LinkSettings, PERFECT } from '../../src/transport/link.ts';
import type { FaultAction } from '../faults.ts';
import { nodeIds, SCHEDULE_VERSION, type Schedule, type ScheduledOperation } from '../schedule.ts';
import type { Span } from './gaps.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const NEVER = Number.MAX_SAFE_INTEGER;
const US_PER_MS = 1000;

export const HEARTBEAT_MS = 50;
/** A request without an answer for so long is lost to whoever made it. */
export const REQUEST_TIMEOUT_MS = 1000;
const RETRY_MS = 100;
/** So many that those who wait out a request time limit do not hold up the others' requests. */
const CLIENTS = 60;
const KEYS = 20;

/** Half of them puts: one every ten milliseconds, so that the load itself leaves no gap. */
export const REQUESTS_PER_SECOND = 200;
/** The first leader is there, whatever the election timeouts come to. */
export const LOAD_FROM_MS = 1500;

/** Without jitter: connections deliver in order, and so do links that all messages take as long. */
const CLIENT_LINK: LinkSettings = { ...PERFECT, delayMs: 0.5 };
/** One way between servers, drawn for each seed. */
const DELAY_US: readonly [low: number, high: number] = [500, 2000];

/** The defaults of the lab, but for what a run this short never reaches. */
export const SETTINGS: Settings = {
  electionTimeoutMs: [150, 300],
  heartbeatMs: HEARTBEAT_MS,
  preVote: true,
  checkQuorum: true,
  leaderStickiness: true,
  parallelDiskWrite: true,
  windowMessages: 64,
  batchEntries: 64,
  batchBytes: 64 * KIB,
  windowBytes: 16 * MIB,
  uncommittedBytes: 64 * MIB,
  snapshotEntries: NEVER,
  snapshotBytes: NEVER,
  keptEntries: 200,
  keptBytes: 8 * MIB,
  chunkBytes: 64 * KIB,
  clockDriftPpm: null,
  catchUpTimeoutMs: 10_000,
  adaptiveTimeout: null,
};

export type Plan = {
  readonly name: string;
  readonly seed: number;
  readonly nodes: number;
  readonly spares?: number;
  readonly settings?: Partial<Settings>;
  /** Of the links between servers; `null` is no limit. */
  readonly bytesPerSecond?: number | null;
  readonly durationMs: number;
  readonly faults: readonly FaultAction[];
  readonly operations: readonly ScheduledOperation[];
};

export function scheduleOf(plan: Plan): Schedule {
  const { spares = 0, nodes, settings, bytesPerSecond = null } = plan;
  const delayUs = between(fork(plan.seed, 'availability link'), ...DELAY_US);
  return {
    schemaVersion: SCHEDULE_VERSION,
    name: plan.name,
    seed: plan.seed,
    nodes,
    spares,
    settings: { ...SETTINGS, ...settings },
    batchCommands: 512,
    link: { ...PERFECT, delayMs: delayUs / US_PER_MS, bytesPerSecond },
    clientLink: CLIENT_LINK,
    disk: { latencyMs: [0.1, 1], torn: 0, late: 0 },
    clocks: nodeIds(nodes + spares).map(() => ({ offsetMs: 0, driftPpm: 0 })),
    clients: {
      count: CLIENTS,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      retryMs: RETRY_MS,
      registered: false,
      sessionsMax: 10_000,
    },
    durationMs: plan.durationMs,
    faults: plan.faults,
    operations: plan.operations,
    recovery: { core: nodeIds(nodes), others: 'healed', boundMs: 10_000 },
  };
}

/**
 * Small puts and gets in turn, each at a moment drawn within its share of the time: an open load,
 * which does not wait for the cluster. Drawn moments without shares would leave gaps by themselves.
 */
export function smallRequests(seed: number, fromMs: number, toMs: number): ScheduledOperation[] {
  const rng = fork(seed, 'availability load');
  const spacingMs = 1000 / REQUESTS_PER_SECOND;
  const count = Math.floor((toMs - fromMs) / spacingMs);
  return Array.from({ length: count }, (_, i) => {
    const withinMs = between(rng, 0, spacingMs * US_PER_MS) / US_PER_MS;
    const atMs = fromMs + i * spacingMs + withinMs;
    const client = between(rng, 0, CLIENTS - 1);
    const key = `k${between(rng, 1, KEYS)}`;
    if (i % 2 === 1) return { atMs, client, op: 'get', key };
    return { atMs, client, op: 'put', key, value: `v${i}` };
  });
}

export type LargePuts = {
  readonly count: number;
  readonly bytes: number;
  /** Fewer than puts: a log is longer than the state that it leads to. */
  readonly keys: number;
};

/** A log worth catching up with, every put in an entry of its own. */
export function largePuts({ count, bytes, keys }: LargePuts, span: Span): ScheduledOperation[] {
  return Array.from({ length: count }, (_, i) => ({
    atMs: span.fromMs + (i * (span.toMs - span.fromMs)) / count,
    client: i % CLIENTS,
    op: 'put',
    key: `large ${i % keys}`,
    value: `${i} `.padEnd(bytes, '.'),
  }));
}
