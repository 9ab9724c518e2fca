/** Exactly once over HTTP (§6.3): from three headers to the identity of a request. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { FIRST_REGISTERED_CLIENT, type RequestIdentity } from '../command.ts';
import { SESSION_WINDOW } from '../sessions.ts';
import { Refusal, type Schema } from './errors.ts';

const UINT32_MAX = 2 ** 32 - 1;

/** In a route's schema: what is allowed, and that neither of the first two comes alone. */
export const IDENTITY_HEADERS: Schema = {
  type: 'object',
  properties: {
    'Raft-Client-Id': {
      type: 'string',
      pattern: '^[!-~]{1,64}$',
      description: "a session's id, or 1 to 64 printable ASCII characters of your own choosing",
    },
    'Raft-Request-Number': {
      type: 'string',
      'x-decimal': { minimum: 1, maximum: UINT32_MAX },
      description: 'a decimal number from 1 to 4,294,967,295, counted up by the client',
    },
    'Raft-Lowest-Pending': {
      type: 'string',
      'x-decimal': { minimum: 1, maximum: UINT32_MAX },
      description:
        'a decimal number from 1 to Raft-Request-Number: the client has the answers to all below',
    },
  },
  dependencies: {
    'Raft-Client-Id': ['Raft-Request-Number'],
    'Raft-Request-Number': ['Raft-Client-Id'],
    'Raft-Lowest-Pending': ['Raft-Client-Id'],
  },
};

/** Of headers that the schema has let through; `null` for a request without a session. */
export function identityOf(headers: IncomingHttpHeaders): RequestIdentity | null {
  const client = headers['raft-client-id'];
  if (client === undefined) return null;
  const requestNumber = Number(headers['raft-request-number']);
  const declared = headers['raft-lowest-pending'];
  const lowestPending = declared === undefined ? assumedPending(requestNumber) : Number(declared);
  if (lowestPending > requestNumber) {
    throw new Refusal(
      'invalid_raft_lowest_pending',
      `Expected Raft-Lowest-Pending to be at most Raft-Request-Number, ${requestNumber}, ` +
        `got ${lowestPending}.`,
    );
  }
  return { clientId: clientIdOf(String(client)), requestNumber, lowestPending };
}

/**
 * Of a client that does not say what it waits for as many answers are kept as can be: with the
 * request's own number, others that are under way would lose theirs; with 1, it would be refused
 * for ever once the window is full.
 */
function assumedPending(requestNumber: number): number {
  return Math.max(1, requestNumber - SESSION_WINDOW + 1);
}

/**
 * Ids that a session was given stay as they are; those of a client's own choosing, any text, are
 * hashed to numbers below them.
 */
function clientIdOf(text: string): number {
  if (/^\d{16}$/.test(text)) {
    const id = Number(text);
    if (id >= FIRST_REGISTERED_CLIENT && Number.isSafeInteger(id)) return id;
  }
  const digest = createHash('sha256').update(text, 'latin1').digest();
  const high = digest.readUInt32BE(0) & 0xfffff;
  return Math.max(1, high * 2 ** 32 + digest.readUInt32BE(4));
}
