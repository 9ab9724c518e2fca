/**
 * What carries messages between nodes. Delivery may drop, delay, duplicate and reorder; a peer that
 * is down or unreachable is silence, never an error.
 */
import type { Message } from '../raft/types.ts';

export interface Transport {
  /** Sends to `message.to`, or drops. Never blocks. */
  send(message: Message): void;
  close(): void;
}

/**
 * The part of a WebSocket that peers and clients use; the in-memory channel and sockets of real
 * networks both have it.
 */
export interface Socket {
  /** 0 connecting, 1 open, 2 closing, 3 closed, as in WebSocket. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** Bytes accepted by `send` and not yet on their way. */
  readonly bufferedAmount: number;
  onmessage: ((event: { readonly data: Uint8Array }) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
}
