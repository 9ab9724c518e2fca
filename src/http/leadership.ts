/** What a server that does not lead does with the requests of who needs the leader. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorText, type Schema, sendError, sendJson } from './errors.ts';
import type { KnownServer, Service } from './service.ts';

/** In a route's schema: a header by which a request says whether it is to be forwarded. */
export const FORWARD_HEADER: Readonly<Record<string, Schema>> = {
  'Raft-Forward': {
    type: 'string',
    enum: ['true', 'false', 'on', 'off'],
    description:
      'true or false (also on or off), whether a server that does not lead asks the leader',
  },
};

/** Of headers that the schema has let through. */
export function isToBeForwarded(headers: IncomingHttpHeaders, byDefault: boolean): boolean {
  const said = headers['raft-forward'];
  return said === undefined ? byDefault : said === 'true' || said === 'on';
}

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
 * Where the leader's URL is the one that the request came by, as behind a balancer that all servers
 * call their own, a redirect would lead back here: that is answered as by `namesLeader`.
 */
export function redirectsToLeader(service: Service): Elsewhere {
  return (request, reply) => {
    const leader = otherLeader(service);
    if (leader === null) {
      sendError(reply, 'leader_unknown');
      return;
    }
    const { host } = request.headers;
    const { publicUrl } = service.self;
    const isPublic = publicUrl !== null && isAt(publicUrl, host);
    const inner = `${request.protocol}://${leader.id}`;
    const base = isPublic && leader.publicUrl !== null ? leader.publicUrl : inner;
    if (isAt(base, host)) {
      sendError(reply, 'not_leader', { more: fieldsOf(leader) });
      return;
    }
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

/** Whether a request for this URL would have this `Host`, however that is written. */
function isAt(url: string, host: string | undefined): boolean {
  const [scheme] = url.split('://', 1);
  const place = placeOf(`${scheme}://${host}`);
  return place !== null && place === placeOf(url);
}

/**
 * Host and port as all who mean the same write them: in lower case, without the scheme's own port,
 * and without the dot that ends a name which is complete.
 */
function placeOf(url: string): string | null {
  const parsed = URL.parse(url);
  return parsed === null ? null : `${parsed.hostname.replace(/\.$/, '')}:${parsed.port}`;
}
