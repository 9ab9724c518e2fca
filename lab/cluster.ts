/**
 * What a workload may do to a cluster, whichever host runs it: look at the clock, wait, and call.
 * Time is in integer microseconds on the host's clock.
 */
import type { Operation, Result } from '../src/command.ts';

/**
 * How a call ended. `fail`: it surely did not take effect. `unknown`: the client cannot know, the
 * operation may still take effect later.
 */
export type Outcome =
  | { readonly kind: 'ok'; readonly result: Result }
  | { readonly kind: 'fail' }
  | { readonly kind: 'unknown' };

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
  ): void;
}
