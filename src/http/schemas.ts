/**
 * The shapes of requests and answers. Requests are checked by these schemas and nothing else, and
 * the OpenAPI document is made from them. A field's `description` is a noun phrase: it completes
 * "expected … to be".
 */
import { ADDRESS_ALLOWED } from '../address.ts';
import { type ErrorCode, kindOf, type Schema } from './errors.ts';
import { IDENTITY_HEADERS } from './identity.ts';
import { FORWARD_HEADER } from './leadership.ts';

export const KEY_BYTES_MAX = 1024;
export const VALUE_BYTES_MAX = 2 ** 20;

const SCALARS = ['string', 'number', 'boolean', 'object', 'array'];

export const KEY: Schema = {
  type: 'string',
  minLength: 1,
  'x-max-bytes': KEY_BYTES_MAX,
  description: 'a non-empty string of at most 1,024 bytes in UTF-8',
};

export const VALUE: Schema = {
  type: SCALARS,
  'x-max-encoded-bytes': VALUE_BYTES_MAX,
  description: 'any JSON value but null, of at most 1 MiB encoded',
};

export const VALUE_OR_ABSENT: Schema = {
  type: [...SCALARS, 'null'],
  'x-max-encoded-bytes': VALUE_BYTES_MAX,
  description: 'any JSON value of at most 1 MiB encoded; null means absent',
};

export const ADDRESS: Schema = {
  type: 'string',
  'x-address': true,
  description: `an address, ${ADDRESS_ALLOWED}`,
};

export const CONSISTENCIES = ['linearizable', 'lease', 'log', 'stale'] as const;
export type Consistency = (typeof CONSISTENCIES)[number];

const READ_QUERY = {
  consistency: {
    type: 'string',
    enum: CONSISTENCIES,
    description: `one of ${CONSISTENCIES.join(', ')}`,
  },
  at: {
    type: 'string',
    enum: ['follower'],
    description: 'follower, for a linearizable read that this server answers itself',
  },
};

export const TEXT: Schema = { type: 'string' };
export const COUNT: Schema = { type: 'integer', minimum: 0 };
export const ADDRESSES: Schema = { type: 'array', items: TEXT };

/** All properties are required. */
export function object(properties: Readonly<Record<string, Schema>>, more: Schema = {}): Schema {
  return { type: 'object', required: Object.keys(properties), properties, ...more };
}

export const STATUS_OK: Schema = { const: 'ok' };
export const KEY_IN_PATH: Schema = object({ key: KEY });
export const KEY_IN_QUERY: Schema = object({ key: KEY });
export const READ_PARAMETERS: Schema = { type: 'object', properties: READ_QUERY };
export const KEY_AND_READ_PARAMETERS: Schema = {
  type: 'object',
  required: ['key'],
  properties: { key: KEY, ...READ_QUERY },
};

/** What any request may be answered with. */
const ALWAYS: readonly ErrorCode[] = [
  'bad_request',
  'forbidden_host',
  'request_timeout',
  'expectation_failed',
  'headers_too_large',
  'internal_error',
];
/** What a body may be refused for; all that changes something may have one. */
const BODY: readonly ErrorCode[] = [
  'forbidden_origin',
  'invalid_utf8',
  'invalid_json',
  'invalid_body',
  'body_too_large',
  'unsupported_media_type',
];
/** What may come of all that needs a leader. */
const LED: readonly ErrorCode[] = [
  'not_leader',
  'leader_unknown',
  'no_quorum',
  'not_executed',
  'outcome_unknown',
  'overloaded',
  'storage_full',
  'invalid_raft_forward',
];
/** And of a session. */
const IDENTIFIED: readonly ErrorCode[] = [
  'session_expired',
  'stale_request',
  'invalid_raft_client_id',
  'invalid_raft_request_number',
  'invalid_raft_lowest_pending',
];

