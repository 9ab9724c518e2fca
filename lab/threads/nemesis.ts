/**
 * The hand that makes trouble: carries out a schedule of faults on a cluster of threads in real
 * time, and notes when each was in force. Random schedules come from a seed.
 */
import { between, chance, fork } from '../../src/raft/random.ts';
import type { NodeId } from '../../src/raft/types.ts';
import { PERFECT } from '../../src/transport/link.ts';
import type { Fault, FaultAction, Target } from '../faults.ts';
import type { FaultBand } from '../results.ts';
import type { ThreadCluster } from './cluster.ts';

/** How often each kind of fault strikes; 0 is never. */
export type Rhythm = {
  readonly crashEveryS: number;
  readonly pauseEveryS: number;
  readonly partitionEveryS: number;
};

/** A fault lasts this share of its period, and at most MAX_FAULT_MS. */
const FAULT_SHARE = 0.4;
const MAX_FAULT_MS = 1000;

/**
 * Faults over `durationMs`, each kind at its own pace with jitter: half of them strike the leader,
 * the others a follower, and each is over before the next of its kind.
 */
export function randomFaults(rhythm: Rhythm, durationMs: number, seed: number): FaultAction[] {
  const actions: FaultAction[] = [];
  const kinds = [
    ['crash', rhythm.crashEveryS],
    ['pause', rhythm.pauseEveryS],
    ['partition', rhythm.partitionEveryS],
  ] as const;
  for (const [kind, everyS] of kinds) {
    if (everyS <= 0) continue;
    const rng = fork(seed, `nemesis ${kind}`);
    const periodMs = everyS * 1000;
    const forMs = Math.min(MAX_FAULT_MS, periodMs * FAULT_SHARE);
    for (let startMs = 0; startMs < durationMs; startMs += periodMs) {
      // Within the period, but over before its end.
      const atMs = startMs + between(rng, 0, Math.floor(periodMs - forMs));
      if (atMs >= durationMs) break;
      const node: Target = chance(rng, 0.5) ? 'leader' : 'follower';
      const fault: Fault = kind === 'partition' ? { kind, groups: [[node]] } : { kind, node };
      actions.push({ atMs, forMs, fault });
    }
  }
  return actions.sort((a, b) => a.atMs - b.atMs);
}

export class Nemesis {
  readonly bands: FaultBand[] = [];
  readonly #cluster: ThreadCluster;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #open = new Map<FaultBand, () => void>();
  /** By link, the partitions in force that cut it. */
  readonly #cuts = new Map<string, number>();
  #startMs = 0;

  constructor(cluster: ThreadCluster) {
    this.#cluster = cluster;
  }

  /** Begins the schedule; its times count from now. */
  start(actions: readonly FaultAction[]): void {
    this.#startMs = performance.now();
    for (const action of actions) {
      this.#after(action.atMs, () => {
        const end = this.#inject(action.fault);
        if (action.forMs !== undefined) this.#after(action.forMs, end);
      });
    }
  }

  /** The end of all faults, those to come and the links' own included: every link is perfect. */
  async heal(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const end of [...this.#open.values()]) end();
    const { nodes } = this.#cluster;
    for (const id of nodes) {
      this.#cluster.resume(id);
      await this.#cluster.restart(id);
      for (const peer of nodes) if (peer !== id) this.#cluster.setLink(id, peer, PERFECT);
    }
  }

  #after(delayMs: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, delayMs);
    this.#timers.add(timer);
  }

  /** Strikes, and returns what undoes it. */
  #inject(fault: Fault): () => void {
    const cluster = this.#cluster;
    switch (fault.kind) {
      case 'crash': {
        const id = this.#resolve(fault.node);
        if (id === null || cluster.state(id) === 'crashed') return () => {};
        void cluster.crash(id);
        return this.#band('crash', [id], () => void cluster.restart(id));
      }
      case 'pause': {
        const id = this.#resolve(fault.node);
        if (id === null || cluster.state(id) !== 'running') return () => {};
        cluster.pause(id);
        return this.#band('pause', [id], () => cluster.resume(id));
      }
      case 'partition':
        return this.#partition(fault.groups);
      case 'link':
        return this.#link(fault);
      case 'restart':
      case 'resume': {
        const id = this.#resolve(fault.node);
        if (id !== null) this.#endBandsOf(id);
        return () => {};
      }
      case 'heal':
        for (const end of [...this.#open.values()]) end();
        return () => {};
    }
  }

  #partition(groups: readonly (readonly Target[])[]): () => void {
    const named = groups.map((group) => group.flatMap((target) => this.#resolve(target) ?? []));
    const groupOf = (id: NodeId): number => named.findIndex((group) => group.includes(id));
    // Nodes that no group names are together, as the rest.
    const pairs = this.#pairs().filter(([from, to]) => groupOf(from) !== groupOf(to));
    if (pairs.length === 0) return () => {};
    for (const pair of pairs) this.#cut(pair, 1);
    return this.#band('partition', named.flat(), () => {
      for (const pair of pairs) this.#cut(pair, -1);
    });
  }

  #link(fault: Extract<Fault, { kind: 'link' }>): () => void {
    const cluster = this.#cluster;
    const from = fault.from === '*' ? '*' : this.#resolve(fault.from);
    const to = fault.to === '*' ? '*' : this.#resolve(fault.to);
    const pairs = this.#pairs().filter(
      ([a, b]) => (from === '*' || from === a) && (to === '*' || to === b),
    );
    for (const [a, b] of pairs) cluster.setLink(a, b, fault.settings);
    const struck = [...new Set(pairs.map(([a]) => a))];
    return this.#band('link', struck, () => {
      for (const [a, b] of pairs) cluster.setLink(a, b, cluster.options.link);
    });
  }

  /** Partitions may overlap: a link is whole again when the last of them has ended. */
  #cut([from, to]: readonly [NodeId, NodeId], change: 1 | -1): void {
    const name = `${from}->${to}`;
    const cuts = (this.#cuts.get(name) ?? 0) + change;
    this.#cuts.set(name, cuts);
    this.#cluster.setLink(from, to, { cut: cuts > 0 });
  }

  #pairs(): [NodeId, NodeId][] {
    const { nodes } = this.#cluster;
    return nodes.flatMap((a) => nodes.filter((b) => b !== a).map((b): [NodeId, NodeId] => [a, b]));
  }

  /**
   * The node meant, or `null` if there is none or it is down already: a fault strikes the living.
   */
  #resolve(target: Target): NodeId | null {
    const { leaderId, nodes } = this.#cluster;
    const running = nodes.filter((id) => this.#cluster.state(id) === 'running');
    if (target === 'leader')
      return leaderId !== null && running.includes(leaderId) ? leaderId : null;
    if (target === 'follower') return running.find((id) => id !== leaderId) ?? leaderId;
    return target;
  }

  #band(kind: FaultBand['kind'], nodes: readonly NodeId[], undo: () => void): () => void {
    const fromMs = performance.now() - this.#startMs;
    const band = { kind, nodes, fromMs, toMs: fromMs };
    const end = (): void => {
      if (!this.#open.delete(band)) return;
      band.toMs = performance.now() - this.#startMs;
      undo();
    };
    this.bands.push(band);
    this.#open.set(band, end);
    return end;
  }

  #endBandsOf(id: NodeId): void {
    for (const [band, end] of [...this.#open]) if (band.nodes.includes(id)) end();
  }
}
