/**
 * Which units a compaction has made superfluous, for storages that keep each unit as a record. The
 * first units are folded into a checkpoint, which stands for all that they did; no entry that is
 * kept is written again for it.
 */
import type { Entry, Index, NodeId, PersistChange, SnapshotMeta, Term } from '../raft/types.ts';
import type { Unit } from './records.ts';
import { applyChange, type Stored } from './storage.ts';

export type Checkpoint = {
  /** Units up to this one are no more. */
  readonly folded: number;
  readonly currentTerm: Term;
  readonly votedFor: NodeId | null;
  /** Entries up to here count no more, whichever unit brings them. */
  readonly baseIndex: Index;
  readonly baseTerm: Term;
  /**
   * Units before this one, and its first changes, say nothing of the log: all of it was discarded
   * then (figure 5.3, step 7).
   */
  readonly logFrom: { readonly unit: number; readonly change: number };
};

export const BLANK_CHECKPOINT: Checkpoint = {
  folded: 0,
  currentTerm: 0,
  votedFor: null,
  baseIndex: 0,
  baseTerm: 0,
  logFrom: { unit: 0, change: 0 },
};

/** The inverse of JSON. Throws RangeError or SyntaxError for a text that is none. */
export function parseCheckpoint(text: string): Checkpoint {
  const checkpoint: Checkpoint = JSON.parse(text);
  const { folded, currentTerm, votedFor, baseIndex, baseTerm, logFrom } = Object(checkpoint);
  const counts = [folded, currentTerm, baseIndex, baseTerm, logFrom?.unit, logFrom?.change];
  if (!counts.every(isCount) || !(votedFor === null || typeof votedFor === 'string')) {
    throw new RangeError(`no checkpoint: ${text}`);
  }
  return checkpoint;
}

