/** Operations of a history and what cannot be reconciled about them, in words. */
import { canonicalText } from '../../src/canonical-json.ts';
import type { HistoryOperation, HistoryResult, Json } from '../history.ts';
import type { Linearizability } from '../linearizability.ts';
import { executeOn } from '../model.ts';

/** What has an order that went wrong, and how far it went. */
export type Unexplained = Extract<Linearizability, { verdict: 'illegal' | 'unknown' }>;

const VALUE_LENGTH_MAX = 24;
/** More than these say the same once more. */
const STUCK_TOLD_MAX = 6;

/** A value as JSON, shortened where it is long; `null` is absent. */
export function valueText(value: Json | undefined): string {
  return value === undefined || value === null ? 'absent' : shortened(canonicalText(value));
}

function shortened(text: string): string {
  return text.length <= VALUE_LENGTH_MAX ? text : `${text.slice(0, VALUE_LENGTH_MAX - 1)}…`;
}

/** For example `cas x 1 to 2`. */
export function requestText({ op, key, value, expected }: HistoryOperation): string {
  const head = `${op} ${shortened(key)}`;
  if (op === 'get' || op === 'delete') return head;
  if (op === 'cas') return `${head} ${valueText(expected)} to ${valueText(value)}`;
  return `${head} ${valueText(value)}`;
}

/** For example `put x 1 → ok`. */
export function operationText(operation: HistoryOperation): string {
  const { op, outcome, result } = operation;
  const answer = { ok: answerText(op, result ?? {}), fail: 'failed', unknown: '?' }[outcome];
  return `${requestText(operation)} → ${answer}`;
}

function answerText(op: HistoryOperation['op'], { status, value }: HistoryResult): string {
  const found = value === undefined ? '' : valueText(value);
  if (op === 'get' && (status ?? 'ok') === 'ok') return found || 'ok';
  switch (status) {
    case 'notFound':
      return 'absent';
    case 'alreadyExists':
      return found === '' ? 'exists' : `exists, ${found}`;
    case 'mismatch':
      return found === '' ? 'no match' : `no match, ${found}`;
    default:
      return found === '' ? 'ok' : `ok, was ${found}`;
  }
}

/** What the key holds after these, as canonical JSON; `null` is absent. */
function stateAfter(operations: readonly HistoryOperation[]): string | null {
  let state: string | null = null;
  for (const operation of operations) state = executed(operation, state).after;
  return state;
}

function executed(
  { op, value, expected }: HistoryOperation,
  before: string | null,
): ReturnType<typeof executeOn> {
  const text = (json: Json | undefined): string | null =>
    json === undefined || json === null ? null : canonicalText(json);
  return executeOn(before, op, text(value), text(expected));
}

/** What the operation would have answered, as far as its own answer says something. */
function answerOn(operation: HistoryOperation, state: string | null): string {
  const { status, found } = executed(operation, state);
  const told = operation.result?.value !== undefined || status !== operation.result?.status;
  const value = told && found !== null ? { value: JSON.parse(found) as Json } : {};
  return answerText(operation.op, { status, ...value });
}

export type Explanation = {
  readonly headline: string;
  readonly paragraph: string;
  /** A line for each operation that does not fit. */
  readonly points: readonly string[];
};

export function explain(result: Unexplained): Explanation {
  const { key, longest, stuck, verdict } = result;
  const state = stateAfter(longest);
  const holds = state === null ? 'is absent' : `holds ${shortened(state)}`;
  const ordered =
    longest.length === 0
      ? `No operation on key ${shortened(key)} can come first: before any of them the key ${holds}.`
      : `${count(longest.length, 'operation')} on key ${shortened(key)} can be put into one ` +
        `order in which each takes effect between its call and its return, and answers as it ` +
        `did; the numbers below are that order. ` +
        `After ${longest.length === 1 ? 'it' : 'them'} the key ${holds}.`;
  const next = nextText(stuck.length);
  const searched =
    verdict === 'illegal'
      ? 'Every other order comes no further.'
      : 'The search was given up before all orders were tried, so one that explains everything ' +
        'may exist.';
  const points = stuck
    .slice(0, STUCK_TOLD_MAX)
    .map((operation) => pointOf(operation, state, holds));
  const more = stuck.length - STUCK_TOLD_MAX;
  return {
    headline:
      verdict === 'illegal'
        ? `Not linearizable: no order explains what clients were told about key ${shortened(key)}`
        : `Not decided: no order was found that explains key ${shortened(key)}`,
    paragraph: `${ordered} ${next} ${searched}`,
    points: more > 0 ? [...points, `And ${count(more, 'operation')} more.`] : points,
  };
}

function nextText(stuck: number): string {
  if (stuck === 0) return 'How it could go on is not known.';
  if (stuck === 1) {
    return (
      'The next must be the one in red, since every other that is left was called only after it ' +
      'had returned, and it does not fit.'
    );
  }
  return (
    `The next must be one of the ${stuck} in red, since every other that is left was called only ` +
    `after one of these had returned, and ${stuck === 2 ? 'neither' : 'none'} fits.`
  );
}

function pointOf(operation: HistoryOperation, state: string | null, holds: string): string {
  const { op, result, client } = operation;
  const answered = answerText(op, result ?? {});
  const would = answerOn(operation, state);
  const who = `${requestText(operation)} by client ${client}`;
  if (would === answered) return `${who} answered ${answered}, which fits but leads no further.`;
  return `${who} answered ${answered}; now that the key ${holds} it would answer ${would}.`;
}

export function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`;
}
