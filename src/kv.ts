/**
 * The state machine: a map from keys to values, both opaque bytes, and the clients' sessions,
 * through which a request that is repeated takes effect once (§6.3). Pure: the same batches give
 * the same state and the same results on every server.
 */
import { encodeClientId, OperationReader, type RecordWriter, type Result } from './command.ts';
import { KvRestore } from './kv-restore.ts';
import { KvSnapshot } from './kv-snapshot.ts';
import { SESSION_WINDOW, type SessionBounds, Sessions } from './sessions.ts';
import type { SnapshotSink, SnapshotSource } from './snapshots.ts';
import { ByteTable, TABLE_SIZES, type TableSizes } from './table.ts';

export { SESSION_WINDOW, type SessionBounds } from './sessions.ts';

/**
 * Enough for a thousand clients with thousands of requests outstanding each, before one that was
 * lost sight of expires.
 */
export const SESSION_BOUNDS: SessionBounds = {
  sessionsMax: 10_000,
  sessionBytesMax: 256 * 2 ** 20,
};

export type KvCounters = {
  /**
   * Commands that took effect since the log began, those included that found nothing to change; a
   * part of the replicated state.
   */
  executed: number;
  /** Repeated requests that this server answered without executing them. */
  repeated: number;
};

const STALE: Result = { status: 'stale', value: null, index: 0 };
const TOO_MANY_PENDING: Result = { status: 'tooManyPending', value: null, index: 0 };
const SESSION_EXPIRED: Result = { status: 'sessionExpired', value: null, index: 0 };

export class Kv {
  readonly #tableSizes: TableSizes;
  #table: ByteTable;
  #sessions: Sessions;
  #snapshot: SnapshotSource | null = null;
  /** The result that most commands of an entry share. */
  #done: Result = { status: 'ok', value: null, index: 0 };
  readonly counters: KvCounters = { executed: 0, repeated: 0 };

  /** Bounds that are left out are `SESSION_BOUNDS`; all servers of a cluster need the same. */
  constructor(bounds: Partial<SessionBounds> = {}, tableSizes: TableSizes = TABLE_SIZES) {
    this.#tableSizes = tableSizes;
    this.#table = new ByteTable(tableSizes);
    this.#sessions = new Sessions({ ...SESSION_BOUNDS, ...bounds });
  }

  get size(): number {
    return this.#table.size;
  }

