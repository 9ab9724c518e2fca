/**
 * From the text of a body to the canonical text of its fields, in one pass and without the objects
 * in between, which would take hundreds of MiB and seconds for a body of 4 MiB. It accepts what
 * JSON.parse accepts, and takes numbers and repeated keys as JSON.parse does; it writes what
 * canonical-json writes of what was parsed.
 */

export type FieldType = 'an array' | 'an object' | 'a string' | 'a number' | 'a boolean' | 'a null';

export type CanonicalField = {
  readonly type: FieldType;
  /** `null` where it has more code units than were asked for. */
  readonly text: string | null;
  /** It has a number that no double can hold (`1e999` is JSON): it could not be kept. */
  readonly isUnheld: boolean;
};

/** Thrown for text that is not JSON. */
export class NotJson extends Error {}

/** A container that has begun and not ended. */
type Open = {
  readonly isObject: boolean;
  /** What of an array is written; an object is written at its end, in the order of its keys. */
  text: string;
  /** Of an object; `null` before its first value. */
  fields: Map<string, string> | null;
  /** The key whose value comes next. */
  key: string;
};

/** Of these nothing is kept: what they belong to is too long already. */
const SKIPPED_ARRAY: Open = { isObject: false, text: '', fields: null, key: '' };
const SKIPPED_OBJECT: Open = { ...SKIPPED_ARRAY, isObject: true };

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORDS = ['true', 'false', 'null'];
/** A whole number as long as this is written as it stands: a double holds all its digits. */
const DIGITS_KEPT = 15;

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** By the first character of a value; all others begin numbers. */
const TYPES: ReadonlyMap<string, FieldType> = new Map([
  ['[', 'an array'],
  ['{', 'an object'],
  ['"', 'a string'],
  ['t', 'a boolean'],
  ['f', 'a boolean'],
  ['n', 'a null'],
]);

/**
 * The fields of these names, if the text is an object; others are read and left out. Of JSON that
 * is no object, its type. A field has at most `lengthMax` code units, values that a repeated key
 * replaces later included. Throws NotJson. O(length), and keys are sorted.
 */
export function canonicalFields(
  text: string,
  names: readonly string[],
  lengthMax: number,
): ReadonlyMap<string, CanonicalField> | FieldType {
  return new FieldReader(text, names, lengthMax).read();
}

class FieldReader {
  readonly #text: string;
  readonly #names: readonly string[];
  readonly #lengthMax: number;
  readonly #found = new Map<string, CanonicalField>();
  /** The last is the innermost. */
  readonly #open: Open[] = [];
  #at = 0;
  /** Of the field that is being read. */
  #type: FieldType = 'a null';
  #length = 0;
  #isUnheld = false;

  constructor(text: string, names: readonly string[], lengthMax: number) {
    this.#text = text;
    this.#names = names;
    this.#lengthMax = lengthMax;
  }

