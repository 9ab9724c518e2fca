/**
 * What a server of the test network keeps: log and term on a disk that reports when it is told to,
 * snapshots whose every byte tells who took them, and a state machine that is but a digest of what
 * it has executed: two that differ anywhere in their past differ now.
 */
import { compactTo, type LogContent } from '../../src/raft/log.ts';
import type {
  Entry,
  Index,
  NodeId,
  PersistChange,
  SnapshotMeta,
  Term,
} from '../../src/raft/types.ts';

/** A snapshot with its bytes; two servers' of the same entry are not the same bytes. */
export type Image = { readonly meta: SnapshotMeta; readonly bytes: Uint8Array };

export type Disk = LogContent & {
  /** What a crash leaves, with the log. */
  currentTerm: Term;
  votedFor: NodeId | null;
  snapshot: Image | null;
  /** Handed to the disk and not reported durable, oldest first; a crash loses them. */
  queue: { readonly sequence: number; readonly change: PersistChange }[];
  held: boolean;
  /** Snapshots that are complete and not reported durable, its own and others'; as above. */
  snapshotQueue: { readonly kind: 'snapshotSaved' | 'snapshotReceived'; readonly image: Image }[];
  snapshotsHeld: boolean;
};

export type Machine = { index: Index; digest: number };

const DIGEST_BYTES = 4;
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export function createDisk(
  currentTerm: Term,
  votedFor: NodeId | null,
  entries: readonly Entry[],
): Disk {
  return {
    currentTerm,
    votedFor,
    baseIndex: 0,
    baseTerm: 0,
    entries: [...entries],
    snapshot: null,
    queue: [],
    held: false,
    snapshotQueue: [],
    snapshotsHeld: false,
  };
}

export function write(disk: Disk, change: PersistChange): void {
  const { termAndVote, truncateFrom, entries, compactTo: cut } = change;
  if (termAndVote !== null) {
    disk.currentTerm = termAndVote.currentTerm;
    disk.votedFor = termAndVote.votedFor;
  }
  if (truncateFrom !== null) disk.entries.length = truncateFrom - disk.baseIndex - 1;
  disk.entries.push(...entries);
  if (cut !== null) compactTo(disk, cut.index, cut.term);
}

/** The latest snapshot counts; one that was overtaken while it was on its way does not. */
export function keepSnapshot(disk: Disk, image: Image): void {
  if (image.meta.index > (disk.snapshot?.meta.index ?? 0)) disk.snapshot = image;
}

/** After a crash: a log that does not reach the snapshot was about to be cut, and is. */
export function recover(disk: Disk): void {
  disk.queue = [];
  disk.snapshotQueue = [];
  if (disk.snapshot === null) return;
  const { index, term } = disk.snapshot.meta;
  if (diskTermAt(disk, index) !== term) compactTo(disk, index, term);
}

function diskTermAt(disk: Disk, index: Index): Term | undefined {
  if (index === disk.baseIndex) return disk.baseTerm;
  return disk.entries[index - disk.baseIndex - 1]?.term;
}

// ---- Snapshots and the state machine ------------------------------------------------------------

/** The machine's digest, then bytes that tell the server and the entry. */
export function takeImage(by: NodeId, meta: SnapshotMeta, machine: Machine, size: number): Image {
  const bytes = new Uint8Array(Math.max(size, DIGEST_BYTES));
  new DataView(bytes.buffer).setUint32(0, machine.digest);
  let mark = machine.digest;
  for (const letter of `${by} ${meta.index}`) mark = fold(mark, letter.charCodeAt(0));
  for (let i = DIGEST_BYTES; i < bytes.length; i++) {
    mark = fold(mark, i);
    bytes[i] = mark;
  }
  return { meta, bytes };
}

export function machineOf(image: Image | null): Machine {
  if (image === null) return { index: 0, digest: FNV_BASIS };
  const { buffer, byteOffset } = image.bytes;
  return { index: image.meta.index, digest: new DataView(buffer, byteOffset).getUint32(0) };
}

export function execute(machine: Machine, entry: Entry): void {
  if (entry.index !== machine.index + 1) {
    throw new Error(`entry ${entry.index} is applied to a state after ${machine.index}`);
  }
  machine.index = entry.index;
  machine.digest = fold(fold(machine.digest, entry.index), entry.term);
  if (entry.kind !== 'command') return;
  for (const byte of entry.command) machine.digest = fold(machine.digest, byte);
}

function fold(hash: number, value: number): number {
  return Math.imul(hash ^ value, FNV_PRIME) >>> 0;
}
