/**
 * How long a value's canonical text is, counted without writing it: what is far too large, or
 * nested without end, costs no more than what is a little too large.
 */
import type { Json } from '../canonical-json.ts';

/**
 * At most `bytesMax`, or anything above it. `NaN` for a value with a number that no double can hold
 * (`1e999` is JSON): it could not be kept.
 */
export function encodedBytes(value: Json, bytesMax: number): number {
  let bytes = 0;
  const pending: Json[] = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next !== 'object' || next === null) bytes += scalarBytes(next);
    else {
      const parts: readonly Json[] = Object.values(next);
      bytes += '[]'.length + Math.max(0, parts.length - 1);
      if (!Array.isArray(next)) bytes += keysBytes(next);
      if (bytes > bytesMax) return bytes;
      for (const part of parts) pending.push(part);
    }
    if (!(bytes <= bytesMax)) return bytes;
  }
  return bytes;
}

function keysBytes(object: object): number {
  let bytes = 0;
  for (const key of Object.keys(object)) bytes += stringBytes(key) + ':'.length;
  return bytes;
}

function scalarBytes(scalar: null | boolean | number | string): number {
  if (typeof scalar === 'string') return stringBytes(scalar);
  if (typeof scalar === 'number' && !Number.isFinite(scalar)) return Number.NaN;
  return String(scalar).length;
}

function stringBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
