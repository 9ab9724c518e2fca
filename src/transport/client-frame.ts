/**
 * What a client and a node say to each other over a socket.
 *
 *   request    checksum 4 · kind 1 · records 4 · operations
 *   response   checksum 4 · leader id length 1 · leader id · results
 *
 * The operations are laid out as the log keeps them (command.ts), so a node appends what it
 * received.
 */
import { OperationReader } from '../command.ts';
import type { NodeId } from '../raft/types.ts';
import type { Checksum } from './codec.ts';

export type Request = {
  readonly kind: 'write' | 'read';
  readonly count: number;
  readonly batch: Uint8Array;
};

export type Response = {
  /** Who leads, as far as the answering node knows. */
  readonly leaderId: NodeId | null;
  readonly results: Uint8Array;
};

const KINDS = ['write', 'read'] as const;
const CHECKSUM_BYTES = 4;
const REQUEST_HEADER_BYTES = CHECKSUM_BYTES + 1 + 4;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function encodeRequest(request: Request, checksum: Checksum): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(REQUEST_HEADER_BYTES + request.batch.byteLength);
  const view = new DataView(frame.buffer);
  view.setUint8(CHECKSUM_BYTES, KINDS.indexOf(request.kind));
  view.setUint32(CHECKSUM_BYTES + 1, request.count, true);
  frame.set(request.batch, REQUEST_HEADER_BYTES);
  return sealed(frame, checksum);
}

/**
 * `null` for a damaged frame, and for one whose operations are not what its head says: what a node
 * appends to its log, every node must be able to execute. O(operations).
 */
export function decodeRequest(frame: Uint8Array, checksum: Checksum): Request | null {
  if (!isSound(frame, REQUEST_HEADER_BYTES, checksum)) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const kind = KINDS[view.getUint8(CHECKSUM_BYTES)];
  if (kind === undefined) return null;
  const count = view.getUint32(CHECKSUM_BYTES + 1, true);
  const batch = frame.subarray(REQUEST_HEADER_BYTES);
  return holdsOperations(batch, kind, count) ? { kind, count, batch } : null;
}

function holdsOperations(batch: Uint8Array, kind: Request['kind'], count: number): boolean {
  const operation = new OperationReader(batch);
  let found = 0;
  try {
    while (operation.next()) {
      if ((operation.kind === 'get') !== (kind === 'read')) return false;
      found++;
    }
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
  return found === count;
}

export function encodeResponse(response: Response, checksum: Checksum): Uint8Array<ArrayBuffer> {
  const leader = encodedId(response.leaderId ?? '');
  const start = CHECKSUM_BYTES + 1 + leader.byteLength;
  const frame = new Uint8Array(start + response.results.byteLength);
  frame[CHECKSUM_BYTES] = leader.byteLength;
  frame.set(leader, CHECKSUM_BYTES + 1);
  frame.set(response.results, start);
  return sealed(frame, checksum);
}

/** `null` for a damaged frame. */
export function decodeResponse(frame: Uint8Array, checksum: Checksum): Response | null {
  if (!isSound(frame, CHECKSUM_BYTES + 1, checksum)) return null;
  const start = CHECKSUM_BYTES + 1 + (frame[CHECKSUM_BYTES] as number);
  const leader = textDecoder.decode(frame.subarray(CHECKSUM_BYTES + 1, start));
  return { leaderId: leader === '' ? null : leader, results: frame.subarray(start) };
}

// There are few ids and many responses: each is encoded once.
const encodedIds = new Map<NodeId, Uint8Array>();

function encodedId(id: NodeId): Uint8Array {
  let encoded = encodedIds.get(id);
  if (encoded === undefined) {
    encoded = textEncoder.encode(id);
    encodedIds.set(id, encoded);
  }
  return encoded;
}

function sealed(frame: Uint8Array<ArrayBuffer>, checksum: Checksum): Uint8Array<ArrayBuffer> {
  new DataView(frame.buffer).setUint32(0, checksum(frame.subarray(CHECKSUM_BYTES)), true);
  return frame;
}

function isSound(frame: Uint8Array, headerBytes: number, checksum: Checksum): boolean {
  if (frame.byteLength < headerBytes) return false;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return view.getUint32(0, true) === checksum(frame.subarray(CHECKSUM_BYTES));
}
