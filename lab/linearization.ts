/**
 * The search for a linearization of the operations on one key: an order in which each is executed
 * between its call and its return, and answers as it did. Wing and Gong's algorithm (1993) in the
 * form of Lowe (2017) and Porcupine (Athalye, 2017): calls and returns are a doubly linked list, an
 * operation that is placed is lifted out of it, and before the first return that is left stand
 * just the calls of those that may be placed next. Iterative, so that no history is too long.
 *
 * Five things shorten the search and lose no linearization:
 *
 * Operations that change nothing wherever they answer as they did (gets, and those that found no
 * key, a key, or no match) are placed as soon as they fit, and nothing else is tried instead. In a
 * linearization that places one later, it can be moved to here: all that must precede it is placed,
 * and the others find what they found before.
 *
 * An open operation, whose outcome is unknown, is placed only where it changes the state, and only
 * if the very next one would not do the same on the state before: a read of what it wrote, say,
 * but no put. Of all linearizations take one with the fewest open operations: one that changes
 * nothing, one that is last, and one without which the next does the same could be left out of it.
 *
 * Of open operations that would now have the same effect, only the choosiest is tried: a cas before
 * an update or create, and these before a put; of equals the one called first. If a linearization
 * has another here, exchange the two: where the choosier one has an effect, so has the other, and
 * neither has a return that it must precede.
 *
 * Of completed operations that ask and answer alike, one that is called and returns no later than
 * another is placed first: where they stand the other way round, they could be exchanged too.
 *
 * With `lookahead`, a state is not left while an operation that needs it is still to come and none
 * that could bring it back. This finds the verdict soonest, but not the longest partial
 * linearization: it stops where the way begins that leads nowhere, not where it ends.
 */
import {
  ABSENT,
  effectOf,
  type JudgedOperation,
  onlyStateOf,
  REFUSED,
  stateAfter,
  type ValueId,
} from './judged-operation.ts';
import { PlacedSet, scramble, VisitedSet } from './visited.ts';

export type SearchResult = {
  readonly verdict: 'ok' | 'illegal' | 'unknown';
  /** The longest partial linearization, counted in completed operations; all of them if `ok`. */
  readonly longest: readonly JudgedOperation[];
};

/** An operation that may be executed at any time after its call, or never. */
export type OpenOperation = {
  readonly write: JudgedOperation;
  /** Nothing that returns later depends on it. */
  readonly until: number;
};

export type SearchSettings = {
  /** How often an operation is tried on a state, or a configuration compared, at most. */
  readonly steps: number;
  readonly lookahead: boolean;
};

/** `completed` and `open` in the order of their calls; `texts` are the values by number. */
export function searchLinearization(
  completed: readonly JudgedOperation[],
  open: readonly OpenOperation[],
  texts: readonly (string | null)[],
  settings: SearchSettings,
): SearchResult {
  return new Search(completed, open, texts, settings).run();
}

/** Instead of a state: the operation placed last is not open. */
const NONE: ValueId = -1;

/** Before the first candidate, where a configuration is new. */
const FIRST = -1;

/**
 * Candidates are numbered: the completed operations from 0, the open ones after them. Events, by
 * time: a call and a return each of the completed ones. A call precedes the returns of its instant,
 * since intervals are closed.
 */
class Search {
  readonly #completed: readonly JudgedOperation[];
  readonly #open: readonly OpenOperation[];
  readonly #texts: readonly (string | null)[];
  readonly #lookahead: boolean;
  #stepsLeft: number;

  /** By event, with one more at the end that is before the first and after the last. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #operationOf: Int32Array;
  /** By completed operation. */
  readonly #callOf: Int32Array;
  readonly #returnOf: Int32Array;
  readonly #pure: Uint8Array;
  /** A list like the events', of the open operations not placed yet. */
  readonly #nextOpen: Int32Array;
  readonly #previousOpen: Int32Array;
  /** By completed and by open operation: one like it that may go first, or -1. */
  readonly #equal: Int32Array;
  readonly #equalOpen: Int32Array;
  /** By state: the open operation chosen to lead there from the present configuration, or -1. */
  readonly #chosen: Int32Array;
  /** By candidate: the state that it may lead to, and the only one it fits; -1 for none. */
  readonly #leadsTo: Int32Array;
  readonly #fitsOnly: Int32Array;

  // The configuration. The hash is the exclusive or of a number for each completed one.
  readonly #placed: PlacedSet;
  readonly #placedOpen: PlacedSet;
  #placedCount = 0;
  #hash = 0;
  #state: ValueId = ABSENT;
  /** The state before the operation placed last, if that is open: the next must depend on it. */
  #overwritten: ValueId = NONE;
  readonly #visited: VisitedSet;
  /** By state: how many of those not placed may lead to it, and how many fit no other. */
  readonly #leading: Int32Array;
  readonly #fitting: Int32Array;

