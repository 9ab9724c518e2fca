/** `/kv`: verbs in the path. Who does not lead names the leader. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Value } from './encoded.ts';
import { Refusal, sendError, sendJson } from './errors.ts';
import { Exchange, operationOf, type ReadParameters, readModeOf, storedJson } from './exchange.ts';
import { namesLeader } from './leadership.ts';
import {
  COUNT,
  KEY,
  KEY_AND_READ_PARAMETERS,
  object,
  routeSchema,
  STATUS_OK,
  TEXT,
  VALUE,
  VALUE_OR_ABSENT,
} from './schemas.ts';
import type { Reply, Service } from './service.ts';

type Put = { readonly key: string; readonly value: Value };
type Cas = { readonly key: string; readonly expected: Value; readonly desired: Value };
type OptionalKey = { readonly key?: string };

const PUT = routeSchema({
  summary: 'Sets the value of a key',
  tag: 'kv',
  kind: 'write',
  body: object({ key: KEY, value: VALUE }),
  answers: {
    200: object(
      { status: STATUS_OK, key: TEXT, value: VALUE, index: COUNT, term: COUNT },
      { description: 'It is committed and applied.' },
    ),
  },
  errors: ['invalid_key', 'invalid_value'],
});

const GET = routeSchema({
  summary: 'Reads the value of a key, linearizably unless asked otherwise',
  tag: 'kv',
  kind: 'read',
  querystring: KEY_AND_READ_PARAMETERS,
  answers: { 200: object({ key: TEXT, value: VALUE }, { description: 'Its value.' }) },
  errors: ['invalid_key', 'invalid_consistency', 'invalid_at', 'key_not_found'],
});

const DELETE = routeSchema({
  summary: 'Removes a key, which may be in the body or in the query',
  tag: 'kv',
  kind: 'write',
  querystring: { type: 'object', properties: { key: KEY } },
  body: { type: 'object', properties: { key: KEY } },
  bodyless: true,
  answers: {
    200: object(
      { status: STATUS_OK, key: TEXT, existed: { type: 'boolean' } },
      { description: 'It is gone, if it was there.' },
    ),
  },
  errors: ['invalid_key'],
});

const CAS = routeSchema({
  summary: 'Sets the value of a key if it has the expected one',
  tag: 'kv',
  kind: 'write',
  body: object({ key: KEY, expected: VALUE_OR_ABSENT, desired: VALUE_OR_ABSENT }),
  answers: {
    200: object(
      { status: STATUS_OK, key: TEXT, value: VALUE_OR_ABSENT, index: COUNT, term: COUNT },
      { description: 'It had the expected value.' },
    ),
  },
  errors: ['invalid_key', 'invalid_expected', 'invalid_desired', 'cas_mismatch'],
});

export function addKvRoutes(app: FastifyInstance, service: Service): void {
  const exchange = new Exchange(service, namesLeader(service));

  app.post<{ Body: Put }>('/kv/put', { schema: PUT }, (request, reply) => {
    const { key, value } = request.body;
    const operation = operationOf('put', key, value);
    exchange.write(request, reply, operation, (found) => {
      sendStored(reply, key, operation.value, found);
    });
  });

  app.get<{ Querystring: ReadParameters & { key: string } }>(
    '/kv/get',
    { schema: GET },
    (request, reply) => {
      const { key } = request.query;
      const mode = readModeOf(request.query, 'linearizable');
      exchange.read(request, reply, key, mode, ({ value }) => {
        const named = `"key":${JSON.stringify(key)},"value":`;
        if (value === null) sendError(reply, 'key_not_found', { more: `,${named}null` });
        else sendJson(reply, 200, `{${named}`, storedJson(value), '}');
      });
    },
  );

  app.delete<{ Body: OptionalKey | undefined; Querystring: OptionalKey }>(
    '/kv/delete',
    { schema: DELETE },
    (request, reply) => {
      const key = oneKey(request.body?.key, request.query.key);
      exchange.write(request, reply, operationOf('delete', key), ({ status }) => {
        const existed = status === 'ok';
        sendJson(reply, 200, `{"status":"ok","key":${JSON.stringify(key)},"existed":${existed}}`);
      });
    },
  );

  app.post<{ Body: Cas }>('/kv/cas', { schema: CAS }, (request, reply) => {
    const { key, expected, desired } = request.body;
    const operation = operationOf('cas', key, desired, expected);
    exchange.write(request, reply, operation, (found) => {
      if (found.status === 'ok') sendStored(reply, key, operation.value, found);
      else sendError(reply, 'cas_mismatch', {}, ',"actual":', storedJson(found.value));
    });
  });
}

function sendStored(
  reply: FastifyReply,
  key: string,
  value: Uint8Array | null,
  { index, term }: Reply,
): void {
  const start = `{"status":"ok","key":${JSON.stringify(key)},"value":`;
  sendJson(reply, 200, start, storedJson(value), `,"index":${index},"term":${term}}`);
}

function oneKey(inBody: string | undefined, inQuery: string | undefined): string {
  const key = inBody ?? inQuery;
  if (key === undefined) {
    throw new Refusal('invalid_key', 'Expected "key" in the body or in the query, got neither.');
  }
  if (inQuery === undefined || inQuery === key) return key;
  throw new Refusal(
    'invalid_key',
    'Expected "key" in the body or in the query, got different ones in both.',
  );
}
