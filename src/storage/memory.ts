/**
 * A storage in memory for a host that decides how long writes take and when the power fails. The
 * disk outlives the storages that write to it, as a disk outlives processes; what had not reported
 * durable when its storage crashed is lost, or torn, or there after all.
 */
import type { Entry, NodeId, PersistChange, Term } from '../raft/types.ts';
import { type Checksum, decodeUnit, encodeUnit, unitBytes } from './records.ts';
import { unitsToKeep } from './recovery.ts';
import { applyChange, type Done, type Storage, StorageError, type Stored } from './storage.ts';

/** The device beneath: it takes its time, may be full, and its news may be heard late. */
export type Medium = {
  /** Calls `written` when the write has ended: at once, later, or never if the power fails. */
  write(bytes: number, written: (outcome: 'durable' | 'full') => void): void;
  /** Calls `hear` when the process gets to it; never if it dies before. */
  tell(hear: () => void): void;
};

/** Kept as it was given until something happens to it: then bytes, for the checksum to judge. */
type StoredUnit = {
  readonly sequence: number;
  changes: readonly PersistChange[];
  damaged: Uint8Array<ArrayBuffer> | null;
};

/** What became of a write that was under way when the power failed. */
export type CrashFate =
  | { readonly kind: 'lost' }
  /** All of it reached the disk, but nobody was told. */
  | { readonly kind: 'whole' }
  /** This share of its bytes reached the disk, 0 … 1. */
  | { readonly kind: 'torn'; readonly share: number };

export class MemoryDisk {
  readonly name: string;
  /** What the intact units make, in order; what a server would start from. */
  currentTerm: Term = 0;
  votedFor: NodeId | null = null;
  readonly entries: Entry[] = [];
  readonly #units: StoredUnit[] = [];
  /** The highest sequence number that a node was told is durable, noted apart from the units. */
  #acknowledged = 0;
  readonly #checksum: Checksum;

  constructor(name: string, checksum: Checksum) {
    this.name = name;
    this.#checksum = checksum;
  }

  /** How many units, from the first on, the node was told are durable. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  get unitCount(): number {
    return this.#units.length;
  }

  /** Some unit is not as it was written. */
  get isDamaged(): boolean {
    return this.#units.some(({ damaged }) => damaged !== null);
  }

  write(changes: readonly PersistChange[]): number {
    const sequence = this.#units.length + 1;
    this.#units.push({ sequence, changes, damaged: null });
    this.#replay(changes);
    return sequence;
  }

  acknowledge(sequence: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
  }

  /** A write that the power failure cut off. */
  tear(changes: readonly PersistChange[], share: number): void {
    const sequence = this.#units.length + 1;
    const whole = encodeUnit({ sequence, changes }, this.#checksum);
    // Never all of it: that would be a whole unit.
    const bytes = Math.min(whole.byteLength - 1, Math.floor(whole.byteLength * share));
    this.#units.push({ sequence, changes, damaged: whole.slice(0, bytes) });
  }

  /** Flips a bit; `unit` counts from 0, `bit` modulo the unit's length. */
  corrupt(unit: number, bit: number): void {
    const stored = this.#units[unit];
    if (stored === undefined) throw new RangeError(`the disk has no unit ${unit}`);
    const bytes = stored.damaged ?? encodeUnit(stored, this.#checksum);
    const at = bit % (bytes.byteLength * 8);
    const byte = Math.floor(at / 8);
    bytes[byte] = (bytes[byte] as number) ^ (1 << (at % 8));
    stored.damaged = bytes;
  }

  /**
   * Reads everything back, and cuts off what was written but never acknowledged and is damaged.
   * Throws StorageError where an acknowledged unit is. O(units) if anything is damaged.
   */
  recover(): Stored {
    if (!this.isDamaged) {
      this.#acknowledged = this.#units.length;
      return this.#stored();
    }
    const found = this.#units.map((stored) => {
      const { sequence, damaged } = stored;
      const unit = damaged === null ? null : decodeUnit(damaged, this.#checksum);
      // A bit that flipped twice is as it was.
      if (unit?.sequence === sequence) stored.damaged = null;
      return { sequence, intact: stored.damaged === null };
    });
    const kept = unitsToKeep(found, this.#acknowledged, this.name);
    if (kept < this.#units.length) {
      this.#units.length = kept;
      this.#rebuild();
    }
    // The node goes on from what it reads: from now on it has promised all of it.
    this.#acknowledged = kept;
    return this.#stored();
  }

  #stored(): Stored {
    const { currentTerm, votedFor } = this;
    return { currentTerm, votedFor, entries: this.entries.slice() };
  }

  #rebuild(): void {
    this.currentTerm = 0;
    this.votedFor = null;
    this.entries.length = 0;
    for (const { changes } of this.#units) this.#replay(changes);
  }

  #replay(changes: readonly PersistChange[]): void {
    for (const change of changes) {
      if (change.termAndVote !== null) {
        this.currentTerm = change.termAndVote.currentTerm;
        this.votedFor = change.termAndVote.votedFor;
      }
      applyChange(this.entries, change);
    }
  }
}

export class MemoryStorage implements Storage {
  readonly #disk: MemoryDisk;
  readonly #medium: Medium;
  #underWay: readonly PersistChange[] | null = null;
  #crashed = false;

  constructor(disk: MemoryDisk, medium: Medium) {
    this.#disk = disk;
    this.#medium = medium;
  }

  load(done: (error: StorageError | null, stored: Stored) => void): void {
    let stored: Stored = { currentTerm: 0, votedFor: null, entries: [] };
    let failure: StorageError | null = null;
    try {
      stored = this.#disk.recover();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      failure = error;
    }
    done(failure, stored);
  }

  persist(changes: readonly PersistChange[], done: Done): void {
    this.#underWay = changes;
    this.#medium.write(unitBytes(changes), (outcome) => {
      if (this.#crashed) return;
      this.#underWay = null;
      if (outcome === 'full') {
        const error = new StorageError(`${this.#disk.name}: the disk is full; make room and start`);
        this.#medium.tell(() => done(error));
        return;
      }
      const sequence = this.#disk.write(changes);
      this.#medium.tell(() => {
        this.#disk.acknowledge(sequence);
        done(null);
      });
    });
  }

  close(done: Done): void {
    done(null);
  }

  /** The power fails: the storage is gone, and of a write under way the disk keeps what it may. */
  crash(fate: CrashFate): void {
    this.#crashed = true;
    if (this.#underWay === null) return;
    if (fate.kind === 'whole') this.#disk.write(this.#underWay);
    if (fate.kind === 'torn') this.#disk.tear(this.#underWay, fate.share);
    this.#underWay = null;
  }
}
