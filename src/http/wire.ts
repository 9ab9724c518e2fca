/**
 * Below the routes: what arrives and is no request, or never becomes a whole one. It is answered
 * in JSON like everything else, and the connection ends.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, errorText, JSON_TYPE, kindOf } from './errors.ts';

// A static import of this module loads all that it exports, with a client for WebSockets that takes
// as long as a tenth of a start.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** What is read and thrown away of a request that has been answered before its end. */
const DISCARDED_BYTES_MAX = 64 * 2 ** 20;

const TIMEOUT = 'ERR_HTTP_REQUEST_TIMEOUT';
const CODES: Readonly<Record<string, ErrorCode>> = {
  [TIMEOUT]: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

/** Connections whose present request has its answer already. */
const discarding = new WeakSet<Socket>();

/** The answer that the socket waits for, as Node keeps it. */
type Answering = Socket & { readonly _httpMessage?: ServerResponse | null };

/** A request has begun and not come to its end in time. */
export function isTimeout({ code }: Error & { code?: string }): boolean {
  return code === TIMEOUT;
}

export function answerClientError(
  error: Error & { code?: string; reason?: string },
  socket: Socket,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isOwedAnother(socket)) {
    socket.destroy();
    return;
  }
  const code = CODES[error.code ?? ''] ?? 'bad_request';
  const message = code === 'bad_request' ? `${kindOf(code).message} ${error.reason ?? ''}` : null;
  const body = errorText(code, message === null ? {} : { message: message.trim() });
  const { status } = kindOf(code);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${JSON_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** The request has its answer, or an earlier one has not and would be taken to have this. */
function isOwedAnother(socket: Answering): boolean {
  if (discarding.has(socket)) return true;
  const { _httpMessage: answer } = socket;
  return answer !== undefined && answer !== null && (answer.headersSent || answer.req.complete);
}

export function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const body = errorText('expectation_failed');
  response.writeHead(417, {
    'content-type': JSON_TYPE,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}

/**
 * A connection closed on a client that is still sending takes the answer with it. So the rest is
 * read, up to a bound, and the connection goes on; the timeout for whole requests holds still.
 */
export function discardRest(request: IncomingMessage): void {
  if (request.complete) return;
  const { socket } = request;
  let bytes = 0;
  discarding.add(socket);
  request.on('end', () => discarding.delete(socket));
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes > DISCARDED_BYTES_MAX) request.destroy();
  });
  request.resume();
}

/** How long a closing server waits for requests under way, and how often it looks. */
const CLOSING_MS = 2000;
const LOOK_EVERY_MS = 20;

/**
 * Ends connections while the server closes: those kept alive once they have nothing to wait for,
 * and in the end all. By itself a server would wait for their clients.
 */
export function endConnections(server: Server): void {
  const deadlineMs = performance.now() + CLOSING_MS;
  const ending = setInterval(() => {
    if (performance.now() < deadlineMs) server.closeIdleConnections();
    else server.closeAllConnections();
  }, LOOK_EVERY_MS).unref();
  server.once('close', () => clearInterval(ending));
}
