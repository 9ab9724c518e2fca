/**
 * What the contract's limits need beside JSON Schema's own keywords: bytes, not characters, and
 * numbers and addresses written as text.
 */
import type { FastifyServerOptions } from 'fastify';
import { parseAddress } from '../address.ts';
import { Encoded, type Value } from './encoded.ts';

type Validator = Parameters<NonNullable<NonNullable<FastifyServerOptions['ajv']>['onCreate']>>[0];
/** As the framework calls it: where it returns false, it says in `errors` why. */
type Validate = { (value: unknown): boolean; errors?: unknown };
type Keyword = Exclude<Parameters<Validator['addKeyword']>[0], string>;

/** No UTF-16 unit takes more bytes in UTF-8. */
const UNIT_BYTES_MAX = 3;

const BETWEEN_SCHEMAS_MS = 100;

type Range = { readonly minimum: number; readonly maximum: number };

export function addKeywords(validator: Validator): void {
  for (const keyword of KEYWORDS) validator.addKeyword({ ...keyword, errors: false });
}

/**
 * To compile all schemas would be a third of a start. So each is compiled with the first request
 * that it is for, or before, once the server listens: one in a turn, and not turn after turn.
 */
export class SchemaCompiler {
  /** By the schema's text: many routes have the same. */
  readonly #compiled = new Map<string, Validate>();
  readonly #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | null = null;

  compileWhenUsed(validator: Validator): void {
    const compile = validator.compile.bind(validator);
    const compileLater = (schema: Parameters<typeof compile>[0]): Validate => {
      const text = JSON.stringify(schema);
      const compileNow = (): Validate => {
        const compiled = this.#compiled.get(text) ?? (compile(schema) as Validate);
        this.#compiled.set(text, compiled);
        return compiled;
      };
      this.#waiting.push(compileNow);
      let compiled: Validate | null = null;
      const names = optionalNamesOf(schema);
      const validate: Validate = (value) => {
        if (names !== null && hasNone(value, names)) return true;
        compiled ??= compileNow();
        const isValid = compiled(value);
        validate.errors = compiled.errors;
        return isValid;
      };
      return validate;
    };
    Object.assign(validator, { compile: compileLater });
  }

  /** In the order of the routes. */
  compileAhead(): void {
    this.#timer = setInterval(() => {
      this.#waiting.shift()?.();
      if (this.#waiting.length === 0) this.stop();
    }, BETWEEN_SCHEMAS_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}

/** Of a schema of headers that may all be left out, their names; of any other, `null`. */
function optionalNamesOf(schema: object | boolean): string[] | null {
  if (typeof schema === 'boolean') return null;
  const { type, properties = {}, ...others } = schema as Record<string, unknown>;
  return type === 'object' && Object.keys(others).length === 0
    ? Object.keys(properties ?? {})
    : null;
}

/** Most requests have none of the headers that are described, and are spared their schema. */
function hasNone(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return names.every((name) => (value as Record<string, unknown>)[name] === undefined);
}

const KEYWORDS: readonly Keyword[] = [
  { keyword: 'x-max-bytes', type: 'string', schemaType: 'number', validate: hasBytesAtMost },
  { keyword: 'x-max-encoded-bytes', schemaType: 'number', validate: isEncodedWithin },
  { keyword: 'x-address', type: 'string', schemaType: 'boolean', validate: isAddress },
  { keyword: 'x-decimal', type: 'string', schemaType: 'object', validate: isDecimalWithin },
];

/** Half a surrogate pair has no bytes: two keys that differ in it would be one. */
function hasBytesAtMost(bytesMax: number, text: string): boolean {
  const isShort = text.length * UNIT_BYTES_MAX <= bytesMax || Buffer.byteLength(text) <= bytesMax;
  return isShort && text.isWellFormed();
}

/** A plain value is a short one (encoded.ts); what is encoded was measured when it was. */
function isEncodedWithin(_bytesMax: number, value: Value): boolean {
  return !(value instanceof Encoded) || (value.bytes !== null && !value.isUnheld);
}

function isAddress(_isAsked: boolean, text: string): boolean {
  return parseAddress(text) !== null;
}

function isDecimalWithin({ minimum, maximum }: Range, text: string): boolean {
  return /^[1-9]\d{0,15}$/.test(text) && Number(text) >= minimum && Number(text) <= maximum;
}
