/** Every server of a cluster restarted in turn, as schedules. */
import type { FaultAction } from '../faults.ts';
import { nodeIds, type Schedule } from '../schedule.ts';
import { LOAD_FROM_MS, scheduleOf, smallRequests } from './cluster.ts';
import type { Span } from './gaps.ts';

/** Whether the server that is next hands leadership over before it goes down (§3.10). */
export const WAYS = ['with transfer', 'without'] as const;
export type Way = (typeof WAYS)[number];

export type Cell = { readonly way: Way; readonly nodes: number };

export const CELLS: readonly Cell[] = [3, 5].flatMap((nodes) =>
  WAYS.map((way): Cell => ({ way, nodes })),
);

export type RestartSlot = Span & {
  readonly node: string;
  /** To whom leadership goes first. */
  readonly transferTo: string | null;
};

export type RollingPlan = {
  readonly schedule: Schedule;
  /** From the moment a server's restart is begun until the next one's is. */
  readonly slots: readonly RestartSlot[];
};

export const DOWN_MS = 200;
/** What a transfer has at most before its server goes down. */
const TRANSFER_MS = 300;
/** Long enough for a server to go down, to start and to catch up. */
const SLOT_MS = 1500;
/** Before the first restart, after the leader is where it is meant to be. */
const BEFORE_MS = 1000;

/**
 * n1 leads at first, so that every run restarts a leader. With transfer, it goes to the last server
 * and, when that one's turn comes, to one that has been restarted.
 */
export function rollingPlan(seed: number, { way, nodes }: Cell): RollingPlan {
  const ids = nodeIds(nodes);
  const firstMs = LOAD_FROM_MS + BEFORE_MS;
  const slots = ids.map((node, i): RestartSlot => {
    const fromMs = firstMs + i * SLOT_MS;
    const transferTo = way === 'without' ? null : successorOf(node, ids);
    return { node, transferTo, fromMs, toMs: fromMs + SLOT_MS };
  });
  const durationMs = firstMs + nodes * SLOT_MS;
  const toFirst: FaultAction = { atMs: LOAD_FROM_MS / 2, fault: { kind: 'transfer', to: 'n1' } };
  const schedule = scheduleOf({
    name: `rolling restart of ${nodes} servers, ${way}, seed ${seed}`,
    seed,
    nodes,
    durationMs,
    faults: [toFirst, ...slots.flatMap((slot) => actionsOf(slot, nodes))],
    operations: smallRequests(seed, LOAD_FROM_MS, durationMs),
  });
  return { schedule, slots };
}

function successorOf(node: string, ids: readonly string[]): string | null {
  const [first = '', last = ''] = [ids[0], ids.at(-1)];
  if (node === first) return last;
  return node === last ? first : null;
}

/** A server goes down when all have caught up with what is committed, and not before. */
function actionsOf({ node, transferTo, fromMs }: RestartSlot, nodes: number): FaultAction[] {
  const restart: FaultAction = {
    atMs: fromMs + TRANSFER_MS,
    when: { kind: 'latestCommitted', nodes },
    fault: { kind: 'crash', node },
    forMs: DOWN_MS,
  };
  if (transferTo === null) return [restart];
  return [{ atMs: fromMs, fault: { kind: 'transfer', to: transferTo } }, restart];
}
