/**
 * The end of every trial: with all faults healed, is what the clients were told still true? Judged
 * from outside: from the disks, from what each client was told, and from the nodes' own counts and
 * digests, with a model of sessions and one of the store, written apart from the state machine.
 */
import { contentDigest } from '../src/kv.ts';
import type { Entry, NodeId } from '../src/raft/types.ts';
import { ByteTable } from '../src/table.ts';
import type { Model } from './model.ts';
import { countLost, type Replay, replayCommitted, type TextOf } from './replay.ts';
import type { Status } from './threads/node-worker.ts';

export type Evidence = {
  /** Every node's state, asked for with digests once all had come to rest. */
  readonly statuses: readonly Status[];
  /** What every node's disk holds, in the order of `statuses`. */
  readonly logs: readonly (readonly Entry[])[];
  /** Per client, counted from 0: a byte per request number, 1 where a write was acknowledged. */
  readonly acknowledged: readonly Uint8Array[];
  /** Nodes the cluster has; a node without a status has not come back. */
  readonly nodes: readonly NodeId[];
};

export type Verdict = {
  readonly acknowledgedWritesLost: number;
  readonly writesAppliedTwice: number;
  readonly replicasEqual: boolean;
  /** `ok`, or what does not hold, in sentences. */
  readonly audit: string;
};

/**
 * O(entries × nodes) comparisons of bytes, O(commands) of bookkeeping, and a model of the store
 * that executes every command once more.
 */
export function audit(evidence: Evidence): Verdict {
  const { statuses, logs } = evidence;
  const longest = longestCommitted(statuses, logs);
  const replay = replayCommitted(longest, latin1Reader());
  const expected = digestOf(replay.model);
  const unequal = replicas(statuses);
  const lost = countLost(evidence.acknowledged, replay.executed);
  const { twice, sentences } = executions(statuses, replay);
  const complaints = [
    ...leadership(evidence),
    ...unequal,
    ...committedLogs(statuses, logs, longest),
    ...(lost > 0 ? [`${lost} acknowledged writes are not in the committed log`] : []),
    ...sentences,
    ...contents(statuses, longest, expected),
  ];
  return {
    acknowledgedWritesLost: lost,
    writesAppliedTwice: twice,
    replicasEqual: statuses.length === evidence.nodes.length && unequal.length === 0,
    audit: complaints.length === 0 ? 'ok' : complaints.join('; '),
  };
}

function leadership({ statuses, nodes }: Evidence): string[] {
  const complaints: string[] = [];
  const missing = nodes.filter((id) => !statuses.some((status) => status.id === id));
  if (missing.length > 0) complaints.push(`${missing.join(', ')} did not come back`);
  const leaders = statuses.filter(({ role }) => role === 'leader');
  const [leader] = leaders;
  if (leader === undefined || leaders.length > 1) {
    const names = leaders.map(({ id, term }) => `${id} in term ${term}`).join(', ');
    complaints.push(`one leader is expected, there are ${leaders.length}${names && `: ${names}`}`);
    return complaints;
  }
  for (const { id, leaderId, term } of statuses) {
    if (leaderId !== leader.id || term !== leader.term) {
      complaints.push(`${id} follows ${leaderId ?? 'nobody'} in term ${term}, not ${leader.id}`);
    }
  }
  return complaints;
}

/** Equal state at the same index on all replicas. */
function replicas(statuses: readonly Status[]): string[] {
  const [first] = statuses;
  if (first === undefined) return ['no node is left'];
  const complaints: string[] = [];
  for (const { id, lastApplied, digest } of statuses.slice(1)) {
    if (lastApplied !== first.lastApplied) {
      complaints.push(`${id} has applied ${lastApplied} and ${first.id} ${first.lastApplied}`);
    } else if (digest !== first.digest) {
      complaints.push(`${id} and ${first.id} differ in state at index ${lastApplied}`);
    }
  }
  return complaints;
}

/** Log Matching (§3.5) on what the disks hold, as far as it is committed. */
function committedLogs(
  statuses: readonly Status[],
  logs: readonly (readonly Entry[])[],
  longest: readonly Entry[],
): string[] {
  const complaints: string[] = [];
  statuses.forEach((status, i) => {
    const log = committed(status, logs[i]);
    if (log.length < status.commitIndex) {
      complaints.push(`${status.id} has ${log.length} of ${status.commitIndex} committed entries`);
    }
    const differs = log.findIndex((entry, at) => !sameEntry(entry, longest[at] as Entry));
    if (differs >= 0) complaints.push(`entry ${differs + 1} of ${status.id} differs from others'`);
  });
  return complaints;
}

/** The committed entries of the node that knows most of them: what the cluster has promised. */
function longestCommitted(
  statuses: readonly Status[],
  logs: readonly (readonly Entry[])[],
): readonly Entry[] {
  const all = statuses.map((status, i) => committed(status, logs[i]));
  return all.reduce((longest, log) => (log.length > longest.length ? log : longest), []);
}

function committed(status: Status, log: readonly Entry[] | undefined): readonly Entry[] {
  return log?.slice(0, status.commitIndex) ?? [];
}

function sameEntry(a: Entry, b: Entry): boolean {
  if (a.index !== b.index || a.term !== b.term || a.kind !== b.kind) return false;
  if (a.kind !== 'command' || b.kind !== 'command') return true;
  return Buffer.compare(a.command, b.command) === 0;
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
  for (const { id, executed, lastApplied } of statuses) {
    const expected = countAt[lastApplied] ?? 0;
    twice = Math.max(twice, executed - expected);
    if (executed !== expected) {
      sentences.push(`${id} has executed ${executed} commands where ${expected} take effect`);
    }
  }
  return { twice, sentences };
}

/** What a node that has applied all of it holds must be what the model holds. */
function contents(
  statuses: readonly Status[],
  longest: readonly Entry[],
  expected: string,
): string[] {
  return statuses
    .filter(({ lastApplied }) => lastApplied === longest.length)
    .filter(({ contentDigest: found }) => found !== expected)
    .map(({ id, contentDigest: found }) => `${id} holds ${found}, its log makes ${expected}`);
}
