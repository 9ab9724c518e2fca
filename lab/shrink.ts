/**
 * Finds a small schedule that fails as a large one does: what is not needed is taken out, piece by
 * piece, as long as the same property is broken (delta debugging; A. Zeller and R. Hildebrandt,
 * IEEE Transactions on Software Engineering 28(2), 2002).
 *
 * A piece that has nothing to do with a failure may still hide it when it goes, for whatever is
 * drawn after it is drawn differently. So when nothing more can be taken out, other seeds are tried
 * with each candidate.
 */
import type { Schedule } from './schedule.ts';
import {
  CALMER,
  EARLIER,
  endAtViolation,
  endSoonAfterViolation,
  FAULTS,
  fewerClients,
  fewerNodes,
  groupsOf,
  linksOf,
  OPERATIONS,
  PLAINER,
  SHORTER,
  settingsOf,
  shorterFault,
  votersOf,
} from './shrink-changes.ts';
import {
  type Fails,
  type Failure,
  Runs,
  Search,
  type ShrinkBudget,
  type Stage,
  type Steps,
  thin,
} from './shrink-search.ts';
import type { RunResult } from './verdict.ts';

export type { Fails, ShrinkBudget } from './shrink-search.ts';

/** How far it is; yielded after each run. */
export type ShrinkProgress = { readonly runs: number; readonly best: Schedule };

export type Shrunk = {
  readonly schedule: Schedule;
  readonly result: RunResult;
  readonly runs: number;
  /** False if the budget ended before everything had been tried. */
  readonly complete: boolean;
};

const CALMING: Stage = { parts: 1, otherSeeds: 4 };
/** Each is repeated until it finds nothing. While runs are long, few candidates are tried. */
const ROUGH: readonly Stage[] = [
  { parts: 4, otherSeeds: 0 },
  { parts: 4, otherSeeds: 8 },
  { parts: 32, otherSeeds: 2 },
];
const FINE: readonly Stage[] = [0, 2, 8, 24].map((otherSeeds) => ({
  parts: Number.POSITIVE_INFINITY,
  otherSeeds,
}));
const LAST: Stage = { parts: 1, otherSeeds: 0 };

/** Faults and operations that a person can follow: another way down is not worth its time. */
const SMALL = 15;

/**
 * Shrinks a schedule that fails. Two ways down take turns, since either may end in a hollow: one
 * takes chance out first, the other leaves it to the last. Every candidate is smaller than what it
 * comes from, so this ends by itself; the same schedule, `fails` and number of runs give the same
 * result. Throws an Error if the schedule does not break a property.
 */
export function* shrink(
  schedule: Schedule,
  fails: Fails,
  budget: ShrinkBudget,
): Generator<ShrinkProgress, Shrunk> {
  const runs = new Runs(fails, budget);
  const first = runs.runAnyway(schedule);
  if (first === null) throw new Error('shrink: the schedule does not fail');
  const ways = [calmFirst, calmLast].map((way) => {
    const search = new Search(first, runs);
    return { search, steps: way(search), ended: false };
  });
  const best = (): Failure => smallest(ways.map(({ search }) => search.best));
  while (!ways.every(({ ended }) => ended)) {
    for (const way of ways) {
      if (way.ended) continue;
      way.ended = way.steps.next().done === true;
      if (!way.ended) yield { runs: runs.count, best: best().schedule };
    }
    if (ways.some(({ ended, search }) => ended && sizeOf(search.schedule) <= SMALL)) break;
  }
  const { schedule: found, result } = best();
  return { schedule: found, result, runs: runs.count, complete: !runs.spent };
}

function sizeOf({ faults, operations }: Schedule): number {
  return faults.length + operations.length;
}

function smallest(failures: readonly Failure[]): Failure {
  return failures.reduce((a, b) => (sizeOf(b.schedule) < sizeOf(a.schedule) ? b : a));
}

// ---- Ways down ----------------------------------------------------------------------------------

function* calmFirst(search: Search): Steps {
  yield* repeat(search, CALMING, calmRound);
  yield* calmLast(search);
}

function* calmLast(search: Search): Steps {
  for (const stage of ROUGH) yield* repeat(search, stage, roughRound);
  for (const stage of FINE) yield* repeat(search, stage, fineRound);
  search.stage = LAST;
  yield* search.apply([endAtViolation(search.best.violation)]);
}

function* repeat(search: Search, stage: Stage, round: (search: Search) => Steps): Steps {
  search.stage = stage;
  do {
    search.improved = false;
    yield* round(search);
  } while (search.improved);
}

/**
 * What is drawn less often shifts less: a run without chance keeps failing when pieces go. So this
 * is done while there are faults enough to fail by.
 */
function* calmRound(search: Search): Steps {
  yield* search.apply(CALMER);
  yield* search.apply([endSoonAfterViolation(search.best.violation), ...EARLIER, ...PLAINER]);
}

function* roughRound(search: Search): Steps {
  yield* search.apply([endSoonAfterViolation(search.best.violation), ...EARLIER]);
  yield* thin(search, FAULTS);
  yield* thin(search, OPERATIONS);
}

function* fineRound(search: Search): Steps {
  yield* roughRound(search);
  yield* thin(search, FAULTS);
  yield* search.apply(fewerNodes(search.schedule));
  yield* search.apply(fewerClients(search.schedule));
  yield* search.apply([...CALMER, ...PLAINER]);
  for (let i = 0; i < search.schedule.faults.length; i++) {
    yield* thin(search, linksOf(i));
    yield* thin(search, groupsOf(i));
    yield* thin(search, votersOf(i));
    yield* thin(search, settingsOf(i));
    yield* search.apply([shorterFault(i)]);
  }
  yield* search.apply(SHORTER);
}
