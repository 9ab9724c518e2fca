/** Operations and results as text, for tests that speak of batches. */
import {
  type Operation,
  type OperationKind,
  OperationReader,
  RecordWriter,
  type RequestIdentity,
  type Result,
  ResultReader,
} from '../../src/command.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

export function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : decoder.decode(bytes);
}

/** An operation with its key and values as text; `null` means absent. */
export function operation(
  kind: OperationKind,
  key: string,
  value: string | null = null,
  expected: string | null = null,
): Operation {
  return {
    kind,
    key: bytesOf(key),
    value: value === null ? null : bytesOf(value),
    expected: expected === null ? null : bytesOf(expected),
  };
}

export type Command = readonly [operation: Operation, identity: RequestIdentity];

/** Who asks; without a lowest pending request it is this one. */
export function by(
  clientId: number,
  requestNumber: number,
  lowestPending = requestNumber,
): RequestIdentity {
  return { clientId, requestNumber, lowestPending };
}

export function batchOf(commands: readonly Command[]): Uint8Array<ArrayBuffer> {
  const writer = new RecordWriter();
  for (const [asked, identity] of commands) writer.operation(asked, identity);
  return writer.take();
}

export function commandsOf(batch: Uint8Array): Command[] {
  const reader = new OperationReader(batch);
  const commands: Command[] = [];
  while (reader.next()) {
    const { kind, clientId, requestNumber, lowestPending } = reader;
    commands.push([
      { kind, key: reader.key(), value: reader.value(), expected: reader.expected() },
      { clientId, requestNumber, lowestPending },
    ]);
  }
  return commands;
}

/** The request numbers of a batch, in its order. */
export function requestNumbersOf(batch: Uint8Array): number[] {
  return commandsOf(batch).map(([, { requestNumber }]) => requestNumber);
}

export type Answered = { clientId: number; requestNumber: number } & Result;

export function resultsOf(batch: Uint8Array): Answered[] {
  const reader = new ResultReader(batch);
  const results: Answered[] = [];
  while (reader.next()) {
    const { clientId, requestNumber, status, index } = reader;
    results.push({ clientId, requestNumber, status, value: reader.value(), index });
  }
  return results;
}

export function encodeResults(results: readonly Answered[]): Uint8Array<ArrayBuffer> {
  const writer = new RecordWriter();
  for (const { clientId, requestNumber, ...result } of results) {
    writer.result(clientId, requestNumber, result);
  }
  return writer.take();
}
