/**
 * A storage that answers every call when the test says so, as one on another thread does: first the
 * disk does what it was asked for, later the node hears of it, and calls overtake each other. It
 * notes where the node breaks its side of the contract (storage.ts).
 */
import type { Index, PersistChange, SnapshotMeta } from '../../src/raft/types.ts';
import type { MemoryDisk } from '../../src/storage/memory.ts';
import { nothingStored } from '../../src/storage/recovery.ts';
import type {
  Chunk,
  Done,
  SnapshotWriter,
  Storage,
  StorageError,
  Stored,
} from '../../src/storage/storage.ts';

export type CallKind = 'load' | 'persist' | 'write' | 'finish' | 'read';

/** One that the node waits for. */
export class Call {
  readonly kind: CallKind;
  isDone = false;
  readonly #work: () => void;
  readonly #tell: (error: StorageError | null) => void;

  constructor(kind: CallKind, work: () => void, tell: (error: StorageError | null) => void) {
    this.kind = kind;
    this.#work = work;
    this.#tell = tell;
  }

  /** The disk does it; the node does not know yet. */
  carryOut(): void {
    if (this.isDone) return;
    this.isDone = true;
    this.#work();
  }

  /** The node hears that it is done, or that it failed, and then nothing was done. */
  answer(error: StorageError | null = null): void {
    if (error === null) this.carryOut();
    this.#tell(error);
  }
}

export type LateOptions = {
  /** Told of every call within it: who answers here answers at once. */
  readonly onCall?: (call: Call) => void;
  /** How many bytes a read that asks for `length` is given, at least 1. */
  readonly readLength?: (length: number) => number;
};

export class LateStorage implements Storage {
  /** In the order in which the node asked. */
  readonly calls: Call[] = [];
  readonly violations: string[] = [];
  /** The node has stopped: it may ask for nothing any more. */
  stopped = false;
  readonly #disk: MemoryDisk;
  readonly #options: LateOptions;
  #dead = false;
  #persisting = false;
  /** What is not on the disk yet. */
  #underWay: readonly PersistChange[] | null = null;
  #writers = 0;

  constructor(disk: MemoryDisk, options: LateOptions = {}) {
    this.#disk = disk;
    this.#options = options;
  }

  load(done: (error: StorageError | null, stored: Stored) => void): void {
    let stored = nothingStored();
    this.#ask(
      'load',
      () => {
        stored = this.#disk.recover();
      },
      (error) => done(error, stored),
    );
  }

  persist(changes: readonly PersistChange[], done: Done): void {
    if (this.#persisting) this.violations.push('persist before the last one was done');
    if (changes.length === 0) this.violations.push('persist of nothing');
    this.#persisting = true;
    this.#underWay = changes;
    let sequence = 0;
    this.#ask(
      'persist',
      () => {
        this.#underWay = null;
        sequence = this.#disk.write(changes);
      },
      (error) => {
        this.#persisting = false;
        this.#underWay = null;
        if (error === null) this.#disk.acknowledge(sequence);
        done(error);
      },
    );
  }

  writeSnapshot(meta: SnapshotMeta): SnapshotWriter {
    this.#asked('writeSnapshot');
    this.#writers++;
    if (this.#writers > 2) this.violations.push(`${this.#writers} snapshots under way`);
    const slices: Uint8Array[] = [];
    let state: 'free' | 'busy' | 'over' = 'free';
    const begin = (): void => {
      if (state !== 'free') this.violations.push(`a call of a writer that is ${state}`);
      if (state === 'free') state = 'busy';
    };
    const end = (next: 'free' | 'over'): void => {
      if (state === 'busy') state = next;
    };
    return {
      write: (data, done) => {
        begin();
        const kept = data.slice();
        this.#ask(
          'write',
          () => slices.push(kept),
          (error) => {
            end('free');
            done(error);
          },
        );
      },
      finish: (done) => {
        begin();
        this.#ask(
          'finish',
          () => {
            if (state === 'busy') this.#disk.keepSnapshot({ meta, data: joined(slices) });
          },
          (error) => {
            if (state === 'busy') this.#writers--;
            end('over');
            done(error);
          },
        );
      },
      cancel: () => {
        this.#asked('cancel');
        if (state !== 'over') this.#writers--;
        state = 'over';
      },
    };
  }

  readSnapshot(
    index: Index,
    offset: number,
    length: number,
    done: (error: StorageError | null, chunk: Chunk | null) => void,
  ): void {
    const given = this.#options.readLength?.(length) ?? length;
    let chunk: Chunk | null = null;
    this.#ask(
      'read',
      () => {
        chunk = this.#disk.readSnapshot(index, offset, given);
      },
      (error) => done(error, chunk),
    );
  }

  close(done: Done): void {
    done(null);
  }

  /**
   * The power fails. `reached` says of each call under way, in order, whether it reached the disk;
   * of a persist that did not, `torn` says what share did, or null.
   */
  crash(reached: (call: Call) => boolean, torn: () => number | null): void {
    for (const call of this.calls) if (!call.isDone && reached(call)) call.carryOut();
    const share = this.#underWay === null ? null : torn();
    if (this.#underWay !== null && share !== null) this.#disk.tear(this.#underWay, share);
    this.#dead = true;
    this.calls.length = 0;
  }

  #asked(what: string): void {
    if (this.stopped) this.violations.push(`${what} after the node had stopped`);
  }

  #ask(kind: CallKind, work: () => void, tell: (error: StorageError | null) => void): void {
    this.#asked(kind);
    let told = false;
    const call = new Call(kind, work, (error) => {
      if (this.#dead) return;
      if (told) throw new Error(`the test answers a ${kind} twice`);
      told = true;
      this.calls.splice(this.calls.indexOf(call), 1);
      tell(error);
    });
    this.calls.push(call);
    this.#options.onCall?.(call);
  }
}

function joined(slices: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(slices.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const slice of slices) {
    bytes.set(slice, at);
    at += slice.byteLength;
  }
  return bytes;
}
