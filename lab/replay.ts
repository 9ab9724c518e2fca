/**
 * The committed log once more, by the rule of sessions alone (§6.3): which commands take effect,
 * and what a store holds that has executed them. Written apart from the state machine, on the
 * model.
 */
import { ANSWER_BYTES, VALUE_BYTES } from '../src/answers.ts';
import { FIRST_REGISTERED_CLIENT, OperationReader } from '../src/command.ts';
import { SESSION_BOUNDS, SESSION_WINDOW, type SessionBounds } from '../src/kv.ts';
import type { Entry } from '../src/raft/types.ts';
import { SESSION_BYTES } from '../src/sessions.ts';
import { Model, type ModelStep } from './model.ts';

export type Replay = {
  /** By client id, 0 without a session: a byte per request number, 1 where a write takes effect. */
  readonly executed: ReadonlyMap<number, Uint8Array>;
  /** By index, how many commands have taken effect up to there. */
  readonly countAt: readonly number[];
  /** What a store holds that has executed them. */
  readonly model: Model;
  /** Requests without a session that take effect more than once. */
  readonly repeated: number;
};

/** Bytes as text, a character for each byte; equal bytes give equal text. */
export type TextOf = (bytes: Uint8Array, start: number, end: number) => string;

/** What is known of a client that asks through a session. */
type Known = {
  lowestPending: number;
  /** By request number, what the answer costs. */
  readonly costs: Map<number, number>;
  bytes: number;
};

/** Sessions whose ids were chosen, or given; the one used last stands last. */
type Kind = { readonly known: Map<number, Known>; bytes: number };

/**
 * The first command of each client and request number takes effect, unless the client had by then
 * declared that it waits for it no longer, or is further ahead of what it still waits for than a
 * session keeps answers; for as long as its session is kept. Bounds that are left out are the
 * state machine's. O(bytes of commands).
 */
export function replayCommitted(
  log: readonly Entry[],
  textOf: TextOf,
  bounds: Partial<SessionBounds> = {},
): Replay {
  const replayer = new Replayer(textOf, { ...SESSION_BOUNDS, ...bounds });
  const countAt = [0];
  for (const entry of log) {
    if (entry.kind === 'command') {
      const command = new OperationReader(entry.command);
      while (command.next()) replayer.execute(command);
    }
    countAt.push(replayer.count);
  }
  const { executed, model, repeated } = replayer;
  return { executed, countAt, model, repeated };
}

class Replayer {
  readonly executed = new Map<number, Uint8Array>();
  readonly model = new Model();
  count = 0;
  repeated = 0;
  readonly #textOf: TextOf;
  readonly #bounds: SessionBounds;
  readonly #chosen: Kind = { known: new Map(), bytes: 0 };
  readonly #given: Kind = { known: new Map(), bytes: 0 };
  #registered = 0;

  constructor(textOf: TextOf, bounds: SessionBounds) {
    this.#textOf = textOf;
    this.#bounds = bounds;
  }

  execute(command: OperationReader): void {
    if (command.kind === 'register') {
      this.count++;
      const clientId = FIRST_REGISTERED_CLIENT + this.#registered++;
      this.#use(this.#given, clientId, this.#begin(this.#given, 1));
    } else if (command.clientId === 0) {
      this.count++;
      this.#noteOnce(command.requestNumber);
      this.#executeOnModel(command);
    } else this.#executeOnce(command);
  }

  #executeOnce(command: OperationReader): void {
    const { clientId, requestNumber } = command;
    const kind = clientId >= FIRST_REGISTERED_CLIENT ? this.#given : this.#chosen;
    const known = kind.known.get(clientId);
    if (known === undefined && kind === this.#given) return;
    const session = known ?? this.#begin(kind, command.lowestPending);
    this.#forgetBelow(kind, session, command.lowestPending);
    this.#use(kind, clientId, session);
    const ahead = requestNumber - session.lowestPending;
    if (ahead < 0 || ahead >= SESSION_WINDOW || session.costs.has(requestNumber)) return;
    if (this.#isFull) return;
    this.count++;
    this.#note(clientId, requestNumber);
    const cost = costOf(this.#executeOnModel(command));
    session.costs.set(requestNumber, cost);
    charge(kind, session, cost);
    this.#expire(kind);
  }

  #begin(kind: Kind, lowestPending: number): Known {
    const session: Known = { lowestPending, costs: new Map(), bytes: 0 };
    charge(kind, session, SESSION_BYTES);
    return session;
  }

  #use(kind: Kind, clientId: number, session: Known): void {
    kind.known.delete(clientId);
    kind.known.set(clientId, session);
    this.#expire(kind);
  }

