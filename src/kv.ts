/**
 * The state machine: a map from keys to values, both opaque bytes, and the clients' sessions,
 * through which a request that is repeated takes effect once (§6.3). Pure: the same batches give
 * the same state and the same results on every server.
 */
import { OperationReader, type RecordWriter, type Result } from './command.ts';
import { ByteTable } from './table.ts';

/** Requests of one session whose answers may be kept at a time; bounds a session's memory. */
export const SESSION_WINDOW = 1 << 16;

/** The answers a client may still ask for, by request number modulo the length of `answers`. */
type Session = { lowestPending: number; answers: (Result | undefined)[] };

export type KvCounters = {
  /** Commands that were executed, those included that found nothing to change. */
  executed: number;
  /** Repeated requests that were answered without being executed. */
  repeated: number;
};

const STALE: Result = { status: 'stale', value: null, index: 0 };
const TOO_MANY_PENDING: Result = { status: 'tooManyPending', value: null, index: 0 };

export class Kv {
  readonly #table = new ByteTable();
  readonly #sessions = new Map<number, Session>();
  /** The result that most commands of an entry share. */
  #done: Result = { status: 'ok', value: null, index: 0 };
  readonly counters: KvCounters = { executed: 0, repeated: 0 };

  get size(): number {
    return this.#table.size;
  }

  /**
   * Executes a batch of commands, the content of log entry `index`; the results, one per command
   * and in its order, go to `results` if somebody waits for them.
   */
  apply(index: number, batch: Uint8Array, results: RecordWriter | null): void {
    const command = new OperationReader(batch);
    this.#done = { status: 'ok', value: null, index };
    while (command.next()) {
      const result =
        command.clientId === 0 ? this.#execute(index, command) : this.#once(index, command);
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
    let sessions = 0;
    for (const [clientId, session] of this.#sessions) {
      let answers = 0;
      for (const answer of session.answers) if (answer !== undefined) answers += answer.index;
      sessions =
        (sessions + (clientId % 0xffff_ffff) * 31 + session.lowestPending * 17 + answers) %
        0xffff_ffff;
    }
    return `${this.contentDigest()}:${sessions.toString(16)}`;
  }

  entries(): Generator<[key: Uint8Array, value: Uint8Array]> {
    return this.#table.entries();
  }

  /**
   * §6.3: executes a request the first time it comes, and answers it from the session ever after.
   */
  #once(index: number, command: OperationReader): Result {
    const { requestNumber, lowestPending } = command;
    const session = this.#session(command.clientId, lowestPending);
    if (requestNumber < session.lowestPending) {
      this.counters.repeated++;
      return STALE;
    }
    if (requestNumber - session.lowestPending >= SESSION_WINDOW) return TOO_MANY_PENDING;
    growTo(session, requestNumber - session.lowestPending + 1);
    const at = requestNumber & (session.answers.length - 1);
    const answered = session.answers[at];
    if (answered !== undefined) {
      this.counters.repeated++;
      return answered;
    }
    const result = this.#execute(index, command);
    session.answers[at] = result;
    return result;
  }

  #session(clientId: number, lowestPending: number): Session {
    let session = this.#sessions.get(clientId);
    if (session === undefined) {
      session = { lowestPending, answers: new Array<Result | undefined>(16).fill(undefined) };
      this.#sessions.set(clientId, session);
    }
    const { answers } = session;
    // What lies a whole ring further has no slot of its own; then everything kept is forgotten.
    const forget = Math.min(lowestPending - session.lowestPending, answers.length);
    for (let i = 0; i < forget; i++) {
      answers[(session.lowestPending + i) & (answers.length - 1)] = undefined;
    }
    session.lowestPending = Math.max(session.lowestPending, lowestPending);
    return session;
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

/** Rings are powers of two and only grow; answers keep their place modulo the new length. */
function growTo(session: Session, needed: number): void {
  const { answers } = session;
  if (needed <= answers.length) return;
  let length = answers.length;
  while (length < needed) length *= 2;
  const grown = new Array<Result | undefined>(length).fill(undefined);
  for (let i = 0; i < answers.length; i++) {
    const requestNumber = session.lowestPending + i;
    grown[requestNumber & (length - 1)] = answers[requestNumber & (answers.length - 1)];
  }
  session.answers = grown;
}
