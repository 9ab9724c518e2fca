/** Values of requests on their way to the log: as they came, or encoded already. */
import { canonicalText, type Json } from '../canonical-json.ts';
import type { EncodedField } from './body-fields.ts';

/**
 * A field that was not made into an object of JavaScript. To the validator it is an object, which
 * a value may be and a key may not.
 */
export class Encoded {
  readonly #field: EncodedField;

  constructor(field: EncodedField) {
    this.#field = field;
  }

  get type(): EncodedField['type'] {
    return this.#field.type;
  }

  get isUnheld(): boolean {
    return this.#field.isUnheld;
  }

  /** `null` where they are more than a value may have. */
  get bytes(): Uint8Array | null {
    return this.#field.bytes;
  }
}

/** What a field of a body with values is, once it is read. */
export type Value = null | boolean | number | string | Encoded;

const PLAIN_BYTES_MAX = 4096;

/** Short scalars as they are; for a value that is a container or long, its bytes are enough. */
export function fieldValue(field: EncodedField): Value {
  const { type, bytes, isUnheld } = field;
  const isContainer = type === 'an array' || type === 'an object';
  if (isContainer || isUnheld || bytes === null || bytes.byteLength > PLAIN_BYTES_MAX) {
    return new Encoded(field);
  }
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
}

/** What is stored of a value that the schema has let through. */
export function storedBytes(value: Value): Uint8Array {
  if (!(value instanceof Encoded)) return Buffer.from(canonicalText(value as Json));
  if (value.bytes === null) throw new Error('a value beyond the limit is not to be stored');
  return value.bytes;
}
