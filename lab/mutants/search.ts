/**
 * All searches of a plan, on as many threads as there are cores. A thread serves one mutant, since
 * what it has loaded stays loaded, and goes with it.
 */
import { availableParallelism } from 'node:os';
import type { Profile } from '../sim/profiles.ts';
import type { Plan } from './arguments.ts';
import { mutantNamed, NO_MUTANT } from './catalogue.ts';
import { HANG, Hunter } from './hunter.ts';
import type { Hunt, HuntResult, ShrinkResult, ShrinkTask } from './worker.ts';

export type Search = {
  /** A name of the catalogue, or `none`. */
  readonly mutant: string;
  readonly profile: Profile;
  readonly repeat: number;
  /** Seeds `from` to `from + count - 1`. */
  readonly from: number;
  readonly count: number;
};

export type Found = Search & { readonly result: HuntResult };

/** What one thread does: the searches for one mutant, or a part of those of the clean code. */
export type Group = { readonly mutant: string; readonly searches: readonly Search[] };

export type GroupResult = {
  readonly mutant: string;
  readonly found: readonly Found[];
  /** Of the first catch by the property that caught most often. */
  readonly shrunk: ShrinkResult | null;
};

/** The code as it is is searched in parts, so that all threads have one until the end. */
const PART_SEEDS = 100;

export type Limits = Pick<Plan, 'shrinkRuns' | 'hangMs'>;

/** The mutants first: they differ in length, and the parts of the clean code fill what is left. */
export function groupsOf(plan: Plan): Group[] {
  const mutants = plan.mutants.map((mutant) => ({
    mutant,
    searches: Array.from({ length: plan.repeats }, (_, repeat) => ({
      mutant,
      profile: plan.profile,
      repeat,
      from: plan.seed + repeat * plan.seeds,
      count: plan.seeds,
    })),
  }));
  const clean = plan.clean.flatMap(({ profile, seeds }) =>
    partsOf(seeds).map(({ at, count }, repeat) => ({
      mutant: NO_MUTANT,
      searches: [{ mutant: NO_MUTANT, profile, repeat, from: plan.seed + at, count }],
    })),
  );
  return [...mutants, ...clean];
}

function partsOf(seeds: number): { at: number; count: number }[] {
  return Array.from({ length: Math.ceil(seeds / PART_SEEDS) }, (_, part) => ({
    at: part * PART_SEEDS,
    count: Math.min(PART_SEEDS, seeds - part * PART_SEEDS),
  }));
}

/**
 * Runs the groups in order, several at a time; the results have the order of the groups. Rejects
 * with the first error, and when `signal` aborts.
 */
export async function runGroups(
  groups: readonly Group[],
  limits: Limits,
  signal: AbortSignal,
  ended: (result: GroupResult) => void,
): Promise<GroupResult[]> {
  const results: GroupResult[] = [];
  let next = 0;
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const lane = async (): Promise<void> => {
    for (let at = next++; at < groups.length && !stop.aborted; at = next++) {
      const result = await runGroup(groups[at] as Group, limits, stop);
      results[at] = result;
      ended(result);
    }
  };
  const lanes = Array.from({ length: availableParallelism() }, () =>
    lane().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  const outcomes = await Promise.allSettled(lanes);
  stop.throwIfAborted();
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}

async function runGroup(
  { mutant, searches }: Group,
  { shrinkRuns, hangMs }: Limits,
  signal: AbortSignal,
): Promise<GroupResult> {
  const hunter = new Hunter(mutant === NO_MUTANT ? null : mutantNamed(mutant), hangMs, signal);
  try {
    const found: Found[] = [];
    for (const search of searches) {
      const { profile, from, count } = search;
      const hunt: Hunt = { profile, from, count };
      found.push({ ...search, result: await hunter.hunt(hunt) });
    }
    const usual = usualCatch(found);
    // What hangs has no end to look for in a smaller schedule.
    if (usual === null || usual.violation.property === HANG) return { mutant, found, shrunk: null };
    const { schedule } = usual;
    const task: ShrinkTask = { schedule, runs: shrinkRuns };
    return { mutant, found, shrunk: await hunter.shrink(task) };
  } finally {
    await hunter.close();
  }
}

function usualCatch(found: readonly Found[]): HuntResult['caught'] {
  const [usual] = checkersOf(found);
  const caught = found.map(({ result }) => result.caught);
  return caught.find((each) => each?.violation.property === usual) ?? null;
}

/** The properties that caught, the most frequent first. */
export function checkersOf(found: readonly Found[]): string[] {
  const counts = new Map<string, number>();
  for (const { result } of found) {
    const property = result.caught?.violation.property;
    if (property !== undefined) counts.set(property, (counts.get(property) ?? 0) + 1);
  }
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([property]) => property);
}
