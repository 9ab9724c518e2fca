/**
 * Messages to frames and back. A frame is
 *
 *   checksum 4 · version 1 · kind 1 · sequence 8 · term 8 · from · to · fields of the kind
 *
 * in little-endian; the checksum covers everything behind it, ids are a length byte and UTF-8.
 * Numbers that are safe integers travel as float64. The commands of decoded entries are views of
 * the frame.
 */
import { entryContent, entryKindByte, entryKindOf, makeEntry } from '../entry.ts';
import {
  type AppendEntries,
  type AppendEntriesResponse,
  type Entry,
  type Message,
  type NodeId,
  unreachable,
} from '../raft/types.ts';

/** CRC-32 (or a checksum as strong) of the bytes; passed in so that this file runs anywhere. */
export type Checksum = (bytes: Uint8Array) => number;

export const FRAME_VERSION = 1;
const KINDS = [
  'PreVote',
  'PreVoteResponse',
  'RequestVote',
  'RequestVoteResponse',
  'AppendEntries',
  'AppendEntriesResponse',
] as const satisfies readonly Message['kind'][];

const CHECKSUM_BYTES = 4;
/** Checksum, version, kind, sequence, term. */
const HEADER_BYTES = CHECKSUM_BYTES + 2 + 8 + 8;
/** The fields of each kind, without ids and entries. */
const FIELDS_BYTES: Readonly<Record<Message['kind'], number>> = {
  PreVote: 16,
  PreVoteResponse: 9,
  RequestVote: 16,
  RequestVoteResponse: 1,
  AppendEntries: 44,
  AppendEntriesResponse: 41,
};
/** Index, term, kind and length of an entry. */
const ENTRY_BYTES = 8 + 8 + 1 + 4;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export type Frame = {
  /** Counted by the sender for each link, so that a trace can pair sending and receiving. */
  readonly sequence: number;
  readonly message: Message;
};

/** The size of a message's frame, for who needs no more than that. O(entries). */
export function frameBytes(message: Message): number {
  let size =
    HEADER_BYTES + FIELDS_BYTES[message.kind] + idBytes(message.from) + idBytes(message.to);
  if (message.kind !== 'AppendEntries') return size;
  for (const entry of message.entries) size += ENTRY_BYTES + entryContent(entry).byteLength;
  return size;
}

/** Encodes a message; O(bytes). */
export function encode(
  message: Message,
  sequence: number,
  checksum: Checksum,
): Uint8Array<ArrayBuffer> {
  const entries = message.kind === 'AppendEntries' ? message.entries : [];
  const writer = new Writer(frameBytes(message));
  writer.u32(0);
  writer.u8(FRAME_VERSION);
  writer.u8(KINDS.indexOf(message.kind));
  writer.f64(sequence);
  writer.f64(message.term);
  writer.id(message.from);
  writer.id(message.to);
  writeFields(writer, message);
  for (const entry of entries) {
    writer.f64(entry.index);
    writer.f64(entry.term);
    writer.u8(entryKindByte(entry.kind));
    writer.bytes(entryContent(entry));
  }
  const frame = writer.finish();
  new DataView(frame.buffer).setUint32(0, checksum(frame.subarray(CHECKSUM_BYTES)), true);
  return frame;
}

/**
 * The frame's content, or `null` where its checksum or its form is wrong: then it counts as lost.
 */
export function decode(bytes: Uint8Array, checksum: Checksum): Frame | null {
  if (bytes.byteLength < HEADER_BYTES) return null;
  const reader = new Reader(bytes);
  if (reader.u32() !== checksum(bytes.subarray(CHECKSUM_BYTES))) return null;
  try {
    if (reader.u8() !== FRAME_VERSION) return null;
    const kind = KINDS[reader.u8()];
    if (kind === undefined) return null;
    const sequence = reader.f64();
    const term = reader.f64();
    const from = reader.id();
    const to = reader.id();
    const message = readFields(reader, kind, { from, to, term });
    return reader.atEnd() ? { sequence, message } : null;
  } catch (error) {
    // A frame of the right checksum and the wrong form comes from another program, not from chance.
    if (error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError) {
      return null;
    }
    throw error;
  }
}

