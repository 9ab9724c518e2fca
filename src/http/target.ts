/** Request targets: what stands between method and version on a request's first line. */
import type { IncomingMessage } from 'node:http';

/**
 * The target as the router wants it: a path with its query. Absolute targets, as proxies get them,
 * lose what names the server. A target has no fragment: where a client forgot to encode a `#`, the
 * router would cut the key off there, and another key would be meant.
 */
export function plainTarget({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  const path = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?]*/i, '');
  const whole = path.replaceAll('#', '%23');
  return whole.startsWith('/') ? whole : `/${whole}`;
}

/**
 * The parameters of a query; a parameter that comes twice is an array, and one that does not decode
 * is `null`: no schema takes either, and the router's caller could not take an exception.
 */
export function parseQuery(query: string): Record<string, unknown> {
  const parameters: Record<string, unknown> = Object.create(null);
  if (query === '') return parameters;
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    const name = decoded(equals < 0 ? part : part.slice(0, equals));
    if (name === null) continue;
    const value = equals < 0 ? '' : decoded(part.slice(equals + 1));
    parameters[name] = name in parameters ? [parameters[name], value] : value;
  }
  return parameters;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}
