/**
 * A cluster in virtual time. One heap of events, the very node of the other hosts, and an observer
 * that checks after every step. The same schedule gives the same run, on every machine.
 *
 * Two phases: under faults, safety must hold after every event; then a majority is healed and must
 * recover within its bound. What clients saw and what replicas hold is judged at the end.
 */

import type { Status } from '../../src/command.ts';
import { addressOf } from '../../src/raft/identity.ts';
import { checkState, InvariantViolation } from '../../src/raft/invariants.ts';
import { lastIndex } from '../../src/raft/log.ts';
import type {
  Configuration,
  Effect,
  Entry,
  Input,
  Message,
  NodeId,
  RaftState,
  Settings,
} from '../../src/raft/types.ts';
import type { Flaw } from '../../src/raft/validation.ts';
import { MemoryDisk } from '../../src/storage/memory.ts';
import { type Storage, StorageError } from '../../src/storage/storage.ts';
import { type Checksum, decode, encode, frameBytes } from '../../src/transport/codec.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import { sameData } from '../checker/comparison.ts';
import { Duties } from '../checker/duties.ts';
import { Checker, CheckFailure, PROPERTIES } from '../checker.ts';
import type { Fault } from '../faults.ts';
import { nodeIds, type Schedule, serverIds } from '../schedule.ts';
import type { ScheduledClients } from '../scheduled-clients.ts';
import { stackText } from '../stack-text.ts';
import type { Coverage, RunResult, Verdict, Violation } from '../verdict.ts';
import { clientName, connectClients } from './clients.ts';
import { NodeClock } from './clock.ts';
import { Counts, vacuity } from './coverage.ts';
import { Events } from './events.ts';
import { Member, NOBODY } from './member.ts';
import { Nemesis } from './nemesis.ts';
import { type Link, linkName, Network } from './network.ts';
import { checkOutcome } from './outcome.ts';
import { Progress } from './progress.ts';
import { Reach } from './reach.ts';
import { Recovery } from './recovery.ts';
import { Tracer } from './tracer.ts';

const US_PER_MS = 1000;
/** Several times what the busiest of correct runs need, for a second and node, … */
const EVENTS_MAX = 5000;
/** … and at a time, for each node: messages that multiply reach it soon. */
const PENDING_MAX = 3000;

export class Simulation {
  readonly schedule: Schedule;
  readonly events = new Events();
  readonly network: Network;
  /** By address. */
  readonly members = new Map<string, Member>();
  /** By name, the disks of all incarnations. */
  readonly #disks = new Map<NodeId, MemoryDisk>();
  readonly clients: ScheduledClients;
  readonly tracer: Tracer;
  readonly #checksum: Checksum;
  readonly #checker: Checker;
  readonly #duties = new Duties(() => this.#checker.committedEntries());
  readonly #nemesis: Nemesis;
  /** Between nodes: by sender, then by receiver. */
  readonly #links = new Map<NodeId, Map<NodeId, Link>>();
  #violation: Violation | null = null;
  #sequence = 0;
  readonly #eventsMax: number;
  readonly #pendingMax: number;
  readonly #counts = new Counts();
  readonly #reach: Reach;
  readonly #progress: Progress;

