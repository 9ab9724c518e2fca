/**
 * The task of one node's thread: it builds the node on a real clock, its share of memory as disk,
 * and ports as network, and obeys the parent's control port. Only the disk and the pause word are
 * shared.
 */
import type { MessagePort } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { RecordWriter } from '../../src/command.ts';
import { Kv } from '../../src/kv.ts';
import { type Client, Node } from '../../src/node.ts';
import { checkState } from '../../src/raft/invariants.ts';
import { lastIndex } from '../../src/raft/log.ts';
import { fork } from '../../src/raft/random.ts';
import type { Configuration, NodeId, Role, Settings, Term } from '../../src/raft/types.ts';
import { SharedStorage } from '../../src/storage/shared.ts';
import { Channel, DelayQueue } from '../../src/transport/channel.ts';
import { decodeRequest, encodeResponse } from '../../src/transport/client-frame.ts';
import { createLink, dropped, type LinkSettings, PERFECT } from '../../src/transport/link.ts';
import { Peers } from '../../src/transport/peers.ts';
import { createClock, nowUs } from './clock.ts';

export type NodeTask = {
  readonly id: NodeId;
  readonly settings: Settings;
  readonly configuration: Configuration;
  readonly batchCommands: number;
  readonly seed: number;
  /** How often this node has started before; each start draws from streams of its own. */
  readonly incarnation: number;
  readonly disk: SharedArrayBuffer;
  /** One word: while it is 1, the thread stands still. */
  readonly pauseWord: SharedArrayBuffer;
  readonly control: MessagePort;
};

export const RUNNING = 0;
export const PAUSED = 1;

/** From the parent to a node. */
export type Order =
  | {
      readonly kind: 'connect';
      readonly peer: NodeId;
      readonly port: MessagePort;
      readonly settings: LinkSettings;
    }
  | { readonly kind: 'client'; readonly port: MessagePort }
  | { readonly kind: 'link'; readonly peer: NodeId; readonly settings: LinkSettings }
  | { readonly kind: 'pause' }
  | { readonly kind: 'status'; readonly id: number; readonly digest: boolean }
  | { readonly kind: 'stop' };

/** From a node to the parent. */
export type Report =
  | { readonly kind: 'role'; readonly role: string; readonly term: Term; readonly reason: string }
  | { readonly kind: 'counters'; readonly counters: Counters }
  | { readonly kind: 'status'; readonly id: number; readonly status: Status }
  | { readonly kind: 'failure'; readonly message: string };

export type Counters = {
  readonly messagesSent: number;
  readonly messagesDropped: number;
  readonly messagesDamaged: number;
  readonly bytesSent: number;
};

export type Status = {
  readonly id: NodeId;
  readonly role: string;
  readonly term: Term;
  readonly leaderId: NodeId | null;
  readonly commitIndex: number;
  readonly lastApplied: number;
  readonly lastIndex: number;
  /** Commands executed since the node started, replayed ones included, repeated ones not. */
  readonly executed: number;
  /** Digest of the state machine, if asked for. */
  readonly digest: string | null;
  /** The same without sessions. */
  readonly contentDigest: string | null;
  readonly heapBytes: number;
};

const COUNTERS_EVERY_MS = 100;

/** Runs until told to stop; a crash is the end of the thread in the middle of anything. */
export default function runNode(task: NodeTask): Promise<void> {
  return new Promise((resolve) => {
    new NodeThread(task, resolve).start();
  });
}

class NodeThread {
  readonly #task: NodeTask;
  readonly #done: () => void;
  readonly #kv = new Kv();
  readonly #delays = new DelayQueue(nowUs);
  readonly #channels = new Map<NodeId, Channel>();
  readonly #clients: Channel[] = [];
  readonly #peers: Peers;
  readonly #node: Node;
  #flushing: NodeJS.Immediate | null = null;
  #reporting: NodeJS.Timeout | null = null;
  /** The role last reported; a change of role is a new object. */
  #role: Role | null = null;

