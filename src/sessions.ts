/**
 * The clients' sessions (§6.3): what each request was answered, for as long as its client may ask
 * again. Their memory is bounded: the session least recently used, in the order of the log, expires
 * first, on every server at the same entry.
 */
import { FIRST_REGISTERED_CLIENT, type Result, STATUSES } from './command.ts';
import { hashBytes } from './table.ts';

/** Requests of one session whose answers may be kept at a time; bounds a session's memory. */
export const SESSION_WINDOW = 1 << 16;
export const FIRST_SLOTS = 16;

/** What a session costs: its slots, and beside them each answer that is more than "done". */
export const SLOT_BYTES = 8;
export const ANSWER_BYTES = 64;

/** A part of the replicated state: they must be the same on all servers of a cluster. */
export type SessionBounds = {
  readonly sessionsMax: number;
  /**
   * Most bytes of all sessions together. The one just used stays even if it alone exceeds them;
   * then it executes nothing new until its client has declared answers as received.
   */
  readonly sessionBytesMax: number;
};

/** The answers a client may still ask for, by request number modulo the length of `answers`. */
export type SessionContent = {
  readonly clientId: number;
  lowestPending: number;
  answers: (Result | undefined)[];
  /** Requests that took effect. */
  executed: number;
  /** Orders sessions by when they were used last. */
  lastUse: number;
};

export type Session = SessionContent & {
  bytes: number;
  /** Of a snapshot, as records of the table have it (arena.ts). */
  generation: number;
  older: Session | null;
  newer: Session | null;
};

export class Sessions {
  readonly bounds: SessionBounds;
  readonly #byClient = new Map<number, Session>();
  #oldest: Session | null = null;
  #newest: Session | null = null;
  #bytes = 0;
  /** How often any session was used. */
  uses = 0;
  /** Sessions that were ever registered. */
  registered = 0;
  #generation = 1;
  #snapshot: SessionSnapshot | null = null;

  constructor(bounds: SessionBounds) {
    for (const [name, bound] of Object.entries(bounds)) {
      if (Number.isSafeInteger(bound) && bound > 0) continue;
      throw new RangeError(`${name} is an integer of at least 1, got ${bound}`);
    }
    this.bounds = bounds;
  }

  get size(): number {
    return this.#byClient.size;
  }

  get(clientId: number): Session | undefined {
    return this.#byClient.get(clientId);
  }

  /** A new session; the id is the client's from now on. */
  register(): number {
    const clientId = FIRST_REGISTERED_CLIENT + this.registered++;
    this.#create(clientId, 1);
    return clientId;
  }

  /**
   * The session of one who asks, who waits for nothing below `lowestPending`. `null` if it has
   * expired; an id of a client's own choosing begins a new one instead, for one that has expired
   * cannot be told from it.
   */
  use(clientId: number, lowestPending: number): Session | null {
    const newest = this.#newest;
    if (newest !== null && newest.clientId === clientId) {
      this.#beforeChange(newest);
      newest.lastUse = ++this.uses;
      this.#forget(newest, lowestPending);
      return newest;
    }
    const session = this.#byClient.get(clientId);
    if (session === undefined) {
      return clientId >= FIRST_REGISTERED_CLIENT ? null : this.#create(clientId, lowestPending);
    }
    this.#beforeChange(session);
    this.#unlink(session);
    this.#linkNewest(session);
    session.lastUse = ++this.uses;
    this.#forget(session, lowestPending);
    return session;
  }

  /** Rings are powers of two and only grow; answers keep their place modulo the new length. */
  growTo(session: Session, needed: number): void {
    const { answers } = session;
    if (needed <= answers.length) return;
    let { length } = answers;
    while (length < needed) length *= 2;
    const grown = new Array<Result | undefined>(length).fill(undefined);
    for (let i = 0; i < answers.length; i++) {
      const requestNumber = session.lowestPending + i;
      grown[requestNumber & (length - 1)] = answers[requestNumber & (answers.length - 1)];
    }
    session.answers = grown;
    this.#charge(session, (length - answers.length) * SLOT_BYTES);
  }

  /** A request took effect, and this is kept for its repetitions; others may have to go for it. */
  answered(session: Session, result: Result): void {
    session.executed++;
    this.#charge(session, answerBytes(result));
    this.#expire(session);
  }

