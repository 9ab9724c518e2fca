/**
 * What must hold between servers (dissertation, figure 3.2), checked after every event of a
 * network: over what the servers remember and over what their disks would bring back.
 */
import { checkState } from '../../src/raft/invariants.ts';
import { lastIndex, termAt } from '../../src/raft/log.ts';
import { voteResult } from '../../src/raft/quorum.ts';
import type { Entry, Index, NodeId, RaftState, Term } from '../../src/raft/types.ts';
import type { Network, Server } from './network.ts';

export type Audit = {
  /** Who has led each term. */
  readonly leaders: Map<Term, NodeId>;
  /**
   * Every entry that any server has known to be committed, and the term in which that was first so.
   */
  readonly committed: { readonly entry: Entry; readonly inTerm: Term }[];
};

export function createAudit(): Audit {
  return { leaders: new Map(), committed: [] };
}

/** Throws at the first property that does not hold. */
export function auditNetwork(audit: Audit, network: Network): void {
  const running: RaftState[] = [];
  for (const { state } of network.servers.values()) if (state !== null) running.push(state);
  for (const state of running) {
    checkState(state);
    electionSafety(audit, state);
    stateMachineSafety(audit, state);
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

/**
 * "If two logs contain an entry with the same index and term, then the logs are identical …" §3.5
 */
function logMatching(one: RaftState, other: RaftState): void {
  const logs = [one.persistent.log, other.persistent.log] as const;
  let index = Math.min(lastIndex(logs[0]), lastIndex(logs[1]));
  while (index > 0 && termAt(logs[0], index) !== termAt(logs[1], index)) index--;
  for (; index > 0; index--) {
    if (sameEntry(logs[0].entries[index - 1], logs[1].entries[index - 1])) continue;
    fail('Log Matching', `${one.id} and ${other.id} differ at ${index} and agree behind it`);
  }
}

/** "If a log entry is committed in a given term, then that entry will be present in the logs of the
 * leaders for all higher-numbered terms." §3.6 */
function leaderCompleteness(audit: Audit, state: RaftState): void {
  if (state.role.kind !== 'leader') return;
  const { currentTerm, log } = state.persistent;
  for (const { entry, inTerm } of audit.committed) {
    if (inTerm >= currentTerm || sameEntry(log.entries[entry.index - 1], entry)) continue;
    fail('Leader Completeness', `${state.id} leads term ${currentTerm} without ${entry.index}`);
  }
}

/** "… no other server will ever apply a different log entry for the same index." §3.6.3 */
function stateMachineSafety(audit: Audit, state: RaftState): void {
  const { log, currentTerm } = state.persistent;
  for (let index = 1; index <= state.volatile.commitIndex; index++) {
    const entry = log.entries[index - 1];
    const known = audit.committed[index - 1];
    if (entry === undefined) fail('State Machine Safety', `${state.id} lost ${index}`);
    else if (known === undefined) audit.committed.push({ entry, inTerm: currentTerm });
    else if (!sameEntry(known.entry, entry)) {
      fail('State Machine Safety', `${state.id} commits another entry ${index}`);
    }
  }
}

/** §3.8: what a server believes to be on its disk is there. */
function persistedIsDurable(server: Server): void {
  const { state, disk } = server;
  if (state === null) return;
  const { log } = state.persistent;
  for (let index: Index = state.volatile.persistedIndex; index > 0; index--) {
    if (sameEntry(log.entries[index - 1], disk.entries[index - 1])) continue;
    fail('Persistence', `${server.id} counts ${index} as durable, its disk does not hold it`);
  }
}

/** §3.8: a committed entry stands on the disks of a majority, whoever crashes now. */
function committedIsDurable(audit: Audit, network: Network): void {
  for (const { entry } of audit.committed) {
    const holds: Record<NodeId, boolean> = {};
    for (const { id, disk } of network.servers.values()) {
      holds[id] = sameEntry(disk.entries[entry.index - 1], entry);
    }
    if (voteResult(network.configuration, holds) === 'won') continue;
    fail('Durable Commit', `entry ${entry.index} is committed and on a minority of the disks`);
  }
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
