/** `/items/:key`: verbs in the method. Who does not lead sends writes on to the leader. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Value } from './encoded.ts';
import { type ErrorCode, type JsonPart, type Schema, sendError, sendJson } from './errors.ts';
import { Exchange, operationOf, type ReadParameters, readModeOf, storedJson } from './exchange.ts';
import { redirectsToLeader } from './leadership.ts';
import {
  KEY_IN_PATH,
  object,
  READ_PARAMETERS,
  routeSchema,
  VALUE,
  VALUE_OR_ABSENT,
} from './schemas.ts';
import type { Service } from './service.ts';

type Item = { readonly key: string };
type Valued = { readonly value: Value };
type Exchanged = { readonly expected: Value; readonly desired: Value };

const ITEM = '/items/:key';
const SHARED = { tag: 'items', params: KEY_IN_PATH, redirects: true } as const;
const DID_NOT_MATCH = 'actual and expected value did not match';
const DID_NOT_EXIST = { more: ',"status":"did not exist"' };

const CREATE = routeSchema({
  ...SHARED,
  summary: 'Creates an item that does not exist',
  kind: 'write',
  body: object({ value: VALUE }),
  answers: { 201: statusAnswer('successfully created') },
  errors: ['invalid_key', 'invalid_value', 'already_exists'],
});

const READ = routeSchema({
  ...SHARED,
  summary: 'Reads an item; any server answers, linearizably unless asked otherwise',
  kind: 'read',
  querystring: READ_PARAMETERS,
  answers: { 200: statusAnswer('successfully read', { value: VALUE }) },
  errors: ['invalid_key', 'invalid_consistency', 'invalid_at', 'did_not_exist'],
});

const UPDATE = routeSchema({
  ...SHARED,
  summary: 'Changes an item that exists',
  kind: 'write',
  body: object({ value: VALUE }),
  answers: { 200: statusAnswer('successfully updated', { previous_value: VALUE }) },
  errors: ['invalid_key', 'invalid_value', 'did_not_exist'],
});

const DELETE = routeSchema({
  ...SHARED,
  summary: 'Removes an item that exists',
  kind: 'write',
  body: { type: 'object' },
  bodyless: true,
  answers: { 200: statusAnswer('successfully deleted', { value: VALUE }) },
  errors: ['invalid_key', 'did_not_exist'],
});

const CAS = routeSchema({
  ...SHARED,
  summary: 'Exchanges the value of an item if it is the expected one',
  kind: 'write',
  body: object({ expected: VALUE_OR_ABSENT, desired: VALUE_OR_ABSENT }),
  answers: { 200: statusAnswer('successfully exchanged') },
  errors: ['invalid_key', 'invalid_expected', 'invalid_desired', 'mismatch'],
});

export function addItemRoutes(app: FastifyInstance, service: Service): void {
  const exchange = new Exchange(service, redirectsToLeader(service));
  addWrites(app, exchange);
  addCas(app, exchange);

  app.get<{ Params: Item; Querystring: ReadParameters }>(
    ITEM,
    { schema: READ },
    (request, reply) => {
      const { key } = request.params;
      const mode = readModeOf(request.query, 'follower');
      exchange.read(request, reply, key, mode, ({ value }) => {
        if (value === null) sendError(reply, 'did_not_exist', DID_NOT_EXIST);
        else sendStatus(reply, 200, 'successfully read', ',"value":', storedJson(value));
      });
    },
  );
}

function addWrites(app: FastifyInstance, exchange: Exchange): void {
  app.post<{ Params: Item; Body: Valued }>(ITEM, { schema: CREATE }, (request, reply) => {
    const operation = operationOf('create', request.params.key, request.body.value);
    exchange.write(request, reply, operation, ({ status, value }) => {
      if (status === 'ok') sendStatus(reply, 201, 'successfully created');
      else refuse(reply, 'already_exists', 'already exists', ',"value":', storedJson(value));
    });
  });

  app.put<{ Params: Item; Body: Valued }>(ITEM, { schema: UPDATE }, (request, reply) => {
    const operation = operationOf('update', request.params.key, request.body.value);
    exchange.write(request, reply, operation, ({ value }) => {
      if (value === null) sendError(reply, 'did_not_exist', DID_NOT_EXIST);
      else {
        sendStatus(reply, 200, 'successfully updated', ',"previous_value":', storedJson(value));
      }
    });
  });

  app.delete<{ Params: Item }>(ITEM, { schema: DELETE }, (request, reply) => {
    const operation = operationOf('delete', request.params.key);
    exchange.write(request, reply, operation, ({ value }) => {
      if (value === null) sendError(reply, 'did_not_exist', DID_NOT_EXIST);
      else sendStatus(reply, 200, 'successfully deleted', ',"value":', storedJson(value));
    });
  });
}

function addCas(app: FastifyInstance, exchange: Exchange): void {
  app.put<{ Params: Item; Body: Exchanged }>(`${ITEM}/cas`, { schema: CAS }, (request, reply) => {
    const { expected, desired } = request.body;
    const operation = operationOf('cas', request.params.key, desired, expected);
    exchange.write(request, reply, operation, ({ status, value }) => {
      if (status === 'ok') sendStatus(reply, 200, 'successfully exchanged');
      else refuse(reply, 'mismatch', DID_NOT_MATCH, ',"actual":', storedJson(value));
    });
  });
}

function statusAnswer(status: string, more: Readonly<Record<string, Schema>> = {}): Schema {
  return object({ status: { const: status }, ...more }, { description: `It was ${status}.` });
}

/** `more` is further fields. */
function sendStatus(
  reply: FastifyReply,
  code: number,
  status: string,
  ...more: readonly JsonPart[]
): void {
  sendJson(reply, code, `{"status":"${status}"`, ...more, '}');
}

function refuse(
  reply: FastifyReply,
  code: ErrorCode,
  status: string,
  ...more: readonly JsonPart[]
): void {
  sendError(reply, code, { more: `,"status":"${status}"` }, ...more);
}
