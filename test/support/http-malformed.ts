/** Requests that must not get through, by kind, each with what it is answered. */
import { BODY_BYTES_MAX } from '../../src/http/body.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../src/http/schemas.ts';
import type { CallOptions } from './http-caller.ts';

export type Malformed = {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly options: CallOptions;
  readonly status: number;
  readonly error: string;
};

const JSON_TYPE = { 'content-type': 'application/json' };

/** Routes that take a body, each with one that it would accept. */
const BODIES: readonly (readonly [method: string, path: string, body: string])[] = [
  ['POST', '/kv/put', '{"key":"a","value":1}'],
  ['POST', '/kv/cas', '{"key":"a","expected":1,"desired":2}'],
  ['DELETE', '/kv/delete', '{"key":"a"}'],
  ['POST', '/items/a', '{"value":1}'],
  ['PUT', '/items/a', '{"value":1}'],
  ['DELETE', '/items/a', '{}'],
  ['PUT', '/items/a/cas', '{"expected":1,"desired":2}'],
  ['POST', '/raft/join', '{"peer":"node4:8000"}'],
  ['POST', '/raft/leave', '{"peer":"node4:8000"}'],
  ['POST', '/raft/transfer', '{"to":"node4:8000"}'],
  ['PUT', '/lab/faults', '{}'],
];

const NO_JSON = ['{', '}', 'nonsense', "{'key':'a'}", '{"key":}', '{"a":1,}', '\ufeff{}', '{} {}'];
const NO_OBJECT = ['[]', '1', '"text"', 'null', 'true'];
const NO_UTF8: readonly (readonly number[])[] = [
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xe2, 0x82],
  [0xf4, 0x90, 0x80, 0x80],
];
const NO_TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/jsonp',
  'application/json; charset=latin1',
  'application/problem+json',
  'json',
  'application/json, text/plain',
];

function bodiesThatAreNone(): Malformed[] {
  return BODIES.flatMap(([method, path, good]) => {
    const row = (what: string, options: CallOptions, status: number, error: string): Malformed => ({
      what,
      method,
      path,
      options,
      status,
      error,
    });
    const declared = (body: string | Uint8Array): CallOptions => ({ headers: JSON_TYPE, body });
    return [
      ...NO_JSON.map((body) => row(`not JSON: ${body}`, declared(body), 400, 'invalid_json')),
      ...NO_OBJECT.map((body) =>
        row(`not an object: ${body}`, declared(body), 400, 'invalid_body'),
      ),
      ...NO_UTF8.map((bytes) => {
        const body = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]);
        return row(`not UTF-8: ${bytes}`, declared(body), 400, 'invalid_utf8');
      }),
      ...NO_TYPES.map((type) => {
        const options = { headers: { 'content-type': type }, body: good };
        return row(`declared as ${type}`, options, 415, 'unsupported_media_type');
      }),
      row('not declared', { body: good }, 415, 'unsupported_media_type'),
      row(
        'compressed',
        { headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: good },
        415,
        'unsupported_media_type',
      ),
    ];
  });
}

function bodiesThatAreMissing(): Malformed[] {
  const required = BODIES.filter(([method]) => method !== 'DELETE');
  return required.flatMap(([method, path]) =>
    [{}, { headers: JSON_TYPE }].map((options) => ({
      what: 'no body',
      method,
      path,
      options,
      status: 400,
      error: 'invalid_json',
    })),
  );
}

const LONG_KEY = 'k'.repeat(KEY_BYTES_MAX + 1);
/** As many characters as a key may have, and more bytes. */
const WIDE_KEY = 'ü'.repeat(KEY_BYTES_MAX / 2 + 1);
const LARGE_VALUE = 'v'.repeat(VALUE_BYTES_MAX - 1);

const NO_KEYS = [1, null, true, ['a'], { a: 1 }, '', LONG_KEY, WIDE_KEY, 'half \ud800', undefined];
const NO_VALUES = [null, undefined, LARGE_VALUE, [LARGE_VALUE], { [LARGE_VALUE]: 1 }];
const NO_ADDRESSES = [1, null, undefined, '', 'node4', 'node4:', ':8000', 'node4:0', 'node4:65536'];
const MORE_NO_ADDRESSES = ['node4:8000x', 'http://node4:8000', 'a b:1', '::1:8000', '1.2.3:80'];

function fieldsThatAreWrong(): Malformed[] {
  const row = (method: string, path: string, json: unknown, error: string): Malformed => ({
    what: `wrong field: ${JSON.stringify(json)?.slice(0, 60)}`,
    method,
    path,
    options: { json },
    status: 400,
    error,
  });
  const absentNot = [undefined, LARGE_VALUE, [LARGE_VALUE]];
  return [
    ...NO_KEYS.flatMap((key) => [
      row('POST', '/kv/put', { key, value: 1 }, 'invalid_key'),
      row('POST', '/kv/cas', { key, expected: 1, desired: 2 }, 'invalid_key'),
      row('DELETE', '/kv/delete', { key }, 'invalid_key'),
    ]),
    ...NO_VALUES.flatMap((value) => [
      row('POST', '/kv/put', { key: 'a', value }, 'invalid_value'),
      row('POST', '/items/a', { value }, 'invalid_value'),
      row('PUT', '/items/a', { value }, 'invalid_value'),
    ]),
    ...absentNot.flatMap((value) => [
      row('POST', '/kv/cas', { key: 'a', expected: value, desired: 1 }, 'invalid_expected'),
      row('POST', '/kv/cas', { key: 'a', expected: 1, desired: value }, 'invalid_desired'),
      row('PUT', '/items/a/cas', { expected: value, desired: 1 }, 'invalid_expected'),
      row('PUT', '/items/a/cas', { expected: 1, desired: value }, 'invalid_desired'),
    ]),
    ...[...NO_ADDRESSES, ...MORE_NO_ADDRESSES].flatMap((address) => [
      row('POST', '/raft/join', { peer: address }, 'invalid_peer'),
      row('POST', '/raft/leave', { peer: address }, 'invalid_peer'),
      row('POST', '/raft/transfer', { to: address }, 'invalid_to'),
    ]),
    row('DELETE', '/kv/delete?key=b', { key: 'a' }, 'invalid_key'),
  ];
}

