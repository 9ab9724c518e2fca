/**
 * Raft's messages over Maelstrom's: the same frames that sockets carry, checksum included, as text.
 */
import { crc32 } from 'node:zlib';
import { addressOf } from '../raft/identity.ts';
import type { Message, NodeId } from '../raft/types.ts';
import { decode, encode } from '../transport/codec.ts';
import type { Transport } from '../transport/transport.ts';
import type { Body } from './message.ts';

export class Network implements Transport {
  readonly #send: (dest: string, body: Body) => void;
  readonly #sequences = new Map<NodeId, number>();
  #closed = false;

  constructor(send: (dest: string, body: Body) => void) {
    this.#send = send;
  }

  send(message: Message): void {
    if (this.#closed) return;
    const sequence = (this.#sequences.get(message.to) ?? 0) + 1;
    this.#sequences.set(message.to, sequence);
    const { buffer, byteOffset, byteLength } = encode(message, sequence, crc32);
    const frame = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
    this.#send(addressOf(message.to), { type: 'raft', frame });
  }

  close(): void {
    this.#closed = true;
  }
}

/** `null` where the frame is damaged: then the message counts as lost. */
export function messageIn({ frame }: Body): Message | null {
  if (typeof frame !== 'string') return null;
  return decode(Buffer.from(frame, 'base64'), crc32)?.message ?? null;
}
