/**
 * A disk in memory, for a host that decides when the power fails. It outlives the storages that
 * write to it, as a disk outlives processes.
 */
import type { Entry, Index, NodeId, PersistChange, SnapshotMeta, Term } from '../raft/types.ts';
import { type Checksum, decodeUnit, encodeUnit } from './records.ts';
import { brokenPromise, unitsToKeep } from './recovery.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from './snapshot-record.ts';
import { adoptSnapshot, applyChange, type Chunk, type Stored } from './storage.ts';

/** Kept as it was given until something happens to it: then bytes, for the checksum to judge. */
type StoredUnit = {
  readonly sequence: number;
  changes: readonly PersistChange[];
  damaged: Uint8Array<ArrayBuffer> | null;
};

/** Compares plain data. */
export type IsSame = (a: unknown, b: unknown) => boolean;

/** All that units make but the snapshot, which is written apart from them. */
type UnitState = {
  currentTerm: Term;
  votedFor: NodeId | null;
  baseIndex: Index;
  baseTerm: Term;
  readonly entries: Entry[];
};

const NO_BYTES = new Uint8Array(0);

export class MemoryDisk implements UnitState {
  readonly name: string;
  /** What the intact units make, in order; what a server would start from. */
  currentTerm: Term = 0;
  votedFor: NodeId | null = null;
  baseIndex: Index = 0;
  baseTerm: Term = 0;
  readonly entries: Entry[] = [];
  snapshot: SnapshotMeta | null = null;
  snapshotData: Uint8Array = NO_BYTES;
  #damagedSnapshot: Uint8Array<ArrayBuffer> | null = null;
  /**
   * What the first units make, as many as `#folded`. They are not kept: most of their entries lie
   * before the log's base, and a run may take hours.
   */
  #checkpoint: UnitState = blankState();
  #folded = 0;
  readonly #units: StoredUnit[] = [];
  /** The latest unit with a compaction. */
  #compactedAt = 0;
  /** The highest sequence number that a node was told is durable, noted apart from the units. */
  #acknowledged = 0;
  readonly #checksum: Checksum;
  readonly #isSame: IsSame | null;
  /** What was read back was not what had been written: a bug of the records' format. */
  misread = false;

  /**
   * With `isSame`, what it keeps has been bytes, as on a real disk, and is compared with what was
   * written.
   */
  constructor(name: string, checksum: Checksum, isSame: IsSame | null = null) {
    this.name = name;
    this.#checksum = checksum;
    this.#isSame = isSame;
  }

  /** How many units, from the first on, the node was told are durable. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** How many units there are, those before `firstUnit` included. */
  get unitCount(): number {
    return this.#folded + this.#units.length;
  }

  /** The first unit that is kept as such, counted from 0; those before it were compacted. */
  get firstUnit(): number {
    return this.#folded;
  }

  /** Some unit, or the snapshot, is not as it was written. */
  get isDamaged(): boolean {
    return this.#damagedSnapshot !== null || this.#units.some(({ damaged }) => damaged !== null);
  }

  // ---- Units ------------------------------------------------------------------------------------

  write(given: readonly PersistChange[]): number {
    const sequence = this.unitCount + 1;
    const changes = this.#isSame === null ? given : this.#asBytes(sequence, given, this.#isSame);
    const unit = { sequence, changes, damaged: null };
    this.#units.push(unit);
    this.#replay(unit);
    return unit.sequence;
  }

