/** Addresses of servers, `host:port`, as users write them and members know each other by. */
import { isIPv4, isIPv6 } from 'node:net';

export const ADDRESS_ALLOWED = 'host:port, such as 127.0.0.1:8001, node1:8000 or [::1]:8001';

const PORT_MAX = 65_535;
const HOST_LENGTH_MAX = 253;
/** A name as DNS has it, and the underscores that container names may have. */
const NAME = /^[a-z\d_]([a-z\d_-]{0,61}[a-z\d_])?(\.[a-z\d_]([a-z\d_-]{0,61}[a-z\d_])?)*\.?$/i;

export type Address = { readonly host: string; readonly port: number };

/** `null` where the text is no address. */
export function parseAddress(text: string): Address | null {
  const [, bracketed, bare, digits = ''] =
    /^(?:\[([^\]]*)\]|([^:]*)):([1-9]\d{0,4})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > PORT_MAX) return null;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : null;
  return bare !== undefined && isName(bare) ? { host: bare, port } : null;
}

/** A host that can be listened on: a name or an IP address, without brackets. */
export function isHost(text: string): boolean {
  return isIPv6(text) || isName(text);
}

function isName(text: string): boolean {
  // What is written as four numbers is meant as an address.
  if (/^[\d.]+$/.test(text)) return isIPv4(text);
  return text.length <= HOST_LENGTH_MAX && NAME.test(text);
}