  // The path to it: what was placed, on which state, and whether there was no other choice.
  readonly #path: Int32Array;
  readonly #stateBefore: Int32Array;
  readonly #overwrittenBefore: Int32Array;
  readonly #forced: Uint8Array;
  #depth = 0;

  /** The path of the longest partial linearization; its first `shared` are still on the path. */
  readonly #longest: Int32Array;
  #longestDepth = 0;
  #longestCount = 0;
  #shared = 0;

  constructor(
    completed: readonly JudgedOperation[],
    open: readonly OpenOperation[],
    texts: readonly (string | null)[],
    { steps, lookahead }: SearchSettings,
  ) {
    const count = completed.length;
    this.#completed = completed;
    this.#open = open;
    this.#texts = texts;
    this.#stepsLeft = steps;
    this.#lookahead = lookahead;
    [this.#next, this.#previous] = ring(2 * count);
    this.#operationOf = new Int32Array(2 * count);
    this.#callOf = new Int32Array(count);
    this.#returnOf = new Int32Array(count);
    this.#orderEvents();
    this.#pure = Uint8Array.from(completed, (operation) => (isPure(operation) ? 1 : 0));
    [this.#nextOpen, this.#previousOpen] = ring(open.length);
    this.#chosen = new Int32Array(texts.length).fill(-1);
    const writes = open.map(({ write }) => write);
    this.#equal = equalsOf(completed);
    this.#equalOpen = equalsOf(writes);
    const candidates = [...completed, ...writes];
    this.#leadsTo = Int32Array.from(candidates, (operation) =>
      isPure(operation) ? NONE : effectOf(operation),
    );
    this.#fitsOnly = Int32Array.from(candidates, (operation) => onlyStateOf(operation, texts));
    this.#leading = countsOf(this.#leadsTo, texts.length);
    this.#fitting = countsOf(this.#fitsOnly, texts.length);
    this.#placed = new PlacedSet(count);
    this.#placedOpen = new PlacedSet(open.length);
    this.#visited = new VisitedSet(count);
    const deepest = count + open.length;
    this.#path = new Int32Array(deepest);
    this.#stateBefore = new Int32Array(deepest);
    this.#overwrittenBefore = new Int32Array(deepest);
    this.#forced = new Uint8Array(deepest);
    this.#longest = new Int32Array(deepest);
  }

  run(): SearchResult {
    const count = this.#completed.length;
    if (this.#lookahead && this.#isAnyMissed()) return this.#result('illegal');
    let after = FIRST;
    while (this.#placedCount < count) {
      if (this.#stepsLeft < 0) return this.#result('unknown');
      if (this.#placeNext(after)) after = FIRST;
      else {
        after = this.#takeBack();
        if (after === FIRST) return this.#result('illegal');
      }
    }
    return this.#result('ok');
  }

  #orderEvents(): void {
    const completed = this.#completed;
    const count = completed.length;
    const byReturn = Array.from({ length: count }, (_, i) => i).sort(
      (a, b) => returnTime(completed, a) - returnTime(completed, b),
    );
    let called = 0;
    let returned = 0;
    for (let event = 0; event < 2 * count; event++) {
      const returning = byReturn[returned] as number;
      const calling = completed[called];
      if (calling !== undefined && calling.call <= returnTime(completed, returning)) {
        this.#operationOf[event] = called;
        this.#callOf[called++] = event;
      } else {
        this.#operationOf[event] = returning;
        this.#returnOf[returning] = event;
        returned++;
      }
    }
  }

  /** Places the first that fits of the candidates behind `after`; `false` if none does. */
  #placeNext(after: number): boolean {
    const count = this.#completed.length;
    if (after === FIRST) {
      const pure = this.#fittingPure();
      // Were its configuration visited before, this one would lead nowhere either.
      if (pure !== undefined) return this.#place(pure, this.#state, true);
    }
    return (after < count && this.#placeCompleted(after)) || this.#placeOpen(after - count);
  }

  #fittingPure(): number | undefined {
    const head = 2 * this.#completed.length;
    for (let event = this.#next[head] as number; ; event = this.#next[event] as number) {
      const candidate = this.#operationOf[event] as number;
      if (this.#callOf[candidate] !== event) return undefined;
      if (this.#pure[candidate] === 0) continue;
      if (this.#try(this.#completed[candidate] as JudgedOperation) !== REFUSED) return candidate;
    }
  }

  #placeCompleted(after: number): boolean {
    const from = after === FIRST ? 2 * this.#completed.length : (this.#callOf[after] as number);
    for (let event = this.#next[from] as number; ; event = this.#next[event] as number) {
      const candidate = this.#operationOf[event] as number;
      if (this.#callOf[candidate] !== event) return false;
      if (this.#pure[candidate] !== 0) continue;
      const equal = this.#equal[candidate] as number;
      if (equal >= 0 && !this.#placed.has(equal)) continue;
      const operation = this.#completed[candidate] as JudgedOperation;
      const state = this.#try(operation);
      if (state === REFUSED || !this.#depends(operation, state)) continue;
      if (this.#place(candidate, state, false)) return true;
    }
  }

  #placeOpen(after: number): boolean {
    for (const at of this.#openChoices()) {
      if (at <= after) continue;
      const { write } = this.#open[at] as OpenOperation;
      const state = this.#try(write);
      if (!this.#depends(write, state)) continue;
      if (this.#place(this.#completed.length + at, state, false)) return true;
    }
    return false;
  }

  /** One open operation for each effect that one can have now, in the order of their calls. */
  #openChoices(): number[] {
    const open = this.#open;
    const end = open.length;
    if (this.#nextOpen[end] === end) return [];
    const chosen = this.#chosen;
    const effects: number[] = [];
    const deadline = this.#firstReturn();
    for (let at = this.#nextOpen[end] as number; at !== end; at = this.#nextOpen[at] as number) {
      const { write, until } = open[at] as OpenOperation;
      if (write.call > deadline) break;
      const equal = this.#equalOpen[at] as number;
      if (until < deadline || (equal >= 0 && !this.#placedOpen.has(equal))) continue;
      if (this.#try(write) === this.#state) continue;
      const effect = effectOf(write);
      const other = chosen[effect] as number;
      if (other < 0) effects.push(effect);
      else if (choosiness(write) <= choosiness((open[other] as OpenOperation).write)) continue;
      chosen[effect] = at;
    }
    const choices = effects.map((effect) => chosen[effect] as number);
    for (const effect of effects) chosen[effect] = -1;
    return choices.sort((a, b) => a - b);
  }

  /** When the first of the completed operations that are not placed returns. */
  #firstReturn(): number {
    const head = 2 * this.#completed.length;
    let event = this.#next[head] as number;
    while (this.#callOf[this.#operationOf[event] as number] === event) {
      event = this.#next[event] as number;
    }
    return returnTime(this.#completed, this.#operationOf[event] as number);
  }

  #try(operation: JudgedOperation): ValueId {
    this.#stepsLeft--;
    return stateAfter(operation, this.#state, this.#texts);
  }

  /** Whether an operation needs the open one before it, if there is one, to come out like this. */
  #depends(operation: JudgedOperation, state: ValueId): boolean {
    if (this.#overwritten === NONE) return true;
    return stateAfter(operation, this.#overwritten, this.#texts) !== state;
  }

  /** Places a candidate, unless that leads to where the search has been. */
  #place(candidate: number, state: ValueId, forced: boolean): boolean {
    const count = this.#completed.length;
    const isOpen = candidate >= count;
    this.#mark(candidate);
    if (this.#lookahead && state !== this.#state && this.#isMissed(this.#state)) {
      this.#unmark(candidate);
      return false;
    }
    const overwritten = isOpen ? this.#state : NONE;
    const hash = this.#hash ^ scramble(~state) ^ scramble(scramble(~overwritten));
    const added = this.#visited.add(hash, state, overwritten, this.#placed, this.#placedOpen);
    this.#stepsLeft -= this.#visited.compared;
    if (!added) {
      this.#unmark(candidate);
      return false;
    }
    const depth = this.#depth++;
    this.#path[depth] = candidate;
    this.#stateBefore[depth] = this.#state;
    this.#overwrittenBefore[depth] = this.#overwritten;
    this.#forced[depth] = forced ? 1 : 0;
    this.#state = state;
    this.#overwritten = overwritten;
    if (isOpen) lift(this.#nextOpen, this.#previousOpen, candidate - count);
    else {
      this.#placedCount++;
      lift(this.#next, this.#previous, this.#callOf[candidate] as number);
      lift(this.#next, this.#previous, this.#returnOf[candidate] as number);
    }
    return true;
  }

  /**
   * Takes back what was placed last, and all before it that left no choice; returns the last one,
   * behind which to go on, or `FIRST` if there is no choice left.
   */
  #takeBack(): number {
    this.#keepLongest();
    const count = this.#completed.length;
    while (this.#depth > 0) {
      const depth = --this.#depth;
      const candidate = this.#path[depth] as number;
      if (candidate >= count) putBack(this.#nextOpen, this.#previousOpen, candidate - count);
      else {
        this.#placedCount--;
        putBack(this.#next, this.#previous, this.#returnOf[candidate] as number);
        putBack(this.#next, this.#previous, this.#callOf[candidate] as number);
      }
      this.#unmark(candidate);
      this.#state = this.#stateBefore[depth] as ValueId;
      this.#overwritten = this.#overwrittenBefore[depth] as ValueId;
      if (this.#shared > depth) this.#shared = depth;
      if (this.#forced[depth] === 0) return candidate;
    }
    return FIRST;
  }

  /** Whether an operation still to come fits no other state, and none can lead there again. */
  #isMissed(state: ValueId): boolean {
    return (this.#fitting[state] as number) > 0 && this.#leading[state] === 0;
  }

  /** Whether something was found that nobody has written. */
  #isAnyMissed(): boolean {
    return this.#fitting.some((_, state) => state !== ABSENT && this.#isMissed(state));
  }

  #mark(candidate: number): void {
    this.#count(candidate, -1);
    const count = this.#completed.length;
    if (candidate >= count) this.#placedOpen.add(candidate - count);
    else {
      this.#placed.add(candidate);
      this.#hash ^= scramble(candidate + 1);
    }
  }

  #unmark(candidate: number): void {
    this.#count(candidate, 1);
    const count = this.#completed.length;
    if (candidate >= count) this.#placedOpen.remove(candidate - count);
    else {
      this.#placed.remove(candidate);
      this.#hash ^= scramble(candidate + 1);
    }
  }

  #count(candidate: number, change: 1 | -1): void {
    const to = this.#leadsTo[candidate] as number;
    if (to !== NONE) this.#leading[to] = (this.#leading[to] as number) + change;
    const only = this.#fitsOnly[candidate] as number;
    if (only !== NONE) this.#fitting[only] = (this.#fitting[only] as number) + change;
  }

  /** Copies no more of the path than has changed since the last time. */
  #keepLongest(): void {
    if (this.#placedCount <= this.#longestCount) return;
    this.#longestCount = this.#placedCount;
    this.#longest.set(this.#path.subarray(this.#shared, this.#depth), this.#shared);
    this.#shared = this.#depth;
    this.#longestDepth = this.#depth;
  }

  #result(verdict: SearchResult['verdict']): SearchResult {
    this.#keepLongest();
    const count = this.#completed.length;
    let length = this.#longestDepth;
    // Open operations at the end were tried on the way to more that did not come.
    while (length > 0 && (this.#longest[length - 1] as number) >= count) length--;
    const longest = Array.from(this.#longest.subarray(0, length), (candidate) =>
      candidate < count ? this.#completed[candidate] : this.#open[candidate - count]?.write,
    );
    return { verdict, longest: longest as JudgedOperation[] };
  }
}

function returnTime(operations: readonly JudgedOperation[], index: number): number {
  return (operations[index] as JudgedOperation).return;
}

/** Whether an operation that answered like this has changed nothing, whatever the state was. */
function isPure({ kind, status }: JudgedOperation): boolean {
  return kind === 'get' || (status !== undefined && status !== 'ok');
}

/** By operation, in the order of their calls: the last before it that may go first, or -1. */
function equalsOf(operations: readonly JudgedOperation[]): Int32Array {
  const last = new Map<string, number>();
  return Int32Array.from(operations, (operation, i) => {
    const { kind, value, expected, status, told } = operation;
    const sort = `${kind} ${value} ${expected} ${status} ${told}`;
    const equal = last.get(sort) ?? -1;
    last.set(sort, i);
    return equal >= 0 && returnTime(operations, equal) <= operation.return ? equal : -1;
  });
}

function countsOf(states: Int32Array, size: number): Int32Array {
  const counts = new Int32Array(size);
  for (const state of states) if (state !== NONE) counts[state] = (counts[state] as number) + 1;
  return counts;
}

/** Of two with the same effect, the choosier has it on fewer states, where the other has it too. */
function choosiness({ kind }: JudgedOperation): number {
  if (kind === 'cas') return 2;
  return kind === 'create' || kind === 'update' ? 1 : 0;
}

/** A doubly linked list of 0 … size - 1 in their order, closed by `size` at both ends. */
function ring(size: number): [next: Int32Array, previous: Int32Array] {
  const next = Int32Array.from({ length: size + 1 }, (_, i) => (i === size ? 0 : i + 1));
  const previous = Int32Array.from({ length: size + 1 }, (_, i) => (i === 0 ? size : i - 1));
  return [next, previous];
}

function lift(next: Int32Array, previous: Int32Array, at: number): void {
  const before = previous[at] as number;
  const behind = next[at] as number;
  next[before] = behind;
  previous[behind] = before;
}

/** Undoes `lift`, the last one first. */
function putBack(next: Int32Array, previous: Int32Array, at: number): void {
  next[previous[at] as number] = at;
  previous[next[at] as number] = at;
}
