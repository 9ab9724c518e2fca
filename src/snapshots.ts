/**
 * What a node does with snapshots beside its queue: it takes them in slices, keeps the chunks of
 * another server's, reads chunks for a follower, and puts the state machine into one's state. None
 * of it holds up what else the node does for longer than a slice takes.
 */
import type { Effect, Index, InstallSnapshot, SnapshotMeta } from './raft/types.ts';
import {
  type Chunk,
  ExecutionError,
  isMalformed,
  type SnapshotWriter,
  type Storage,
  type StorageError,
} from './storage/storage.ts';

/** A snapshot of a state machine, as it was when it was asked for, whatever is executed since. */
export interface SnapshotSource {
  /** How many bytes it will come to, about. */
  readonly bytes: number;
  /**
   * The next slice: at least one record, and less than `bytes` and one record; `null` at the end.
   */
  next(bytes: number): Uint8Array<ArrayBuffer> | null;
  /** Gives it up: what changes is not kept for it any longer. */
  cancel(): void;
}

/** Takes a snapshot's bytes, cut anywhere; nothing has changed before `adopt`. */
export interface SnapshotSink {
  /** Throws RangeError if these bytes cannot be what follows. */
  write(chunk: Uint8Array): void;
  /** These were all. Throws RangeError if the snapshot is not complete. */
  end(): void;
  /** Puts the state machine into the state of the snapshot, after `end`. */
  adopt(): void;
}

/** A state machine's part. */
export interface SnapshotState {
  snapshot(): SnapshotSource;
  restore(): SnapshotSink;
}

/** What is needed of the host, and what the node is told. */
export type Surroundings = {
  readonly storage: Storage;
  readonly stateMachine: SnapshotState;
  later(then: () => void): void;
};
export type Reports = {
  saved(index: Index): void;
  received(snapshot: SnapshotMeta): void;
  /** What is being received is no snapshot that the state machine can be put into. */
  refused(snapshot: SnapshotMeta): void;
  failed(error: Error): void;
};

/** A slice takes about as long as a few commands' worth of a turn. */
const SLICE_BYTES = 1 << 16;

type Taking = {
  readonly index: Index;
  readonly source: SnapshotSource;
  /** The share of the log's room that has been used up since it began; 1 when the next is due. */
  readonly used: () => number;
  written: number;
  readonly writer: SnapshotWriter;
};

type ReceiveChunk = Extract<Effect, { kind: 'receiveChunk' }>;

/**
 * Chunks wait for the disk in order; a new snapshot takes the place of an incomplete one. Before it
 * counts, the state machine has read all of it: what is durable can be restored.
 */
type Receiving = {
  readonly snapshot: SnapshotMeta;
  readonly sink: SnapshotSink;
  readonly writer: SnapshotWriter;
  readonly chunks: ReceiveChunk[];
};

export class Snapshots {
  readonly #host: Surroundings;
  readonly #reports: Reports;
  #taking: Taking | null = null;
  #receiving: Receiving | null = null;
  /** A chunk is on its way to the disk. */
  #writing = false;
  /** One has been received, and the core has yet to say what becomes of it. */
  #reported: SnapshotSink | null = null;
  /** Chunks of the next snapshot, while the last one is being completed. */
  #next: ReceiveChunk[] = [];
  /** Chunks that are being read for a follower: a slow disk is not asked for one twice. */
  readonly #reading = new Set<string>();
  readonly #sliceBytes: number;
  #stopped = false;

  /** What is taken, and what is restored, goes by slices of about `sliceBytes`. */
  constructor(host: Surroundings, reports: Reports, sliceBytes = SLICE_BYTES) {
    this.#host = host;
    this.#sliceBytes = sliceBytes;
    this.#reports = reports;
  }

  /** One of the own state is being taken. */
  get taking(): boolean {
    return this.#taking !== null;
  }

  stop(): void {
    this.#stopped = true;
  }

  // ---- Taking -----------------------------------------------------------------------------------

  /**
   * Takes one in slices, at least as fast as the log fills up meanwhile: when `used` has come to 1,
   * the snapshot is complete, so that the log is never longer than two of its bounds.
   */
  take(meta: SnapshotMeta, used: () => number): void {
    const { stateMachine, storage } = this.#host;
    const source = stateMachine.snapshot();
    const writer = storage.writeSnapshot(meta);
    this.#taking = { index: meta.index, source, used, written: 0, writer };
    this.#takeSlice(this.#taking);
  }

