/**
 * Servers of one process with HTTP before them: real nodes in real time on real sockets, with a
 * disk in memory that is done at once and a network of direct calls that a test can cut.
 */
import { crc32 } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { freePorts } from '../../lab/processes/ports.ts';
import { Administration } from '../../src/administration.ts';
import { createClock } from '../../src/clock.ts';
import type { Operation, RequestIdentity } from '../../src/command.ts';
import { createHttp, type HttpOptions } from '../../src/http/http.ts';
import type {
  AdministrationReply,
  Faults,
  FaultsDesk,
  Health,
  KnownServer,
  Reply,
  Service,
} from '../../src/http/service.ts';
import { Kv } from '../../src/kv.ts';
import { type ClientReadMode, Node } from '../../src/node.ts';
import { addressOf } from '../../src/raft/identity.ts';
import { lastIndex } from '../../src/raft/log.ts';
import { fork } from '../../src/raft/random.ts';
import type { Message, NodeId, Settings } from '../../src/raft/types.ts';
import { Requests } from '../../src/requests.ts';
import { healthOf } from '../../src/server-state.ts';
import { MemoryDisk, MemoryStorage } from '../../src/storage/memory.ts';
import { PERFECT } from '../../src/transport/link.ts';
import { Turns } from '../../src/turns.ts';
import { until } from './http-wait.ts';
import { LIMITS } from './settings.ts';

const SETTINGS: Settings = {
  // Who leads is to lead on: a busy machine lets them all wait, and clocks run meanwhile.
  electionTimeoutMs: [5000, 10_000],
  heartbeatMs: 50,
  preVote: true,
  checkQuorum: true,
  leaderStickiness: true,
  parallelDiskWrite: true,
  windowMessages: 8,
  batchEntries: 64,
  batchBytes: 1 << 20,
  ...LIMITS,
  clockDriftPpm: 1000,
};

/** Shorter than a leader goes on without a majority. */
const REQUEST_TIMEOUT_MS = 4000;
const JOIN_TIMEOUT_MS = 4000;

export type ClusterOptions = {
  readonly size?: number;
  readonly http?: Partial<HttpOptions>;
  /** By their id alone are servers without one known. */
  readonly publicUrls?: boolean;
  readonly faults?: boolean;
  /** For tests that wait until it is over. */
  readonly electionTimeoutMs?: Settings['electionTimeoutMs'];
  readonly requestTimeoutMs?: number;
};

export class HttpCluster {
  readonly members: Member[];
  /** Addresses that hear nobody and that nobody hears. */
  readonly cut = new Set<string>();
  readonly #done: Promise<unknown>;

  static async start(options: ClusterOptions = {}): Promise<HttpCluster> {
    const { size = 1, publicUrls = true } = options;
    const ports = await freePorts(size);
    const servers = ports.map((port) => ({
      id: `127.0.0.1:${port}`,
      publicUrl: publicUrls ? `http://localhost:${port}` : null,
    }));
    const cluster = new HttpCluster(servers, options);
    await cluster.#done;
    cluster.#elect();
    await until('a leader that all know', () =>
      cluster.members.every(({ service }) => service.unready() === null),
    );
    return cluster;
  }

  private constructor(servers: readonly KnownServer[], options: ClusterOptions) {
    this.members = servers.map((server) => new Member(server, servers, this, options));
    this.#done = Promise.all(this.members.map((member) => member.start()));
  }

  /** No election timeout is waited for: the first member is told to begin (§3.10). */
  #elect(): void {
    const [first] = this.members;
    first?.receive({ kind: 'TimeoutNow', from: first.id, to: first.id, term: 0 });
  }

  get leader(): Member {
    const leader = this.members.find(({ service }) => service.leads());
    if (leader === undefined) throw new Error('nobody leads');
    return leader;
  }

  get follower(): Member {
    const follower = this.members.find(({ service }) => !service.leads());
    if (follower === undefined) throw new Error('all lead');
    return follower;
  }

  carry(message: Message): void {
    const to = addressOf(message.to);
    if (this.cut.has(to) || this.cut.has(addressOf(message.from))) return;
    setImmediate(() => this.members.find(({ id }) => id === to)?.receive(message));
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }
}

export class Member {
  readonly id: string;
  readonly url: string;
  readonly node: Node;
  readonly kv = new Kv();
  readonly service: MemberService;
  readonly http: FastifyInstance;
  /** Errors that the HTTP interface has logged. */
  readonly logged: string[] = [];
  readonly #turns = new Turns(() => this.node.flush());
  readonly #requests: Requests;