function writeFields(writer: Writer, message: Message): void {
  switch (message.kind) {
    case 'PreVote':
    case 'RequestVote':
      writer.f64(message.lastLogIndex);
      writer.f64(message.lastLogTerm);
      break;
    case 'PreVoteResponse':
      writer.f64(message.requestTerm);
      writer.u8(message.voteGranted ? 1 : 0);
      break;
    case 'RequestVoteResponse':
      writer.u8(message.voteGranted ? 1 : 0);
      break;
    case 'AppendEntries':
      writer.f64(message.prevLogIndex);
      writer.f64(message.prevLogTerm);
      writer.f64(message.leaderCommit);
      writer.f64(message.readRound);
      writer.f64(message.attempt);
      writer.u32(message.entries.length);
      break;
    case 'AppendEntriesResponse':
      writer.f64(message.readRound);
      writer.f64(message.attempt);
      writer.u8(message.success ? 1 : 0);
      writer.f64(message.success ? message.matchIndex : message.prevLogIndex);
      writer.f64(message.success ? 0 : message.hintIndex);
      writer.f64(message.success ? 0 : message.hintTerm);
      break;
    default:
      unreachable(message);
  }
}

type Envelope = { from: NodeId; to: NodeId; term: number };

function readFields(reader: Reader, kind: Message['kind'], envelope: Envelope): Message {
  switch (kind) {
    case 'PreVote':
    case 'RequestVote':
      return { kind, ...envelope, lastLogIndex: reader.f64(), lastLogTerm: reader.f64() };
    case 'PreVoteResponse':
      return { kind, ...envelope, requestTerm: reader.f64(), voteGranted: reader.u8() === 1 };
    case 'RequestVoteResponse':
      return { kind, ...envelope, voteGranted: reader.u8() === 1 };
    case 'AppendEntries':
      return readAppendEntries(reader, envelope);
    case 'AppendEntriesResponse':
      return readAppendEntriesResponse(reader, envelope);
    default:
      return unreachable(kind);
  }
}

function readAppendEntries(reader: Reader, { from, to, term }: Envelope): AppendEntries {
  const prevLogIndex = reader.f64();
  const prevLogTerm = reader.f64();
  const leaderCommit = reader.f64();
  const readRound = reader.f64();
  const attempt = reader.f64();
  const count = reader.u32();
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    const index = reader.f64();
    const entryTerm = reader.f64();
    const kind = entryKindOf(reader.u8());
    entries.push(makeEntry(index, entryTerm, kind, reader.bytes()));
  }
  return {
    kind: 'AppendEntries',
    from,
    to,
    term,
    prevLogIndex,
    prevLogTerm,
    entries,
    leaderCommit,
    readRound,
    attempt,
  };
}

function readAppendEntriesResponse(reader: Reader, envelope: Envelope): AppendEntriesResponse {
  const readRound = reader.f64();
  const attempt = reader.f64();
  const success = reader.u8() === 1;
  const index = reader.f64();
  const hintIndex = reader.f64();
  const hintTerm = reader.f64();
  const head = { kind: 'AppendEntriesResponse', ...envelope, readRound, attempt } as const;
  return success
    ? { ...head, success, matchIndex: index }
    : { ...head, success, prevLogIndex: index, hintIndex, hintTerm };
}

// There are few ids and many messages: each id is encoded and decoded once.
const encodedIds = new Map<NodeId, Uint8Array>();

function encodedId(id: NodeId): Uint8Array {
  let encoded = encodedIds.get(id);
  if (encoded === undefined) {
    encoded = textEncoder.encode(id);
    if (encoded.byteLength > 255) {
      throw new RangeError(`a node id has at most 255 bytes of UTF-8, got ${encoded.byteLength}`);
    }
    encodedIds.set(id, encoded);
  }
  return encoded;
}

function idBytes(id: NodeId): number {
  return 1 + encodedId(id).byteLength;
}

class Writer {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #at = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): void {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  f64(value: number): void {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  id(id: NodeId): void {
    const encoded = encodedId(id);
    this.u8(encoded.byteLength);
    this.#bytes.set(encoded, this.#at);
    this.#at += encoded.byteLength;
  }

  bytes(content: Uint8Array): void {
    this.u32(content.byteLength);
    this.#bytes.set(content, this.#at);
    this.#at += content.byteLength;
  }

  finish(): Uint8Array<ArrayBuffer> {
    // A port that clones a view clones the whole buffer behind it: frames fill theirs exactly.
    if (this.#at !== this.#bytes.byteLength) throw new Error('a frame does not fill its buffer');
    return this.#bytes;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#view.getUint8(this.#at++);
  }

  u32(): number {
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  f64(): number {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  id(): NodeId {
    return textDecoder.decode(this.#take(this.u8()));
  }

  bytes(): Uint8Array {
    return this.#take(this.u32());
  }

  atEnd(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  #take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.byteLength) throw new RangeError('cut short');
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }
}
