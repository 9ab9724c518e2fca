/**
 * The thread that describes the interface (openapi.ts): it makes the routes once more, with a
 * listener that turns their schemas into OpenAPI, and sends that as text.
 */
import { parentPort } from 'node:worker_threads';
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { ERRORS } from './errors.ts';
import { createHttp } from './http.ts';
import type { Service } from './service.ts';

const DESCRIPTION =
  'Errors are definite (surely not executed, so the request may be repeated blindly) or ' +
  'indefinite (the server cannot know), as `definite` in the body and `x-definite` here say.';

const TAGS = [
  { name: 'kv', description: 'Keys and values, verbs in the path' },
  { name: 'items', description: 'Keys and values, verbs in the method' },
  { name: 'sessions', description: 'Writes that take effect exactly once' },
  { name: 'cluster', description: 'Membership and leadership' },
  { name: 'inspection', description: 'What a server tells of itself' },
  { name: 'faults', description: 'What links do to messages' },
];

/** All errors, those included that belong to no route. */
const EXTENSIONS: object = { 'x-errors': ERRORS };

/** No request comes here: nothing else of a service is used to make the routes. */
const SERVICE = { self: { id: 'localhost:0', publicUrl: null } } as unknown as Service;

type Operation = {
  requestBody?: {
    required: boolean;
    content: Record<string, { schema: { type?: unknown } }>;
  };
};

/** Before the routes, which it listens for. */
function describeRoutes(app: FastifyInstance): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Raft server', version: '1.0.0', description: DESCRIPTION },
      tags: TAGS,
      ...EXTENSIONS,
    },
    convertConstToEnum: false,
    transformObject: (described) => {
      const document = 'openapiObject' in described ? described.openapiObject : {};
      for (const path of Object.values(document.paths ?? {})) {
        for (const operation of Object.values(path ?? {})) allowNoBody(operation as Operation);
      }
      return document;
    },
  });
}

/** A body that may be `null` to the validator may be left out by clients, and is never `null`. */
function allowNoBody({ requestBody }: Operation): void {
  for (const { schema } of Object.values(requestBody?.content ?? {})) {
    if (requestBody === undefined || !Array.isArray(schema.type)) continue;
    schema.type = 'object';
    requestBody.required = false;
  }
}

const app = createHttp(SERVICE, { log: pino({ enabled: false }), prepare: describeRoutes });
await app.ready();
parentPort?.postMessage(JSON.stringify(app.swagger()));
