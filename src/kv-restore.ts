/**
 * Reads a snapshot of the state machine back (kv-snapshot.ts has the format), from chunks that may
 * be cut anywhere. Storage and links find damage of their own; the hash at the end finds it
 * wherever it came to be, and nothing is believed that a snapshot cannot say.
 */
import { Answers } from './answers.ts';
import { FIRST_REGISTERED_CLIENT, type Result, STATUSES } from './command.ts';
import {
  ANSWER,
  ANSWER_HEADER_BYTES,
  END,
  END_BYTES,
  FIRST_HEAD,
  HASH_BYTES,
  HEAD,
  HEAD_BYTES,
  KEY,
  KEY_HEADER_BYTES,
  type KvState,
  SESSION,
  SESSION_BYTES,
} from './kv-snapshot.ts';
import { SESSION_WINDOW, type SessionBounds, type SessionContent, Sessions } from './sessions.ts';
import type { SnapshotSink } from './snapshots.ts';
import { ByteTable, HASH_OF_NOTHING, hashOn, type TableSizes } from './table.ts';

const FIRST_BUFFER_BYTES = 1024;

/** Builds a state beside the present one, and hands it over when all of it has come. */
export class KvRestore implements SnapshotSink {
  readonly #adopt: (state: KvState) => void;
  readonly #table: ByteTable;
  readonly #sessions: Sessions;
  /** Put in the order of their use when all are known. */
  readonly #contents = new Map<number, SessionContent>();
  #session: SessionContent | null = null;
  #executed = 0;
  #answers = 0;
  #lastAnswer: Result | null = null;
  #hashBytes = HASH_BYTES;
  #hash = HASH_OF_NOTHING;
  #part: 'head' | 'sessions' | 'keys' | 'over' | 'ended' | 'malformed' = 'head';
  /** What has come and is not read yet: less than a record, between calls. */
  #bytes = new Uint8Array(FIRST_BUFFER_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor(bounds: SessionBounds, sizes: TableSizes, adopt: (state: KvState) => void) {
    this.#table = new ByteTable(sizes);
    this.#sessions = new Sessions(bounds);
    this.#adopt = adopt;
  }

  write(chunk: Uint8Array): void {
    if (this.#part === 'malformed') throw malformed('beginning', 'sound', 'a malformed one');
    this.#append(chunk);
    let at = 0;
    try {
      for (;;) {
        const size = this.#sizeAt(at);
        if (size === 0 || at + size > this.#length) break;
        const end = at + size - (this.#isEnd(at) ? this.#hashBytes : 0);
        this.#hash = hashOn(this.#hash, this.#bytes, at, end);
        this.#read(at, size);
        at += size;
      }
    } catch (error) {
      this.#part = 'malformed';
      throw error;
    }
    if (at > 0) this.#bytes.copyWithin(0, at, this.#length);
    this.#length -= at;
  }

  end(): void {
    if (this.#part !== 'over') throw malformed('end', 'all of it written', this.#part);
    this.#part = 'ended';
    const contents = [...this.#contents.values()].sort((a, b) => a.lastUse - b.lastUse);
    for (const content of contents) this.#sessions.restore(content);
  }

  adopt(): void {
    if (this.#part !== 'ended') throw new Error('a snapshot is adopted after its end, and once');
    this.#part = 'over';
    this.#adopt({ table: this.#table, sessions: this.#sessions, executed: this.#executed });
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.byteLength;
    if (needed > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.byteLength * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = needed;
  }

  /** The length of the record that begins here; 0 if too little of it has come to tell. */
  #sizeAt(at: number): number {
    const available = this.#length - at;
    if (available === 0) return 0;
    if (this.#part === 'head') return HEAD_BYTES;
    if (this.#part === 'over' || this.#part === 'ended') {
      throw malformed('end', 'nothing behind its end record', `${available} bytes more`);
    }
    const tag = this.#bytes[at];
    switch (tag) {
      case SESSION:
        return SESSION_BYTES;
      case ANSWER:
        if (available < ANSWER_HEADER_BYTES) return 0;
        return ANSWER_HEADER_BYTES + this.#view.getUint32(at + 7, true);
      case KEY:
        if (available < KEY_HEADER_BYTES) return 0;
        return (
          KEY_HEADER_BYTES + this.#view.getUint16(at + 1, true) + this.#view.getUint32(at + 3, true)
        );
      case END:
        return END_BYTES - HASH_BYTES + this.#hashBytes;
      default:
        throw malformed('record', `a tag from ${SESSION} to ${END}`, tag);
    }
  }

  #isEnd(at: number): boolean {
    return this.#part !== 'head' && this.#bytes[at] === END;
  }

  #read(at: number, size: number): void {
    if (this.#part === 'head') {
      this.#readHead(at);
      this.#part = 'sessions';
      return;
    }
    const tag = this.#bytes[at];
    if (this.#part === 'keys' && (tag === SESSION || tag === ANSWER)) {
      throw malformed('record', 'keys and the end after the first key', `tag ${tag}`);
    }
    if (tag === SESSION) this.#readSession(at);
    if (tag === ANSWER) this.#readAnswer(at, size);
    if (tag === KEY) this.#readKey(at);
    if (tag === END) this.#readEnd(at);
  }

  #readHead(at: number): void {
    const head = String.fromCharCode(...this.#bytes.subarray(at, at + HEAD.length));
    if (head === FIRST_HEAD) this.#hashBytes = 0;
    else if (head !== HEAD) throw malformed('head', JSON.stringify(HEAD), JSON.stringify(head));
    this.#executed = this.#count(at + 4, 'executed');
    this.#sessions.registered = this.#count(at + 12, 'registered');
    this.#sessions.uses = this.#count(at + 20, 'uses');
  }

  #readSession(at: number): void {
    const clientId = this.#view.getFloat64(at + 1, true);
    const lowestPending = this.#view.getUint32(at + 9, true);
    const executed = this.#count(at + 17, 'executed of a session');
    const lastUse = this.#count(at + 25, 'last use of a session');
    const { registered, uses } = this.#sessions;
    if (clientId === 0 || clientId >= FIRST_REGISTERED_CLIENT + registered) {
      throw malformed('session', `a client id, ${registered} registered`, clientId);
    }
    if (this.#contents.has(clientId)) {
      throw malformed('session', 'each client once', `client ${clientId} twice`);
    }
    if (lastUse > uses) throw malformed('session', `a last use of at most ${uses}`, lastUse);
    this.#session = { clientId, answers: new Answers(lowestPending), executed, lastUse };
    this.#contents.set(clientId, this.#session);
  }

  #readAnswer(at: number, size: number): void {
    const session = this.#session;
    if (session === null) throw malformed('answer', 'a session before it', 'none');
    const requestNumber = this.#view.getUint32(at + 1, true);
    const { answers } = session;
    const { lowestPending } = answers;
    if (requestNumber < lowestPending || requestNumber >= lowestPending + SESSION_WINDOW) {
      const expected = `a request from ${lowestPending}, ${SESSION_WINDOW} at most`;
      throw malformed('answer', expected, requestNumber);
    }
    if (answers.get(requestNumber) !== undefined) {
      throw malformed('answer', 'each request once', `request ${requestNumber} twice`);
    }
    const status = STATUSES[this.#view.getUint8(at + 5)];
    if (status === undefined) {
      throw malformed('answer', 'a known status', this.#view.getUint8(at + 5));
    }
    const start = at + ANSWER_HEADER_BYTES;
    const hasValue = this.#view.getUint8(at + 6);
    if (hasValue > 1 || (hasValue === 0 && size > ANSWER_HEADER_BYTES)) {
      throw malformed('answer', 'a value as announced', `${hasValue}, and ${size} bytes in all`);
    }
    const value = hasValue === 0 ? null : this.#bytes.slice(start, at + size);
    const answer = this.#shared({ status, value, index: this.#count(at + 11, 'index') });
    answers.keep(requestNumber, answer);
    this.#answers++;
  }

  /** Commands of one entry share their answer, if it is no more than "done". */
  #shared(answer: Result): Result {
    const last = this.#lastAnswer;
    const same = last?.index === answer.index && last.status === answer.status;
    if (last !== null && same && answer.value === null && last.value === null) return last;
    this.#lastAnswer = answer;
    return answer;
  }

  #readKey(at: number): void {
    this.#part = 'keys';
    const keyLength = this.#view.getUint16(at + 1, true);
    const valueLength = this.#view.getUint32(at + 3, true);
    const start = at + KEY_HEADER_BYTES;
    const { size } = this.#table;
    this.#table.set(this.#bytes, start, keyLength, start + keyLength, valueLength);
    if (this.#table.size === size) {
      throw malformed('key', 'each key once', `one of ${keyLength} bytes twice`);
    }
  }

  #readEnd(at: number): void {
    const announced = [1, 9, 17].map((offset) => this.#count(at + offset, 'totals'));
    const found = [this.#contents.size, this.#answers, this.#table.size];
    if (announced.join() !== found.join()) {
      const what = 'sessions, answers and keys';
      throw malformed('end', `${announced.join(', ')} ${what}`, found.join(', '));
    }
    if (this.#hashBytes > 0)
      this.#compareHash(this.#view.getUint32(at + END_BYTES - HASH_BYTES, true));
    this.#part = 'over';
  }

  #compareHash(hash: number): void {
    if (hash !== this.#hash) throw malformed('content', `a hash of ${hash}`, this.#hash);
  }

  #count(at: number, what: string): number {
    const count = this.#view.getFloat64(at, true);
    if (!Number.isSafeInteger(count) || count < 0) throw malformed(what, 'a whole number', count);
    return count;
  }
}

function malformed(what: string, expected: string, got: string | number | undefined): RangeError {
  return new RangeError(
    `a snapshot's ${what}: expected ${expected}, got ${got}; nothing was restored, ` +
      'take another snapshot',
  );
}
