/**
 * One text for all JSON values that are deeply equal, whatever the order of their keys, and
 * different texts for all others. A stack of its own instead of recursion: values come from files,
 * and a file may nest them deeper than a call stack goes.
 */
/** Any JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** What is still to be written, last first: text as it stands, or a value. */
type Pending = { readonly text: string } | { readonly value: Json };

export function canonicalText(json: Json): string {
  if (typeof json !== 'object' || json === null) return scalarText(json);
  let written = '';
  const pending: Pending[] = [{ value: json }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if ('text' in next) written += next.text;
    else if (typeof next.value !== 'object' || next.value === null) {
      written += scalarText(next.value);
    } else {
      for (const part of partsOf(next.value).reverse()) pending.push(part);
    }
  }
  return written;
}

/** -0 equals 0, and is written like it. */
function scalarText(json: null | boolean | number | string): string {
  return typeof json === 'string' ? JSON.stringify(json) : String(json);
}

function partsOf(json: readonly Json[] | { readonly [key: string]: Json }): Pending[] {
  const parts: Pending[] = [];
  const separate = (): void => {
    if (parts.length > 1) parts.push({ text: ',' });
  };
  if (isList(json)) {
    parts.push({ text: '[' });
    for (const value of json) {
      separate();
      parts.push({ value });
    }
    parts.push({ text: ']' });
    return parts;
  }
  parts.push({ text: '{' });
  for (const key of Object.keys(json).sort()) {
    separate();
    parts.push({ text: `${JSON.stringify(key)}:` }, { value: json[key] ?? null });
  }
  parts.push({ text: '}' });
  return parts;
}

/** `Array.isArray` does not narrow a readonly array away. */
function isList(json: readonly Json[] | { readonly [key: string]: Json }): json is readonly Json[] {
  return Array.isArray(json);
}
