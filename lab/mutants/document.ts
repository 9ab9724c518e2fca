/** What the experiment leaves behind as data: a row for each search, and what follows from them. */

import { oneLine } from '../../src/user-error.ts';
import { PLACE_NAMES, PLACES, type Place } from '../places.ts';
import { SCHEMA_VERSION } from '../results.ts';
import type { Profile } from '../sim/profiles.ts';
import { NO_MUTANT } from './catalogue.ts';
import { type MedianInterval, medianInterval } from './order-statistics.ts';
import { checkersOf, type Found, type GroupResult } from './search.ts';

export const EXPERIMENT = 'mutants';

/** A place is reached if so many of the runs of some profile come to it. */
const LEAST_SHARE = 0.01;
const SEEDS_ENOUGH = 1000;

export type MutantRow = {
  readonly factors: { readonly mutant: string; readonly profile: Profile };
  /** Number of the search, counted from 0. */
  readonly trial: number;
  /** The first seed of the search. */
  readonly seed: number;
  readonly metrics: {
    /** `null`: none of them caught it. */
    readonly seedsUntilCaught: number | null;
    readonly seedsRun: number;
    /** The property that was broken. */
    readonly checker: string | null;
    readonly message: string | null;
    readonly wallMs: number;
  };
  /** `ok`, or what should not be: a search that caught nothing, or an alarm of the clean code. */
  readonly audit: string;
};

export type ShrunkSize = {
  readonly mutant: string;
  readonly checker: string;
  readonly nodes: number;
  readonly faults: number;
  readonly operations: number;
  readonly runs: number;
  readonly complete: boolean;
};

/** A mutant of a file that the simulator does not load. */
export type TestedMutant = {
  readonly mutant: string;
  /** The file of tests that noticed it; `null` if none did. */
  readonly test: string | null;
};

/** What runs of the code as it is came to. */
export type Reached = {
  readonly profile: Profile;
  readonly seeds: number;
  /** In how many of them. */
  readonly places: Readonly<Partial<Record<Place, number>>>;
};

export type MutantsDocument = {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly experiment: typeof EXPERIMENT;
  readonly rows: readonly MutantRow[];
  readonly tested: readonly TestedMutant[];
  readonly reached: readonly Reached[];
  /** Of mutants that invariants of the servers catch: the property that does without those. */
  readonly labAlone: Readonly<Record<string, string | null>>;
  /** One failing schedule of each mutant, made smaller; they are in `schedules/`. */
  readonly shrunk: readonly ShrunkSize[];
};

/** A mutant over all its searches. */
export type Summary = {
  readonly mutant: string;
  readonly searches: number;
  readonly caught: number;
  readonly seeds: MedianInterval;
  readonly seconds: MedianInterval;
  /** The properties that caught it, the most frequent first. */
  readonly checkers: readonly string[];
  /** Where that is an invariant of the servers: the property of the lab that catches it alone. */
  readonly labAlone: string | null;
  readonly shrunk: ShrunkSize | null;
};

export function documentOf(results: readonly GroupResult[]): MutantsDocument {
  return {
    schemaVersion: SCHEMA_VERSION,
    experiment: EXPERIMENT,
    rows: results.flatMap(({ found }) => found.map(rowOf)),
    tested: results.flatMap(({ found, mutant, test }) =>
      found.length === 0 ? [{ mutant, test }] : [],
    ),
    reached: reachedBy(results),
    labAlone: Object.fromEntries(
      results.flatMap(({ found, labAlone, mutant }) => {
        const [usual] = checkersOf(found);
        return usual === undefined || usual === labAlone ? [] : [[mutant, labAlone]];
      }),
    ),
    shrunk: results.flatMap(({ mutant, shrunk }) =>
      shrunk === null || mutant === NO_MUTANT
        ? []
        : [
            {
              mutant,
              checker: shrunk.violation.property,
              nodes: shrunk.schedule.nodes,
              faults: shrunk.schedule.faults.length,
              operations: shrunk.schedule.operations.length,
              runs: shrunk.runs,
              complete: shrunk.complete,
            },
          ],
    ),
  };
}

