/**
 * A cluster of worker threads: a long-lived piscina task per node, direct ports between all of
 * them, and this thread as the hand that starts, kills, pauses and cuts. It is on no message's way.
 */
import { MessageChannel, type MessagePort, type Transferable } from 'node:worker_threads';
import { SESSION_BOUNDS } from '../../src/kv.ts';
import type { Answer, NodeId, Settings } from '../../src/raft/types.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import type { StorageKind } from '../cluster.ts';
import { type Disk, Disks } from './disks.ts';
import type { ClientOrder } from './load-worker.ts';
import { Member, NOBODY, NOTHING_COUNTED, type SnapshotSpan, sum } from './member.ts';
import {
  type Asked,
  type Counters,
  type KnownMembership,
  type NodeOperation,
  type NodeTask,
  type Order,
  PAUSED,
  type Report,
  RUNNING,
  type Status,
} from './node-orders.ts';
import { Operator } from './operator.ts';
import { threads } from './pool.ts';
import { Questions } from './questions.ts';

export type ThreadsOptions = {
  /** They make up the first configuration, and are called n1, n2, … */
  readonly nodes: number;
  /**
   * Servers with blank disks that belong to no configuration until they join; their names go on
   * behind those of the nodes.
   */
  readonly spares?: number;
  readonly settings: Settings;
  readonly batchCommands: number;
  /** Most sessions that state machines keep; as ever if left out. */
  readonly sessionsMax?: number;
  /** The links between nodes at the start; those of clients are perfect. */
  readonly link: LinkSettings;
  readonly seed: number;
  /** Where the nodes keep their data; in memory if left out. */
  readonly storage?: StorageKind;
};

export type LeaderChange = {
  readonly atMs: number;
  readonly term: number;
  /** Its address. */
  readonly leaderId: string;
};

type Told = Extract<Report, { readonly id: number }>;

const NODE_WORKER = new URL('./node-worker.ts', import.meta.url);

export class ThreadCluster {
  readonly options: ThreadsOptions;
  readonly leaderChanges: LeaderChange[] = [];
  /**
   * Set when a node's storage failed it or it broke an invariant; the run is then worth nothing.
   */
  failure: Error | null = null;
  onFailure: (error: Error) => void = () => {};
  onLeaderElected: () => void = () => {};
  readonly operator = new Operator(this);
  /** By address, as nodes are called throughout. */
  readonly #members = new Map<string, Member>();
  readonly #disks: Disks;
  readonly #links = new Map<string, LinkSettings>();
  readonly #questions = new Questions<Told>();
  #membership: KnownMembership & { readonly term: number };
  #clients: MessagePort | null = null;
  #clientConnections = 1;
  #clientsEnded: Promise<void> = Promise.resolve();

  constructor(options: ThreadsOptions) {
    this.options = options;
    const { nodes, spares = 0, storage = 'memory' } = options;
    this.#disks = new Disks(storage);
    const servers = Array.from({ length: nodes + spares }, (_, i) => `n${i + 1}`);
    const configuration = { ...NOBODY, voters: servers.slice(0, nodes) };
    this.#membership = { term: 0, configuration, isCommitted: true };
    servers.forEach((id, i) => {
      const belonging = i < nodes ? configuration : NOBODY;
      this.#members.set(id, new Member(id, belonging, this.#disks.blank()));
    });
  }

