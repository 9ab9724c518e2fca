/**
 * What a client and a node say to each other over a socket.
 *
 *   request    checksum 4 · kind and mode 1 · records 4 · operations
 *   response   checksum 4 · leader id length 1 · leader id · results
 *
 * The operations are laid out as the log keeps them (command.ts), so a node appends what it
 * received.
 */

import type { Checksum } from '../checksum.ts';
import { OperationReader } from '../command.ts';
import type { NodeId } from '../raft/types.ts';

/**
 * What a read that stays out of the log is to be worth: `linearizable` by a round of heartbeats
 * (§6.4), by the `lease` where it holds (§6.4.1), at a `follower` that asks the leader (§6.4), or
 * `stale`: whatever the node holds.
 */
export const READ_MODES = ['linearizable', 'lease', 'stale', 'follower'] as const;
export type ReadFrameMode = (typeof READ_MODES)[number];

type Operations = { readonly count: number; readonly batch: Uint8Array };

export type Request =
  /** All of it goes into the log: gets too, which makes them reads through the log (§6.4). */
  | ({ readonly kind: 'write' } & Operations)
  /** Gets and nothing else. */
  | ({ readonly kind: 'read'; readonly mode: ReadFrameMode } & Operations);

export type Response = {
  /** Who leads, as far as the answering node knows. */
  readonly leaderId: NodeId | null;
  readonly results: Uint8Array;
};

/** Behind it in the byte that says what a request is: the modes of a read. */
const WRITE = 0;
const CHECKSUM_BYTES = 4;
const REQUEST_HEADER_BYTES = CHECKSUM_BYTES + 1 + 4;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function encodeRequest(request: Request, checksum: Checksum): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(REQUEST_HEADER_BYTES + request.batch.byteLength);
  const view = new DataView(frame.buffer);
  const code = request.kind === 'write' ? WRITE : WRITE + 1 + READ_MODES.indexOf(request.mode);
  view.setUint8(CHECKSUM_BYTES, code);
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
  const code = view.getUint8(CHECKSUM_BYTES);
  const mode = READ_MODES[code - WRITE - 1];
  if (code !== WRITE && mode === undefined) return null;
  const count = view.getUint32(CHECKSUM_BYTES + 1, true);
  const batch = frame.subarray(REQUEST_HEADER_BYTES);
  if (!holdsOperations(batch, mode !== undefined, count)) return null;
  return mode === undefined
    ? { kind: 'write', count, batch }
    : { kind: 'read', mode, count, batch };
}

function holdsOperations(batch: Uint8Array, getsOnly: boolean, count: number): boolean {
  const operation = new OperationReader(batch);
  let found = 0;
  try {
    while (operation.next()) {
      if (getsOnly && operation.kind !== 'get') return false;
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
