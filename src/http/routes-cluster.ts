/** `/raft`: who belongs to the cluster (ch. 4) and who leads it (§3.10). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, sendError, sendJson } from './errors.ts';
import { type Elsewhere, namesLeader } from './leadership.ts';
import { ADDRESS, ADDRESSES, object, routeSchema, STATUS_OK, TEXT } from './schemas.ts';
import type { AdministrationReply, Service } from './service.ts';

type Refused = Extract<AdministrationReply, { kind: 'refused' }>;

const REFUSALS: Readonly<Record<Exclude<Refused['reason'], 'notLeader'>, ErrorCode>> = {
  changeInProgress: 'change_in_progress',
  lastVoter: 'last_voter',
  notVoter: 'not_voter',
  notMember: 'not_member',
  notWaiting: 'not_waiting',
  catchUpTimeout: 'catch_up_timeout',
  transferTimeout: 'transfer_timeout',
  outcomeUnknown: 'outcome_unknown',
};

const SHARED_ERRORS = [
  'not_leader',
  'leader_unknown',
  'change_in_progress',
  'outcome_unknown',
] as const;
const PEERS = object(
  { status: STATUS_OK, peers: ADDRESSES },
  { description: 'The voters from now on.' },
);

const JOIN = routeSchema({
  summary: 'Has a server join, as a learner until it has caught up and as a voter then',
  tag: 'cluster',
  body: object({ peer: ADDRESS }),
  answers: { 200: PEERS },
  errors: ['invalid_peer', 'not_waiting', 'catch_up_timeout', ...SHARED_ERRORS],
});

const LEAVE = routeSchema({
  summary: 'Has a member leave; a leader that leaves hands over first',
  tag: 'cluster',
  body: object({ peer: ADDRESS }),
  answers: { 200: PEERS },
  errors: ['invalid_peer', 'not_member', 'last_voter', 'transfer_timeout', ...SHARED_ERRORS],
});

const TRANSFER = routeSchema({
  summary: 'Hands leadership over',
  tag: 'cluster',
  body: object({ to: ADDRESS }),
  answers: {
    200: object({ status: STATUS_OK, leader: TEXT }, { description: 'The target leads.' }),
  },
  errors: ['invalid_to', 'not_voter', 'transfer_timeout', ...SHARED_ERRORS],
});

export function addClusterRoutes(app: FastifyInstance, service: Service): void {
  const elsewhere = namesLeader(service);
  const settle = (
    request: FastifyRequest,
    reply: FastifyReply,
    asked: Promise<AdministrationReply>,
    done: (voters: readonly string[]) => object,
  ): void => {
    asked
      .then((answer) => {
        if (answer.kind === 'refused') refuse(elsewhere, request, reply, answer);
        else sendJson(reply, 200, JSON.stringify(done(answer.voters)));
      })
      .catch((error: Error) => {
        reply.send(error);
      });
  };
  const peersOf = (peers: readonly string[]): object => ({ status: 'ok', peers });

  app.post<{ Body: { peer: string } }>('/raft/join', { schema: JOIN }, (request, reply) => {
    settle(request, reply, service.join(request.body.peer), peersOf);
  });
  app.post<{ Body: { peer: string } }>('/raft/leave', { schema: LEAVE }, (request, reply) => {
    settle(request, reply, service.leave(request.body.peer), peersOf);
  });
  app.post<{ Body: { to: string } }>('/raft/transfer', { schema: TRANSFER }, (request, reply) => {
    const { to } = request.body;
    settle(request, reply, service.transfer(to), () => ({ status: 'ok', leader: to }));
  });
}

function refuse(
  elsewhere: Elsewhere,
  request: FastifyRequest,
  reply: FastifyReply,
  { reason, message }: Refused,
): void {
  if (reason === 'notLeader') elsewhere(request, reply);
  else sendError(reply, REFUSALS[reason], { message: sentence(message) });
}

function sentence(message: string): string {
  const capital = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
