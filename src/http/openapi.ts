/** `/openapi.json`: the contract as OpenAPI, made from the schemas that check the requests. */
import { Worker } from 'node:worker_threads';
import type { FastifyInstance } from 'fastify';
import { sendJson } from './errors.ts';
import { routeSchema } from './schemas.ts';

const DOCUMENT = routeSchema({
  summary: 'This document',
  tag: 'inspection',
  answers: { 200: { type: 'object', description: 'OpenAPI 3.1.' } },
});

/** Made when it is first asked for, in a thread of its own: it takes longer than a turn may. */
export function addOpenapiRoute(app: FastifyInstance): void {
  let text: Promise<string> | null = null;
  app.get('/openapi.json', { schema: DOCUMENT }, (_request, reply) => {
    text ??= describedAside();
    text.then(
      (found) => sendJson(reply, 200, found),
      (error: Error) => {
        text = null;
        reply.send(error);
      },
    );
  });
}

function describedAside(): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./openapi-worker.ts', import.meta.url));
    worker.unref();
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread that describes the interface ended')));
  });
}
