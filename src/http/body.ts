/** Bodies: JSON objects, declared as such, in UTF-8 and nothing else. */
import { isUtf8 } from 'node:buffer';
import { MIMEType } from 'node:util';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Refusal } from './errors.ts';

/** Above the limit for values, which is for what the contract says a body may carry. */
export const BODY_BYTES_MAX = 4 * 2 ** 20;

const JSON_ESSENCE = 'application/json';

declare module 'fastify' {
  interface FastifyRequest {
    /** The Content-Type that came, where it is not plainly that of JSON. */
    declaredType: string | null;
  }
}

export function acceptBodies(app: FastifyInstance): void {
  app.decorateRequest('declaredType', null);
  app.removeAllContentTypeParsers();
  const options = { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX } as const;
  const parse = (
    request: FastifyRequest,
    body: Buffer,
    done: (error: Error | null, parsed?: unknown) => void,
  ): void => {
    try {
      done(null, parseBody(request, body));
    } catch (error) {
      done(error as Error);
    }
  };
  app.addContentTypeParser(JSON_ESSENCE, options, parse);
  app.addContentTypeParser('*', options, parse);
}

/**
 * The framework refuses a type that it cannot read before anybody can say that there is no body at
 * all; so it is shown the type that its parser is for, and the parser judges what really came.
 */
export function concealType(request: FastifyRequest): void {
  const { headers } = request.raw;
  const declared = headers['content-type'];
  if (declared === undefined || declared === JSON_ESSENCE) return;
  request.declaredType = declared;
  headers['content-type'] = JSON_ESSENCE;
}

/** `undefined` is a body without a byte: whether that will do, the route's schema says. */
function parseBody(request: FastifyRequest, body: Buffer): unknown {
  if (body.byteLength === 0) return undefined;
  checkType(request.declaredType ?? request.headers['content-type']);
  checkEncoding(request.headers['content-encoding']);
  if (!isUtf8(body))
    throw new Refusal('invalid_utf8', 'Expected a body in UTF-8, got other bytes.');
  const parsed = parseJson(body.toString('utf8'));
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  const got = Array.isArray(parsed) ? 'an array' : `a ${parsed === null ? 'null' : typeof parsed}`;
  throw new Refusal('invalid_body', `Expected a JSON object as the body, got ${got}.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    throw new Refusal('invalid_json', `Expected a body in JSON; parsing it failed: ${message}.`);
  }
}

function checkType(declared: string | undefined): void {
  if (declared === JSON_ESSENCE) return;
  try {
    const { essence, params } = new MIMEType(declared ?? '');
    const charset = params.get('charset') ?? 'utf-8';
    if (essence === JSON_ESSENCE && charset.toLowerCase() === 'utf-8') return;
  } catch {
    // It is no media type at all.
  }
  const got = declared === undefined ? 'no Content-Type' : `Content-Type: ${declared}`;
  throw new Refusal(
    'unsupported_media_type',
    `Expected Content-Type: application/json (in UTF-8), got ${got}.`,
  );
}

function checkEncoding(encoding: string | undefined): void {
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  throw new Refusal(
    'unsupported_media_type',
    `Expected a body without Content-Encoding, got Content-Encoding: ${encoding}.`,
  );
}
