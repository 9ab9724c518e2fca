/**
 * Certificates by which servers know each other where they speak TLS: each has one that names its
 * host, from an authority that all of them trust and nobody else signs with.
 */
import { isIP } from 'node:net';
import {
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
  type TLSSocket,
} from 'node:tls';

/** Each as PEM. */
export type Certificates = {
  readonly cert: string;
  readonly key: string;
  /** Of the authority. */
  readonly ca: string;
};

/** Why nobody could speak TLS with these, as a clause; `null` where they fit each other. */
export function unfitness({ cert, key, ca }: Certificates): string | null {
  try {
    createSecureContext({ cert, key, ca });
    return null;
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const isOther = code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH';
    return isOther ? 'the key is that of another certificate' : message;
  }
}

/** Why a peer is not to be taken for the server at `id`, as a clause; `null` where it is. */
export function strangeness(socket: TLSSocket, id: string): string | null {
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate();
  if (certificate.subject === undefined) return 'no certificate came';
  if (!socket.authorized) {
    return `the certificate is not one of the authority's (${socket.authorizationError})`;
  }
  return checkServerIdentity(hostOf(id), certificate as PeerCertificate)?.message ?? null;
}

/** For the extension by which a client names the host it wants, where that is no IP address. */
export function serverNameOf(host: string): string {
  return isIP(host) === 0 ? host : '';
}

/** Of an address `host:port`, without brackets. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}
