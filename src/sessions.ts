/**
 * The clients' sessions (§6.3): what each request was answered, for as long as its client may ask
 * again. Their memory is bounded, and those least recently used, in the order of the log, expire
 * first, on every server at the same entry. Ids that the cluster gave and ids of clients' own
 * choosing have each a half of the bounds for themselves: nobody who makes up ids can push out all
 * sessions that were registered.
 */
import { Answers } from './answers.ts';
import { FIRST_REGISTERED_CLIENT, STATUSES } from './command.ts';
import { hashBytes } from './table.ts';

/** A request further ahead of the lowest that its client waits for is refused. */
export const SESSION_WINDOW = 1 << 16;

/** What a session costs beside its answers. */
export const SESSION_BYTES = 576;

/** A part of the replicated state: they must be the same on all servers of a cluster. */
export type SessionBounds = {
  readonly sessionsMax: number;
  /**
   * Most bytes of all sessions together. The one just used stays even if it alone exceeds them;
   * then it executes nothing new until its client has declared answers as received.
   */
  readonly sessionBytesMax: number;
};

/** A session as snapshots have it. */
export type SessionContent = {
  readonly clientId: number;
  readonly answers: Answers;
  /** Requests that took effect. */
  executed: number;
  /** Orders sessions by when they were used last. */
  lastUse: number;
};

/** Sessions whose ids were chosen, or given, in the order of their use. */
type Kind = {
  count: number;
  bytes: number;
  oldest: Session | null;
  newest: Session | null;
};

export type Session = SessionContent & {
  readonly kind: Kind;
  /** What its kind has been charged for it. */
  bytes: number;
  /** Of a snapshot, as records of the table have it (arena.ts). */
  generation: number;
  older: Session | null;
  newer: Session | null;
};

export class Sessions {
  readonly bounds: SessionBounds;
  readonly #byClient = new Map<number, Session>();
  readonly #chosen: Kind = { count: 0, bytes: 0, oldest: null, newest: null };
  readonly #given: Kind = { count: 0, bytes: 0, oldest: null, newest: null };
  /** The one used last is found without looking it up; it never expires. */
  #last: Session | null = null;
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

  get bytes(): number {
    return this.#chosen.bytes + this.#given.bytes;
  }

  /** True if the session just used takes too much, and no other can go for it. */
  get isFull(): boolean {
    return this.bytes > this.bounds.sessionBytesMax;
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
    let session = this.#last;
    if (session === null || session.clientId !== clientId) {
      session = this.#byClient.get(clientId) ?? null;
      if (session === null) {
        return clientId >= FIRST_REGISTERED_CLIENT ? null : this.#create(clientId, lowestPending);
      }
    }
    this.#beforeChange(session);
    if (session !== this.#last) {
      unlink(session);
      linkNewest(session);
      this.#last = session;
    }
    session.lastUse = ++this.uses;
    session.answers.forgetBelow(lowestPending);
    this.#settle(session);
    return session;
  }

  /** A request took effect, and its answer is kept; others may have to go for it. */
  answered(session: Session): void {
    session.executed++;
    this.#settle(session);
  }

  /** A session as a snapshot has it, later in use than those before it. */
  restore(content: SessionContent): void {
    charge(this.#add(content));
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
    const answers = new Answers(lowestPending);
    const session = this.#add({ clientId, answers, executed: 0, lastUse: ++this.uses });
    this.#last = session;
    this.#settle(session);
    return session;
  }

  #add({ clientId, answers, executed, lastUse }: SessionContent): Session {
    const kind = clientId >= FIRST_REGISTERED_CLIENT ? this.#given : this.#chosen;
    const session: Session = {
      clientId,
      answers,
      executed,
      lastUse,
      kind,
      bytes: 0,
      generation: this.#generation,
      older: null,
      newer: null,
    };
    this.#byClient.set(clientId, session);
    kind.count++;
    linkNewest(session);
    return session;
  }

  /** What a session costs has changed; `used` is the one used last. */
  #settle(used: Session): void {
    charge(used);
    if (this.isFull || this.#byClient.size > this.bounds.sessionsMax) this.#expire(used);
  }

  /** Until all is within bounds, or the session used last would have to go. */
  #expire(used: Session): void {
    for (;;) {
      const kind = this.#excessive(used.kind);
      if (kind === null || kind.oldest === null || kind.oldest === used) return;
      const { oldest } = kind;
      this.#beforeChange(oldest);
      unlink(oldest);
      this.#byClient.delete(oldest.clientId);
      kind.count--;
      kind.bytes -= oldest.bytes;
    }
  }

  /** Beyond a bound, the kind that takes more of it; of equal ones the one not just used. */
  #excessive(used: Kind): Kind | null {
    const other = used === this.#chosen ? this.#given : this.#chosen;
    if (this.#byClient.size > this.bounds.sessionsMax) {
      return used.count > other.count ? used : other;
    }
    if (this.isFull) return used.bytes > other.bytes ? used : other;
    return null;
  }

  #beforeChange(session: Session): void {
    if (this.#snapshot !== null && session.generation !== this.#generation) {
      this.#snapshot.save(session);
    }
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

  /** O(answers): references are copied, and written out in slices. */
  save(session: Session): void {
    const { clientId, answers, executed, lastUse } = session;
    this.#saved.push({ clientId, answers: answers.copy(), executed, lastUse });
    session.generation = this.#generation;
  }
}

function linkNewest(session: Session): void {
  const { kind } = session;
  session.older = kind.newest;
  session.newer = null;
  if (kind.newest === null) kind.oldest = session;
  else kind.newest.newer = session;
  kind.newest = session;
}

function unlink({ kind, older, newer }: Session): void {
  if (older === null) kind.oldest = newer;
  else older.newer = newer;
  if (newer === null) kind.newest = older;
  else newer.older = older;
}

function charge(session: Session): void {
  const bytes = SESSION_BYTES + session.answers.bytes;
  session.kind.bytes += bytes - session.bytes;
  session.bytes = bytes;
}

/** The order of the answers, in which servers may differ, makes no difference. */
function sessionDigest({ clientId, answers, executed, lastUse }: Session): number {
  let sum = digestOf(clientId, answers.lowestPending, executed, lastUse);
  for (const [requestNumber, { status, value, index }] of answers.entries()) {
    const found = value === null ? -1 : hashBytes(value, 0, value.byteLength);
    const what = digestOf(clientId, requestNumber, STATUSES.indexOf(status), index, found);
    sum = (sum + what) >>> 0;
  }
  return sum;
}

const digested = new Float64Array(8);
const digestedBytes = new Uint8Array(digested.buffer);

function digestOf(...numbers: readonly number[]): number {
  digested.set(numbers);
  return hashBytes(digestedBytes, 0, numbers.length * Float64Array.BYTES_PER_ELEMENT);
}
