/**
 * The one layout of an operation and of its result, from the client's frame through the log to the
 * state machine: batches are records one after another, and nothing is decoded before it is
 * executed.
 *
 *   operation   kind 1 · flags 1 · key length 2 · client id 8 · request number 4 ·
 *               lowest pending 4 · value length 4 · expected length 4 · key · value · expected
 *   result      client id 8 · request number 4 · status 1 · has value 1 · spare 2 ·
 *               value length 4 · index 8 · value
 *
 * Numbers are little-endian; client ids and indexes are safe integers carried as float64.
 */

/** What may be done to a key. */
export const OPERATION_KINDS = ['get', 'put', 'delete', 'create', 'update', 'cas'] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/**
 * What a log may ask of the state machine: beside operations on keys, `register`, which makes a
 * session and answers with its client id (§6.3, RegisterClient). A kind's place is its byte.
 */
export const COMMAND_KINDS = [...OPERATION_KINDS, 'register'] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

/** `null` means absent, as a value to store (delete), to expect, or found. */
export type Operation = {
  readonly kind: CommandKind;
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  readonly expected: Uint8Array | null;
};

/** Who asks, so that a repeated request is recognised (§6.3). Client 0 has no session. */
export type RequestIdentity = {
  readonly clientId: number;
  /** Counted from 1 by each client. */
  readonly requestNumber: number;
  /** The client has the answers to all requests below; they may be forgotten. */
  readonly lowestPending: number;
};

export const STATUSES = [
  'ok',
  'notFound',
  'alreadyExists',
  'mismatch',
  /** The session has moved past this request: its answer is no longer kept, it is not executed. */
  'stale',
  /** More requests of one session are pending than its answers are kept for; not executed. */
  'tooManyPending',
  /** The server does not lead, or leads no longer; not executed. */
  'notLeader',
  /** Another leader's entry took the command's place in the log; not executed. */
  'notExecuted',
  /** The server lost its lead while the command was in its log: it may or may not take effect. */
  'outcomeUnknown',
  /** The session was registered and is kept no longer (§6.3); not executed. */
  'sessionExpired',
  /** Too much waits already; not executed. */
  'overloaded',
] as const;
export type Status = (typeof STATUSES)[number];

export type Result = {
  readonly status: Status;
  /** What was found or replaced; `null` where nothing was. */
  readonly value: Uint8Array | null;
  /** Index of the log entry that took effect; 0 for a read. */
  readonly index: number;
};

export const OPERATION_HEADER_BYTES = 28;
export const RESULT_HEADER_BYTES = 28;
const HAS_VALUE = 1;
const HAS_EXPECTED = 2;
const MAX_KEY_BYTES = 0xffff;

/**
 * Ids that `register` gives out count from here, and those that clients choose stay below: so a
 * session that has expired can be told from one that has not begun.
 */
export const FIRST_REGISTERED_CLIENT = 2 ** 52;

const CLIENT_ID_BYTES = 8;

/** A client id as the value that `register` answers with. */
export function encodeClientId(clientId: number): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(CLIENT_ID_BYTES);
  new DataView(value.buffer).setFloat64(0, clientId, true);
  return value;
}

export function decodeClientId(value: Uint8Array): number {
  if (value.byteLength !== CLIENT_ID_BYTES) {
    const found = value.byteLength;
    throw new RangeError(`a client id has ${CLIENT_ID_BYTES} bytes, got ${found}`);
  }
  return new DataView(value.buffer, value.byteOffset, CLIENT_ID_BYTES).getFloat64(0, true);
}

