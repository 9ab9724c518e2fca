/**
 * The workload `lin-kv`: what its requests ask of the state machine, and what its answers say.
 * Keys and values are any JSON, equal where their canonical text is.
 */
import { canonicalText, type Json } from '../canonical-json.ts';
import type { Operation } from '../command.ts';
import type { Reply } from '../http/service.ts';
import { type Body, errorBody } from './message.ts';

const REQUESTS: readonly string[] = ['read', 'write', 'cas'];
/** The length of a key is kept in two bytes (`src/command.ts`). */
const KEY_BYTES_MAX = 0xffff;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function isRequest({ type }: Body): boolean {
  return REQUESTS.includes(type);
}

/** The operation that a request asks for, or what it lacks. */
export function operationOf(request: Body): Operation | { readonly lacks: string } {
  const { type } = request;
  const key = bytesOf(request.key);
  if (key === null || key.byteLength > KEY_BYTES_MAX) {
    return { lacks: `a ${type} needs a "key" of at most ${KEY_BYTES_MAX} bytes of JSON` };
  }
  if (type === 'read') return { kind: 'get', key, value: null, expected: null };
  if (type === 'write') {
    const value = bytesOf(request.value);
    if (value === null) return { lacks: 'a write needs a "value", any JSON' };
    return { kind: 'put', key, value, expected: null };
  }
  const expected = bytesOf(request.from);
  const value = bytesOf(request.to);
  if (expected === null || value === null) return { lacks: 'a cas needs "from" and "to"' };
  return { kind: 'cas', key, value, expected };
}

/** `null` for a field left out, and for what cannot be written back: 1e999, or too deep a nest. */
function bytesOf(json: Json | undefined): Uint8Array | null {
  if (json === undefined) return null;
  const text = canonicalText(json);
  try {
    JSON.stringify(JSON.parse(text));
  } catch {
    return null;
  }
  return encoder.encode(text);
}

/**
 * A definite error only where the operation surely has not taken effect and never will. A read
 * changes nothing, so that all of its errors may be definite.
 */
export function replyOf({ kind }: Operation, { status, value }: Reply): Body {
  switch (status) {
    case 'ok':
      return okBody(kind, value);
    case 'notFound':
      return errorBody('keyDoesNotExist', 'there is no such key');
    case 'mismatch':
      if (value === null) return errorBody('keyDoesNotExist', 'there is no such key');
      return errorBody('preconditionFailed', `the value is ${decoder.decode(value)}`);
    case 'notLeader':
    case 'notExecuted':
    case 'overloaded':
    case 'storageFull':
      return errorBody('temporarilyUnavailable', `not executed: ${status}`);
    default:
      if (kind === 'get') {
        return errorBody('temporarilyUnavailable', 'no majority answered in time');
      }
      return errorBody('timeout', 'it may or may not take effect: no majority answered in time');
  }
}

function okBody(kind: Operation['kind'], value: Uint8Array | null): Body {
  if (kind === 'put') return { type: 'write_ok' };
  if (kind === 'cas') return { type: 'cas_ok' };
  return { type: 'read_ok', value: JSON.parse(decoder.decode(value ?? undefined)) as Json };
}
