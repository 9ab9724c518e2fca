/**
 * The replicated log in memory: entries after a base, and the configurations among them. Everything
 * here is O(1) in the length of the log but for slices and cuts, which cost what they touch.
 */
import type { Configuration, Entry, Index, Log, Term } from './types.ts';

/** Fixed costs of an entry beside its command, counted against `batchBytes`. */
const ENTRY_OVERHEAD_BYTES = 16;

export function createLog(configuration: Configuration, entries: readonly Entry[] = []): Log {
  const log: Log = {
    baseIndex: 0,
    baseTerm: 0,
    entries: [],
    configurations: [{ index: 0, configuration }],
  };
  append(log, entries);
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
    if (entry.kind === 'configuration') {
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

export function entryBytes(entry: Entry): number {
  return ENTRY_OVERHEAD_BYTES + (entry.kind === 'command' ? entry.command.byteLength : 0);
}
