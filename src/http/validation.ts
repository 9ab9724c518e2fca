/** From what a schema objects to, to the code that names the field and a sentence that says why. */
import type { FastifySchemaValidationError } from 'fastify';
import { Encoded } from './encoded.ts';
import { isErrorCode, Refusal, type Schema } from './errors.ts';

/** With what the validator adds where it is told to be verbose. */
type Objection = FastifySchemaValidationError & {
  readonly parentSchema?: Schema;
  readonly data?: unknown;
};

const TEXT_SHOWN = 40;
const UNHELD = 'a number that no double can hold';

/** `part` is what of the request is no good: `body`, `querystring`, `params` or `headers`. */
export function refusalOf(
  objections: readonly FastifySchemaValidationError[],
  part: string,
): Refusal {
  const objection = objections[0] as Objection;
  const { missingProperty } = objection.params;
  const isMissing = typeof missingProperty === 'string';
  const field = isMissing ? missingProperty : objection.instancePath.slice(1);
  // The parser lets nothing through but objects and bodies without a byte.
  if (field === '')
    return new Refusal('invalid_json', 'Expected a JSON object as the body, got none.');
  const schema = isMissing ? fieldOf(objection.parentSchema, field) : objection.parentSchema;
  const got = isMissing ? 'nothing' : described(objection, part);
  const code = `invalid_${field.toLowerCase().replaceAll('-', '_')}`;
  return new Refusal(
    isErrorCode(code) ? code : 'invalid_body',
    `Expected ${nameOf(field, part)} to be ${String(schema?.description)}, got ${got}.`,
  );
}

function fieldOf(schema: Schema | undefined, field: string): Schema | undefined {
  return (schema?.properties as Record<string, Schema> | undefined)?.[field];
}

function nameOf(field: string, part: string): string {
  if (part !== 'headers') return `"${field}"`;
  return field.replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
}

function described({ keyword, data }: Objection, part: string): string {
  if (part === 'querystring' && data === null) return 'something that is not percent-encoded UTF-8';
  if (part === 'querystring' && Array.isArray(data)) return 'it more than once';
  if (typeof data === 'number' && !Number.isFinite(data)) return UNHELD;
  if (data instanceof Encoded) return encodedText(keyword, data);
  if (Array.isArray(data)) return 'an array';
  if (typeof data === 'object' && data !== null) return 'an object';
  if (typeof data !== 'string') return String(data);
  if (!data.isWellFormed()) return 'a string with half a surrogate pair';
  return data.length <= TEXT_SHOWN ? JSON.stringify(data) : bytesText(Buffer.byteLength(data));
}

function encodedText(keyword: string, { type, bytes, isUnheld }: Encoded): string {
  if (keyword === 'x-max-encoded-bytes') return isUnheld ? UNHELD : 'more than that';
  if (type !== 'a string') return isUnheld && type === 'a number' ? UNHELD : type;
  return bytes === null ? 'a longer one' : bytesText(bytes.byteLength - '""'.length);
}

function bytesText(bytes: number): string {
  return `${bytes.toLocaleString('en-US')} bytes`;
}
