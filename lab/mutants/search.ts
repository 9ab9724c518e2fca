/**
 * All searches of a plan, on as many threads as there are cores. A thread serves one mutant, since
 * what it has loaded stays loaded, and goes with it.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Profile } from '../sim/profiles.ts';
import type { Plan } from './arguments.ts';
import { mutantNamed, NO_MUTANT } from './catalogue.ts';
import { HANG, Hunter } from './hunter.ts';
import type { Mutant } from './mutant.ts';
import { TestRuns } from './test-runs.ts';
import type { HuntResult, ShrinkResult, ShrinkTask } from './worker.ts';

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
  /** Without searches where the simulator does not load the mutant's file. */
  readonly found: readonly Found[];
  /** The test that noticed it, where the simulator does not load its file; `null` if none did. */
  readonly test: string | null;
  /**
   * The property by which the lab catches it where servers do not check their own invariants;
   * `null` if none does.
   */
  readonly labAlone: string | null;
  /** Of the first catch by the property that caught most often. */
  readonly shrunk: ShrinkResult | null;
};

const PROJECT = join(import.meta.dirname, '..', '..');
/** The code as it is is searched in parts, so that all threads have one until the end. */
const PART_SEEDS = 100;

export type Limits = Pick<Plan, 'shrinkRuns' | 'hangMs'>;

/** Stands before what an invariant of a server says (lab/sim/simulation.ts). */
export const INVARIANT = 'Invariant: ';
/** For the tests of a mutant. */
const TESTS_MS = 300_000;

/** Servers go on that have broken their own rules: what is left is the lab's. */
const UNGUARDED: Mutant = {
  name: 'invariants-unchecked',
  what: 'No server checks its own invariants.',
  knownFrom: 'the lab',
  file: 'src/raft/invariants.ts',
  replace: [{ find: '    if (!holds) violated(what, input, state);\n', with: '' }],
};

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
  const tests = new TestRuns(PROJECT, () => {});
  const results: GroupResult[] = [];
  let next = 0;
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const lane = async (): Promise<void> => {
    for (let at = next++; at < groups.length && !stop.aborted; at = next++) {
      const result = await runGroup(groups[at] as Group, limits, tests, stop);
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
  limits: Limits,
  tests: TestRuns,
  signal: AbortSignal,
): Promise<GroupResult> {
  const planted = mutant === NO_MUTANT ? null : mutantNamed(mutant);
  if (planted !== null && !tests.simulatorLoads(planted.file)) {
    const { killer } = await tests.run(planted, TESTS_MS, signal);
    return { mutant, found: [], test: killer?.test ?? null, labAlone: null, shrunk: null };
  }
  const hunter = new Hunter(planted === null ? [] : [planted], limits.hangMs, signal);
  try {
    const found: Found[] = [];
    for (const search of searches) {
      const { profile, from, count } = search;
      found.push({ ...search, result: await hunter.hunt({ profile, from, count }) });
    }
    const usual = usualCatch(found);
    if (usual === null) return { mutant, found, test: null, labAlone: null, shrunk: null };
    const { property } = usual.violation;
    const isOwn = planted !== null && property.startsWith(INVARIANT);
    const labAlone = isOwn ? await huntUnguarded(planted, searches, limits, signal) : property;
    // What hangs has no end to look for in a smaller schedule.
    if (property === HANG) return { mutant, found, test: null, labAlone, shrunk: null };
    const task: ShrinkTask = { schedule: usual.schedule, runs: limits.shrinkRuns };
    return { mutant, found, test: null, labAlone, shrunk: await hunter.shrink(task) };
  } finally {
    await hunter.close();
  }
}

/** The property that its first search breaks when servers check nothing; `null` if none. */
async function huntUnguarded(
  planted: Mutant,
  [search]: readonly Search[],
  { hangMs }: Limits,
  signal: AbortSignal,
): Promise<string | null> {
  if (search === undefined) return null;
  const { profile, from, count } = search;
  const hunter = new Hunter([planted, UNGUARDED], hangMs, signal);
  try {
    const { caught } = await hunter.hunt({ profile, from, count });
    return caught?.violation.property ?? null;
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
