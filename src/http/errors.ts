/**
 * Every error that the HTTP interface can answer with, in one table: the answers, the OpenAPI
 * document and the docs are made from it.
 */
import type { FastifyReply } from 'fastify';

export type Schema = { readonly [keyword: string]: unknown };

type ErrorKind = {
  readonly status: number;
  /**
   * Surely not executed, so it is safe to repeat the request blindly. A read has nothing to
   * execute: its errors are definite all.
   */
  readonly definite: boolean;
  /** What is said where there is nothing better to say. */
  readonly message: string;
  /** What the body has beside `error`, `message` and `definite`, and lacks where it is optional. */
  readonly fields?: Readonly<Record<string, Schema>>;
  readonly optionalFields?: Readonly<Record<string, Schema>>;
};

const ADDRESS: Schema = { type: 'string' };
const ANY_VALUE: Schema = { description: 'any JSON value' };

function definite(status: number, message: string): ErrorKind {
  return { status, definite: true, message };
}

function indefinite(status: number, message: string): ErrorKind {
  return { status, definite: false, message };
}

export const ERRORS = {
  bad_request: definite(400, 'The request is not HTTP as this server understands it.'),
  invalid_utf8: definite(400, 'The body is not UTF-8.'),
  invalid_json: definite(400, 'The body is not JSON.'),
  invalid_body: definite(400, 'The body is not a JSON object.'),
  invalid_key: definite(400, 'The key is missing or not allowed.'),
  invalid_value: definite(400, 'The value is missing or not allowed.'),
  invalid_expected: definite(400, 'The expected value is missing or not allowed.'),
  invalid_desired: definite(400, 'The desired value is missing or not allowed.'),
  invalid_consistency: definite(400, 'There is no such consistency.'),
  invalid_at: definite(400, 'A read can be asked for at the follower only.'),
  invalid_peer: definite(400, 'The peer is missing or no address.'),
  invalid_to: definite(400, 'The target is missing or no address.'),
  invalid_raft_client_id: definite(400, 'Raft-Client-Id is missing or not allowed.'),
  invalid_raft_request_number: definite(400, 'Raft-Request-Number is missing or not allowed.'),
  invalid_raft_lowest_pending: definite(400, 'Raft-Lowest-Pending is not allowed.'),
  invalid_raft_forward: definite(400, 'Raft-Forward is neither true nor false.'),
  invalid_faults: definite(400, 'The link settings are not allowed.'),
  forbidden_host: definite(403, 'The server is not to be called by this Host.'),
  forbidden_origin: definite(403, 'Pages of this Origin may not change anything here.'),
  faults_disabled: definite(403, 'Start the server with fault injection enabled (FAULTS=true).'),
  unknown_route: definite(404, 'There is no such route.'),
  key_not_found: {
    ...definite(404, 'The key has no value.'),
    fields: { key: { type: 'string' }, value: { type: 'null' } },
  },
  did_not_exist: {
    ...definite(404, 'The key has no value.'),
    fields: { status: { const: 'did not exist' } },
  },
  method_not_allowed: definite(405, 'The route has other methods; Allow names them.'),
  request_timeout: definite(408, 'The request did not arrive in time.'),
  not_leader: {
    ...definite(409, 'This server does not lead; ask the leader.'),
    fields: { leader: ADDRESS },
    optionalFields: { leaderUrl: ADDRESS },
  },
  cas_mismatch: {
    ...definite(409, 'The key has another value than the expected one.'),
    fields: { actual: ANY_VALUE },
  },
  already_exists: {
    ...definite(409, 'The key has a value already.'),
    fields: { status: { const: 'already exists' }, value: ANY_VALUE },
  },
  change_in_progress: definite(409, 'Another change is under way; try again when it is over.'),
  last_voter: definite(409, 'The last voter cannot leave.'),
  not_member: definite(409, 'No member of this cluster has that name, nor had one.'),
  not_voter: definite(409, 'Leadership can be handed to another voter only.'),
  not_waiting: definite(409, 'The peer does not wait to join this cluster.'),
  stale_request: indefinite(
    409,
    'The answer to this request is kept no longer: an earlier attempt may have taken effect.',
  ),
  session_expired: definite(
    410,
    'The session has expired, and this attempt is not executed; what became of earlier attempts ' +
      'is not known any more.',
  ),
  mismatch: {
    ...definite(412, 'The key has another value than the expected one.'),
    fields: {
      status: { const: 'actual and expected value did not match' },
      actual: ANY_VALUE,
    },
  },
  body_too_large: definite(
    413,
    'The body is larger than 4 MiB, or than 64 KiB where it has no value to store.',
  ),
  unsupported_media_type: definite(415, 'The body is not declared as application/json.'),
  expectation_failed: definite(417, 'No expectation is met but 100-continue.'),
  headers_too_large: definite(431, 'The headers are larger than 16 KiB.'),
  internal_error: indefinite(500, 'The server failed at this request; its log says why.'),
  leader_unknown: definite(503, 'No leader is known at the moment; try again.'),
  no_quorum: indefinite(503, 'No majority answered in time.'),
  outcome_unknown: indefinite(
    503,
    'The request was lost from sight while it was under way; it may take effect or not.',
  ),
  not_executed: definite(503, "Another leader's entry took the place of this one; try again."),
  overloaded: definite(503, 'Too much waits already; try again later.'),
  not_ready: definite(503, 'The server cannot serve yet.'),
  catch_up_timeout: definite(504, 'The peer did not catch up; the membership is as it was.'),
  transfer_timeout: definite(504, 'The target did not take over; the leader still leads.'),
  storage_full: definite(507, 'The disk is full; writes are refused until there is room.'),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

export function kindOf(code: ErrorCode): ErrorKind {
  return ERRORS[code];
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** Thrown wherever a request turns out to be no good; it becomes the answer. */
export class Refusal extends Error {
  readonly errorCode: ErrorCode;

  constructor(errorCode: ErrorCode, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

export type ErrorDetails = {
  readonly message?: string;
  /** Further fields as JSON text, each with its comma before it. */
  readonly more?: string;
  /** Nothing could have been executed, whatever the table says. */
  readonly isRead?: boolean;
};

export function errorText(code: ErrorCode, details: ErrorDetails = {}): string {
  return `${errorStart(code, details)}}`;
}

function errorStart(code: ErrorCode, details: ErrorDetails): string {
  const kind = kindOf(code);
  const { message = kind.message, more = '', isRead = false } = details;
  const isDefinite = kind.definite || isRead;
  const start = `{"error":"${code}","message":${JSON.stringify(message)}`;
  return `${start},"definite":${isDefinite}${more}`;
}

export const JSON_TYPE = 'application/json; charset=utf-8';

/** JSON already, as text or in UTF-8: what is stored is spliced into answers as it is. */
export type JsonPart = string | Uint8Array;

/** To make text of long bytes, and bytes of it again, takes much longer than to copy them. */
export function sendJson(reply: FastifyReply, status: number, ...parts: readonly JsonPart[]): void {
  const isText = parts.every((part) => typeof part === 'string');
  const payload = isText ? parts.join('') : Buffer.concat(parts.map(bytesOf));
  reply.code(status).header('content-type', JSON_TYPE).send(payload);
}

function bytesOf(part: JsonPart): Uint8Array {
  return typeof part === 'string' ? Buffer.from(part) : part;
}

/** `more` is further fields, too. */
export function sendError(
  reply: FastifyReply,
  code: ErrorCode,
  details: ErrorDetails = {},
  ...more: readonly JsonPart[]
): void {
  sendJson(reply, kindOf(code).status, errorStart(code, details), ...more, '}');
}
