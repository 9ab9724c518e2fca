/**
 * What the key-value store should do, one operation after the other: the sequential specification
 * that results are judged by. Written apart from `src/kv.ts`, on plain strings and a plain map, so
 * that one mistake cannot hide in both.
 */
import type { OperationKind } from '../src/command.ts';

/** What an operation does to its key and answers; `null` is absent throughout. */
export type ModelStep = {
  readonly after: string | null;
  readonly status: 'ok' | 'notFound' | 'alreadyExists' | 'mismatch';
  /**
   * What was found: by get, delete and update, by a create that finds the key, and by a cas that
   * does not match. Others do not tell.
   */
  readonly found: string | null;
};

/** One operation on a key that holds `before`. */
export function executeOn(
  before: string | null,
  kind: OperationKind,
  value: string | null,
  expected: string | null,
): ModelStep {
  switch (kind) {
    case 'get':
      return { after: before, status: before === null ? 'notFound' : 'ok', found: before };
    case 'put':
      return { after: value, status: 'ok', found: null };
    case 'delete':
      return { after: null, status: before === null ? 'notFound' : 'ok', found: before };
    case 'create':
      if (before !== null) return { after: before, status: 'alreadyExists', found: before };
      return { after: value, status: 'ok', found: null };
    case 'update':
      if (before === null) return { after: null, status: 'notFound', found: null };
      return { after: value, status: 'ok', found: before };
    case 'cas':
      if (before !== expected) return { after: before, status: 'mismatch', found: before };
      return { after: value, status: 'ok', found: null };
  }
}

export class Model {
  readonly state = new Map<string, string>();

  /** `null` means absent: as a value to store, to expect, or to find. */
  execute(
    kind: OperationKind,
    key: string,
    value: string | null,
    expected: string | null,
  ): ModelStep {
    const step = executeOn(this.state.get(key) ?? null, kind, value, expected);
    if (step.after === null) this.state.delete(key);
    else this.state.set(key, step.after);
    return step;
  }
}
