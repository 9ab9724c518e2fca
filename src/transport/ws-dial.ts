/**
 * One attempt to reach another server: connects, shakes hands, and reports how it went, once.
 */
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { TLSSocket, connect as tlsConnect } from 'node:tls';
import { type ClientOptions, type RawData, WebSocket } from 'ws';
import { type Certificates, serverNameOf } from './certificates.ts';
import {
  type Credentials,
  createNonce,
  helloText,
  type PeerIdentity,
  type Purpose,
  type Refusal,
  readChallenge,
  readReply,
} from './handshake.ts';
import { PEERS_PATH, WEBSOCKET_OPTIONS } from './ws-connection.ts';
import type { Lookups } from './ws-lookup.ts';

export type DialOptions = {
  readonly self: PeerIdentity;
  readonly credentials: Credentials;
  readonly purpose: Purpose;
  readonly timeoutMs: number;
  readonly lookups: Lookups;
  /** `null`: without TLS. */
  readonly certificates: Certificates | null;
  /** As WsPeersOptions has it: whom this server does not let in, it does not talk to either. */
  judge(peer: PeerIdentity, decided: (refusal: Refusal | null) => void, purpose: Purpose): void;
};

export type DialFailure = {
  readonly kind: 'failed';
  /** Who says so: the other server, this one, or nobody, as it was not reached. */
  readonly by: 'peer' | 'self' | 'network';
  readonly code: string;
  /** A sentence that follows the peer's address. */
  readonly reason: string;
};

export type DialOutcome =
  | DialFailure
  | {
      readonly kind: 'welcome';
      readonly identity: PeerIdentity;
      readonly websocket: WebSocket;
      readonly socket: Socket;
    };

export class Dial {
  readonly #address: string;
  readonly #options: DialOptions;
  readonly #done: (outcome: DialOutcome) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #nonce = createNonce();
  #websocket: WebSocket | null = null;
  #socket: Socket | null = null;
  /** The acceptor's nonce, once it has come. */
  #challenge: string | null = null;
  #over = false;

  /** `done` is never called before the constructor has returned, nor after `cancel`. */
  constructor(address: string, options: DialOptions, done: (outcome: DialOutcome) => void) {
    this.#address = address;
    this.#options = options;
    this.#done = done;
    this.#timer = setTimeout(() => {
      this.#fail('network', 'timeout', `did not answer within ${options.timeoutMs} ms`);
    }, options.timeoutMs);
    const url = `${options.certificates === null ? 'ws' : 'wss'}://${address}${PEERS_PATH}`;
    if (URL.canParse(url)) this.#open(url);
    else setImmediate(() => this.#fail('self', 'malformed', 'is not an address host:port'));
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#websocket?.terminate();
  }

  #open(url: string): void {
    const websocket = new WebSocket(url, {
      ...WEBSOCKET_OPTIONS,
      // Masks protect proxies from scripts in browsers; servers among themselves save the copy.
      generateMask: (mask) => mask.fill(0),
      createConnection: this.#connect as NonNullable<ClientOptions['createConnection']>,
    });
    this.#websocket = websocket;
    websocket.on('message', (data: RawData, isBinary: boolean) => {
      if (!this.#over) this.#take(isBinary ? '' : data.toString());
    });
    websocket.on('unexpected-response', (_request, response) => {
      response.destroy();
      this.#fail('network', 'unreachable', `is no server of this kind (${response.statusCode})`);
    });
    websocket.on('error', (error: NodeJS.ErrnoException) => {
      const why = error.code ?? error.message;
      // Why the socket gave its certificate up, where it did.
      const isStrange = this.#socket instanceof TLSSocket && this.#socket.authorizationError;
      if (isStrange) this.#fail('self', 'wrong_certificate', `has no fit certificate: ${why}`);
      else this.#fail('network', 'unreachable', `cannot be reached (${why})`);
    });
    websocket.on('close', () => {
      this.#fail('network', 'unreachable', 'ended the connection within the handshake');
    });
  }

  readonly #connect = ({ host, port }: TcpNetConnectOpts): Socket => {
    const { certificates, lookups } = this.#options;
    const place = { host: host ?? '', port, lookup: lookups.lookup, noDelay: true };
    this.#socket =
      certificates === null
        ? connect(place)
        : tlsConnect({ ...place, ...certificates, servername: serverNameOf(place.host) });
    return this.#socket;
  };

  #take(text: string): void {
    if (this.#challenge === null) this.#takeChallenge(text);
    else this.#takeReply(text, this.#challenge);
  }

  #takeChallenge(text: string): void {
    const checked = readChallenge(text);
    if (!checked.ok) {
      this.#fail('self', checked.refusal.code, checked.refusal.reason);
      return;
    }
    this.#challenge = checked.value;
    const { credentials, self, purpose } = this.#options;
    const nonces = { acceptor: checked.value, dialler: this.#nonce };
    this.#websocket?.send(helloText(credentials, self, purpose, nonces));
  }

  #takeReply(text: string, challenge: string): void {
    const nonces = { acceptor: challenge, dialler: this.#nonce };
    const reply = readReply(text, this.#options.credentials, nonces, this.#address);
    switch (reply.kind) {
      case 'welcome':
        this.#judge(reply.identity);
        break;
      case 'refused':
        this.#fail('peer', reply.refusal.code, `refuses this server: ${reply.refusal.reason}`);
        break;
      case 'unacceptable':
        this.#fail('self', reply.refusal.code, `is refused: ${reply.refusal.reason}`);
        break;
    }
  }

  #judge(identity: PeerIdentity): void {
    this.#options.judge(
      identity,
      (refusal) => {
        if (this.#over) return;
        if (refusal === null) this.#succeed(identity);
        else this.#fail('self', refusal.code, `is refused: ${refusal.reason}`);
      },
      this.#options.purpose,
    );
  }

  #succeed(identity: PeerIdentity): void {
    const [websocket, socket] = [this.#websocket, this.#socket];
    if (websocket === null || socket === null) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#done({ kind: 'welcome', identity, websocket, socket });
  }

  #fail(by: DialFailure['by'], code: string, reason: string): void {
    if (this.#over) return;
    this.cancel();
    this.#done({ kind: 'failed', by, code, reason });
  }
}
