/**
 * Bodies: JSON objects, declared as such, in UTF-8 and nothing else. Values are not made into
 * objects but into the text that is stored; large ones in another thread, since a body of 4 MiB
 * takes longer than heartbeats can wait.
 */
import { MIMEType } from 'node:util';
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import { type BodyFields, noJson, noObject, readFields, textOf } from './body-fields.ts';
import type { Connections } from './connections.ts';
import { fieldValue } from './encoded.ts';
import { Refusal, type Schema } from './errors.ts';
import { LargeBodies } from './large-bodies.ts';
import { VALUE_BYTES_MAX } from './schemas.ts';

/** Above the limit for values, which is for what the contract says a body may carry. */
export const BODY_BYTES_MAX = 4 * 2 ** 20;
/** Where no value is in it. It is read in one turn, and so is what of the others is as short. */
export const SHORT_BODY_BYTES_MAX = 64 * 2 ** 10;

const JSON_ESSENCE = 'application/json';

declare module 'fastify' {
  interface FastifyRequest {
    /** The Content-Type that came, where it is not plainly that of JSON. */
    declaredType: string | null;
  }
  interface FastifyContextConfig {
    /** Of a route that takes values: the names of all fields of its body. */
    readonly fields?: readonly string[];
  }
}

type Done = (error: Error | null, body?: unknown) => void;

/** Before the routes. */
export function acceptBodies(app: FastifyInstance, connections: Connections): void {
  const large = new LargeBodies();
  app.decorateRequest('declaredType', null);
  app.removeAllContentTypeParsers();
  const parse = (request: FastifyRequest, payload: NodeJS.ReadableStream, done: Done): void => {
    collect(request, payload, connections, (error, body) => {
      if (error !== null) done(error);
      else readBody(request, body, large, done);
    });
  };
  app.addContentTypeParser(JSON_ESSENCE, parse);
  app.addContentTypeParser('*', parse);
  app.addHook('onRoute', limitBody);
  app.addHook('onClose', (_app, closed) => {
    large.close();
    closed();
  });
}

function limitBody(route: RouteOptions): void {
  const { properties = {} } = Object(route.schema?.body) as { properties?: Record<string, Schema> };
  const hasValue = Object.values(properties).some((field) => 'x-max-encoded-bytes' in field);
  if (hasValue) route.config = { ...route.config, fields: Object.keys(properties) };
  route.bodyLimit = hasValue ? BODY_BYTES_MAX : SHORT_BODY_BYTES_MAX;
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

/** Chunks may be of a byte each: they are put together as they come. */
function collect(
  request: FastifyRequest,
  payload: NodeJS.ReadableStream,
  connections: Connections,
  done: (error: Error | null, body: Buffer) => void,
): void {
  const limit = request.routeOptions.bodyLimit;
  let body = Buffer.alloc(0);
  let length = 0;
  const end = (error: Error | null): void => {
    payload.off('data', take).off('end', finish).off('error', end);
    done(error, body.subarray(0, length));
  };
  const finish = (): void => end(null);
  const take = (chunk: Buffer): void => {
    const needed = length + chunk.byteLength;
    if (needed > limit) end(tooLarge(limit));
    else if (!connections.holds(request.raw, chunk.byteLength)) {
      end(new Refusal('overloaded', 'Too much is on its way already; try again later.'));
    } else {
      body = roomFor(body, length, needed);
      chunk.copy(body, length);
      length = needed;
    }
  };
  if (Number(request.headers['content-length']) > limit) done(tooLarge(limit), body);
  else payload.on('data', take).on('end', finish).on('error', end);
}

function roomFor(body: Buffer<ArrayBuffer>, length: number, needed: number): Buffer<ArrayBuffer> {
  if (needed <= body.byteLength) return body;
  const grown = Buffer.allocUnsafe(Math.max(needed, 2 * length));
  body.copy(grown, 0, 0, length);
  return grown;
}

function tooLarge(limit: number): Refusal {
  const most = limit >= 2 ** 20 ? `${limit / 2 ** 20} MiB` : `${limit / 2 ** 10} KiB`;
  return new Refusal('body_too_large', `Expected a body of at most ${most}, got a larger one.`);
}

function readBody(request: FastifyRequest, body: Buffer, large: LargeBodies, done: Done): void {
  const names = request.routeOptions.config.fields;
  let plain: object | undefined;
  try {
    // Whether a body without a byte will do, the route's schema says.
    if (body.byteLength > 0) {
      checkType(request.declaredType ?? request.headers['content-type']);
      checkEncoding(request.headers['content-encoding']);
      if (names === undefined) plain = parseBody(body);
    }
  } catch (error) {
    done(error as Error);
    return;
  }
  if (names === undefined || body.byteLength === 0) {
    done(null, plain);
    return;
  }
  const task = { body, names, bytesMax: VALUE_BYTES_MAX };
  if (body.byteLength <= SHORT_BODY_BYTES_MAX) give(readFields(task), done);
  else {
    large.read(task, (error, read) => {
      if (read === null) done(error);
      else give(read, done);
    });
  }
}

function give(read: BodyFields, done: Done): void {
  if ('refused' in read) done(new Refusal(read.refused, read.message));
  else done(null, Object.fromEntries(read.fields.map((each) => [each.name, fieldValue(each)])));
}

function parseBody(body: Buffer): object {
  const parsed = parseJson(textOf(body));
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  if (Array.isArray(parsed)) throw noObject('an array');
  throw noObject(`a ${parsed === null ? 'null' : (typeof parsed as 'string' | 'number')}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw noJson(error as Error);
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
