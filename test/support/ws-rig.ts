/**
 * Servers that do nothing but exchange messages: an HTTP server on a port of its own, and the peers
 * behind it. What arrives, what is logged and who refuses whom is kept for the test to look at.
 */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import type { ExecutionContext } from 'ava';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { freePorts } from '../../lab/processes/ports.ts';
import { nowUs } from '../../src/clock.ts';
import { makeEntry } from '../../src/entry.ts';
import type { Message } from '../../src/raft/types.ts';
import {
  challengeText,
  createNonce,
  helloText,
  type PeerIdentity,
  type Purpose,
  readHello,
  welcomeText,
} from '../../src/transport/handshake.ts';
import { PERFECT } from '../../src/transport/link.ts';
import { PEERS_PATH, WsPeers, type WsPeersOptions } from '../../src/transport/ws-peers.ts';
import { SEED } from './property.ts';

/** Longer than anything here should take, on however busy a machine. */
export const LIMIT_MS = 30_000;

export async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The cluster that all of them belong to, if not told otherwise. */
const LAB = { clusterId: 'lab', token: null };

export function identityAt(id: string): PeerIdentity {
  const firstMembers = [id];
  return { id, name: id, incarnation: 1, publicUrl: null, waiting: false, firstMembers };
}

type Logged = { readonly level: string; readonly about: object; readonly message: string };

export class PeerServer {
  readonly received: Message[] = [];
  readonly logged: Logged[] = [];
  readonly refusals: { readonly by: string; readonly code: string; readonly reason: string }[] = [];
  /** The address, once it listens. */
  id = '';
  /** What it says of itself; a test may change it. */
  identity = identityAt('');
  peers: WsPeers;
  #http: Server;
  readonly #options: Partial<WsPeersOptions>;

  constructor(options: Partial<WsPeersOptions>) {
    this.#options = options;
    this.peers = this.#createPeers();
    this.#http = this.#createHttp();
  }

  get port(): number {
    return Number(this.id.split(':')[1]);
  }

  get terms(): number[] {
    return this.received.map(({ term }) => term);
  }

  /** At a port that nobody else gets while it is down. */
  async listen(port?: number): Promise<void> {
    const [free = 0] = port === undefined ? await freePorts(1) : [port];
    this.#http.listen(free, '127.0.0.1');
    await once(this.#http, 'listening');
    this.id = `127.0.0.1:${free}`;
    if (this.identity.id === '') this.identity = identityAt(this.id);
  }

  async stop(): Promise<void> {
    this.peers.close();
    this.#http.closeAllConnections();
    if (!this.#http.listening) return;
    this.#http.close();
    await once(this.#http, 'close');
  }

  /** A new process at the same address. */
  async restart(): Promise<void> {
    await this.stop();
    this.peers = this.#createPeers();
    this.#http = this.#createHttp();
    await this.listen(this.port);
  }

  send(to: PeerServer | string, term = 1): void {
    const { name } = this.identity;
    const there = typeof to === 'string' ? to : to.identity.name;
    this.peers.send({ kind: 'TimeoutNow', from: name, to: there, term });
  }

  /** A message of about so many bytes. */
  sendLarge(to: PeerServer | string, bytes: number): void {
    const message: Message = {
      kind: 'AppendEntries',
      from: this.identity.name,
      to: typeof to === 'string' ? to : to.identity.name,
      term: 1,
      prevLogIndex: 0,
      prevLogTerm: 0,
      entries: [makeEntry(1, 1, 'command', new Uint8Array(bytes))],
      leaderCommit: 0,
      readRound: 0,
      attempt: 0,
      sentUs: 0,
      roundTripUs: 0,
    };
    this.peers.send(message);
  }

  statsOf(to: PeerServer | string): ReturnType<WsPeers['stats']>[number] | undefined {
    const address = typeof to === 'string' ? to : to.id;
    return this.peers.stats().find((stats) => stats.address === address);
  }

  isConnectedTo(to: PeerServer | string): boolean {
    return this.statsOf(to)?.connected === true;
  }

  /** What has been logged with this message, or about this reason. */
  logsOf(word: string): Logged[] {
    return this.logged.filter(({ about, message }) =>
      `${message} ${JSON.stringify(about)}`.includes(word),
    );
  }

  #createHttp(): Server {
    const { certificates = null } = this.#options;
    const answer: RequestListener = (_request, response) => response.end('of the HTTP interface');
    const asking = { ...certificates, requestCert: true, rejectUnauthorized: false };
    const http = certificates === null ? createServer(answer) : createTlsServer(asking, answer);
    const { peers } = this;
    http.on('upgrade', (request, socket, head) => peers.accept(request, socket, head));
    return http;
  }

  #createPeers(): WsPeers {
    const log = (level: string) => (about: object, message: string) => {
      this.logged.push({ level, about, message });
    };
    return new WsPeers({
      self: () => this.identity,
      ...LAB,
      certificates: null,
      judge: (_peer, decided) => decided(null),
      onRefused: (by, code, reason) => this.refusals.push({ by, code, reason }),
      receive: (message) => this.received.push(message),
      takeForwarded: () => false,
      onLost: () => {},
      nowUs,
      checksum: crc32,
      seed: SEED,
      link: PERFECT,
      log: { info: log('info'), warn: log('warn'), debug: log('debug') },
      ...this.#options,
    });
  }
}

export async function server(
  t: ExecutionContext,
  options: Partial<WsPeersOptions> = {},
): Promise<PeerServer> {
  const started = new PeerServer(options);
  await started.listen();
  t.teardown(() => started.stop());
  return started;
}

/** So many servers, each connected to all others. */
export async function servers(t: ExecutionContext, count: number): Promise<PeerServer[]> {
  const all = await Promise.all(Array.from({ length: count }, () => server(t)));
  for (const one of all) one.peers.follow(all.map(({ id }) => id));
  for (const one of all) {
    for (const other of all) {
      if (one !== other) await until('connected', () => one.isConnectedTo(other));
    }
  }
  return all;
}

/** Someone who dials and says what he likes. */
export class Stranger {
  readonly texts: string[] = [];
  closeCode: number | null = null;
  readonly websocket: WebSocket;

