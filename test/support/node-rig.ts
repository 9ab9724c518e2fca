/**
 * A node with its host in the hands of a test: a clock that stands still, a disk that is done when
 * the test says so, a network that records, and clients that keep what they are told.
 */
import { RecordWriter } from '../../src/command.ts';
import { Kv } from '../../src/kv.ts';
import { type Client, Node, type StateMachine } from '../../src/node.ts';
import { lastIndex } from '../../src/raft/log.ts';
import { fork } from '../../src/raft/random.ts';
import type {
  Entry,
  Index,
  Message,
  NodeId,
  PersistChange,
  Settings,
  SnapshotMeta,
} from '../../src/raft/types.ts';
import {
  applyChange,
  type Chunk,
  type Done,
  type SnapshotWriter,
  type Storage,
  StorageError,
  type Stored,
} from '../../src/storage/storage.ts';
import { type Answered, batchOf, by, type Command, operation, resultsOf } from './records.ts';
import { LIMITS } from './settings.ts';

const SETTINGS: Settings = {
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

const BLANK: Stored = {
  currentTerm: 0,
  votedFor: null,
  baseIndex: 0,
  baseTerm: 0,
  entries: [],
  snapshot: null,
};

export type RigOptions = {
  readonly voters?: readonly NodeId[];
  readonly settings?: Partial<Settings>;
  readonly batchCommands?: number;
  readonly requestsMax?: number;
  /** The disk is done at once, within `persist`. */
  readonly instantDisk?: boolean;
  readonly stored?: Stored;
  /** The bytes of the snapshot that is stored. */
  readonly snapshotBytes?: Uint8Array;
  readonly loadError?: StorageError;
  readonly stateMachine?: StateMachine;
};

/** Distributes over the members of the union, so that each keeps its own fields. */
type Part<T> = T extends Message ? Omit<T, 'from' | 'to'> : never;

type SnapshotUnit = {
  readonly meta: SnapshotMeta;
  readonly bytes: Uint8Array;
  readonly done: Done;
};

export type TestClient = Client & {
  /** One list of results per delivery. */
  readonly deliveries: Answered[][];
};

/** Called `n1`, of three unless told otherwise. */
export class NodeRig {
  nowUs = 1_000_000;
  readonly sent: Message[] = [];
  readonly failures: Error[] = [];
  /** Senders of what was dropped, each with the flaw. */
  readonly flaws: string[] = [];
  /** Units the disk has been given and not finished. */
  readonly units: { readonly changes: readonly PersistChange[]; readonly done: Done }[] = [];
  /** Snapshots that the disk has been given whole and has not made the latest. */
  readonly snapshots: SnapshotUnit[] = [];
  /** What the disk holds for good. */
  readonly durable: { -readonly [Field in keyof Stored]: Stored[Field] };
  /** The bytes of its latest snapshot. */
  snapshotBytes: Uint8Array;
  readonly kv = new Kv();
  readonly node: Node;
  timerUs: number | null = null;
  closed = false;
  /** Called with every message as it leaves. */
  onSend: (message: Message) => void = () => {};
  #fire: () => void = () => {};
  /** What the node has asked to be called for in turns of their own. */
  #later: (() => void)[] = [];

  constructor(options: RigOptions = {}) {
    const stored = options.stored ?? BLANK;
    this.durable = { ...stored, entries: [...stored.entries] };
    this.snapshotBytes = options.snapshotBytes ?? new Uint8Array(0);
    const voters = options.voters ?? ['n1', 'n2', 'n3'];
    this.node = new Node(
      {
        id: 'n1',
        settings: { ...SETTINGS, ...options.settings },
        configuration: { voters, outgoing: [], learners: [] },
        rng: fork(1, 'rig'),
        batchCommands: options.batchCommands ?? 1000,
        requestsMax: options.requestsMax ?? 100_000,
      },
      {
        clock: {
          nowUs: () => this.nowUs,
          setTimer: (atUs, fire) => {
            this.timerUs = atUs;
            this.#fire = fire;
          },
        },
        storage: this.#storage(options, stored),
        transport: {
          send: (message) => {
            this.sent.push(message);
            this.onSend(message);
          },
          close: () => {
            this.closed = true;
          },
        },
        later: (then) => this.#later.push(then),
        stateMachine: options.stateMachine ?? this.kv,
        onFlaw: (from, flaw) => this.flaws.push(`${from} ${flaw}`),
        onFailure: (error) => this.failures.push(error),
      },
    );
    this.node.start(() => {});
  }

  #storage(options: RigOptions, stored: Stored): Storage {
    return {
      load: (done) => done(options.loadError ?? null, stored),
      persist: (changes, done) => {
        this.units.push({ changes, done });
        if (options.instantDisk === true) this.finish();
      },
      writeSnapshot: (meta) => this.#writeSnapshot(meta, options.instantDisk === true),
      readSnapshot: (index, offset, length, done) => {
        done(null, this.#chunkOf(index, offset, length));
      },
      close: (done) => done(null),
    };
  }

  /** Takes the bytes at once; the snapshot counts when the test says so, or at once. */
  #writeSnapshot(meta: SnapshotMeta, instant: boolean): SnapshotWriter {
    const chunks: Uint8Array[] = [];
    let given: SnapshotUnit | null = null;
    return {
      write: (data, done) => {
        chunks.push(data.slice());
        done(null);
      },
      finish: (done) => {
        const bytes = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
        given = { meta, bytes, done };
        this.snapshots.push(given);
        if (instant) this.finishSnapshot();
      },
      cancel: () => {
        const at = given === null ? -1 : this.snapshots.indexOf(given);
        if (at >= 0) this.snapshots.splice(at, 1);
      },
    };
  }

  #chunkOf(index: Index, offset: number, length: number): Chunk | null {
    if (this.durable.snapshot?.index !== index) return null;
    const end = offset + length;
    return {
      data: this.snapshotBytes.slice(offset, end),
      last: end >= this.snapshotBytes.byteLength,
    };
  }

  /** The disk makes the oldest snapshot it was given the latest, or fails at it. */
  finishSnapshot(error: StorageError | null = null): void {
    const unit = this.snapshots.shift();
    if (unit === undefined) throw new Error('the disk has been given no snapshot');
    const isLater = unit.meta.index > (this.durable.snapshot?.index ?? 0);
    if (error === null && isLater) {
      this.durable.snapshot = unit.meta;
      this.snapshotBytes = unit.bytes;
    }
    unit.done(error);
  }

  /** The disk finishes the oldest unit it was given, or fails at it. */
  finish(error: StorageError | null = null): void {
    const unit = this.units.shift();
    if (unit === undefined) throw new Error('the disk has nothing to do');
    for (const change of error === null ? unit.changes : []) {
      Object.assign(this.durable, change.termAndVote);
      applyChange(this.durable, change);
    }
    unit.done(error);
  }

  finishAll(): void {
    while (this.units.length > 0) this.finish();
  }

  fail(): void {
    this.finish(new StorageError('the disk is gone'));
  }

  /** Time passes until the timer is due, and it fires. */
  timeout(): void {
    if (this.timerUs === null) throw new Error('no timer is set');
    this.nowUs = Math.max(this.nowUs, this.timerUs);
    this.#fire();
  }

  /** A turn for all that waits for one of its own; what they ask for waits for the next. */
  turn(): void {
    const due = this.#later;
    this.#later = [];
    for (const then of due) then();
  }

  /** Turns until nothing waits for one. */
  turns(): void {
    while (this.#later.length > 0) this.turn();
  }

  receive(from: NodeId, part: Part<Message>): void {
    this.node.receive({ ...part, from, to: 'n1' } as Message);
  }

  /** Leader of term 1 by the votes of all, with its no-op durable everywhere and applied. */
  lead(): this {
    this.timeout();
    this.finishAll();
    for (const from of this.peers) {
      if (this.node.state.role.kind !== 'candidate') break;
      this.receive(from, { kind: 'RequestVoteResponse', term: this.term, voteGranted: true });
    }
    this.finishAll();
    this.acknowledge();
    if (this.node.state.role.kind !== 'leader') throw new Error('n1 was not elected');
    this.sent.length = 0;
    return this;
  }

  get peers(): NodeId[] {
    const [first] = this.node.state.persistent.log.configurations;
    return (first?.configuration.voters ?? []).filter((id) => id !== 'n1');
  }

  get term(): number {
    return this.node.state.persistent.currentTerm;
  }

  get lastIndex(): number {
    return lastIndex(this.node.state.persistent.log);
  }

  /** The followers hold the leader's log, up to `matchIndex`, and have seen the read round. */
  acknowledge({
    matchIndex = this.lastIndex,
    readRound = 0,
    from = this.peers as readonly NodeId[],
  } = {}): void {
    const { term } = this;
    const kind = 'AppendEntriesResponse';
    const fields = {
      success: true,
      matchIndex,
      readRound,
      attempt: 0,
      sentUs: this.nowUs,
    } as const;
    for (const peer of from) this.receive(peer, { kind, term, ...fields });
  }

  /** AppendEntries from the leader of a term; `terms` are those of its entries. */
  append(
    from: NodeId,
    term: number,
    prev: readonly [index: number, term: number],
    terms: readonly number[],
    leaderCommit = 0,
  ): void {
    const [prevLogIndex, prevLogTerm] = prev;
    const entries = terms.map((entryTerm, i): Entry => {
      const command = putBatch(90, 1);
      return { index: prevLogIndex + 1 + i, term: entryTerm, kind: 'command', command };
    });
    const kind = 'AppendEntries';
    const previous = { prevLogIndex, prevLogTerm };
    const timing = { readRound: 0, attempt: 0, sentUs: this.nowUs, roundTripUs: 0 };
    this.receive(from, { kind, term, ...previous, entries, leaderCommit, ...timing });
  }

  /** The messages of one kind that have left. */
  sentOf<K extends Message['kind']>(kind: K): (Message & { kind: K })[] {
    return this.sent.filter((message): message is Message & { kind: K } => message.kind === kind);
  }

  /** The commands of the entries in the units the disk has been given. */
  pendingCommands(): Uint8Array[] {
    return this.units
      .flatMap(({ changes }) => changes)
      .flatMap(({ entries }) => entries)
      .flatMap((entry) => (entry.kind === 'command' ? [entry.command] : []));
  }
}

export function createClient(): TestClient {
  const results = new RecordWriter();
  const deliveries: Answered[][] = [];
  return { results, deliveries, deliver: () => deliveries.push(resultsOf(results.take())) };
}

/** Puts of one client to keys of their own: requests `first` … `first + count - 1`. */
export function putBatch(clientId: number, first: number, count = 1): Uint8Array<ArrayBuffer> {
  return batchOf(
    Array.from({ length: count }, (_, i): Command => {
      const requestNumber = first + i;
      const key = `${clientId}/${requestNumber}`;
      return [operation('put', key, `value ${requestNumber}`), by(clientId, requestNumber, 1)];
    }),
  );
}

/** A read of what `putBatch` wrote. */
export function getBatch(clientId: number, requestNumber: number, key: string): Uint8Array {
  return batchOf([[operation('get', key), by(clientId, requestNumber)]]);
}
