/**
 * A cluster in virtual time. One heap of events, the very node of the other hosts, and an observer
 * that checks after every step. The same schedule gives the same run, on every machine.
 *
 * Two phases: under faults, safety must hold after every event; then a majority is healed and must
 * recover within its bound. What clients saw and what replicas hold is judged at the end.
 */
import { checkState, InvariantViolation } from '../../src/raft/invariants.ts';
import { lastIndex } from '../../src/raft/log.ts';
import type { Effect, Input, Message, NodeId, RaftState, Term } from '../../src/raft/types.ts';
import { MemoryDisk } from '../../src/storage/memory.ts';
import { StorageError } from '../../src/storage/storage.ts';
import { type Checksum, decode, encode, frameBytes } from '../../src/transport/codec.ts';
import { Checker, CheckFailure, PROPERTIES } from '../checker.ts';
import type { FaultAction } from '../faults.ts';
import { nodeIds, type Schedule } from '../schedule.ts';
import type { ScheduledClients } from '../scheduled-clients.ts';
import type { Coverage, RunResult, Verdict, Violation } from '../verdict.ts';
import { clientName, connectClients } from './clients.ts';
import { NodeClock } from './clock.ts';
import { Events } from './events.ts';
import { Member } from './member.ts';
import { Nemesis } from './nemesis.ts';
import { type Link, linkName, Network } from './network.ts';
import { checkOutcome } from './outcome.ts';
import { Recovery } from './recovery.ts';
import { Tracer } from './tracer.ts';

const US_PER_MS = 1000;
/** A run proves little if fewer than this share of its faults changed anything. */
const BITTEN_SHARE_MIN = 0.5;
/** And little if fewer than this share of what clients called was served. */
const SERVED_SHARE_MIN = 0.25;
/** Several times what the busiest of correct runs need, for a second and node, … */
const EVENTS_MAX = 5000;
/** … and at a time, for each node: messages that multiply reach it soon. */
const PENDING_MAX = 3000;

export class Simulation {
  readonly schedule: Schedule;
  readonly events = new Events();
  readonly network: Network;
  readonly members = new Map<NodeId, Member>();
  readonly clients: ScheduledClients;
  readonly tracer: Tracer;
  readonly #checksum: Checksum;
  readonly #checker: Checker;
  readonly #nemesis: Nemesis;
  /** Between nodes: by sender, then by receiver. */
  readonly #links = new Map<NodeId, Map<NodeId, Link>>();
  #violation: Violation | null = null;
  #crashes = 0;
  #messagesSent = 0;
  #messagesDropped = 0;
  #sequence = 0;
  readonly #eventsMax: number;
  readonly #pendingMax: number;
  /** The terms that had a leader. */
  readonly #terms = new Set<Term>();

