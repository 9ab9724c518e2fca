/**
 * A client in virtual time that asks the one server it is told to, once, and follows no hints: for
 * studies of what a server itself does with a request. What it asked and was told is a history.
 */
import {
  type OperationKind,
  RecordWriter,
  type RequestIdentity,
  ResultReader,
  type Status,
} from '../../src/command.ts';
import type { ReadWay } from '../cluster.ts';
import type { HistoryOperation } from '../history.ts';
import type { Events } from '../sim/events.ts';
import type { Member } from '../sim/member.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Done = (operation: HistoryOperation) => void;

const KEY = 'k';
const NS_PER_US = 1000;
const US_PER_MS = 1000;
/** Without a session: nothing is repeated, so nothing has to be recognised. */
const NO_SESSION: RequestIdentity = { clientId: 0, requestNumber: 1, lowestPending: 1 };
/** These say that the operation has not taken effect. */
const REFUSED: ReadonlySet<Status> = new Set(['notLeader', 'notExecuted', 'overloaded']);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Asking {
  /** In the order of the calls. */
  readonly history: HistoryOperation[] = [];
  readonly #events: Events;
  readonly #delayUs: number;

  /** The delay is one way between the client and any server. */
  constructor(events: Events, delayMs = 0) {
    this.#events = events;
    this.#delayUs = Math.round(delayMs * US_PER_MS);
  }

  read(member: Member, mode: ReadWay, done: Done, key = KEY): void {
    this.#call(member, 'get', key, null, mode, done);
  }

  write(member: Member, value: number, done: Done, key = KEY): void {
    this.#call(member, 'put', key, String(value), 'log', done);
  }

  #call(
    member: Member,
    op: OperationKind,
    key: string,
    value: string | null,
    mode: ReadWay,
    done: Done,
  ): void {
    const record: Writable<HistoryOperation> = {
      client: this.history.length,
      op,
      key,
      ...(value === null ? {} : { value }),
      call: this.#nowNs(),
      return: null,
      outcome: 'unknown',
    };
    this.history.push(record);
    const writer = new RecordWriter(64);
    const stored = value === null ? null : encoder.encode(value);
    const operation = { kind: op, key: encoder.encode(key), value: stored, expected: null };
    writer.operation(operation, NO_SESSION);
    const batch = writer.take();
    this.#events.after(this.#delayUs, () => {
      this.#ask(member, batch, mode, (results) => {
        this.#events.after(this.#delayUs, () => {
          this.#note(record, results);
          done(record);
        });
      });
    });
  }

  /** The server is asked, if it is up. */
  #ask(
    member: Member,
    batch: Uint8Array,
    mode: ReadWay,
    answer: (results: Uint8Array) => void,
  ): void {
    const { node } = member;
    if (node === null) return;
    const results = new RecordWriter(64);
    const client = { results, deliver: () => answer(results.take()) };
    member.turn(() => {
      if (member.node !== node) return;
      if (mode === 'log') node.write(client, batch, 1);
      else node.read(client, batch, 1, mode);
    });
  }

  #note(record: Writable<HistoryOperation>, results: Uint8Array): void {
    const reader = new ResultReader(results);
    if (!reader.next()) throw new Error('a server answered nothing');
    const { status } = reader;
    if (REFUSED.has(status)) {
      record.outcome = 'fail';
      return;
    }
    if (status !== 'ok' && status !== 'notFound') return;
    const value = reader.value();
    record.return = this.#nowNs();
    record.outcome = 'ok';
    record.result =
      record.op === 'put'
        ? { status }
        : { status, value: value === null ? null : decoder.decode(value) };
  }

  #nowNs(): number {
    return this.#events.nowUs * NS_PER_US;
  }
}