/** JavaScript has no text for them: JSON does. */
function numbersThatCannotBeKept(): Malformed[] {
  return ['1e999', '[-1e999]', '{"a":{"b":1e400}}'].map((value) => ({
    what: `a number too large: ${value}`,
    method: 'POST',
    path: '/kv/put',
    options: { headers: JSON_TYPE, body: `{"key":"a","value":${value}}` },
    status: 400,
    error: 'invalid_value',
  }));
}

function targetsThatAreWrong(): Malformed[] {
  const row = (path: string, error: string, status = 400): Malformed => ({
    what: 'wrong target',
    method: 'GET',
    path,
    options: {},
    status,
    error,
  });
  const unknown = ['/', '/kv', '/kv/', '/KV/get', '/kv/get/', '/items', '/items/a/', '/items/a/b'];
  const more = ['/items/a/CAS', '/health/', '/raft', '/%zz', '//kv/get', '/metrics/x', '/kv/%67e'];
  return [
    ...[...unknown, ...more].map((path) => row(path, 'unknown_route', 404)),
    ...['', '?key=', '?Key=a', '?key=a&key=b', '?key=%zz', '?key=%ff', '?key'].map((query) =>
      row(`/kv/get${query}`, 'invalid_key'),
    ),
    ...[LONG_KEY, encodeURIComponent(WIDE_KEY), '', '%', '%zz', '%ff', '%c0%80', '%ed%a0%80'].map(
      (key) => row(`/items/${key}`, 'invalid_key'),
    ),
    ...['', 'strong', 'Stale', 'lease&consistency=lease'].flatMap((consistency) => [
      row(`/kv/get?key=a&consistency=${consistency}`, 'invalid_consistency'),
      row(`/items/a?consistency=${consistency}`, 'invalid_consistency'),
    ]),
    ...['leader', '', 'Follower'].flatMap((at) => [
      row(`/kv/get?key=a&at=${at}`, 'invalid_at'),
      row(`/items/a?at=${at}`, 'invalid_at'),
    ]),
    row('/kv/get?key=a&at=follower&consistency=log', 'invalid_at'),
  ];
}

function methodsThatAreWrong(): Malformed[] {
  const routes = ['/kv/put', '/kv/get', '/kv/delete', '/kv/cas', '/items/a/cas', '/health'];
  return routes.flatMap((path) =>
    ['PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'].map((method) => ({
      what: 'wrong method',
      method,
      path,
      options: method === 'PATCH' ? { json: { key: 'a', value: 1 } } : {},
      status: 405,
      error: 'method_not_allowed',
    })),
  );
}

function headersThatAreWrong(): Malformed[] {
  const row = (headers: Record<string, string>, error: string): Malformed => ({
    what: `wrong headers: ${JSON.stringify(headers).slice(0, 60)}`,
    method: 'POST',
    path: '/kv/put',
    options: { headers, json: { key: 'a', value: 1 } },
    status: 400,
    error,
  });
  const client = { 'raft-client-id': 'a' };
  const first = { ...client, 'raft-request-number': '1' };
  return [
    ...['', 'a b', 'x'.repeat(65)].map((id) =>
      row({ ...first, 'raft-client-id': id }, 'invalid_raft_client_id'),
    ),
    row({ 'raft-request-number': '1' }, 'invalid_raft_client_id'),
    row({ 'raft-lowest-pending': '1' }, 'invalid_raft_client_id'),
    row(client, 'invalid_raft_request_number'),
    ...['0', '-1', '1.5', '1e3', '01', 'one', '4294967296', '1, 2'].map((number) =>
      row({ ...client, 'raft-request-number': number }, 'invalid_raft_request_number'),
    ),
    ...['0', '2', 'x'].map((lowest) =>
      row({ ...first, 'raft-lowest-pending': lowest }, 'invalid_raft_lowest_pending'),
    ),
  ];
}

function bodiesThatAreTooLarge(): Malformed[] {
  return BODIES.slice(0, 4).map(([method, path]) => ({
    what: 'a body that is too large',
    method,
    path,
    options: { headers: JSON_TYPE, body: Buffer.alloc(BODY_BYTES_MAX + 1, 0x20) },
    status: 413,
    error: 'body_too_large',
  }));
}

export function malformedRequests(): Malformed[] {
  return [
    ...bodiesThatAreNone(),
    ...bodiesThatAreMissing(),
    ...fieldsThatAreWrong(),
    ...numbersThatCannotBeKept(),
    ...targetsThatAreWrong(),
    ...methodsThatAreWrong(),
    ...headersThatAreWrong(),
    ...bodiesThatAreTooLarge(),
  ];
}
