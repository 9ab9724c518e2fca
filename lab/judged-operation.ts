/**
 * An operation of a history as the checker judges it: its values as numbers, so that comparing and
 * remembering states costs nothing, and one question, whether it can be executed on a state.
 */

import { canonicalText } from '../src/canonical-json.ts';
import type { OperationKind } from '../src/command.ts';
import type { HistoryOperation, HistoryResult, Json } from './history.ts';
import { executeOn } from './model.ts';

/** What a key holds, by its number in `Values`. */
export type ValueId = number;
export const ABSENT: ValueId = 0;
/** Stands for every value that no operation names. */
export const UNNAMED: ValueId = 1;
/** Instead of a state: the operation cannot have been executed there. */
export const REFUSED = -1;

export type JudgedOperation = {
  readonly source: HistoryOperation;
  readonly kind: OperationKind;
  readonly value: ValueId;
  readonly expected: ValueId;
  /** `undefined`: not judged; all that an open operation has. */
  readonly status: HistoryResult['status'];
  readonly told: ValueId | undefined;
  readonly call: number;
  /** Infinity of an open operation: whatever was called later, it may take effect after that. */
  readonly return: number;
};

/** Numbers values, deeply equal ones alike; a value left out counts as absent. */
export class Values {
  readonly #ids = new Map<string, ValueId>();
  /** By number; what the model computes with. No JSON value is written as the empty text. */
  readonly texts: (string | null)[] = [null, ''];

  idOf(value: Json | undefined): ValueId {
    if (value === undefined || value === null) return ABSENT;
    const text = canonicalText(value);
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = this.texts.length;
      this.#ids.set(text, id);
      this.texts.push(text);
    }
    return id;
  }
}

export function judgedOperation(source: HistoryOperation, values: Values): JudgedOperation {
  const completed = source.outcome === 'ok';
  const told = completed ? source.result?.value : undefined;
  return {
    source,
    kind: source.op,
    value: values.idOf(source.value),
    expected: values.idOf(source.expected),
    status: completed ? source.result?.status : undefined,
    told: told === undefined ? undefined : values.idOf(told),
    call: source.call,
    return: completed ? returnOf(source) : Number.POSITIVE_INFINITY,
  };
}

function returnOf(source: HistoryOperation): number {
  if (source.return !== null && source.return >= source.call) return source.return;
  throw new RangeError(
    `an operation of outcome ok is called at ${source.call} and returns at ${source.return}`,
  );
}

/**
 * The operations on one key, with all values that none of them tells or expects replaced by one.
 * To tell such values apart makes no difference to any answer, and more states to go through.
 */
export function withUnnamedAlike(operations: readonly JudgedOperation[]): JudgedOperation[] {
  const named = new Set<ValueId | undefined>([ABSENT]);
  for (const { expected, told } of operations) named.add(expected).add(told);
  return operations.map((operation) =>
    named.has(operation.value) ? operation : { ...operation, value: UNNAMED },
  );
}

/** The state after the operation, or `REFUSED` where the model answers something else. */
export function stateAfter(
  operation: JudgedOperation,
  state: ValueId,
  texts: readonly (string | null)[],
): ValueId {
  const { kind, value, status, told } = operation;
  const before = texts[state] as string | null;
  const text = texts[value] as string | null;
  const step = executeOn(before, kind, text, texts[operation.expected] as string | null);
  if (status !== undefined && status !== step.status) return REFUSED;
  if (told !== undefined && tells(kind, step.status) && step.found !== texts[told]) return REFUSED;
  if (step.after === before) return state;
  return step.after === null ? ABSENT : value;
}

/** What the key holds after an operation that took effect; of a get it means nothing. */
export function effectOf({ kind, value }: JudgedOperation): ValueId {
  return kind === 'delete' ? ABSENT : value;
}

/**
 * The states an operation can be executed on. `UNNAMED` stands for all that it does not name: on
 * those it does alike.
 */
export function statesOf(operation: JudgedOperation, texts: readonly (string | null)[]): ValueId[] {
  const { expected, told = ABSENT } = operation;
  return [...new Set([ABSENT, UNNAMED, expected, told])].filter(
    (state) => stateAfter(operation, state, texts) !== REFUSED,
  );
}

/** The one state an operation can be executed on, or -1 if there are others or none. */
export function onlyStateOf(
  operation: JudgedOperation,
  texts: readonly (string | null)[],
): ValueId {
  const [only = -1, ...others] = statesOf(operation, texts);
  return others.length > 0 || only === UNNAMED ? -1 : only;
}

/** Whether an answer of this status holds what was found; see `ModelStep`. */
function tells(kind: OperationKind, status: HistoryResult['status']): boolean {
  if (kind === 'put') return false;
  return status !== 'ok' || (kind !== 'create' && kind !== 'cas');
}
