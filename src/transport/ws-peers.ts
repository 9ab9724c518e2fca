/**
 * Raft's messages between servers over WebSockets. Each server dials those it sends to, so there is
 * one connection for each direction: the end that dialled sends, the other receives. What cannot be
 * sent now is dropped, as Raft repeats it. Requests of clients that are handed on to the leader go
 * beside them.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { addressOf } from '../raft/identity.ts';
import type { Message, NodeId } from '../raft/types.ts';
import { FLAWS } from '../raft/validation.ts';
import type { Certificates } from './certificates.ts';
import { type Checksum, decode, encode, isIntact } from './codec.ts';
import { DelayQueue } from './delay-queue.ts';
import { isForwardFrame } from './forward-frame.ts';
import type { Credentials, Hello, PeerIdentity, Purpose, Refusal } from './handshake.ts';
import { createLink, type LinkSettings } from './link.ts';
import type { Transport } from './transport.ts';
import { Acceptor, HANDSHAKE_TIMEOUT_MS } from './ws-acceptor.ts';
import { Connection, PING_EVERY_MS } from './ws-connection.ts';
import { Dial, type DialFailure, type DialOptions } from './ws-dial.ts';
import { Dialer } from './ws-dialer.ts';
import { PeerLink, type PeerStats } from './ws-link.ts';
import { Lookups } from './ws-lookup.ts';
import { Once } from './ws-once.ts';

export { PEERS_PATH } from './ws-connection.ts';

/** A connection on which more comes that no correct server sends is ended. */
const FLAWS_MAX = 3;
const FLAW_LOG_EVERY_US = 60_000_000;

/** A peer that is not followed loses its connection after so long without a message. */
const IDLE_MAX_US = 10_000_000;
/** So many servers that are no members are kept in mind, each way: more than join at a time. */
export const STRANGERS_MAX = 32;

/** As validation.ts; `form` is a frame that is none, `sender` one under another's name. */
const PEER_FLAWS = ['form', 'sender', ...FLAWS] as const;
export type PeerFlaw = (typeof PEER_FLAWS)[number];

export type PeersLog = {
  info(about: object, message: string): void;
  warn(about: object, message: string): void;
  debug(about: object, message: string): void;
};

/** Of what this server sends. */
export type LinkFaults = {
  readonly default: LinkSettings;
  /** By the peer's address; a link that is not named has the default. */
  readonly links: Readonly<Record<string, LinkSettings>>;
};

export type WsPeersOptions = {
  /** Asked at each handshake. A change of its name is told to the peers with the next message. */
  self(): PeerIdentity;
  readonly clusterId: string;
  readonly token: string | null;
  /** For TLS, which the HTTP server before the acceptor must speak as well; `null`: none. */
  readonly certificates: Certificates | null;
  /**
   * Decides on a peer whose handshake is sound, whoever dialled: `null` to let it in. It may write
   * to the disk before it answers.
   */
  judge(peer: PeerIdentity, decided: (refusal: Refusal | null) => void, purpose: Purpose): void;
  /** A member has refused this server; called at each attempt. */
  onRefused(by: string, code: string, reason: string): void;
  receive(message: Message): void;
  /** A frame of forward-frame.ts from the server at an address; `false` if it is none. */
  takeForwarded(from: string, frame: Uint8Array): boolean;
  /** A connection with the server at an address has ended, whoever dialled it. */
  onLost(address: string): void;
  nowUs(): number;
  readonly checksum: Checksum;
  readonly seed: number;
  /** The link model for all links, until `setFaults`. */
  readonly link: LinkSettings;
  readonly log: PeersLog;
};

type Inbound = {
  readonly identity: PeerIdentity;
  readonly connection: Connection;
  flaws: number;
};

type Outbound = {
  readonly dialer: Dialer;
  readonly link: PeerLink;
  /** Who answered last. */
  identity: PeerIdentity | null;
  sequence: number;
  usedAtUs: number;
};

export class WsPeers implements Transport {
  /** Frames that arrived damaged; each counts as lost. */
  damaged = 0;
  /** Messages that no correct server sends, by what is wrong; each counts as lost. */
  readonly flaws = new Map<PeerFlaw, number>(PEER_FLAWS.map((flaw) => [flaw, 0]));
  readonly #options: WsPeersOptions;
  readonly #credentials: Credentials;
  readonly #acceptor: Acceptor;
  readonly #delays: DelayQueue;
  readonly #lookups = new Lookups();
  readonly #once = new Once();
  readonly #ticking: NodeJS.Timeout;
  /** By name: one who comes under another name than a member's does not take its place. */
  readonly #inbound = new Map<NodeId, Inbound>();
  /** All of these by address. */
  readonly #outbound = new Map<string, Outbound>();
  readonly #links = new Map<string, PeerLink>();
  /** As servers said themselves where this one dialled them: who dials may claim any address. */
  readonly #publicUrls = new Map<string, string | null>();
  /** Since when each of these need not be said again: what peers are named is up to them. */
  readonly #flawsSaid = new Once();
  #flawsSaidSinceUs = 0;
  readonly #visits = new Map<Dial, (reason: Error) => void>();
  #members: ReadonlySet<NodeId> = new Set();
  /** Their addresses. */
  #followed: ReadonlySet<string> = new Set();
  #faults: LinkFaults;
  #closed = false;

