/**
 * What clients asked and were told: one record an operation, the exchange format of
 * docs/history.md. Times are integer nanoseconds on one clock of all clients; order and overlap is
 * all that is made of them.
 */
import type { Json } from '../src/canonical-json.ts';
import type { OperationKind } from '../src/command.ts';

export type { Json } from '../src/canonical-json.ts';

/** How an operation was answered; a field left out is not judged. */
export type HistoryResult = {
  readonly status?: 'ok' | 'notFound' | 'alreadyExists' | 'mismatch';
  /** What was found (get, create, cas) or replaced (update, delete). */
  readonly value?: Json;
};

export type HistoryOperation = {
  readonly client: number;
  readonly op: OperationKind;
  readonly key: string;
  /** What is to be stored: put, create, update, cas; `null` means absent, here and below. */
  readonly value?: Json;
  /** What a cas expects. */
  readonly expected?: Json;
  readonly call: number;
  /** `null`: no answer ever came. */
  readonly return: number | null;
  /**
   * `ok`: executed, and `result` is what it answered, be it that nothing was found or did match.
   * `fail`: surely not executed. `unknown`: may have taken effect, may still do so, or never.
   */
  readonly outcome: 'ok' | 'fail' | 'unknown';
  readonly result?: HistoryResult;
};
