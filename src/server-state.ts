/** What a server tells of itself: to health checks, to people who look for a cause, to metrics. */
import { getHeapStatistics } from 'node:v8';
import type { Health } from './http/service.ts';
import type { Member } from './member.ts';
import { addressOf } from './raft/identity.ts';
import { bytesFrom, lastIndex, lastTerm, latestConfiguration } from './raft/log.ts';
import type { RaftState } from './raft/types.ts';
import type { Removed } from './removal.ts';
import type { WsPeers } from './transport/ws-peers.ts';

export function healthOf({ id, persistent, role, volatile }: RaftState): Health {
  const { log, currentTerm } = persistent;
  const { voters, learners } = latestConfiguration(log);
  const { commitIndex, lastApplied, leaderId } = volatile;
  return {
    id: addressOf(id),
    role: role.kind,
    leader: leaderId === null ? null : addressOf(leaderId),
    term: currentTerm,
    commitIndex,
    lastApplied,
    lastLogIndex: lastIndex(log),
    voters: voters.map(addressOf),
    learners: learners.map(addressOf),
  };
}

export type Circumstances = {
  readonly removed: Removed | null;
  readonly storageFull: boolean;
  readonly requestsWaiting: number;
};

/** O(log), which SNAPSHOT_EVERY bounds: it says how many bytes the log has. */
export function debugStateOf(
  member: Member,
  peers: WsPeers,
  circumstances: Circumstances,
): Readonly<Record<string, unknown>> {
  const { record, node, keys, sessions } = member;
  const { persistent, role, volatile } = node.state;
  const { currentTerm, votedFor, log, snapshot } = persistent;
  return {
    ...healthOf(node.state),
    name: record.name,
    incarnation: record.incarnation,
    clusterId: record.clusterId,
    recoveredFrom: record.recoveredFrom ?? null,
    roleReason: role.reason,
    currentTerm,
    votedFor,
    configuration: latestConfiguration(log),
    log: {
      baseIndex: log.baseIndex,
      baseTerm: log.baseTerm,
      lastIndex: lastIndex(log),
      lastTerm: lastTerm(log),
      entries: log.entries.length,
      bytes: bytesFrom(log, log.baseIndex + 1),
      durableIndex: volatile.persistedIndex,
    },
    snapshot: snapshot === null ? null : { index: snapshot.index, term: snapshot.term },
    takingSnapshot: volatile.takingSnapshot,
    timersLate: node.timersLate,
    progress: role.kind === 'leader' ? role.progress : null,
    stateMachine: { keys, sessions },
    peers: peers.stats(),
    damagedFrames: peers.damaged,
    ...circumstances,
    processId: process.pid,
    uptimeS: Math.round(process.uptime()),
    memory: memoryUsage(),
  };
}

/** The resident set is read from a file, for which there may be no descriptor. */
function memoryUsage(): Readonly<Record<string, number | null>> {
  try {
    return { ...process.memoryUsage() };
  } catch {
    const { total_heap_size, used_heap_size, external_memory } = getHeapStatistics();
    const heap = { heapTotal: total_heap_size, heapUsed: used_heap_size };
    return { rss: null, ...heap, external: external_memory };
  }
}

/** By metric name; what only grows ends in `_total`. */
export function gaugesOf(
  member: Member,
  peers: WsPeers,
  requestsWaiting: number,
): Readonly<Record<string, number>> {
  const { persistent, role, volatile } = member.node.state;
  const { log, currentTerm, snapshot } = persistent;
  const stats = peers.stats();
  const total = (of: (peer: (typeof stats)[number]) => number): number =>
    stats.reduce((sum, peer) => sum + of(peer), 0);
  return {
    raft_is_leader: role.kind === 'leader' ? 1 : 0,
    raft_knows_leader: volatile.leaderId === null ? 0 : 1,
    raft_term: currentTerm,
    raft_commit_index: volatile.commitIndex,
    raft_last_applied: volatile.lastApplied,
    raft_last_log_index: lastIndex(log),
    raft_durable_index: volatile.persistedIndex,
    raft_log_entries: log.entries.length,
    raft_snapshot_index: snapshot?.index ?? 0,
    raft_voters: latestConfiguration(log).voters.length,
    raft_timers_late_total: member.node.timersLate,
    raft_peers_connected: total(({ connected }) => (connected ? 1 : 0)),
    raft_messages_sent_total: total(({ messagesSent }) => messagesSent),
    raft_messages_dropped_total: total(({ messagesDropped }) => messagesDropped),
    raft_bytes_sent_total: total(({ bytesSent }) => bytesSent),
    raft_frames_damaged_total: peers.damaged,
    ...Object.fromEntries(
      [...peers.flaws].map(([flaw, count]) => [
        `raft_messages_refused_total{reason="${flaw}"}`,
        count,
      ]),
    ),
    kv_keys: member.keys,
    kv_sessions: member.sessions,
    requests_waiting: requestsWaiting,
  };
}
