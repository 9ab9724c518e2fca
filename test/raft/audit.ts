/**
 * What must hold between servers (dissertation, figure 3.2), checked after every event of a
 * network: over what the servers remember and over what their disks would bring back.
 */
import { checkState } from '../../src/raft/invariants.ts';
import { lastIndex, termAt } from '../../src/raft/log.ts';
import { peersOf, voteResult } from '../../src/raft/quorum.ts';
import type { Configuration, Entry, Index, NodeId, RaftState, Term } from '../../src/raft/types.ts';
import type { Network, Server } from './network.ts';

export type Audit = {
  /** Who has led each term. */
  readonly leaders: Map<Term, NodeId>;
  /**
   * Every entry that any server has known to be committed, the term in which that was first so, and
   * the digest of a machine that has executed all up to there.
   */
  readonly committed: {
    readonly entry: Entry;
    readonly inTerm: Term;
    readonly digest: number;
  }[];
};

export function createAudit(): Audit {
  return { leaders: new Map(), committed: [] };
}

/**
 * "If a server has applied a log entry at a given index to its state machine, no other server will
 * ever apply a different log entry for the same index." §3.6.3; and a snapshot stands for them all.
 */
export function auditApplied(audit: Audit, server: Server, entry: Entry | null): void {
  const { id, machine, state } = server;
  const known = audit.committed[machine.index - 1];
  const inTerm = state?.persistent.currentTerm ?? 0;
  if (known === undefined && entry !== null) {
    audit.committed.push({ entry, inTerm, digest: machine.digest });
  } else if (known === undefined) {
    fail('State Machine Safety', `${id} has a snapshot of ${machine.index}, not committed before`);
  } else if (known.digest !== machine.digest) {
    fail('State Machine Safety', `${id} has another state after ${machine.index}`);
  }
}

/** Throws at the first property that does not hold. */
export function auditNetwork(audit: Audit, network: Network): void {
  const running: RaftState[] = [];
  for (const { state } of network.servers.values()) if (state !== null) running.push(state);
  for (const state of running) {
    checkState(state);
    electionSafety(audit, state);
    commitIndexIsCommitted(audit, state);
  }
  for (const state of running) leaderCompleteness(audit, state);
  running.forEach((one, i) => {
    for (const other of running.slice(i + 1)) logMatching(one, other);
  });
  for (const server of network.servers.values()) persistedIsDurable(server);
  committedIsDurable(audit, network);
}

/** "At most one leader can be elected in a given term." §3.4 */
function electionSafety(audit: Audit, state: RaftState): void {
  if (state.role.kind !== 'leader') return;
  const { currentTerm } = state.persistent;
  const leader = audit.leaders.get(currentTerm) ?? state.id;
  audit.leaders.set(currentTerm, leader);
  if (leader !== state.id)
    fail('Election Safety', `${leader} and ${state.id}, term ${currentTerm}`);
}

/** What has been applied here was the same everywhere; it must still be what the log holds. */
function commitIndexIsCommitted(audit: Audit, { id, persistent, volatile }: RaftState): void {
  const index = volatile.commitIndex;
  const known = audit.committed[index - 1];
  if (index === 0 || known?.entry.term === termAt(persistent.log, index)) return;
  fail('State Machine Safety', `${id} holds another entry ${index} than was committed`);
}

/**
 * "If two logs contain an entry with the same index and term, then the logs are identical …" §3.5
 */
function logMatching(one: RaftState, other: RaftState): void {
  const logs = [one.persistent.log, other.persistent.log] as const;
  const base = Math.max(logs[0].baseIndex, logs[1].baseIndex);
  let index = Math.min(lastIndex(logs[0]), lastIndex(logs[1]));
  while (index > base && termAt(logs[0], index) !== termAt(logs[1], index)) index--;
  for (; index > base; index--) {
    if (sameEntry(entryAt(logs[0], index), entryAt(logs[1], index))) continue;
    fail('Log Matching', `${one.id} and ${other.id} differ at ${index} and agree behind it`);
  }
}

/** "If a log entry is committed in a given term, then that entry will be present in the logs of the
 * leaders for all higher-numbered terms." §3.6 */
