/** What becomes of a mutant: seeds of the simulator first, then tests that are near its file. */
import { messageOf, oneLine } from '../../src/user-error.ts';
import { HANG, Hunter } from '../mutants/hunter.ts';
import type { TestRuns } from '../mutants/test-runs.ts';
import type { HuntResult } from '../mutants/worker.ts';
import type { Profile } from '../sim/profiles.ts';
import { several } from '../swarm/text.ts';
import { type Drawn, mutantOf } from './draw.ts';

export type Fate =
  | { readonly kind: 'simulator'; readonly property: string; readonly seed: number }
  /** It could not be loaded, or a run threw. */
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'hang'; readonly seed: number }
  | { readonly kind: 'tests'; readonly test: string; readonly late: boolean }
  | {
      readonly kind: 'survived';
      readonly seedsRun: number;
      /** Files of tests that passed, and those that there was no time for. */
      readonly tests: readonly string[];
      readonly left: readonly string[];
    };

export type Limits = {
  readonly seeds: number;
  readonly profile: Profile;
  readonly hangMs: number;
  /** Of a mutant; baselines of tests do not count. */
  readonly budgetMs: number;
  readonly tests: boolean;
};

/** Seeds between two looks at the time. */
const SLICE = 20;
/** The simulator leaves the rest of the time to the tests. */
const SIMULATOR_SHARE = 0.7;

/** Rejects when `signal` aborts. */
export async function judge(
  drawn: Drawn,
  tests: TestRuns,
  limits: Limits,
  signal: AbortSignal,
): Promise<Fate> {
  const beganMs = performance.now();
  const share = limits.tests ? SIMULATOR_SHARE : 1;
  let fate: Fate = { kind: 'survived', seedsRun: 0, tests: [], left: [] };
  if (tests.simulatorLoads(drawn.file)) {
    fate = await simulated(drawn, limits, beganMs + share * limits.budgetMs, signal);
  }
  if (fate.kind !== 'survived' || !limits.tests) return fate;
  const leftMs = beganMs + limits.budgetMs - performance.now();
  const { killer, ...ran } = await tests.run(mutantOf(drawn), leftMs, signal);
  return killer === null ? { ...fate, ...ran } : { kind: 'tests', ...killer };
}

async function simulated(
  drawn: Drawn,
  { seeds, profile, hangMs }: Limits,
  untilMs: number,
  signal: AbortSignal,
): Promise<Fate> {
  const hunter = new Hunter([mutantOf(drawn)], hangMs, signal);
  try {
    let seedsRun = 0;
    while (seedsRun < seeds && performance.now() < untilMs) {
      const count = Math.min(SLICE, seeds - seedsRun);
      const { caught } = await hunter.hunt({ profile, from: seedsRun + 1, count });
      if (caught !== null) return fateOf(caught);
      seedsRun += count;
    }
    return { kind: 'survived', seedsRun, tests: [], left: [] };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'error', message: oneLine(messageOf(error)) };
  } finally {
    await hunter.close();
  }
}

function fateOf({ seed, violation }: NonNullable<HuntResult['caught']>): Fate {
  const { property } = violation;
  return property === HANG ? { kind: 'hang', seed } : { kind: 'simulator', property, seed };
}

/** `simulator (Log Matching, seed 7)`. */
export function fateText(fate: Fate): string {
  switch (fate.kind) {
    case 'simulator':
      return `simulator (${fate.property}, seed ${fate.seed})`;
    case 'error':
      return `simulator (${fate.message})`;
    case 'hang':
      return `hang (seed ${fate.seed})`;
    case 'tests':
      return `tests (${fate.test}${fate.late ? ', out of time' : ''})`;
    case 'survived':
      return survivedText(fate);
  }
}

/** `survived (100 seeds, 6 test files)`. */
function survivedText({ seedsRun, tests, left }: Extract<Fate, { kind: 'survived' }>): string {
  const parts = [
    several(seedsRun, 'seed'),
    several(tests.length, 'test file'),
    ...(left.length > 0 ? [`no time for ${left.length} more`] : []),
  ];
  return `survived (${parts.join(', ')})`;
}
