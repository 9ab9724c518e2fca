/** What a run has put to the test, counted as it goes, and whether that was enough. */
import type { Effect, Entry, Message, RaftState, Term } from '../../src/raft/types.ts';
import type { FaultAction } from '../faults.ts';
import type { HistoryOperation } from '../history.ts';
import type { Schedule } from '../schedule.ts';
import type { Coverage } from '../verdict.ts';

/** A run proves little if fewer than this share of its faults changed anything. */
const BITTEN_SHARE_MIN = 0.4;
/** And little if fewer than this share of what clients called was served. */
const SERVED_SHARE_MIN = 0.25;
/** So often must a schedule strike at leaders for one to be lost. */
const STRIKES_MIN = 3;

export class Counts {
  crashes = 0;
  disksLost = 0;
  messagesSent = 0;
  messagesDropped = 0;
  #snapshotsInstalled = 0;
  #handovers = 0;
  /** The terms that had a leader, and those in which one was asked to begin (§3.10). */
  readonly #terms = new Set<Term>();
  readonly #handoverTerms = new Set<Term>();

  sent(message: Message): void {
    this.messagesSent++;
    if (message.kind === 'RequestVote' && message.leadershipTransfer) {
      this.#handoverTerms.add(message.term);
    }
  }

  stepped(effects: readonly Effect[]): void {
    for (const { kind } of effects) if (kind === 'install') this.#snapshotsInstalled++;
  }

  elected({ persistent }: RaftState): void {
    const { currentTerm } = persistent;
    this.#terms.add(currentTerm);
    if (this.#handoverTerms.has(currentTerm)) this.#handovers++;
  }

  coverage(
    faults: { readonly scheduled: number; readonly bit: number },
    history: readonly HistoryOperation[],
    committed: readonly Entry[],
  ): Coverage {
    const outcomes = { ok: 0, fail: 0, unknown: 0 };
    for (const { outcome } of history) outcomes[outcome]++;
    let configurations = 0;
    for (const { kind } of committed) if (kind === 'configuration') configurations++;
    return {
      faultsScheduled: faults.scheduled,
      faultsBit: faults.bit,
      messagesSent: this.messagesSent,
      messagesDropped: this.messagesDropped,
      crashes: this.crashes,
      disksLost: this.disksLost,
      leaderChanges: Math.max(0, this.#terms.size - 1),
      handovers: this.#handovers,
      configurations,
      snapshotsInstalled: this.#snapshotsInstalled,
      operationsOk: outcomes.ok,
      operationsFailed: outcomes.fail,
      operationsUnknown: outcomes.unknown,
    };
  }
}

/** Why a run that broke nothing proves nothing; `null` if it does. */
export function vacuity(schedule: Schedule, coverage: Coverage): string | null {
  const { faultsBit, faultsScheduled, leaderChanges, messagesDropped, operationsOk } = coverage;
  const operations = operationsOk + coverage.operationsFailed + coverage.operationsUnknown;
  if (faultsBit < faultsScheduled * BITTEN_SHARE_MIN) {
    return `${faultsBit} of ${faultsScheduled} faults changed anything`;
  }
  if (schedule.faults.filter(strikesLeader).length >= STRIKES_MIN && leaderChanges === 0) {
    return 'faults aim at the leader, and no leader was lost';
  }
  if (schedule.link.loss > 0 && messagesDropped === 0) {
    return 'the links lose messages, and none was lost';
  }
  if (schedule.operations.length > 0 && operationsOk < operations * SERVED_SHARE_MIN) {
    return `${operationsOk} of ${operations} operations were served`;
  }
  return null;
}

/** Meant to cost the leader its lead, whatever it comes to. */
function strikesLeader({ fault }: FaultAction): boolean {
  switch (fault.kind) {
    case 'crash':
    case 'pause':
    case 'suspend':
      return fault.node === 'leader';
    case 'partition':
      return fault.groups.some((group) => group.length === 1 && group[0] === 'leader');
    default:
      return false;
  }
}
