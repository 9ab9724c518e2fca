/**
 * Histories drawn as text, for `test/histories/*.txt`. Columns are time.
 *
 *     # What it shows, the title of its test.
 *     # expected: illegal
 *     C0: |--put x 1--|
 *     C1:                |--get x -> null--|
 *     C2:   |--put x 2--?
 *
 *   file       comments: a title, and `# expected: ok` or `illegal`; lanes; empty lines
 *   lane       `C` client `:` operations; a client may have several lanes, if its calls overlap
 *   operation  `|--` words `--` end, with at least two dashes on either side; it is called in the
 *              column of its `|` and ends in that of its end, which may be the next one's `|`
 *   end        `|` ok, `x` fail, `?` unknown
 *   words      get KEY · put KEY VALUE · delete KEY · create KEY VALUE · update KEY VALUE ·
 *              cas KEY EXPECTED VALUE; then, if it is ok, ` -> ` and an answer
 *   answer     a status of lab/history.ts, what was found, or both; left out, it is not judged
 *   value      JSON without blanks, or else a word, which is a string; `null` is absent
 *
 * A value alone is found: `get x -> 1`; found absent, the status is `notFound`.
 */

import type { HistoryOperation, HistoryResult, Json } from '../../lab/history.ts';
import { OPERATION_KINDS } from '../../src/command.ts';

export type DrawnHistory = {
  readonly title: string;
  readonly expected: 'ok' | 'illegal';
  readonly history: readonly HistoryOperation[];
};

const OUTCOMES = { '|': 'ok', x: 'fail', '?': 'unknown' } as const;
const STATUSES = ['ok', 'notFound', 'alreadyExists', 'mismatch'] as const;

/** Throws where the drawing is not understood: a typing error must not pass for a history. */
export function parseDrawing(text: string): DrawnHistory {
  const lines = text.split('\n');
  const comments = lines.flatMap((line) => /^# (.+)$/.exec(line)?.[1] ?? []);
  const [title] = comments;
  const expected = comments.flatMap((line) => /^expected: (ok|illegal)$/.exec(line)?.[1] ?? [])[0];
  if (title === undefined || (expected !== 'ok' && expected !== 'illegal')) {
    throw new Error('a drawing opens with a title and says what is expected');
  }
  const lanes = lines.filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return { title, expected, history: lanes.flatMap(operationsOfLane) };
}

function operationsOfLane(line: string): HistoryOperation[] {
  const [, head = '', client = ''] = /^(C(\d+):)/.exec(line) ?? [];
  if (head === '') throw new Error(`no lane: ${line}`);
  const operations: HistoryOperation[] = [];
  const bar = /\s*\|--+(.*?)--+([|x?])/y;
  bar.lastIndex = head.length;
  let end = head.length;
  for (let match = bar.exec(line); match !== null; match = bar.exec(line)) {
    const call = line.indexOf('|', end);
    const [, words = '', mark] = match;
    end = bar.lastIndex;
    const outcome = OUTCOMES[mark as keyof typeof OUTCOMES];
    operations.push(operationOf(words, Number(client), call, end - 1, outcome));
    // The end of one may be the beginning of the next.
    if (line.startsWith('|--', end - 1)) bar.lastIndex = --end;
  }
  if (line.slice(end).trim() !== '') throw new Error(`not understood: ${line.slice(end)}`);
  return operations;
}

function operationOf(
  text: string,
  client: number,
  call: number,
  returned: number,
  outcome: HistoryOperation['outcome'],
): HistoryOperation {
  const [asked = '', answer, ...rest] = text.trim().split(' -> ');
  const [word, key, ...values] = asked.split(' ');
  const op = OPERATION_KINDS.find((kind) => kind === word);
  const takes = op === 'get' || op === 'delete' ? 0 : op === 'cas' ? 2 : 1;
  if (op === undefined || key === undefined || values.length !== takes || rest.length > 0) {
    throw new Error(`no operation: ${text}`);
  }
  if (answer !== undefined && outcome !== 'ok') throw new Error(`answered, but not ok: ${text}`);
  return {
    client,
    op,
    key,
    ...(takes > 0 ? { value: jsonOf(values.at(-1) as string) } : {}),
    ...(takes > 1 ? { expected: jsonOf(values[0] as string) } : {}),
    call,
    return: outcome === 'unknown' ? null : returned,
    outcome,
    ...(answer === undefined ? {} : { result: resultOf(answer) }),
  };
}

function resultOf(answer: string): HistoryResult {
  const [first = '', second, ...rest] = answer.split(' ');
  if (rest.length > 0) throw new Error(`no answer: ${answer}`);
  const status = STATUSES.find((known) => known === first);
  if (status !== undefined) {
    return second === undefined ? { status } : { status, value: jsonOf(second) };
  }
  if (second !== undefined) throw new Error(`no answer: ${answer}`);
  const value = jsonOf(first);
  return { status: value === null ? 'notFound' : 'ok', value };
}

function jsonOf(word: string): Json {
  try {
    return JSON.parse(word) as Json;
  } catch {
    if (/^[\w.]+$/.test(word)) return word;
    throw new Error(`no value: ${word}`);
  }
}