/** A growing buffer of records; `take` hands out what was written and starts afresh. */
export class RecordWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  length = 0;
  count = 0;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  operation(operation: Operation, identity: RequestIdentity): void {
    const { key, value, expected } = operation;
    if (key.byteLength > MAX_KEY_BYTES) {
      throw new RangeError(`a key has at most ${MAX_KEY_BYTES} bytes, got ${key.byteLength}`);
    }
    const valueLength = value?.byteLength ?? 0;
    const expectedLength = expected?.byteLength ?? 0;
    const at = this.#reserve(
      OPERATION_HEADER_BYTES + key.byteLength + valueLength + expectedLength,
    );
    const view = this.#view;
    view.setUint8(at, COMMAND_KINDS.indexOf(operation.kind));
    view.setUint8(
      at + 1,
      (value === null ? 0 : HAS_VALUE) | (expected === null ? 0 : HAS_EXPECTED),
    );
    view.setUint16(at + 2, key.byteLength, true);
    view.setFloat64(at + 4, identity.clientId, true);
    view.setUint32(at + 12, identity.requestNumber, true);
    view.setUint32(at + 16, identity.lowestPending, true);
    view.setUint32(at + 20, valueLength, true);
    view.setUint32(at + 24, expectedLength, true);
    let end = at + OPERATION_HEADER_BYTES;
    copyBytes(key, 0, this.#bytes, end, key.byteLength);
    end += key.byteLength;
    if (value !== null) copyBytes(value, 0, this.#bytes, end, valueLength);
    if (expected !== null) copyBytes(expected, 0, this.#bytes, end + valueLength, expectedLength);
  }

  result(clientId: number, requestNumber: number, result: Result): void {
    const valueLength = result.value?.byteLength ?? 0;
    const at = this.#reserve(RESULT_HEADER_BYTES + valueLength);
    const view = this.#view;
    view.setFloat64(at, clientId, true);
    view.setUint32(at + 8, requestNumber, true);
    view.setUint8(at + 12, STATUSES.indexOf(result.status));
    view.setUint8(at + 13, result.value === null ? 0 : HAS_VALUE);
    view.setUint16(at + 14, 0, true);
    view.setUint32(at + 16, valueLength, true);
    view.setFloat64(at + 20, result.index, true);
    if (result.value !== null) {
      copyBytes(result.value, 0, this.#bytes, at + RESULT_HEADER_BYTES, valueLength);
    }
  }

  /** Appends records that are encoded already. */
  records(batch: Uint8Array, count: number): void {
    const at = this.#reserve(batch.byteLength);
    this.#bytes.set(batch, at);
    this.count += count - 1;
  }

  /** A copy of what was written; the writer is empty afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.length);
    this.length = 0;
    this.count = 0;
    return taken;
  }

  #reserve(size: number): number {
    const at = this.length;
    const needed = at + size;
    if (needed > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.byteLength * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.length = needed;
    this.count++;
    return at;
  }
}

/**
 * Walks the operations of a batch without allocating: the fields speak of the record that `next`
 * came to. A batch that is cut short throws RangeError.
 */
export class OperationReader {
  bytes: Uint8Array;
  #view: DataView;
  #next = 0;
  /** Offset of the current record in `bytes`. */
  at = 0;
  kind: CommandKind = 'get';
  clientId = 0;
  requestNumber = 0;
  lowestPending = 0;
  keyStart = 0;
  keyLength = 0;
  valueStart = 0;
  valueLength = 0;
  hasValue = false;
  expectedLength = 0;
  hasExpected = false;

  constructor(batch: Uint8Array) {
    this.bytes = batch;
    this.#view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  }

  next(): boolean {
    const at = this.#next;
    if (at >= this.bytes.byteLength) return false;
    const view = this.#view;
    const kind = COMMAND_KINDS[view.getUint8(at)];
    if (kind === undefined) throw new RangeError(`no operation has kind ${view.getUint8(at)}`);
    const flags = view.getUint8(at + 1);
    this.at = at;
    this.kind = kind;
    this.keyLength = view.getUint16(at + 2, true);
    this.clientId = view.getFloat64(at + 4, true);
    this.requestNumber = view.getUint32(at + 12, true);
    this.lowestPending = view.getUint32(at + 16, true);
    this.valueLength = view.getUint32(at + 20, true);
    this.expectedLength = view.getUint32(at + 24, true);
    this.hasValue = (flags & HAS_VALUE) !== 0;
    this.hasExpected = (flags & HAS_EXPECTED) !== 0;
    this.keyStart = at + OPERATION_HEADER_BYTES;
    this.valueStart = this.keyStart + this.keyLength;
    this.#next = this.valueStart + this.valueLength + this.expectedLength;
    if (this.#next > this.bytes.byteLength) throw new RangeError('an operation is cut short');
    return true;
  }

  /** Offset just behind the current record. */
  get end(): number {
    return this.#next;
  }

  key(): Uint8Array {
    return this.bytes.slice(this.keyStart, this.valueStart);
  }

  value(): Uint8Array | null {
    if (!this.hasValue) return null;
    return this.bytes.slice(this.valueStart, this.valueStart + this.valueLength);
  }

  expected(): Uint8Array | null {
    if (!this.hasExpected) return null;
    const start = this.valueStart + this.valueLength;
    return this.bytes.slice(start, start + this.expectedLength);
  }
}

/** Can the state machine execute it? What it is made of must be whole records of known kinds. */
export function isBatch(batch: Uint8Array): boolean {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  let at = 0;
  while (at < batch.byteLength) {
    if (at + OPERATION_HEADER_BYTES > batch.byteLength) return false;
    if (view.getUint8(at) >= COMMAND_KINDS.length) return false;
    const clientId = view.getFloat64(at + 4, true);
    if (!Number.isSafeInteger(clientId) || clientId < 0) return false;
    at +=
      OPERATION_HEADER_BYTES +
      view.getUint16(at + 2, true) +
      view.getUint32(at + 20, true) +
      view.getUint32(at + 24, true);
  }
  return at === batch.byteLength;
}

/** Throws RangeError for a batch that cannot be executed. */
export function checkBatch(batch: Uint8Array): void {
  if (isBatch(batch)) return;
  const operations = new OperationReader(batch);
  while (operations.next());
  throw new RangeError('a client id is no whole number from 0 on');
}

/** Walks the results of a batch, as OperationReader does its operations. */
export class ResultReader {
  #bytes: Uint8Array;
  #view: DataView;
  #next = 0;
  clientId = 0;
  requestNumber = 0;
  status: Status = 'ok';
  index = 0;
  #valueStart = 0;
  #hasValue = false;

  constructor(batch: Uint8Array) {
    this.#bytes = batch;
    this.#view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  }

  next(): boolean {
    const at = this.#next;
    if (at >= this.#bytes.byteLength) return false;
    const view = this.#view;
    const status = STATUSES[view.getUint8(at + 12)];
    if (status === undefined)
      throw new RangeError(`no result has status ${view.getUint8(at + 12)}`);
    this.clientId = view.getFloat64(at, true);
    this.requestNumber = view.getUint32(at + 8, true);
    this.status = status;
    this.#hasValue = view.getUint8(at + 13) !== 0;
    this.index = view.getFloat64(at + 20, true);
    this.#valueStart = at + RESULT_HEADER_BYTES;
    this.#next = this.#valueStart + view.getUint32(at + 16, true);
    if (this.#next > this.#bytes.byteLength) throw new RangeError('a result is cut short');
    return true;
  }

  value(): Uint8Array | null {
    return this.#hasValue ? this.#bytes.slice(this.#valueStart, this.#next) : null;
  }
}

/** Where a batch may be split: the end and number of the records from `from` on that fit. */
export function splitBatch(
  batch: Uint8Array,
  from: number,
  countMax: number,
  bytesMax: number,
): { end: number; count: number } {
  const reader = new OperationReader(batch.subarray(from));
  let count = 0;
  let end = 0;
  while (count < countMax && reader.next() && reader.end <= bytesMax) {
    count++;
    end = reader.end;
  }
  return { end: from + end, count };
}

/** Short runs are copied by hand: a view of them would cost more than the bytes. */
const SHORT_COPY_BYTES = 128;

export function copyBytes(
  from: Uint8Array,
  fromStart: number,
  to: Uint8Array,
  toStart: number,
  length: number,
): void {
  if (length > SHORT_COPY_BYTES) {
    to.set(from.subarray(fromStart, fromStart + length), toStart);
    return;
  }
  for (let i = 0; i < length; i++) to[toStart + i] = from[fromStart + i] as number;
}
