/**
 * What an answer over HTTP says of an operation: executed, surely not executed, or nobody knows.
 * The table of codes is written from the contract, apart from the server's own, and anything that
 * is not in it counts as indefinite.
 */
import type { HistoryOperation, HistoryResult, Json } from '../history.ts';
import { fieldsOf, type HttpAnswer, type HttpRequest } from './links.ts';

export type KvRequest =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'put'; readonly key: string; readonly value: Json }
  | { readonly op: 'delete'; readonly key: string }
  | { readonly op: 'cas'; readonly key: string; readonly expected: Json; readonly value: Json };

export type Outcome =
  | { readonly kind: 'executed'; readonly result: HistoryResult }
  /** Not executed; `leader` and `leaderUrl` where the server named them. */
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly leader: string | null;
      readonly leaderUrl: string | null;
    }
  | { readonly kind: 'indefinite'; readonly code: string };

/** Errors after which an operation was surely not executed. A read never changes anything. */
const DEFINITE = new Set([
  'not_leader',
  'leader_unknown',
  'not_executed',
  'overloaded',
  'storage_full',
  'session_expired',
  'stale_request',
  'request_timeout',
]);

/** The request of `/kv` that asks for an operation. */
export function requestOf(operation: KvRequest): HttpRequest {
  const { key } = operation;
  switch (operation.op) {
    case 'get':
      return { method: 'GET', path: `/kv/get?key=${encodeURIComponent(key)}` };
    case 'put':
      return { method: 'POST', path: '/kv/put', body: { key, value: operation.value } };
    case 'delete':
      return { method: 'DELETE', path: '/kv/delete', body: { key } };
    case 'cas':
      return {
        method: 'POST',
        path: '/kv/cas',
        body: { key, expected: operation.expected, desired: operation.value },
      };
  }
}

export function outcomeOf(op: KvRequest['op'], answer: HttpAnswer): Outcome {
  if (answer.kind === 'notSent') return refused('not_sent');
  if (answer.kind === 'unanswered') {
    return op === 'get' ? refused('unanswered') : { kind: 'indefinite', code: 'unanswered' };
  }
  const { status, body } = answer;
  const { error, leader, leaderUrl, ...fields } = fieldsOf(body);
  const result = resultOf(op, status, error, fields);
  if (result !== null) return { kind: 'executed', result };
  const code = typeof error === 'string' ? error : `status ${status}`;
  const definite = op === 'get' || DEFINITE.has(code) || isMistake(status, code);
  if (!definite) return { kind: 'indefinite', code };
  return refused(code, textOrNull(leader), textOrNull(leaderUrl));
}

/** What stands in a history of an operation that ended so. */
export function historyOf(
  request: KvRequest,
  client: number,
  call: number,
  returned: number,
  outcome: Outcome,
): HistoryOperation {
  const { op, key } = request;
  const asked = {
    client,
    op,
    key,
    ...('value' in request ? { value: request.value } : {}),
    ...('expected' in request ? { expected: request.expected } : {}),
    call,
  };
  switch (outcome.kind) {
    case 'executed':
      return { ...asked, return: returned, outcome: 'ok', result: outcome.result };
    case 'refused':
      return { ...asked, return: returned, outcome: 'fail' };
    case 'indefinite':
      return { ...asked, return: null, outcome: 'unknown' };
  }
}

/** `null`: it was not executed, or may not have been. */
function resultOf(
  op: KvRequest['op'],
  status: number,
  error: Json | undefined,
  { value, existed, actual }: { readonly [name: string]: Json | undefined },
): HistoryResult | null {
  switch (op) {
    case 'get':
      if (status === 404 && error === 'key_not_found') return { status: 'notFound', value: null };
      // An answer that lacks its value says nothing, which no client can build on.
      return status === 200 && value !== undefined ? { status: 'ok', value } : null;
    case 'put':
      return status === 200 ? { status: 'ok' } : null;
    case 'delete':
      if (status !== 200 || typeof existed !== 'boolean') return null;
      return { status: existed ? 'ok' : 'notFound' };
    case 'cas':
      if (status === 200) return { status: 'ok' };
      if (status !== 409 || error !== 'cas_mismatch' || actual === undefined) return null;
      return { status: 'mismatch', value: actual };
  }
}

/** Requests are validated before anything else: a mistake of the client's is a definite refusal. */
function isMistake(status: number, code: string): boolean {
  return [400, 403, 404, 405, 413, 415, 431].includes(status) && !code.startsWith('status ');
}

function refused(
  code: string,
  leader: string | null = null,
  leaderUrl: string | null = null,
): Outcome {
  return { kind: 'refused', code, leader, leaderUrl };
}

function textOrNull(json: Json | undefined): string | null {
  return typeof json === 'string' ? json : null;
}
