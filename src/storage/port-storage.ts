/**
 * A storage on the other end of a port, in a thread that outlives the one that uses it: a database
 * with a statement under way must not be torn from its thread.
 *
 *     thread of the node                        thread of the storage
 *     PortStorage ──persist, snapshots────────> serveStorage ──> SqliteStorage
 *                 <───────────done, in order───
 */
import type { MessagePort, Transferable } from 'node:worker_threads';
import type { Entry, Index, PersistChange, SnapshotMeta } from '../raft/types.ts';
import { nothingStored } from './recovery.ts';
import {
  type Chunk,
  type Done,
  type SnapshotWriter,
  type Storage,
  StorageError,
  type Stored,
} from './storage.ts';

/** Each is answered, under its id. */
type Question = { readonly id: number } & (
  | { readonly kind: 'load' }
  | { readonly kind: 'persist'; readonly changes: readonly PersistChange[] }
  | { readonly kind: 'slice'; readonly writer: number; readonly data: Uint8Array }
  | { readonly kind: 'finish'; readonly writer: number }
  | {
      readonly kind: 'readSnapshot';
      readonly index: Index;
      readonly offset: number;
      readonly length: number;
    }
);

type Call =
  | Question
  | { readonly kind: 'begin'; readonly writer: number; readonly meta: SnapshotMeta }
  | { readonly kind: 'cancel'; readonly writer: number };

type Answer = {
  readonly id: number;
  /** What the storage complained of. */
  readonly error: string | null;
  readonly stored?: Stored;
  readonly chunk?: Chunk | null;
};

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

export class PortStorage implements Storage {
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #questions = 0;
  #writers = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (answer: Answer) => {
      const then = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      then?.(answer);
    });
  }

  load(done: (error: StorageError | null, stored: Stored) => void): void {
    this.#ask({ kind: 'load' }, [], ({ error, stored }) =>
      done(asStorageError(error), stored ?? nothingStored()),
    );
  }

  persist(changes: readonly PersistChange[], done: Done): void {
    const transferred: Transferable[] = [];
    const own = changes.map((change) => ({
      ...change,
      entries: change.entries.map((entry) => detachable(entry, transferred)),
    }));
    this.#ask({ kind: 'persist', changes: own }, transferred, ({ error }) =>
      done(asStorageError(error)),
    );
  }

  writeSnapshot(meta: SnapshotMeta): SnapshotWriter {
    const writer = this.#writers++;
    this.#call({ kind: 'begin', writer, meta }, []);
    return {
      write: (data, done) => {
        const slice = data.slice();
        this.#ask({ kind: 'slice', writer, data: slice }, [slice.buffer], ({ error }) =>
          done(asStorageError(error)),
        );
      },
      finish: (done) => {
        this.#ask({ kind: 'finish', writer }, [], ({ error }) => done(asStorageError(error)));
      },
      cancel: () => this.#call({ kind: 'cancel', writer }, []),
    };
  }

  readSnapshot(
    index: Index,
    offset: number,
    length: number,
    done: (error: StorageError | null, chunk: Chunk | null) => void,
  ): void {
    this.#ask({ kind: 'readSnapshot', index, offset, length }, [], ({ error, chunk }) =>
      done(asStorageError(error), chunk ?? null),
    );
  }

  /** The storage itself stays open, for the next who uses it. */
  close(done: Done): void {
    this.#port.close();
    done(null);
  }

  #ask(
    question: WithoutId<Question>,
    transferred: readonly Transferable[],
    then: (answer: Answer) => void,
  ): void {
    const id = this.#questions++;
    this.#waiting.set(id, then);
    this.#call({ ...question, id }, transferred);
  }

  #call(call: Call, transferred: readonly Transferable[]): void {
    this.#port.postMessage(call, transferred);
  }
}

/** Answers a PortStorage out of `storage`, until the port closes. */
export function serveStorage(storage: Storage, port: MessagePort): void {
  const writers = new Map<number, SnapshotWriter>();
  const answered = (id: number) => (error: StorageError | null) => {
    port.postMessage({ id, error: error?.message ?? null } satisfies Answer);
  };
  port.on('message', (call: Call) => {
    switch (call.kind) {
      case 'load':
        storage.load((error, stored) => {
          const answer: Answer = { id: call.id, error: error?.message ?? null, stored };
          port.postMessage(answer);
        });
        break;
      case 'persist':
        storage.persist(call.changes, answered(call.id));
        break;
      case 'begin':
        writers.set(call.writer, storage.writeSnapshot(call.meta));
        break;
      case 'slice':
        writers.get(call.writer)?.write(call.data, answered(call.id));
        break;
      case 'finish':
        writers.get(call.writer)?.finish(answered(call.id));
        writers.delete(call.writer);
        break;
      case 'cancel':
        writers.get(call.writer)?.cancel();
        writers.delete(call.writer);
        break;
      case 'readSnapshot':
        storage.readSnapshot(call.index, call.offset, call.length, (error, chunk) => {
          const answer: Answer = { id: call.id, error: error?.message ?? null, chunk };
          port.postMessage(answer);
        });
        break;
    }
  });
}

/**
 * The node goes on using its entries: the other thread gets a copy, in a buffer of its own, which
 * then crosses without another one.
 */
function detachable(entry: Entry, transferred: Transferable[]): Entry {
  if (entry.kind !== 'command') return entry;
  const command = entry.command.slice();
  transferred.push(command.buffer);
  return { ...entry, command };
}

function asStorageError(message: string | null): StorageError | null {
  return message === null ? null : new StorageError(message);
}
