/**
 * The clients of a cluster, many on one set of sockets: each has a session, so that its requests
 * may be repeated until they are answered and still take effect once (§6.3). Follows the leader by
 * its hints.
 */
import { type Operation, RecordWriter, ResultReader, type Status } from '../src/command.ts';
import { SESSION_WINDOW } from '../src/kv.ts';
import type { NodeId } from '../src/raft/types.ts';
import { decodeResponse, encodeRequest } from '../src/transport/client-frame.ts';
import type { Checksum } from '../src/transport/codec.ts';
import type { Socket } from '../src/transport/transport.ts';
import type { Outcome } from './cluster.ts';

export type ClientSettings = {
  readonly clients: number;
  /** The clients' ids count from here; 1 if left out. */
  readonly firstClientId?: number;
  /** A request is given up after this long. */
  readonly requestTimeoutMs: number;
  /**
   * A request that got no answer for this long is sent again, to another node; then after twice as
   * long, and so on, so that a cluster that is behind is not buried under repetitions.
   */
  readonly retryMs: number;
};

type Pending = {
  readonly operation: Operation;
  readonly requestNumber: number;
  readonly deadlineUs: number;
  readonly done: (outcome: Outcome, requestNumber: number) => void;
  /** When it is sent again, unless it is answered. */
  retryAtUs: number;
  repetitions: number;
  redirects: number;
};

type Session = {
  readonly clientId: number;
  nextRequestNumber: number;
  /** No request below is pending. */
  lowestPending: number;
  /** By request number modulo its length, a power of two that all pending requests fit in. */
  pending: (Pending | undefined)[];
};

/** Hints followed at once before waiting for the cluster to make up its mind. */
const MAX_REDIRECTS = 3;
/** A request is repeated after retryMs, then after 2, 4 and from then on 8 times as long. */
const MAX_DOUBLINGS = 3;
const REFUSALS: ReadonlySet<Status> = new Set(['notLeader', 'notExecuted', 'outcomeUnknown']);
const FRAME_RECORDS = 512;
const FIRST_BUFFER_BYTES = 1024;

export class ClusterClient {
  readonly #settings: ClientSettings;
  readonly #nowUs: () => number;
  readonly #flushSoon: () => void;
  readonly #checksum: Checksum;
  readonly #sockets = new Map<NodeId, Socket>();
  readonly #sessions: Session[] = [];
  readonly #writes = new RecordWriter(FIRST_BUFFER_BYTES);
  readonly #reads = new RecordWriter(FIRST_BUFFER_BYTES);
  readonly #firstClientId: number;
  #target: NodeId | null = null;
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
    for (let i = 0; i < settings.clients; i++) {
      const clientId = this.#firstClientId + i;
      const pending = new Array<Pending | undefined>(16).fill(undefined);
      this.#sessions.push({ clientId, nextRequestNumber: 1, lowestPending: 1, pending });
    }
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

  call(
    client: number,
    operation: Operation,
    done: (outcome: Outcome, requestNumber: number) => void,
  ): void {
    const session = this.#sessions[client];
    if (session === undefined) throw new RangeError(`there is no client ${client}`);
    const requestNumber = session.nextRequestNumber++;
    const nowUs = this.#nowUs();
    const pending: Pending = {
      operation,
      requestNumber,
      deadlineUs: nowUs + this.#settings.requestTimeoutMs * 1000,
      done,
      retryAtUs: nowUs + this.#settings.retryMs * 1000,
      repetitions: 0,
      redirects: 0,
    };
    hold(session, pending);
    this.#pendingCount++;
    this.#enqueue(session, pending);
  }

