/**
 * A unit of changes as bytes, for storages that keep records: what a persist writes at a time.
 *
 *   unit     checksum 4 · sequence 8 · changes 4 · change …
 *   change   flags 1 · term 8 · vote length 1 · vote · truncate from 8 · base index 8 · base term 8
 *            · entries 4 · entry …
 *   entry    index 8 · term 8 · kind 1 · content length 4 · content
 *
 * Little-endian; the checksum covers everything behind it.
 */
import { entryContent, entryKindByte, entryKindOf, makeEntry } from '../entry.ts';
import type { Entry, PersistChange } from '../raft/types.ts';

/** CRC-32 (or a checksum as strong); passed in so that this file runs anywhere. */
export type Checksum = (bytes: Uint8Array) => number;

export type Unit = { readonly sequence: number; readonly changes: readonly PersistChange[] };

const UNIT_BYTES = 4 + 8 + 4;
const CHANGE_BYTES = 1 + 8 + 1 + 8 + 8 + 8 + 4;
const ENTRY_BYTES = 8 + 8 + 1 + 4;
const CHECKSUM_BYTES = 4;

const HAS_TERM = 1;
const HAS_VOTE = 2;
const HAS_CUT = 4;
const HAS_BASE = 8;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
const NO_BYTES = new Uint8Array(0);

/** Size of a unit on the disk. O(entries). */
export function unitBytes(changes: readonly PersistChange[]): number {
  let bytes = UNIT_BYTES;
  for (const { termAndVote, entries } of changes) {
    bytes += CHANGE_BYTES + voteBytes(termAndVote?.votedFor ?? null).byteLength;
    for (const entry of entries) bytes += ENTRY_BYTES + entryContent(entry).byteLength;
  }
  return bytes;
}

export function encodeUnit(unit: Unit, checksum: Checksum): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(unitBytes(unit.changes));
  const view = new DataView(bytes.buffer);
  view.setFloat64(4, unit.sequence, true);
  view.setUint32(12, unit.changes.length, true);
  let at = UNIT_BYTES;
  for (const change of unit.changes) at = writeChange(bytes, view, at, change);
  view.setUint32(0, checksum(bytes.subarray(CHECKSUM_BYTES)), true);
  return bytes;
}

/**
 * `null` for a unit that is cut short or damaged. Throws RangeError, SyntaxError or TypeError for
 * one whose checksum is right, and whose content is none.
 */
export function decodeUnit(bytes: Uint8Array, checksum: Checksum): Unit | null {
  if (bytes.byteLength < UNIT_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== checksum(bytes.subarray(CHECKSUM_BYTES))) return null;
  const count = view.getUint32(12, true);
  const changes: PersistChange[] = [];
  let at = UNIT_BYTES;
  for (let i = 0; i < count; i++) {
    const [change, end] = readChange(bytes, view, at);
    changes.push(change);
    at = end;
  }
  if (at !== bytes.byteLength)
    throw new RangeError(`${bytes.byteLength} bytes, of which ${at} count`);
  return { sequence: view.getFloat64(4, true), changes };
}

function writeChange(bytes: Uint8Array, view: DataView, at: number, change: PersistChange): number {
  const { termAndVote, truncateFrom, entries, compactTo } = change;
  const vote = voteBytes(termAndVote?.votedFor ?? null);
  const flags =
    (termAndVote === null ? 0 : HAS_TERM) |
    (termAndVote === null || termAndVote.votedFor === null ? 0 : HAS_VOTE) |
    (truncateFrom === null ? 0 : HAS_CUT) |
    (compactTo === null ? 0 : HAS_BASE);
  view.setUint8(at, flags);
  view.setFloat64(at + 1, termAndVote?.currentTerm ?? 0, true);
  view.setUint8(at + 9, vote.byteLength);
  bytes.set(vote, at + 10);
  let next = at + 10 + vote.byteLength;
  view.setFloat64(next, truncateFrom ?? 0, true);
  view.setFloat64(next + 8, compactTo?.index ?? 0, true);
  view.setFloat64(next + 16, compactTo?.term ?? 0, true);
  view.setUint32(next + 24, entries.length, true);
  next += 28;
  for (const entry of entries) next = writeEntry(bytes, view, next, entry);
  return next;
}

function writeEntry(bytes: Uint8Array, view: DataView, at: number, entry: Entry): number {
  const content = entryContent(entry);
  view.setFloat64(at, entry.index, true);
  view.setFloat64(at + 8, entry.term, true);
  view.setUint8(at + 16, entryKindByte(entry.kind));
  view.setUint32(at + 17, content.byteLength, true);
  bytes.set(content, at + ENTRY_BYTES);
  return at + ENTRY_BYTES + content.byteLength;
}

function readChange(bytes: Uint8Array, view: DataView, at: number): [PersistChange, number] {
  const flags = view.getUint8(at);
  const currentTerm = view.getFloat64(at + 1, true);
  const voteLength = view.getUint8(at + 9);
  const vote = textDecoder.decode(bytes.subarray(at + 10, at + 10 + voteLength));
  let next = at + 10 + voteLength;
  const cut = view.getFloat64(next, true);
  const base = { index: view.getFloat64(next + 8, true), term: view.getFloat64(next + 16, true) };
  const count = view.getUint32(next + 24, true);
  next += 28;
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(next + 17, true);
    entries.push(readEntry(bytes, view, next, length));
    next += ENTRY_BYTES + length;
  }
  const votedFor = (flags & HAS_VOTE) === 0 ? null : vote;
  return [
    {
      termAndVote: (flags & HAS_TERM) === 0 ? null : { currentTerm, votedFor },
      truncateFrom: (flags & HAS_CUT) === 0 ? null : cut,
      entries,
      compactTo: (flags & HAS_BASE) === 0 ? null : base,
    },
    next,
  ];
}

function readEntry(bytes: Uint8Array, view: DataView, at: number, length: number): Entry {
  const [index, term] = [view.getFloat64(at, true), view.getFloat64(at + 8, true)];
  const content = bytes.slice(at + ENTRY_BYTES, at + ENTRY_BYTES + length);
  try {
    return makeEntry(index, term, entryKindOf(view.getUint8(at + 16)), content);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RangeError(`entry ${index}, term ${term}: ${reason}`, { cause: error });
  }
}

function voteBytes(votedFor: string | null): Uint8Array {
  return votedFor === null ? NO_BYTES : textEncoder.encode(votedFor);
}
