/**
 * The task of one node's thread: it builds the node on a real clock, its share of memory as disk,
 * and ports as network, and obeys the parent's control port. Only the disk and the pause word are
 * shared.
 */
import type { MessagePort } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { createClock, nowUs } from '../../src/clock.ts';
import { RecordWriter } from '../../src/command.ts';
import { Kv } from '../../src/kv.ts';
import { membershipAfter } from '../../src/membership-plan.ts';
import { type Client, Node } from '../../src/node.ts';
import { addressOf } from '../../src/raft/identity.ts';
import { fork } from '../../src/raft/random.ts';
import type { Answer, PlacedConfiguration, RaftState, Role } from '../../src/raft/types.ts';
import { PortStorage } from '../../src/storage/port-storage.ts';
import { SharedStorage } from '../../src/storage/shared.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { Channel } from '../../src/transport/channel.ts';
import { decodeRequest, encodeResponse } from '../../src/transport/client-frame.ts';
import { DelayQueue } from '../../src/transport/delay-queue.ts';
import { createLink, dropped, type LinkSettings, PERFECT } from '../../src/transport/link.ts';
import { Peers } from '../../src/transport/peers.ts';
import { Turns } from '../../src/turns.ts';
import {
  type NodeOperation,
  type NodeTask,
  type Order,
  PAUSED,
  type Report,
} from './node-orders.ts';
import { statusOf } from './node-status.ts';

const COUNTERS_EVERY_MS = 100;
/** Only a client that never waits for its answers comes near it. */
const REQUESTS_MAX = 1_000_000;

/** Runs until told to stop; a crash is the end of the thread in the middle of anything. */
export default function runNode(task: NodeTask): Promise<void> {
  return new Promise((resolve) => {
    new NodeThread(task, resolve).start();
  });
}

class NodeThread {
  readonly #task: NodeTask;
  readonly #id: string;
  readonly #done: () => void;
  readonly #kv: Kv;
  readonly #delays = new DelayQueue(nowUs);
  /** By the peer's address. */
  readonly #channels = new Map<string, Channel>();
  readonly #clients: Channel[] = [];
  readonly #peers: Peers;
  readonly #node: Node;
  readonly #storage: Storage;
  readonly #turns = new Turns(() => this.#node.flush());
  #hasStarted = false;
  readonly #onceStarted: (() => void)[] = [];
  #reporting: NodeJS.Timeout | null = null;
  /** What was reported last; a change of role is a new object. */
  #role: Role | null = null;
  #membership: { placed: PlacedConfiguration; isCommitted: boolean } | null = null;
  #takingSnapshot = false;
  /** Who is to hear that the snapshot under way is over. */
  #awaitingSnapshot: number[] = [];