  /** Sends what has gathered: one frame of writes and one of reads. */
  flush(): void {
    if (this.#writes.count === 0 && this.#reads.count === 0) return;
    const socket = this.#target === null ? undefined : this.#sockets.get(this.#target);
    for (const [kind, records] of [
      ['write', this.#writes],
      ['read', this.#reads],
    ] as const) {
      if (records.count === 0) continue;
      const { count } = records;
      socket?.send(encodeRequest({ kind, count, batch: records.take() }, this.#checksum));
    }
  }

  /** To be called every few milliseconds: repeats what is overdue, gives up what is too late. */
  sweep(): void {
    const nowUs = this.#nowUs();
    let turned = false;
    for (const session of this.#sessions) {
      for (const pending of pendingOf(session)) {
        if (nowUs >= pending.deadlineUs) {
          const surely = pending.operation.kind === 'get';
          this.#finish(session, pending, surely ? { kind: 'fail' } : { kind: 'unknown' });
        } else if (nowUs >= pending.retryAtUs) {
          // Whoever was asked is down, cut off, or knows no leader: ask the next node.
          if (!turned) this.#target = this.#nodeAfter(this.#target);
          turned = true;
          pending.repetitions = Math.min(pending.repetitions + 1, MAX_DOUBLINGS);
          pending.retryAtUs = nowUs + this.#settings.retryMs * 1000 * 2 ** pending.repetitions;
          pending.redirects = 0;
          this.#enqueue(session, pending);
        }
      }
    }
  }

  #enqueue(session: Session, pending: Pending): void {
    const { operation, requestNumber } = pending;
    if (requestNumber - session.lowestPending >= SESSION_WINDOW) {
      // The session would refuse it: it waits here, to be sent with a later sweep.
      pending.retryAtUs = 0;
      return;
    }
    const records = operation.kind === 'get' ? this.#reads : this.#writes;
    const { clientId, lowestPending } = session;
    records.operation(operation, { clientId, requestNumber, lowestPending });
    // A full frame does not wait for the turn's end: the cluster works on it while the next one
    // fills.
    if (records.count >= FRAME_RECORDS) this.flush();
    else this.#flushSoon();
  }

  #receive(from: NodeId, data: Uint8Array): void {
    const response = decodeResponse(data, this.#checksum);
    if (response === null) return;
    const result = new ResultReader(response.results);
    while (result.next()) {
      const session = this.#sessions[result.clientId - this.#firstClientId];
      if (session === undefined) continue;
      const { requestNumber } = result;
      const pending = session.pending[requestNumber & (session.pending.length - 1)];
      // The answer to a repetition whose first answer came meanwhile.
      if (pending === undefined || pending.requestNumber !== requestNumber) continue;
      // Beyond the session's window; it is sent again in its turn, and until then nothing has
      // happened.
      if (result.status === 'tooManyPending') continue;
      if (isRefusal(result.status)) this.#retry(session, pending, from, response.leaderId);
      else {
        const { status, index } = result;
        const outcome = { kind: 'ok', result: { status, value: result.value(), index } } as const;
        this.#finish(session, pending, outcome);
      }
    }
  }

  #retry(session: Session, pending: Pending, from: NodeId, leaderId: NodeId | null): void {
    // Somebody answers: it is not load that keeps the cluster silent.
    pending.repetitions = 0;
    const followable = leaderId !== null && leaderId !== from && this.#sockets.has(leaderId);
    if (!followable || pending.redirects >= MAX_REDIRECTS) {
      // With the next sweep, when it may know better.
      pending.retryAtUs = 0;
      return;
    }
    this.#target = leaderId;
    pending.redirects++;
    this.#enqueue(session, pending);
  }

  #finish(session: Session, pending: Pending, outcome: Outcome): void {
    release(session, pending.requestNumber);
    this.#pendingCount--;
    pending.done(outcome, pending.requestNumber);
  }

  #nodeAfter(node: NodeId | null): NodeId | null {
    const nodes = [...this.#sockets.keys()];
    return nodes[(nodes.indexOf(node ?? '') + 1) % nodes.length] ?? null;
  }
}

function hold(session: Session, pending: Pending): void {
  const { length } = session.pending;
  if (pending.requestNumber - session.lowestPending >= length) {
    const wider = new Array<Pending | undefined>(length * 2).fill(undefined);
    for (const held of pendingOf(session)) wider[held.requestNumber & (length * 2 - 1)] = held;
    session.pending = wider;
  }
  session.pending[pending.requestNumber & (session.pending.length - 1)] = pending;
}

function release(session: Session, requestNumber: number): void {
  const mask = session.pending.length - 1;
  session.pending[requestNumber & mask] = undefined;
  while (
    session.lowestPending < session.nextRequestNumber &&
    session.pending[session.lowestPending & mask] === undefined
  ) {
    session.lowestPending++;
  }
}

function pendingOf(session: Session): Pending[] {
  return session.pending.filter((pending) => pending !== undefined);
}

/** Not executed there and then: the request is repeated, which its session makes safe. */
function isRefusal(status: Status): boolean {
  return REFUSALS.has(status);
}