  #forgetBelow(kind: Kind, session: Known, lowestPending: number): void {
    if (lowestPending <= session.lowestPending) return;
    // No answer is kept further ahead than the window.
    const end = Math.min(lowestPending, session.lowestPending + SESSION_WINDOW);
    for (let requestNumber = session.lowestPending; requestNumber < end; requestNumber++) {
      charge(kind, session, -(session.costs.get(requestNumber) ?? 0));
      session.costs.delete(requestNumber);
    }
    session.lowestPending = lowestPending;
  }

  /** Until all is within bounds, or the session used last would have to go. */
  #expire(used: Kind): void {
    const other = used === this.#chosen ? this.#given : this.#chosen;
    for (;;) {
      const isTooMany = this.#isTooMany;
      if (!isTooMany && !this.#isFull) return;
      const surplus = isTooMany ? used.known.size - other.known.size : used.bytes - other.bytes;
      const kind = surplus > 0 ? used : other;
      if (kind === used && kind.known.size === 1) return;
      const [oldest] = kind.known;
      if (oldest === undefined) return;
      const [clientId, session] = oldest;
      kind.known.delete(clientId);
      kind.bytes -= session.bytes;
    }
  }

  get #isTooMany(): boolean {
    return this.#chosen.known.size + this.#given.known.size > this.#bounds.sessionsMax;
  }

  get #isFull(): boolean {
    return this.#chosen.bytes + this.#given.bytes > this.#bounds.sessionBytesMax;
  }

  #executeOnModel(command: OperationReader): ModelStep {
    const { bytes, kind, keyStart, valueStart, hasValue, hasExpected } = command;
    if (kind === 'register') throw new RangeError('a registration is no operation on a key');
    const textOf = this.#textOf;
    const valueEnd = valueStart + command.valueLength;
    const key = textOf(bytes, keyStart, valueStart);
    const value = hasValue ? textOf(bytes, valueStart, valueEnd) : null;
    const expected = hasExpected ? textOf(bytes, valueEnd, command.end) : null;
    return this.model.execute(kind, key, value, expected);
  }

  /** Without a session; who cares numbers such requests all the same, from 1. */
  #noteOnce(requestNumber: number): void {
    if (requestNumber === 0) return;
    if (this.executed.get(0)?.[requestNumber] === 1) this.repeated++;
    this.#note(0, requestNumber);
  }

  #note(clientId: number, requestNumber: number): void {
    let seen = this.executed.get(clientId) ?? new Uint8Array(1024);
    if (requestNumber >= seen.byteLength) {
      const grown = new Uint8Array(Math.max(seen.byteLength * 2, requestNumber + 1));
      grown.set(seen);
      seen = grown;
    }
    this.executed.set(clientId, seen);
    seen[requestNumber] = 1;
  }
}

function charge(kind: Kind, session: Known, bytes: number): void {
  session.bytes += bytes;
  kind.bytes += bytes;
}

function costOf({ found }: ModelStep): number {
  return found === null ? ANSWER_BYTES : ANSWER_BYTES + VALUE_BYTES + found.length;
}

/**
 * Acknowledged writes that never take effect. `acknowledged` has by client id a byte per request
 * number, 1 where a write was acknowledged; an array has clients whose ids count from 1.
 */
export function countLost(
  acknowledged: ReadonlyMap<number, Uint8Array> | readonly Uint8Array[],
  executed: ReadonlyMap<number, Uint8Array>,
): number {
  let lost = 0;
  const isArray = Array.isArray(acknowledged);
  for (const [key, told] of acknowledged.entries()) {
    const seen = executed.get(isArray ? key + 1 : key);
    for (let requestNumber = 1; requestNumber < told.byteLength; requestNumber++) {
      if (told[requestNumber] === 1 && seen?.[requestNumber] !== 1) lost++;
    }
  }
  return lost;
}
