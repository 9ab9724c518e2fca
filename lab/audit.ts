/**
 * The end of every trial: with all faults healed, is what the clients were told still true? Judged
 * from outside: from the disks, from what each client was told, and from the nodes' own counts and
 * digests, with a model of sessions and one of the store, written apart from the state machine.
 */
import { OperationReader } from '../src/command.ts';
import { contentDigest, SESSION_WINDOW } from '../src/kv.ts';
import type { Entry, NodeId } from '../src/raft/types.ts';
import { ByteTable } from '../src/table.ts';
import { Model } from './model.ts';
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
  const replay = replayCommitted(longest);
  const unequal = replicas(statuses);
  const lost = countLost(evidence.acknowledged, replay.executed);
  const { twice, sentences } = executions(statuses, replay);
  const complaints = [
    ...leadership(evidence),
    ...unequal,
    ...committedLogs(statuses, logs, longest),
    ...(lost > 0 ? [`${lost} acknowledged writes are not in the committed log`] : []),
    ...sentences,
    ...contents(statuses, longest, replay),
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

type Replay = {
  /** Per client id: a byte per request number, 1 where a write takes effect. */
  readonly executed: ReadonlyMap<number, Uint8Array>;
  /** By index, how many commands have taken effect up to there. */
  readonly countAt: readonly number[];
  /** Digest of what a store holds that has executed them. */
  readonly contentDigest: string;
};

/**
 * Which commands of a log take effect, by the rule of §6.3 alone: the first of each client and
 * request number, unless the client had by then declared that it waits for it no longer, or is
 * further ahead of what it still waits for than a session keeps answers.
 */
function replayCommitted(log: readonly Entry[]): Replay {
  const executed = new Map<number, Uint8Array>();
  const lowestPending = new Map<number, number>();
  const model = new Model();
  const countAt = [0];
  let count = 0;
  for (const entry of log) {
    if (entry.kind === 'command') {
      const command = new OperationReader(entry.command);
      const { buffer, byteOffset, byteLength } = entry.command;
      const bytes = Buffer.from(buffer, byteOffset, byteLength);
      // A string of as many characters as bytes.
      const text = (start: number, end: number): string => bytes.toString('latin1', start, end);
      while (command.next()) {
        if (!takesEffect(command, executed, lowestPending)) continue;
        count++;
        const { kind, keyStart, valueStart, hasValue, hasExpected } = command;
        const valueEnd = valueStart + command.valueLength;
        model.execute(
          kind,
          text(keyStart, valueStart),
          hasValue ? text(valueStart, valueEnd) : null,
          hasExpected ? text(valueEnd, valueEnd + command.expectedLength) : null,
        );
      }
    }
    countAt.push(count);
  }
  return { executed, countAt, contentDigest: digestOf(model) };
}

function takesEffect(
  command: OperationReader,
  executed: Map<number, Uint8Array>,
  lowestPending: Map<number, number>,
): boolean {
  const { clientId, requestNumber } = command;
  const lowest = Math.max(lowestPending.get(clientId) ?? 0, command.lowestPending);
  lowestPending.set(clientId, lowest);
  const seen = withRoom(executed, clientId, requestNumber);
  if (requestNumber < lowest || requestNumber - lowest >= SESSION_WINDOW) return false;
  if (seen[requestNumber] === 1) return false;
  seen[requestNumber] = 1;
  return true;
}

function digestOf(model: Model): string {
  const table = new ByteTable();
  for (const [key, value] of model.state) {
    const record = Buffer.from(key + value, 'latin1');
    table.set(record, 0, key.length, key.length, value.length);
  }
  return contentDigest(table);
}

function withRoom(
  executed: Map<number, Uint8Array>,
  clientId: number,
  requestNumber: number,
): Uint8Array {
  const seen = executed.get(clientId) ?? new Uint8Array(1024);
  if (requestNumber < seen.byteLength) {
    executed.set(clientId, seen);
    return seen;
  }
  const grown = new Uint8Array(Math.max(seen.byteLength * 2, requestNumber + 1));
  grown.set(seen);
  executed.set(clientId, grown);
  return grown;
}

function countLost(
  acknowledged: readonly Uint8Array[],
  executed: ReadonlyMap<number, Uint8Array>,
): number {
  let lost = 0;
  acknowledged.forEach((told, client) => {
    const seen = executed.get(client + 1);
    for (let requestNumber = 1; requestNumber < told.byteLength; requestNumber++) {
      if (told[requestNumber] === 1 && seen?.[requestNumber] !== 1) lost++;
    }
  });
  return lost;
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
  { contentDigest: expected }: Replay,
): string[] {
  return statuses
    .filter(({ lastApplied }) => lastApplied === longest.length)
    .filter(({ contentDigest: found }) => found !== expected)
    .map(({ id, contentDigest: found }) => `${id} holds ${found}, its log makes ${expected}`);
}
