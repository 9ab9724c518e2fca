/**
 * The HTTP interface: the framework with its defaults turned to the contract. It does not listen:
 * who made it does, and takes the upgrades.
 */
import type { Server } from 'node:http';
import fastify, {
  type FastifyError,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { Registry } from 'prom-client';
import { createAnswerRoom, Room } from '../room.ts';
import type { Certificates } from '../transport/certificates.ts';
import { acceptBodies, BODY_BYTES_MAX, concealType } from './body.ts';
import { type Access, Callers } from './callers.ts';
import { Connections } from './connections.ts';
import { type ErrorCode, Refusal, sendError } from './errors.ts';
import { addKeywords, SchemaCompiler } from './keywords.ts';
import { Metrics } from './metrics.ts';
import { addOpenapiRoute } from './openapi.ts';
import { Paths } from './paths.ts';
import { addClusterRoutes } from './routes-cluster.ts';
import { addFaultsRoutes } from './routes-faults.ts';
import { addInspectionRoutes } from './routes-inspection.ts';
import { addItemRoutes } from './routes-items.ts';
import { addKvRoutes } from './routes-kv.ts';
import { addSessionRoute } from './routes-session.ts';
import type { Service } from './service.ts';
import { parseQuery, plainTarget } from './target.ts';
import { refusalOf } from './validation.ts';
import {
  answerClientError,
  discardRest,
  endConnections,
  isTimeout,
  refuseExpectation,
} from './wire.ts';

export type HttpOptions = {
  readonly log: { error(details: object, message: string): void };
  /** How long the whole of a request may take to arrive. */
  readonly receiveTimeoutMs?: number;
  /** How late that may be noticed. */
  readonly receiveCheckMs?: number;
  /** Whose calls are heard; left out, by whatever name this server is called. */
  readonly access?: Access;
  /** To speak TLS with; a client needs none of its own. */
  readonly certificates?: Certificates | null;
  /** Where further metrics may be found. */
  readonly registry?: Registry;
  /** Called before the routes are made. */
  readonly prepare?: (app: FastifyInstance) => void;
  /** What is owed to clients is counted here. */
  readonly answers?: Room;
  /** How long a client may take nothing of what it is owed. */
  readonly stalledMs?: number;
};

const RECEIVE_TIMEOUT_MS = 10_000;
const RECEIVE_CHECK_MS = 1000;
const STALLED_MS = 30_000;
/** Of bodies whose requests have not been answered. Beyond it further ones are refused. */
const BODIES_BYTES_MAX = 128 * 2 ** 20;
/** No key is too long for the router: its schema says how long it may be. */
const PARAMETER_LENGTH_MAX = 2 ** 20;

export function createHttp(service: Service, options: HttpOptions): FastifyInstance {
  const { log, registry = new Registry(), answers = createAnswerRoom() } = options;
  const bodies = new Room(BODIES_BYTES_MAX);
  const connections = new Connections(answers, bodies, options.stalledMs ?? STALLED_MS);
  const schemas = new SchemaCompiler();
  const app: FastifyInstance = fastify(frameworkOptions(options, connections, schemas));
  app.server.on('checkExpectation', refuseExpectation);
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    answerError(error, request, reply, log);
  });
  const metrics = new Metrics(service, registry);
  takeTurns(app, connections);
  addHooks(app, metrics, new Callers(service.self, options.access));
  compileAhead(app, schemas);
  acceptBodies(app, connections);
  options.prepare?.(app);
  app.register((routes, _options, done) => {
    addKvRoutes(routes, service);
    addItemRoutes(routes, service);
    addSessionRoute(routes, service);
    addClusterRoutes(routes, service);
    addInspectionRoutes(routes, service, metrics);
    addFaultsRoutes(routes, service);
    addOpenapiRoute(routes);
    done();
  });
  return app;
}

function frameworkOptions(
  options: HttpOptions,
  connections: Connections,
  schemas: SchemaCompiler,
): FastifyHttpOptions<Server> {
  const { receiveTimeoutMs = RECEIVE_TIMEOUT_MS } = options;
  return {
    ...listenerOptions(options),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: receiveTimeoutMs,
    // Whoever is connected when the server stops gets an answer like all others.
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX, querystringParser: parseQuery },
    rewriteUrl: plainTarget,
    // Answers are written out by hand; their schemas are for readers.
    schemaController: {
      compilersFactory: { buildSerializer: () => () => (data) => JSON.stringify(data) },
    },
    ajv: {
      customOptions: {
        // Schemas are ours. To check them against JSON Schema's own costs a tenth of a start; what
        // no keyword is, is still refused where it is compiled.
        meta: false,
        validateSchema: false,
        coerceTypes: false,
        useDefaults: false,
        removeAdditional: false,
        allowUnionTypes: true,
        strictRequired: false,
        verbose: true,
      },
      onCreate: (validator) => {
        addKeywords(validator);
        schemas.compileWhenUsed(validator);
      },
    },
    schemaErrorFormatter: refusalOf,
    clientErrorHandler: (error, socket) => {
      if (isTimeout(error) && connections.isHeldBack(socket)) return;
      answerClientError(error, socket);
    },
    frameworkErrors: (_error, request, reply) => refuseTarget(request, reply),
  };
}