function reachedBy(results: readonly GroupResult[]): Reached[] {
  const byProfile = new Map<Profile, { seeds: number; places: Partial<Record<Place, number>> }>();
  for (const { profile, mutant, result } of results.flatMap(({ found }) => found)) {
    if (mutant !== NO_MUTANT) continue;
    const sum = byProfile.get(profile) ?? { seeds: 0, places: {} };
    byProfile.set(profile, sum);
    sum.seeds += result.seedsRun;
    for (const place of PLACE_NAMES) {
      const times = (sum.places[place] ?? 0) + (result.reached[place] ?? 0);
      if (times > 0) sum.places[place] = times;
    }
  }
  return [...byProfile].map(([profile, sum]) => ({ profile, ...sum }));
}

function rowOf({ mutant, profile, repeat, from, result }: Found): MutantRow {
  const { seedsRun, wallMs, caught } = result;
  return {
    factors: { mutant, profile },
    trial: repeat,
    seed: from,
    metrics: {
      seedsUntilCaught: caught === null ? null : seedsRun,
      seedsRun,
      checker: caught?.violation.property ?? null,
      message: caught?.violation.message ?? null,
      wallMs,
    },
    audit: auditOf(mutant, profile, result),
  };
}

function auditOf(mutant: string, profile: Profile, { seedsRun, caught }: Found['result']): string {
  if (mutant !== NO_MUTANT) return caught === null ? `not caught in ${seedsRun} seeds` : 'ok';
  if (caught === null) return 'ok';
  const { property, message } = caught.violation;
  const what = `${property}: ${oneLine(message)}`;
  return `seed ${caught.seed} of profile ${profile} raised an alarm: ${what}`;
}

/** The mutants, the soonest caught first. */
export function summariesOf(results: readonly GroupResult[]): Summary[] {
  const { shrunk } = documentOf(results);
  return results
    .filter(({ found, mutant }) => mutant !== NO_MUTANT && found.length > 0)
    .map(({ mutant, found, labAlone }) => ({
      mutant,
      searches: found.length,
      caught: found.filter(({ result }) => result.caught !== null).length,
      seeds: medianInterval(found.map(({ result }) => untilCaught(result, result.seedsRun))),
      seconds: medianInterval(found.map(({ result }) => untilCaught(result, result.wallMs / 1000))),
      checkers: checkersOf(found),
      labAlone: labAlone === checkersOf(found)[0] ? null : labAlone,
      shrunk: shrunk.find((each) => each.mutant === mutant) ?? null,
    }))
    .toSorted((a, b) => a.seeds.median - b.seeds.median || a.seconds.median - b.seconds.median);
}

/** A search that ended without a catch would have needed more than it had. */
function untilCaught({ caught }: Found['result'], spent: number): number {
  return caught === null ? Number.POSITIVE_INFINITY : spent;
}

/** What makes the command fail, in sentences: survivors, and alarms of the code as it is. */
export function complaintsOf({ reached, rows, tested }: MutantsDocument): string[] {
  const clean = rows.filter(({ factors }) => factors.mutant === NO_MUTANT);
  const alarms = clean.flatMap(({ audit }) =>
    audit === 'ok' ? [] : [`the code as it is: ${audit}`],
  );
  const names = new Set(rows.map(({ factors }) => factors.mutant));
  const survivors = [...names].flatMap((name) => {
    const own = rows.filter(({ factors }) => factors.mutant === name);
    if (name === NO_MUTANT || own.some(({ audit }) => audit === 'ok')) return [];
    const seeds = own.reduce((sum, { metrics }) => sum + metrics.seedsRun, 0);
    return [`${name} survived ${seeds} seeds`];
  });
  const untested = tested.flatMap(({ mutant, test }) =>
    test === null ? [`no test noticed ${mutant}`] : [],
  );
  return [...alarms, ...survivors, ...untested, ...unreachedBy(reached)];
}

/** Places that no profile comes to in a hundredth of its runs, where there were enough of them. */
function unreachedBy(reached: readonly Reached[]): string[] {
  const enough = reached.filter(({ seeds }) => seeds >= SEEDS_ENOUGH);
  if (enough.length === 0) return [];
  return PLACE_NAMES.flatMap((place) => {
    const most = Math.max(...enough.map(({ places, seeds }) => (places[place] ?? 0) / seeds));
    return most >= LEAST_SHARE ? [] : [`too few runs come to ${place}: ${PLACES[place]}`];
  });
}