  constructor(schedule: Schedule, checksum: Checksum, withTrace: boolean) {
    this.schedule = schedule;
    this.#checksum = checksum;
    const seconds = 10 + (schedule.durationMs + schedule.recovery.boundMs) / 1000;
    this.#eventsMax = Math.ceil(seconds) * schedule.nodes * EVENTS_MAX;
    // What is still to come of the schedule itself is under way as well.
    const scheduled = schedule.operations.length + schedule.faults.length;
    this.#pendingMax = scheduled + schedule.nodes * PENDING_MAX;
    const nodes = nodeIds(schedule.nodes);
    this.network = new Network(this.events, schedule.seed);
    this.tracer = new Tracer(this.events, nodes, withTrace);
    nodes.forEach((id, i) => {
      this.members.set(id, this.#createMember(id, i, nodes));
    });
    for (const from of nodes) {
      this.#links.set(from, new Map());
      for (const to of nodes) {
        if (from === to) continue;
        const link = this.network.connect(linkName(from, to), schedule.link);
        this.#links.get(from)?.set(to, link);
      }
    }
    this.#checker = new Checker(new Map([...this.members].map(([id, { disk }]) => [id, disk])));
    this.#nemesis = new Nemesis(this, schedule.faults, schedule.seed);
    this.clients = connectClients(schedule, this, checksum);
  }

  get committedIndex(): number {
    return this.#checker.committedIndex;
  }

  run(): RunResult {
    const { schedule, events } = this;
    for (const member of this.members.values()) this.start(member);
    this.#nemesis.start();
    for (const operation of schedule.operations) {
      events.at(Math.round(operation.atMs * US_PER_MS), () => this.clients.call(operation));
    }
    const endUs = Math.round(schedule.durationMs * US_PER_MS);
    while (this.#goesOn() && events.step(endUs));
    const recoveredAfterMs = this.#violation === null ? this.#recover() : null;
    if (this.#violation === null) this.#attempt(() => checkOutcome(this));
    for (const { id, kv } of this.members.values()) this.tracer.happened(kv.digest(), id);
    const trace = this.tracer.end();
    return {
      verdict: this.#verdict(),
      traceHash: this.tracer.fingerprint.toString(),
      coverage: this.#coverage(),
      events: events.count,
      simulatedMs: events.nowUs / US_PER_MS,
      recoveredAfterMs,
      history: this.clients.history,
      trace,
    };
  }

  /** Nothing is broken yet; an exchange that feeds itself would otherwise never end. */
  #goesOn(): boolean {
    if (this.#violation !== null) return false;
    const { count, pending } = this.events;
    if (count <= this.#eventsMax && pending <= this.#pendingMax) return true;
    const message = `${count} events so far, ${pending} under way, and no end`;
    this.#violated(PROPERTIES.boundedWork.name, message);
    return false;
  }

  // ---- Life and death of servers ----------------------------------------------------------------

  start(member: Member): void {
    if (member.state !== 'down') return;
    this.tracer.happened(`start of ${member.id}`, member.id);
    const promised = member.disk.acknowledged;
    member.start();
    if (member.isUp && (member.disk.isDamaged || member.disk.unitCount < promised)) {
      const { name, section } = PROPERTIES.acknowledgedLossRefused;
      this.#violated(
        name,
        `${member.id} starts without what its disk had acknowledged (${section})`,
      );
    }
  }

  crash(member: Member): void {
    this.#crashes++;
    member.crash();
    this.tracer.stands(member.id, 'down');
  }

  pause(member: Member, kind: 'paused' | 'suspended'): void {
    member.pause(kind);
    this.tracer.stands(member.id, 'paused');
  }

  resume(member: Member): void {
    if (member.raft !== null) this.tracer.stands(member.id, member.raft);
    member.resume();
  }

  /** Everything as it should be; if so wished, the others are cut off from core and clients. */
  heal(): void {
    const { core, others } = this.schedule.recovery;
    this.#nemesis.end();
    for (const member of this.members.values()) {
      member.slowerByMs = 0;
      member.full = false;
      this.resume(member);
      this.start(member);
    }
    this.network.healAll();
    if (others === 'healed') return;
    for (const other of this.members.keys()) {
      if (core.includes(other)) continue;
      for (const id of core) this.#separate(other, id);
      for (let client = 0; client < this.schedule.clients.count; client++) {
        this.#separate(other, clientName(client));
      }
    }
  }

  #separate(a: string, b: string): void {
    this.network.cut(linkName(a, b), 1);
    this.network.cut(linkName(b, a), 1);
  }

  // ---- What servers do --------------------------------------------------------------------------

  started(member: Member): void {
    const { raft } = member;
    if (raft === null) return;
    this.tracer.stands(member.id, raft);
    this.#attempt(() => {
      checkState(raft);
      this.#checker.started(raft);
    });
  }

