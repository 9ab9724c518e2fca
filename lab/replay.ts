/**
 * The committed log once more, by the rule of sessions alone (§6.3): which commands take effect,
 * and what a store holds that has executed them. Written apart from the state machine, on the
 * model.
 */
import { FIRST_REGISTERED_CLIENT, OperationReader } from '../src/command.ts';
import { SESSION_BOUNDS, SESSION_WINDOW, type SessionBounds } from '../src/kv.ts';
import type { Entry } from '../src/raft/types.ts';
import { ANSWER_BYTES, FIRST_SLOTS, SLOT_BYTES } from '../src/sessions.ts';
import { executeOn, Model, type ModelStep } from './model.ts';

export type Replay = {
  /** Per client id: a byte per request number, 1 where a write takes effect. */
  readonly executed: ReadonlyMap<number, Uint8Array>;
  /** By index, how many commands have taken effect up to there. */
  readonly countAt: readonly number[];
  /** What a store holds that has executed them. */
  readonly model: Model;
};

/** Bytes as text, a character for each byte; equal bytes give equal text. */
export type TextOf = (bytes: Uint8Array, start: number, end: number) => string;

/** What is known of a client that asks through a session. */
type Known = {
  lowestPending: number;
  /** By request number, what the answer costs. */
  readonly costs: Map<number, number>;
  /** Room for answers, a power of two that only grows. */
  slots: number;
  bytes: number;
};

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
  return { executed: replayer.executed, countAt, model: replayer.model };
}

class Replayer {
  readonly executed = new Map<number, Uint8Array>();
  readonly model = new Model();
  count = 0;
  readonly #textOf: TextOf;
  readonly #bounds: SessionBounds;
  /** The one used last stands last. */
  readonly #known = new Map<number, Known>();
  #bytes = 0;
  #registered = 0;

  constructor(textOf: TextOf, bounds: SessionBounds) {
    this.#textOf = textOf;
    this.#bounds = bounds;
  }

  execute(command: OperationReader): void {
    if (command.kind === 'register') {
      this.count++;
      const clientId = FIRST_REGISTERED_CLIENT + this.#registered++;
      this.#use(clientId, this.#begin(1));
      this.#expireOthers(clientId);
    } else if (command.clientId === 0) {
      this.count++;
      this.#executeOnModel(command);
    } else this.#executeOnce(command);
  }

  #executeOnce(command: OperationReader): void {
    const { clientId, requestNumber } = command;
    const known = this.#known.get(clientId);
    if (known === undefined && clientId >= FIRST_REGISTERED_CLIENT) return;
    const session = known ?? this.#begin(command.lowestPending);
    this.#use(clientId, session);
    this.#forgetBelow(session, command.lowestPending);
    const ahead = requestNumber - session.lowestPending;
    const isWithin = ahead >= 0 && ahead < SESSION_WINDOW;
    const isFull = session.bytes > this.#bounds.sessionBytesMax;
    if (isWithin && !isFull && !session.costs.has(requestNumber)) {
      this.count++;
      this.#note(clientId, requestNumber);
      const cost = costOf(this.#executeOnModel(command));
      session.costs.set(requestNumber, cost);
      let { slots } = session;
      while (slots <= ahead) slots *= 2;
      this.#charge(session, cost + (slots - session.slots) * SLOT_BYTES);
      session.slots = slots;
    }
    this.#expireOthers(clientId);
  }

  #begin(lowestPending: number): Known {
    const session: Known = { lowestPending, costs: new Map(), slots: FIRST_SLOTS, bytes: 0 };
    this.#charge(session, FIRST_SLOTS * SLOT_BYTES);
    return session;
  }

  #use(clientId: number, session: Known): void {
    this.#known.delete(clientId);
    this.#known.set(clientId, session);
  }

  #forgetBelow(session: Known, lowestPending: number): void {
    if (lowestPending <= session.lowestPending) return;
    // No answer is kept further ahead than there are slots.
    const end = Math.min(lowestPending, session.lowestPending + session.slots);
    for (let requestNumber = session.lowestPending; requestNumber < end; requestNumber++) {
      this.#charge(session, -(session.costs.get(requestNumber) ?? 0));
      session.costs.delete(requestNumber);
    }
    session.lowestPending = lowestPending;
  }

  #charge(session: Known, bytes: number): void {
    session.bytes += bytes;
    this.#bytes += bytes;
  }

  #expireOthers(usedNow: number): void {
    const { sessionsMax, sessionBytesMax } = this.#bounds;
    for (const [clientId, session] of this.#known) {
      if (this.#known.size <= sessionsMax && this.#bytes <= sessionBytesMax) return;
      if (clientId === usedNow) return;
      this.#known.delete(clientId);
      this.#bytes -= session.bytes;
    }
  }

  #executeOnModel(command: OperationReader): ModelStep {
    const { bytes, kind, keyStart, valueStart, hasValue, hasExpected } = command;
    if (kind === 'register') throw new RangeError('a registration is no operation on a key');
    const textOf = this.#textOf;
    const valueEnd = valueStart + command.valueLength;
    const key = textOf(bytes, keyStart, valueStart);
    const value = hasValue ? textOf(bytes, valueStart, valueEnd) : null;
    const expected = hasExpected ? textOf(bytes, valueEnd, command.end) : null;
    const step = executeOn(this.model.state.get(key) ?? null, kind, value, expected);
    this.model.execute(kind, key, value, expected);
    return step;
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

/** An answer that is no more than "done" is shared by all commands of its entry. */
function costOf({ status, found }: ModelStep): number {
  if (found === null && status === 'ok') return 0;
  return ANSWER_BYTES + (found?.length ?? 0);
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
