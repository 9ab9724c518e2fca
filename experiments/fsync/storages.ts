/** What stands between a node and its disk, by policy. Group commit is the node’s own way. */
import type { PersistChange } from '../../src/raft/types.ts';
import type { Done, Storage } from '../../src/storage/storage.ts';

/** Every entry is a sync of its own. */
export function oneByOne(storage: Storage): Storage {
  const persist = (changes: readonly PersistChange[], done: Done): void => {
    const [first, ...others] = changes;
    if (first === undefined) {
      done(null);
      return;
    }
    storage.persist([first], (error) => {
      if (error === null) persist(others, done);
      else done(error);
    });
  };
  return {
    ...passedOn(storage),
    persist: (changes, done) => persist(changes.flatMap(singles), done),
  };
}

/** A change for each entry; the first has what must come before, the last what comes behind. */
function singles(change: PersistChange): PersistChange[] {
  const { compactTo, entries, termAndVote, truncateFrom } = change;
  const last = entries.length - 1;
  if (last < 1) return [change];
  return entries.map((entry, i) => ({
    termAndVote: i === 0 ? termAndVote : null,
    truncateFrom: i === 0 ? truncateFrom : null,
    entries: [entry],
    compactTo: i === last ? compactTo : null,
  }));
}

/** What a lazy storage needs to know of time. */
export type Timing = {
  /** Calls back when the operating system has accepted a write; never if the power fails before. */
  accepted(then: () => void): void;
  /** Calls back at the next flush; never if the power fails before. */
  nextFlush(then: () => void): void;
};

/** Says durable of what lies in memory, and hands it to the disk at the next flush. */
export function lazily(storage: Storage, timing: Timing): Storage {
  let cache: PersistChange[] = [];
  let isFlushAwaited = false;
  const flush = (): void => {
    const changes = cache;
    cache = [];
    storage.persist(changes, () => {
      isFlushAwaited = false;
      if (cache.length > 0) awaitFlush();
    });
  };
  const awaitFlush = (): void => {
    if (isFlushAwaited) return;
    isFlushAwaited = true;
    timing.nextFlush(flush);
  };
  return {
    ...passedOn(storage),
    persist: (changes, done) => {
      cache.push(...changes);
      awaitFlush();
      timing.accepted(() => done(null));
    },
  };
}

/** All but `persist`. */
function passedOn(storage: Storage): Omit<Storage, 'persist'> {
  return {
    load: (done) => storage.load(done),
    writeSnapshot: (meta) => storage.writeSnapshot(meta),
    readSnapshot: (index, offset, length, done) =>
      storage.readSnapshot(index, offset, length, done),
    close: (done) => storage.close(done),
  };
}
