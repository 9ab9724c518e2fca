/**
 * The committed log once more, by the rule of sessions alone (§6.3): which commands take effect,
 * and what a store holds that has executed them. Written apart from the state machine, on the
 * model.
 */
import { OperationReader } from '../src/command.ts';
import { SESSION_WINDOW } from '../src/kv.ts';
import type { Entry } from '../src/raft/types.ts';
import { Model } from './model.ts';

export type Replay = {
  /** Per client id: a byte per request number, 1 where a write takes effect. */
  readonly executed: ReadonlyMap<number, Uint8Array>;
  /** By index, how many commands have taken effect up to there. */
  readonly countAt: readonly number[];
  /** What a store holds that has executed them. */
  readonly model: Model;
};

/** Bytes as text, a character for each byte or better; equal bytes give equal text. */
export type TextOf = (bytes: Uint8Array, start: number, end: number) => string;

/**
 * The first command of each client and request number takes effect, unless the client had by then
 * declared that it waits for it no longer, or is further ahead of what it still waits for than a
 * session keeps answers. O(bytes of commands).
 */
export function replayCommitted(log: readonly Entry[], textOf: TextOf): Replay {
  const executed = new Map<number, Uint8Array>();
  const lowestPending = new Map<number, number>();
  const model = new Model();
  const countAt = [0];
  let count = 0;
  for (const entry of log) {
    if (entry.kind === 'command') {
      const command = new OperationReader(entry.command);
      while (command.next()) {
        if (!takesEffect(command, executed, lowestPending)) continue;
        count++;
        execute(model, command, textOf);
      }
    }
    countAt.push(count);
  }
  return { executed, countAt, model };
}

function execute(model: Model, command: OperationReader, textOf: TextOf): void {
  const { bytes, kind, keyStart, valueStart, hasValue, hasExpected } = command;
  const valueEnd = valueStart + command.valueLength;
  model.execute(
    kind,
    textOf(bytes, keyStart, valueStart),
    hasValue ? textOf(bytes, valueStart, valueEnd) : null,
    hasExpected ? textOf(bytes, valueEnd, valueEnd + command.expectedLength) : null,
  );
}

function takesEffect(
  command: OperationReader,
  executed: Map<number, Uint8Array>,
  lowestPending: Map<number, number>,
): boolean {
  const { clientId, requestNumber } = command;
  const lowest = Math.max(lowestPending.get(clientId) ?? 0, command.lowestPending);
  lowestPending.set(clientId, lowest);
  const seen = withRoom(executed, clientId, requestNumber);
  if (requestNumber < lowest || requestNumber - lowest >= SESSION_WINDOW) return false;
  if (seen[requestNumber] === 1) return false;
  seen[requestNumber] = 1;
  return true;
}

function withRoom(
  executed: Map<number, Uint8Array>,
  clientId: number,
  requestNumber: number,
): Uint8Array {
  const seen = executed.get(clientId) ?? new Uint8Array(1024);
  if (requestNumber < seen.byteLength) {
    executed.set(clientId, seen);
    return seen;
  }
  const grown = new Uint8Array(Math.max(seen.byteLength * 2, requestNumber + 1));
  grown.set(seen);
  executed.set(clientId, grown);
  return grown;
}

/**
 * Acknowledged writes that never take effect. `acknowledged` has, per client counted from 0 (whose
 * id is one more), a byte per request number, 1 where a write was acknowledged.
 */
export function countLost(
  acknowledged: readonly Uint8Array[],
  executed: ReadonlyMap<number, Uint8Array>,
): number {
  let lost = 0;
  acknowledged.forEach((told, client) => {
    const seen = executed.get(client + 1);
    for (let requestNumber = 1; requestNumber < told.byteLength; requestNumber++) {
      if (told[requestNumber] === 1 && seen?.[requestNumber] !== 1) lost++;
    }
  });
  return lost;
}
