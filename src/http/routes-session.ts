/** `/session`: a client registers, to have its writes take effect exactly once (§6.3). */
import type { FastifyInstance } from 'fastify';
import { decodeClientId } from '../command.ts';
import { sendJson } from './errors.ts';
import { Exchange, operationOf } from './exchange.ts';
import { redirectsToLeader } from './leadership.ts';
import { object, routeSchema, TEXT } from './schemas.ts';
import type { Service } from './service.ts';

const REGISTER = routeSchema({
  summary: 'Begins a session',
  tag: 'sessions',
  kind: 'register',
  redirects: true,
  body: { type: 'object' },
  bodyless: true,
  answers: {
    201: object({ clientId: TEXT }, { description: 'What to send as Raft-Client-Id.' }),
  },
});

export function addSessionRoute(app: FastifyInstance, service: Service): void {
  const exchange = new Exchange(service, redirectsToLeader(service));
  app.post('/session', { schema: REGISTER }, (request, reply) => {
    exchange.write(request, reply, operationOf('register', ''), ({ value }) => {
      if (value === null) throw new Error('a registration answers with a client id');
      sendJson(reply, 201, `{"clientId":"${decodeClientId(value)}"}`);
    });
  });
}
