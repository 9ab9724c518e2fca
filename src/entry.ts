/**
 * A log entry as bytes, the same in frames and in storages: its kind as one byte, and its content.
 */
import { type Configuration, type Entry, unreachable } from './raft/types.ts';

const ENTRY_KINDS = [
  'noop',
  'command',
  'configuration',
] as const satisfies readonly Entry['kind'][];

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const NO_BYTES = new Uint8Array(0);

/** The bytes an entry carries: its command as it came, or its configuration as JSON. */
export function entryContent(entry: Entry): Uint8Array {
  switch (entry.kind) {
    case 'noop':
      return NO_BYTES;
    case 'command':
      return entry.command;
    case 'configuration':
      return textEncoder.encode(JSON.stringify(entry.configuration));
    default:
      return unreachable(entry);
  }
}

/** The inverse of `entryContent`; the command is a view of `content`. */
export function makeEntry(
  index: number,
  term: number,
  kind: Entry['kind'] | undefined,
  content: Uint8Array,
): Entry {
  switch (kind) {
    case 'noop':
      return Object.freeze({ index, term, kind });
    case 'command':
      return Object.freeze({ index, term, kind, command: content });
    case 'configuration': {
      const configuration = JSON.parse(textDecoder.decode(content)) as Configuration;
      return Object.freeze({ index, term, kind, configuration });
    }
    default:
      throw new RangeError('unknown kind of entry');
  }
}

/** An entry's kind as one byte, for storages that keep entries in binary. */
export function entryKindByte(kind: Entry['kind']): number {
  return ENTRY_KINDS.indexOf(kind);
}

export function entryKindOf(byte: number): Entry['kind'] | undefined {
  return ENTRY_KINDS[byte];
}
