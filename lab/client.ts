/**
 * The clients of a cluster, many on one set of sockets: each has a session, so that its requests
 * may be repeated until they are answered and still take effect once (§6.3). Follows the leader by
 * its hints.
 */
import {
  decodeClientId,
  type Operation,
  RecordWriter,
  ResultReader,
  type Status,
} from '../src/command.ts';
import { SESSION_WINDOW } from '../src/kv.ts';
import type { NodeId } from '../src/raft/types.ts';
import { decodeResponse, encodeRequest, READ_MODES } from '../src/transport/client-frame.ts';
import type { Checksum } from '../src/transport/codec.ts';
import type { Socket } from '../src/transport/transport.ts';
import { type CallEnded, ClientSession, type Pending } from './client-session.ts';
import type { Outcome, ReadWay } from './cluster.ts';

export type ClientSettings = {
  readonly clients: number;
  /** The clients' ids count from here; 1 if left out. */
  readonly firstClientId?: number;
  /** Clients get their ids from the cluster, and another when their session has expired (§6.3). */
  readonly registered?: boolean;
  /** A request is given up after this long. */
  readonly requestTimeoutMs: number;
  /**
   * A request that got no answer for this long is sent again, to another node; then after twice as
   * long, and so on, so that a cluster that is behind is not buried under repetitions.
   */
  readonly retryMs: number;
  /**
   * Requests have no session and are sent once: whoever refuses one has it fail, as nothing else
   * will become of it.
   */
  readonly once?: boolean;
  /** Where the request numbers of a session begin; 1 if left out. */
  readonly firstRequestNumber?: number;
};

/** Hints followed at once before waiting for the cluster to make up its mind. */
const MAX_REDIRECTS = 3;
/** A request is repeated after retryMs, then after 2, 4 and from then on 8 times as long. */
const MAX_DOUBLINGS = 3;
const REFUSALS: ReadonlySet<Status> = new Set(['notLeader', 'notExecuted', 'outcomeUnknown']);
/** Nothing was executed, and nothing will be. */
const DEFINITE: ReadonlySet<Status> = new Set(['notLeader', 'notExecuted', 'overloaded']);
const FRAME_RECORDS = 512;
const FIRST_BUFFER_BYTES = 1024;
const REGISTER: Operation = {
  kind: 'register',
  key: new Uint8Array(0),
  value: null,
  expected: null,
};