  constructor(
    self: KnownServer,
    servers: readonly KnownServer[],
    cluster: HttpCluster,
    options: ClusterOptions,
  ) {
    this.id = self.id;
    this.url = `http://${self.id}`;
    const { requestTimeoutMs = REQUEST_TIMEOUT_MS, electionTimeoutMs } = options;
    this.node = this.#createNode(
      servers.map(({ id }) => id),
      { ...SETTINGS, ...(electionTimeoutMs === undefined ? {} : { electionTimeoutMs }) },
      cluster,
    );
    this.#requests = new Requests(() => this.node, this.#turns.flushSoon, requestTimeoutMs);
    this.service = new MemberService(self, servers, {
      node: this.node,
      requests: this.#requests,
      flushSoon: this.#turns.flushSoon,
      faults: options.faults === true ? createDesk() : null,
      requestTimeoutMs,
    });
    this.http = createHttp(this.service, {
      log: { error: (details, message) => this.logged.push(`${message} ${String(details)}`) },
      ...options.http,
    });
  }

  #createNode(voters: readonly NodeId[], settings: Settings, cluster: HttpCluster): Node {
    const medium = {
      write: (_bytes: number, written: (outcome: 'durable') => void) => written('durable'),
      tell: (hear: () => void) => hear(),
    };
    return new Node(
      {
        id: this.id,
        settings,
        configuration: { voters, outgoing: [], learners: [] },
        rng: fork(1, this.id),
        batchCommands: 1000,
        requestsMax: 10_000,
      },
      {
        clock: createClock(),
        storage: new MemoryStorage(new MemoryDisk(this.id, crc32), medium),
        transport: { send: (message) => cluster.carry(message), close: () => {} },
        stateMachine: this.kv,
        later: this.#turns.later,
        observe: () => this.#turns.flushSoon(),
        onFlaw: (from, flaw) => {
          throw new Error(`${from} sent what no correct server does (${flaw})`);
        },
        onFailure: (error) => {
          throw error;
        },
      },
    );
  }

  get lastLogIndex(): number {
    return lastIndex(this.node.state.persistent.log);
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.node.start(resolve));
    const { hostname: host, port } = new URL(this.url);
    await this.http.listen({ host, port: Number(port) });
  }

  receive(message: Message): void {
    this.node.receive(message);
    this.#turns.flushSoon();
  }

  async stop(): Promise<void> {
    this.#requests.stop();
    await this.http.close();
    this.node.stop();
    this.#turns.stop();
  }
}

type Parts = {
  readonly node: Node;
  readonly requests: Requests;
  readonly flushSoon: () => void;
  readonly faults: FaultsDesk | null;
  readonly requestTimeoutMs: number;
};

class MemberService implements Service {
  readonly self: KnownServer;
  readonly forwards = false;
  readonly faults: FaultsDesk | null;
  readonly #servers: readonly KnownServer[];
  readonly #parts: Parts;
  readonly #administration: Administration;

  constructor(self: KnownServer, servers: readonly KnownServer[], parts: Parts) {
    this.self = self;
    this.faults = parts.faults;
    this.#servers = servers;
    this.#parts = parts;
    this.#administration = new Administration({
      node: () => parts.node,
      flushSoon: parts.flushSoon,
      identify: async (address) => {
        if (!servers.some(({ id }) => id === address)) throw new Error('it does not answer');
        const alike = { incarnation: 1, publicUrl: null, waiting: false, firstMembers: [] };
        return { id: address, name: address, ...alike };
      },
      hasMet: () => true,
      wasMember: (address) => servers.some(({ id }) => id === address),
      joinTimeoutMs: JOIN_TIMEOUT_MS,
      requestTimeoutMs: parts.requestTimeoutMs,
    });
  }

  leader(): KnownServer | null {
    const { leaderId } = this.#parts.node.state.volatile;
    return this.#servers.find(({ id }) => leaderId !== null && id === addressOf(leaderId)) ?? null;
  }

  leads(): boolean {
    return this.#parts.node.state.role.kind === 'leader';
  }

  write(operation: Operation, identity: RequestIdentity | null): Promise<Reply> {
    return this.#parts.requests.write(operation, identity);
  }

  read(key: Uint8Array, mode: ClientReadMode | 'log'): Promise<Reply> {
    if (mode !== 'log') return this.#parts.requests.read(key, mode);
    return this.write({ kind: 'get', key, value: null, expected: null }, null);
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
    return healthOf(this.#parts.node.state);
  }

  unready(): string | null {
    return this.leader() === null ? 'it knows no leader' : null;
  }

  debugState(): Readonly<Record<string, unknown>> {
    return { ...this.health(), processId: process.pid };
  }

  gauges(): Readonly<Record<string, number>> {
    return { raft_term: this.health().term, raft_commit_index: this.health().commitIndex };
  }
}

function createDesk(): FaultsDesk {
  let current: Faults = { default: PERFECT, links: {} };
  return {
    get: () => current,
    replace: (faults) => {
      current = faults;
    },
  };
}
