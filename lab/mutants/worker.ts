/**
 * A thread that runs seeds with one mutant in the source, or with none. The mutant comes first and
 * the simulator after it, so that no module of the source is loaded without its edits.
 */
import { workerData } from 'node:worker_threads';
import { messageOf } from '../../src/user-error.ts';
import type { Place } from '../places.ts';
import type { Schedule } from '../schedule.ts';
import type { ShrinkBudget } from '../shrink.ts';
import type { Profile } from '../sim/profiles.ts';
import type { RunResult, Violation } from '../verdict.ts';
import type { Mutant } from './mutant.ts';
import { loadMutant } from './patch.ts';

/** What the pool of this thread was made with. */
export type WorkerData = {
  /** All of them at once; none is the code as it is. */
  readonly mutants: readonly Mutant[];
  /**
   * Here it tells of the run that it begins: how many there were, its number within the hunt, from
   * 1, and the milliseconds that those before it in the hunt took.
   */
  readonly beats: Int32Array;
};

/** Seeds `from`, `from + 1`, …, `count` of them at most. */
export type Hunt = { readonly profile: Profile; readonly from: number; readonly count: number };

export type Catch = {
  readonly seed: number;
  readonly violation: Violation;
  readonly schedule: Schedule;
};

export type HuntResult = {
  readonly seedsRun: number;
  readonly wallMs: number;
  /** The first seed that broke a property; `null` if none did. */
  readonly caught: Catch | null;
  /** In how many of the runs each place was come to; those that none came to are left out. */
  readonly reached: Readonly<Partial<Record<Place, number>>>;
};

export type ShrinkTask = { readonly schedule: Schedule; readonly runs: number };

export type ShrinkResult = {
  readonly schedule: Schedule;
  readonly violation: Violation;
  readonly runs: number;
  /** False if the runs ended before everything had been tried. */
  readonly complete: boolean;
};

const { mutants, beats } = workerData as WorkerData;
const name = mutants.map((mutant) => mutant.name).join(' and ') || 'none';
const loads = mutants.map((mutant) => ({ mutant, isLoaded: loadMutant(mutant) }));
const { runSchedule } = await import('../sim/run.ts');
const { scheduleOf } = await import('../sim/profiles.ts');
const { shrink } = await import('../shrink.ts');
for (const { mutant, isLoaded } of loads) {
  if (isLoaded()) continue;
  throw new Error(`mutant ${mutant.name}: the simulator never loads ${mutant.file}`);
}

/** Runs seeds until one breaks a property. */
export function hunt({ profile, from, count }: Hunt): HuntResult {
  const startedMs = performance.now();
  const reached: Partial<Record<Place, number>> = {};
  const ended = (seedsRun: number, caught: Catch | null): HuntResult => ({
    seedsRun,
    wallMs: Math.round(performance.now() - startedMs),
    caught,
    reached,
  });
  for (let i = 0; i < count; i++) {
    const seed = from + i;
    Atomics.store(beats, 1, i + 1);
    Atomics.store(beats, 2, Math.round(performance.now() - startedMs));
    const schedule = scheduleOf(seed, profile);
    const result = run(schedule);
    for (const place of result.reached) reached[place] = (reached[place] ?? 0) + 1;
    const violation = violationOf(result);
    if (violation !== null) return ended(i + 1, { seed, violation, schedule });
  }
  return ended(count, null);
}

/** Here and not with the caller: a schedule fails only with the mutant loaded. */
export function shrinkCatch({ schedule, runs }: ShrinkTask): ShrinkResult {
  const budget: ShrinkBudget = { runs, mayGoOn: () => true };
  const search = shrink(schedule, resultIfFailed, budget);
  let step = search.next();
  while (step.done !== true) step = search.next();
  const { result, ...shrunk } = step.value;
  const violation = violationOf(result);
  if (violation === null) throw new Error('the shrunk schedule does not fail');
  return { schedule: shrunk.schedule, violation, runs: shrunk.runs, complete: shrunk.complete };
}

function resultIfFailed(candidate: Schedule): RunResult | null {
  const result = run(candidate);
  return violationOf(result) === null ? null : result;
}

/** What a run throws is a mistake of the simulator, which must not end without its seed. */
function run(schedule: Schedule): RunResult {
  Atomics.add(beats, 0, 1);
  try {
    return runSchedule(schedule);
  } catch (error) {
    throw new Error(`mutant ${name}, ${schedule.name}: the run threw: ${messageOf(error)}`);
  }
}

function violationOf({ verdict }: RunResult): Violation | null {
  return verdict.kind === 'violation' ? verdict.violation : null;
}
