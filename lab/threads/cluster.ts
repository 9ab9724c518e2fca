/**
 * A cluster of worker threads: a long-lived piscina task per node, direct ports between all of
 * them, and this thread as the hand that starts, kills, pauses and cuts. It is on no message's way.
 */
import { MessageChannel, type MessagePort, type Transferable } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { NodeId, Settings } from '../../src/raft/types.ts';
import { createDisk } from '../../src/storage/shared.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import type { ClientOrder } from './load-worker.ts';
import {
  type Counters,
  type NodeTask,
  type Order,
  PAUSED,
  type Report,
  RUNNING,
  type Status,
} from './node-worker.ts';

export type ThreadsOptions = {
  readonly nodes: number;
  readonly settings: Settings;
  readonly batchCommands: number;
  /** The links between nodes at the start; those of clients are perfect. */
  readonly link: LinkSettings;
  readonly seed: number;
};

export type LeaderChange = {
  readonly atMs: number;
  readonly term: number;
  readonly leaderId: NodeId;
};

type Member = {
  readonly id: NodeId;
  readonly disk: SharedArrayBuffer;
  readonly pauseWord: SharedArrayBuffer;
  state: 'running' | 'paused' | 'crashed';
  incarnation: number;
  control: MessagePort | null;
  /** Kills the thread. */
  abort: AbortController;
  /** Settles when the thread's task is over, whichever way. */
  ended: Promise<void>;
  /** What earlier threads of this node had counted when they were last heard of. */
  past: Counters;
  counters: Counters;
};

const NOTHING_COUNTED: Counters = {
  messagesSent: 0,
  messagesDropped: 0,
  messagesDamaged: 0,
  bytesSent: 0,
};

let pool: Piscina | null = null;
const THREADS_MAX = 64;
const IDLE_MS = 60_000;
const NODE_WORKER = new URL('./node-worker.ts', import.meta.url);

/**
 * The pool of all hosts: threads are kept between trials, since starting one takes longer than
 * electing.
 */
export function threads(): Piscina {
  pool ??= new Piscina({
    minThreads: 0,
    maxThreads: THREADS_MAX,
    idleTimeout: IDLE_MS,
    atomics: 'disabled',
  });
  return pool;
}

/** Ends all idle threads; call it when no cluster runs. */
export async function closeThreads(): Promise<void> {
  const closing = pool;
  pool = null;
  await closing?.destroy();
}

export class ThreadCluster {
  readonly options: ThreadsOptions;
  readonly leaderChanges: LeaderChange[] = [];
  /**
   * Set when a node's storage failed it or it broke an invariant; the run is then worth nothing.
   */
  failure: Error | null = null;
  onFailure: (error: Error) => void = () => {};
  onLeaderElected: () => void = () => {};
  readonly #members = new Map<NodeId, Member>();
  readonly #links = new Map<string, LinkSettings>();
  readonly #statusRequests = new Map<
    number,
    { node: NodeId; settle: (status: Status | null) => void }
  >();
  #nextStatusRequest = 1;
  #clients: MessagePort | null = null;
  #clientConnections = 1;
  #clientsEnded: Promise<void> = Promise.resolve();