  stepped(member: Member, input: Input, effects: readonly Effect[], state: RaftState): void {
    this.tracer.stepped(member.id, input, effects, state);
    const before = this.#checker.roleOf(member.id);
    const commitBefore = this.#checker.committedIndex;
    this.#checker.stepped(effects, state);
    if (state.role !== before && state.role.kind === 'leader') {
      checkState(state);
      this.#terms.add(state.persistent.currentTerm);
      this.#nemesis.elected();
    }
    if (this.#checker.committedIndex > commitBefore || hasApply(effects)) this.#nemesis.committed();
  }

  failed(member: Member, error: Error): void {
    if (error instanceof StorageError) {
      this.tracer.happened(error.message, member.id);
      const refused = member.raft === null;
      this.crash(member);
      member.stoppedByDisk = !refused;
      if (refused) member.state = 'lost';
      // Its last write was refused before there was room again, and it has heard of it only now.
      else if (!member.full) this.events.after(0, () => this.start(member));
      return;
    }
    this.#fail(error);
  }

  send(message: Message): void {
    // What waited for the disk leaves outside of any step: nobody else catches what is thrown.
    try {
      this.#checker.sent(message);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#messagesSent++;
    const traced = this.tracer.sent(message);
    const to = this.members.get(message.to);
    const link = this.#links.get(message.from)?.get(message.to);
    if (to === undefined || link === undefined) {
      throw new Error(`${message.from} sends to ${message.to}, who is unknown`);
    }
    const fate = this.network.send(link, frameBytes(message), (corruptBit) => {
      if (corruptBit >= 0 && this.#isDamaged(message, corruptBit)) {
        this.#messagesDropped++;
        this.tracer.arrived(traced, 'damaged');
      } else if (to.node === null) {
        this.#messagesDropped++;
        this.tracer.arrived(traced, 'down');
      } else {
        const { node } = to;
        this.tracer.arrived(traced, 'delivered');
        to.turn(() => {
          if (to.node === node) node.receive(message);
        });
      }
    });
    if (fate === 'delivered') return;
    this.#messagesDropped++;
    this.tracer.arrived(traced, fate);
  }

  /** Whether the receiver's checksum finds the bit that the link flipped. */
  #isDamaged(message: Message, corruptBit: number): boolean {
    const frame = encode(message, this.#sequence++, this.#checksum);
    const byte = Math.floor(corruptBit / 8);
    frame[byte] = (frame[byte] as number) ^ (1 << (corruptBit % 8));
    return decode(frame, this.#checksum) === null;
  }

  // ---- Second phase -----------------------------------------------------------------------------

  /** Heals, and waits until the core has recovered; how long that took, or `null`. */
  #recover(): number | null {
    const { events } = this;
    const startUs = events.nowUs;
    this.tracer.happened('recovery begins');
    this.tracer.recoveryBegins();
    this.clients.dropQueued();
    this.heal();
    const recovery = new Recovery(this);
    const endUs = startUs + Math.round(this.schedule.recovery.boundMs * US_PER_MS);
    while (this.#goesOn() && !recovery.isOver && events.step(endUs));
    if (this.#violation !== null) return null;
    if (recovery.isOver) return (events.nowUs - startUs) / US_PER_MS;
    const { boundMs } = this.schedule.recovery;
    this.#violated(
      PROPERTIES.recovery.name,
      `within ${boundMs} ms of being healed: ${recovery.lack()}`,
    );
    return null;
  }

  // ---- Verdict ----------------------------------------------------------------------------------

  #attempt(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof CheckFailure) this.#violated(error.property, error.message, error.atMs);
    else if (error instanceof InvariantViolation) {
      this.#violated(`Invariant: ${error.what}`, error.message);
    } else {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#violated(PROPERTIES.noFailure.name, text);
    }
  }

  #violated(property: string, message: string, atMs = this.events.nowUs / US_PER_MS): void {
    if (this.#violation !== null) return;
    this.#violation = { property, message, atMs };
    // Of a crash only the first line: a stack names files, and the fingerprint must not.
    this.tracer.happened(`violation of ${property}: ${message.split('\n')[0]}`);
  }

  #verdict(): Verdict {
    if (this.#violation !== null) return { kind: 'violation', violation: this.#violation };
    const { faultsScheduled, faultsBit, messagesDropped, leaderChanges } = this.#coverage();
    if (faultsBit < faultsScheduled * BITTEN_SHARE_MIN) {
      const reason = `${faultsBit} of ${faultsScheduled} faults changed anything`;
      return { kind: 'vacuous', reason };
    }
    if (this.schedule.faults.filter(strikesLeader).length >= 3 && leaderChanges === 0) {
      return { kind: 'vacuous', reason: 'faults aim at the leader, and no leader was lost' };
    }
    if (this.schedule.link.loss > 0 && messagesDropped === 0) {
      return { kind: 'vacuous', reason: 'the links lose messages, and none was lost' };
    }
    const { operationsOk } = this.#coverage();
    if (
      this.schedule.operations.length > 0 &&
      operationsOk < this.clients.history.length * SERVED_SHARE_MIN
    ) {
      const reason = `${operationsOk} of ${this.clients.history.length} operations were served`;
      return { kind: 'vacuous', reason };
    }
    return { kind: 'pass' };
  }

  #coverage(): Coverage {
    const outcomes = { ok: 0, fail: 0, unknown: 0 };
    for (const { outcome } of this.clients.history) outcomes[outcome]++;
    return {
      faultsScheduled: this.schedule.faults.length,
      faultsBit: this.#nemesis.bitten,
      messagesSent: this.#messagesSent,
      messagesDropped: this.#messagesDropped,
      crashes: this.#crashes,
      leaderChanges: Math.max(0, this.#terms.size - 1),
      operationsOk: outcomes.ok,
      operationsFailed: outcomes.fail,
      operationsUnknown: outcomes.unknown,
    };
  }

  #createMember(id: NodeId, number: number, nodes: readonly NodeId[]): Member {
    const { schedule } = this;
    const { batchCommands, disk, seed, settings } = schedule;
    const configuration = { voters: nodes, outgoing: [], learners: [] };
    const clock = new NodeClock(schedule.clocks[number] ?? { offsetMs: 0, driftPpm: 0 });
    return new Member(
      { id, settings, configuration, batchCommands, disk, seed },
      clock,
      new MemoryDisk(`disk of ${id}`, this.#checksum),
      this,
    );
  }
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

function hasApply(effects: readonly Effect[]): boolean {
  for (const { kind } of effects) if (kind === 'apply') return true;
  return false;
}

/** What a server knows of the log, for those who compare. */
export function isCaughtUp(member: Member, leader: RaftState): boolean {
  const { raft } = member;
  if (raft === null || member.state !== 'running') return false;
  const last = lastIndex(leader.persistent.log);
  return (
    raft.persistent.currentTerm === leader.persistent.currentTerm &&
    raft.volatile.leaderId === leader.id &&
    lastIndex(raft.persistent.log) === last &&
    raft.volatile.commitIndex === last &&
    raft.volatile.lastApplied === last
  );
}
