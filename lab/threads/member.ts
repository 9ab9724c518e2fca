/** A server of a cluster of threads, as its parent knows it: what outlives the thread is here. */
import type { MessagePort } from 'node:worker_threads';
import { nowUs } from '../../src/clock.ts';
import { FIRST_INCARNATION, memberName } from '../../src/raft/identity.ts';
import type { Configuration, NodeId } from '../../src/raft/types.ts';
import type { Disk } from './disks.ts';
import { type Counters, RUNNING } from './node-orders.ts';

/** A snapshot that a node took, and when, on the clock of all threads; `null` while it does. */
export type SnapshotSpan = { readonly node: string; readonly fromUs: number; toUs: number | null };

/** The configuration of a server that belongs to no cluster. */
export const NOBODY: Configuration = { voters: [], outgoing: [], learners: [] };

export const NOTHING_COUNTED: Counters = {
  messagesSent: 0,
  messagesDropped: 0,
  messagesDamaged: 0,
  bytesSent: 0,
};

export class Member {
  /** Where it is reached, whatever its incarnation. */
  readonly id: string;
  disk: Disk;
  readonly pauseWord = new Int32Array(new SharedArrayBuffer(4));
  state: 'running' | 'paused' | 'crashed' = 'crashed';
  /** How often it has started. */
  starts = 0;
  control: MessagePort | null = null;
  /** Kills the thread. */
  abort = new AbortController();
  /** Settles when the thread's task is over, whichever way. */
  ended: Promise<void> = Promise.resolve();
  counters = NOTHING_COUNTED;
  readonly snapshots: SnapshotSpan[] = [];
  /** What earlier threads of this node had counted when they were last heard of. */
  #past = NOTHING_COUNTED;
  /** Which disk it is on, counted from the first. */
  #incarnation = FIRST_INCARNATION;
  readonly #configuration: Configuration;

  constructor(id: string, configuration: Configuration, disk: Disk) {
    this.id = id;
    this.disk = disk;
    this.#configuration = configuration;
  }

  /** What the protocol knows it by. */
  get name(): NodeId {
    return memberName(this.id, this.#incarnation);
  }

  /** On a blank disk a server belongs to nothing until somebody lets it join. */
  get configuration(): Configuration {
    return this.#incarnation === FIRST_INCARNATION ? this.#configuration : NOBODY;
  }

  get allCounters(): Counters {
    return sum(this.#past, this.counters);
  }

  /** Its thread is killed: no code of it runs any more once `ended` has settled. */
  kill(): void {
    this.state = 'crashed';
    this.#past = this.allCounters;
    this.counters = NOTHING_COUNTED;
    this.takesSnapshot(false, nowUs());
    Atomics.store(this.pauseWord, 0, RUNNING);
    this.abort.abort();
  }

  /** It is another server from now on; what the old thread may still write, nobody reads. */
  replaceDisk(blank: Disk): void {
    this.disk = blank;
    this.#incarnation++;
  }

  takesSnapshot(taking: boolean, atUs: number): void {
    const last = this.snapshots.at(-1);
    if (last !== undefined) last.toUs ??= atUs;
    if (taking) this.snapshots.push({ node: this.id, fromUs: atUs, toUs: null });
  }
}

export function sum(a: Counters, b: Counters): Counters {
  return {
    messagesSent: a.messagesSent + b.messagesSent,
    messagesDropped: a.messagesDropped + b.messagesDropped,
    messagesDamaged: a.messagesDamaged + b.messagesDamaged,
    bytesSent: a.bytesSent + b.bytesSent,
  };
}