function leaderCompleteness(audit: Audit, state: RaftState): void {
  if (state.role.kind !== 'leader') return;
  const { currentTerm, log } = state.persistent;
  for (const { entry, inTerm } of audit.committed.slice(log.baseIndex)) {
    if (inTerm >= currentTerm || sameEntry(entryAt(log, entry.index), entry)) continue;
    fail('Leader Completeness', `${state.id} leads term ${currentTerm} without ${entry.index}`);
  }
}

/** §3.8: what a server believes to be on its disk is there. */
function persistedIsDurable({ id, disk, state }: Server): void {
  if (state === null) return;
  const { log } = state.persistent;
  const saved = Math.max(log.baseIndex, disk.snapshot?.meta.index ?? 0);
  for (let index: Index = state.volatile.persistedIndex; index > saved; index--) {
    if (sameEntry(entryAt(log, index), entryAt(disk, index))) continue;
    fail('Persistence', `${id} counts ${index} as durable, its disk does not hold it`);
  }
  // §5.1: what is cut off a log is in a snapshot by then.
  const cut = Math.max(log.baseIndex, disk.baseIndex);
  if (cut > (disk.snapshot?.meta.index ?? 0)) fail('Compaction', `${id} has no snapshot of ${cut}`);
}

/**
 * §3.8: a committed entry stands on the disks of a majority, whoever crashes now: of the members
 * that the committed entries name, or of those that follow them in some log already. If the entry
 * was committed by a configuration that was rolled back since, then on so many that no majority is
 * without it (§4.1: the two overlap).
 */
function committedIsDurable(audit: Audit, network: Network): void {
  const latest = latestCommitted(audit, network);
  const memberships = possibleMemberships(audit, network);
  for (const { entry } of audit.committed) {
    const holds: Record<NodeId, boolean> = {};
    const lacks: Record<NodeId, boolean> = {};
    for (const { id, disk } of network.servers.values()) {
      const covered = entry.index <= (disk.snapshot?.meta.index ?? 0);
      holds[id] = covered || sameEntry(entryAt(disk, entry.index), entry);
      lacks[id] = !holds[id];
    }
    if (memberships.some((members) => voteResult(members, holds) === 'won')) continue;
    if (voteResult(latest, lacks) !== 'won') continue;
    fail('Durable Commit', `entry ${entry.index} is committed and on a minority of the disks`);
  }
}

/**
 * Who belongs to the cluster, or may yet, as the logs of those who do say. Others, too, may hold
 * configurations that make them members: these were overtaken.
 */
export function membersOf(audit: Audit, network: Network): NodeId[] {
  const members = new Set(peersOf(latestCommitted(audit, network), ''));
  for (const id of members) {
    const server = network.servers.get(id);
    if (server === undefined) continue;
    for (const configuration of openConfigurations(audit, server)) {
      for (const other of peersOf(configuration, '')) members.add(other);
    }
  }
  return [...members];
}

function possibleMemberships(audit: Audit, network: Network): Configuration[] {
  const servers = [...network.servers.values()];
  const open = servers.flatMap((server) => openConfigurations(audit, server));
  return [latestCommitted(audit, network), ...open];
}

function latestCommitted(audit: Audit, network: Network): Configuration {
  for (const { entry } of [...audit.committed].reverse()) {
    if (entry.kind === 'configuration') return entry.configuration;
  }
  return network.configuration;
}

/** Those in its log that are not committed; a leader goes by one before it is on any disk. */
function openConfigurations(audit: Audit, { disk, state }: Server): Configuration[] {
  return [...disk.entries, ...(state?.persistent.log.entries ?? [])].flatMap((entry) =>
    entry.kind === 'configuration' && entry.index > audit.committed.length
      ? [entry.configuration]
      : [],
  );
}

type Part = { readonly baseIndex: Index; readonly entries: readonly Entry[] };

function entryAt({ baseIndex, entries }: Part, index: Index): Entry | undefined {
  return entries[index - baseIndex - 1];
}

function sameEntry(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  if (one.index !== other.index || one.term !== other.term || one.kind !== other.kind) return false;
  if (one.kind !== 'command' || other.kind !== 'command') return true;
  const { command } = other;
  return (
    one.command.length === command.length && one.command.every((byte, i) => byte === command[i])
  );
}

function fail(property: string, what: string): never {
  throw new Error(`${property} does not hold: ${what}`);
}
