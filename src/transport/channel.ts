/**
 * A WebSocket-like object between two worker threads, over one direct MessagePort, with the link
 * model in between: what `send` accepts arrives late, twice, damaged, out of order or not at all,
 * as the settings of this direction say. The receiver waits, not the sender, so that what was sent
 * arrives even if its sender is killed meanwhile. A peer whose thread has ended is silence, as a
 * network would be.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { DelayQueue } from './delay-queue.ts';
import {
  deliveries,
  type LinkSettings,
  type LinkState,
  queuedBytes,
  withBitFlipped,
} from './link.ts';
import type { Socket } from './transport.ts';

/** What crosses the port: a frame to deliver at once, or a frame and when to deliver it. */
type Crossing =
  | Uint8Array<ArrayBuffer>
  | { readonly atUs: number; readonly data: Uint8Array<ArrayBuffer> };

/** After so many messages of one port it is another's turn. */
const MESSAGES_PER_TURN = 64;

export class Channel implements Socket {
  onmessage: ((event: { readonly data: Uint8Array }) => void) | null = null;
  /**
   * Called when what had arrived has been taken: the moment to send what came of it, all at once.
   */
  ondrained: (() => void) | null = null;
  settings: LinkSettings;
  readonly link: LinkState;
  readonly #port: MessagePort;
  readonly #delays: DelayQueue;
  readonly #nowUs: () => number;
  #closed = false;

  /** `nowUs` must be the same clock on both ends: delays are decided here and waited for there. */
  constructor(
    port: MessagePort,
    link: LinkState,
    settings: LinkSettings,
    delays: DelayQueue,
    nowUs: () => number,
  ) {
    this.#port = port;
    this.link = link;
    this.settings = settings;
    this.#delays = delays;
    this.#nowUs = nowUs;
    port.on('message', (crossing: Crossing) => this.#drain(crossing));
  }

  get readyState(): 1 | 3 {
    return this.#closed ? 3 : 1;
  }

  get bufferedAmount(): number {
    return queuedBytes(this.settings, this.link, this.#nowUs());
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.#closed) return;
    const nowUs = this.#nowUs();
    for (const { delayUs, corruptBit } of deliveries(
      this.settings,
      this.link,
      nowUs,
      data.byteLength,
    )) {
      const content = corruptBit < 0 ? data : withBitFlipped(data, corruptBit);
      this.#port.postMessage(delayUs === 0 ? content : { atUs: nowUs + delayUs, data: content });
    }
  }

  close(): void {
    this.#closed = true;
    this.#port.close();
  }

  /**
   * Takes the messages behind the first one without an event for each; other ports wait no longer.
   */
  #drain(first: Crossing): void {
    this.#arrive(first);
    for (let taken = 1; taken < MESSAGES_PER_TURN; taken++) {
      const next: { message: Crossing } | undefined = receiveMessageOnPort(this.#port);
      if (next === undefined) break;
      this.#arrive(next.message);
    }
    this.ondrained?.();
  }

  #arrive(crossing: Crossing): void {
    if (crossing instanceof Uint8Array) this.#deliver(crossing);
    else this.#delays.add(crossing.atUs, () => this.#deliver(crossing.data));
  }

  #deliver(data: Uint8Array): void {
    if (!this.#closed) this.onmessage?.({ data });
  }
}
