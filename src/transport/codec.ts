/**
 * Messages to frames and back. A frame is
 *
 *   checksum 4 · version 1 · kind 1 · sequence 8 · term 8 · from · to · fields of the kind
 *
 * as frame-bytes.ts writes them; the checksum covers everything behind it. The commands of decoded
 * entries and the data of a snapshot are views of the frame.
 */
import type { Checksum } from '../checksum.ts';
import {
  configurationContent,
  entryContent,
  entryKindByte,
  entryKindOf,
  makeConfiguration,
  makeEntry,
} from '../entry.ts';
import {
  type AppendEntries,
  type AppendEntriesResponse,
  type Entry,
  type InstallSnapshot,
  type InstallSnapshotResponse,
  type Message,
  type NodeId,
  unreachable,
} from '../raft/types.ts';
import { FrameReader, FrameWriter, idBytes } from './frame-bytes.ts';

export type { Checksum } from '../checksum.ts';

export const FRAME_VERSION = 2;
/** A kind's place is its byte. */
export const MESSAGE_KINDS = [
  'PreVote',
  'PreVoteResponse',
  'RequestVote',
  'RequestVoteResponse',
  'AppendEntries',
  'AppendEntriesResponse',
  'InstallSnapshot',
  'InstallSnapshotResponse',
  'TimeoutNow',
  'ReadIndex',
  'ReadIndexResponse',
] as const satisfies readonly Message['kind'][];
const INSTALL_STATUSES = [
  'installed',
  'received',
  'receiving',
] as const satisfies readonly InstallSnapshotResponse['status'][];

const CHECKSUM_BYTES = 4;
/** Checksum, version, kind, sequence, term. */
const HEADER_BYTES = CHECKSUM_BYTES + 2 + 8 + 8;
/** The fields of each kind, without ids, entries, and the content of what has a length. */
const FIELDS_BYTES: Readonly<Record<Message['kind'], number>> = {
  PreVote: 16,
  PreVoteResponse: 9,
  RequestVote: 17,
  RequestVoteResponse: 1,
  AppendEntries: 60,
  AppendEntriesResponse: 49,
  InstallSnapshot: 57,
  InstallSnapshotResponse: 33,
  TimeoutNow: 0,
  ReadIndex: 16,
  ReadIndexResponse: 25,
};
/** Index, term, kind and length of an entry. */
const ENTRY_BYTES = 8 + 8 + 1 + 4;

export type Frame = {
  /** Counted by the sender for each link, so that a trace can pair sending and receiving. */
  readonly sequence: number;
  readonly message: Message;
};

