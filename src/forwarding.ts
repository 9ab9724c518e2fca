/**
 * Requests of clients that this server cannot serve because another leads: handed to the leader
 * over the connection between the two servers, once, and answered with what comes back. And those
 * that others hand to this one, which it serves or refuses, and never hands on: so no request goes
 * in a circle.
 */
import { isUtf8 } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { decodeClientId, type Operation } from './command.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from './http/schemas.ts';
import type { Reply } from './http/service.ts';
import { decodeForward, encodeForward, type ForwardedRequest } from './transport/forward-frame.ts';

export type ForwardingOptions = {
  /** To the server at an address; `false`: surely nothing of the frame has left. */
  send(address: string, frame: Uint8Array<ArrayBuffer>): boolean;
  /** As this server answers it by itself. */
  serve(request: ForwardedRequest): Promise<Reply>;
  /** How long an answer is waited for. */
  readonly timeoutMs: number;
  readonly log: { error(about: object, message: string): void };
};

type Asked = {
  readonly leader: string;
  readonly kind: Operation['kind'];
  readonly timer: NodeJS.Timeout;
  answer(reply: Reply): void;
};

/** As many as a server admits of those that it serves itself. */
const ASKED_MAX = 20_000;
const FIRST_ID_MAX = 2 ** 47;

export class Forwarding {
  readonly #options: ForwardingOptions;
  readonly #asked = new Map<number, Asked>();
  /** Begins anywhere: an answer to an earlier process at this address is none to this one. */
  #latest = randomInt(FIRST_ID_MAX);
  /** Handed to a leader; of these, without an answer; and handed to this server by others. */
  #forwarded = 0;
  #unanswered = 0;
  #served = 0;

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  /** By metric name. */
  gauges(): Readonly<Record<string, number>> {
    return {
      requests_forwarded_total: this.#forwarded,
      requests_forwarded_unanswered_total: this.#unanswered,
      requests_served_for_others_total: this.#served,
    };
  }

  /**
   * What the leader at an address answers. `notLeader` if it was surely not asked, or does not
   * lead; `noQuorum` if no answer came in time, `outcomeUnknown` if none can come any more. Always
   * resolves.
   */
  ask(leader: string, request: ForwardedRequest): Promise<Reply> {
    if (this.#asked.size >= ASKED_MAX) return Promise.resolve(replyOf('overloaded'));
    const id = ++this.#latest;
    const frame = encodeForward({ kind: 'request', id, request }, crc32);
    if (!this.#options.send(leader, frame)) return Promise.resolve(replyOf('notLeader'));
    this.#forwarded++;
    return new Promise((answer) => {
      const timer = setTimeout(() => this.#giveUp(id, 'noQuorum'), this.#options.timeoutMs);
      this.#asked.set(id, { leader, kind: request.operation.kind, timer, answer });
    });
  }

  /** A frame from the server at an address; `false` if it is not what such a frame has to be. */
  take(from: string, bytes: Uint8Array): boolean {
    const frame = decodeForward(bytes, crc32);
    if (frame === null) return false;
    if (frame.kind === 'request') return this.#serve(from, frame.id, frame.request);
    const asked = this.#asked.get(frame.id);
    // It came too late, or from who was not asked.
    if (asked === undefined || asked.leader !== from) return true;
    if (!isAnswerTo(asked.kind, frame.answer)) return false;
    this.#settle(frame.id, frame.answer);
    return true;
  }

  /** A connection with the server at an address has ended, and what was on its way with it. */
  lost(address: string): void {
    for (const [id, { leader }] of this.#asked) {
      if (leader === address) this.#giveUp(id, 'outcomeUnknown');
    }
  }

  /** Nothing that was asked for is waited for any more. */
  stop(): void {
    for (const id of this.#asked.keys()) this.#giveUp(id, 'outcomeUnknown');
  }

  #serve(from: string, id: number, request: ForwardedRequest): boolean {
    if (!isAllowed(request.operation)) return false;
    this.#served++;
    this.#options
      .serve(request)
      .catch((err: Error): Reply => {
        this.#options.log.error({ err, from }, 'a request from another server failed');
        return replyOf('outcomeUnknown');
      })
      .then((reply) => {
        const answered = (answer: Reply): boolean =>
          this.#options.send(from, encodeForward({ kind: 'answer', id, answer }, crc32));
        if (answered(reply)) return;
        // There may be room for less. A read that was not answered may be repeated blindly.
        answered(replyOf(request.mode === 'write' ? 'outcomeUnknown' : 'overloaded'));
      });
    return true;
  }

  #giveUp(id: number, status: Reply['status']): void {
    this.#unanswered++;
    this.#settle(id, replyOf(status));
  }

  #settle(id: number, reply: Reply): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) return;
    this.#asked.delete(id);
    clearTimeout(asked.timer);
    asked.answer(reply);
  }
}

export function replyOf(status: Reply['status']): Reply {
  return { status, value: null, index: 0, term: 0 };
}

/** The HTTP interface lets nothing else through, wherever a request comes in. */
function isAllowed({ kind, key, value, expected }: Operation): boolean {
  const hasKey = kind === 'register' ? key.byteLength === 0 : isText(key, KEY_BYTES_MAX);
  const isValue = (each: Uint8Array | null): boolean =>
    each === null || isText(each, VALUE_BYTES_MAX);
  return hasKey && isValue(value) && isValue(expected);
}

function isAnswerTo(kind: Operation['kind'], { status, value }: Reply): boolean {
  if (kind !== 'register') return value === null || isText(value, VALUE_BYTES_MAX);
  if (status !== 'ok') return value === null;
  return value?.byteLength === 8 && Number.isSafeInteger(decodeClientId(value));
}

function isText(bytes: Uint8Array, bytesMax: number): boolean {
  return bytes.byteLength > 0 && bytes.byteLength <= bytesMax && isUtf8(bytes);
}
