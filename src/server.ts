/**
 * A server: the node as a process of its own, on a durable storage, with sockets to its peers and
 * an HTTP interface for everybody else.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { crc32 } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { Administration } from './administration.ts';
import { nowUs } from './clock.ts';
import { checkBatch, type Operation, type RequestIdentity } from './command.ts';
import type { Config } from './config.ts';
import { limitConnections } from './descriptors.ts';
import { Forwarding, replyOf } from './forwarding.ts';
import { isLoopback } from './http/callers.ts';
import { createHttp } from './http/http.ts';
import type {
  AdministrationReply,
  FaultsDesk,
  Health,
  KnownServer,
  Reply,
  Service,
} from './http/service.ts';
import { Member, type MemberHost } from './member.ts';
import {
  drawIncarnation,
  firstMember,
  isRemovedBy,
  type MemberRecord,
  membersOf,
  waitingMember,
} from './member-record.ts';
import type { ClientReadMode, Node } from './node.ts';
import { addressOf } from './raft/identity.ts';
import { latestConfiguration } from './raft/log.ts';
import type { Configuration, LeaderRole, NodeId, RaftState, Role } from './raft/types.ts';
import { Readiness } from './readiness.ts';
import { Removal } from './removal.ts';
import { Requests } from './requests.ts';
import { createAnswerRoom } from './room.ts';
import { debugStateOf, gaugesOf, healthOf } from './server-state.ts';
import { SqliteStorage } from './storage/sqlite.ts';
import { DirectoryUnusable } from './storage/sqlite-file.ts';
import type { ForwardedRequest } from './transport/forward-frame.ts';
import {
  type PeerIdentity,
  type Purpose,
  REFUSED_MEMBER,
  type Refusal,
} from './transport/handshake.ts';
import { PEERS_PATH, WsPeers } from './transport/ws-peers.ts';
import { Turns } from './turns.ts';
import { UserError } from './user-error.ts';

export type Server = {
  /** Where it is listening. */
  readonly port: number;
  /** Hands over, answers what it can, and closes its files. */
  stop(): Promise<void>;
  /** Resolves if it can go on no longer: its disk failed it, or it broke an invariant. */
  readonly failed: Promise<Error>;
};

/** How long a leader that is stopped waits for another to take over. */
const HAND_OVER_MS = 1000;

/**
 * `linesLost` is how many lines of the log could not be written. Throws a UserError for what its
 * user can mend.
 */
export async function startServer(
  config: Config,
  log: Logger,
  linesLost: () => number,
): Promise<Server> {
  const server = new ServerProcess(config, log, linesLost);
  try {
    await server.start();
  } catch (error) {
    // What it says next to an error that came first is of no use.
    await server.stop().catch(() => {});
    throw error;
  }
  return server;
}

class ServerProcess implements Server, Service {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #linesLost: () => number;
  readonly #turns = new Turns(() => this.#node.flush());
  readonly #peers: WsPeers;
  readonly #answers = createAnswerRoom();
  readonly #requests: Requests;
  readonly #forwarding: Forwarding;
  readonly #administration: Administration;
  readonly #readiness: Readiness;
  readonly #removal: Removal;
  readonly failed: Promise<Error>;
  #reportFailure: (error: Error) => void = () => {};
  #hasFailed = false;
  #http: FastifyInstance | null = null;
  #member: Member | null = null;
  #storageFull = false;
  #role: Role | null = null;
  #leaderId: NodeId | null = null;
  #configuration: Configuration | null = null;
  #beginningAgain = false;
  #stopping = false;
  /** It hears its peers no longer. */
  #stopped = false;

