/**
 * A WebSocket between two servers, once they have shaken hands: frames, signs of life, and an end.
 */
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';

/** Where servers dial each other, on the port of the HTTP interface. */
export const PEERS_PATH = '/raft/peers';

/**
 * A frame holds at most `batchBytes` of entries, or a single entry, or `chunkBytes` of a snapshot:
 * a quarter of this at most. It bounds what a peer can make this one hold, and do in one turn.
 */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024;

export const WEBSOCKET_OPTIONS = {
  // Latency counts for more than bytes, and a compressor holds memory for each peer.
  perMessageDeflate: false,
  maxPayload: FRAME_BYTES_MAX,
} as const;

export const PING_EVERY_MS = 500;
/** After so many pings without a byte from the other end, it is taken for dead: 2 s. */
const SILENT_PINGS_MAX = 4;
/** How long a connection that is closed may take to send what it has accepted. */
const CLOSE_TIMEOUT_MS = 1000;

export class Connection {
  readonly #websocket: WebSocket;
  readonly #socket: Socket;
  readonly #onEnd: (reason: string) => void;
  #bytesRead = 0;
  #silentPings = 0;
  #corked = false;
  #reason = 'closed by the peer';
  #ended = false;

  /**
   * Takes over what a handshake has opened. `take` gets each frame; `null` where the other end has
   * nothing to say. `onEnd` is called once, unless this end closes it.
   */
  constructor(
    websocket: WebSocket,
    socket: Socket,
    take: ((frame: Uint8Array) => void) | null,
    onEnd: (reason: string) => void,
  ) {
    this.#websocket = websocket;
    this.#socket = socket;
    this.#onEnd = onEnd;
    websocket.removeAllListeners();
    websocket.on('message', (data: RawData, isBinary: boolean) => {
      if (take === null || !isBinary) this.#abandon('it says what nobody asked for');
      else if (!this.#ended) take(bytesOf(data as Buffer));
    });
    websocket.on('error', (error) => {
      this.#reason = error.message;
    });
    websocket.on('close', () => this.#end());
  }

  /** What has been accepted and not yet been taken over by the operating system. */
  get bufferedBytes(): number {
    return this.#websocket.bufferedAmount;
  }

  send(frame: Uint8Array): void {
    if (this.#ended) return;
    this.#cork();
    this.#websocket.send(frame);
  }

  /** To be called every PING_EVERY_MS. */
  tick(): void {
    if (this.#ended) return;
    // Any byte is a sign: a large frame on a slow line takes longer than a dead peer is given.
    const { bytesRead } = this.#socket;
    this.#silentPings = bytesRead === this.#bytesRead ? this.#silentPings + 1 : 0;
    this.#bytesRead = bytesRead;
    if (this.#silentPings >= SILENT_PINGS_MAX) {
      this.#abandon(`silent for ${SILENT_PINGS_MAX * PING_EVERY_MS} ms`);
    } else this.#websocket.ping();
  }

  /** What has been accepted is still sent, if the other end takes it soon. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#websocket.close(1000);
    const timer = setTimeout(() => this.#websocket.terminate(), CLOSE_TIMEOUT_MS);
    this.#websocket.on('close', () => clearTimeout(timer));
  }

  /** What a node sends in one go, the operating system gets in one call. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }

  #abandon(reason: string): void {
    this.#reason = reason;
    this.#websocket.terminate();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd(this.#reason);
  }
}

/** A plain array: a Buffer's `slice` is a view, where everyone else expects a copy. */
function bytesOf({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
