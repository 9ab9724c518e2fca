/**
 * The hand that makes trouble: carries out a schedule of faults on a cluster of threads in real
 * time, and notes when each was in force and what became of it. Random schedules come from a seed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { nowUs } from '../../src/clock.ts';
import { between, chance, fork } from '../../src/raft/random.ts';
import type { NodeId } from '../../src/raft/types.ts';
import { DelayQueue } from '../../src/transport/delay-queue.ts';
import { PERFECT } from '../../src/transport/link.ts';
import {
  type AdminOperation,
  type Condition,
  type Fault,
  type FaultAction,
  isAdminOperation,
  type Target,
  targetOf,
} from '../faults.ts';
import type { FaultBand } from '../results.ts';
import type { ThreadCluster } from './cluster.ts';
import { LinkFaults, type Pair } from './link-faults.ts';

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

/** Threads of one process share its clock, and their disks are memory. */
const IMPOSSIBLE = ['clockJump', 'clockDrift', 'diskSlow', 'diskFull', 'diskCorrupt'] as const;
type PossibleFault = Exclude<Fault, { kind: (typeof IMPOSSIBLE)[number] }>;

export type Fate =
  /** Its time has not come, or its condition not come true. */
  | 'waiting'
  | 'done'
  /** An operation that the cluster was asked for and has not carried out. */
  | 'refused'
  /** Whom it meant was down or stood still already, or nobody played that part. */
  | 'nothing'
  /** Not on this host. */
  | 'impossible';

export type Injection = { readonly action: FaultAction; fate: Fate };

type Waiting = { readonly condition: Condition; readonly strike: () => void };

/** How often the nodes are asked what they know as committed, while a fault waits for that. */
const LOOK_EVERY_MS = 3;
const US_PER_MS = 1000;

export class Nemesis {
  readonly bands: FaultBand[] = [];
  /** Every action of the schedule. */
  readonly injections: Injection[] = [];
  readonly #cluster: ThreadCluster;
  readonly #links: LinkFaults;
  /** What is due together on a late event loop still comes in the order of its times. */
  readonly #due = new DelayQueue(nowUs);
  readonly #open = new Map<FaultBand, () => void>();
  #waiting: Waiting[] = [];
  #looking = false;
  #startMs = 0;

  constructor(cluster: ThreadCluster) {
    this.#cluster = cluster;
    this.#links = new LinkFaults(cluster);
    cluster.onLeaderElected = () => this.#trigger(({ kind }) => kind === 'leaderElected');
  }

  /** Begins the schedule; its times count from now. */
  start(actions: readonly FaultAction[]): void {
    this.#startMs = performance.now();
    for (const action of actions) {
      const { fault, atMs, when } = action;
      const injection: Injection = { action, fate: 'waiting' };
      this.injections.push(injection);
      if (!isPossible(fault) || when?.kind === 'reached') {
        injection.fate = 'impossible';
        continue;
      }
      const strike = (): void => this.#strike(injection, fault);
      this.#after(atMs, when === undefined ? strike : () => this.#wait(when, strike));
    }
  }

