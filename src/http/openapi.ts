/** `/openapi.json`: the contract as OpenAPI, made from the schemas that check the requests. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { ERRORS, sendJson } from './errors.ts';
import { routeSchema } from './schemas.ts';

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

const DOCUMENT = routeSchema({
  summary: 'This document',
  tag: 'inspection',
  answers: { 200: { type: 'object', description: 'OpenAPI 3.1.' } },
});

type Operation = {
  requestBody?: {
    required: boolean;
    content: Record<string, { schema: { type?: unknown } }>;
  };
};

/** Before the routes, which it listens for. */
export function describeRoutes(app: FastifyInstance): void {
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

export function addOpenapiRoute(app: FastifyInstance): void {
  let text: string | null = null;
  app.get('/openapi.json', { schema: DOCUMENT }, (_request, reply) => {
    text ??= JSON.stringify(app.swagger());
    sendJson(reply, 200, text);
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
