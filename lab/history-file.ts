/**
 * Histories as text, an operation a line of JSON: the format of docs/history.md. Reading is strict,
 * since whatever is passed over, a verdict would silently not be about.
 */

import { canonicalText } from '../src/canonical-json.ts';
import { OPERATION_KINDS } from '../src/command.ts';
import { oneLine, UserError } from '../src/user-error.ts';
import type { HistoryOperation, HistoryResult, Json } from './history.ts';

const OUTCOMES = ['ok', 'fail', 'unknown'] as const;
const STATUSES = ['ok', 'notFound', 'alreadyExists', 'mismatch'] as const;
const FIELDS = [
  'client',
  'op',
  'key',
  'value',
  'expected',
  'call',
  'return',
  'outcome',
  'result',
] as const;
const RESULT_FIELDS = ['status', 'value'] as const;
const SHOWN_MAX = 60;

/** One operation a line, in the order of their calls. */
export function formatHistory(history: readonly HistoryOperation[]): string {
  return [...history]
    .sort((a, b) => a.call - b.call)
    .map((operation) => `${lineOf(operation)}\n`)
    .join('');
}

function lineOf(operation: HistoryOperation): string {
  const fields = FIELDS.flatMap((field) => {
    const json: Json | undefined = operation[field];
    return json === undefined ? [] : [`"${field}":${canonicalText(json)}`];
  });
  return `{${fields.join(',')}}`;
}

/**
 * The operations of a file, in its order; `name` is what its mistakes are told by. The first line
 * that is not as it must be throws UserError; empty lines are skipped.
 */
export function parseHistory(text: string, name: string): HistoryOperation[] {
  const history: HistoryOperation[] = [];
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    try {
      history.push(operationOf(line));
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      throw new UserError(`${name}:${i + 1}: ${error.message}`);
    }
  }
  return history;
}

/** What is wrong with a line, without saying where it is. */
class Mistake extends Error {}

type Fields = { readonly [key: string]: Json | undefined };

function operationOf(line: string): HistoryOperation {
  const fields = objectOf('the line', jsonOf(line), FIELDS);
  const op = oneOf('op', fields.op, OPERATION_KINDS);
  const outcome = oneOf('outcome', fields.outcome, OUTCOMES);
  const call = timeOf('call', fields.call);
  const returned = returnOf(fields.return, call, outcome);
  const stores = op === 'put' || op === 'create' || op === 'update' || op === 'cas';
  const stored = argumentOf('value', fields.value, stores, op);
  const expected = argumentOf('expected', fields.expected, op === 'cas', op);
  const result = resultOf(fields.result, op, outcome);
  return {
    client: clientOf(fields.client),
    op,
    key: keyOf(fields.key),
    ...(stored === undefined ? {} : { value: stored }),
    ...(expected === undefined ? {} : { expected }),
    call,
    return: returned,
    outcome,
    ...(result === undefined ? {} : { result }),
  };
}

function jsonOf(line: string): Json {
  try {
    return JSON.parse(line) as Json;
  } catch (error) {
    const why = error instanceof Error ? oneLine(error.message) : '';
    throw new Mistake(`the line is not JSON: ${why}; expected one operation a line`);
  }
}

/** An object whose fields are all known. */
function objectOf(what: string, json: Json | undefined, known: readonly string[]): Fields {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw expectedInstead(what, json, 'a JSON object');
  }
  const unknown = Object.keys(json).find((field) => !known.includes(field));
  if (unknown !== undefined) {
    throw new Mistake(`${what} has the field ${shown(unknown)}; known are ${known.join(', ')}`);
  }
  return json as Fields;
}

function oneOf<Name extends string>(
  field: string,
  json: Json | undefined,
  names: readonly Name[],
): Name {
  const name = names.find((known) => known === json);
  if (name !== undefined) return name;
  const allowed = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
  throw expectedInstead(field, json, allowed);
}

function clientOf(json: Json | undefined): number {
  if (typeof json === 'number' && Number.isSafeInteger(json) && json >= 0) return json;
  throw expectedInstead('client', json, 'a whole number from 0 on');
}

function keyOf(json: Json | undefined): string {
  if (typeof json === 'string') return json;
  throw expectedInstead('key', json, 'a string');
}

/** Beyond 2^53 neighbouring times would be read as one, and order would become overlap. */
function timeOf(field: string, json: Json | undefined): number {
  if (typeof json === 'number' && Number.isSafeInteger(json)) return json;
  if (typeof json === 'number' && Number.isInteger(json)) {
    throw new Mistake(
      `${field} is ${json}, beyond 2^53, where numbers of JSON are no longer exact; ` +
        'subtract the same offset from all times',
    );
  }
  throw expectedInstead(field, json, 'a whole number of nanoseconds');
}

function returnOf(
  json: Json | undefined,
  call: number,
  outcome: HistoryOperation['outcome'],
): number | null {
  if (json === undefined) {
    throw expectedInstead('return', json, 'a whole number of nanoseconds, or null');
  }
  if (json === null) {
    if (outcome !== 'ok') return null;
    throw new Mistake('return is null; an operation of outcome ok has returned');
  }
  const returned = timeOf('return', json);
  if (returned >= call) return returned;
  throw new Mistake(`return is ${returned}, before call, which is ${call}`);
}

/** What an operation stores or expects: there if the operation takes one, and only then. */
function argumentOf(
  field: string,
  json: Json | undefined,
  takes: boolean,
  op: string,
): Json | undefined {
  if (takes && json === undefined) {
    throw new Mistake(`${field} is missing; ${op} needs one, null for absent`);
  }
  if (!takes && json !== undefined) {
    const instead = op === 'get' ? '; what it found is result.value' : '';
    throw new Mistake(`${field} is ${shown(json)}; ${op} takes none${instead}`);
  }
  if (json !== undefined) refuseInexact(field, json);
  return json;
}

function resultOf(
  json: Json | undefined,
  op: string,
  outcome: HistoryOperation['outcome'],
): HistoryResult | undefined {
  if (json !== undefined && outcome !== 'ok') {
    throw new Mistake(`result is ${shown(json)}; outcome ${outcome} has none`);
  }
  if (json !== undefined) {
    const { status, value } = objectOf('result', json, RESULT_FIELDS);
    if (value !== undefined) refuseInexact('result.value', value);
    if (status !== undefined) oneOf('result.status', status, STATUSES);
    if (status !== undefined || value !== undefined) return json as HistoryResult;
  }
  if (op !== 'get' || outcome !== 'ok') return json as HistoryResult | undefined;
  throw new Mistake('result is without status and value; a get that is ok has found something');
}

/** Two integers beyond 2^53 may have been read as one value. */
function refuseInexact(field: string, json: Json): void {
  const pending: Json[] = [json];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next === 'object' && next !== null) {
      for (const value of Object.values(next)) pending.push(value as Json);
    } else if (typeof next === 'number' && Number.isInteger(next) && !Number.isSafeInteger(next)) {
      throw new Mistake(
        `${field} holds ${next}, beyond 2^53, where numbers of JSON are no longer exact; ` +
          'write it as a string',
      );
    }
  }
}

function expectedInstead(field: string, json: Json | undefined, expected: string): Mistake {
  if (json === undefined) return new Mistake(`${field} is missing; expected ${expected}`);
  return new Mistake(`${field} is ${shown(json)}; expected ${expected}`);
}

function shown(json: Json): string {
  const text = canonicalText(json);
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX - 1)}…`;
}
