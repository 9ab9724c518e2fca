/**
 * Carries out a schedule of faults in virtual time, and notes of each whether it bit: a fault that
 * changed nothing has put nothing to the test.
 */
import { between, chance, fork, type RandomState } from '../../src/raft/random.ts';
import type { Configuration, Entry, NodeId } from '../../src/raft/types.ts';
import type { LinkCounters } from '../../src/transport/link.ts';
import {
  type Condition,
  describeFault,
  type Fault,
  type FaultAction,
  type Target,
} from '../faults.ts';
import type { Place } from '../places.ts';
import type { Events } from './events.ts';
import type { Member } from './member.ts';
import { linkName, type Network } from './network.ts';
import { Operator } from './operator.ts';
import type { Tracer } from './tracer.ts';

const US_PER_MS = 1000;

/** A fault in force. */
type Band = {
  readonly action: Injection;
  readonly nodes: readonly NodeId[];
  /** Ends it; says whether it bit, if that was not known before. */
  readonly undo: () => boolean;
  ended: () => void;
};

/** One action of the schedule, and whether it bit. */
type Injection = { readonly action: FaultAction; bit: boolean; there?: NodeId | undefined };
type Waiting = { readonly injection: Injection; readonly condition: Condition };

export type Cluster = {
  readonly events: Events;
  readonly network: Network;
  readonly tracer: Tracer;
  readonly members: ReadonlyMap<NodeId, Member>;
  /** The highest index that any leader has committed. */
  readonly committedIndex: number;
  /** The latest configuration that any leader has committed. */
  readonly configuration: Configuration;
  start(member: Member): void;
  crash(member: Member): void;
  pause(member: Member, kind: 'paused' | 'suspended'): void;
  resume(member: Member): void;
  wipe(member: Member): void;
};

export class Nemesis {
  readonly #cluster: Cluster;
  readonly #injections: Injection[];
  readonly #rng: RandomState;
  readonly #operator: Operator;
  #waiting: Waiting[] = [];
  readonly #bands = new Set<Band>();
  /** Per server: the drift of the run, and those of faults in force on top of it. */
  readonly #drifts = new Map<NodeId, { driftPpm: number }[]>();
  #over = false;
  #inVain = 0;

  constructor(cluster: Cluster, actions: readonly FaultAction[], seed: number) {
    this.#cluster = cluster;
    this.#injections = actions.map((action) => ({ action, bit: false }));
    this.#rng = fork(seed, 'nemesis');
    this.#operator = new Operator(cluster, (target) => this.#resolve(target));
  }

  /** Faults that changed something. */
  get bitten(): number {
    return this.#injections.filter(({ bit }) => bit).length;
  }

  /** Faults that waited to the end for a place that nobody came to. */
  get inVain(): number {
    return this.#inVain;
  }

  start(): void {
    const { events } = this.#cluster;
    for (const injection of this.#injections) {
      events.at(Math.round(injection.action.atMs * US_PER_MS), () => {
        const { when } = injection.action;
        if (this.#over) return;
        if (when === undefined) this.#strike(injection);
        else this.#waiting.push({ injection, condition: when });
      });
    }
  }

  /** Strikes now, whatever moment the action names. */
  inject(action: FaultAction): void {
    const injection: Injection = { action, bit: false };
    this.#injections.push(injection);
    this.#strike(injection);
  }

  /** A server was elected: whoever waited for that strikes. */
  elected(): void {
    this.#trigger(({ kind }) => kind === 'leaderElected');
  }

  /** A server has come to a place; `there` means it from then on. */
  reached(place: Place, { id }: Member): void {
    this.#trigger((condition) => condition.kind === 'reached' && condition.place === place, id);
  }

  /** Some server's commitIndex has moved. */
  committed(): void {
    if (this.#waiting.length === 0) return;
    this.#trigger((condition) => {
      if (condition.kind === 'leaderElected' || condition.kind === 'reached') return false;
      const { committedIndex, members } = this.#cluster;
      const index = condition.kind === 'committed' ? condition.index : committedIndex;
      let know = 0;
      for (const { raft, state } of members.values()) {
        const knows = (raft?.volatile.commitIndex ?? 0) >= index;
        if (state === 'running' && knows) know++;
      }
      return know === condition.nodes;
    });
  }