  #takeSlice(taking: Taking): void {
    if (this.#stopped || this.#taking !== taking) return;
    const used = taking.used();
    // What it comes to is known about: in the end the rest is due, however much that is.
    const due = used < 1 ? used * taking.source.bytes : Number.POSITIVE_INFINITY;
    const slice = taking.source.next(Math.max(this.#sliceBytes, Math.ceil(due - taking.written)));
    if (slice === null) {
      taking.writer.finish((error) => {
        if (this.#isOver(error) || this.#taking !== taking) return;
        this.#taking = null;
        this.#reports.saved(taking.index);
      });
      return;
    }
    taking.written += slice.byteLength;
    taking.writer.write(slice, (error) => {
      if (this.#isOver(error)) return;
      this.#host.later(() => this.#takeSlice(taking));
    });
  }

  #giveUpTaking(): void {
    this.#taking?.source.cancel();
    this.#taking?.writer.cancel();
    this.#taking = null;
  }

  // ---- Sending ----------------------------------------------------------------------------------

  /**
   * Fills in the bytes that the message asks for; nothing comes of one that is outdated, or asks
   * for what lies behind the snapshot's end.
   */
  read(message: InstallSnapshot, length: number, then: (filled: InstallSnapshot) => void): void {
    const { offset, snapshot, to } = message;
    const wanted = `${to} ${snapshot.index} ${offset}`;
    if (this.#reading.has(wanted)) return;
    this.#reading.add(wanted);
    this.#host.storage.readSnapshot(snapshot.index, offset, length, (error, chunk) => {
      this.#reading.delete(wanted);
      if (this.#isOver(error) || chunk === null || chunk.data.byteLength === 0) return;
      then({ ...message, data: chunk.data, done: chunk.last });
    });
  }

  // ---- Receiving --------------------------------------------------------------------------------

  receive(chunk: ReceiveChunk): void {
    const receiving = this.#receiving;
    const completing = receiving?.chunks.some(({ done }) => done) === true;
    if (completing || this.#reported !== null || this.#next.length > 0) {
      // A later beginning replaces an earlier one.
      if (chunk.offset === 0) this.#next = [];
      this.#next.push(chunk);
      return;
    }
    if (chunk.offset === 0) this.#begin(chunk.snapshot);
    this.#receiving?.chunks.push(chunk);
    this.#writeChunk();
  }

  #begin(snapshot: SnapshotMeta): void {
    this.#receiving?.writer.cancel();
    this.#writing = false;
    const { stateMachine, storage } = this.#host;
    const sink = stateMachine.restore();
    this.#receiving = { snapshot, sink, writer: storage.writeSnapshot(snapshot), chunks: [] };
  }

  #writeChunk(): void {
    const receiving = this.#receiving;
    const chunk = receiving?.chunks[0];
    if (receiving === null || chunk === undefined || this.#writing) return;
    if (!isSound(receiving.sink, chunk)) {
      receiving.writer.cancel();
      this.#receiving = null;
      this.#reports.refused(receiving.snapshot);
      this.#receiveNext();
      return;
    }
    this.#writing = true;
    receiving.writer.write(chunk.data, (error) => {
      if (this.#isOver(error) || this.#receiving !== receiving) return;
      if (chunk.done) {
        this.#complete(receiving);
        return;
      }
      this.#writing = false;
      receiving.chunks.shift();
      this.#writeChunk();
    });
  }

  #complete(receiving: Receiving): void {
    receiving.writer.finish((error) => {
      if (this.#isOver(error)) return;
      this.#receiving = null;
      this.#writing = false;
      this.#reported = receiving.sink;
      this.#reports.received(receiving.snapshot);
    });
  }

  /**
   * The core knows of the snapshot received. Not before may the next one begin: if it took that
   * one's place on the disk, there would be nothing to install.
   */
  goOn(): void {
    this.#reported = null;
    this.#receiveNext();
  }

  /**
   * The core awaits none any more: what has come is let go, but for one that is being completed.
   */
  giveUpReceiving(): void {
    const receiving = this.#receiving;
    if (receiving !== null && !receiving.chunks.some(({ done }) => done)) {
      receiving.writer.cancel();
      this.#receiving = null;
    }
    this.#next = [];
  }

  /** Puts the state machine into the state of the snapshot received, before `goOn`. */
  install(): void {
    if (this.#reported === null) throw new Error('no snapshot was received');
    this.#giveUpTaking();
    this.#reported.adopt();
  }

  #receiveNext(): void {
    const chunks = this.#next;
    if (this.#reported !== null || chunks.length === 0) return;
    this.#next = [];
    for (const chunk of chunks) this.receive(chunk);
  }

  // ---- Restoring --------------------------------------------------------------------------------

  /**
   * At the start: puts the state machine into the state of the latest snapshot, which is of entry
   * `index`.
   */
  restore(index: Index, done: () => void): void {
    const sink = this.#host.stateMachine.restore();
    const length = 2 * this.#sliceBytes;
    let offset = 0;
    let isAsking = false;
    let isAnswered = false;
    // A storage that answers at once is asked in a loop: calls within calls have an end.
    const readOn = (): void => {
      isAnswered = true;
      if (isAsking) return;
      isAsking = true;
      while (isAnswered) {
        isAnswered = false;
        this.#host.storage.readSnapshot(index, offset, length, (error, chunk) => {
          if (this.#isOver(error) || !this.#restoreChunk(index, sink, chunk)) return;
          offset += chunk?.data.byteLength ?? 0;
          if (chunk?.last === true) done();
          else readOn();
        });
      }
      isAsking = false;
    };
    readOn();
  }

  /** Whether it could be done. */
  #restoreChunk(index: Index, sink: SnapshotSink, chunk: Chunk | null): boolean {
    if (chunk === null) {
      this.#reports.failed(new Error(`the snapshot of entry ${index} is gone from the storage`));
      return false;
    }
    try {
      sink.write(chunk.data);
      if (chunk.last) {
        sink.end();
        sink.adopt();
      }
      return true;
    } catch (failure) {
      this.#reports.failed(this.#restoreError(index, failure));
      return false;
    }
  }

  #restoreError(index: Index, failure: unknown): Error {
    if (!isMalformed(failure))
      return failure instanceof Error ? failure : new Error(String(failure));
    const { where = 'the storage' } = this.#host.storage;
    return new ExecutionError(
      `${where}: the snapshot of entry ${index} cannot be restored`,
      failure,
    );
  }

  #isOver(error: StorageError | null): boolean {
    if (this.#stopped) return true;
    if (error !== null) this.#reports.failed(error);
    return error !== null;
  }
}

function isSound(sink: SnapshotSink, { data, done }: ReceiveChunk): boolean {
  try {
    sink.write(data);
    if (done) sink.end();
    return true;
  } catch (error) {
    if (isMalformed(error)) return false;
    throw error;
  }
}
