/** Words that scenarios are written in. */
import type { LinkSettings } from '../../src/transport/link.ts';
import type { Json } from '../history.ts';
import type { HttpRequest } from '../http/links.ts';
import type { ServerAction } from './host.ts';
import type { Role, Step } from './scenario.ts';

export const ALL: readonly Role[] = ['leader', 'follower', 'other'];
export const FOLLOWERS: readonly Role[] = ['follower', 'other'];

export function act(action: ServerAction, ...on: readonly Role[]): Step {
  return { kind: 'act', act: action, on };
}

export function served(at: readonly Role[], measure?: string): Step {
  return { kind: 'served', at, ...(measure === undefined ? {} : { measure }) };
}

export function unserved(...at: readonly Role[]): Step {
  return { kind: 'unserved', at };
}

export function caughtUp(who: readonly Role[], measure?: string): Step {
  return { kind: 'caughtUp', who, ...(measure === undefined ? {} : { measure }) };
}

export function hold(forMs: number): Step {
  return { kind: 'hold', forMs };
}

export const heal: Step = { kind: 'heal' };

export function links(
  from: readonly Role[],
  to: readonly Role[],
  settings: Partial<LinkSettings>,
): Step {
  return { kind: 'links', from, to, settings };
}

/** Nothing passes between the two groups, either way. */
export function apart(one: readonly Role[], two: readonly Role[]): Step[] {
  return [links(one, two, { cut: true }), links(two, one, { cut: true })];
}

export function call(
  at: Role,
  request: HttpRequest,
  status: number,
  body?: { readonly [name: string]: Json },
  withinMs?: number,
): Step {
  return {
    kind: 'call',
    at,
    request,
    status,
    ...(body === undefined ? {} : { body }),
    ...(withinMs === undefined ? {} : { withinMs }),
  };
}

export function get(path: string): HttpRequest {
  return { method: 'GET', path };
}

export function post(path: string, body: Json): HttpRequest {
  return { method: 'POST', path, body };
}
