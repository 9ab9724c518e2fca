/**
 * One way down from a schedule that fails: it tries candidates, and keeps those that still break
 * the same property. It pauses after each run.
 */
import type { Schedule } from './schedule.ts';
import type { Change, List } from './shrink-changes.ts';
import type { RunResult, Violation } from './verdict.ts';

/** Runs a candidate; its result if it failed in any way, else `null`. */
export type Fails = (candidate: Schedule) => RunResult | null;

export type ShrinkBudget = {
  /** Most candidates that are run. */
  readonly runs: number;
  /** Asked before each run but the first. */
  mayGoOn(): boolean;
};

/** Yields after each run. */
export type Steps<Result = void> = Generator<void, Result>;

export type Stage = {
  /** Lists are taken apart into so many parts at most. */
  readonly parts: number;
  /** So many other seeds are tried with each candidate. */
  readonly otherSeeds: number;
};

/** A schedule with how it fails. */
export type Failure = {
  readonly schedule: Schedule;
  readonly result: RunResult;
  readonly violation: Violation;
};

/** The runs of all ways down, which share a budget. */
export class Runs {
  count = 0;
  /** The budget refused a run. */
  spent = false;
  readonly #fails: Fails;
  readonly #budget: ShrinkBudget;

  constructor(fails: Fails, budget: ShrinkBudget) {
    this.#fails = fails;
    this.#budget = budget;
  }

  /** The failure of a candidate; `null` if it breaks no property, or the budget is spent. */
  run(schedule: Schedule): Failure | null {
    this.spent ||= this.count >= this.#budget.runs || !this.#budget.mayGoOn();
    return this.spent ? null : this.runAnyway(schedule);
  }

  /** The same without regard to the budget. */
  runAnyway(schedule: Schedule): Failure | null {
    this.count++;
    const result = this.#fails(schedule);
    if (result?.verdict.kind !== 'violation') return null;
    return { schedule, result, violation: result.verdict.violation };
  }
}

export class Search {
  best: Failure;
  stage: Stage = { parts: 1, otherSeeds: 0 };
  /** Something was taken out since this was last set to false. */
  improved = false;
  readonly #runs: Runs;

  constructor(best: Failure, runs: Runs) {
    this.best = best;
    this.#runs = runs;
  }

  get schedule(): Schedule {
    return this.best.schedule;
  }

  /** Keeps the candidate, and is true, if it breaks the same property, be it by another seed. */
  *attempt(candidate: Schedule): Steps<boolean> {
    for (let k = 0; k <= this.stage.otherSeeds; k++) {
      const failure = this.#runs.run({ ...candidate, seed: seedAfter(candidate.seed, k) });
      if (this.#runs.spent) return false;
      const kept = failure?.violation.property === this.best.violation.property;
      if (failure !== null && kept) {
        this.best = failure;
        this.improved = true;
      }
      yield;
      if (kept) return true;
    }
    return false;
  }

  /** Makes each change as often as it can be made. */
  *apply(changes: readonly Change[]): Steps {
    for (const change of changes) {
      let candidate = change(this.schedule);
      while (candidate !== null && (yield* this.attempt(candidate))) {
        candidate = change(this.schedule);
      }
    }
  }
}

function seedAfter(seed: number, k: number): number {
  return seed <= Number.MAX_SAFE_INTEGER - k ? seed + k : k;
}

/** Takes out all items, halves, quarters, and at last, if the stage goes so far, single items. */
export function* thin<T>(search: Search, list: List<T>): Steps {
  let size = list.read(search.schedule).length;
  while (size > 0) {
    let removed = false;
    // From the end on, since what comes late has less hanging on it.
    for (let end = list.read(search.schedule).length; end > 0; end -= size) {
      const items = list.read(search.schedule);
      const kept = [...items.slice(0, Math.max(0, end - size)), ...items.slice(end)];
      const candidate = list.write(search.schedule, kept);
      if (candidate !== null && (yield* search.attempt(candidate))) removed = true;
    }
    const { length } = list.read(search.schedule);
    if (size > 1) size = Math.min(Math.floor(size / 2), length);
    else if (!removed) return;
    if (length > size * search.stage.parts) return;
  }
}
