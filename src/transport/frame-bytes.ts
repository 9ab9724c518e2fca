/**
 * Reads and writes the parts that frames are made of: numbers in little-endian, ids as a length
 * byte and UTF-8, runs of bytes behind their length. Numbers that are safe integers travel as
 * float64.
 */
import type { NodeId } from '../raft/types.ts';

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// There are few ids and many messages: each id is encoded once.
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

/** Throws RangeError for an id that is too long. */
export function idBytes(id: NodeId): number {
  return 1 + encodedId(id).byteLength;
}

export class FrameWriter {
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

  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
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

/** Throws RangeError where the bytes end too early, TypeError for an id that is not UTF-8. */
export class FrameReader {
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

  flag(): boolean {
    const byte = this.u8();
    if (byte > 1) throw new RangeError(`a flag is 0 or 1, got ${byte}`);
    return byte === 1;
  }

  id(): NodeId {
    return textDecoder.decode(this.#take(this.u8()));
  }

  /** A view of the frame. */
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
