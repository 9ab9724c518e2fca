/**
 * The end of every trial: with all faults healed, is what the clients were told still true? Judged
 * from outside: from the disks, from what each client was told, and from the nodes' own counts and
 * digests.
 *
 * Where the disks hold the log from its first entry on, it is executed once more, with a model of
 * sessions and one of the store that were written apart from the state machine. Where it has been
 * compacted, what is gone is judged by counts: what each client was told of must have taken effect,
 * and no more than it issued.
 */
import { contentDigest, SESSION_BOUNDS } from '../src/kv.ts';
import type { NodeId } from '../src/raft/types.ts';
import { ByteTable } from '../src/table.ts';
import type { Acknowledged } from './acknowledged.ts';
import { auditCounts } from './audit-counts.ts';
import {
  type CommittedDisk,
  type CommittedLog,
  joinCommitted,
  mismatches,
} from './committed-log.ts';
import type { Model } from './model.ts';
import { countLost, type Replay, replayCommitted, type TextOf } from './replay.ts';
import type { Status } from './threads/node-orders.ts';

export type Evidence = {
  /** Every node's state, asked for with digests and counts once all had come to rest. */
  readonly statuses: readonly Status[];
  /** What every node's disk holds, in the order of `statuses`. */
  readonly disks: readonly CommittedDisk['stored'][];
  readonly acknowledged: Acknowledged;
  /** By client id, writes issued; of those that are not in it nobody has counted them. */
  readonly issued: ReadonlyMap<number, number>;
  /** Most sessions that the state machines keep. */
  readonly sessionsMax: number;
  /** By name, who must be there; one without a status has not come back. */
  readonly members: readonly NodeId[];
};

/** By the log, each write is looked for; by counts, those of each client together. */
export type AuditedBy = 'log' | 'counts';

export type Verdict = {
  /** By counts, at least so many, as `writesAppliedTwice`. */
  readonly acknowledgedWritesLost: number;
  readonly writesAppliedTwice: number;
  readonly replicasEqual: boolean;
  readonly auditedBy: AuditedBy;
  /** `ok`, or what does not hold, in sentences. */
  readonly audit: string;
};

type Judged = { readonly lost: number; readonly twice: number; readonly sentences: string[] };

/**
 * O(entries × nodes) comparisons of bytes, O(commands) of bookkeeping, and, by the log, a model of
 * the store that executes every command once more.
 */
export function audit(evidence: Evidence): Verdict {
  const { members, statuses } = evidence;
  const present = statuses.filter(({ name }) => members.includes(name));
  const unequal = replicas(present);
  const disks = statuses.map(({ name, commitIndex }, i): CommittedDisk => {
    return { id: name, commitIndex, stored: evidence.disks[i] ?? BLANK };
  });
  const log = joinCommitted(disks);
  const auditedBy = log.baseIndex === 0 ? 'log' : 'counts';
  const judged = auditedBy === 'log' ? auditLog(evidence, log) : auditCounts(evidence);
  const complaints = [
    ...leadership(evidence, present),
    ...unequal,
    ...mismatches(disks, log),
    ...judged.sentences,
  ];
  return {
    acknowledgedWritesLost: judged.lost,
    writesAppliedTwice: judged.twice,
    replicasEqual: present.length === members.length && unequal.length === 0,
    auditedBy,
    audit: complaints.length === 0 ? 'ok' : complaints.join('; '),
  };
}

const BLANK: CommittedDisk['stored'] = { baseIndex: 0, baseTerm: 0, entries: [], snapshot: null };

function leadership({ members }: Evidence, present: readonly Status[]): string[] {
  const complaints: string[] = [];
  const missing = members.filter((member) => !present.some(({ name }) => name === member));
  if (missing.length > 0) complaints.push(`${missing.join(', ')} did not come back`);
  const leaders = present.filter(({ role }) => role === 'leader');
  const [leader] = leaders;
  if (leader === undefined || leaders.length > 1) {
    const names = leaders.map(({ name, term }) => `${name} in term ${term}`).join(', ');
    complaints.push(`one leader is expected, there are ${leaders.length}${names && `: ${names}`}`);
    return complaints;
  }
  for (const { name, leaderId, term } of present) {
    if (leaderId !== leader.name || term !== leader.term) {
      complaints.push(
        `${name} follows ${leaderId ?? 'nobody'} in term ${term}, not ${leader.name}`,
      );
    }
  }
  return complaints;
}

/** Equal state at the same index on all replicas. */
function replicas(statuses: readonly Status[]): string[] {
  const [first] = statuses;
  if (first === undefined) return ['no node is left'];
  const complaints: string[] = [];
  for (const { name, lastApplied, digest } of statuses.slice(1)) {
    if (lastApplied !== first.lastApplied) {
      complaints.push(`${name} has applied ${lastApplied} and ${first.name} ${first.lastApplied}`);
    } else if (digest !== first.digest) {
      complaints.push(`${name} and ${first.name} differ in state at index ${lastApplied}`);
    }
  }
  return complaints;
}

// ---- By the log ---------------------------------------------------------------------------------

function auditLog(evidence: Evidence, log: CommittedLog): Judged {
  const { acknowledged, sessionsMax, statuses } = evidence;
  const bounds = { ...SESSION_BOUNDS, sessionsMax };
  const replay = replayCommitted(log.entries, latin1Reader(), bounds);
  const lost = countLost(acknowledged, replay.executed);
  const { twice, sentences } = executions(statuses, replay);
  return {
    lost,
    twice,
    sentences: [
      ...(lost > 0 ? [`${lost} acknowledged writes are not in the committed log`] : []),
      ...sentences,
      ...contents(statuses, log, digestOf(replay.model)),
    ],
  };
}

/** A string of as many characters as bytes; the commands of one entry share a buffer. */
function latin1Reader(): TextOf {
  let last: Uint8Array | null = null;
  let buffer: Buffer = Buffer.alloc(0);
  return (bytes, start, end) => {
    if (bytes !== last) buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    last = bytes;
    return buffer.toString('latin1', start, end);
  };
}

function digestOf(model: Model): string {
  const table = new ByteTable();
  for (const [key, value] of model.state) {
    const record = Buffer.from(key + value, 'latin1');
    table.set(record, 0, key.length, key.length, value.length);
  }
  return contentDigest(table);
}

/**
 * Every node must have executed just as many commands as take effect up to where it has applied the
 * log: more is a retry applied twice.
 */
function executions(
  statuses: readonly Status[],
  { countAt }: Replay,
): { twice: number; sentences: string[] } {
  let twice = 0;
  const sentences: string[] = [];
  for (const { name, executed, lastApplied } of statuses) {
    const expected = countAt[lastApplied] ?? 0;
    twice = Math.max(twice, executed - expected);
    if (executed !== expected) {
      sentences.push(`${name} has executed ${executed} commands where ${expected} take effect`);
    }
  }
  return { twice, sentences };
}

/** What a node that has applied all of it holds must be what the model holds. */
function contents(statuses: readonly Status[], log: CommittedLog, expected: string): string[] {
  return statuses
    .filter(({ lastApplied }) => lastApplied === log.entries.length)
    .filter(({ contentDigest: found }) => found !== expected)
    .map(({ name, contentDigest: found }) => `${name} holds ${found}, its log makes ${expected}`);
}
