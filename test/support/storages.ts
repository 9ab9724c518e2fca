/** What tests of storages share: storages as promises, devices for them, and random changes. */
import { setTimeout as turn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Entry, PersistChange, SnapshotMeta } from '../../src/raft/types.ts';
import type { CrashFate, Medium as Device } from '../../src/storage/memory.ts';
import type {
  Chunk,
  SnapshotWriter,
  Storage,
  StorageError,
  Stored,
} from '../../src/storage/storage.ts';
import { after, command, NOTHING } from './changes.ts';
import { replay } from './property.ts';

export const KIB = 1 << 10;
export const MIB = 1 << 20;

// ---- Storages as promises -----------------------------------------------------------------------

/** What outlives a storage: opened again, it holds what was durable. */
export type Medium = {
  open(): Storage;
  /** Of one whose storage waits for room when it is full; the others report an error. */
  readonly room?: Room;
};

export type Room = { isFull(): boolean; make(): void };

export function load(storage: Storage): Promise<Stored> {
  return new Promise((resolve, reject) => {
    storage.load((error, stored) => (error === null ? resolve(stored) : reject(error)));
  });
}

/** Null once the unit is durable, or the storage's error. */
export function persist(
  storage: Storage,
  unit: readonly PersistChange[],
): Promise<StorageError | null> {
  return new Promise((resolve) => {
    storage.persist(unit, resolve);
  });
}

export function close(storage: Storage): Promise<StorageError | null> {
  return new Promise((resolve) => {
    storage.close(resolve);
  });
}

export function append(writer: SnapshotWriter, data: Uint8Array): Promise<StorageError | null> {
  return new Promise((resolve) => {
    writer.write(data, resolve);
  });
}

export function finish(writer: SnapshotWriter): Promise<StorageError | null> {
  return new Promise((resolve) => {
    writer.finish(resolve);
  });
}

/** A writer that has been given the data, in slices of this size. */
export async function begun(
  storage: Storage,
  meta: SnapshotMeta,
  data: Uint8Array,
  sliceBytes = 1000,
): Promise<SnapshotWriter> {
  const writer = storage.writeSnapshot(meta);
  for (let at = 0; at < data.byteLength; at += sliceBytes) {
    const error = await append(writer, data.subarray(at, at + sliceBytes));
    if (error !== null) throw error;
  }
  return writer;
}

export async function save(
  storage: Storage,
  meta: SnapshotMeta,
  data: Uint8Array,
  sliceBytes = 1000,
): Promise<void> {
  const error = await finish(await begun(storage, meta, data, sliceBytes));
  if (error !== null) throw error;
}

export function readChunk(
  storage: Storage,
  index: number,
  offset: number,
  length: number,
): Promise<Chunk | null> {
  return new Promise((resolve, reject) => {
    storage.readSnapshot(index, offset, length, (error, chunk) => {
      if (error === null) resolve(chunk);
      else reject(error);
    });
  });
}

/** All of the snapshot of entry `index`, read in chunks; null if there is none. */
export async function readBack(
  storage: Storage,
  index: number,
  chunkBytes = 777,
): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  for (let offset = 0; ; ) {
    const chunk = await readChunk(storage, index, offset, chunkBytes);
    if (chunk === null) return null;
    if (chunk.data.byteLength > chunkBytes) throw new Error('more was read than was asked for');
    if (!chunk.last && chunk.data.byteLength < chunkBytes) throw new Error('a chunk is short');
    chunks.push(chunk.data);
    offset += chunk.data.byteLength;
    if (chunk.last) return new Uint8Array(Buffer.concat(chunks));
  }
}

/** What a fresh start would find. */
export async function reopened(medium: Medium): Promise<Stored> {
  const storage = medium.open();
  const stored = await load(storage);
  await close(storage);
  return stored;
}

const DEADLINE_MS = 20_000;

export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > deadline)
      throw new Error(`${DEADLINE_MS} ms have passed without: ${what}`);
    await turn(5);
  }
}

// ---- Devices ------------------------------------------------------------------------------------

/** Has written as soon as it is asked to, until it is full. */
export function instantDevice(maxBytes = Number.POSITIVE_INFINITY): Device {
  let used = 0;
  return {
    write(bytes, written) {
      const fits = used + bytes <= maxBytes;
      if (fits) used += bytes;
      written(fits ? 'durable' : 'full');
    },
    tell: (hear) => hear(),
  };
}