  constructor(options: ThreadsOptions) {
    this.options = options;
    for (let i = 1; i <= options.nodes; i++) {
      const id = `n${i}`;
      this.#members.set(id, {
        id,
        disk: createDisk(),
        pauseWord: new SharedArrayBuffer(4),
        state: 'crashed',
        incarnation: 0,
        control: null,
        abort: new AbortController(),
        ended: Promise.resolve(),
        past: NOTHING_COUNTED,
        counters: NOTHING_COUNTED,
      });
    }
  }

  get nodes(): NodeId[] {
    return [...this.#members.keys()];
  }

  /** The node that last said it leads. */
  get leaderId(): NodeId | null {
    return this.leaderChanges.at(-1)?.leaderId ?? null;
  }

  start(): void {
    for (const member of this.#members.values()) this.#launch(member);
  }

  state(id: NodeId): 'running' | 'paused' | 'crashed' {
    return this.#member(id).state;
  }

  /** The disk of a node, which outlives its threads. */
  disk(id: NodeId): SharedArrayBuffer {
    return this.#member(id).disk;
  }

  // ---- Faults -----------------------------------------------------------------------------------

  /**
   * Kills the node's thread wherever it stands, and waits until it is gone. What it had not
   * reported durable may be lost.
   */
  async crash(id: NodeId): Promise<void> {
    const member = this.#member(id);
    if (member.state === 'crashed') return;
    member.state = 'crashed';
    member.past = sum(member.past, member.counters);
    member.counters = NOTHING_COUNTED;
    Atomics.store(new Int32Array(member.pauseWord), 0, RUNNING);
    member.abort.abort();
    await member.ended;
  }

  /** Starts a crashed node again once its last thread is gone: two must not write to one disk. */
  async restart(id: NodeId): Promise<void> {
    const member = this.#member(id);
    if (member.state !== 'crashed') return;
    await member.ended;
    if (member.state === 'crashed') this.#launch(member);
  }

  /** Starts a node's thread, on its disk and with new ports to all that run. */
  #launch(member: Member): void {
    const { id } = member;
    const { port1: control, port2 } = new MessageChannel();
    const task: NodeTask = {
      id,
      settings: this.options.settings,
      configuration: { voters: this.nodes, outgoing: [], learners: [] },
      batchCommands: this.options.batchCommands,
      seed: this.options.seed,
      incarnation: member.incarnation++,
      disk: member.disk,
      pauseWord: member.pauseWord,
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
  pause(id: NodeId): void {
    const member = this.#member(id);
    if (member.state !== 'running') return;
    member.state = 'paused';
    Atomics.store(new Int32Array(member.pauseWord), 0, PAUSED);
    this.#order(member, { kind: 'pause' });
    this.#leaveOut(member);
  }

  resume(id: NodeId): void {
    const member = this.#member(id);
    if (member.state !== 'paused') return;
    member.state = 'running';
    const word = new Int32Array(member.pauseWord);
    Atomics.store(word, 0, RUNNING);
    Atomics.notify(word, 0);
  }

  /** Changes the link from one node to another, in that direction only. */
  setLink(from: NodeId, to: NodeId, settings: Partial<LinkSettings>): void {
    const changed = { ...this.#link(from, to), ...settings };
    this.#links.set(`${from}->${to}`, changed);
    const member = this.#member(from);
    if (member.state !== 'crashed')
      this.#order(member, { kind: 'link', peer: to, settings: changed });
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

  orderClients(order: object): void {
    this.#clients?.postMessage(order);
  }

  // ---- Observation ------------------------------------------------------------------------------

  /**
   * The state of every node that runs, asked at once. One that is paused or dies meanwhile is left
   * out.
   */
  async status(digest: boolean): Promise<Status[]> {
    const running = [...this.#members.values()].filter(({ state }) => state === 'running');
    const answers = running.map((member) => {
      const id = this.#nextStatusRequest++;
      this.#order(member, { kind: 'status', id, digest });
      return new Promise<Status | null>((settle) => {
        this.#statusRequests.set(id, { node: member.id, settle });
      });
    });
    return (await Promise.all(answers)).filter((status) => status !== null);
  }

  /** Messages between nodes since the start, crashed threads included up to their last report. */
  get counters(): Counters {
    let total = NOTHING_COUNTED;
    for (const { past, counters } of this.#members.values()) {
      total = sum(total, sum(past, counters));
    }
    return total;
  }

  throwIfFailed(): void {
    if (this.failure !== null) throw this.failure;
  }

  /** Ends all threads' tasks and waits for them. */
  async stop(): Promise<void> {
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
    await this.#run(NODE_WORKER, task, [port], member.abort.signal);
    // A task that was given up before its thread took it has left the port here.
    port.close();
    await closed;
    if (member.control === control) member.control = null;
    this.#leaveOut(member);
  }

  /** Nobody waits for its state any longer. */
  #leaveOut(member: Member): void {
    for (const [id, { node, settle }] of this.#statusRequests) {
      if (node !== member.id) continue;
      this.#statusRequests.delete(id);
      settle(null);
    }
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
        member.counters = report.counters;
        break;
      case 'status':
        this.#statusRequests.get(report.id)?.settle(report.status);
        this.#statusRequests.delete(report.id);
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
      const { port1, port2 } = new MessageChannel();
      this.#order(member, { kind: 'client', port: port1 }, [port1]);
      const order: ClientOrder = { kind: 'connect', node: member.id, connection, port: port2 };
      this.#clients?.postMessage(order, [port2]);
    }
  }

  #order(member: Member, order: Order, transfer: Transferable[] = []): void {
    member.control?.postMessage(order, transfer);
  }

  #link(from: NodeId, to: NodeId): LinkSettings {
    return this.#links.get(`${from}->${to}`) ?? this.options.link;
  }

  #member(id: NodeId): Member {
    const member = this.#members.get(id);
    if (member === undefined) {
      throw new RangeError(`there is no node ${id}; there are ${this.nodes.join(', ')}`);
    }
    return member;
  }
}

function sum(a: Counters, b: Counters): Counters {
  return {
    messagesSent: a.messagesSent + b.messagesSent,
    messagesDropped: a.messagesDropped + b.messagesDropped,
    messagesDamaged: a.messagesDamaged + b.messagesDamaged,
    bytesSent: a.bytesSent + b.bytesSent,
  };
}