export class ClusterClient {
  readonly #settings: ClientSettings;
  readonly #nowUs: () => number;
  readonly #flushSoon: () => void;
  readonly #checksum: Checksum;
  readonly #sockets = new Map<NodeId, Socket>();
  /** Each client's present session. */
  readonly #sessions: ClientSession[] = [];
  /** Has no session itself: its requests are the others' registrations. */
  readonly #registrar = new ClientSession(0, 0);
  /** Those that have expired and wait for answers, too. */
  readonly #allSessions = new Set<ClientSession>([this.#registrar]);
  readonly #byClientId = new Map<number, ClientSession>([[0, this.#registrar]]);
  readonly #writes = new RecordWriter(FIRST_BUFFER_BYTES);
  readonly #reads = READ_MODES.map((mode) => ({
    mode,
    records: new RecordWriter(FIRST_BUFFER_BYTES),
  }));
  readonly #firstClientId: number;
  #target: NodeId | null = null;
  /**
   * The node that was turned to last when the target was silent or lost: hints do not move it, or
   * two servers that know of no one but each other would be asked for ever.
   */
  #lastTurned: NodeId | null = null;
  /** The node that was asked last for a read that any node can serve. */
  #lastServer: NodeId | null = null;
  #pendingCount = 0;

  /** `flushSoon` must have `flush` called at the end of the host's turn. */
  constructor(
    settings: ClientSettings,
    nowUs: () => number,
    flushSoon: () => void,
    checksum: Checksum,
  ) {
    this.#settings = settings;
    this.#nowUs = nowUs;
    this.#flushSoon = flushSoon;
    this.#checksum = checksum;
    this.#firstClientId = settings.firstClientId ?? 1;
    for (let client = 0; client < settings.clients; client++) this.#beginSession(client);
  }

  get pendingCount(): number {
    return this.#pendingCount;
  }

  connect(node: NodeId, socket: Socket): void {
    this.#sockets.get(node)?.close();
    this.#sockets.set(node, socket);
    this.#target ??= node;
    socket.onmessage = ({ data }) => this.#receive(node, data);
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
  }

  /** `read` is for gets. */
  call(
    client: number,
    operation: Operation,
    done: CallEnded,
    read: ReadWay = 'linearizable',
  ): void {
    const session = this.#sessions[client];
    if (session === undefined) throw new RangeError(`there is no client ${client}`);
    const deadlineUs = this.#nowUs() + this.#settings.requestTimeoutMs * 1000;
    const pending = this.#hold(session, operation, deadlineUs, done, read);
    this.#pendingCount++;
    if (session.clientId === null) this.#register(session);
    else this.#enqueue(session, pending);
  }

  /** Sends what has gathered: one frame of writes, and one of reads for each mode. */
  flush(): void {
    const leader = this.#target === null ? undefined : this.#sockets.get(this.#target);
    // Without a node to ask it waits for one.
    if (this.#writes.count > 0 && leader !== undefined) {
      const { count } = this.#writes;
      const request = { kind: 'write', count, batch: this.#writes.take() } as const;
      leader.send(encodeRequest(request, this.#checksum));
    }
    for (const { mode, records } of this.#reads) {
      if (records.count === 0) continue;
      const socket = goesAnywhere(mode) ? this.#nextServer() : leader;
      if (socket === undefined) continue;
      const { count } = records;
      const request = { kind: 'read', mode, count, batch: records.take() } as const;
      socket.send(encodeRequest(request, this.#checksum));
    }
  }

  /** To be called every few milliseconds: repeats what is overdue, gives up what is too late. */
  sweep(): void {
    const nowUs = this.#nowUs();
    let turned = false;
    for (const session of this.#allSessions) {
      for (const pending of session.pending) {
        if (nowUs >= pending.deadlineUs) this.#end(session, pending);
        else if (nowUs >= pending.retryAtUs && this.#mayRepeat(session)) {
          // Whoever was asked is down, cut off, or knows no leader: ask the next node.
          const turns = !pending.isPutOff && !goesAnywhere(pending.read);
          if (turns && !turned) this.#turn();
          turned ||= turns;
          pending.repetitions = Math.min(pending.repetitions + 1, MAX_DOUBLINGS);
          pending.retryAtUs = nowUs + this.#waitUs(pending);
          pending.redirects = 0;
          pending.isPutOff = false;
          this.#enqueue(session, pending);
        }
      }
    }
  }

  /** One whose requests are sent once turns elsewhere only for its next one. */
  #mayRepeat({ clientId }: ClientSession): boolean {
    return clientId !== null && this.#settings.once !== true;
  }

  #beginSession(client: number): void {
    const { firstRequestNumber = 1, once, registered } = this.#settings;
    const clientId = once === true ? 0 : registered === true ? null : this.#firstClientId + client;
    const session = new ClientSession(client, clientId, firstRequestNumber);
    this.#sessions[client] = session;
    this.#allSessions.add(session);
    if (clientId !== null) this.#byClientId.set(clientId, session);
  }

  #hold(
    session: ClientSession,
    operation: Operation,
    deadlineUs: number,
    done: CallEnded,
    read: ReadWay,
  ): Pending {
    const pending: Pending = {
      operation,
      requestNumber: session.nextRequestNumber++,
      deadlineUs,
      read,
      done,
      wasSent: false,
      retryAtUs: this.#nowUs() + this.#settings.retryMs * 1000,
      repetitions: 0,
      redirects: 0,
      isPutOff: false,
    };
    session.hold(pending);
    return pending;
  }

  /**
   * Repeated until it is served; what is called meanwhile waits. A registration that takes effect
   * twice leaves a session behind that no one uses, which expires in its turn.
   */
  #register(session: ClientSession): void {
    if (session.isRegistering) return;
    session.isRegistering = true;
    const done: CallEnded = (outcome) => {
      const value = outcome.kind === 'ok' ? outcome.result.value : null;
      if (value === null) throw new Error('a registration is answered with a client id, got none');
      session.clientId = decodeClientId(value);
      this.#byClientId.set(session.clientId, session);
      const waiting = session.pending.sort((a, b) => a.requestNumber - b.requestNumber);
      for (const pending of waiting) {
        pending.retryAtUs = this.#nowUs() + this.#settings.retryMs * 1000;
        this.#enqueue(session, pending);
      }
    };
    const registration = this.#hold(this.#registrar, REGISTER, Infinity, done, 'log');
    this.#enqueue(this.#registrar, registration);
  }

  #enqueue(session: ClientSession, pending: Pending): void {
    const { operation, requestNumber } = pending;
    const { clientId, lowestPending } = session;
    if (clientId === null) return;
    if (requestNumber - lowestPending >= SESSION_WINDOW) {
      // The session would refuse it: it waits here, to be sent with a later sweep.
      pending.retryAtUs = 0;
      return;
    }
    const records = this.#recordsFor(pending);
    records.operation(operation, { clientId, requestNumber, lowestPending });
    pending.wasSent = true;
    // A full frame does not wait for the turn's end: the cluster works on it while the next one
    // fills.
    if (records.count >= FRAME_RECORDS) this.flush();
    else this.#flushSoon();
  }

  #recordsFor({ operation, read }: Pending): RecordWriter {
    if (operation.kind !== 'get') return this.#writes;
    return this.#reads.find(({ mode }) => mode === read)?.records ?? this.#writes;
  }

  #receive(from: NodeId, data: Uint8Array): void {
    const response = decodeResponse(data, this.#checksum);
    if (response === null) return;
    const result = new ResultReader(response.results);
    while (result.next()) {
      const session = this.#sessionOf(result.clientId);
      const pending = session?.find(result.requestNumber);
      // To a stranger, or to a repetition whose first answer came meanwhile.
      if (session === undefined || pending === undefined) continue;
      const { status, index } = result;
      if (this.#settings.once === true && this.#isRefused(session, pending, status)) {
        this.#follow(from, response.leaderId);
        continue;
      }
      // Beyond the session's window; it is sent again in its turn, and until then nothing has
      // happened.
      if (status === 'tooManyPending') continue;
      if (status === 'overloaded') this.#putOff(pending);
      else if (status === 'sessionExpired') this.#expire(session, pending);
      else if (REFUSALS.has(status)) this.#retry(session, pending, from, response.leaderId);
      else {
        const outcome = { kind: 'ok', result: { status, value: result.value(), index } } as const;
        this.#finish(session, pending, outcome);
      }
    }
  }

  /** Ids that clients were given count up with the clients, which spares the search. */
  #sessionOf(clientId: number): ClientSession | undefined {
    const session = this.#sessions[clientId - this.#firstClientId];
    return session?.clientId === clientId ? session : this.#byClientId.get(clientId);
  }

  #retry(session: ClientSession, pending: Pending, from: NodeId, leaderId: NodeId | null): void {
    // Somebody answers: it is not load that keeps the cluster silent.
    pending.repetitions = 0;
    const followable = leaderId !== null && leaderId !== from && this.#sockets.has(leaderId);
    if (!followable || pending.redirects >= MAX_REDIRECTS || goesAnywhere(pending.read)) {
      // With the next sweep, when it may know better.
      pending.retryAtUs = 0;
      return;
    }
    this.#target = leaderId;
    pending.redirects++;
    this.#enqueue(session, pending);
  }

  /** Whether the one attempt has failed; then it is over. */
  #isRefused(session: ClientSession, pending: Pending, status: Status): boolean {
    if (!REFUSALS.has(status) && !DEFINITE.has(status)) return false;
    const surely = pending.operation.kind === 'get' || DEFINITE.has(status);
    this.#finish(session, pending, surely ? { kind: 'fail' } : { kind: 'unknown' });
    return true;
  }

  /** Where the next request goes after a refusal. */
  #follow(from: NodeId, leaderId: NodeId | null): void {
    if (from !== this.#target) return;
    if (leaderId !== null && this.#sockets.has(leaderId)) this.#target = leaderId;
    else this.#turn();
  }

  /** The leader has too much to do, and another would not lead: it is asked again, later. */
  #putOff(pending: Pending): void {
    pending.isPutOff = true;
    pending.retryAtUs = this.#nowUs() + this.#waitUs(pending);
  }

  #waitUs({ repetitions }: Pending): number {
    return this.#settings.retryMs * 1000 * 2 ** repetitions;
  }

  /** The next call registers anew; what else the old session waits for gets its own answers. */
  #expire(session: ClientSession, pending: Pending): void {
    if (this.#settings.registered === true && !session.hasExpired) {
      session.hasExpired = true;
      this.#beginSession(session.client);
    }
    this.#end(session, pending);
  }

  /**
   * Without an answer. A write that was sent may have taken effect: an earlier copy of it, be it
   * one that the network made, before its session expired.
   */
  #end(session: ClientSession, pending: Pending): void {
    const surely = pending.operation.kind === 'get' || !pending.wasSent;
    // Who asks once turns to another server when one has been silent.
    if (this.#settings.once === true) this.#turn();
    this.#finish(session, pending, surely ? { kind: 'fail' } : { kind: 'unknown' });
  }

  #finish(session: ClientSession, pending: Pending, outcome: Outcome): void {
    session.release(pending.requestNumber);
    if (session !== this.#registrar) this.#pendingCount--;
    const clientId = session.clientId ?? 0;
    if (session.hasExpired && session.isIdle) {
      this.#allSessions.delete(session);
      this.#byClientId.delete(clientId);
    }
    pending.done(outcome, pending.requestNumber, clientId);
  }

  #turn(): void {
    let next = this.#nodeAfter(this.#lastTurned ?? this.#target);
    if (next === this.#target) next = this.#nodeAfter(next);
    this.#lastTurned = next;
    this.#target = next;
  }

  #nodeAfter(node: NodeId | null): NodeId | null {
    const nodes = [...this.#sockets.keys()];
    return nodes[(nodes.indexOf(node ?? '') + 1) % nodes.length] ?? null;
  }

  /** All nodes in turn, but the one taken for the leader, who has enough to do. */
  #nextServer(): Socket | undefined {
    let next = this.#nodeAfter(this.#lastServer);
    if (next === this.#target) next = this.#nodeAfter(next);
    this.#lastServer = next;
    return next === null ? undefined : this.#sockets.get(next);
  }
}

/** Any node can serve such a read. */
function goesAnywhere(read: ReadWay): boolean {
  return read === 'stale' || read === 'follower';
}
