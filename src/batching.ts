/** §10.2.2: commands that came in together share an entry, within bounds of number and bytes. */
import { splitBatch } from './command.ts';

/** Records of one client that share an entry or a read round. */
export type Part<C> = { readonly client: C; readonly batch: Uint8Array; readonly count: number };

/**
 * Sorts parts into groups of at most so many commands and bytes, in order; a part that does not fit
 * is split at a record, and a single command beyond the bound has a group of its own.
 */
export function* grouped<C>(
  parts: readonly Part<C>[],
  commandsMax: number,
  bytesMax: number,
): Generator<Part<C>[]> {
  let group: Part<C>[] = [];
  let commandsLeft = commandsMax;
  let bytesLeft = bytesMax;
  for (const { client, batch, count } of parts) {
    let from = 0;
    let left = count;
    while (left > 0) {
      const whole = left <= commandsLeft && batch.byteLength - from <= bytesLeft;
      let fitting = whole
        ? { end: batch.byteLength, count: left }
        : splitBatch(batch, from, commandsLeft, bytesLeft);
      if (fitting.count === 0 && group.length > 0) {
        yield group;
        group = [];
        commandsLeft = commandsMax;
        bytesLeft = bytesMax;
        continue;
      }
      if (fitting.count === 0) fitting = splitBatch(batch, from, 1, Number.POSITIVE_INFINITY);
      group.push({ client, batch: batch.subarray(from, fitting.end), count: fitting.count });
      commandsLeft -= fitting.count;
      bytesLeft -= fitting.end - from;
      from = fitting.end;
      left -= fitting.count;
    }
  }
  if (group.length > 0) yield group;
}

/** A group's records in one piece; without a copy if there is one part. */
export function joined(parts: readonly Part<unknown>[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only.batch;
  const size = parts.reduce((sum, { batch }) => sum + batch.byteLength, 0);
  const whole = new Uint8Array(size);
  let at = 0;
  for (const { batch } of parts) {
    whole.set(batch, at);
    at += batch.byteLength;
  }
  return whole;
}