  constructor(options: WsPeersOptions) {
    this.#options = options;
    this.#credentials = { clusterId: options.clusterId, token: options.token };
    this.#faults = { default: options.link, links: {} };
    this.#delays = new DelayQueue(() => options.nowUs());
    this.#acceptor = new Acceptor({
      credentials: this.#credentials,
      self: () => options.self(),
      judge: (peer, decided, purpose) => options.judge(peer, decided, purpose),
      accepted: (hello, websocket, socket) => this.#accepted(hello, websocket, socket),
      refused: (peer, { code, reason }) => {
        if (!this.#once.isNew(peer, `refused ${reason}`)) return;
        options.log.warn({ peer, code, reason }, 'refused a peer');
      },
    });
    this.#ticking = setInterval(() => this.#tick(), PING_EVERY_MS);
    this.#ticking.unref();
  }

  /** For the `upgrade` event of an HTTP server. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#acceptor.accept(request, socket, head);
  }

  /**
   * The members: keeps a connection to each of these. One to another server ends when it has not
   * been used for a while: who is leaving, or not yet in, still has to be answered. Only members
   * say where people reach them, take the place of an earlier connection, or refuse this server.
   */
  follow(members: readonly NodeId[]): void {
    if (this.#closed) return;
    const followed = new Set(members.map(addressOf));
    followed.delete(this.#options.self().id);
    for (const [address, outbound] of this.#outbound) {
      if (this.#followed.has(address) && !followed.has(address)) {
        outbound.usedAtUs = this.#options.nowUs();
      }
    }
    const isNew = (name: NodeId): boolean => !this.#members.has(name);
    const added = members.filter(isNew);
    this.#members = new Set(members);
    this.#followed = followed;
    for (const address of followed) this.#outboundTo(address);
    for (const name of added) this.#meetAgain(name);
  }

  send(message: Message): void {
    if (this.#closed) return;
    const address = addressOf(message.to);
    let outbound = this.#outbound.get(address);
    // Whoever has a way to this server is worth an answer.
    if (outbound === undefined && this.#inbound.has(message.to)) {
      outbound = this.#outboundTo(address);
    }
    if (outbound === undefined) return;
    const { dialer, link } = outbound;
    const { connectedAs } = dialer;
    if (connectedAs === null) {
      link.drop();
      return;
    }
    if (connectedAs !== message.from && message.from === this.#options.self().name) {
      // Under its former name the peer would not take it.
      dialer.redial();
      link.drop();
      return;
    }
    outbound.usedAtUs = this.#options.nowUs();
    link.send(encode(message, ++outbound.sequence, this.#options.checksum));
  }

  /**
   * Sends a frame of forward-frame.ts; `false` if surely nothing of it has left. After `true` it
   * may have arrived or not.
   */
  forward(address: string, frame: Uint8Array<ArrayBuffer>): boolean {
    const outbound = this.#closed ? undefined : this.#outbound.get(address);
    if (outbound === undefined) return false;
    outbound.usedAtUs = this.#options.nowUs();
    return outbound.link.sendOnce(frame);
  }

  /** Who answers at an address; rejects with a PeerError. */
  identify(address: string, timeoutMs: number): Promise<PeerIdentity> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new PeerError('closed', 'this server is stopping'));
        return;
      }
      const dial = new Dial(address, this.#dialOptions('visit', timeoutMs), (outcome) => {
        this.#visits.delete(dial);
        if (outcome.kind === 'failed') {
          reject(new PeerError(outcome.code, `${address} ${outcome.reason}`));
          return;
        }
        outcome.websocket.terminate();
        this.#learn(outcome.identity);
        resolve(outcome.identity);
      });
      this.#visits.set(dial, reject);
    });
  }

  /** As it has said when this server reached it. */
  publicUrlOf(address: string): string | null {
    return this.#publicUrls.get(address) ?? null;
  }

  faults(): LinkFaults {
    return this.#faults;
  }

  /** What was set before is gone; messages under way keep the time they were given. */
  setFaults(faults: LinkFaults): void {
    this.#faults = faults;
    for (const [address, link] of this.#links) link.settings = this.#settingsFor(address);
  }

  /** One for each member, and for each other server that this one sends to. */
  stats(): readonly PeerStats[] {
    return [...this.#links.values()].map((link) => link.stats());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ticking);
    this.#delays.clear();
    this.#acceptor.close();
    for (const { dialer } of this.#outbound.values()) dialer.close();
    for (const { connection } of this.#inbound.values()) connection.close();
    for (const [dial, reject] of this.#visits) {
      dial.cancel();
      reject(new PeerError('closed', 'this server is stopping'));
    }
    this.#outbound.clear();
    this.#inbound.clear();
    this.#visits.clear();
  }

  // ---- Who sends to this server -----------------------------------------------------------------

  /** A visit changes nothing here. */
  #accepted({ identity, purpose }: Hello, websocket: WebSocket, socket: Socket): void {
    if (purpose === 'visit') return;
    const isMember = this.#members.has(identity.name);
    if (!isMember) this.#makeRoomFor(identity.name);
    this.#receiveFrom(identity, websocket, socket);
    if (!isMember) return;
    this.#once.forget(identity.id);
    this.#outbound.get(identity.id)?.dialer.hurry();
  }

  #receiveFrom(identity: PeerIdentity, websocket: WebSocket, socket: Socket): void {
    const { id, name } = identity;
    const take = (frame: Uint8Array): void => this.#take(identity, frame);
    const connection = new Connection(websocket, socket, take, (reason) => {
      if (this.#inbound.get(name)?.connection === connection) this.#inbound.delete(name);
      this.#options.log.debug({ peer: id, reason }, 'a peer sends no longer');
      this.#lost(name);
    });
    // A peer has one way to this server; an older one is from a life before.
    const older = this.#inbound.get(name);
    older?.connection.close();
    if (older !== undefined) this.#lost(name);
    this.#inbound.delete(name);
    this.#inbound.set(name, { identity, connection, flaws: 0 });
    this.#options.log.debug({ peer: id, name }, 'a peer sends');
  }

  /** Of those who are no members, whoever came first gives way. */
  #makeRoomFor(name: NodeId): void {
    if (this.#inbound.has(name)) return;
    const strangers = [...this.#inbound].filter(([each]) => !this.#members.has(each));
    const [first] = strangers;
    if (strangers.length < STRANGERS_MAX || first === undefined) return;
    this.#inbound.delete(first[0]);
    first[1].connection.close();
  }

  /** It was connected before it was known for a member: what that asks for is made up for. */
  #meetAgain(name: NodeId): void {
    const outbound = this.#outbound.get(addressOf(name));
    const inbound = this.#inbound.get(name);
    if (outbound?.identity?.name === name) {
      this.#judgeAgain(outbound.identity, () => outbound.dialer.redial());
    }
    if (inbound === undefined) return;
    this.#judgeAgain(inbound.identity, () => inbound.connection.close());
  }

  #judgeAgain(peer: PeerIdentity, refused: () => void): void {
    this.#options.judge(
      peer,
      (refusal) => {
        if (refusal !== null && !this.#closed) refused();
      },
      'messages',
    );
  }

  #take({ id, name }: PeerIdentity, frame: Uint8Array): void {
    if (this.#closed) return;
    const { checksum } = this.#options;
    if (isForwardFrame(frame)) {
      // A stranger may claim a member's address, and would be taken for who was asked.
      if (!this.#members.has(name)) return;
      if (!this.#options.takeForwarded(id, frame)) this.#malformed(name, frame);
      return;
    }
    const decoded = decode(frame, checksum);
    if (decoded === null) this.#malformed(name, frame);
    else if (decoded.message.from !== name) this.flawed(name, 'sender');
    else this.#options.receive(decoded.message);
  }

  /** What chance did to a frame is told from what its sender did. */
  #malformed(from: NodeId, frame: Uint8Array): void {
    if (isIntact(frame, this.#options.checksum)) this.flawed(from, 'form');
    else this.damaged++;
  }

  /**
   * What this peer sent was dropped. It is counted, logged once a minute, and after a few of them
   * the connection is ended.
   */
  flawed(from: NodeId, flaw: PeerFlaw): void {
    this.flaws.set(flaw, (this.flaws.get(flaw) ?? 0) + 1);
    const peer = addressOf(from);
    const nowUs = this.#options.nowUs();
    if (nowUs - this.#flawsSaidSinceUs >= FLAW_LOG_EVERY_US) {
      this.#flawsSaidSinceUs = nowUs;
      this.#flawsSaid.clear();
    }
    if (this.#flawsSaid.isNew(peer, flaw)) {
      const what = 'dropped what no correct server sends';
      this.#options.log.warn({ peer, name: from, flaw }, what);
    }
    const inbound = this.#inbound.get(from);
    if (inbound === undefined) return;
    inbound.flaws++;
    if (inbound.flaws <= FLAWS_MAX) return;
    this.#inbound.delete(from);
    inbound.connection.close();
    this.#lost(from);
  }

  /** Nobody waits for an answer of a stranger, whatever address it claims. */
  #lost(name: NodeId): void {
    if (this.#members.has(name)) this.#options.onLost(addressOf(name));
  }

  // ---- Whom it sends to -------------------------------------------------------------------------

  #outboundTo(address: string): Outbound {
    const present = this.#outbound.get(address);
    if (present !== undefined) return present;
    if (!this.#followed.has(address)) this.#makeRoomForOutbound();
    const link = this.#linkTo(address);
    const { log, seed } = this.#options;
    const dialer = new Dialer({
      address,
      link,
      seed,
      nowUs: () => this.#options.nowUs(),
      dialOptions: () => this.#dialOptions('messages', HANDSHAKE_TIMEOUT_MS),
      connected: (identity) => {
        outbound.identity = identity;
        this.#learn(identity);
        this.#once.forget(address);
        log.info({ peer: address, name: identity.name }, 'connected to a peer');
      },
      lost: (reason) => {
        log.info({ peer: address, reason }, 'lost a peer');
        this.#options.onLost(address);
      },
      failed: (failure) => this.#dialFailed(address, failure),
    });
    const usedAtUs = this.#options.nowUs();
    const outbound: Outbound = { dialer, link, identity: null, sequence: 0, usedAtUs };
    this.#outbound.set(address, outbound);
    return outbound;
  }

  #linkTo(address: string): PeerLink {
    let link = this.#links.get(address);
    if (link === undefined) {
      const state = createLink(this.#options.seed, `${this.#options.self().id}->${address}`);
      const nowUs = (): number => this.#options.nowUs();
      link = new PeerLink(address, state, this.#settingsFor(address), this.#delays, nowUs);
      this.#links.set(address, link);
    }
    return link;
  }

  #settingsFor(address: string): LinkSettings {
    return this.#faults.links[address] ?? this.#faults.default;
  }

  #dialOptions(purpose: Purpose, timeoutMs: number): DialOptions {
    const self = this.#options.self();
    return {
      self,
      purpose,
      timeoutMs,
      credentials: this.#credentials,
      lookups: this.#lookups,
      certificates: this.#options.certificates,
      judge: (peer, decided, by) => this.#options.judge(peer, decided, by),
    };
  }

  #dialFailed(peer: string, { by, code, reason }: DialFailure): void {
    if (this.#once.isNew(peer, `${by} ${reason}`)) {
      const what = by === 'network' ? 'a peer is not there' : 'no way to a peer';
      this.#options.log[by === 'network' ? 'info' : 'warn']({ peer, code, reason }, what);
    }
    if (by === 'peer' && this.#followed.has(peer)) this.#options.onRefused(peer, code, reason);
  }

  #learn({ id, publicUrl }: PeerIdentity): void {
    this.#publicUrls.set(id, publicUrl);
    if (this.#publicUrls.size <= this.#followed.size + STRANGERS_MAX) return;
    const first = [...this.#publicUrls.keys()].find((each) => !this.#followed.has(each));
    this.#publicUrls.delete(first ?? id);
  }

  /** Of those who are not followed, whoever has not been sent to for the longest gives way. */
  #makeRoomForOutbound(): void {
    const others = [...this.#outbound].filter(([address]) => !this.#followed.has(address));
    if (others.length < STRANGERS_MAX) return;
    const [idlest] = others.sort(([, a], [, b]) => a.usedAtUs - b.usedAtUs);
    if (idlest !== undefined) this.#letGo(idlest[0]);
  }

  #letGo(address: string): void {
    this.#outbound.get(address)?.dialer.close();
    this.#outbound.delete(address);
    this.#links.delete(address);
  }

  #tick(): void {
    for (const { connection } of this.#inbound.values()) connection.tick();
    const idleSinceUs = this.#options.nowUs() - IDLE_MAX_US;
    for (const [address, { dialer, usedAtUs }] of this.#outbound) {
      dialer.tick();
      if (this.#followed.has(address) || usedAtUs > idleSinceUs) continue;
      this.#letGo(address);
    }
  }
}

/** Why a server could not be identified: a sentence, and one word for programs. */
export class PeerError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
