/**
 * §5.1: a follower that lags too far is sent a snapshot. Each new snapshot of the leader makes it
 * begin again, so a follower that goes on answering must be left to finish the one that it has
 * begun, until the leader's log has grown to several times its bounds.
 */
import type { Effect, Input, NodeId, RaftState } from '../../src/raft/types.ts';
import { fail } from './properties.ts';

/** How far beyond its bounds a log may grow before the leader need wait no longer. */
const BOUNDS_KEPT = 4;
const US_PER_MS = 1000;

export class SnapshotTransfers {
  /** By leader and follower: when the follower last answered a chunk, on the leader's clock. */
  readonly #answeredUs = new Map<NodeId, Map<NodeId, number>>();

  /** After every step. */
  stepped(input: Input, effects: readonly Effect[], state: RaftState): void {
    if (state.role.kind !== 'leader') {
      this.#answeredUs.delete(state.id);
      return;
    }
    if (input.kind === 'message' && input.message.kind === 'InstallSnapshotResponse') {
      this.#answered(state.id).set(input.message.from, input.nowUs);
    }
    // An operator may ask for one at any time.
    if (input.kind !== 'applied' || !effects.some(({ kind }) => kind === 'takeSnapshot')) return;
    const { persistent, settings, volatile } = state;
    const entries = volatile.lastApplied - (persistent.snapshot?.index ?? 0);
    const entriesKept = BOUNDS_KEPT * settings.snapshotEntries;
    const bytesKept = BOUNDS_KEPT * settings.snapshotBytes;
    if (entries >= entriesKept || volatile.bytesSinceSnapshot >= bytesKept) return;
    for (const { id, snapshot } of state.role.progress) {
      const answeredUs = this.#answered(state.id).get(id) ?? Number.NEGATIVE_INFINITY;
      const silentMs = (input.nowUs - answeredUs) / US_PER_MS;
      if (snapshot === null || silentMs >= settings.electionTimeoutMs[0]) continue;
      fail(
        'snapshotTransferEnds',
        `${state.id} takes a snapshot ${entries} entries after the one that ${id} is receiving, ` +
          `which has answered ${silentMs} ms before`,
      );
    }
  }

  #answered(leader: NodeId): Map<NodeId, number> {
    let answered = this.#answeredUs.get(leader);
    if (answered === undefined) {
      answered = new Map();
      this.#answeredUs.set(leader, answered);
    }
    return answered;
  }
}
