/**
 * Whose calls are heard, by what browsers say of them. A page can send requests to every server
 * that its reader's machine reaches; it cannot choose the `Origin` that goes with what changes
 * something, nor, where its own name was made to lead here (DNS rebinding), the `Host`. Other
 * callers send no `Origin`, and are free to name any `Host`: nothing here keeps them out.
 */
import type { IncomingMessage } from 'node:http';
import { Refusal } from './errors.ts';
import type { KnownServer } from './service.ts';

export type Access = {
  /** It listens on loopback: who calls it by a name that is not its own is refused. */
  readonly checksHost: boolean;
  /** Its names beside its own and loopback's, and whose pages may change something. */
  readonly allowedHosts: readonly string[];
};

const OPEN: Access = { checksHost: false, allowedHosts: [] };
/** Without a change that anybody could notice (RFC 9110, 9.2.1). */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];
const QUOTED_LENGTH_MAX = 100;

type Asked = Pick<IncomingMessage, 'headers' | 'method'>;

export class Callers {
  readonly #checksHost: boolean;
  readonly #publicOrigin: string | null;
  readonly #allowed: ReadonlySet<string | null>;
  readonly #own: ReadonlySet<string | null>;
  /** The last that was found to be its own: callers seldom use two. */
  #knownHost = '';

  constructor({ id, publicUrl }: KnownServer, { checksHost, allowedHosts }: Access = OPEN) {
    const publicOrigin = publicUrl === null ? null : new URL(publicUrl);
    const allowed = allowedHosts.map((host) => hostnameOf(host.includes(':') ? `[${host}]` : host));
    this.#checksHost = checksHost;
    this.#publicOrigin = publicOrigin?.origin ?? null;
    this.#allowed = new Set(allowed);
    this.#own = new Set([hostnameOf(id), hostnameOf(publicOrigin?.host ?? id), ...allowed]);
  }

  /** `null` where there is nothing against it. A request without a `Host` is no browser's. */
  refusalOf({ headers, method = 'GET' }: Asked): Refusal | null {
    const { host = '', origin } = headers;
    if (this.#checksHost && host !== '' && !this.#isOwn(host)) {
      return new Refusal(
        'forbidden_host',
        `Expected Host to name this server, which listens on loopback, got ${quoted(host)}; ` +
          'call it by a loopback name or address, or add the host to ALLOWED_HOSTS.',
      );
    }
    if (origin === undefined || SAFE_METHODS.includes(method)) return null;
    if (this.#isOwnOrigin(origin, host)) return null;
    return new Refusal(
      'forbidden_origin',
      `Expected no Origin, or this server's own, got ${quoted(origin)}; pages of other hosts may ` +
        'change something only if ALLOWED_HOSTS names their host.',
    );
  }

  #isOwn(host: string): boolean {
    if (host === this.#knownHost) return true;
    const name = hostnameOf(host);
    const isOwn = name !== null && (isLoopback(name) || this.#own.has(name));
    if (isOwn) this.#knownHost = host;
    return isOwn;
  }

  #isOwnOrigin(origin: string, host: string): boolean {
    const page = URL.parse(origin);
    if (page === null || !/^https?:$/.test(page.protocol)) return false;
    if (page.origin === this.#publicOrigin || this.#allowed.has(withoutDot(page.hostname))) {
      return true;
    }
    if (host === '' || !isHostHeader(host)) return false;
    // Both without the port that the page's scheme has by itself.
    return URL.parse(`${page.protocol}//${host}`)?.host === page.host;
  }
}

/** Of a name as `Host` has it, or of an IP address that a socket is bound to. */
export function isLoopback(host: string): boolean {
  return /^(?:(?:.+\.)?localhost|(?:::ffff:)?127(?:\.\d+){3}|\[?::1\]?)$/i.test(host);
}

/** In lower case, an IP address in the form that is written the same everywhere. */
function hostnameOf(host: string): string | null {
  const url = isHostHeader(host) ? URL.parse(`http://${host}`) : null;
  return url === null ? null : withoutDot(url.hostname);
}

/** It has nothing that a URL would take for a user, a path or a query. */
function isHostHeader(text: string): boolean {
  return !/[\s/\\?#@]/.test(text);
}

function withoutDot(hostname: string): string {
  return hostname.replace(/\.$/, '');
}

function quoted(header: string): string {
  return JSON.stringify(header.slice(0, QUOTED_LENGTH_MAX));
}
