/**
 * Requests that a server cannot execute go to the leader, once: one that was sent again could be
 * executed twice. The leader's answer comes back to who was asked, and from there to the client.
 */
import { randomUUID } from 'node:crypto';
import { type Body, errorBody, isBody } from './message.ts';

type Asked = { readonly answer: (reply: Body) => void; readonly timer: NodeJS.Timeout };

export class HandOver {
  readonly #send: (dest: string, body: Body) => void;
  readonly #timeoutMs: number;
  /** An answer to an earlier life of this server is none to a request of this one. */
  readonly #life = randomUUID();
  readonly #asked = new Map<number, Asked>();
  #latest = 0;

  constructor(send: (dest: string, body: Body) => void, timeoutMs: number) {
    this.#send = send;
    this.#timeoutMs = timeoutMs;
  }

  /** What the leader answers, or after the timeout that nobody knows. */
  ask(leader: string, request: Body): Promise<Body> {
    const id = ++this.#latest;
    this.#send(leader, { type: 'forward', life: this.#life, id, request });
    return new Promise((answer) => {
      const unknown = errorBody('timeout', `${leader}, which leads or led, did not answer in time`);
      const timer = setTimeout(() => this.#settle(id, unknown), this.#timeoutMs);
      this.#asked.set(id, { answer, timer });
    });
  }

  hear({ life, id, reply }: Body): void {
    if (life === this.#life && typeof id === 'number' && isBody(reply)) this.#settle(id, reply);
  }

  #settle(id: number, reply: Body): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) return;
    this.#asked.delete(id);
    clearTimeout(asked.timer);
    asked.answer(reply);
  }
}

/** What was handed on, and the answer to it without its reply. */
export function handedOn(body: Body): { request: Body; answer: Body } | null {
  const { life = null, id = null, request } = body;
  return isBody(request) ? { request, answer: { type: 'forwarded', life, id } } : null;
}