/** Does nothing by itself: writes end, and are heard of, when the test says so. */
export class HeldDevice implements Device {
  readonly writes: ((outcome: 'durable' | 'full') => void)[] = [];
  readonly news: (() => void)[] = [];

  write(_bytes: number, written: (outcome: 'durable' | 'full') => void): void {
    this.writes.push(written);
  }

  tell(hear: () => void): void {
    this.news.push(hear);
  }

  /** The oldest write ends, and is heard of. */
  end(outcome: 'durable' | 'full' = 'durable'): void {
    this.writes.shift()?.(outcome);
    this.news.shift()?.();
  }
}

export const FATES: readonly CrashFate[] = [
  { kind: 'lost' },
  { kind: 'torn', share: 0.5 },
  { kind: 'whole' },
];

// ---- Comparing ----------------------------------------------------------------------------------

/** Much faster than `deepEqual`; the difference is printed when there is one. */
export function holds(t: ExecutionContext, actual: Stored, expected: Stored): void {
  if (!isDeepStrictEqual(actual, expected)) t.deepEqual(actual, expected, replay(t));
  else t.pass();
}

// ---- Random changes -----------------------------------------------------------------------------

export type Sketch = {
  readonly vote: { currentTerm: number; votedFor: string | null } | null;
  readonly cut: number | null;
  readonly kinds: readonly Entry['kind'][];
  readonly bytes: number;
  readonly compact: Aim | null;
};

/** An entry so far behind the log's last; of its term, or of another. */
type Aim = { readonly back: number; readonly sameTerm: boolean };

const aim: fc.Arbitrary<Aim> = fc.record(
  { back: fc.integer({ min: -3, max: 8 }), sameTerm: fc.boolean() },
  { noNullPrototype: true },
);

export const sketch: fc.Arbitrary<Sketch> = fc.record({
  vote: fc.option(
    fc.record(
      {
        currentTerm: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        votedFor: fc.option(fc.constantFrom('n1', 'été', '节点🛶', 'a'.repeat(255))),
      },
      { noNullPrototype: true },
    ),
  ),
  cut: fc.option(fc.nat({ max: 4 })),
  kinds: fc.array(fc.constantFrom('noop', 'command', 'configuration'), { maxLength: 4 }),
  bytes: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 20_000 })),
  compact: fc.option(aim),
});

/** A change that fits what is stored: it cuts within the log and goes on where it ends. */
export function changeOf(part: Sketch, stored: Stored): PersistChange {
  const { baseIndex } = stored;
  const last = baseIndex + stored.entries.length;
  const truncateFrom =
    part.cut === null || last === baseIndex ? null : Math.max(baseIndex + 1, last - part.cut);
  const kept = truncateFrom === null ? last : truncateFrom - 1;
  const entries = part.kinds.map((kind, i): Entry => {
    const index = kept + 1 + i;
    if (kind === 'command') return command(index, 3, part.bytes);
    if (kind === 'noop') return { index, term: 4, kind };
    const configuration = { voters: ['n1', '节点'], outgoing: [], learners: [`n${part.bytes}`] };
    return { index, term: 5, kind, configuration };
  });
  const change = { ...NOTHING, termAndVote: part.vote, truncateFrom, entries };
  if (part.compact === null) return change;
  return { ...change, compactTo: aimedAt(part.compact, after(stored, change)) };
}

export function aimedAt({ back, sameTerm }: Aim, stored: Stored): { index: number; term: number } {
  const index = Math.max(1, stored.baseIndex + stored.entries.length - back);
  const term = stored.entries.find((entry) => entry.index === index)?.term ?? 6;
  return { index, term: sameTerm ? term : term + 10 };
}

/** A unit that fits what is stored, and what is stored then. */
export function unitOf(parts: readonly Sketch[], stored: Stored): [PersistChange[], Stored] {
  let next = stored;
  const unit = parts.map((part) => {
    const change = changeOf(part, next);
    next = after(next, change);
    return change;
  });
  return [unit, next];
}

export type SnapshotSketch = {
  readonly at: Aim;
  readonly bytes: number;
  readonly sliceBytes: number;
};

export const snapshotSketch: fc.Arbitrary<SnapshotSketch> = fc.record({
  at: aim,
  bytes: fc.nat({ max: 5000 }),
  sliceBytes: fc.integer({ min: 1, max: 3000 }),
});
