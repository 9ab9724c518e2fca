/**
 * The fields of a body as they would be stored. What this takes is plain data, and so is what it
 * gives: it runs in a thread of its own for large bodies (body.ts).
 */
import { isUtf8 } from 'node:buffer';
import { canonicalFields, type FieldType, NotJson } from './canonical-fields.ts';
import { type ErrorCode, Refusal } from './errors.ts';

export type EncodedField = {
  readonly name: string;
  readonly type: FieldType;
  /** The canonical text in UTF-8; `null` where it has more bytes than a field may have. */
  readonly bytes: Uint8Array | null;
  /** It has a number that no double can hold. */
  readonly isUnheld: boolean;
};

export type BodyFields =
  | { readonly fields: readonly EncodedField[] }
  | { readonly refused: ErrorCode; readonly message: string };

export type BodyTask = {
  readonly body: Uint8Array;
  /** Fields with other names are left out. */
  readonly names: readonly string[];
  /** Of a field. */
  readonly bytesMax: number;
};

const encoder = new TextEncoder();

export function readFields({ body, names, bytesMax }: BodyTask): BodyFields {
  try {
    const found = canonicalFields(textOf(body), names, bytesMax);
    if (typeof found === 'string') throw noObject(found);
    const fields = [...found].map(([name, { type, text, isUnheld }]) => {
      const bytes = text === null ? null : encoder.encode(text);
      const isTooLarge = bytes === null || bytes.byteLength > bytesMax;
      return { name, type, bytes: isTooLarge ? null : bytes, isUnheld };
    });
    return { fields };
  } catch (error) {
    const refusal = error instanceof NotJson ? noJson(error) : error;
    if (!(refusal instanceof Refusal)) throw error;
    return { refused: refusal.errorCode, message: refusal.message };
  }
}

/** Throws a Refusal. */
export function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new Refusal('invalid_utf8', 'Expected a body in UTF-8, got other bytes.');
}

export function noJson({ message }: Error): Refusal {
  return new Refusal('invalid_json', `Expected a body in JSON; parsing it failed: ${message}.`);
}

export function noObject(got: FieldType): Refusal {
  return new Refusal('invalid_body', `Expected a JSON object as the body, got ${got}.`);
}