  /** Records of keys that the present table has moved to make room. */
  get moved(): number {
    return this.#table.moved;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** What all sessions together are charged, close to the memory they take. */
  get sessionBytes(): number {
    return this.#sessions.bytes;
  }

  /** Requests of a client's session that took effect; 0 if there is none. */
  executedOf(clientId: number): number {
    return this.#sessions.get(clientId)?.executed ?? 0;
  }

  /**
   * Executes a batch of commands, the content of log entry `index`; the results, one per command
   * and in its order, go to `results` if somebody waits for them.
   */
  apply(index: number, batch: Uint8Array, results: RecordWriter | null): void {
    const command = new OperationReader(batch);
    this.#done = { status: 'ok', value: null, index };
    while (command.next()) {
      // A registration has no session yet: one that is repeated makes another, which does no harm.
      const sessionless = command.clientId === 0 || command.kind === 'register';
      const result = sessionless ? this.#execute(index, command) : this.#once(index, command);
      results?.result(command.clientId, command.requestNumber, result);
    }
  }

  /** Answers a batch of reads from the present state. */
  query(batch: Uint8Array, results: RecordWriter): void {
    const read = new OperationReader(batch);
    while (read.next()) {
      if (read.kind !== 'get') throw new RangeError(`a query reads; it got ${read.kind}`);
      const value = this.#table.get(read.bytes, read.keyStart, read.keyLength);
      results.result(read.clientId, read.requestNumber, found(value, 0));
    }
  }

  /** A digest of keys and values alone. O(n). */
  contentDigest(): string {
    return contentDigest(this.#table);
  }

  /**
   * A digest of keys, values and sessions: equal on servers that have applied the same entries.
   * O(n).
   */
  digest(): string {
    return `${this.contentDigest()}:${this.#sessions.digest().toString(16)}`;
  }

  entries(): Generator<[key: Uint8Array, value: Uint8Array]> {
    return this.#table.entries();
  }

  /**
   * Begins a snapshot of the state as it is (§5.1), whatever is applied while it is taken. One at a
   * time. O(bytes of the state / 256 KiB).
   */
  snapshot(): SnapshotSource {
    if (this.#snapshot !== null) {
      throw new Error('one snapshot at a time: finish or cancel the one under way first');
    }
    const { executed } = this.counters;
    const state = { table: this.#table, sessions: this.#sessions, executed };
    this.#snapshot = new KvSnapshot(state, () => {
      this.#snapshot = null;
    });
    return this.#snapshot;
  }

  /** A snapshot under way goes on with the state that was. */
  restore(): SnapshotSink {
    return new KvRestore(
      this.#sessions.bounds,
      this.#tableSizes,
      ({ table, sessions, executed }) => {
        this.#table = table;
        this.#sessions = sessions;
        this.counters.executed = executed;
      },
    );
  }

  /**
   * §6.3: executes a request the first time it comes, and answers it from the session ever after.
   */
  #once(index: number, command: OperationReader): Result {
    const { requestNumber } = command;
    const session = this.#sessions.use(command.clientId, command.lowestPending);
    if (session === null) return SESSION_EXPIRED;
    const { answers } = session;
    if (requestNumber < answers.lowestPending) {
      this.counters.repeated++;
      return STALE;
    }
    if (requestNumber - answers.lowestPending >= SESSION_WINDOW) return TOO_MANY_PENDING;
    const answered = answers.get(requestNumber);
    if (answered !== undefined) {
      this.counters.repeated++;
      return answered;
    }
    if (this.#sessions.isFull) return TOO_MANY_PENDING;
    const result = this.#execute(index, command);
    answers.keep(requestNumber, result);
    this.#sessions.answered(session);
    return result;
  }

  #execute(index: number, command: OperationReader): Result {
    this.counters.executed++;
    const { bytes, keyStart, keyLength } = command;
    switch (command.kind) {
      case 'put':
        this.#store(command);
        return this.#done;
      case 'get':
        return found(this.#table.get(bytes, keyStart, keyLength), index);
      case 'delete': {
        const previous = this.#table.get(bytes, keyStart, keyLength);
        this.#table.delete(bytes, keyStart, keyLength);
        return found(previous, index);
      }
      case 'create': {
        const previous = this.#table.get(bytes, keyStart, keyLength);
        if (previous !== null) return { status: 'alreadyExists', value: previous, index };
        this.#store(command);
        return this.#done;
      }
      case 'update': {
        const previous = this.#table.get(bytes, keyStart, keyLength);
        if (previous !== null) this.#store(command);
        return found(previous, index);
      }
      case 'cas': {
        const actual = this.#table.get(bytes, keyStart, keyLength);
        if (!isExpected(command, actual)) return { status: 'mismatch', value: actual, index };
        this.#store(command);
        return this.#done;
      }
      case 'register':
        return { status: 'ok', value: encodeClientId(this.#sessions.register()), index };
    }
  }

  /** Stores the command's value; a `null` value removes the key. */
  #store(command: OperationReader): void {
    const { bytes, keyStart, keyLength } = command;
    if (command.hasValue) {
      this.#table.set(bytes, keyStart, keyLength, command.valueStart, command.valueLength);
    } else {
      this.#table.delete(bytes, keyStart, keyLength);
    }
  }
}

/** Of any table of keys and values, so that a model of the store can be compared with it. */
export function contentDigest(table: ByteTable): string {
  return `${table.size}:${table.digest().toString(16)}`;
}

function found(value: Uint8Array | null, index: number): Result {
  return { status: value === null ? 'notFound' : 'ok', value, index };
}

function isExpected(command: OperationReader, actual: Uint8Array | null): boolean {
  if (actual === null || !command.hasExpected) return actual === null && !command.hasExpected;
  if (actual.byteLength !== command.expectedLength) return false;
  const start = command.valueStart + command.valueLength;
  for (let i = 0; i < actual.byteLength; i++) {
    if (actual[i] !== command.bytes[start + i]) return false;
  }
  return true;
}
