/**
 * Linearizable reads without writing to the log (§6.4): ReadIndex, many reads to a round of
 * heartbeats.
 *
 * A read takes an index that covers every write acknowledged before it came in, waits until a
 * quorum confirms, by a round begun after that, that this server still leads, and is served once
 * that index has been applied.
 */
import { answer, type Context } from './context.ts';
import * as log from './log.ts';
import { committedIndex } from './quorum.ts';
import { broadcastRound, progressOf } from './replication.ts';
import type { LeaderRole } from './types.ts';

export function handleRead(context: Context, leader: LeaderRole, id: number): void {
  // §6.4, step 1: until an entry of its own term has committed, a leader does not know which
  // entries are. The no-op that began the term lies behind all of them: a read that waits for it to
  // be applied has waited for its commitment.
  const index = Math.max(context.state.volatile.commitIndex, leader.termStartIndex);
  // A round under way may have begun before this read came in: the read belongs to the next one.
  leader.reads.push({ id, index, round: leader.readRound + 1 });
  if (leader.confirmedRound === leader.readRound) beginRound(context, leader);
}

function beginRound(context: Context, leader: LeaderRole): void {
  leader.readRound++;
  broadcastRound(context, leader);
  // A leader without peers is a quorum by itself.
  confirmRounds(context, leader);
}

/** Answers the reads whose round a quorum has confirmed, and begins the next if others wait. */
export function confirmRounds(context: Context, leader: LeaderRole): void {
  const { id, persistent } = context.state;
  if (leader.confirmedRound === leader.readRound) return;
  const confirmed = committedIndex(log.latestConfiguration(persistent.log), (voter) =>
    voter === id ? leader.readRound : (progressOf(leader, voter)?.readRound ?? 0),
  );
  if (confirmed <= leader.confirmedRound) return;
  leader.confirmedRound = confirmed;
  let answered = 0;
  for (const read of leader.reads) {
    if (read.round > confirmed) break;
    answer(context, read.id, { kind: 'readable', index: read.index });
    answered++;
  }
  leader.reads.splice(0, answered);
  if (leader.reads.length > 0 && confirmed === leader.readRound) beginRound(context, leader);
}
