/**
 * A snapshot as bytes, for storages that keep it as one record.
 *
 *   record   checksum 4 · length of meta 4 · meta · data
 *
 * Little-endian; the checksum covers everything behind it. The meta is JSON: a disk has a single
 * one, and it is read once.
 */
import { configurationOf } from '../entry.ts';
import type { SnapshotMeta } from '../raft/types.ts';
import type { Checksum } from './records.ts';

export type Snapshot = { readonly meta: SnapshotMeta; readonly data: Uint8Array };

const CHECKSUM_BYTES = 4;
const HEAD_BYTES = CHECKSUM_BYTES + 4;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeMeta(meta: SnapshotMeta): Uint8Array<ArrayBuffer> {
  return textEncoder.encode(JSON.stringify(meta));
}

/** Of bytes that a checksum has vouched for. */
export function decodeMeta(bytes: Uint8Array): SnapshotMeta {
  return parseMeta(textDecoder.decode(bytes));
}

/** Throws RangeError or SyntaxError for a text that is none. */
export function parseMeta(text: string): SnapshotMeta {
  const meta: SnapshotMeta = JSON.parse(text);
  const { index, term, configuration } = Object(meta);
  const counts = [index, term, configuration?.index];
  if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0)) {
    throw new RangeError(`what a snapshot stands for has an index and a term, got ${text}`);
  }
  configurationOf(configuration.configuration);
  return meta;
}

export function encodeSnapshot(snapshot: Snapshot, checksum: Checksum): Uint8Array<ArrayBuffer> {
  const meta = encodeMeta(snapshot.meta);
  const bytes = new Uint8Array(HEAD_BYTES + meta.byteLength + snapshot.data.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(CHECKSUM_BYTES, meta.byteLength, true);
  bytes.set(meta, HEAD_BYTES);
  bytes.set(snapshot.data, HEAD_BYTES + meta.byteLength);
  view.setUint32(0, checksum(bytes.subarray(CHECKSUM_BYTES)), true);
  return bytes;
}

/** `null` for a record that is cut short or damaged. */
export function decodeSnapshot(bytes: Uint8Array, checksum: Checksum): Snapshot | null {
  if (bytes.byteLength < HEAD_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== checksum(bytes.subarray(CHECKSUM_BYTES))) return null;
  const dataAt = HEAD_BYTES + view.getUint32(CHECKSUM_BYTES, true);
  return { meta: decodeMeta(bytes.subarray(HEAD_BYTES, dataAt)), data: bytes.slice(dataAt) };
}