  /** A session as a snapshot has it, later in use than those before it. */
  restore(content: SessionContent): void {
    const { length } = content.answers;
    const links = { bytes: 0, generation: this.#generation, older: null, newer: null };
    const session: Session = { ...content, ...links };
    this.#byClient.set(session.clientId, session);
    this.#linkNewest(session);
    this.#charge(session, length * SLOT_BYTES);
    for (const answer of session.answers) {
      if (answer !== undefined) this.#charge(session, answerBytes(answer));
    }
  }

  /** Begins a snapshot of the sessions as they are. O(1). */
  beginSnapshot(): SessionSnapshot {
    const generation = ++this.#generation;
    const ended = (): void => {
      this.#snapshot = null;
    };
    this.#snapshot = new SessionSnapshot(this.#byClient.values(), generation, ended);
    return this.#snapshot;
  }

  /** Equal on servers that have applied the same entries. O(bytes). */
  digest(): number {
    let sum = digestOf(this.registered, this.uses);
    for (const session of this.#byClient.values()) sum = (sum + sessionDigest(session)) >>> 0;
    return sum;
  }

  #create(clientId: number, lowestPending: number): Session {
    const session: Session = {
      clientId,
      lowestPending,
      answers: new Array<Result | undefined>(FIRST_SLOTS).fill(undefined),
      executed: 0,
      lastUse: ++this.uses,
      bytes: 0,
      generation: this.#generation,
      older: null,
      newer: null,
    };
    this.#byClient.set(clientId, session);
    this.#linkNewest(session);
    this.#charge(session, FIRST_SLOTS * SLOT_BYTES);
    this.#expire(session);
    return session;
  }

  #forget(session: Session, lowestPending: number): void {
    const { answers } = session;
    // What lies a whole ring further has no slot of its own; then everything kept is forgotten.
    const forget = Math.min(lowestPending - session.lowestPending, answers.length);
    for (let i = 0; i < forget; i++) {
      const at = (session.lowestPending + i) & (answers.length - 1);
      const answer = answers[at];
      if (answer !== undefined) this.#charge(session, -answerBytes(answer));
      answers[at] = undefined;
    }
    session.lowestPending = Math.max(session.lowestPending, lowestPending);
  }

  #charge(session: Session, bytes: number): void {
    session.bytes += bytes;
    this.#bytes += bytes;
  }

  /** The session just used is never the one to go. */
  #expire(used: Session): void {
    const { sessionsMax, sessionBytesMax } = this.bounds;
    while (this.#byClient.size > sessionsMax || this.#bytes > sessionBytesMax) {
      const session = this.#oldest;
      if (session === null || session === used) return;
      this.#beforeChange(session);
      this.#unlink(session);
      this.#byClient.delete(session.clientId);
      this.#charge(session, -session.bytes);
    }
  }

  #beforeChange(session: Session): void {
    if (this.#snapshot !== null && session.generation !== this.#generation) {
      this.#snapshot.save(session);
    }
  }

  #linkNewest(session: Session): void {
    session.older = this.#newest;
    session.newer = null;
    if (this.#newest === null) this.#oldest = session;
    else this.#newest.newer = session;
    this.#newest = session;
  }

  #unlink({ older, newer }: Session): void {
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
  }
}

/** Walks through the sessions as they were when it began, each once, in no particular order. */
export class SessionSnapshot {
  readonly #sessions: Iterator<Session>;
  readonly #generation: number;
  readonly #ended: () => void;
  readonly #saved: SessionContent[] = [];

  constructor(sessions: Iterator<Session>, generation: number, ended: () => void) {
    this.#sessions = sessions;
    this.#generation = generation;
    this.#ended = ended;
  }

  next(): SessionContent | null {
    for (;;) {
      const saved = this.#saved.pop();
      if (saved !== undefined) return saved;
      const { value: session, done } = this.#sessions.next();
      if (done === true) break;
      if (session.generation !== this.#generation) this.save(session);
    }
    this.cancel();
    return null;
  }

  cancel(): void {
    this.#ended();
    this.#saved.length = 0;
  }

  /** Answers never change; their references are copied, and written out in slices. */
  save(session: Session): void {
    const { clientId, lowestPending, answers, executed, lastUse } = session;
    this.#saved.push({ clientId, lowestPending, answers: answers.slice(), executed, lastUse });
    session.generation = this.#generation;
  }
}

/** The answer to most writes is one for all commands of an entry, and costs its slot alone. */
function answerBytes({ status, value }: Result): number {
  if (value === null) return status === 'ok' ? 0 : ANSWER_BYTES;
  return ANSWER_BYTES + value.byteLength;
}

function sessionDigest(session: Session): number {
  const { clientId, lowestPending, answers, executed, lastUse, bytes } = session;
  let digest = digestOf(clientId, lowestPending, answers.length, executed, lastUse, bytes);
  for (let i = 0; i < answers.length; i++) {
    const answer = answers[(lowestPending + i) & (answers.length - 1)];
    if (answer === undefined) continue;
    const { status, value, index } = answer;
    const found = value === null ? -1 : hashBytes(value, 0, value.byteLength);
    digest = digestOf(digest, i, STATUSES.indexOf(status), index, found);
  }
  return digest;
}

const digested = new Float64Array(8);
const digestedBytes = new Uint8Array(digested.buffer);

function digestOf(...numbers: readonly number[]): number {
  digested.set(numbers);
  return hashBytes(digestedBytes, 0, numbers.length * Float64Array.BYTES_PER_ELEMENT);
}
