/** What a node says of itself when its parent asks. */
import type { Kv } from '../../src/kv.ts';
import { addressOf } from '../../src/raft/identity.ts';
import { checkState } from '../../src/raft/invariants.ts';
import { bytesFrom, lastIndex, latestConfiguration } from '../../src/raft/log.ts';
import type { RaftState } from '../../src/raft/types.ts';
import { memoryAfterCollection, memoryInUse } from './heap.ts';
import type { Asked, Status } from './node-orders.ts';

export function statusOf(state: RaftState, kv: Kv, asked: Asked): Status {
  const { id: name, persistent, role, volatile } = state;
  const { log } = persistent;
  const digest = asked.digest === true;
  // The audit asks for digests, and can afford to look at the whole log.
  if (digest) checkState(state);
  return {
    id: addressOf(name),
    name,
    role: role.kind,
    term: persistent.currentTerm,
    leaderId: volatile.leaderId,
    configuration: latestConfiguration(log),
    commitIndex: volatile.commitIndex,
    lastApplied: volatile.lastApplied,
    lastIndex: lastIndex(log),
    baseIndex: log.baseIndex,
    snapshotIndex: persistent.snapshot?.index ?? 0,
    logBytes: asked.logBytes === true ? bytesFrom(log, log.baseIndex + 1) : null,
    executed: kv.counters.executed,
    executedBy: executedBy(kv, asked.executedBy),
    sessions: kv.sessionCount,
    digest: digest ? kv.digest() : null,
    contentDigest: digest ? kv.contentDigest() : null,
    ...(asked.collect === true ? memoryAfterCollection() : memoryInUse()),
  };
}

function executedBy(kv: Kv, clientIds: readonly number[] | undefined): Map<number, number> | null {
  if (clientIds === undefined) return null;
  return new Map(clientIds.map((clientId) => [clientId, kv.executedOf(clientId)]));
}
