/**
 * What this server sends to one peer, over whatever connection there is at the time: the link
 * model, a bound on what may wait, and counts. It outlives its connections, so that faults and
 * counts do.
 */
import type { DelayQueue } from './delay-queue.ts';
import {
  type Delivery,
  deliveries,
  type LinkCounters,
  type LinkSettings,
  type LinkState,
  withBitFlipped,
} from './link.ts';
import { type Connection, FRAME_BYTES_MAX } from './ws-connection.ts';

/**
 * What may wait for one peer: a window of AppendEntries. Beyond it messages are dropped, which Raft
 * repeats; a peer that stops reading costs this much and no more.
 */
export const BUFFERED_BYTES_MAX = 16 * 1024 * 1024;
/** Beyond it nothing is sent that Raft can do without: what it sends still finds room. */
const ONCE_BYTES_MAX = BUFFERED_BYTES_MAX / 2;

export type PeerStats = {
  readonly address: string;
  readonly connected: boolean;
  /** What waits to be sent: at the socket, or for its delay. */
  readonly bufferedBytes: number;
  /** Frames handed to the socket; copies count, and what the link model swallowed does not. */
  readonly messagesSent: number;
  readonly bytesSent: number;
  /** Dropped because there was no connection, or too much waited: not by the link model. */
  readonly messagesDropped: number;
  /** Connections after the first. */
  readonly reconnects: number;
  /** What the link model has done. */
  readonly faults: LinkCounters;
};

export class PeerLink {
  settings: LinkSettings;
  readonly #address: string;
  readonly #state: LinkState;
  readonly #delays: DelayQueue;
  readonly #nowUs: () => number;
  #connection: Connection | null = null;
  #connections = 0;
  #delayedBytes = 0;
  #messagesSent = 0;
  #bytesSent = 0;
  #messagesDropped = 0;

  constructor(
    address: string,
    state: LinkState,
    settings: LinkSettings,
    delays: DelayQueue,
    nowUs: () => number,
  ) {
    this.#address = address;
    this.#state = state;
    this.settings = settings;
    this.#delays = delays;
    this.#nowUs = nowUs;
  }

  /** `null` while there is none. */
  use(connection: Connection | null): void {
    this.#connection = connection;
    if (connection !== null) this.#connections++;
  }

  send(frame: Uint8Array<ArrayBuffer>): void {
    const nowUs = this.#nowUs();
    const bytes = frame.byteLength;
    for (const delivery of deliveries(this.settings, this.#state, nowUs, bytes)) {
      if (this.#hasRoom(bytes, BUFFERED_BYTES_MAX)) this.#deliver(delivery, nowUs, frame);
      else this.#messagesDropped++;
    }
  }

  /**
   * For what would be done twice if it came twice: no copy of it is made, as TCP makes none.
   * `false` if there is no room for it; then nothing of it leaves. What the link model loses has
   * left.
   */
  sendOnce(frame: Uint8Array<ArrayBuffer>): boolean {
    const bytes = frame.byteLength;
    if (this.#connection === null || !this.#hasRoom(bytes, ONCE_BYTES_MAX)) {
      this.#messagesDropped++;
      return false;
    }
    const nowUs = this.#nowUs();
    const [first] = deliveries(this.settings, this.#state, nowUs, bytes);
    if (first !== undefined) this.#deliver(first, nowUs, frame);
    return true;
  }

  /** A message for which there is no connection. */
  drop(): void {
    this.#messagesDropped++;
  }

  stats(): PeerStats {
    return {
      address: this.#address,
      connected: this.#connection !== null,
      bufferedBytes: this.#bufferedBytes(),
      messagesSent: this.#messagesSent,
      bytesSent: this.#bytesSent,
      messagesDropped: this.#messagesDropped,
      reconnects: Math.max(0, this.#connections - 1),
      faults: { ...this.#state.counters },
    };
  }

  #deliver({ delayUs, corruptBit }: Delivery, nowUs: number, frame: Uint8Array<ArrayBuffer>): void {
    const content = corruptBit < 0 ? frame : withBitFlipped(frame, corruptBit);
    if (delayUs === 0) this.#pass(content);
    else this.#delay(nowUs + delayUs, content);
  }

  #delay(atUs: number, content: Uint8Array): void {
    this.#delayedBytes += content.byteLength;
    this.#delays.add(atUs, () => {
      this.#delayedBytes -= content.byteLength;
      this.#pass(content);
    });
  }

  #pass(content: Uint8Array): void {
    if (this.#connection === null) {
      this.#messagesDropped++;
      return;
    }
    this.#messagesSent++;
    this.#bytesSent += content.byteLength;
    this.#connection.send(content);
  }

  /** Where nothing waits any one message passes, or one above the bound never could. */
  #hasRoom(bytes: number, bytesMax: number): boolean {
    const waiting = this.#bufferedBytes();
    if (bytes > FRAME_BYTES_MAX) return false;
    return waiting === 0 || waiting + bytes <= bytesMax;
  }

  #bufferedBytes(): number {
    return this.#delayedBytes + (this.#connection?.bufferedBytes ?? 0);
  }
}
