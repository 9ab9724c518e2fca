/** The kinds of settings: what each allows, how it is read from text, and what it is in a file. */
import { readFileSync } from 'node:fs';
import { ADDRESS_ALLOWED, isHost, parseAddress } from './address.ts';
import { type Bounds, numberAllowed, parseNumber } from './decimal.ts';
import { checkLinkSettings, type LinkSettings, PERFECT } from './transport/link.ts';
import { messageOf } from './user-error.ts';

/** A value, or what is allowed instead, as a phrase that fits behind `allowed:`. */
export type Parsed<V> = { readonly value: V } | { readonly allowed: string };

export type Kind<V> = {
  readonly allowed: string;
  /** What stands for a value in the help. */
  readonly placeholder: string;
  /** How it is written in a JSON file, where text does as well. */
  readonly inFile: 'text' | 'number' | 'boolean' | 'list' | 'object';
  /** No message repeats it. */
  readonly secret?: true;
  readonly parse: (text: string) => Parsed<V>;
};

function kind<V>(form: Omit<Kind<V>, 'parse'>, read: (text: string) => V | undefined): Kind<V> {
  const parse = (text: string): Parsed<V> => {
    const value = read(text);
    return value === undefined ? { allowed: form.allowed } : { value };
  };
  return { ...form, parse };
}

export function number(bounds: Bounds): Kind<number> {
  const form = { allowed: numberAllowed(bounds), placeholder: 'number', inFile: 'number' } as const;
  return kind(form, (text) => parseNumber(text, bounds));
}

export function count(low: number, high: number): Kind<number> {
  return number({ low, high, whole: true });
}

/** What can be switched off by the word `none`. */
export function numberOrNone(bounds: Bounds): Kind<number | null> {
  const form = {
    allowed: `${numberAllowed(bounds)}, or none`,
    placeholder: 'number|none',
    inFile: 'number',
  } as const;
  return kind<number | null>(form, (text) => (text === 'none' ? null : parseNumber(text, bounds)));
}

export function trueOrFalse(): Kind<boolean> {
  const allowed = 'true or false';
  return kind({ allowed, placeholder: 'true|false', inFile: 'boolean' }, (text) =>
    text === 'true' ? true : text === 'false' ? false : undefined,
  );
}

/** A switch that may also be written as one. */
export function onOrOff(): Kind<boolean> {
  const allowed = 'true or false, or on or off';
  const values: Readonly<Record<string, boolean>> = {
    true: true,
    on: true,
    false: false,
    off: false,
  };
  return kind({ allowed, placeholder: 'true|false', inFile: 'boolean' }, (text) =>
    Object.hasOwn(values, text) ? values[text] : undefined,
  );
}

export function oneOf<V extends string>(values: readonly V[]): Kind<V> {
  const allowed = `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
  return kind({ allowed, placeholder: 'word', inFile: 'text' }, (text) =>
    values.find((value) => value === text),
  );
}

/** Two whole numbers, the smaller first: `150-300`. */
export function range(high: number): Kind<readonly [low: number, high: number]> {
  const allowed = `two whole numbers such as 150-300, from 1 to ${high}, the smaller first`;
  return kind({ allowed, placeholder: 'low-high', inFile: 'text' }, (text) => {
    const [first = 0, last = 0] = /^\d+-\d+$/.test(text) ? text.split('-').map(Number) : [];
    return first >= 1 && first <= last && last <= high ? [first, last] : undefined;
  });
}

export function address(): Kind<string> {
  const form = { allowed: ADDRESS_ALLOWED, placeholder: 'host:port', inFile: 'text' } as const;
  return kind(form, (text) => (parseAddress(text) === null ? undefined : text));
}

/** A comma list, which may be empty. */
export function addresses(): Kind<readonly string[]> {
  const allowed = `a comma list of addresses, none twice, each ${ADDRESS_ALLOWED}`;
  return kind({ allowed, placeholder: 'host:port,…', inFile: 'list' }, (text) => {
    const list = listOf(text);
    const good = list.every((each) => parseAddress(each) !== null);
    return good && new Set(list).size === list.length ? list : undefined;
  });
}

export function host(): Kind<string> {
  const allowed = 'a name or an IP address, such as 127.0.0.1, 0.0.0.0 or ::';
  return kind({ allowed, placeholder: 'host', inFile: 'text' }, (text) =>
    isHost(text) ? text : undefined,
  );
}

/** A comma list, which may be empty; IPv6 addresses without brackets. */
export function hosts(): Kind<readonly string[]> {
  const allowed = 'a comma list of names and IP addresses, without ports';
  return kind({ allowed, placeholder: 'host,…', inFile: 'list' }, (text) => {
    const list = listOf(text);
    return list.every(isHost) ? list : undefined;
  });
}

function listOf(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((each) => each.trim());
}

/** A URL without a path: that is the contract's. */
export function origin(): Kind<string> {
  const allowed = 'http:// or https:// with a host and a port, such as http://localhost:8001';
  return kind({ allowed, placeholder: 'url', inFile: 'text' }, (text) => {
    const url = URL.parse(text);
    if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
    return url.href === `${url.origin}/` ? url.origin : undefined;
  });
}

/** What can stand in headers, logs and command lines as it is. */
export function word(lengthMax: number): Kind<string> {
  const allowed = `1 to ${lengthMax} printable ASCII characters without spaces`;
  return kind({ allowed, placeholder: 'text', inFile: 'text' }, (text) =>
    /^[!-~]+$/.test(text) && text.length <= lengthMax ? text : undefined,
  );
}

export function secret(of: Kind<string>): Kind<string> {
  return { ...of, secret: true };
}

export function path(): Kind<string> {
  return kind({ allowed: 'a path', placeholder: 'path', inFile: 'text' }, (text) =>
    text.trim() === '' || text.includes('\0') ? undefined : text,
  );
}

/** What a file holds, read at the start, without the line's end behind it. */
export function content(of: Kind<string>, what: string): Kind<string> {
  const allowed = `a file with ${what}`;
  const parse = (file: string): Parsed<string> => {
    let text: string;
    try {
      text = readFileSync(file, 'utf8').trim();
    } catch (error) {
      return { allowed: `${allowed} (${messageOf(error)})` };
    }
    return 'value' in of.parse(text) ? { value: text } : { allowed };
  };
  return { allowed, placeholder: 'file', inFile: 'text', parse };
}

/** Keys and certificates in the text form that begins with dashes. */
export function pem(): Kind<string> {
  const allowed = 'PEM';
  return kind({ allowed, placeholder: 'text', inFile: 'text' }, (text) =>
    /^-----BEGIN [A-Z ]+-----$/m.test(text) ? text : undefined,
  );
}

/** Settings of links as a JSON object; what is left out stays without faults. */
export function link(): Kind<LinkSettings> {
  const allowed = 'a JSON object such as {"loss":0.1,"delayMs":5}';
  const parse = (text: string): Parsed<LinkSettings> => {
    const settings = jsonObject(text);
    if (settings === null) return { allowed };
    const wrong = checkLinkSettings(settings);
    if (wrong !== null) return { allowed: `${allowed}. ${wrong}` };
    return { value: { ...PERFECT, ...settings } };
  };
  return { allowed, placeholder: 'json', inFile: 'object', parse };
}

function jsonObject(text: string): Record<string, unknown> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}
