/** Snapshots that another server has taken, and how its leader sends them. */
import { Kv } from '../../src/kv.ts';
import type { InstallSnapshot, SnapshotMeta } from '../../src/raft/types.ts';
import { putBatch } from './node-rig.ts';

const VOTERS = { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: [] };
const SLICE_BYTES = 1000;

export type TestSnapshot = {
  readonly kv: Kv;
  readonly meta: SnapshotMeta;
  readonly bytes: Uint8Array;
};

/** Of a state machine with so many keys. */
export function snapshotOf(keys: number, index: number, term: number): TestSnapshot {
  const kv = new Kv();
  kv.apply(1, putBatch(1, 1, keys), null);
  const source = kv.snapshot();
  const slices: number[] = [];
  for (let slice = source.next(SLICE_BYTES); slice !== null; slice = source.next(SLICE_BYTES)) {
    slices.push(...slice);
  }
  const meta: SnapshotMeta = { index, term, configuration: { index: 0, configuration: VOTERS } };
  return { kv, meta, bytes: Uint8Array.from(slices) };
}

/** A chunk of it, in term 1. */
export function chunkOf(
  meta: SnapshotMeta,
  offset: number,
  data: Uint8Array,
  done: boolean,
): Omit<InstallSnapshot, 'from' | 'to'> {
  const timing = { readRound: 0, sentUs: 1 };
  return { kind: 'InstallSnapshot', term: 1, snapshot: meta, offset, data, done, ...timing };
}
