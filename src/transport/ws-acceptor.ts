/**
 * The side that is dialled: takes what strangers say with care, refuses who does not belong, and
 * hands on who does.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { strangeness } from './certificates.ts';
import {
  type Credentials,
  challengeText,
  claimedId,
  createNonce,
  type Hello,
  type PeerIdentity,
  type Purpose,
  type Refusal,
  readHello,
  refusedText,
  welcomeText,
} from './handshake.ts';
import { PEERS_PATH, WEBSOCKET_OPTIONS } from './ws-connection.ts';

export const HANDSHAKE_TIMEOUT_MS = 2000;
/** More than any hello; a stranger may not make this server hold more. */
const HANDSHAKE_BYTES_MAX = 16 * 1024;
/** More than any cluster has servers; strangers may not pile up. */
const HANDSHAKES_MAX = 256;
/** In the range that is left to applications. */
const REFUSED_CODE = 4000;

export type AcceptorOptions = {
  readonly credentials: Credentials;
  self(): PeerIdentity;
  judge(peer: PeerIdentity, decided: (refusal: Refusal | null) => void, purpose: Purpose): void;
  accepted(hello: Hello, websocket: WebSocket, socket: Socket): void;
  /** `peer` is the address that it gives itself, or where it comes from. */
  refused(peer: string, refusal: Refusal): void;
};

export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #server = new WebSocketServer({
    ...WEBSOCKET_OPTIONS,
    noServer: true,
    clientTracking: false,
  });
  readonly #handshakes = new Set<Handshake>();
  #closed = false;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** For the `upgrade` event of an HTTP server. */
  accept(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    // Without a listener, a stranger that is gone would be an exception.
    stream.on('error', () => stream.destroy());
    const path = (request.url ?? '').split('?')[0];
    if (path !== PEERS_PATH) turnAway(stream, '404 Not Found');
    // A browser sends it with every WebSocket, and a server never: pages open none here.
    else if (request.headers.origin !== undefined) turnAway(stream, '403 Forbidden');
    else if (hasNoCertificate(request.socket)) turnAway(stream, '403 Forbidden');
    else if (this.#closed) turnAway(stream, '503 Service Unavailable');
    else {
      // A server needs moments for it: whoever has been at it for the longest is none.
      const [oldest] = this.#handshakes;
      if (this.#handshakes.size >= HANDSHAKES_MAX) oldest?.end();
      this.#server.handleUpgrade(request, stream, head, (websocket) => {
        this.#greet(websocket, request.socket);
      });
    }
  }

  close(): void {
    this.#closed = true;
    for (const handshake of this.#handshakes) handshake.end();
    this.#server.close();
  }

  #greet(websocket: WebSocket, socket: Socket): void {
    const handshake = new Handshake(websocket, socket, this.#options, () => {
      this.#handshakes.delete(handshake);
    });
    this.#handshakes.add(handshake);
  }
}

/** Ends with its socket, unless that is handed on. */
class Handshake {
  readonly #websocket: WebSocket;
  readonly #socket: Socket;
  readonly #options: AcceptorOptions;
  readonly #over: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #nonce = createNonce();
  #bytes = 0;
  #step: 'hello' | 'judgement' | 'over' = 'hello';

  constructor(websocket: WebSocket, socket: Socket, options: AcceptorOptions, over: () => void) {
    this.#websocket = websocket;
    this.#socket = socket;
    this.#options = options;
    this.#over = over;
    this.#timer = setTimeout(() => this.end(), HANDSHAKE_TIMEOUT_MS);
    websocket.on('message', (data: RawData, isBinary: boolean) => this.#take(data, isBinary));
    // The end follows.
    websocket.on('error', () => {});
    websocket.on('close', () => this.end());
    socket.on('data', this.#count);
    websocket.send(challengeText(this.#nonce));
  }

  end(): void {
    this.#leave();
    this.#websocket.terminate();
  }

  /** A frame is seen when it is whole; bytes that pile up for one are seen here. */
  readonly #count = (data: Buffer): void => {
    this.#bytes += data.byteLength;
    if (this.#bytes > HANDSHAKE_BYTES_MAX) this.end();
  };

  #take(data: RawData, isBinary: boolean): void {
    if (this.#step === 'over') return;
    const origin = this.#socket.remoteAddress ?? 'someone';
    if (this.#step === 'judgement' || isBinary) {
      const what = isBinary ? 'bytes' : 'a second text';
      const reason = `the handshake is malformed: expected one hello, got ${what}`;
      this.#refuse(origin, { code: 'malformed', reason });
      return;
    }
    const text = data.toString();
    const checked = readHello(text, this.#options.credentials, this.#nonce);
    if (!checked.ok) this.#refuse(claimedId(text) ?? origin, checked.refusal);
    else {
      const refusal = this.#refusalOfCertificate(checked.value);
      if (refusal === null) this.#judge(checked.value);
      else this.#refuse(checked.value.identity.id, refusal);
    }
  }

  #refusalOfCertificate({ identity }: Hello): Refusal | null {
    if (!(this.#socket instanceof TLSSocket)) return null;
    const reason = strangeness(this.#socket, identity.id);
    return reason === null ? null : { code: 'wrong_certificate', reason };
  }

  #judge(hello: Hello): void {
    this.#step = 'judgement';
    this.#options.judge(
      hello.identity,
      (refusal) => {
        if (this.#step !== 'judgement') return;
        if (refusal === null) this.#welcome(hello);
        else this.#refuse(hello.identity.id, refusal);
      },
      hello.purpose,
    );
  }

  #welcome(hello: Hello): void {
    const options = this.#options;
    const nonces = { acceptor: this.#nonce, dialler: hello.nonce };
    this.#websocket.send(welcomeText(options.credentials, options.self(), nonces));
    // A visitor ends it himself, or else the timer does.
    if (hello.purpose === 'visit') this.#step = 'over';
    else this.#leave();
    options.accepted(hello, this.#websocket, this.#socket);
  }

  #refuse(peer: string, refusal: Refusal): void {
    this.#step = 'over';
    this.#websocket.send(refusedText(refusal));
    this.#websocket.close(REFUSED_CODE, refusal.code);
    this.#options.refused(peer, refusal);
  }

  #leave(): void {
    this.#step = 'over';
    clearTimeout(this.#timer);
    this.#socket.off('data', this.#count);
    this.#over();
  }
}

/** Browsers and other clients of the HTTP interface need none; who has one hears what is wrong. */
function hasNoCertificate(socket: Socket): boolean {
  return socket instanceof TLSSocket && socket.getPeerCertificate().subject === undefined;
}

function turnAway(stream: Duplex, status: string): void {
  stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    stream.destroy(),
  );
}
