/**
 * A server whose host is in the hands of a test: a node with its state machine over a storage that
 * answers late. What outlives a crash is here: the disk.
 */
import { crc32 } from 'node:zlib';
import { Kv } from '../../src/kv.ts';
import { Node, type StateMachine } from '../../src/node.ts';
import { fork } from '../../src/raft/random.ts';
import type {
  Configuration,
  Effect,
  Input,
  Message,
  NodeId,
  RaftState,
  Settings,
} from '../../src/raft/types.ts';
import type { SnapshotSource } from '../../src/snapshots.ts';
import { MemoryDisk } from '../../src/storage/memory.ts';
import { type LateOptions, LateStorage } from './late-storage.ts';
import { LIMITS } from './settings.ts';

export const SETTINGS: Settings = {
  electionTimeoutMs: [150, 300],
  heartbeatMs: 50,
  preVote: false,
  checkQuorum: true,
  leaderStickiness: false,
  parallelDiskWrite: true,
  windowMessages: 8,
  batchEntries: 64,
  batchBytes: 1 << 20,
  ...LIMITS,
};

export type ServerOptions = LateOptions & {
  readonly id?: NodeId;
  readonly configuration?: Configuration;
  readonly settings?: Partial<Settings>;
  readonly requestsMax?: number;
  readonly batchCommands?: number;
  /** Most bytes in one slice of a snapshot that is taken, but for the record that goes beyond. */
  readonly sliceBytes?: number;
  readonly seed?: number;
  /** Stands in for the state machine, which it is given. */
  readonly stateMachine?: (kv: Kv) => StateMachine;
};

/** In slices so small that a snapshot of a few keys takes many. */
class SmallSlices implements SnapshotSource {
  readonly #source: SnapshotSource;
  readonly #bytesMax: number;

  constructor(source: SnapshotSource, bytesMax: number) {
    this.#source = source;
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#source.bytes;
  }

  next(bytes: number): Uint8Array<ArrayBuffer> | null {
    return this.#source.next(Math.min(bytes, this.#bytesMax));
  }

  cancel(): void {
    this.#source.cancel();
  }
}

export class LateServer {
  readonly id: NodeId;
  nowUs = 1_000_000;
  disk: MemoryDisk;
  storage: LateStorage;
  kv = new Kv();
  node: Node;
  /** How often it has started. */
  life = 0;
  isUp = false;
  isStarted = false;
  readonly failures: Error[] = [];
  /** Senders of what was dropped, each with the flaw. */
  readonly flaws: string[] = [];
  readonly sent: Message[] = [];
  onSend: ((message: Message) => void) | null = null;
  onStep: (input: Input, effects: readonly Effect[]) => void = () => {};
  later: (() => void)[] = [];
  timerUs = Number.POSITIVE_INFINITY;
  readonly #options: ServerOptions;
  #fire: () => void = () => {};

  constructor(options: ServerOptions = {}) {
    this.#options = options;
    this.id = options.id ?? 'n1';
    this.disk = new MemoryDisk(this.id, crc32);
    this.storage = new LateStorage(this.disk, options);
    this.node = this.#createNode();
  }

  /** The core's state; null before it has started. */
  get raft(): RaftState | null {
    return this.isStarted ? this.node.state : null;
  }

  start(): this {
    this.life++;
    this.kv = new Kv();
    this.storage = new LateStorage(this.disk, this.#options);
    this.later = [];
    this.isUp = true;
    this.node = this.#createNode();
    this.node.start(() => {
      this.isStarted = true;
    });
    return this;
  }

  /** Something happens to the node, and what came of it goes out. */
  turn(happen: () => void): void {
    if (!this.isUp) return;
    const { life } = this;
    happen();
    if (this.isUp && this.life === life) this.node.flush();
  }

  /** Whoever goes down is not told of anything any more. */
  goDown(): void {
    this.node.stop();
    this.isUp = false;
    this.isStarted = false;
    this.later = [];
    this.timerUs = Number.POSITIVE_INFINITY;
  }

  fireTimer(): void {
    this.nowUs = Math.max(this.nowUs, this.timerUs);
    this.timerUs = Number.POSITIVE_INFINITY;
    this.turn(this.#fire);
  }

  #createNode(): Node {
    const { seed = 1, settings, configuration } = this.#options;
    const voters = ['n1', 'n2', 'n3'];
    const { life, storage } = this;
    const dies = (): boolean => this.life !== life;
    return new Node(
      {
        id: this.id,
        settings: { ...SETTINGS, ...settings },
        configuration: configuration ?? { voters, outgoing: [], learners: [] },
        rng: fork(seed, `node ${this.id} ${life}`),
        batchCommands: this.#options.batchCommands ?? 1000,
        requestsMax: this.#options.requestsMax ?? 100_000,
      },
      {
        clock: {
          nowUs: () => this.nowUs,
          setTimer: (atUs, fire) => {
            this.timerUs = atUs;
            this.#fire = fire;
          },
        },
        storage,
        transport: {
          send: (message) => {
            if (storage.stopped) storage.violations.push(`${message.kind} sent after the end`);
            this.sent.push(message);
            this.onSend?.(message);
          },
          close: () => {
            storage.stopped = true;
          },
        },
        later: (then) => {
          if (!dies()) this.later.push(then);
        },
        stateMachine: this.#options.stateMachine?.(this.kv) ?? this.#stateMachine(),
        observe: (input, effects) => this.onStep(input, effects),
        onFlaw: (from, flaw) => this.flaws.push(`${from} ${flaw}`),
        onFailure: (error) => this.failures.push(error),
      },
    );
  }

  #stateMachine(): StateMachine {
    const { kv } = this;
    const sliceBytes = this.#options.sliceBytes ?? Number.POSITIVE_INFINITY;
    return {
      apply: (index, batch, results) => kv.apply(index, batch, results),
      query: (batch, results) => kv.query(batch, results),
      snapshot: () => new SmallSlices(kv.snapshot(), sliceBytes),
      restore: () => kv.restore(),
    };
  }
}
