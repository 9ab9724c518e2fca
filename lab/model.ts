/**
 * What the key-value store should do, one operation after the other: the sequential specification
 * that results are judged by. Written apart from `src/kv.ts`, on plain strings and a plain map, so
 * that one mistake cannot hide in both.
 */
import type { OperationKind } from '../src/command.ts';

export class Model {
  readonly state = new Map<string, string>();

  /** `null` means absent: as a value to store, to expect, or to find. */
  execute(kind: OperationKind, key: string, value: string | null, expected: string | null): void {
    const present = this.state.has(key);
    switch (kind) {
      case 'get':
        break;
      case 'put':
        this.#store(key, value);
        break;
      case 'delete':
        this.state.delete(key);
        break;
      case 'create':
        if (!present) this.#store(key, value);
        break;
      case 'update':
        if (present) this.#store(key, value);
        break;
      case 'cas':
        if ((this.state.get(key) ?? null) === expected) this.#store(key, value);
        break;
    }
  }

  #store(key: string, value: string | null): void {
    if (value === null) this.state.delete(key);
    else this.state.set(key, value);
  }
}