  constructor(t: ExecutionContext, to: PeerServer, path = PEERS_PATH) {
    this.websocket = new WebSocket(`ws://${to.id}${path}`);
    this.websocket.on('message', (data: RawData) => this.texts.push(data.toString()));
    this.websocket.on('error', () => {});
    this.websocket.on('close', (code) => {
      this.closeCode = code;
    });
    t.teardown(() => this.websocket.terminate());
  }

  /** The acceptor's nonce. */
  async challenge(): Promise<string> {
    await until('challenged', () => this.texts.length > 0);
    const { kind, nonce } = JSON.parse(this.texts[0] ?? '') as { kind: string; nonce: string };
    if (kind !== 'challenge') throw new Error(`expected a challenge, got ${kind}`);
    return nonce;
  }

  /** Says who he is, in a cluster without a token. */
  async introduce(identity: PeerIdentity, purpose: Purpose): Promise<void> {
    const nonces = { acceptor: await this.challenge(), dialler: createNonce() };
    this.websocket.send(helloText(LAB, identity, purpose, nonces));
  }

  async welcome(): Promise<void> {
    await until('welcomed', () => this.texts.length > 1);
    const { kind } = JSON.parse(this.texts[1] ?? '') as { kind: string };
    if (kind !== 'welcome') throw new Error(`expected a welcome, got ${kind}`);
  }

  /** Once the socket has closed: the code it was refused with, or `null` without a word. */
  async refusal(): Promise<string | null> {
    await until('closed', () => this.closeCode !== null);
    const last = JSON.parse(this.texts.at(-1) ?? '') as { kind: string; code?: string };
    return last.kind === 'refused' ? (last.code ?? null) : null;
  }
}

/** A server that shakes hands and then reads and says nothing more, as one that is frozen. */
export class FrozenServer {
  /** Connections it has had. */
  connections = 0;
  readonly id: string;

  private constructor(t: ExecutionContext, http: Server) {
    this.id = `127.0.0.1:${(http.address() as AddressInfo).port}`;
    const websockets = new WebSocketServer({ server: http, path: PEERS_PATH });
    websockets.on('connection', (websocket, request) => {
      const acceptor = createNonce();
      websocket.send(challengeText(acceptor));
      websocket.on('message', (data: RawData) => {
        const hello = readHello(data.toString(), LAB, acceptor);
        if (!hello.ok) throw new Error(hello.refusal.reason);
        const nonces = { acceptor, dialler: hello.value.nonce };
        websocket.send(welcomeText(LAB, identityAt(this.id), nonces));
        this.connections++;
        request.socket.pause();
      });
    });
    t.teardown(() => {
      for (const websocket of websockets.clients) websocket.terminate();
      http.close();
    });
  }

  static async start(t: ExecutionContext): Promise<FrozenServer> {
    const http = createServer();
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return new FrozenServer(t, http);
  }
}