  /** All servers, spares and those who left included. */
  get nodes(): string[] {
    return [...this.#members.keys()];
  }

  /** The node that last said it leads. */
  get leaderId(): string | null {
    return this.leaderChanges.at(-1)?.leaderId ?? null;
  }

  /** As the leader of the latest term told it. */
  get membership(): KnownMembership {
    return this.#membership;
  }

  get sessionsMax(): number {
    return this.options.sessionsMax ?? SESSION_BOUNDS.sessionsMax;
  }

  start(): void {
    for (const member of this.#members.values()) this.#launch(member);
  }

  state(id: string): 'running' | 'paused' | 'crashed' {
    return this.#member(id).state;
  }

  /** What the protocol knows a node by: another name on every disk. */
  name(id: string): NodeId {
    return this.#member(id).name;
  }

  /** The disk of a node, which outlives its threads. */
  disk(id: string): Disk {
    return this.#member(id).disk;
  }

  // ---- Faults -----------------------------------------------------------------------------------

  /**
   * Kills the node's thread wherever it stands, and waits until it is gone. What it had not
   * reported durable may be lost.
   */
  async crash(id: string): Promise<void> {
    const member = this.#member(id);
    if (member.state === 'crashed') return;
    member.kill();
    await member.ended;
  }

  /** Starts a crashed node again once its last thread is gone: two must not write to one disk. */
  async restart(id: string): Promise<void> {
    const member = this.#member(id);
    if (member.state !== 'crashed') return;
    await member.ended;
    if (member.state === 'crashed') this.#launch(member);
  }

  /** The node's disk is lost: it starts again on a blank one, as a server nobody knows. */
  async wipe(id: string): Promise<void> {
    const member = this.#member(id);
    if (member.state !== 'crashed') member.kill();
    member.replaceDisk(this.#disks.blank());
    await this.restart(id);
  }

  /** Starts a node's thread, on its disk and with new ports to all that run. */
  #launch(member: Member): void {
    const { id } = member;
    const { port1: control, port2 } = new MessageChannel();
    const { batchCommands, seed, settings } = this.options;
    const task: NodeTask = {
      name: member.name,
      settings,
      configuration: member.configuration,
      batchCommands,
      sessionsMax: this.sessionsMax,
      seed,
      starts: member.starts++,
      disk: member.disk.open(),
      pauseWord: member.pauseWord.buffer,
      control: port2,
    };
    member.state = 'running';
    member.control = control;
    member.abort = new AbortController();
    control.on('message', (report: Report) => this.#hear(member, report));
    member.ended = this.#runNode(member, task, port2);
    for (const peer of this.#members.values()) {
      if (peer.id !== id && peer.state !== 'crashed') this.#connect(member, peer);
    }
    if (this.#clients !== null) this.#connectClients(member);
  }

  /** The thread blocks at its next message; its sockets fill up meanwhile. */
  pause(id: string): void {
    const member = this.#member(id);
    if (member.state !== 'running') return;
    member.state = 'paused';
    Atomics.store(member.pauseWord, 0, PAUSED);
    this.#order(member, { kind: 'pause' });
    this.#questions.leaveOut(id);
  }

  resume(id: string): void {
    const member = this.#member(id);
    if (member.state !== 'paused') return;
    member.state = 'running';
    Atomics.store(member.pauseWord, 0, RUNNING);
    Atomics.notify(member.pauseWord, 0);
  }

  /** Changes the link from one node to another, in that direction only. */
  setLink(from: string, to: string, settings: Partial<LinkSettings>): void {
    const changed = { ...this.#link(from, to), ...settings };
    this.#links.set(`${from}->${to}`, changed);
    const member = this.#member(from);
    if (member.state !== 'crashed')
      this.#order(member, { kind: 'link', peer: to, settings: changed });
  }

  // ---- Operations -------------------------------------------------------------------------------

  /** Asks one node once; the operator asks whoever leads, and again. */
  async operate(id: string, operation: NodeOperation): Promise<Answer | null> {
    const member = this.#member(id);
    if (member.state !== 'running') return null;
    const told = await this.#questions.ask(id, (question) => {
      this.#order(member, { kind: 'operate', id: question, operation });
    });
    return told?.kind === 'answer' ? told.answer : null;
  }

  // ---- Clients ----------------------------------------------------------------------------------

  /**
   * Starts the clients' thread with a task of the given file and connects it to all nodes, each so
   * many times; the task obeys ClientOrder at least.
   */
  startClients<Report>(
    file: URL,
    task: object,
    hear: (report: Report) => void,
    transfer: MessagePort[] = [],
    connections = 1,
  ): void {
    const { port1, port2 } = new MessageChannel();
    this.#clients = port1;
    this.#clientConnections = connections;
    port1.on('message', hear);
    this.#clientsEnded = this.#run(file, { ...task, control: port2 }, [port2, ...transfer], null);
    for (const member of this.#members.values()) {
      if (member.state !== 'crashed') this.#connectClients(member);
    }
  }

  /** The clients' end of one more connection to a node that runs. */
  connectClient(id: string): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#order(this.#member(id), { kind: 'client', port: port1 }, [port1]);
    return port2;
  }

  orderClients(order: object): void {
    this.#clients?.postMessage(order);
  }

  // ---- Observation ------------------------------------------------------------------------------

  /**
   * The state of every node that runs, asked at once. One that is paused or dies meanwhile is left
   * out.
   */
  async status(asked: Asked = {}): Promise<Status[]> {
    const running = [...this.#members.values()].filter(({ state }) => state === 'running');
    const told = running.map((member) =>
      this.#questions.ask(member.id, (id) => this.#order(member, { kind: 'status', id, asked })),
    );
    return (await Promise.all(told)).flatMap((report) =>
      report?.kind === 'status' ? [report.status] : [],
    );
  }

  /** Messages between nodes since the start, crashed threads included up to their last report. */
  get counters(): Counters {
    let total = NOTHING_COUNTED;
    for (const { allCounters } of this.#members.values()) total = sum(total, allCounters);
    return total;
  }

  /** All snapshots that nodes have taken by themselves, node by node. */
  get snapshots(): SnapshotSpan[] {
    return [...this.#members.values()].flatMap(({ snapshots }) => snapshots);
  }

  throwIfFailed(): void {
    if (this.failure !== null) throw this.failure;
  }

  /** Ends all threads' tasks and waits for them. */
  async stop(): Promise<void> {
    this.operator.end();
    this.orderClients({ kind: 'stop' } satisfies ClientOrder);
    for (const member of this.#members.values()) {
      this.resume(member.id);
      if (member.state === 'running') this.#order(member, { kind: 'stop' });
    }
    await Promise.all([
      this.#clientsEnded,
      ...[...this.#members.values()].map(({ ended }) => ended),
    ]);
    this.#clients?.close();
    await this.#disks.remove();
  }

  // ---- Plumbing ---------------------------------------------------------------------------------

  async #run(
    file: URL,
    task: object,
    transferList: MessagePort[],
    signal: AbortSignal | null,
  ): Promise<void> {
    try {
      await threads().run(task, { filename: file.href, transferList, signal });
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError') return;
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /**
   * Settles when the node's thread is gone for certain. The pool gives a killed task up before its
   * thread has stopped; the thread's end of the control port closes when no code runs behind it.
   */
  async #runNode(member: Member, task: NodeTask, port: MessagePort): Promise<void> {
    const { control } = member;
    const closed = new Promise<void>((resolve) => control?.once('close', resolve));
    const transferred = task.disk.kind === 'port' ? [port, task.disk.port] : [port];
    await this.#run(NODE_WORKER, task, transferred, member.abort.signal);
    // A task that was given up before its thread took it has left the port here.
    port.close();
    await closed;
    if (member.control === control) member.control = null;
    this.#questions.leaveOut(member.id);
  }

  #failed(error: Error): void {
    this.failure ??= error;
    this.onFailure(error);
  }

  #hear(member: Member, report: Report): void {
    switch (report.kind) {
      case 'role': {
        const { role, term } = report;
        const news = term > (this.leaderChanges.at(-1)?.term ?? 0);
        if (role === 'leader' && news) {
          this.leaderChanges.push({ atMs: performance.now(), term, leaderId: member.id });
          this.onLeaderElected();
        }
        break;
      }
      case 'counters':
        // Of one that was killed they are counted already.
        if (member.state !== 'crashed') member.counters = report.counters;
        break;
      case 'membership':
        if (report.term >= this.#membership.term) this.#membership = report;
        break;
      case 'snapshot':
        if (member.state !== 'crashed') member.takesSnapshot(report.taking, report.atUs);
        break;
      case 'status':
      case 'answer':
        this.#questions.answered(report);
        break;
      case 'failure':
        this.#failed(new Error(report.message));
        break;
    }
  }

  #connect(a: Member, b: Member): void {
    const { port1, port2 } = new MessageChannel();
    const connect = (from: Member, to: Member, port: MessagePort): void => {
      const settings = this.#link(from.id, to.id);
      this.#order(from, { kind: 'connect', peer: to.id, port, settings }, [port]);
    };
    connect(a, b, port1);
    connect(b, a, port2);
  }

  #connectClients(member: Member): void {
    for (let connection = 0; connection < this.#clientConnections; connection++) {
      const port = this.connectClient(member.id);
      const order: ClientOrder = { kind: 'connect', node: member.id, connection, port };
      this.#clients?.postMessage(order, [port]);
    }
  }

  #order(member: Member, order: Order, transfer: Transferable[] = []): void {
    member.control?.postMessage(order, transfer);
  }

  #link(from: string, to: string): LinkSettings {
    return this.#links.get(`${from}->${to}`) ?? this.options.link;
  }

  #member(id: string): Member {
    const member = this.#members.get(id);
    if (member === undefined) {
      throw new RangeError(`there is no node ${id}; there are ${this.nodes.join(', ')}`);
    }
    return member;
  }
}