/** Throws RangeError for what no server stores: indexes with gaps, terms that are no numbers. */
export function checkReplayed({ currentTerm, baseIndex, entries }: Replayed): void {
  if (!isCount(currentTerm)) throw new RangeError(`its term is ${currentTerm}`);
  for (const [position, { index, term }] of entries.entries()) {
    const expected = baseIndex + 1 + position;
    if (index === expected && isCount(index) && isCount(term)) continue;
    throw new RangeError(`entry ${index}, term ${term}, stands in the place of entry ${expected}`);
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** So many units, or about so many bytes of them, are folded at a time. */
const UNITS_MAX = 64;
const BYTES_MAX = 8 << 20;

// ---- Replaying ----------------------------------------------------------------------------------

export type Replayed = Omit<Stored, 'snapshot' | 'currentTerm' | 'votedFor'> & {
  currentTerm: Term;
  votedFor: NodeId | null;
};

/** What is stored before the first unit behind the checkpoint. */
export function startOf(checkpoint: Checkpoint): Replayed {
  const { currentTerm, votedFor, baseIndex, baseTerm } = checkpoint;
  return { currentTerm, votedFor, baseIndex, baseTerm, entries: [] };
}

/** Once the unit that brought about the checkpoint is replayed, the state is right again. */
export function replayUnit(state: Replayed, unit: Unit, { logFrom }: Checkpoint): void {
  for (const [position, change] of unit.changes.entries()) {
    if (change.termAndVote !== null) {
      state.currentTerm = change.termAndVote.currentTerm;
      state.votedFor = change.termAndVote.votedFor;
    }
    if (!tellsOfLog(logFrom, unit.sequence, position)) continue;
    applyChange(state, { ...change, entries: behind(change.entries, state.baseIndex) });
  }
}

function tellsOfLog(from: Checkpoint['logFrom'], sequence: number, position: number): boolean {
  return sequence > from.unit || (sequence === from.unit && position >= from.change);
}

/** Entries of a change are consecutive. */
function behind(entries: readonly Entry[], index: Index): readonly Entry[] {
  const first = entries[0];
  if (first === undefined || first.index > index) return entries;
  return entries.slice(index - first.index + 1);
}

// ---- Folding ------------------------------------------------------------------------------------

type LiveUnit = { readonly sequence: number; readonly highest: Index; readonly bytes: number };

/** Follows what acknowledged units do to the log, without its entries. */
export class Folding {
  #state: Omit<Checkpoint, 'folded'>;
  #lastIndex: Index;
  /** Where each run of entries of one term begins; the first may begin before the base. */
  #runs: { readonly from: Index; readonly term: Term }[] = [];
  readonly #live: LiveUnit[] = [];
  /** The base has moved, and not all is folded that may be. */
  #due = false;
  readonly #unitsMax: number;

  constructor(checkpoint: Checkpoint, unitsMax = UNITS_MAX) {
    this.#unitsMax = unitsMax;
    this.#state = checkpoint;
    this.#lastIndex = checkpoint.baseIndex;
  }

  /** The next unit, once it is acknowledged, and its size on the disk. O(entries). */
  take(unit: Unit, bytes: number): void {
    let highest = 0;
    for (const [position, change] of unit.changes.entries()) {
      if (change.termAndVote !== null) this.#state = { ...this.#state, ...change.termAndVote };
      if (!tellsOfLog(this.#state.logFrom, unit.sequence, position)) continue;
      this.#changeLog(change);
      highest = Math.max(highest, change.entries.at(-1)?.index ?? 0);
      if (change.compactTo === null) continue;
      this.#compact(change.compactTo, { unit: unit.sequence, change: position + 1 });
      // Of what was discarded nothing is to be kept.
      if (!tellsOfLog(this.#state.logFrom, unit.sequence, position)) highest = 0;
    }
    this.#live.push({ sequence: unit.sequence, highest, bytes });
  }

  /** A snapshot takes the place of the log that all units up to `last` have made. */
  adopt({ index, term }: Pick<SnapshotMeta, 'index' | 'term'>, last: number): Checkpoint {
    this.#discard(index, term, { unit: last + 1, change: 0 });
    return { ...this.#state, folded: (this.#live[0]?.sequence ?? last + 1) - 1 };
  }

  /** The checkpoint after the next step; `null` if there is nothing to fold. */
  next(): Checkpoint | null {
    if (!this.#due) return null;
    let folded = 0;
    let bytes = 0;
    for (const unit of this.#live.slice(0, this.#unitsMax)) {
      const isNeeded =
        unit.highest > this.#state.baseIndex && unit.sequence >= this.#state.logFrom.unit;
      if (isNeeded || bytes >= BYTES_MAX) break;
      folded = unit.sequence;
      bytes += unit.bytes;
    }
    this.#due = folded > 0;
    return folded === 0 ? null : { ...this.#state, folded };
  }

  /** The checkpoint is durable. */
  folded({ folded }: Checkpoint): void {
    const left = this.#live.findIndex(({ sequence }) => sequence > folded);
    this.#live.splice(0, left < 0 ? this.#live.length : left);
  }

  #changeLog({ truncateFrom, entries }: PersistChange): void {
    if (truncateFrom !== null) {
      this.#lastIndex = Math.max(this.#state.baseIndex, truncateFrom - 1);
      while ((this.#runs.at(-1)?.from ?? 0) > this.#lastIndex) this.#runs.pop();
    }
    for (const { index, term } of behind(entries, this.#state.baseIndex)) {
      if (this.#runs.at(-1)?.term !== term) this.#runs.push({ from: index, term });
      this.#lastIndex = index;
    }
  }

  #compact({ index, term }: { index: Index; term: Term }, at: Checkpoint['logFrom']): void {
    if (index <= this.#state.baseIndex) return;
    if (index > this.#lastIndex || this.#termAt(index) !== term) {
      this.#discard(index, term, at);
      return;
    }
    while ((this.#runs[1]?.from ?? Number.POSITIVE_INFINITY) <= index) this.#runs.shift();
    this.#state = { ...this.#state, baseIndex: index, baseTerm: term };
    this.#due = true;
  }

  #discard(baseIndex: Index, baseTerm: Term, logFrom: Checkpoint['logFrom']): void {
    this.#state = { ...this.#state, baseIndex, baseTerm, logFrom };
    this.#lastIndex = baseIndex;
    this.#runs = [];
    this.#due = true;
  }

  #termAt(index: Index): Term | undefined {
    return this.#runs.findLast(({ from }) => from <= index)?.term;
  }
}
