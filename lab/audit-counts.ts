/**
 * The audit where the beginning of the log is gone (§5.1): the state machines count what has taken
 * effect, in all and for each client, and the counts travel with their snapshots.
 */
import type { Evidence } from './audit.ts';
import type { Status } from './threads/node-orders.ts';

type Counted = { lost: number; twice: number; readonly sentences: string[] };

/** Of all nodes that have applied the most: others are compared with them by their digests. */
export function auditCounts(evidence: Evidence): Counted {
  const latest = Math.max(...evidence.statuses.map(({ lastApplied }) => lastApplied));
  const counted: Counted = { lost: 0, twice: 0, sentences: [] };
  for (const status of evidence.statuses) {
    if (status.lastApplied !== latest) continue;
    const { lost, twice, sentences } = countsOf(status, evidence);
    counted.lost = Math.max(counted.lost, lost);
    counted.twice = Math.max(counted.twice, twice);
    counted.sentences.push(...sentences);
  }
  counted.sentences.push(...unequalCounts(evidence.statuses));
  return counted;
}

function countsOf(status: Status, { acknowledged, issued, sessionsMax }: Evidence): Counted {
  const { name, executedBy, sessions } = status;
  const counted: Counted = { lost: 0, twice: 0, sentences: [] };
  const executedOf = (clientId: number): number => executedBy?.get(clientId) ?? 0;
  for (const [clientId, told] of acknowledged) {
    const executed = executedOf(clientId);
    const claimed = told.reduce((sum, each) => sum + each, 0);
    // Only once there are as many as are kept can a session have expired, and its count with it.
    if (executed >= claimed || (executed === 0 && sessions >= sessionsMax)) continue;
    counted.lost += claimed - executed;
    counted.sentences.push(
      `${name} has executed ${executed} requests of client ${clientId}, who was told of ${claimed}`,
    );
  }
  for (const [clientId, most] of issued) {
    const executed = executedOf(clientId);
    if (executed <= most) continue;
    counted.twice += executed - most;
    counted.sentences.push(
      `${name} has executed ${executed} requests of client ${clientId}, who issued ${most}`,
    );
  }
  return counted;
}

function unequalCounts(statuses: readonly Status[]): string[] {
  const byIndex = new Map<number, Status>();
  return statuses.flatMap((status) => {
    const { executed, lastApplied, name } = status;
    const first = byIndex.get(lastApplied) ?? status;
    byIndex.set(lastApplied, first);
    if (executed === first.executed) return [];
    return [`${name} has executed ${executed} commands and ${first.name} ${first.executed}`];
  });
}