  /** Ends the faults for good, those in force and those to come. */
  end(): void {
    this.#over = true;
    this.#operator.end();
    this.#inVain = this.#waiting.filter(({ condition }) => condition.kind === 'reached').length;
    this.#waiting = [];
    for (const band of [...this.#bands]) this.#finish(band);
  }

  #trigger(holds: (condition: Condition) => boolean, there?: NodeId): void {
    if (this.#waiting.length === 0) return;
    const due = this.#waiting.filter(({ condition }) => holds(condition));
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !due.includes(waiting));
    // After the step that made it true has been carried out.
    for (const { injection } of due) {
      injection.there = there;
      this.#cluster.events.after(0, () => {
        if (!this.#over) this.#strike(injection);
      });
    }
  }

  #strike(injection: Injection): void {
    const { fault, forMs } = actionAt(injection);
    const band = this.#inject(injection, fault);
    if (band === null) return;
    this.#bands.add(band);
    if (forMs === undefined) return;
    this.#cluster.events.after(Math.round(forMs * US_PER_MS), () => this.#finish(band));
  }

  #finish(band: Band): void {
    if (!this.#bands.delete(band)) return;
    if (band.undo()) band.action.bit = true;
    band.ended();
  }

  #inject(injection: Injection, fault: Fault): Band | null {
    switch (fault.kind) {
      case 'crash':
        return this.#onNode(injection, fault, (member) => this.#crash(injection, member));
      case 'pause':
        return this.#onNode(injection, fault, (member) => this.#pause(member, 'paused'));
      case 'suspend':
        return this.#onNode(injection, fault, (member) => this.#pause(member, 'suspended'));
      case 'restart':
      case 'resume':
        this.#endBandsOf(injection, fault.kind, this.#resolve(fault.node));
        return null;
      case 'partition':
        return this.#cut(injection, fault, this.#pairsBetween(fault.groups));
      case 'cut':
        return this.#cut(injection, fault, this.#pairsOf(fault.links));
      case 'link':
        return this.#changeLinks(injection, fault);
      case 'clockJump':
        return this.#onNode(injection, fault, (member) => this.#jump(injection, member, fault));
      case 'clockDrift':
        return this.#onNode(injection, fault, (member) => this.#drift(injection, member, fault));
      case 'diskSlow':
        return this.#onNode(injection, fault, (member) => this.#slow(member, fault.latencyMs));
      case 'diskFull':
        return this.#onNode(injection, fault, (member) => this.#fill(member));
      case 'diskCorrupt':
        return this.#onNode(injection, fault, (member) => this.#corrupt(member));
      case 'wipe':
        return this.#onNode(injection, fault, (member) => this.#wipe(injection, member));
      case 'join':
      case 'joinBlank':
      case 'leave':
      case 'learn':
      case 'configure':
      case 'transfer':
      case 'snapshot':
        this.#operator.carryOut(fault, (answer) => {
          if (answer?.kind === 'done') injection.bit = true;
        });
        return null;
      case 'heal':
        injection.bit = this.#bands.size > 0;
        this.#cluster.tracer.happened('heal all');
        for (const band of [...this.#bands]) this.#finish(band);
        return null;
    }
  }

  /** A fault of one server; `strike` returns what undoes it, or `null` if it did not strike. */
  #onNode(
    injection: Injection,
    fault: Fault & { node: Target },
    strike: (member: Member) => (() => boolean) | null,
  ): Band | null {
    const member = this.#resolve(fault.node);
    if (member === null) return null;
    const undo = strike(member);
    if (undo === null) return null;
    member.disturb(1);
    return this.#band(injection, { ...fault, node: member.id } as Fault, [member.id], () => {
      member.disturb(-1);
      return undo();
    });
  }

  #crash(injection: Injection, member: Member): (() => boolean) | null {
    if (!member.isUp) return null;
    injection.bit = true;
    const { starts } = member;
    this.#cluster.crash(member);
    return () => {
      if (member.state === 'down' && member.starts === starts) this.#cluster.start(member);
      return true;
    };
  }

  /**
   * A disk is lost only where the others are enough without it, whichever configuration is in force
   * in any log: who is gone for good counts as a voter until it has been replaced.
   */
  #wipe(injection: Injection, member: Member): (() => boolean) | null {
    const { committedIndex, configuration, members } = this.#cluster;
    const alive = new Set([...members.values()].map(({ name }) => name));
    alive.delete(member.name);
    const left = configuration.voters.filter((voter) => alive.has(voter)).length;
    const enough = left * 2 > configuration.voters.length;
    const settled =
      configuration.outgoing.length === 0 &&
      [...members.values()].every((other) => !hasLaterConfiguration(other, committedIndex));
    if (!enough || !settled) return null;
    injection.bit = true;
    this.#cluster.wipe(member);
    return () => true;
  }

  #pause(member: Member, kind: 'paused' | 'suspended'): (() => boolean) | null {
    if (member.state !== 'running') return null;
    const { starts, heldUp } = member;
    this.#cluster.pause(member, kind);
    return () => {
      if (member.starts === starts) this.#cluster.resume(member);
      return member.heldUp > heldUp;
    };
  }

  #jump(injection: Injection, member: Member, fault: { jumpMs: number }): () => boolean {
    const { events } = this.#cluster;
    injection.bit = member.isUp && fault.jumpMs !== 0;
    member.clock.jump(events.nowUs, Math.round(fault.jumpMs * US_PER_MS));
    member.rearm();
    return () => false;
  }

  #drift(injection: Injection, member: Member, fault: { driftPpm: number }): () => boolean {
    const { events } = this.#cluster;
    const before = member.clock.driftPpm;
    injection.bit = member.isUp && before !== fault.driftPpm;
    const drifts = this.#drifts.get(member.id) ?? [{ driftPpm: before }];
    this.#drifts.set(member.id, drifts);
    drifts.push(fault);
    member.clock.drift(events.nowUs, fault.driftPpm);
    member.rearm();
    return () => {
      drifts.splice(drifts.lastIndexOf(fault), 1);
      member.clock.drift(events.nowUs, drifts.at(-1)?.driftPpm ?? 0);
      member.rearm();
      return false;
    };
  }

  #slow(member: Member, latencyMs: number): () => boolean {
    const before = member.writesSlowed;
    member.slowerByMs += latencyMs;
    return () => {
      member.slowerByMs -= latencyMs;
      return member.writesSlowed > before;
    };
  }

  #fill(member: Member): (() => boolean) | null {
    if (member.full) return null;
    const before = member.writesRefused;
    member.full = true;
    return () => {
      member.full = false;
      // It stopped when it could not write; whoever made room starts it again.
      if (member.stoppedByDisk) this.#cluster.start(member);
      return member.writesRefused > before;
    };
  }

  #corrupt(member: Member): (() => boolean) | null {
    const { disk } = member;
    // A log, or the snapshot where there is one.
    const units = disk.unitCount - disk.firstUnit;
    const strikesSnapshot = chance(this.#rng, 0.3) && disk.snapshot !== null;
    const unit = disk.firstUnit + between(this.#rng, 0, Math.max(0, units - 1));
    const bit = between(this.#rng, 0, 0xffff);
    if (units === 0 && disk.snapshot === null) return null;
    if (strikesSnapshot || units === 0) disk.corruptSnapshot(bit);
    else disk.corrupt(unit, bit);
    // Nobody knows before the disk is read.
    return () => member.state === 'lost' || !disk.isDamaged;
  }

  // ---- Links ------------------------------------------------------------------------------------

  /** Messages pass only within a group; the nodes that no group names are one more. */
  #pairsBetween(groups: readonly (readonly Target[])[]): [NodeId, NodeId][] {
    const named = groups.map((group) => group.map((target) => this.#resolve(target)?.id));
    const groupOf = (id: NodeId): number => named.findIndex((group) => group.includes(id));
    return this.#pairs().filter(([from, to]) => groupOf(from) !== groupOf(to));
  }

  #pairsOf(links: readonly (readonly [Target, Target])[]): [NodeId, NodeId][] {
    const pairs = links.map(([from, to]) => [this.#resolve(from)?.id, this.#resolve(to)?.id]);
    return pairs.flatMap(([a, b]): [NodeId, NodeId][] =>
      a === undefined || b === undefined || a === b ? [] : [[a, b]],
    );
  }

  #cut(injection: Injection, fault: Fault, pairs: readonly [NodeId, NodeId][]): Band | null {
    if (pairs.length === 0) return null;
    const { network } = this.#cluster;
    const names = pairs.map(([from, to]) => linkName(from, to));
    const dropped = (): number => sum(names, (name) => network.counters(name).cut);
    const before = dropped();
    for (const name of names) network.cut(name, 1);
    const struck = [...new Set(pairs.flat())];
    return this.#band(injection, fault, struck, () => {
      for (const name of names) network.cut(name, -1);
      return dropped() > before;
    });
  }

  #changeLinks(injection: Injection, fault: Extract<Fault, { kind: 'link' }>): Band | null {
    const { network } = this.#cluster;
    const from = fault.from === '*' ? '*' : this.#resolve(fault.from)?.id;
    const to = fault.to === '*' ? '*' : this.#resolve(fault.to)?.id;
    const pairs = this.#pairs().filter(
      ([a, b]) => (from === '*' || from === a) && (to === '*' || to === b),
    );
    if (pairs.length === 0) return null;
    const names = pairs.map(([a, b]) => linkName(a, b));
    const cuts = fault.settings.cut === true;
    const touched = (): number =>
      sum(names, (name) => {
        const counters = network.counters(name);
        return damage(counters) + (cuts ? counters.cut : 0);
      });
    const sent = (): number => sum(names, (name) => network.counters(name).sent);
    const before = { touched: touched(), sent: sent() };
    const differs = names.some((name) => network.differs(name, fault.settings));
    const restore = names.map((name) => network.change(name, fault.settings));
    const { settings } = fault;
    const slows =
      'delayMs' in settings || 'jitterMs' in settings || (settings.bytesPerSecond ?? null) !== null;
    return this.#band(injection, fault, [...new Set(pairs.flat())], () => {
      for (const undo of restore) undo();
      return differs && (touched() > before.touched || (slows && sent() > before.sent));
    });
  }

  #pairs(): [NodeId, NodeId][] {
    const nodes = [...this.#cluster.members.keys()];
    return nodes.flatMap((a) => nodes.filter((b) => b !== a).map((b): [NodeId, NodeId] => [a, b]));
  }

  // ---- Bookkeeping ------------------------------------------------------------------------------

  #band(action: Injection, fault: Fault, nodes: readonly NodeId[], undo: () => boolean): Band {
    const { events, tracer } = this.#cluster;
    const text = describeFault(fault);
    tracer.happened(text, nodes.length === 1 ? nodes[0] : null);
    const traced = tracer.fault(text, nodes);
    const ended = (): void => {
      traced.untilUs = events.nowUs;
      tracer.happened(`end of ${text}`, nodes.length === 1 ? nodes[0] : null);
    };
    return { action, nodes, undo, ended };
  }

  #endBandsOf(injection: Injection, kind: 'restart' | 'resume', member: Member | null): void {
    if (member === null) return;
    const ends = kind === 'restart' ? ['crash'] : ['pause', 'suspend'];
    for (const band of [...this.#bands]) {
      if (!ends.includes(band.action.action.fault.kind) || !band.nodes.includes(member.id))
        continue;
      injection.bit = true;
      this.#finish(band);
    }
  }

  /** The server meant; parts are played by those that run, and nobody may play one. */
  #resolve(target: Target): Member | null {
    const { members } = this.#cluster;
    if (target !== 'leader' && target !== 'follower') return members.get(target) ?? null;
    const running = [...members.values()].filter(({ state }) => state === 'running');
    const leader = leaderOf(running);
    if (target === 'leader') return leader;
    return running.find((member) => member !== leader) ?? leader;
  }
}

/** With the name of the server that `there` means. */
function actionAt({ action, there }: Injection): FaultAction {
  if (there === undefined) return action;
  return JSON.parse(JSON.stringify(action), (_name, value) => (value === 'there' ? there : value));
}

function hasLaterConfiguration({ disk, raft }: Member, committedIndex: number): boolean {
  const entries = raft?.persistent.log.entries ?? disk.entries;
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i] as Entry;
    if (entry.index <= committedIndex) return false;
    if (entry.kind === 'configuration') return true;
  }
  return false;
}

/** The running leader of the latest term. */
export function leaderOf(members: Iterable<Member>): Member | null {
  let leader: Member | null = null;
  for (const member of members) {
    if (member.raft?.role.kind !== 'leader') continue;
    const term = member.raft.persistent.currentTerm;
    if (leader === null || term > (leader.raft?.persistent.currentTerm ?? 0)) leader = member;
  }
  return leader;
}

function damage({ lost, duplicated, reordered, corrupted, overflowed }: LinkCounters): number {
  return lost + duplicated + reordered + corrupted + overflowed;
}

function sum(names: readonly string[], count: (name: string) => number): number {
  return names.reduce((total, name) => total + count(name), 0);
}