  constructor(task: NodeTask, done: () => void) {
    this.#task = task;
    this.#id = addressOf(task.name);
    this.#done = done;
    this.#kv = new Kv({ sessionsMax: task.sessionsMax });
    this.#peers = new Peers(crc32, (message) => {
      this.#node.receive(message);
      this.#turns.flushSoon();
    });
    const { disk } = task;
    this.#storage =
      disk.kind === 'shared' ? new SharedStorage(disk.disk) : new PortStorage(disk.port);
    this.#node = this.#createNode();
  }

  #createNode(): Node {
    const { name, settings, configuration, batchCommands, seed, starts } = this.#task;
    const rng = fork(seed, `node ${this.#id} ${starts}`);
    const options = { settings, configuration, batchCommands, requestsMax: REQUESTS_MAX };
    return new Node(
      { id: name, rng, ...options },
      {
        clock: createClock(),
        storage: this.#storage,
        transport: this.#peers,
        stateMachine: this.#kv,
        later: this.#turns.later,
        observe: (_input, _effects, state) => {
          this.#turns.flushSoon();
          this.#observe(state);
        },
        // All of them are ours: it is a fault of this program, and the trial is to end by it.
        onFlaw: (from, flaw) => {
          const what = `drops what ${from} sent, which no correct server does (${flaw})`;
          this.#report({ kind: 'failure', message: `${name}: ${what}` });
        },
        onFailure: (error) => {
          this.#report({ kind: 'failure', message: `${name}: ${error.message}` });
        },
      },
    );
  }

  start(): void {
    this.#task.control.on('message', (order: Order) => this.#obey(order));
    this.#reporting = setInterval(() => this.#reportCounters(), COUNTERS_EVERY_MS);
    this.#node.start(() => {
      this.#hasStarted = true;
      for (const act of this.#onceStarted.splice(0)) act();
      this.#reportCounters();
    });
  }

  #obey(order: Order): void {
    switch (order.kind) {
      case 'connect':
        this.#connect(order.peer, order.port, order.settings);
        break;
      case 'client':
        this.#addClient(order.port);
        break;
      case 'link': {
        const channel = this.#channels.get(order.peer);
        if (channel !== undefined) channel.settings = order.settings;
        break;
      }
      case 'pause':
        Atomics.wait(new Int32Array(this.#task.pauseWord), 0, PAUSED);
        break;
      case 'status':
        this.#afterStart(() => {
          const status = statusOf(this.#node.state, this.#kv, order.asked);
          this.#report({ kind: 'status', id: order.id, status });
        });
        break;
      case 'operate':
        this.#afterStart(() => this.#operate(order.id, order.operation));
        break;
      case 'stop':
        this.#stop();
        break;
    }
  }

  /** A disk may take its time to be read. */
  #afterStart(act: () => void): void {
    if (this.#hasStarted) act();
    else this.#onceStarted.push(act);
  }

  #operate(id: number, operation: NodeOperation): void {
    const node = this.#node;
    const done = (answer: Answer): void => this.#report({ kind: 'answer', id, answer });
    switch (operation.kind) {
      case 'snapshot':
        node.takeSnapshot();
        if (this.#takingSnapshot) this.#awaitingSnapshot.push(id);
        else done({ kind: 'done' });
        break;
      case 'transfer':
        node.transfer(operation.to, done);
        break;
      default: {
        const membership = membershipAfter(operation, node.configuration);
        node.configure(membership, operation.kind !== 'joinBlank', done);
      }
    }
    this.#turns.flushSoon();
  }

  #connect(peer: string, port: MessagePort, settings: LinkSettings): void {
    const { seed, starts } = this.#task;
    const name = `${this.#id}->${peer} ${starts}`;
    const link = this.#channels.get(peer)?.link ?? createLink(seed, name);
    const channel = new Channel(port, link, settings, this.#delays, nowUs);
    // A turn ends when what had arrived on a port has been taken; then all that came of it goes out
    // at once.
    channel.ondrained = this.#turns.flush;
    this.#channels.set(peer, channel);
    this.#peers.connect(peer, channel);
  }

  #addClient(port: MessagePort): void {
    const link = createLink(this.#task.seed, `${this.#id}->client ${this.#clients.length}`);
    const channel = new Channel(port, link, PERFECT, this.#delays, nowUs);
    const results = new RecordWriter();
    const client: Client = {
      results,
      deliver: () => {
        const leaderId = this.#hasStarted ? this.#node.state.volatile.leaderId : null;
        // Clients know servers by their addresses.
        const leader = leaderId === null ? null : addressOf(leaderId);
        channel.send(encodeResponse({ leaderId: leader, results: results.take() }, crc32));
      },
    };
    channel.onmessage = ({ data }) => {
      const request = decodeRequest(data, crc32);
      if (request === null) return;
      const { batch, count } = request;
      if (request.kind === 'write') this.#node.write(client, batch, count);
      else this.#node.read(client, batch, count, request.mode);
      this.#turns.flushSoon();
    };
    channel.ondrained = this.#turns.flush;
    this.#clients.push(channel);
  }

  // ---- Reports ----------------------------------------------------------------------------------

  #report(report: Report): void {
    this.#task.control.postMessage(report);
  }

  /** After every step: what has changed, the parent is told. */
  #observe(state: RaftState): void {
    const { persistent, role, volatile } = state;
    if (role !== this.#role) {
      this.#role = role;
      const { kind, reason } = role;
      this.#report({ kind: 'role', role: kind, term: persistent.currentTerm, reason });
    }
    if (role.kind === 'leader') this.#observeMembership(state);
    if (volatile.takingSnapshot !== this.#takingSnapshot) {
      this.#takingSnapshot = volatile.takingSnapshot;
      this.#report({ kind: 'snapshot', taking: volatile.takingSnapshot, atUs: nowUs() });
      if (!volatile.takingSnapshot) this.#answerForSnapshot();
    }
  }

  #observeMembership({ persistent, volatile }: RaftState): void {
    const { configurations } = persistent.log;
    const placed = configurations[configurations.length - 1] as PlacedConfiguration;
    const isCommitted = placed.index <= volatile.commitIndex;
    const before = this.#membership;
    if (before?.placed === placed && before.isCommitted === isCommitted) return;
    this.#membership = { placed, isCommitted };
    const { configuration } = placed;
    this.#report({ kind: 'membership', term: persistent.currentTerm, configuration, isCommitted });
  }

  #answerForSnapshot(): void {
    for (const id of this.#awaitingSnapshot) {
      this.#report({ kind: 'answer', id, answer: { kind: 'done' } });
    }
    this.#awaitingSnapshot = [];
  }

  #reportCounters(): void {
    let messagesSent = 0;
    let messagesDropped = 0;
    let bytesSent = 0;
    for (const { link } of this.#channels.values()) {
      messagesSent += link.counters.sent;
      messagesDropped += dropped(link.counters);
      bytesSent += link.counters.bytesSent;
    }
    const counters = {
      messagesSent,
      messagesDropped,
      messagesDamaged: this.#peers.damaged,
      bytesSent,
    };
    this.#report({ kind: 'counters', counters });
  }

  #stop(): void {
    this.#reportCounters();
    this.#node.stop();
    this.#storage.close(() => {});
    this.#delays.clear();
    if (this.#reporting !== null) clearInterval(this.#reporting);
    this.#turns.stop();
    for (const channel of this.#clients) channel.close();
    this.#task.control.close();
    this.#done();
  }
}
