/** What a server under Maelstrom is told by its environment, and what it takes for granted. */
import { count, type Kind, range } from '../config-values.ts';
import type { Settings } from '../raft/types.ts';
import { mistake } from '../user-error.ts';

export type MaelstromSettings = {
  readonly settings: Settings;
  /** Each server has a directory of its own in it; `null` keeps all in memory. */
  readonly dataDirectory: string | null;
  /** After it a request is answered, whatever became of it. */
  readonly requestTimeoutMs: number;
};

type Environment = Readonly<Record<string, string | undefined>>;

const MIB = 2 ** 20;

const MILLISECONDS_MAX = 3_600_000;
const MS = count(1, MILLISECONDS_MAX);

/**
 * An election takes two round trips, one for the pre-vote (§9.6). Within 500 ms they may take
 * 125 ms each way, and Maelstrom's latencies are mostly below; of its partitions, 10 s long, a new
 * leader still has the most. Four heartbeats may be lost in a row.
 */
const ELECTION_TIMEOUT_MS = '500-1000';
const HEARTBEAT_MS = '100';
/** Below the second that a client waits at least. */
const REQUEST_TIMEOUT_MS = '900';

/** Throws a UserError. An empty variable counts as not set. */
export function readSettings(environment: Environment): MaelstromSettings {
  const read = <V>(name: string, kind: Kind<V>, otherwise: string): V => {
    const text = environment[name] || otherwise;
    const parsed = kind.parse(text);
    if ('value' in parsed) return parsed.value;
    throw mistake(name, text, parsed.allowed);
  };
  const timeout = range(MILLISECONDS_MAX);
  const electionTimeoutMs = read('MAELSTROM_ELECTION_TIMEOUT_MS', timeout, ELECTION_TIMEOUT_MS);
  const [low] = electionTimeoutMs;
  // Followers that hear no heartbeat within an election timeout stand for election.
  const heartbeatMs = read('MAELSTROM_HEARTBEAT_MS', MS, HEARTBEAT_MS);
  if (heartbeatMs >= low) {
    const allowed = `less than ${low}, the shortest election timeout`;
    throw mistake('MAELSTROM_HEARTBEAT_MS', String(heartbeatMs), allowed);
  }
  return {
    settings: { ...FIXED, electionTimeoutMs, heartbeatMs },
    dataDirectory: environment.MAELSTROM_DATA || null,
    requestTimeoutMs: read('MAELSTROM_REQUEST_TIMEOUT_MS', MS, REQUEST_TIMEOUT_MS),
  };
}

const FIXED: Omit<Settings, 'electionTimeoutMs' | 'heartbeatMs'> = {
  preVote: true,
  checkQuorum: true,
  leaderStickiness: true,
  parallelDiskWrite: true,
  windowMessages: 16,
  batchEntries: 256,
  batchBytes: MIB,
  windowBytes: 4 * MIB,
  uncommittedBytes: 16 * MIB,
  snapshotEntries: 10_000,
  snapshotBytes: 16 * MIB,
  keptEntries: 1000,
  keptBytes: MIB,
  chunkBytes: 64 * 1024,
  clockDriftPpm: null,
  catchUpTimeoutMs: 10_000,
  adaptiveTimeout: null,
};
