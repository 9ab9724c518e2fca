/**
 * Writes down what passes through a `Caller`, as the history that `lab/linearizability.ts` judges.
 * Keys and values become text; an operation is copied when it is called, since a workload uses its
 * buffers again.
 */
import type { Operation, Result } from '../src/command.ts';
import type { Caller, Outcome } from './cluster.ts';
import type { HistoryOperation, HistoryResult } from './history.ts';

const NS_PER_US = 1000;

export interface RecordingCaller extends Caller {
  /**
   * Records what is still open, with outcome `unknown` and without a return. Answers that come
   * later still reach whoever called, but are not recorded.
   */
  flush(): void;
}

/** `record` gets each operation once, when it has ended: not in the order of calls. */
export function recordingCaller(
  caller: Caller,
  record: (operation: HistoryOperation) => void,
): RecordingCaller {
  const open = new Set<HistoryOperation>();
  return {
    nowUs: () => caller.nowUs(),
    at: (atUs, then) => caller.at(atUs, then),
    call: (client, operation, done) => {
      const called = openOperation(client, operation, caller.nowUs() * NS_PER_US);
      open.add(called);
      caller.call(client, operation, (outcome, requestNumber) => {
        if (open.delete(called)) record(ended(called, outcome, caller.nowUs() * NS_PER_US));
        done(outcome, requestNumber);
      });
    },
    flush: () => {
      for (const called of open) record(called);
      open.clear();
    },
  };
}

function openOperation(client: number, operation: Operation, call: number): HistoryOperation {
  const { kind, key, value, expected } = operation;
  return {
    client,
    op: kind,
    key: textOf(key),
    ...(kind === 'get' || kind === 'delete' ? {} : { value: value && textOf(value) }),
    ...(kind === 'cas' ? { expected: expected && textOf(expected) } : {}),
    call,
    return: null,
    outcome: 'unknown',
  };
}

function ended(called: HistoryOperation, outcome: Outcome, returned: number): HistoryOperation {
  const result = outcome.kind === 'ok' ? historyResult(outcome.result) : undefined;
  if (result !== undefined) return { ...called, return: returned, outcome: 'ok', result };
  return { ...called, return: returned, outcome: outcome.kind === 'fail' ? 'fail' : 'unknown' };
}

/** `undefined` where the answer does not say whether the operation was executed. */
function historyResult({ status, value }: Result): HistoryResult | undefined {
  switch (status) {
    case 'ok':
      return value === null ? { status } : { status, value: textOf(value) };
    case 'notFound':
    case 'alreadyExists':
    case 'mismatch':
      return { status, value: value && textOf(value) };
    default:
      return undefined;
  }
}

// With the mark that may open a text left in: all bytes count.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Bytes as text, no two alike. Those that are not UTF-8, as a workload's values are not, get a code
 * for each byte, a lone surrogate for those from 0x80 on, which no UTF-8 decodes to (like PEP 383).
 */
function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
    return text;
  }
}
