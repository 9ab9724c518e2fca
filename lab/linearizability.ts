/**
 * Whether a history could have come from a store that executes one operation at a time, each at
 * some moment between its call and its return (Herlihy and Wing, 1990). Every key is judged by
 * itself: a history is linearizable just when its part on each key is (their theorem 1), and the
 * parts are far shorter.
 *
 * An operation of outcome `fail` was surely not executed and is left out, so that whoever reads its
 * value is wrong. One of outcome `unknown` may be executed at any time after its call, whatever its
 * `return` says, or never; if it is a get, it says nothing and is left out. Whatever else was
 * called must be executed, and answer by `lab/model.ts` what its `result` says.
 */
import type { HistoryOperation } from './history.ts';
import {
  type JudgedOperation,
  judgedOperation,
  Values,
  withUnnamedAlike,
} from './judged-operation.ts';
import { searchLinearization } from './linearization.ts';
import { openWritesThatMatter } from './open-writes.ts';

export type Linearizability =
  | { readonly verdict: 'ok'; readonly operations: number; readonly keys: number }
  | {
      /** `unknown`: the steps were spent before an order was found or all were ruled out. */
      readonly verdict: 'illegal' | 'unknown';
      readonly key: string;
      /** The longest partial linearization found, in order. */
      readonly longest: readonly HistoryOperation[];
      /** The completed operations that could not be placed next after it. */
      readonly stuck: readonly HistoryOperation[];
      /** From the first call to the last return of those that are stuck. */
      readonly window: { readonly fromNs: number; readonly toNs: number };
    };

/** A few seconds for one key. */
export const STEPS_DEFAULT = 20_000_000;
/** For the longest partial linearization, once the verdict is known. */
const STEPS_TO_SHOW = 2_000_000;

type Failed = {
  readonly verdict: 'illegal' | 'unknown';
  readonly key: string;
  readonly longest: readonly JudgedOperation[];
  readonly completed: readonly JudgedOperation[];
};

/**
 * Judges a history, in whatever order its operations come. `steps` bounds the work on each key: how
 * often an operation is tried on a state. Of several keys that are not linearizable, the one that
 * is told needs the fewest operations to show it. A completed operation without a return, or with
 * one before its call, throws RangeError.
 */
export function checkLinearizability(
  history: readonly HistoryOperation[],
  limits: { readonly steps?: number } = {},
): Linearizability {
  const { steps = STEPS_DEFAULT } = limits;
  const keys = operationsByKey(history);
  let found: Failed | undefined;
  for (const [key, operations] of keys) {
    const values = new Values();
    const judged = withUnnamedAlike(
      operations
        .filter(({ op, outcome }) => outcome === 'ok' || (outcome === 'unknown' && op !== 'get'))
        .map((operation) => judgedOperation(operation, values))
        .sort((a, b) => a.call - b.call),
    );
    const completed = judged.filter((operation) => operation.return < Number.POSITIVE_INFINITY);
    const open = judged.filter((operation) => operation.return === Number.POSITIVE_INFINITY);
    const { texts } = values;
    const mattering = openWritesThatMatter(completed, open, texts);
    const settings = { steps, lookahead: true };
    const result = searchLinearization(completed, mattering, texts, settings);
    if (result.verdict === 'ok') continue;
    const shown = { steps: Math.min(steps, STEPS_TO_SHOW), lookahead: false };
    const { longest } = searchLinearization(completed, mattering, texts, shown);
    const failed = { verdict: result.verdict, key, longest, completed };
    if (found === undefined || tellsMore(failed, found)) found = failed;
  }
  if (found === undefined) return { verdict: 'ok', operations: history.length, keys: keys.size };
  const { verdict, key, longest } = found;
  const stuck = stuckAfter(longest, found.completed);
  return {
    verdict,
    key,
    longest: longest.map(({ source }) => source),
    stuck: stuck.map(({ source }) => source),
    window: {
      fromNs: stuck.reduce((least, { call }) => Math.min(least, call), Number.POSITIVE_INFINITY),
      toNs: stuck.reduce((most, each) => Math.max(most, each.return), Number.NEGATIVE_INFINITY),
    },
  };
}

function operationsByKey(history: readonly HistoryOperation[]): Map<string, HistoryOperation[]> {
  const keys = new Map<string, HistoryOperation[]>();
  for (const operation of history) {
    const operations = keys.get(operation.key);
    if (operations === undefined) keys.set(operation.key, [operation]);
    else operations.push(operation);
  }
  return keys;
}

/** What is surely wrong before what may be, and the shorter story before the longer. */
function tellsMore(a: Failed, b: Failed): boolean {
  if (a.verdict !== b.verdict) return a.verdict === 'illegal';
  return a.longest.length < b.longest.length;
}

/** The operations not placed that were called before the first of them has returned. */
function stuckAfter(
  longest: readonly JudgedOperation[],
  completed: readonly JudgedOperation[],
): JudgedOperation[] {
  const placed = new Set(longest);
  const left = completed.filter((operation) => !placed.has(operation));
  const firstReturn = left.reduce(
    (least, each) => Math.min(least, each.return),
    Number.POSITIVE_INFINITY,
  );
  return left.filter(({ call }) => call <= firstReturn);
}
