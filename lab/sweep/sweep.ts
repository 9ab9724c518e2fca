/**
 * From an experiment as written and the flags of a command to what is run: pure, no file is
 * touched.
 */

import { mistake } from '../../src/user-error.ts';
import type { Experiment } from '../experiment.ts';
import type { Factors, FactorValue, Part } from '../results.ts';
import {
  type Cell,
  cellKey,
  cellsOf,
  combinationsOf,
  needsDelay,
  type Shard,
  shardOf,
} from './cells.ts';
import { FACTOR_NAMES, FACTORS, type FactorName, printFactor } from './factors.ts';
import { planOf, WHOLE } from './plan.ts';

/** What the flags of a sweep say, each already checked by itself. */
export type SweepFlags = {
  factors: Readonly<Partial<Record<FactorName, readonly FactorValue[]>>>;
  durationS: number | undefined;
  trials: number | undefined;
  seed: number;
  quick: boolean;
  shard: Shard | undefined;
};

export const SEED_DEFAULT = 1;

const NO_FLAGS: SweepFlags = {
  factors: {},
  durationS: undefined,
  trials: undefined,
  seed: SEED_DEFAULT,
  quick: false,
  shard: undefined,
};

export type Sweep = {
  name: string;
  /** The experiment with the flags put in: what the report describes. */
  experiment: Experiment;
  seed: number;
  /** Which part of which plan the cells are. */
  part: Part;
  cells: readonly Cell[];
  /** True when it runs exactly the cells of the experiment as it is written. */
  isDefault: boolean;
  /** What differs from what was asked for, as sentences. */
  notes: readonly string[];
};

/** Puts the flags into the experiment and lists the cells to run. */
export function planSweep(name: string, written: Experiment, flags: SweepFlags): Sweep {
  const asked = withFlags(written, flags);
  const experiment = withoutIdleSweep(asked, flags);
  checkDuration(name, experiment);
  const all = cellsOf(experiment, flags.seed);
  const cells = flags.shard === undefined ? all : shardOf(all, flags.shard);
  if (cells.length === 0) {
    const { index, of } = flags.shard ?? { index: 0, of: 0 };
    throw mistake('--shard', `${index}/${of}`, `at most ${all.length} parts, one for each trial`);
  }
  const isDefault = sameCells(cells, defaultCells(written));
  const notes: string[] = [];
  if (combinationsOf(experiment).some(needsDelay)) {
    notes.push(
      '--reorder without a delay could reorder nothing: those cells run with --delay-ms 1',
    );
  }
  if (experiment !== asked) {
    notes.push(
      '--rate does not wait for answers: --outstanding has no part in it and is not swept',
    );
  }
  const plan = planOf(name, experiment, flags.seed, all);
  const part = { ...(flags.shard ?? WHOLE), plan };
  return { name, experiment, seed: flags.seed, part, cells, isDefault, notes };
}

/** The cells of an experiment without any flag. */
export function defaultCells(written: Experiment): Cell[] {
  return cellsOf(withFlags(written, NO_FLAGS), SEED_DEFAULT);
}

/** True when both lists hold the same cells, in whatever order. */
export function sameCells(
  some: readonly Parameters<typeof cellKey>[0][],
  others: readonly Parameters<typeof cellKey>[0][],
): boolean {
  const keys = new Set(some.map(cellKey));
  return keys.size === others.length && others.every((cell) => keys.has(cellKey(cell)));
}

/** A list makes a factor varied, a single value makes it fixed unless the experiment varies it. */
function withFlags(written: Experiment, flags: SweepFlags): Experiment {
  const quick = flags.quick ? written.quick : {};
  const fixed: Record<string, FactorValue> = { ...written.fixed };
  const vary: Record<string, readonly FactorValue[]> = { ...written.vary, ...quick.vary };
  for (const factor of FACTOR_NAMES) {
    const values = flags.factors[factor];
    if (values === undefined) continue;
    const [first, ...others] = values;
    if (first !== undefined && others.length === 0 && !(factor in vary)) {
      fixed[factor] = first;
    } else {
      delete fixed[factor];
      vary[factor] = values;
    }
  }
  return {
    ...written,
    trials: flags.trials ?? quick.trials ?? written.trials,
    durationS: flags.durationS ?? quick.durationS ?? written.durationS,
    fixed,
    vary,
  };
}

/**
 * In an open loop operations arrive whatever is outstanding: cells that differ only in that would
 * be the same, so a sweep over it falls to one value, and asking for it is a contradiction.
 */
function withoutIdleSweep(experiment: Experiment, flags: SweepFlags): Experiment {
  const rates = experiment.vary.rate ?? [experiment.fixed.rate ?? null];
  if (rates.includes(null)) return experiment;
  if (flags.factors.outstanding !== undefined) {
    const came = flags.factors.outstanding.join(',');
    throw mistake('--outstanding', came, '--rate closed with it, since other rates do not wait');
  }
  const swept = experiment.vary.outstanding ?? [];
  if (swept.length < 2) return experiment;
  return {
    ...experiment,
    vary: { ...experiment.vary, outstanding: [FACTORS.outstanding.fallback] },
  };
}

/** A fault after the end of the run would silently not happen. */
function checkDuration(name: string, experiment: Experiment): void {
  const ends = (experiment.faults ?? []).map(({ atMs, forMs = 0 }) => (atMs + forMs) / 1000);
  const least = Math.max(0, ...ends);
  if (experiment.durationS < least) {
    const allowed = `${least} or more, since the faults of ${name} last until then`;
    throw mistake('--duration-s', String(experiment.durationS), allowed);
  }
}

/** The flags after which a command runs exactly the given trial, and no other, again. */
export function flagsOfCell(
  written: Experiment,
  baseSeed: number,
  row: { factors: Factors; trial: number },
  durationS: number,
): string[] {
  const flags: string[] = [];
  for (const factor of FACTOR_NAMES) {
    const value = row.factors[factor] ?? null;
    const usual = factor in written.fixed ? written.fixed[factor] : FACTORS[factor].fallback;
    if (factor in written.vary || value !== usual) {
      flags.push(FACTORS[factor].flag, printFactor(factor, value));
    }
  }
  if (durationS !== written.durationS) flags.push('--duration-s', String(durationS));
  const trials = row.trial + 1;
  flags.push('--trials', String(trials), '--seed', String(baseSeed));
  // With a single combination, the last of as many shards as trials is the last trial alone.
  if (trials > 1) flags.push('--shard', `${trials}/${trials}`);
  return flags;
}
