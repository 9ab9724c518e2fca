/**
 * A storage on SQLite of which a test sees every call: before it begins, when it is done, and when
 * whoever asked hears of that, which is some turns of the event loop later. Whatever does not wait
 * for its storage comes in between.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { SqliteStorage } from '../../src/storage/sqlite.ts';
import type { Done, SnapshotWriter } from '../../src/storage/storage.ts';

export type Phase = 'asked' | 'done' | 'told';
/** Told of each call; what it returns is waited for where something is done. */
export type Watch = (call: string, phase: Phase) => void | Promise<void>;

const TURNS = 3;

type Ended<Values extends unknown[]> = (...values: Values) => void;

function late<Values extends unknown[]>(
  watch: Watch,
  call: string,
  ended: Ended<Values>,
): Ended<Values> {
  void watch(call, 'asked');
  return (...values) => {
    void (async () => {
      await watch(call, 'done');
      for (let turns = 0; turns < TURNS; turns++) await turn();
      void watch(call, 'told');
      ended(...values);
    })();
  };
}

/** The same storage; it is watched from now on. */
export function watched(storage: SqliteStorage, watch: Watch): SqliteStorage {
  const { load, persist, persistWithRecord, writeRecord, writeSnapshot, clear } =
    SqliteStorage.prototype;
  storage.load = (done) => load.call(storage, late(watch, 'load', done));
  storage.persist = (changes, done) => persist.call(storage, changes, late(watch, 'persist', done));
  storage.persistWithRecord = (changes, name, text, done) =>
    persistWithRecord.call(storage, changes, name, text, late(watch, `persist and ${name}`, done));
  storage.writeRecord = (name, text, done) =>
    writeRecord.call(storage, name, text, late(watch, `write ${name}`, done));
  storage.clear = (done) => clear.call(storage, late(watch, 'clear', done));
  storage.writeSnapshot = (meta) => watchedWriter(writeSnapshot.call(storage, meta), watch);
  return storage;
}

function watchedWriter(writer: SnapshotWriter, watch: Watch): SnapshotWriter {
  const through = (call: string, done: Done): Done => late(watch, call, done);
  return {
    write: (data, done) => writer.write(data, through('write slice', done)),
    finish: (done) => writer.finish(through('finish snapshot', done)),
    cancel: () => writer.cancel(),
  };
}

/** Whoever opens a storage until the end of `work` is given one that is watched. */
export async function whileWatched<Value>(
  watch: Watch,
  work: () => Promise<Value>,
): Promise<Value> {
  const { open } = SqliteStorage;
  SqliteStorage.open = async (options) => watched(await open.call(SqliteStorage, options), watch);
  try {
    return await work();
  } finally {
    SqliteStorage.open = open;
  }
}
