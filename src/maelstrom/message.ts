/** Maelstrom's messages: one JSON object a line, and the errors that its protocol knows. */
import type { Json } from '../canonical-json.ts';

export type Body = { readonly type: string; readonly [field: string]: Json };
export type Message = { readonly src: string; readonly dest: string; readonly body: Body };

/** What a server under Maelstrom can do to the world. */
export type Surroundings = {
  readonly send: (dest: string, body: Body) => void;
  readonly log: (text: string) => void;
  /** It can go on no longer. */
  readonly fail: (error: Error) => void;
};

/**
 * `timeout` is indefinite: what was asked may have happened, may still happen, or never. All others
 * say that it has not happened and never will.
 */
export const ERROR_CODES = {
  timeout: 0,
  notSupported: 10,
  temporarilyUnavailable: 11,
  malformedRequest: 12,
  keyDoesNotExist: 20,
  preconditionFailed: 22,
} as const;

export function errorBody(code: keyof typeof ERROR_CODES, text: string): Body {
  return { type: 'error', code: ERROR_CODES[code], text };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** `null` for a line that holds no message. */
export function parseMessage(line: Uint8Array): Message | null {
  let parsed: Json;
  try {
    parsed = JSON.parse(utf8.decode(line)) as Json;
  } catch {
    return null;
  }
  if (!isObject(parsed)) return null;
  const { src, dest, body } = parsed;
  if (typeof src !== 'string' || typeof dest !== 'string') return null;
  return isBody(body) ? { src, dest, body } : null;
}

export function isBody(json: Json | undefined): json is Body {
  return isObject(json) && typeof json.type === 'string';
}

function isObject(json: Json | undefined): json is { readonly [key: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
