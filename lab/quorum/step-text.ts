/** A step in words, with the names of the servers that it is about. */
import type { LinkSettings } from '../../src/transport/link.ts';
import type { HostedServer } from './host.ts';
import type { Step } from './scenario.ts';
import type { Stage } from './stage.ts';

export async function textOf(stage: Stage, step: Step): Promise<string> {
  switch (step.kind) {
    case 'act':
      return `${step.act} ${listed(await stage.inRoles(step.on))}`;
    case 'add':
      return 'start a server that waits to be joined';
    case 'join':
    case 'leave':
      return `${step.kind} ${(await stage.inRole(step.who)).id}`;
    case 'transfer':
      return `transfer leadership to ${(await stage.inRole(step.who)).id}`;
    case 'links': {
      const [from, to] = [await stage.inRoles(step.from), await stage.inRoles(step.to)];
      return `links ${listed(from)} → ${listed(to)}: ${settingsText(step.settings)}`;
    }
    case 'heal':
      return 'heal all links';
    case 'hold':
      return `let ${step.forMs / 1000} s pass`;
    case 'call': {
      const { method, path } = step.request;
      return `${method} ${path} at ${(await stage.inRole(step.at)).id}: ${step.status}`;
    }
    case 'served':
      return `served by ${listed(await stage.inRoles(step.at))}`;
    case 'unserved':
      return `not served by ${listed(await stage.inRoles(step.at))}`;
    case 'caughtUp':
      return `${listed(await stage.inRoles(step.who))} caught up`;
  }
}

function listed(servers: readonly HostedServer[]): string {
  return servers
    .map(({ id }) => id)
    .sort()
    .join(', ');
}

function settingsText(settings: Partial<LinkSettings>): string {
  return Object.entries(settings)
    .map(([name, value]) => (value === true ? name : `${name} ${value}`))
    .join(', ');
}
