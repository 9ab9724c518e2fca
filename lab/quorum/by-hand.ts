/** What a person would type to do the same to a cluster of their own. */
import type { Json } from '../history.ts';
import type { HttpRequest } from '../http/links.ts';
import type { HostedServer, QuorumHost } from './host.ts';
import type { Step } from './scenario.ts';
import type { Stage } from './stage.ts';

/** Of a step that has been carried out. */
export async function commandsOf(stage: Stage, step: Step): Promise<readonly string[]> {
  const { host } = stage;
  switch (step.kind) {
    case 'act': {
      const servers = await stage.inRoles(step.on);
      return servers.map(({ id }) => host.commandFor(step.act, id));
    }
    case 'add':
      return [host.addCommand()];
    case 'join':
    case 'leave':
    case 'transfer': {
      const leader = await stage.inRole('whoLeads');
      const address = host.shown((await stage.inRole(step.who)).id).address;
      const body = { [step.kind === 'transfer' ? 'to' : 'peer']: address };
      return [curlOf(host, leader, { method: 'POST', path: `/raft/${step.kind}`, body })];
    }
    case 'links': {
      const from = await stage.inRoles(step.from);
      return from.map((server) => curlOf(host, server, stage.linksOf(server.id)));
    }
    case 'heal':
      return stage.running().map((server) => curlOf(host, server, stage.linksOf(server.id)));
    case 'hold':
      return [`sleep ${step.forMs / 1000}`];
    case 'call':
      return [curlOf(host, await stage.inRole(step.at), step.request)];
    case 'served': {
      const reads = (await stage.inRoles(step.at)).map((server) => readCommand(host, server));
      return [writeCommand(host, await stage.inRole('whoLeads')), ...reads];
    }
    case 'unserved':
      return (await stage.inRoles(step.at)).flatMap((server) => askCommands(host, server));
    case 'caughtUp':
      return (await stage.inRoles(step.who)).map((server) =>
        curlOf(host, server, { method: 'GET', path: '/health' }),
      );
  }
}

/** A write and a linearizable read, asked of one server. */
export function askCommands(host: QuorumHost, server: HostedServer): string[] {
  return [writeCommand(host, server), readCommand(host, server)];
}

function writeCommand(host: QuorumHost, server: HostedServer): string {
  return curlOf(host, server, { method: 'POST', path: '/kv/put', body: { key: 'k', value: 1 } });
}

function readCommand(host: QuorumHost, server: HostedServer): string {
  return curlOf(host, server, { method: 'GET', path: '/kv/get?key=k&at=follower' });
}

function curlOf(host: QuorumHost, { id }: HostedServer, request: HttpRequest): string {
  const url = `${host.shown(id).url.replace('http://', '')}${request.path}`;
  const method = request.method === 'GET' ? '' : `-X ${request.method} `;
  const quoted = /[?&]/.test(url) ? `'${url}'` : url;
  if (request.body === undefined) return `curl ${method}${quoted}`;
  const body = JSON.stringify(shownIn(host, request.body)).replaceAll("'", "'\\''");
  return `curl ${method}${quoted} -H 'Content-Type: application/json' -d '${body}'`;
}

/** Addresses of this run's servers become those of the cluster that a person would start. */
function shownIn(host: QuorumHost, body: Json): Json {
  let text = JSON.stringify(body);
  for (const { id, address } of host.servers()) {
    text = text.replaceAll(JSON.stringify(address), JSON.stringify(host.shown(id).address));
  }
  return JSON.parse(text) as Json;
}