  acknowledge(sequence: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
    if (this.#compactedAt > this.#folded) this.#fold();
  }

  /** A write that the power failure cut off. */
  tear(changes: readonly PersistChange[], share: number): void {
    const sequence = this.unitCount + 1;
    const whole = encodeUnit({ sequence, changes }, this.#checksum);
    // Never all of it: that would be a whole unit.
    const bytes = Math.min(whole.byteLength - 1, Math.floor(whole.byteLength * share));
    this.#units.push({ sequence, changes, damaged: whole.slice(0, bytes) });
  }

  /** Flips a bit; `unit` counts from 0, and is not before `firstUnit`; `bit` wraps around. */
  corrupt(unit: number, bit: number): void {
    const stored = this.#units[unit - this.#folded];
    if (stored === undefined) {
      const range = `${this.firstUnit} up to, not including, ${this.unitCount}`;
      throw new RangeError(`${this.name} keeps units ${range}; unit ${unit} was asked for`);
    }
    stored.damaged ??= encodeUnit(stored, this.#checksum);
    flip(stored.damaged, bit);
  }

  // ---- The snapshot -----------------------------------------------------------------------------

  /** Durable from now on; unless there is one as late or later, whose place it must not take. */
  keepSnapshot(given: Snapshot): void {
    if (this.snapshot !== null && this.snapshot.index >= given.meta.index) return;
    const { meta, data } =
      this.#isSame === null ? given : this.#snapshotAsBytes(given, this.#isSame);
    this.snapshot = meta;
    this.snapshotData = data;
    this.#damagedSnapshot = null;
  }

  #snapshotAsBytes(snapshot: Snapshot, isSame: IsSame): Snapshot {
    const read = decodeSnapshot(encodeSnapshot(snapshot, this.#checksum), this.#checksum);
    if (!isSame(read, snapshot)) this.misread = true;
    return read ?? snapshot;
  }

  /** `null` if the latest is of another entry. Throws StorageError if it is damaged. */
  readSnapshot(index: Index, offset: number, length: number): Chunk | null {
    if (this.snapshot?.index !== index) return null;
    if (this.#damagedSnapshot !== null) this.#judgeSnapshot(this.#damagedSnapshot);
    const data = this.snapshotData.subarray(offset, offset + length);
    return { data, last: offset + length >= this.snapshotData.byteLength };
  }

  /** Flips a bit of the snapshot, its meta and checksum included; `bit` wraps around. */
  corruptSnapshot(bit: number): void {
    const { snapshot: meta, snapshotData: data } = this;
    if (meta === null) throw new RangeError(`${this.name} has no snapshot to corrupt`);
    this.#damagedSnapshot ??= encodeSnapshot({ meta, data }, this.#checksum);
    flip(this.#damagedSnapshot, bit);
  }

  #judgeSnapshot(record: Uint8Array): void {
    if (decodeSnapshot(record, this.#checksum) === null) {
      const index = this.snapshot?.index;
      throw brokenPromise(`${this.name}: the snapshot of entry ${index} is damaged`);
    }
    // A bit that flipped twice is as it was.
    this.#damagedSnapshot = null;
  }

  // ---- Life -------------------------------------------------------------------------------------

  /**
   * Reads everything back, and cuts off what was written but never acknowledged and is damaged.
   * Throws StorageError where an acknowledged unit is, or the snapshot. O(units) if anything is
   * damaged.
   */
  recover(): Stored {
    if (this.#damagedSnapshot !== null) this.#judgeSnapshot(this.#damagedSnapshot);
    if (this.isDamaged) this.#cutDamaged();
    // The node goes on from what it reads: from now on it has promised all of it.
    this.#acknowledged = this.unitCount;
    // The units do not tell of what is made up for here: the checkpoint must.
    if (adoptSnapshot(this, this.snapshot)) this.#foldAll();
    const { currentTerm, votedFor, baseIndex, baseTerm, snapshot } = this;
    const entries = this.entries.slice();
    return { currentTerm, votedFor, baseIndex, baseTerm, entries, snapshot };
  }

  /** As they are read back; what cannot be is kept as it was given. */
  #asBytes(
    sequence: number,
    changes: readonly PersistChange[],
    isSame: IsSame,
  ): readonly PersistChange[] {
    const read = decodeUnit(encodeUnit({ sequence, changes }, this.#checksum), this.#checksum);
    if (!isSame(read, { sequence, changes })) this.misread = true;
    return read?.changes ?? changes;
  }

  /** Another disk stands in its place: nothing is left, and nothing was promised. */
  wipe(): void {
    this.#units.length = 0;
    this.#folded = 0;
    this.#acknowledged = 0;
    this.#checkpoint = blankState();
    this.#rebuild();
    this.snapshot = null;
    this.snapshotData = NO_BYTES;
    this.#damagedSnapshot = null;
  }

  #cutDamaged(): void {
    const found = this.#units.map((stored) => {
      const { sequence, damaged } = stored;
      const unit = damaged === null ? null : decodeUnit(damaged, this.#checksum);
      if (unit?.sequence === sequence) stored.damaged = null;
      return { sequence, intact: stored.damaged === null };
    });
    const kept = unitsToKeep(found, this.#acknowledged, this.name, this.#folded);
    if (kept === this.unitCount) return;
    this.#units.length = kept - this.#folded;
    this.#rebuild();
  }

  /** The first unit that is damaged stays, for the next start to find. Amortized O(1) a change. */
  #fold(): void {
    let count = 0;
    for (const [i, { sequence, changes, damaged }] of this.#units.entries()) {
      if (damaged !== null || sequence > this.#acknowledged) break;
      if (changes.some(({ compactTo }) => compactTo !== null)) count = i + 1;
    }
    for (const { changes } of this.#units.splice(0, count)) {
      for (const change of changes) apply(this.#checkpoint, change);
    }
    this.#folded += count;
  }

  #foldAll(): void {
    this.#folded = this.unitCount;
    this.#units.length = 0;
    this.#checkpoint = blankState();
    copyState(this, this.#checkpoint);
  }

  #rebuild(): void {
    copyState(this.#checkpoint, this);
    this.#compactedAt = 0;
    for (const unit of this.#units) this.#replay(unit);
  }

  #replay({ sequence, changes }: StoredUnit): void {
    for (const change of changes) {
      apply(this, change);
      if (change.compactTo !== null) this.#compactedAt = sequence;
    }
  }
}

function blankState(): UnitState {
  return { currentTerm: 0, votedFor: null, baseIndex: 0, baseTerm: 0, entries: [] };
}

function copyState(from: UnitState, to: UnitState): void {
  to.currentTerm = from.currentTerm;
  to.votedFor = from.votedFor;
  to.baseIndex = from.baseIndex;
  to.baseTerm = from.baseTerm;
  to.entries.length = 0;
  for (const entry of from.entries) to.entries.push(entry);
}

function apply(state: UnitState, change: PersistChange): void {
  if (change.termAndVote !== null) {
    state.currentTerm = change.termAndVote.currentTerm;
    state.votedFor = change.termAndVote.votedFor;
  }
  applyChange(state, change);
}

function flip(bytes: Uint8Array, bit: number): void {
  const at = bit % (bytes.byteLength * 8);
  const byte = Math.floor(at / 8);
  bytes[byte] = (bytes[byte] as number) ^ (1 << (at % 8));
}