type RouteShape = {
  readonly summary: string;
  readonly tag: 'kv' | 'items' | 'sessions' | 'cluster' | 'inspection' | 'faults';
  readonly querystring?: Schema;
  readonly params?: Schema;
  readonly body?: Schema;
  /** A request without a body will do as well. */
  readonly bodyless?: boolean;
  /** Reads and writes bring errors with them; a registration is a write without a session. */
  readonly kind?: 'read' | 'register' | 'write';
  /** Who else leads is told by 307 and `Location`, unless these would lead back. */
  readonly redirects?: boolean;
  /** By status. */
  readonly answers: Readonly<Record<number, Schema>>;
  readonly errors?: readonly ErrorCode[];
};

/** A route's schema as the framework takes it. */
export function routeSchema(shape: RouteShape): Record<string, unknown> {
  const { summary, tag, querystring, params, body, kind, redirects = false, answers } = shape;
  const codes = new Set(codesOf(shape));
  // What neither changes anything nor says what to change looks on.
  const isRead = kind === 'read' || (kind === undefined && body === undefined);
  const response: Record<string, unknown> = {
    ...answers,
    ...errorAnswers(codes, isRead, redirects),
  };
  return {
    summary,
    tags: [tag],
    ...(querystring === undefined ? {} : { querystring }),
    ...(params === undefined ? {} : { params }),
    ...(body === undefined ? {} : { body: bodySchema(body, shape.bodyless === true) }),
    ...(kind === undefined ? {} : { headers: headersOf(kind) }),
    response,
  };
}

function codesOf({ body, kind, errors = [] }: RouteShape): readonly ErrorCode[] {
  const ofBody = body === undefined ? [] : BODY;
  const ofKind = kind === undefined ? [] : LED;
  const ofIdentity = kind === 'write' ? IDENTIFIED : [];
  return [...ALWAYS, ...ofBody, ...ofKind, ...ofIdentity, ...errors];
}

function headersOf(kind: NonNullable<RouteShape['kind']>): Schema {
  if (kind !== 'write') return { type: 'object', properties: FORWARD_HEADER };
  const { properties } = IDENTITY_HEADERS;
  return { ...IDENTITY_HEADERS, properties: { ...Object(properties), ...FORWARD_HEADER } };
}

function bodySchema(body: Schema, isOptional: boolean): Schema {
  return isOptional ? { ...body, type: ['object', 'null'] } : body;
}

function errorAnswers(
  codes: ReadonlySet<ErrorCode>,
  isRead: boolean,
  redirects: boolean,
): Record<string, Schema> {
  const answers = new Map<number, readonly ErrorCode[]>(
    Map.groupBy(codes, (code) => kindOf(code).status),
  );
  if (redirects && codes.has('not_leader')) answers.set(307, ['not_leader']);
  return Object.fromEntries(
    [...answers].map(([status, of]) => [status, errorAnswer(of, isRead, status === 307)]),
  );
}

function errorAnswer(codes: readonly ErrorCode[], isRead: boolean, isRedirect: boolean): Schema {
  const headers = isRedirect ? { headers: { Location: { ...TEXT, format: 'uri' } } } : {};
  return {
    'x-response-description': codes.map((code) => `${code}: ${kindOf(code).message}`).join('\n\n'),
    ...headers,
    anyOf: codes.map((code) => errorSchema(code, isRead)),
  };
}

/** `x-definite` says for a reader what the body's `definite` says for a program. */
function errorSchema(code: ErrorCode, isRead: boolean): Schema {
  const { definite, fields = {}, optionalFields = {} } = kindOf(code);
  const isDefinite = definite || isRead;
  const required = { error: { const: code }, message: TEXT, definite: { const: isDefinite } };
  return {
    type: 'object',
    required: [...Object.keys(required), ...Object.keys(fields)],
    properties: { ...required, ...fields, ...optionalFields },
    'x-definite': isDefinite,
  };
}