  constructor(config: Config, log: Logger, linesLost: () => number) {
    this.#config = config;
    this.#log = log;
    this.#linesLost = linesLost;
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
    this.#peers = this.#createPeers();
    const node = (): Node => this.#node;
    const { flushSoon } = this.#turns;
    const { joinTimeoutMs, requestTimeoutMs } = config;
    this.#requests = new Requests(node, flushSoon, requestTimeoutMs, this.#answers);
    this.#forwarding = new Forwarding({
      send: (address, frame) => this.#peers.forward(address, frame),
      serve: (request) => this.#serve(request),
      timeoutMs: requestTimeoutMs,
      log,
    });
    this.#administration = new Administration({
      node,
      flushSoon,
      identify: (address, timeoutMs) => this.#peers.identify(address, timeoutMs),
      hasMet: (name) => this.#opened.hasMet(name),
      wasMember: (address) => this.#opened.wasMember(address),
      joinTimeoutMs,
      requestTimeoutMs,
    });
    this.#readiness = new Readiness(
      () => this.#requests.read(new Uint8Array(1), 'follower'),
      () => this.#hearsLeader(),
    );
    this.#removal = this.#createRemoval();
  }

  // ---- Life -------------------------------------------------------------------------------------

  async start(): Promise<void> {
    const config = this.#config;
    // Nothing is begun under an address that another has.
    const checksHost = isLoopback(await tryListening(config));
    // It takes a while, and comes before the node counts for how long it hears nobody.
    const http = createHttp(this, {
      log: this.#log,
      answers: this.#answers,
      access: { checksHost, allowedHosts: config.allowedHosts },
      certificates: config.certificates,
    });
    await http.ready();
    const storage = await this.#openStorage();
    this.#member = await Member.open(this.#memberHost(), storage, () => this.#firstRecord());
    this.#compareWithRecord(this.#member.record);
    await Promise.race([this.#member.start(), this.failed.then((error) => Promise.reject(error))]);
    this.#follow();
    this.#http = http;
    // To Node every request that offers another protocol is an upgrade, as curl's --http2 sends.
    Object.assign(http.server, {
      shouldUpgradeCallback: ({ url }: IncomingMessage) => url?.split('?')[0] === PEERS_PATH,
    });
    http.server.on('upgrade', (request, socket, head) => this.#peers.accept(request, socket, head));
    try {
      await http.listen({ host: config.host, port: config.port });
    } catch (error) {
      throw listenError(error, config);
    }
    limitConnections(http.server, this.#log);
    this.#readiness.start();
    this.#removal.start();
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#http !== null && !this.#hasFailed && this.leads()) await this.#handOver();
    this.#stopped = true;
    this.#readiness.stop();
    this.#removal.stop();
    this.#requests.stop();
    this.#forwarding.stop();
    this.#administration.stop();
    // Before the listener, which waits for all connections.
    this.#peers.close();
    await this.#http?.close();
    this.#turns.stop();
    await this.#member?.stop();
  }

  /** From now on it acknowledges nothing. */
  #fail(error: Error): void {
    this.#hasFailed = true;
    this.#member?.node.stop();
    this.#reportFailure(error);
  }

  get port(): number {
    const address = this.#http?.server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#config.port;
  }

  async #openStorage(): Promise<SqliteStorage> {
    const opening = SqliteStorage.open({
      folder: this.#config.dataDir,
      checksum: crc32,
      checkCommand: checkBatch,
      onLost: (error) => this.#fail(error),
      onFull: (full) => {
        this.#storageFull = full;
        const what = full
          ? 'the disk is full: writes are refused until there is room'
          : 'room again';
        this.#log.warn({ dataDir: this.#config.dataDir }, what);
      },
    });
    return opening.catch((error: Error) => {
      throw error instanceof DirectoryUnusable ? new UserError(error.message) : error;
    });
  }

  #firstRecord(): MemberRecord {
    const { clusterId, dataDir, join, nodeId, peers } = this.#config;
    const incarnation = drawIncarnation((bits) => Number.parseInt(randomHex(bits), 16));
    this.#log.info({ dataDir, incarnation }, 'the data directory is blank: this is a first start');
    if (join) return waitingMember(clusterId, nodeId, incarnation);
    return firstMember(clusterId, nodeId, peers, incarnation);
  }

  /** What the data directory says counts (`PEERS` and `JOIN` were for the first start). */
  #compareWithRecord(record: MemberRecord): void {
    const { clusterId, dataDir, nodeId, peers, join } = this.#config;
    if (record.id !== nodeId || record.clusterId !== clusterId) {
      throw new UserError(
        `${dataDir} belongs to ${record.id} of cluster ${record.clusterId}, and NODE_ID and ` +
          `CLUSTER_ID say ${nodeId} of ${clusterId}; set them so, or use the directory of that ` +
          'server, or an empty one',
      );
    }
    const { voters } = record.configuration;
    const told = join ? [] : [...new Set([nodeId, ...peers])].sort();
    if (voters.join() === told.join()) return;
    this.#log.warn(
      { stored: voters, told },
      'PEERS and JOIN differ from what the data directory began with, which counts',
    );
  }

  /** The log is open to all of the cluster, so a leader that goes does not make them wait. */
  async #handOver(): Promise<void> {
    const { progress } = this.#node.state.role as LeaderRole;
    const { voters } = this.#node.configuration;
    // `active` is no sign: every quorum check clears it.
    const heardSinceUs = nowUs() - 1000 * this.#config.settings.electionTimeoutMs[1];
    const next = progress
      .filter(({ heardSentUs, id }) => heardSentUs >= heardSinceUs && voters.includes(id))
      .sort((a, b) => b.matchIndex - a.matchIndex)[0];
    if (next === undefined) return;
    const transfer = this.#administration.transfer(addressOf(next.id));
    const { promise: tooLate, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, HAND_OVER_MS);
    await Promise.race([transfer, tooLate]);
    clearTimeout(timer);
  }

  // ---- Members ----------------------------------------------------------------------------------

  get #opened(): Member {
    if (this.#member === null) throw new Error('the server has not been started');
    return this.#member;
  }

  get #node(): Node {
    return this.#opened.node;
  }

  #createPeers(): WsPeers {
    const { certificates, clusterId, clusterToken, link } = this.#config;
    return new WsPeers({
      self: () => this.#identity(),
      clusterId,
      token: clusterToken,
      certificates,
      judge: (peer, decided, purpose) => this.#judge(peer, decided, purpose),
      onRefused: (by, code, reason) => this.#onRefused(by, code, reason),
      receive: (message) => {
        if (this.#member === null || this.#stopped) return;
        this.#node.receive(message);
        this.#turns.flushSoon();
      },
      // Before it has a node nobody takes it for the leader, and it has asked nobody.
      takeForwarded: (from, frame) =>
        this.#member === null || this.#stopped || this.#forwarding.take(from, frame),
      onLost: (address) => this.#forwarding.lost(address),
      nowUs,
      checksum: crc32,
      seed: Number.parseInt(randomHex(32), 16),
      link,
      log: this.#log,
    });
  }

  #memberHost(): MemberHost {
    return {
      config: this.#config,
      transport: this.#peers,
      turns: this.#turns,
      seed: Number.parseInt(randomHex(32), 16),
      observe: (state) => this.#observe(state),
      onFlaw: (from, flaw) => this.#peers.flawed(from, flaw),
      onFailure: (error) => this.#fail(error),
    };
  }

  #identity(): PeerIdentity {
    const { id, name, incarnation, configuration } = this.#opened.record;
    const { publicUrl } = this.#config;
    const { committed, isWaiting: waiting } = this.#opened;
    const firstMembers = configuration.voters;
    const membership = { index: committed.index, names: membersOf(committed.configuration) };
    return { id, name, incarnation, publicUrl, waiting, firstMembers, membership };
  }

  #createRemoval(): Removal {
    return new Removal({
      hearsLeader: () => this.#hearsLeader(),
      others: () => this.#others(),
      self: () => this.#identity(),
      identify: (address, timeoutMs) => this.#peers.identify(address, timeoutMs),
      isRemovedBy: (told) => {
        const { configurations } = this.#node.state.persistent.log;
        return isRemovedBy(told, this.#opened.record.name, configurations);
      },
      log: this.#log,
    });
  }

  #judge(peer: PeerIdentity, decided: (refusal: Refusal | null) => void, purpose: Purpose): void {
    this.#opened.judge(peer, purpose).then(decided, (error: Error) => this.#fail(error));
  }

  #onRefused(by: string, code: string, reason: string): void {
    if (code !== REFUSED_MEMBER || this.#beginningAgain || this.#stopped) return;
    this.#beginningAgain = true;
    this.#opened
      .beginAgain()
      .then((began) => {
        if (began) this.#log.warn({ by, reason }, 'it lost its disk, and waits to be joined');
      })
      .catch((error: Error) => this.#fail(error))
      .finally(() => {
        this.#beginningAgain = false;
      });
  }

  /** After every step: what has changed is logged, and the members are those to talk to. */
  #observe(state: RaftState): void {
    this.#turns.flushSoon();
    const { persistent, role, volatile } = state;
    const term = persistent.currentTerm;
    if (role !== this.#role) {
      this.#role = role;
      this.#log.debug({ term, reason: role.reason }, `is ${role.kind}`);
    }
    if (volatile.leaderId !== this.#leaderId) {
      this.#leaderId = volatile.leaderId;
      this.#log.info({ leader: volatile.leaderId, role: role.kind, term }, 'the leader');
    }
    const configuration = latestConfiguration(persistent.log);
    if (configuration !== this.#configuration) this.#follow();
  }

  #follow(): void {
    const configuration = this.#node.configuration;
    this.#configuration = configuration;
    const { voters, outgoing, learners } = configuration;
    this.#log.info({ voters, outgoing, learners }, 'the members');
    this.#peers.follow(membersOf(this.#node.configuration));
  }

  /** Addresses of the other members. */
  #others(): string[] {
    const addresses = new Set(membersOf(this.#node.configuration).map(addressOf));
    addresses.delete(this.#config.nodeId);
    return [...addresses];
  }

  // ---- Service ----------------------------------------------------------------------------------

  get self(): KnownServer {
    return { id: this.#config.nodeId, publicUrl: this.#config.publicUrl };
  }

  leads(): boolean {
    return this.#node.state.role.kind === 'leader';
  }

  /** Who has left keeps the name of the leader it had, and hears from it no more. */
  #hearsLeader(): boolean {
    if (this.leads()) return true;
    const { leaderHeardUs, leaderId } = this.#node.state.volatile;
    const silentMs = (nowUs() - leaderHeardUs) / 1000;
    return leaderId !== null && silentMs < 2 * this.#config.settings.electionTimeoutMs[1];
  }

  leader(): KnownServer | null {
    const { leaderId } = this.#node.state.volatile;
    if (leaderId === null) return null;
    const id = addressOf(leaderId);
    return id === this.self.id ? this.self : { id, publicUrl: this.#peers.publicUrlOf(id) };
  }

  get forwards(): boolean {
    return this.#config.forward;
  }

  write(operation: Operation, identity: RequestIdentity | null, forwards: boolean): Promise<Reply> {
    const request: ForwardedRequest = { mode: 'write', operation, identity };
    return forwards ? this.#serveOrForward(request) : this.#serve(request);
  }

  read(key: Uint8Array, mode: ClientReadMode | 'log', forwards: boolean): Promise<Reply> {
    if (mode === 'stale' || mode === 'follower') return this.#requests.read(key, mode);
    const operation: Operation = { kind: 'get', key, value: null, expected: null };
    if (mode === 'log') return this.write(operation, null, forwards);
    const request: ForwardedRequest = { mode, operation, identity: null };
    return forwards ? this.#serveOrForward(request) : this.#serve(request);
  }

  async #serveOrForward(request: ForwardedRequest): Promise<Reply> {
    if (this.leads()) {
      const reply = await this.#serve(request);
      // Who has just lost the lead has not executed it either.
      if (reply.status !== 'notLeader') return reply;
    }
    const leader = this.leader();
    if (leader === null || leader.id === this.self.id) return replyOf('notLeader');
    return this.#forwarding.ask(leader.id, request);
  }

  /** As far as this server can by itself. */
  #serve({ mode, operation, identity }: ForwardedRequest): Promise<Reply> {
    if (mode !== 'write') return this.#requests.read(operation.key, mode);
    if (this.#storageFull && this.leads()) return Promise.resolve(replyOf('storageFull'));
    return this.#requests.write(operation, identity);
  }

  join(peer: string): Promise<AdministrationReply> {
    return this.#administration.join(peer);
  }

  leave(peer: string): Promise<AdministrationReply> {
    return this.#administration.leave(peer);
  }

  transfer(to: string): Promise<AdministrationReply> {
    return this.#administration.transfer(to);
  }

  health(): Health {
    return healthOf(this.#node.state);
  }

  unready(): string | null {
    if (this.#opened.isWaiting) return 'it waits to be joined';
    return this.#removal.reason ?? this.#readiness.waitsFor;
  }

  debugState(): Readonly<Record<string, unknown>> {
    return debugStateOf(this.#opened, this.#peers, {
      removed: this.#removal.removed,
      storageFull: this.#storageFull,
      requestsWaiting: this.#requests.waiting,
    });
  }

  gauges(): Readonly<Record<string, number>> {
    return {
      ...gaugesOf(this.#opened, this.#peers, this.#requests.waiting),
      log_lines_lost_total: this.#linesLost(),
      ...this.#forwarding.gauges(),
    };
  }

  get faults(): FaultsDesk | null {
    if (!this.#config.faults) return null;
    const peers = this.#peers;
    return { get: () => peers.faults(), replace: (faults) => peers.setFaults(faults) };
  }
}

function randomHex(bits: number): string {
  return randomBytes(bits / 8).toString('hex');
}

/** The IP address that a server with these settings is bound to. */
async function tryListening(config: Config): Promise<string> {
  const { host, port } = config;
  const probe = createServer();
  try {
    await once(probe.listen({ host, port }), 'listening');
  } catch (error) {
    throw listenError(error, config);
  }
  const { address } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return address;
}

function listenError(error: unknown, { host, port }: Config): unknown {
  const { code } = Object(error) as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new UserError(`PORT ${port} of ${host} is in use; stop what uses it, or set another`);
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new UserError(`cannot listen on HOST ${host}, PORT ${port} (${code}); set others`);
  }
  return error;
}
