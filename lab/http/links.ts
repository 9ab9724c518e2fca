/**
 * Requests to servers by their base URLs, one pool of connections each. What becomes of a request
 * is told apart by what it may have done: not sent at all, sent without an answer, answered.
 */
import { Pool } from 'undici';
import type { Json } from '../../src/canonical-json.ts';
import { messageOf, oneLine } from '../../src/user-error.ts';

export type HttpRequest = {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: Json;
  readonly headers?: Readonly<Record<string, string>>;
};

export type HttpAnswer =
  /** No byte of it has left this process: nothing has happened. */
  | { readonly kind: 'notSent'; readonly reason: string }
  /** It may have been carried out, may yet be, or not. */
  | { readonly kind: 'unanswered'; readonly reason: string }
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** `undefined`: not JSON. */
      readonly body: Json | undefined;
      readonly location: string | null;
    };

/** Fields of an answer's body, if that is an object. */
export type Fields = { readonly [name: string]: Json | undefined };

/** Errors from before the first byte: a connection was never made. */
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const CONNECT_TIMEOUT_MS = 1000;

export class HttpLinks {
  readonly #pools = new Map<string, Pool>();
  readonly #connections: number;

  /** At most so many connections to each server. */
  constructor(connections: number) {
    this.#connections = connections;
  }

  async request(url: string, request: HttpRequest, timeoutMs: number): Promise<HttpAnswer> {
    const { method, path, body, headers } = request;
    // A timer of its own rather than the pool's timeouts, which are exact to half a second only.
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), timeoutMs);
    try {
      const answer = await this.#poolOf(url).request({
        method,
        path,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: controller.signal,
      });
      const text = await answer.body.text();
      const { location } = answer.headers;
      return {
        kind: 'answered',
        status: answer.statusCode,
        body: parsed(text),
        location: typeof location === 'string' ? location : null,
      };
    } catch (error) {
      if (controller.signal.aborted) {
        return { kind: 'unanswered', reason: `no answer in ${timeoutMs} ms` };
      }
      return failureOf(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Requests under way end without an answer. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
    this.#pools.clear();
  }

  #poolOf(url: string): Pool {
    const known = this.#pools.get(url);
    if (known !== undefined) return known;
    const pool = new Pool(url, {
      connections: this.#connections,
      // With more, a request could be repeated behind the caller's back when its connection breaks.
      pipelining: 1,
      connect: { timeout: CONNECT_TIMEOUT_MS },
    });
    this.#pools.set(url, pool);
    return pool;
  }
}

export function fieldsOf(body: Json | undefined): Fields {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  return isObject ? (body as Fields) : {};
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function failureOf(error: unknown): HttpAnswer {
  const reason = oneLine(messageOf(error));
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  // `localhost` has two addresses; the error of trying both holds the errors of each.
  const each = error instanceof AggregateError ? error.errors : [];
  const never =
    NEVER_CONNECTED.has(code) ||
    (each.length > 0 && each.every((one) => NEVER_CONNECTED.has(one.code)));
  return { kind: never ? 'notSent' : 'unanswered', reason: reason === '' ? code : reason };
}
