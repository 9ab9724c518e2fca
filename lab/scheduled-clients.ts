/**
 * The clients of a schedule, whichever host runs it: each calls what is listed for it, in order and
 * two at a time, and what it asked and was told becomes the history of the run.
 */
import type { Operation, OperationKind, Result } from '../src/command.ts';
import { type Acknowledged, acknowledge } from './acknowledged.ts';
import type { Outcome, ReadWay } from './cluster.ts';
import type { HistoryOperation, HistoryResult } from './history.ts';
import type { ScheduledOperation } from './schedule.ts';

/**
 * Operations that a client has outstanding: more than one, for its session to keep answers apart,
 * and few, for what overlaps in a history is what makes it costly to judge.
 */
const OUTSTANDING_MAX = 2;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** One client with a session and sockets of its own. */
export type SingleClient = {
  readonly pendingCount: number;
  call(
    client: 0,
    operation: Operation,
    done: (outcome: Outcome, requestNumber: number, clientId: number) => void,
    read: ReadWay,
  ): void;
};

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class ScheduledClients {
  readonly history: HistoryOperation[] = [];
  readonly acknowledged: Acknowledged = new Map();
  /** Writes that were refused as surely not executed. */
  readonly refused: Acknowledged = new Map();
  /** Stale reads that were answered: they promise nothing, and are in no history. */
  staleReads = 0;
  readonly #clients: readonly SingleClient[];
  readonly #nowNs: () => number;
  /** By client, what waits for its turn. */
  readonly #queues: (() => void)[][];

  constructor(clients: readonly SingleClient[], nowNs: () => number) {
    this.#clients = clients;
    this.#nowNs = nowNs;
    this.#queues = clients.map(() => []);
  }

  /**
   * Calls the operation, now or when its client has fewer outstanding; `done` is told how it ended.
   */
  call(scheduled: ScheduledOperation, done: (ok: boolean) => void = () => {}): void {
    const { client: number } = scheduled;
    const client = this.#clients[number];
    if (client === undefined) throw new RangeError(`there is no client ${number}`);
    this.#queues[number]?.push(() => this.#call(client, scheduled, done));
    this.#callNext(client, number);
  }

  /** What has not been called will not be. */
  dropQueued(): void {
    for (const queue of this.#queues) queue.length = 0;
  }

  /** Operations that are outstanding. */
  get pending(): number {
    return this.#clients.reduce((sum, { pendingCount }) => sum + pendingCount, 0);
  }

  #callNext(client: SingleClient, number: number): void {
    while (client.pendingCount < OUTSTANDING_MAX) {
      const next = this.#queues[number]?.shift();
      if (next === undefined) return;
      next();
    }
  }

  #call(client: SingleClient, scheduled: ScheduledOperation, done: (ok: boolean) => void): void {
    const { client: number, op, key, value = null, expected = null } = scheduled;
    const { read = 'linearizable' } = scheduled;
    const record: Writable<HistoryOperation> = {
      client: number,
      op,
      key,
      ...(op === 'get' || op === 'delete' ? {} : { value }),
      ...(op === 'cas' ? { expected } : {}),
      call: this.#nowNs(),
      return: null,
      outcome: 'unknown',
    };
    if (read !== 'stale') this.history.push(record);
    const operation = {
      kind: op,
      key: bytesOf(key),
      value: value === null ? null : bytesOf(value),
      expected: expected === null ? null : bytesOf(expected),
    };
    const ended = (outcome: Outcome, requestNumber: number, clientId: number): void => {
      this.#note(record, outcome, clientId, requestNumber);
      if (read === 'stale' && outcome.kind === 'ok') this.staleReads++;
      done(record.outcome === 'ok');
      this.#callNext(client, number);
    };
    client.call(0, operation, ended, read);
  }

  #note(
    record: Writable<HistoryOperation>,
    outcome: Outcome,
    clientId: number,
    requestNumber: number,
  ): void {
    const result = outcome.kind === 'ok' ? historyResult(record.op, outcome.result) : null;
    // An answer that the session no longer keeps: it was executed once, or not at all.
    if (outcome.kind === 'fail' && record.op !== 'get') {
      acknowledge(this.refused, clientId, requestNumber);
    }
    if (outcome.kind === 'unknown' || (outcome.kind === 'ok' && result === null)) return;
    record.return = this.#nowNs();
    record.outcome = outcome.kind;
    if (result === null) return;
    record.result = result;
    if (record.op !== 'get') acknowledge(this.acknowledged, clientId, requestNumber);
  }
}

/** What a client learns; a put, and a create or cas that succeeds, find nothing. */
function historyResult(op: OperationKind, { status, value }: Result): HistoryResult | null {
  switch (status) {
    case 'ok':
      if (op === 'put' || op === 'create' || op === 'cas') return { status };
      break;
    case 'notFound':
    case 'alreadyExists':
    case 'mismatch':
      break;
    default:
      return null;
  }
  return { status, value: value === null ? null : textDecoder.decode(value) };
}

/** UTF-8. Most keys and values are short and plain, for which a loop is faster than an encoder. */
function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return textEncoder.encode(text);
    bytes[i] = code;
  }
  return bytes;
}
