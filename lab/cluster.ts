/**
 * What may be done to a cluster, whichever host runs it. A workload looks at the clock, waits, and
 * calls; an operator changes who belongs and who leads. Time is in integer microseconds on the
 * host's clock.
 */
import type { Operation, Result } from '../src/command.ts';
import type { Answer } from '../src/raft/types.ts';
import type { AdminOperation } from './faults.ts';

/**
 * How a call ended. `fail`: it surely did not take effect. `unknown`: the client cannot know, the
 * operation may still take effect later.
 */
export type Outcome =
  | { readonly kind: 'ok'; readonly result: Result }
  | { readonly kind: 'fail' }
  | { readonly kind: 'unknown' };

/**
 * How a get is made (§6.4): `linearizable` by a round of heartbeats, `lease` without one where the
 * leader's lease holds, `follower` at any node that asks the leader, `log` through the log as a
 * command; and `stale`, from whatever a node happens to have: the control.
 */
export const READ_WAYS = ['linearizable', 'lease', 'log', 'stale', 'follower'] as const;
export type ReadWay = (typeof READ_WAYS)[number];

/** Where nodes keep their data: in memory, or in a database that syncs each write. */
export const STORAGES = ['memory', 'sqlite'] as const;
export type StorageKind = (typeof STORAGES)[number];

export interface Caller {
  nowUs(): number;
  /** Calls `then` at or soon after `atUs`. */
  at(atUs: number, then: () => void): void;
  /**
   * Executes an operation for a client, counted from 0, and retries it until its deadline; a retry
   * takes effect at most once. The operation must not change until `done`, which gets its request
   * number.
   */
  call(
    client: number,
    operation: Operation,
    done: (outcome: Outcome, requestNumber: number) => void,
    read?: ReadWay,
  ): void;
}

export interface Administration {
  /**
   * Has whoever leads carry out the operation, and asks again while what stands in the way may
   * pass. `done` gets the last answer; `null` if none came, or nobody played the part.
   */
  carryOut(operation: AdminOperation, done: (answer: Answer | null) => void): void;
  /** What is asked for, nobody asks for again. */
  end(): void;
}
