/**
 * A cell is one trial of one combination of factors: everything a host needs to run it, and
 * everything that tells it from another. Cells are the product of what an experiment varies, times
 * its trials.
 */
import { fork, nextUint32 } from '../../src/raft/random.ts';
import { UserError } from '../../src/user-error.ts';
import type { Experiment } from '../experiment.ts';
import type { FaultAction } from '../faults.ts';
import type { Factors, FactorValue, Row } from '../results.ts';
import {
  type CellFactors,
  FACTOR_NAMES,
  FACTORS,
  factorConflict,
  isFactorName,
  printFactor,
  withDefaults,
} from './factors.ts';

export type Cell = {
  factors: CellFactors;
  durationS: number;
  trial: number;
  seed: number;
  faults: readonly FaultAction[];
};

/** The i-th of n parts of a sweep, counted from 1. */
export type Shard = { index: number; of: number };

/**
 * All cells of an experiment in the order they run: every combination once before any runs again,
 * so that an interrupted sweep already covers the whole of its question.
 */
export function cellsOf(experiment: Experiment, baseSeed: number): Cell[] {
  const combinations = new Map<string, CellFactors>();
  for (const asked of combinationsOf(experiment)) {
    const factors = effective(asked);
    const conflict = factorConflict(factors);
    if (conflict !== undefined) throw new UserError(conflict);
    combinations.set(JSON.stringify(factors), factors);
  }
  const cells: Cell[] = [];
  for (let trial = 0; trial < experiment.trials; trial++) {
    for (const factors of combinations.values()) {
      const seed = seedOf(baseSeed, factors, trial);
      const faults = experiment.faults ?? [];
      cells.push({ factors, durationS: experiment.durationS, trial, seed, faults });
    }
  }
  return cells;
}

/** The product of what the experiment varies, as asked for. */
export function combinationsOf(experiment: Experiment): CellFactors[] {
  const varied = product(Object.entries(experiment.vary));
  return varied.map((values) => withDefaults({ ...experiment.fixed, ...values }));
}

/** True when reordering is asked for and could do nothing, because no delay can be skipped. */
export function needsDelay(factors: Readonly<CellFactors>): boolean {
  return factors.reorder > 0 && factors.delayMs === 0 && factors.jitterMs === 0;
}

/** What is really run, and recorded: as in tc netem, reordering lets messages skip a delay. */
function effective(factors: CellFactors): CellFactors {
  return needsDelay(factors) ? { ...factors, delayMs: 1 } : factors;
}

/**
 * The seed of one trial. It depends on the sweep's seed, the trial and the factors that differ from
 * their defaults, and on nothing else: neither on the other cells of the sweep nor on their order,
 * and a factor that joins the table later changes no seed.
 */
export function seedOf(baseSeed: number, factors: Factors, trial: number): number {
  const told = FACTOR_NAMES.filter((name) => factors[name] !== FACTORS[name].fallback);
  const name = JSON.stringify([trial, ...told.map((factor) => [factor, factors[factor]])]);
  const rng = fork(baseSeed, `cell ${name}`);
  // 21 and 32 bits: as many as a double holds exactly.
  return (nextUint32(rng) >>> 11) * 0x1_0000_0000 + nextUint32(rng);
}

/** What makes two trials the same one. */
export function cellKey(cell: {
  factors: Factors;
  durationS: number;
  trial: number;
  seed: number;
}): string {
  const factors = FACTOR_NAMES.map((name) => [name, cell.factors[name]]);
  return JSON.stringify([factors, cell.durationS, cell.trial, cell.seed]);
}

/**
 * Every n-th cell: the parts are disjoint, make up the whole, and differ in size by one at most.
 */
export function shardOf(cells: readonly Cell[], shard: Shard): Cell[] {
  return cells.filter((_, place) => place % shard.of === shard.index - 1);
}

/** Rows in the order of their factors and trials, however they were run or merged. */
export function sortRows(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => {
    for (const name of FACTOR_NAMES) {
      const order = compareValues(a.factors[name] ?? null, b.factors[name] ?? null);
      if (order !== 0) return order;
    }
    return a.trial - b.trial || a.seed - b.seed;
  });
}

/** Numbers by size, words by alphabet, off before on, and what is unset last. */
export function compareValues(a: FactorValue, b: FactorValue): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  if (typeof a === 'string' || typeof b === 'string') return String(a) < String(b) ? -1 : 1;
  return Number(a) - Number(b);
}

/** A cell in the few words that tell it from the others of its sweep. */
export function describeCell(cell: { factors: Factors; trial: number }, experiment: Experiment) {
  const told = Object.keys(experiment.vary).filter(isFactorName);
  const words = told.map((name) => `${name} ${printFactor(name, cell.factors[name] ?? null)}`);
  return [...words, `trial ${cell.trial}`].join(', ');
}

function product(
  lists: readonly (readonly [string, readonly FactorValue[]])[],
): Record<string, FactorValue>[] {
  const [first, ...rest] = lists;
  if (first === undefined) return [{}];
  const [name, values] = first;
  const tails = product(rest);
  return values.flatMap((value) => tails.map((tail) => ({ [name]: value, ...tail })));
}