  /** The end of all faults, those to come and the links' own included: every link is perfect. */
  async heal(): Promise<void> {
    this.#cluster.operator.end();
    this.#due.clear();
    this.#waiting = [];
    for (const end of [...this.#open.values()]) end();
    const { nodes } = this.#cluster;
    for (const id of nodes) {
      this.#cluster.resume(id);
      await this.#cluster.restart(id);
      for (const peer of nodes) if (peer !== id) this.#cluster.setLink(id, peer, PERFECT);
    }
  }

  #after(delayMs: number, then: () => void): void {
    this.#due.add(nowUs() + delayMs * US_PER_MS, then);
  }

  // ---- Conditions -------------------------------------------------------------------------------

  #wait(condition: Condition, strike: () => void): void {
    this.#waiting.push({ condition, strike });
    if (!isHeardOf(condition) && !this.#looking) void this.#look();
  }

  /** Best effort: what comes true and is over between two looks, nobody has seen. */
  async #look(): Promise<void> {
    this.#looking = true;
    while (this.#waiting.some(({ condition }) => !isHeardOf(condition))) {
      const statuses = await this.#cluster.status();
      this.#trigger((condition) => {
        if (isHeardOf(condition)) return false;
        const { nodes } = condition;
        const latest = Math.max(0, ...statuses.map(({ commitIndex }) => commitIndex));
        const index = condition.kind === 'committed' ? condition.index : latest;
        return statuses.filter(({ commitIndex }) => commitIndex >= index).length === nodes;
      });
      await delay(LOOK_EVERY_MS);
    }
    this.#looking = false;
  }

  #trigger(holds: (condition: Condition) => boolean): void {
    const due = this.#waiting.filter(({ condition }) => holds(condition));
    this.#waiting = this.#waiting.filter((each) => !due.includes(each));
    for (const { strike } of due) strike();
  }

  // ---- Faults -----------------------------------------------------------------------------------

  #strike(injection: Injection, fault: PossibleFault): void {
    if (isAdminOperation(fault)) {
      this.#operate(injection, fault);
      return;
    }
    const end = this.#inject(fault);
    injection.fate = end === null ? 'nothing' : 'done';
    const { forMs } = injection.action;
    if (end !== null && forMs !== undefined) this.#after(forMs, end);
  }

  /** Strikes, and returns what undoes it; `null` if there was nothing to strike. */
  #inject(fault: Exclude<PossibleFault, AdminOperation>): (() => void) | null {
    switch (fault.kind) {
      case 'crash':
        return this.#crash(fault.node);
      case 'pause':
      // As a pause: its clock goes on, since it is that of the whole process.
      case 'suspend':
        return this.#pause(fault.node);
      case 'partition':
        return this.#partition(fault.groups);
      case 'cut':
        return this.#cutLinks(fault.links);
      case 'link':
        return this.#changeLinks(fault);
      case 'restart':
        return this.#endBandsOf('crash', this.#resolve(fault.node));
      case 'resume':
        return this.#endBandsOf('pause', this.#resolve(fault.node));
      case 'wipe':
        return this.#wipe(fault.node);
      case 'heal':
        return this.#end([...this.#open.values()]);
    }
  }

  /** It is not undone, and takes its time: what comes of it is known later. */
  #operate(injection: Injection, operation: AdminOperation): void {
    const target = targetOf(operation);
    const id = target === null ? null : this.#resolve(target);
    const nobody = target !== null && id === null;
    injection.fate = nobody ? 'nothing' : 'refused';
    if (nobody) return;
    this.#cluster.operator.carryOut(aimedAt(operation, id), (answer) => {
      if (answer?.kind === 'done') injection.fate = 'done';
    });
  }

  #crash(target: Target): (() => void) | null {
    const cluster = this.#cluster;
    const id = this.#resolve(target);
    if (id === null || cluster.state(id) === 'crashed') return null;
    void cluster.crash(id);
    // Or the end of that pause would end one of the node that starts in its place.
    this.#endBandsOf('pause', id);
    return this.#band('crash', [id], () => void cluster.restart(id));
  }

  /**
   * A disk is lost only where the others are enough without it: who is gone for good counts as a
   * voter until it has been replaced.
   */
  #wipe(target: Target): (() => void) | null {
    const cluster = this.#cluster;
    const id = this.#resolve(target);
    if (id === null) return null;
    const { configuration, isCommitted } = cluster.membership;
    const { outgoing, voters } = configuration;
    const others = cluster.nodes.filter((other) => other !== id);
    const alive = new Set(others.map((other) => cluster.name(other)));
    const dead = voters.filter((voter) => !alive.has(voter)).length;
    if (!isCommitted || outgoing.length > 0 || dead * 2 >= voters.length) return null;
    void cluster.wipe(id);
    // What ended the old thread's crash or pause must not strike the new one.
    this.#endBandsOf('pause', id);
    this.#endBandsOf('crash', id);
    return () => {};
  }

  #pause(target: Target): (() => void) | null {
    const cluster = this.#cluster;
    const id = this.#resolve(target);
    if (id === null || cluster.state(id) !== 'running') return null;
    cluster.pause(id);
    return this.#band('pause', [id], () => cluster.resume(id));
  }

  #partition(groups: readonly (readonly Target[])[]): (() => void) | null {
    const named = groups.map((group) => group.flatMap((target) => this.#resolve(target) ?? []));
    const groupOf = (id: NodeId): number => named.findIndex((group) => group.includes(id));
    // Nodes that no group names are together, as the rest.
    const pairs = this.#pairs().filter(([from, to]) => groupOf(from) !== groupOf(to));
    return this.#cut(pairs, named.flat());
  }

  #cutLinks(links: readonly (readonly [Target, Target])[]): (() => void) | null {
    const pairs = links.flatMap(([from, to]): Pair[] => {
      const [a, b] = [this.#resolve(from), this.#resolve(to)];
      return a === null || b === null || a === b ? [] : [[a, b]];
    });
    return this.#cut(pairs, [...new Set(pairs.map(([from]) => from))]);
  }

  #cut(pairs: readonly Pair[], struck: readonly NodeId[]): (() => void) | null {
    if (pairs.length === 0) return null;
    return this.#band('partition', struck, this.#links.cut(pairs));
  }

  #changeLinks(fault: Extract<Fault, { kind: 'link' }>): (() => void) | null {
    const from = fault.from === '*' ? '*' : this.#resolve(fault.from);
    const to = fault.to === '*' ? '*' : this.#resolve(fault.to);
    const pairs = this.#pairs().filter(
      ([a, b]) => (from === '*' || from === a) && (to === '*' || to === b),
    );
    if (pairs.length === 0) return null;
    const struck = [...new Set(pairs.map(([a]) => a))];
    return this.#band('link', struck, this.#links.change(pairs, fault.settings));
  }

  #pairs(): Pair[] {
    const { nodes } = this.#cluster;
    return nodes.flatMap((a) => nodes.filter((b) => b !== a).map((b): Pair => [a, b]));
  }

  /**
   * The node meant, or `null` if nobody plays the part: a fault strikes the living. A node that is
   * named may be down.
   */
  #resolve(target: Target): NodeId | null {
    const { leaderId, nodes } = this.#cluster;
    const running = nodes.filter((id) => this.#cluster.state(id) === 'running');
    if (target === 'leader')
      return leaderId !== null && running.includes(leaderId) ? leaderId : null;
    if (target !== 'follower') return target;
    const follower = running.find((id) => id !== leaderId);
    return follower ?? this.#resolve('leader');
  }

  // ---- What is in force -------------------------------------------------------------------------

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

  #endBandsOf(kind: FaultBand['kind'], id: NodeId | null): (() => void) | null {
    const open = [...this.#open].filter(
      ([band]) => band.kind === kind && id !== null && band.nodes.includes(id),
    );
    return this.#end(open.map(([, end]) => end));
  }

  /** Ending faults has no end of its own. */
  #end(ends: readonly (() => void)[]): (() => void) | null {
    for (const end of ends) end();
    return ends.length === 0 ? null : () => {};
  }
}

/** With the server's name in place of the part it plays. */
function aimedAt(operation: AdminOperation, id: string | null): AdminOperation {
  if (id === null || operation.kind === 'configure') return operation;
  return operation.kind === 'transfer' ? { ...operation, to: id } : { ...operation, node: id };
}

/** The cluster tells of it, where other conditions have to be looked at; places are not seen. */
function isHeardOf(
  condition: Condition,
): condition is Extract<Condition, { kind: 'leaderElected' | 'reached' }> {
  return condition.kind === 'leaderElected' || condition.kind === 'reached';
}

function isPossible(fault: Fault): fault is PossibleFault {
  return !IMPOSSIBLE.some((kind) => kind === fault.kind);
}