  read(): ReadonlyMap<string, CanonicalField> | FieldType {
    this.#peek();
    const type = this.#typeHere();
    let value = this.#begin();
    while (this.#open.length > 0) value = this.#goOn(value);
    if (!Number.isNaN(this.#peek())) throw this.#wrong();
    return type === 'an object' ? this.#found : type;
  }

  get #isSkipping(): boolean {
    return this.#length > this.#lengthMax;
  }

  /** The value that begins here; `null` for a container, which goes on. */
  #begin(): string | null {
    const code = this.#peek();
    const isObject = code === OPEN_BRACE;
    if (!isObject && code !== OPEN_BRACKET) return this.#scalar(code);
    this.#at++;
    this.#length += '[]'.length;
    if (!this.#isSkipping) this.#open.push({ isObject, text: '', fields: null, key: '' });
    else this.#open.push(isObject ? SKIPPED_OBJECT : SKIPPED_ARRAY);
    return null;
  }

  /** One step in the innermost container; `value` has just ended in it, if anything has. */
  #goOn(value: string | null): string | null {
    const open = this.#open[this.#open.length - 1] as Open;
    if (value !== null) this.#put(open, value);
    const code = this.#peek();
    if (code === (open.isObject ? CLOSE_BRACE : CLOSE_BRACKET)) {
      this.#at++;
      this.#open.pop();
      if (this.#isSkipping) return '';
      return open.isObject ? objectText(open.fields) : `[${open.text}]`;
    }
    if (value !== null) {
      if (code !== COMMA) throw this.#wrong();
      this.#at++;
      this.#length++;
    }
    if (open.isObject) this.#readKey(open);
    return this.#begin();
  }

  #put(open: Open, value: string): void {
    if (this.#open.length === 1 && open.isObject) {
      if (!this.#names.includes(open.key)) return;
      const text = this.#isSkipping ? null : value;
      this.#found.set(open.key, { type: this.#type, text, isUnheld: this.#isUnheld });
    } else if (this.#isSkipping) {
      open.text = '';
      open.fields = null;
    } else if (!open.isObject) {
      open.text = open.text === '' ? value : `${open.text},${value}`;
    } else {
      open.fields ??= new Map();
      const replaced = open.fields.get(open.key);
      if (replaced !== undefined) this.#length -= replaced.length + open.key.length;
      open.fields.set(open.key, value);
    }
  }

  #readKey(open: Open): void {
    if (this.#peek() !== QUOTE) throw this.#wrong();
    const key = this.#string();
    if (this.#peek() !== COLON) throw this.#wrong();
    this.#at++;
    if (this.#open.length === 1) {
      this.#peek();
      this.#type = this.#typeHere();
      this.#length = 0;
      this.#isUnheld = false;
    } else {
      this.#length += key.length;
    }
    if (!this.#isSkipping) open.key = key;
  }

  #scalar(code: number): string {
    const text = code === QUOTE ? JSON.stringify(this.#string()) : this.#word(code);
    this.#length += text.length;
    return text;
  }

  #word(code: number): string {
    const whole = this.#wholeNumber(code);
    if (whole !== null) return whole;
    const word = WORDS.find((each) => this.#text.startsWith(each, this.#at));
    if (word === undefined) return this.#number();
    this.#at += word.length;
    return word;
  }

  /** Most numbers are, and are written as they stand; `null` for any other. */
  #wholeNumber(first: number): string | null {
    if (first <= ZERO || first > NINE) return null;
    let end = this.#at + 1;
    let code = this.#text.charCodeAt(end);
    while (code >= ZERO && code <= NINE) code = this.#text.charCodeAt(++end);
    if (end - this.#at > DIGITS_KEPT || (code !== COMMA && code !== CLOSE_BRACKET)) return null;
    const written = this.#text.slice(this.#at, end);
    this.#at = end;
    return written;
  }

  #number(): string {
    const start = this.#at;
    NUMBER.lastIndex = start;
    if (!NUMBER.test(this.#text)) throw this.#wrong();
    this.#at = NUMBER.lastIndex;
    const number = Number(this.#text.slice(start, this.#at));
    if (!Number.isFinite(number)) this.#isUnheld = true;
    // -0 equals 0, and is written like it.
    return String(number);
  }

  #string(): string {
    let end = this.#at;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) throw this.#wrong();
    } while (isEscaped(this.#text, end));
    try {
      const string: string = JSON.parse(this.#text.slice(this.#at, end + 1));
      this.#at = end + 1;
      return string;
    } catch {
      throw this.#wrong();
    }
  }

  /** The code unit that comes next, white space aside; `NaN` at the end. */
  #peek(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      const isSpace =
        code === SPACE || code === LINE_FEED || code === CARRIAGE_RETURN || code === TAB;
      if (!isSpace) return code;
      this.#at++;
    }
  }

  #typeHere(): FieldType {
    return TYPES.get(this.#text.charAt(this.#at)) ?? 'a number';
  }

  #wrong(): NotJson {
    const code = this.#text.codePointAt(this.#at);
    const found = code === undefined ? 'its end' : JSON.stringify(String.fromCodePoint(code));
    return new NotJson(`${found} at position ${this.#at} is not what JSON has there`);
  }
}

/** An odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}

function objectText(fields: ReadonlyMap<string, string> | null): string {
  let text = '';
  for (const key of [...(fields?.keys() ?? [])].sort()) {
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${fields?.get(key)}`;
  }
  return `{${text}}`;
}