  /** With `ownSettings`, servers may differ from what the schedule says of all. */
  constructor(
    schedule: Schedule,
    checksum: Checksum,
    withTrace: boolean,
    ownSettings: (id: NodeId) => Partial<Settings> = () => ({}),
  ) {
    this.schedule = schedule;
    this.#checksum = checksum;
    const seconds = 10 + (schedule.durationMs + schedule.recovery.boundMs) / 1000;
    const servers = schedule.nodes + schedule.spares;
    this.#eventsMax = Math.ceil(seconds) * servers * EVENTS_MAX;
    // What is still to come of the schedule itself is under way as well.
    const scheduled = schedule.operations.length + schedule.faults.length;
    this.#pendingMax = scheduled + servers * PENDING_MAX;
    const nodes = serverIds(schedule);
    this.network = new Network(this.events, schedule.seed);
    this.tracer = new Tracer(this.events, nodes, withTrace);
    nodes.forEach((id, i) => {
      const member = this.#createMember(id, i, { ...schedule.settings, ...ownSettings(id) });
      this.members.set(id, member);
      this.#disks.set(id, member.disk);
    });
    for (const from of nodes) {
      this.#links.set(from, new Map());
      for (const to of nodes) {
        if (from === to) continue;
        const link = this.network.connect(linkName(from, to), schedule.link);
        this.#links.get(from)?.set(to, link);
      }
    }
    const voters = nodeIds(schedule.nodes);
    this.#checker = new Checker(this.#disks, { voters, outgoing: [], learners: [] });
    this.#nemesis = new Nemesis(this, schedule.faults, schedule.seed);
    this.#progress = new Progress(this, schedule, (error) => this.#fail(error));
    this.#reach = new Reach(
      schedule,
      () => this.events.nowUs,
      (place, member) => this.#nemesis.reached(place, member),
    );
    this.clients = connectClients(schedule, this, checksum);
  }

  get committedIndex(): number {
    return this.#checker.committedIndex;
  }

  get configuration(): Configuration {
    return this.#checker.configuration;
  }

  /** Every entry that was ever committed, from the first. */
  get committed(): readonly Entry[] {
    return this.#checker.committedEntries();
  }

  /** What is broken, if anything is; then the run is over. */
  get violation(): Violation | null {
    return this.#violation;
  }

  /**
   * For those who watch a run rather than have it judged at its end: lets happen what is due by
   * `atMs`, until `isOver`; true if that came about. Throws where something is broken.
   */
  runUntil(atMs: number, isOver: () => boolean = () => false): boolean {
    const untilUs = Math.round(atMs * US_PER_MS);
    while (!isOver()) {
      if (this.#violation !== null) {
        const { atMs: brokenMs, message, property } = this.#violation;
        throw new Error(`${property}, at ${brokenMs} ms: ${message}`);
      }
      if (!this.events.step(untilUs)) return isOver();
    }
    return true;
  }

  /** What a link does to this message; a subclass may treat kinds of messages apart. */
  linkSettings(_message: Message, { settings }: Link): LinkSettings {
    return settings;
  }

  /** What a server keeps its records in; a subclass may put something in front of its disk. */
  storage(_member: Member, storage: Storage): Storage {
    return storage;
  }

  /** A message leaves; a subclass whose disks lie does not ask what it promises. */
  promised(message: Message): void {
    this.#checker.sent(message);
    this.#duties.sent(message, this.schedule.settings.chunkBytes);
  }

  /** Whether a step did what a server must; a subclass that leaves out effects does not ask. */
  checkDuties(input: Input, effects: readonly Effect[], state: RaftState): void {
    this.#duties.stepped(input, effects, state);
  }

  /** Starts all servers, and has the schedule's faults come at their moments. */
  begin(): void {
    for (const member of this.members.values()) this.start(member);
    this.#nemesis.start();
  }

  /** Does this to the cluster now, and undoes it after `forMs` if that is given. */
  inject(fault: Fault, forMs?: number): void {
    this.#nemesis.inject(forMs === undefined ? { atMs: 0, fault } : { atMs: 0, fault, forMs });
  }

  run(): RunResult {
    const { schedule, events } = this;
    this.begin();
    this.#progress.start();
    for (const operation of schedule.operations) {
      events.at(Math.round(operation.atMs * US_PER_MS), () => this.clients.call(operation));
    }
    const endUs = Math.round(schedule.durationMs * US_PER_MS);
    while (this.#goesOn() && events.step(endUs));
    const recoveredAfterMs = this.#violation === null ? this.#recover() : null;
    if (this.#violation === null) this.#attempt(() => checkOutcome(this));
    for (const { id, kv } of this.members.values()) this.tracer.happened(kv.digest(), id);
    const trace = this.tracer.end();
    const { history } = this.clients;
    const { bitten, inVain } = this.#nemesis;
    const faults = { scheduled: schedule.faults.length - inVain, bit: bitten };
    const coverage = this.#counts.coverage(faults, history, this.committed);
    return {
      verdict: this.#verdict(coverage),
      traceHash: this.tracer.fingerprint.toString(),
      coverage,
      reached: [...this.#reach.reached].sort(),
      events: events.count,
      simulatedMs: events.nowUs / US_PER_MS,
      recoveredAfterMs,
      history,
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
    this.#begins(member);
    const promised = member.disk.acknowledged;
    member.start();
    if (member.disk.misread) {
      const what = `${member.id} reads back from its disk what it did not write`;
      this.#fail(new CheckFailure(PROPERTIES.sameBytes, what));
    }
    if (member.isUp && (member.disk.isDamaged || member.disk.unitCount < promised)) {
      const { name, section } = PROPERTIES.acknowledgedLossRefused;
      this.#violated(
        name,
        `${member.id} starts without what its disk had acknowledged (${section})`,
      );
    }
  }

  /** A blank disk of the first incarnation has seen the terms that the run begins with. */
  #begins({ disk, name, id }: Member): void {
    const { firstTerm = 0 } = this.schedule;
    if (firstTerm === 0 || disk.unitCount > 0 || name !== id) return;
    const termAndVote = { currentTerm: firstTerm, votedFor: null };
    disk.acknowledge(
      disk.write([{ termAndVote, truncateFrom: null, entries: [], compactTo: null }]),
    );
  }

  crash(member: Member): void {
    this.#counts.crashes++;
    this.#reach.crashed(member);
    member.crash();
    this.tracer.stands(member.id, 'down');
  }

  /** The server's disk is lost; on a new one it is another server. */
  wipe(member: Member): void {
    this.#counts.disksLost++;
    if (member.isUp) this.crash(member);
    this.#checker.wiped(member.name);
    member.replaceDisk(this.#createDisk(member.id));
    member.state = 'down';
    this.#disks.set(member.name, member.disk);
    this.start(member);
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
    this.#reach.started(member);
    this.#attempt(() => {
      checkState(raft);
      this.#checker.started(raft);
      this.#duties.started(raft, member.clock.readUs(this.events.nowUs));
    });
  }

  stepped(member: Member, input: Input, effects: readonly Effect[], state: RaftState): void {
    this.tracer.stepped(member.id, input, effects, state);
    const before = this.#checker.roleOf(state.id);
    const commitBefore = this.#checker.committedIndex;
    this.#checker.stepped(effects, state);
    this.checkDuties(input, effects, state);
    this.#counts.stepped(effects);
    this.#reach.stepped(member, input, effects, state);
    if (state.role !== before && state.role.kind === 'leader') {
      checkState(state);
      this.#counts.elected(state);
      this.#nemesis.elected();
    }
    if (this.#checker.committedIndex > commitBefore || hasApply(effects)) this.#nemesis.committed();
  }

  /** A subclass whose disks lie does not ask what servers that were lied to send. */
  flawed(member: Member, from: NodeId, flaw: Flaw): void {
    const what = `${member.id} drops what ${from} sent, which no correct server does (${flaw})`;
    this.#fail(new CheckFailure(PROPERTIES.soundMessages, what));
  }

  answered(member: Member, status: Status): void {
    this.#reach.answered(member, status);
  }

  delivered(member: Member, bytes: number): void {
    this.#reach.delivered(member, bytes);
  }

  misanswered(member: Member, requestNumber: number): void {
    const what = `${member.id} answers request ${requestNumber}, which it has answered already`;
    this.#fail(new CheckFailure(PROPERTIES.answeredOnce, what));
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
      this.promised(message);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#counts.sent(message);
    const traced = this.tracer.sent(message);
    const from = this.members.get(addressOf(message.from));
    if (from !== undefined) this.#reach.sent(message, from);
    const address = addressOf(message.to);
    // To an earlier incarnation of its own: nobody is there any more.
    if (address === addressOf(message.from)) return;
    const to = this.members.get(address);
    const link = this.#links.get(addressOf(message.from))?.get(address);
    if (to === undefined || link === undefined) {
      throw new Error(`${message.from} sends to ${message.to}, who is unknown`);
    }
    const settings = this.linkSettings(message, link);
    const asBytes = this.schedule.asBytes === true ? this.#encode(message) : null;
    const fate = this.network.send(link, frameBytes(message), settings, (corruptBit) => {
      if (corruptBit >= 0 && this.#isDamaged(message, corruptBit)) {
        this.#counts.messagesDropped++;
        this.tracer.arrived(traced, 'damaged');
      } else if (to.node === null) {
        this.#counts.messagesDropped++;
        this.tracer.arrived(traced, 'down');
      } else {
        this.tracer.arrived(traced, 'delivered');
        this.#deliver(to, message, asBytes);
      }
    });
    if (fate === 'delivered') return;
    this.#counts.messagesDropped++;
    this.tracer.arrived(traced, fate);
  }

  #deliver(to: Member, message: Message, asBytes: Uint8Array | null): void {
    const { node } = to;
    try {
      const received = asBytes === null ? message : this.#read(asBytes, message);
      to.turn(() => {
        if (to.node === node) node?.receive(received);
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  #encode(message: Message): Uint8Array<ArrayBuffer> {
    return encode(message, this.#sequence++, this.#checksum);
  }

  /** Throws CheckFailure unless that is what was sent. */
  #read(frame: Uint8Array, sent: Message): Message {
    const read = decode(frame, this.#checksum);
    if (read !== null && sameData(read.message, sent)) return read.message;
    const what = read === null ? 'nothing that can be read' : JSON.stringify(read.message);
    const message = `${sent.from} sends ${JSON.stringify(sent)}, and ${what} arrives`;
    throw new CheckFailure(PROPERTIES.sameBytes, message);
  }

  /** Whether the receiver's checksum finds the bit that the link flipped. */
  #isDamaged(message: Message, corruptBit: number): boolean {
    const frame = this.#encode(message);
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
    this.#progress.end();
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
    } else this.#violated(PROPERTIES.noFailure.name, stackText(error));
  }

  #violated(property: string, message: string, atMs = this.events.nowUs / US_PER_MS): void {
    if (this.#violation !== null) return;
    this.#violation = { property, message, atMs };
    // Of a crash only the first line: a stack names files, and the fingerprint must not.
    this.tracer.happened(`violation of ${property}: ${message.split('\n')[0]}`);
  }

  #verdict(coverage: Coverage): Verdict {
    if (this.#violation !== null) return { kind: 'violation', violation: this.#violation };
    const reason = vacuity(this.schedule, coverage);
    return reason === null ? { kind: 'pass' } : { kind: 'vacuous', reason };
  }

  #createDisk(id: string): MemoryDisk {
    const isSame = this.schedule.asBytes === true ? sameData : null;
    return new MemoryDisk(`disk of ${id}`, this.#checksum, isSame);
  }

  #createMember(id: string, number: number, settings: Settings): Member {
    const { schedule } = this;
    const { batchCommands, clients, disk, seed, sizes } = schedule;
    const voters = nodeIds(schedule.nodes);
    const configuration = voters.includes(id) ? { ...NOBODY, voters } : NOBODY;
    const { sessionsMax } = clients;
    const clock = new NodeClock(schedule.clocks[number] ?? { offsetMs: 0, driftPpm: 0 });
    return new Member(
      { id, settings, configuration, batchCommands, disk, seed, sessionsMax, sizes },
      clock,
      this.#createDisk(id),
      this,
    );
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
