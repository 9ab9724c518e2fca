/**
 * The clients of a cluster in a thread of their own: sockets to all nodes, turns, and repetitions.
 */
import type { MessagePort } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { nowUs } from '../../src/clock.ts';
import type { Operation } from '../../src/command.ts';
import type { NodeId } from '../../src/raft/types.ts';
import { Channel } from '../../src/transport/channel.ts';
import { DelayQueue } from '../../src/transport/delay-queue.ts';
import { createLink, PERFECT } from '../../src/transport/link.ts';
import { type ClientSettings, ClusterClient } from '../client.ts';
import type { CallEnded } from '../client-session.ts';
import type { Caller, ReadWay } from '../cluster.ts';

const SWEEP_EVERY_MS = 20;

export class ClientThread implements Caller {
  readonly #client: ClusterClient;
  readonly #seed: number;
  readonly #delays = new DelayQueue(nowUs);
  readonly #sweeping: NodeJS.Timeout;
  #flushing: NodeJS.Immediate | null = null;

  /** `onSweep` is called every few milliseconds. */
  constructor(settings: ClientSettings, seed: number, onSweep: () => void) {
    this.#seed = seed;
    this.#client = new ClusterClient(settings, nowUs, () => this.#flushSoon(), crc32);
    this.#sweeping = setInterval(() => {
      this.#client.sweep();
      onSweep();
    }, SWEEP_EVERY_MS);
  }

  readonly nowUs = nowUs;

  at(atUs: number, then: () => void): void {
    setTimeout(then, Math.max(0, (atUs - nowUs()) / 1000));
  }

  call(client: number, operation: Operation, done: CallEnded, read?: ReadWay): void {
    this.#client.call(client, operation, done, read);
  }

  get pendingCount(): number {
    return this.#client.pendingCount;
  }

  connect(node: NodeId, port: MessagePort): void {
    const link = createLink(this.#seed, `clients->${node}`);
    const channel = new Channel(port, link, PERFECT, this.#delays, nowUs);
    channel.ondrained = this.#flush;
    this.#client.connect(node, channel);
  }

  stop(): void {
    clearInterval(this.#sweeping);
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    this.#client.close();
    this.#delays.clear();
  }

  /** What is called within a turn goes out in one frame at its end. */
  #flushSoon(): void {
    this.#flushing ??= setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    if (this.#flushing === null) return;
    clearImmediate(this.#flushing);
    this.#flushing = null;
    this.#client.flush();
  };
}
