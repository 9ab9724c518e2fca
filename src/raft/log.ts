/**
 * The replicated log in memory: entries after a base, and the configurations among them. Everything
 * here is O(1) in the length of the log but for slices and cuts, which cost what they touch.
 */
import type { Configuration, Entry, Index, Log, PlacedConfiguration, Term } from './types.ts';

/** Fixed costs of an entry beside its command, counted against `batchBytes`. */
const ENTRY_OVERHEAD_BYTES = 16;

/** The part of a log that disks keep. */
export type LogContent = { baseIndex: Index; baseTerm: Term; readonly entries: Entry[] };

/**
 * A log with this content; `configuration` is the one that holds at the latest snapshot, or before
 * the first entry.
 */
export function createLog(
  configuration: PlacedConfiguration,
  content: LogContent = { baseIndex: 0, baseTerm: 0, entries: [] },
): Log {
  const { baseIndex, baseTerm } = content;
  const log: Log = { baseIndex, baseTerm, entries: [], configurations: [configuration] };
  append(log, content.entries);
  return log;
}

export function lastIndex(log: Log): Index {
  return log.baseIndex + log.entries.length;
}

export function lastTerm(log: Log): Term {
  return log.entries[log.entries.length - 1]?.term ?? log.baseTerm;
}

/** The term of the entry at `index`, or `undefined` where the log holds none. */
export function termAt(log: Log, index: Index): Term | undefined {
  if (index === log.baseIndex) return log.baseTerm;
  return log.entries[index - log.baseIndex - 1]?.term;
}

/**
 * §3.6.1: the log with the later last term, or the longer one of equal terms, is more up-to-date.
 */
export function isUpToDate(log: Log, otherLastTerm: Term, otherLastIndex: Index): boolean {
  const ownLastTerm = lastTerm(log);
  return (
    otherLastTerm > ownLastTerm ||
    (otherLastTerm === ownLastTerm && otherLastIndex >= lastIndex(log))
  );
}

/** The entries in [from, to]; both must lie within the log. */
export function slice(log: Log, from: Index, to: Index): Entry[] {
  return log.entries.slice(from - log.baseIndex - 1, to - log.baseIndex);
}

/** Entries from `from` on, as many as fit in both bounds and at least one if there is one. */
export function batchFrom(log: Log, from: Index, entriesMax: number, bytesMax: number): Entry[] {
  const start = from - log.baseIndex - 1;
  const limit = Math.min(log.entries.length, start + entriesMax);
  let end = start;
  let bytes = 0;
  while (end < limit) {
    bytes += entryBytes(log.entries[end] as Entry);
    if (bytes > bytesMax && end > start) break;
    end++;
  }
  return log.entries.slice(start, end);
}

export function append(log: Log, entries: readonly Entry[]): void {
  for (const entry of entries) {
    log.entries.push(entry);
    // Those up to the snapshot's are older than the one it brings.
    if (entry.kind === 'configuration' && entry.index > (log.configurations[0]?.index ?? 0)) {
      log.configurations.push({ index: entry.index, configuration: entry.configuration });
    }
  }
}

/** Removes the entries from `index` on, and the configurations that stood among them (§4.1). */
export function truncateFrom(log: Log, index: Index): void {
  log.entries.length = index - log.baseIndex - 1;
  while (log.configurations.length > 1 && (log.configurations.at(-1)?.index ?? 0) >= index) {
    log.configurations.pop();
  }
}

/**
 * Removes the entries up to `index`, which becomes the base; all of them if the entry there is of
 * another term, or if there is none (figure 5.3, steps 6 and 7). O(entries kept).
 */
export function compactTo(content: LogContent, index: Index, term: Term): void {
  if (index <= content.baseIndex) return;
  const held = content.entries[index - content.baseIndex - 1]?.term === term;
  content.entries.splice(0, held ? index - content.baseIndex : content.entries.length);
  content.baseIndex = index;
  content.baseTerm = term;
}

/** The configuration in force after entry `index`, which lies at the latest snapshot or behind. */
export function configurationAt(log: Log, index: Index): PlacedConfiguration {
  const placed = log.configurations.findLast((candidate) => candidate.index <= index);
  if (placed === undefined) throw new Error(`no configuration is known at entry ${index}`);
  return placed;
}

/** §4.1: a server uses the latest configuration in its log, whether or not it is committed. */
export function latestConfiguration(log: Log): Configuration {
  const latest = log.configurations[log.configurations.length - 1];
  if (latest === undefined) throw new Error('a log always knows a configuration');
  return latest.configuration;
}

/**
 * The largest index up to `index` whose term is at most `term`: beyond it, no entry can match a log
 * that holds `term` at `index`. Conflicts are skipped a term at a time in both logs (§3.5).
 */
export function lastPossibleMatch(log: Log, index: Index, term: Term): Index {
  let candidate = Math.min(index, lastIndex(log));
  while (candidate > log.baseIndex && (termAt(log, candidate) ?? 0) > term) candidate--;
  return candidate;
}

/** Bytes of the entries from `from` on. O(these entries). */
export function bytesFrom(log: Log, from: Index): number {
  let bytes = 0;
  for (let at = from - log.baseIndex - 1; at < log.entries.length; at++) {
    bytes += entryBytes(log.entries[at] as Entry);
  }
  return bytes;
}

export function entryBytes(entry: Entry): number {
  return ENTRY_OVERHEAD_BYTES + (entry.kind === 'command' ? entry.command.byteLength : 0);
}
