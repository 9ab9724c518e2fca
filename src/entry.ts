/**
 * A log entry as bytes, the same in frames and in storages: its kind as one byte, and its content.
 * A configuration is JSON, in an entry as in what a snapshot stands for.
 */
import { type Configuration, type Entry, type NodeId, unreachable } from './raft/types.ts';

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
      return configurationContent(entry.configuration);
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
    case 'configuration':
      return Object.freeze({ index, term, kind, configuration: makeConfiguration(content) });
    default:
      throw new RangeError('unknown kind of entry');
  }
}

export function configurationContent({ voters, outgoing, learners }: Configuration): Uint8Array {
  return textEncoder.encode(JSON.stringify({ voters, outgoing, learners }));
}

/**
 * The inverse of `configurationContent`. Throws RangeError, SyntaxError or TypeError for bytes that
 * are not one.
 */
export function makeConfiguration(content: Uint8Array): Configuration {
  return configurationOf(JSON.parse(textDecoder.decode(content)));
}

/** Of parsed JSON. Throws RangeError for what is no configuration. */
export function configurationOf(parsed: unknown): Configuration {
  const { voters, outgoing, learners } = Object(parsed) as Partial<Configuration>;
  return { voters: idsOf(voters), outgoing: idsOf(outgoing), learners: idsOf(learners) };
}

function idsOf(ids: unknown): readonly NodeId[] {
  if (Array.isArray(ids) && ids.every((id) => typeof id === 'string')) return ids;
  throw new RangeError(`a configuration holds lists of ids, got ${JSON.stringify(ids)}`);
}

/** An entry's kind as one byte, for storages that keep entries in binary. */
export function entryKindByte(kind: Entry['kind']): number {
  return ENTRY_KINDS.indexOf(kind);
}

export function entryKindOf(byte: number): Entry['kind'] | undefined {
  return ENTRY_KINDS[byte];
}