/** The size of a message's frame, for who needs no more than that. O(entries). */
export function frameBytes(message: Message): number {
  let size =
    HEADER_BYTES + FIELDS_BYTES[message.kind] + idBytes(message.from) + idBytes(message.to);
  if (message.kind === 'InstallSnapshot') {
    const { configuration } = message.snapshot.configuration;
    return size + configurationContent(configuration).byteLength + message.data.byteLength;
  }
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
  const writer = new FrameWriter(frameBytes(message));
  writer.u32(0);
  writer.u8(FRAME_VERSION);
  writer.u8(MESSAGE_KINDS.indexOf(message.kind));
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

/** The checksum is right: what is wrong with such a frame is its sender's doing, not the line's. */
export function isIntact(bytes: Uint8Array, checksum: Checksum): boolean {
  if (bytes.byteLength < HEADER_BYTES) return false;
  return new FrameReader(bytes).u32() === checksum(bytes.subarray(CHECKSUM_BYTES));
}

/**
 * The frame's content, or `null` where its checksum or its form is wrong: then it counts as lost.
 */
export function decode(bytes: Uint8Array, checksum: Checksum): Frame | null {
  if (!isIntact(bytes, checksum)) return null;
  const reader = new FrameReader(bytes);
  reader.u32();
  try {
    if (reader.u8() !== FRAME_VERSION) return null;
    const kind = MESSAGE_KINDS[reader.u8()];
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

function writeFields(writer: FrameWriter, message: Message): void {
  switch (message.kind) {
    case 'PreVote':
    case 'RequestVote':
      writer.f64(message.lastLogIndex);
      writer.f64(message.lastLogTerm);
      if (message.kind === 'RequestVote') writer.flag(message.leadershipTransfer);
      break;
    case 'PreVoteResponse':
      writer.f64(message.requestTerm);
      writer.flag(message.voteGranted);
      break;
    case 'RequestVoteResponse':
      writer.flag(message.voteGranted);
      break;
    case 'AppendEntries':
      writer.f64(message.prevLogIndex);
      writer.f64(message.prevLogTerm);
      writer.f64(message.leaderCommit);
      writer.f64(message.readRound);
      writer.f64(message.attempt);
      writer.f64(message.sentUs);
      writer.f64(message.roundTripUs);
      writer.u32(message.entries.length);
      break;
    case 'AppendEntriesResponse':
      writer.f64(message.readRound);
      writer.f64(message.attempt);
      writer.f64(message.sentUs);
      writer.flag(message.success);
      writer.f64(message.success ? message.matchIndex : message.prevLogIndex);
      writer.f64(message.success ? 0 : message.hintIndex);
      writer.f64(message.success ? 0 : message.hintTerm);
      break;
    case 'InstallSnapshot':
      writeInstallSnapshot(writer, message);
      break;
    case 'InstallSnapshotResponse':
      writer.f64(message.index);
      writer.f64(message.readRound);
      writer.f64(message.sentUs);
      writer.u8(INSTALL_STATUSES.indexOf(message.status));
      writer.f64(message.status === 'receiving' ? message.offset : 0);
      break;
    case 'TimeoutNow':
      break;
    case 'ReadIndex':
      writer.f64(message.nonce);
      writer.f64(message.readId);
      break;
    case 'ReadIndexResponse':
      writer.f64(message.nonce);
      writer.f64(message.readId);
      writer.flag(message.index !== null);
      writer.f64(message.index ?? 0);
      break;
    default:
      unreachable(message);
  }
}

function writeInstallSnapshot(writer: FrameWriter, message: InstallSnapshot): void {
  const { index, term, configuration } = message.snapshot;
  writer.f64(index);
  writer.f64(term);
  writer.f64(configuration.index);
  writer.bytes(configurationContent(configuration.configuration));
  writer.f64(message.offset);
  writer.flag(message.done);
  writer.f64(message.readRound);
  writer.f64(message.sentUs);
  writer.bytes(message.data);
}

type Envelope = { from: NodeId; to: NodeId; term: number };

function readFields(reader: FrameReader, kind: Message['kind'], envelope: Envelope): Message {
  switch (kind) {
    case 'PreVote':
      return { kind, ...envelope, lastLogIndex: reader.f64(), lastLogTerm: reader.f64() };
    case 'PreVoteResponse':
      return { kind, ...envelope, requestTerm: reader.f64(), voteGranted: reader.flag() };
    case 'RequestVote': {
      const [lastLogIndex, lastLogTerm] = [reader.f64(), reader.f64()];
      return { kind, ...envelope, lastLogIndex, lastLogTerm, leadershipTransfer: reader.flag() };
    }
    case 'RequestVoteResponse':
      return { kind, ...envelope, voteGranted: reader.flag() };
    case 'AppendEntries':
      return readAppendEntries(reader, envelope);
    case 'AppendEntriesResponse':
      return readAppendEntriesResponse(reader, envelope);
    case 'InstallSnapshot':
      return readInstallSnapshot(reader, envelope);
    case 'InstallSnapshotResponse':
      return readInstallSnapshotResponse(reader, envelope);
    case 'TimeoutNow':
      return { kind, ...envelope };
    case 'ReadIndex':
      return { kind, ...envelope, nonce: reader.f64(), readId: reader.f64() };
    case 'ReadIndexResponse': {
      const [nonce, readId, leads, index] = [
        reader.f64(),
        reader.f64(),
        reader.flag(),
        reader.f64(),
      ];
      return { kind, ...envelope, nonce, readId, index: leads ? index : null };
    }
    default:
      return unreachable(kind);
  }
}

function readAppendEntries(reader: FrameReader, { from, to, term }: Envelope): AppendEntries {
  const prevLogIndex = reader.f64();
  const prevLogTerm = reader.f64();
  const leaderCommit = reader.f64();
  const readRound = reader.f64();
  const attempt = reader.f64();
  const sentUs = reader.f64();
  const roundTripUs = reader.f64();
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
    sentUs,
    roundTripUs,
  };
}

/** Fields stand as the core has them (src/raft/replication.ts): one hidden class, not two. */
function readAppendEntriesResponse(
  reader: FrameReader,
  { from, to, term }: Envelope,
): AppendEntriesResponse {
  const kind = 'AppendEntriesResponse';
  const readRound = reader.f64();
  const attempt = reader.f64();
  const sentUs = reader.f64();
  const success = reader.flag();
  const index = reader.f64();
  const hintIndex = reader.f64();
  const hintTerm = reader.f64();
  if (success) {
    return { kind, from, to, term, readRound, attempt, sentUs, success, matchIndex: index };
  }
  const prevLogIndex = index;
  const head = { kind, from, to, term, readRound, attempt, sentUs } as const;
  return { ...head, success, prevLogIndex, hintIndex, hintTerm };
}

function readInstallSnapshot(reader: FrameReader, envelope: Envelope): InstallSnapshot {
  const index = reader.f64();
  const term = reader.f64();
  const configuration = { index: reader.f64(), configuration: makeConfiguration(reader.bytes()) };
  const snapshot = { index, term, configuration };
  const offset = reader.f64();
  const done = reader.flag();
  const readRound = reader.f64();
  const sentUs = reader.f64();
  const data = reader.bytes();
  return { kind: 'InstallSnapshot', ...envelope, snapshot, offset, data, done, readRound, sentUs };
}

function readInstallSnapshotResponse(
  reader: FrameReader,
  envelope: Envelope,
): InstallSnapshotResponse {
  const index = reader.f64();
  const readRound = reader.f64();
  const sentUs = reader.f64();
  const status = INSTALL_STATUSES[reader.u8()];
  const offset = reader.f64();
  const head = { kind: 'InstallSnapshotResponse', ...envelope, index, readRound, sentUs } as const;
  if (status === undefined) throw new RangeError('unknown status of a snapshot');
  return status === 'receiving' ? { ...head, status, offset } : { ...head, status };
}
