/** What a server that does not lead says to who needs the leader. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorText, sendError, sendJson } from './errors.ts';
import type { KnownServer, Service } from './service.ts';

/** Answers a request that only the leader serves. */
export type Elsewhere = (request: FastifyRequest, reply: FastifyReply) => void;

/** `409` that names the leader, for callers that look for it themselves. */
export function namesLeader(service: Service): Elsewhere {
  return (_request, reply) => {
    const leader = otherLeader(service);
    if (leader === null) sendError(reply, 'leader_unknown');
    else sendError(reply, 'not_leader', { more: fieldsOf(leader) });
  };
}

/**
 * `307` to the same path on the leader, for callers that follow by themselves. Who reached this
 * server by its public name is sent to the leader's; all others are where members know each other.
 */
export function redirectsToLeader(service: Service): Elsewhere {
  const { publicUrl } = service.self;
  const publicHost = publicUrl === null ? null : new URL(publicUrl).host;
  return (request, reply) => {
    const leader = otherLeader(service);
    if (leader === null) {
      sendError(reply, 'leader_unknown');
      return;
    }
    const isPublic = publicHost !== null && hostOf(request.headers.host) === publicHost;
    const inner = `${request.protocol}://${leader.id}`;
    const base = isPublic && leader.publicUrl !== null ? leader.publicUrl : inner;
    reply.header('location', `${base.replace(/\/+$/, '')}${request.url}`);
    sendJson(reply, 307, errorText('not_leader', { more: fieldsOf(leader) }));
  };
}

/** A leader that is handing over refuses requests, too: nobody is to be sent back to it. */
function otherLeader(service: Service): KnownServer | null {
  const leader = service.leader();
  return leader === null || leader.id === service.self.id ? null : leader;
}

function fieldsOf({ id, publicUrl }: KnownServer): string {
  const url = publicUrl === null ? '' : `,"leaderUrl":${JSON.stringify(publicUrl)}`;
  return `,"leader":${JSON.stringify(id)}${url}`;
}

/** As URLs have it: in lower case, without the scheme's own port. */
function hostOf(header: string | undefined): string | null {
  return URL.parse(`http://${header}`)?.host ?? null;
}