function listenerOptions(options: HttpOptions): Pick<FastifyHttpOptions<Server>, 'http'> {
  const { certificates = null } = options;
  const { receiveTimeoutMs = RECEIVE_TIMEOUT_MS, receiveCheckMs = RECEIVE_CHECK_MS } = options;
  const http = {
    headersTimeout: receiveTimeoutMs,
    connectionsCheckingInterval: receiveCheckMs,
    // Node would answer it without a body; a hook below does better.
    requireHostHeader: false,
  };
  if (certificates === null) return { http };
  // Peers are asked for theirs, and looked at where they shake hands.
  const tls = { ...certificates, requestCert: true, rejectUnauthorized: false };
  // To the framework's types it is another kind of server; what is used of it, both have.
  return { https: { ...http, ...tls, handshakeTimeout: receiveTimeoutMs } } as object;
}

/** Before all other hooks: what waits for its turn costs nothing else. */
function takeTurns(app: FastifyInstance, connections: Connections): void {
  app.addHook('onRequest', (request, _reply, done) => {
    connections.enter(request.raw, done);
  });
  app.addHook('onSend', (request, _reply, payload, done) => {
    if (typeof payload === 'string' || Buffer.isBuffer(payload)) {
      connections.owes(request.raw, Buffer.byteLength(payload));
    }
    done();
  });
  app.addHook('onResponse', (request, _reply, done) => {
    connections.leave(request.raw);
    done();
  });
  app.addHook('onClose', (_app, done) => {
    connections.close();
    done();
  });
}

function compileAhead(app: FastifyInstance, schemas: SchemaCompiler): void {
  app.addHook('onListen', (done) => {
    schemas.compileAhead();
    done();
  });
  app.addHook('onClose', (_app, done) => {
    schemas.stop();
    done();
  });
}

function addHooks(app: FastifyInstance, metrics: Metrics, callers: Callers): void {
  const paths = new Paths();
  app.addHook('onRoute', (route) => {
    const methods = [route.method].flat();
    for (const method of methods) paths.add(method, route.url);
    const observe = metrics.observerOf(methods.join(), route.url);
    route.onResponse = (_request, reply, done) => {
      observe(reply.statusCode, reply.elapsedTime / 1000);
      done();
    };
  });
  app.addHook('preClose', (done) => {
    endConnections(app.server);
    done();
  });
  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    const isPage = raw.headers.origin !== undefined;
    const refusal = isPage || request.is404 ? callers.refusalOf(raw) : null;
    if (request.is404) metrics.withoutRoute();
    if (raw.headers.host === undefined && raw.httpVersion === '1.1') {
      done(new Refusal('bad_request', 'Expected a Host header, got none.'));
    } else if (refusal !== null) {
      done(refusal);
    } else if (request.is404) {
      refuseRoute(request, reply, paths);
    } else {
      concealType(request);
      done();
    }
  });
  // What no page has sent is told first what is wrong with it: nothing comes of that.
  app.addHook('preHandler', (request, _reply, done) => {
    const refusal = callers.refusalOf(request.raw);
    if (refusal === null) done();
    else done(refusal);
  });
}

/** Before anything of a body is read. */
function refuseRoute(request: FastifyRequest, reply: FastifyReply, paths: Paths): void {
  const path = request.url.split('?', 1)[0] ?? '';
  const allowed = paths.methodsOf(path);
  discardRest(request.raw);
  if (allowed.length === 0) {
    sendError(reply, 'unknown_route', { message: `There is no route ${path}.` });
    return;
  }
  const allow = allowed.join(', ');
  reply.header('allow', allow);
  sendError(reply, 'method_not_allowed', {
    message: `Expected one of ${allow} for this route, got ${request.method}.`,
  });
}

/** Its percent-encoding is broken: that is the key's where a key is in it. */
function refuseTarget(request: FastifyRequest, reply: FastifyReply): void {
  discardRest(request.raw);
  if (!request.url.startsWith('/items/')) sendError(reply, 'unknown_route');
  else {
    sendError(reply, 'invalid_key', {
      message: 'Expected the key in the path as percent-encoded UTF-8, got something else.',
    });
  }
}

const FRAMEWORK_ERRORS: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_body',
};

function answerError(
  error: FastifyError | Refusal,
  request: FastifyRequest,
  reply: FastifyReply,
  log: HttpOptions['log'],
): void {
  discardRest(request.raw);
  // The framework would close the connection, but the rest is read. A server that closes does.
  if (!reply.raw.hasHeader('connection')) reply.removeHeader('connection');
  if (error instanceof Refusal) {
    sendError(reply, error.errorCode, { message: error.message });
    return;
  }
  const known = FRAMEWORK_ERRORS[error.code];
  if (known !== undefined) sendError(reply, known);
  else if (request.raw.errored !== null) sendError(reply, 'bad_request');
  else {
    log.error({ err: error, method: request.method, url: request.url }, 'a request failed');
    sendError(reply, 'internal_error', { isRead: request.method === 'GET' });
  }
}