  constructor(task: NodeTask, done: () => void) {
    this.#task = task;
    this.#done = done;
    const { id, settings, configuration, batchCommands, seed, incarnation } = task;
    this.#peers = new Peers(crc32, (message) => {
      this.#node.receive(message);
      this.#flushSoon();
    });
    this.#node = new Node(
      { id, settings, configuration, batchCommands, rng: fork(seed, `node ${id} ${incarnation}`) },
      {
        clock: createClock(),
        storage: new SharedStorage(task.disk),
        transport: this.#peers,
        stateMachine: this.#kv,
        observe: (_input, _effects, state) => {
          this.#flushSoon();
          if (state.role === this.#role) return;
          this.#role = state.role;
          const { kind, reason } = state.role;
          this.#report({ kind: 'role', role: kind, term: state.persistent.currentTerm, reason });
        },
        onFailure: (error) => {
          this.#report({ kind: 'failure', message: `${id}: ${error.message}` });
        },
      },
    );
  }

  start(): void {
    this.#task.control.on('message', (order: Order) => this.#obey(order));
    this.#reporting = setInterval(() => this.#reportCounters(), COUNTERS_EVERY_MS);
    this.#node.start(() => this.#reportCounters());
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
        this.#report({ kind: 'status', id: order.id, status: this.#status(order.digest) });
        break;
      case 'stop':
        this.#stop();
        break;
    }
  }

  #connect(peer: NodeId, port: MessagePort, settings: LinkSettings): void {
    const { id, incarnation, seed } = this.#task;
    const name = `${id}->${peer} ${incarnation}`;
    const link = this.#channels.get(peer)?.link ?? createLink(seed, name);
    const channel = new Channel(port, link, settings, this.#delays, nowUs);
    channel.ondrained = this.#flush;
    this.#channels.set(peer, channel);
    this.#peers.connect(peer, channel);
  }

  #addClient(port: MessagePort): void {
    const { id, seed } = this.#task;
    const link = createLink(seed, `${id}->client ${this.#clients.length}`);
    const channel = new Channel(port, link, PERFECT, this.#delays, nowUs);
    const results = new RecordWriter();
    const client: Client = {
      results,
      deliver: () => {
        const { leaderId } = this.#node.state.volatile;
        channel.send(encodeResponse({ leaderId, results: results.take() }, crc32));
      },
    };
    channel.onmessage = ({ data }) => {
      const request = decodeRequest(data, crc32);
      if (request === null) return;
      if (request.kind === 'write') this.#node.write(client, request.batch, request.count);
      else this.#node.read(client, request.batch, request.count);
      this.#flushSoon();
    };
    channel.ondrained = this.#flush;
    this.#clients.push(channel);
  }

  /**
   * A turn ends when what had arrived on a port has been taken; then all that came of it goes out
   * at once. What has another cause, a timer or a delayed message, ends with the event loop's turn.
   */
  readonly #flush = (): void => {
    if (this.#flushing === null) return;
    clearImmediate(this.#flushing);
    this.#flushing = null;
    this.#node.flush();
  };

  #flushSoon(): void {
    this.#flushing ??= setImmediate(this.#flush);
  }

  #report(report: Report): void {
    this.#task.control.postMessage(report);
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

  #status(digest: boolean): Status {
    const { state } = this.#node;
    // The audit asks for digests, and can afford to look at the whole log.
    if (digest) checkState(state);
    return {
      id: state.id,
      role: state.role.kind,
      term: state.persistent.currentTerm,
      leaderId: state.volatile.leaderId,
      commitIndex: state.volatile.commitIndex,
      lastApplied: state.volatile.lastApplied,
      lastIndex: lastIndex(state.persistent.log),
      executed: this.#kv.counters.executed,
      digest: digest ? this.#kv.digest() : null,
      contentDigest: digest ? this.#kv.contentDigest() : null,
      heapBytes: process.memoryUsage().heapUsed,
    };
  }

  #stop(): void {
    this.#reportCounters();
    this.#node.stop();
    this.#delays.clear();
    if (this.#reporting !== null) clearInterval(this.#reporting);
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    for (const channel of this.#clients) channel.close();
    this.#task.control.close();
    this.#done();
  }
}
