/** Leadership transfer (§3.10): the leader brings a server up to date, and has it time out. */
import { answer, type Context, reject, send } from './context.ts';
import * as log from './log.ts';
import { progressOf, replicate } from './replication.ts';
import type { LeaderRole, NodeId } from './types.ts';

const US_PER_MS = 1000;

export function handleTransfer(context: Context, leader: LeaderRole, id: number, to: NodeId): void {
  const { nowUs, state } = context;
  const { persistent, settings, volatile } = state;
  if (to === state.id) {
    answer(context, id, { kind: 'done' });
    return;
  }
  if (!log.latestConfiguration(persistent.log).voters.includes(to)) {
    reject(context, id, 'notVoter');
    return;
  }
  if (volatile.transfer !== null) {
    reject(context, id, 'transferring');
    return;
  }
  // "If leadership transfer does not complete after about an election timeout, the prior leader
  // aborts the transfer and resumes accepting client requests."
  const deadlineUs = nowUs + Math.round(settings.electionTimeoutMs[1] * US_PER_MS);
  volatile.transfer = { id, to, deadlineUs, calledIndex: 0 };
  // For the rest of the term: the message that was sent may arrive long after it was given up.
  leader.leaseVoid = true;
  replicate(context, leader);
}

/** Once the target's log is complete it is told to begin, and once more if the log then grows. */
export function callSuccessor(context: Context, leader: LeaderRole): void {
  const { persistent, volatile } = context.state;
  const calledIndex = volatile.transfer?.calledIndex ?? 0;
  if (calledIndex < log.lastIndex(persistent.log)) urgeSuccessor(context, leader);
}

/** The same, whether it has been told or not: the message may be lost. */
export function urgeSuccessor(context: Context, leader: LeaderRole): void {
  const { persistent, volatile } = context.state;
  if (volatile.transfer === null) return;
  const { to } = volatile.transfer;
  const lastIndex = log.lastIndex(persistent.log);
  if (progressOf(leader, to)?.matchIndex !== lastIndex) return;
  volatile.transfer.calledIndex = lastIndex;
  sendTimeoutNow(context, to);
}

export function sendTimeoutNow(context: Context, to: NodeId): void {
  const { id, persistent } = context.state;
  send(context, { kind: 'TimeoutNow', from: id, to, term: persistent.currentTerm });
}

/** Somebody leads now: whoever asked for the transfer learns whether it is who was meant. */
export function concludeTransfer(context: Context): void {
  const { transfer, leaderId } = context.state.volatile;
  if (transfer === null || leaderId === null) return;
  context.state.volatile.transfer = null;
  if (leaderId === transfer.to) answer(context, transfer.id, { kind: 'done' });
  else reject(context, transfer.id, 'transferTimeout');
}

export function giveUpTransfer(context: Context): void {
  const { transfer } = context.state.volatile;
  if (transfer === null || context.nowUs < transfer.deadlineUs) return;
  context.state.volatile.transfer = null;
  reject(context, transfer.id, 'transferTimeout');
}
