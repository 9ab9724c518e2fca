/**
 * Shows that the OpenAPI document and the routes are one: the same paths and methods, every error
 * with its status and whether it is definite, and the contract's own errors all there. (That
 * answers are as documented, every other test of the HTTP interface checks with every call.)
 *
 *     npx ava test/http-openapi.test.ts
 */
import test from 'ava';
import { ERRORS, type ErrorCode, kindOf } from '../src/http/errors.ts';
import { createHttp } from '../src/http/http.ts';
import type { Document, Fields, Operation } from './support/http-caller.ts';
import { ScriptedService } from './support/http-scripted.ts';

type Described = { readonly error: string; readonly status: number; readonly isDefinite: boolean };

/** What the contract's tables name, and where. */
const CONTRACT: Readonly<Record<string, readonly ErrorCode[]>> = {
  'post /kv/put': ['not_leader', 'leader_unknown', 'no_quorum', 'outcome_unknown', 'not_executed'],
  'get /kv/get': ['key_not_found', 'not_leader', 'no_quorum', 'overloaded'],
  'delete /kv/delete': ['overloaded', 'storage_full', 'session_expired'],
  'post /kv/cas': ['cas_mismatch', 'unsupported_media_type', 'body_too_large', 'invalid_json'],
  'post /items/{key}': ['already_exists', 'not_leader', 'leader_unknown', 'session_expired'],
  'get /items/{key}': ['did_not_exist', 'no_quorum'],
  'put /items/{key}': ['did_not_exist', 'storage_full'],
  'delete /items/{key}': ['did_not_exist', 'invalid_key'],
  'put /items/{key}/cas': ['mismatch', 'invalid_expected', 'invalid_desired'],
  'post /raft/join': ['not_leader', 'change_in_progress', 'catch_up_timeout', 'invalid_peer'],
  'post /raft/leave': ['last_voter', 'not_leader'],
  'post /raft/transfer': ['transfer_timeout', 'not_leader'],
  'get /ready': ['not_ready'],
  'get /lab/faults': ['faults_disabled'],
  'put /lab/faults': ['faults_disabled', 'invalid_faults'],
};

const INDEFINITE = ['internal_error', 'no_quorum', 'outcome_unknown', 'stale_request'];

async function built(): Promise<{ routes: Set<string>; document: Document }> {
  const routes = new Set<string>();
  const app = createHttp(new ScriptedService(), { log: { error: () => {} } });
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) {
      if (one === 'HEAD') continue;
      routes.add(`${one.toLowerCase()} ${url.replaceAll(/:([^/]+)/g, '{$1}')}`);
    }
  });
  const response = await app.inject('/openapi.json');
  await app.close();
  return { routes, document: response.json<Document>() };
}

function operationsOf(document: Document): [name: string, operation: Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method} ${path}`,
      operation,
    ]),
  );
}

function errorsOf({ responses }: Operation): Described[] {
  return Object.entries(responses).flatMap(([status, { content = {} }]) => {
    const kinds = (content['application/json']?.schema.anyOf ?? []) as Fields[];
    return kinds.map((schema) => {
      const { error, definite } = schema.properties as Record<string, { const: unknown }>;
      const isDefinite = schema['x-definite'] === true;
      if (definite?.const !== isDefinite) throw new Error('x-definite says something else');
      return { error: String(error?.const), status: Number(status), isDefinite };
    });
  });
}

test('every route is in the document, and nothing else', async (t) => {
  const { routes, document } = await built();
  const described = operationsOf(document).map(([name]) => name);
  t.deepEqual(described.sort(), [...routes].sort());
  t.true(routes.size >= 18);
});

test('errors stand at their status, marked as definite or not', async (t) => {
  const { document } = await built();
  for (const [name, operation] of operationsOf(document)) {
    const isRead = name.startsWith('get ');
    for (const { error, status, isDefinite } of errorsOf(operation)) {
      const kind = kindOf(error as ErrorCode);
      const isRedirect = error === 'not_leader' && /items|session/.test(name);
      // Not 307 where a redirect would lead back to where the request came in.
      const statuses: number[] = isRedirect ? [307, kind.status] : [kind.status];
      t.true(statuses.includes(status), `${name} ${error}: ${status}`);
      t.is(isDefinite, isRead || !INDEFINITE.includes(error), `${name} ${error}`);
    }
  }
});

test("the contract's errors are where its tables have them", async (t) => {
  const { document } = await built();
  const operations = new Map(operationsOf(document));
  for (const [name, codes] of Object.entries(CONTRACT)) {
    const operation = operations.get(name);
    if (operation === undefined) {
      t.fail(`${name} is not described`);
      continue;
    }
    const described = errorsOf(operation).map(({ error }) => error);
    for (const code of codes) t.true(described.includes(code), `${name} ${code}`);
  }
});

test('every error is somewhere in the document, those without a route in its list', async (t) => {
  const { document } = await built();
  const somewhere = new Set(
    operationsOf(document)
      .flatMap(([, of]) => errorsOf(of))
      .map(({ error }) => error),
  );
  const unrouted = Object.keys(ERRORS).filter((code) => !somewhere.has(code));
  t.deepEqual(unrouted.sort(), ['method_not_allowed', 'unknown_route']);
  t.deepEqual((document as unknown as Fields)['x-errors'], JSON.parse(JSON.stringify(ERRORS)));
});
