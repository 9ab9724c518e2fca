/** What a server tells of itself. It answers whether there is a quorum or not. */
import type { FastifyInstance } from 'fastify';
import { sendError, sendJson } from './errors.ts';
import type { Metrics } from './metrics.ts';
import { ADDRESSES, COUNT, object, routeSchema, STATUS_OK, TEXT } from './schemas.ts';
import type { Service } from './service.ts';

const HEALTH = routeSchema({
  summary: 'That the server lives, and where it stands',
  tag: 'inspection',
  answers: {
    200: object(
      {
        status: STATUS_OK,
        id: TEXT,
        role: TEXT,
        leader: { type: ['string', 'null'] },
        term: COUNT,
        commitIndex: COUNT,
        lastApplied: COUNT,
        lastLogIndex: COUNT,
        voters: ADDRESSES,
        learners: ADDRESSES,
      },
      { description: 'It lives.' },
    ),
  },
});

const READY = routeSchema({
  summary: 'Whether the server can serve',
  tag: 'inspection',
  answers: { 200: object({ status: STATUS_OK }, { description: 'It can.' }) },
  errors: ['not_ready'],
});

const STATE = routeSchema({
  summary: 'What people want to know who look for a cause',
  tag: 'inspection',
  answers: { 200: { type: 'object', description: 'State, counters, process id.' } },
});

const METRICS = routeSchema({
  summary: 'Numbers for Prometheus',
  tag: 'inspection',
  answers: {
    200: {
      description: 'The text format of Prometheus.',
      content: { 'text/plain': { schema: TEXT } },
    },
  },
});

export function addInspectionRoutes(
  app: FastifyInstance,
  service: Service,
  metrics: Metrics,
): void {
  app.get('/health', { schema: HEALTH }, (_request, reply) => {
    sendJson(reply, 200, JSON.stringify({ status: 'ok', ...service.health() }));
  });

  app.get('/ready', { schema: READY }, (_request, reply) => {
    const waitsFor = service.unready();
    if (waitsFor === null) sendJson(reply, 200, '{"status":"ok"}');
    else sendError(reply, 'not_ready', { message: `The server cannot serve yet: ${waitsFor}.` });
  });

  app.get('/debug/state', { schema: STATE }, (_request, reply) => {
    sendJson(reply, 200, JSON.stringify(service.debugState()));
  });

  app.get('/metrics', { schema: METRICS }, (_request, reply) => {
    metrics.text().then(
      (text) => reply.header('content-type', metrics.contentType).send(text),
      (error: Error) => reply.send(error),
    );
  });
}
