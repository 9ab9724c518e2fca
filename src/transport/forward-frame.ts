/**
 * What a server that does not lead and the leader say to each other about the request of a client.
 * It passes over the same connections as Raft's messages (codec.ts), under a version of its own:
 *
 *   request   checksum 4 · version 1 · kind 1 · id 8 · mode 1 · operation
 *   answer    checksum 4 · version 1 · kind 1 · id 8 · status 1 · index 8 · term 8 ·
 *             has value 1 · value 4 and its bytes
 *
 * The operation is laid out as the log keeps it, with the identity of who asks (command.ts).
 */
import type { Checksum } from '../checksum.ts';
import {
  type Operation,
  OperationReader,
  RecordWriter,
  type RequestIdentity,
  STATUSES,
} from '../command.ts';
import { FrameReader, FrameWriter } from './frame-bytes.ts';

/** Far from the versions of Raft's messages, in the same byte. */
const FORWARD_VERSION = 128;
const KINDS = ['request', 'answer'] as const;
/** Through the log, or as a read that stays out of it (§6.4). */
export const FORWARD_MODES = ['write', 'linearizable', 'lease'] as const;
const ANSWER_STATUSES = [...STATUSES, 'noQuorum', 'storageFull'] as const;

export type ForwardedRequest = {
  readonly mode: (typeof FORWARD_MODES)[number];
  readonly operation: Operation;
  /** `null` for a client without a session. */
  readonly identity: RequestIdentity | null;
};

export type ForwardedAnswer = {
  readonly status: (typeof ANSWER_STATUSES)[number];
  readonly value: Uint8Array | null;
  readonly index: number;
  readonly term: number;
};

export type ForwardFrame =
  | { readonly kind: 'request'; readonly id: number; readonly request: ForwardedRequest }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: ForwardedAnswer };

const CHECKSUM_BYTES = 4;
/** Checksum, version, kind, id. */
const HEADER_BYTES = CHECKSUM_BYTES + 2 + 8;
/** Status, index, term, has value, length of the value. */
const ANSWER_BYTES = 1 + 8 + 8 + 1 + 4;
const NO_SESSION: RequestIdentity = { clientId: 0, requestNumber: 0, lowestPending: 0 };
const NO_BYTES = new Uint8Array(0);

const operations = new RecordWriter();

/** Whether it is for `decodeForward`, if it is sound. */
export function isForwardFrame(frame: Uint8Array): boolean {
  return frame[CHECKSUM_BYTES] === FORWARD_VERSION;
}

/** O(bytes). `id` is a safe integer from 1. */
export function encodeForward(frame: ForwardFrame, checksum: Checksum): Uint8Array<ArrayBuffer> {
  const encoded = frame.kind === 'request' ? requestBytes(frame) : answerBytes(frame);
  new DataView(encoded.buffer).setUint32(0, checksum(encoded.subarray(CHECKSUM_BYTES)), true);
  return encoded;
}

/**
 * What the frame says, or `null` where its checksum is wrong, or anything in it is not what an
 * `encodeForward` could have written. Bytes are copies. O(bytes).
 */
export function decodeForward(bytes: Uint8Array, checksum: Checksum): ForwardFrame | null {
  if (bytes.byteLength < HEADER_BYTES) return null;
  const reader = new FrameReader(bytes);
  if (reader.u32() !== checksum(bytes.subarray(CHECKSUM_BYTES))) return null;
  try {
    if (reader.u8() !== FORWARD_VERSION) return null;
    const kind = KINDS[reader.u8()];
    const id = reader.f64();
    if (kind === undefined || !isCount(id) || id === 0) return null;
    if (kind === 'request') {
      const request = readRequest(reader, bytes);
      return request === null ? null : { kind, id, request };
    }
    const answer = readAnswer(reader);
    return answer === null ? null : { kind, id, answer };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

type FrameOf<Kind> = Extract<ForwardFrame, { kind: Kind }>;

function requestBytes({ kind, id, request }: FrameOf<'request'>): Uint8Array<ArrayBuffer> {
  operations.operation(request.operation, request.identity ?? NO_SESSION);
  const operation = operations.take();
  const frame = new Uint8Array(HEADER_BYTES + 1 + operation.byteLength);
  const writer = new FrameWriter(HEADER_BYTES + 1);
  writeHeader(writer, kind, id);
  writer.u8(FORWARD_MODES.indexOf(request.mode));
  frame.set(writer.finish());
  frame.set(operation, HEADER_BYTES + 1);
  return frame;
}

function answerBytes({ kind, id, answer }: FrameOf<'answer'>): Uint8Array<ArrayBuffer> {
  const { status, value, index, term } = answer;
  const writer = new FrameWriter(HEADER_BYTES + ANSWER_BYTES + (value?.byteLength ?? 0));
  writeHeader(writer, kind, id);
  writer.u8(ANSWER_STATUSES.indexOf(status));
  writer.f64(index);
  writer.f64(term);
  writer.flag(value !== null);
  writer.bytes(value ?? NO_BYTES);
  return writer.finish();
}

function writeHeader(writer: FrameWriter, kind: ForwardFrame['kind'], id: number): void {
  writer.u32(0);
  writer.u8(FORWARD_VERSION);
  writer.u8(KINDS.indexOf(kind));
  writer.f64(id);
}

function readRequest(reader: FrameReader, bytes: Uint8Array): ForwardedRequest | null {
  const mode = FORWARD_MODES[reader.u8()];
  const record = new OperationReader(bytes.subarray(HEADER_BYTES + 1));
  if (mode === undefined || !record.next() || record.end !== record.bytes.byteLength) return null;
  const { kind, clientId, requestNumber, lowestPending } = record;
  if (mode !== 'write' && kind !== 'get') return null;
  const identity = { clientId, requestNumber, lowestPending };
  if (!isIdentity(identity)) return null;
  const value = record.value();
  const expected = record.expected();
  // Bytes of what is said not to be there would be kept in the log and never looked at.
  if (value === null && record.valueLength > 0) return null;
  if (expected === null && record.expectedLength > 0) return null;
  if (!hasParts(kind, value, expected)) return null;
  const operation = { kind, key: record.key(), value, expected };
  return { mode, operation, identity: clientId === 0 ? null : identity };
}

/** All that a kind needs and nothing that it has no use for. */
function hasParts(kind: Operation['kind'], value: unknown, expected: unknown): boolean {
  if (kind === 'cas') return true;
  const stores = kind === 'put' || kind === 'create' || kind === 'update';
  return expected === null && (value !== null) === stores;
}

/** §6.3: a client counts its requests from 1, and waits for none that it has not sent. */
function isIdentity({ clientId, requestNumber, lowestPending }: RequestIdentity): boolean {
  if (clientId === 0) return requestNumber === 0 && lowestPending === 0;
  return isCount(clientId) && lowestPending >= 1 && lowestPending <= requestNumber;
}

function readAnswer(reader: FrameReader): ForwardedAnswer | null {
  const status = ANSWER_STATUSES[reader.u8()];
  const index = reader.f64();
  const term = reader.f64();
  const hasValue = reader.u8();
  const value = reader.bytes();
  if (status === undefined || !isCount(index) || !isCount(term) || !reader.atEnd()) return null;
  if (hasValue > 1 || (hasValue === 0 && value.byteLength > 0)) return null;
  return { status, value: hasValue === 1 ? value.slice() : null, index, term };
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
