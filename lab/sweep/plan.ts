/** The plan of a whole sweep: what its parts must make up together, and what of it is missing. */
import { createHash } from 'node:crypto';
import type { Experiment } from '../experiment.ts';
import type { Part, Row, SweepPlan } from '../results.ts';
import { type Cell, cellsOf, describeCell, type Shard } from './cells.ts';

/** Of what is missing of a part, so many trials are named. */
const NAMED_MAX = 8;
const DIGEST_DIGITS = 12;

export const WHOLE: Shard = { index: 1, of: 1 };

/** `cells` are all of the sweep, whatever part of it is run. */
export function planOf(
  name: string,
  { durationS, fixed, trials, vary }: Experiment,
  seed: number,
  cells: readonly Cell[],
): SweepPlan {
  // A seed follows from the sweep's, the trial and all factors that are not at their defaults.
  const told = JSON.stringify([name, durationS, seed, cells.map((cell) => cell.seed)]);
  const digest = createHash('sha256').update(told).digest('hex').slice(0, DIGEST_DIGITS);
  return { digest, seed, trials, durationS, fixed, vary };
}

/** The experiment that was planned. */
export function plannedExperiment(written: Experiment, plan: SweepPlan): Experiment {
  const { durationS, fixed, trials, vary } = plan;
  return { ...written, durationS, fixed, trials, vary };
}

/** The cells of a plan; `undefined` where this code would make others of it. */
export function plannedCells(name: string, written: Experiment, plan: SweepPlan) {
  const experiment = plannedExperiment(written, plan);
  const cells = cellsOf(experiment, plan.seed);
  return planOf(name, experiment, plan.seed, cells).digest === plan.digest ? cells : undefined;
}

/** A part that was read, and where. */
export type FoundPart = Part & { readonly directory: string };

/** A phrase for each part that is missing or lacks trials, with the first of these. */
export function missingParts(
  experiment: Experiment,
  cells: readonly Cell[],
  rows: readonly Pick<Row, 'seed'>[],
  found: readonly FoundPart[],
): string[] {
  const there = new Set(rows.map(({ seed }) => seed));
  // Sweeps may be cut again: the finest cut names best what is missing.
  const of = Math.max(...found.map((part) => part.of));
  return Array.from({ length: of }, (_, i) => i + 1).flatMap((index) => {
    const own = cells.filter((_, place) => place % of === index - 1);
    const missing = own.filter(({ seed }) => !there.has(seed));
    if (missing.length === 0) return [];
    const part = found.find((each) => each.index === index && each.of === of);
    const named = missing.slice(0, NAMED_MAX).map((cell) => describeCell(cell, experiment));
    const more = missing.length > named.length ? `; and ${missing.length - named.length} more` : '';
    const what =
      part === undefined
        ? `part ${index} of ${of} is missing, with ${missing.length} trials`
        : `part ${index} of ${of}, in ${part.directory}, lacks ${missing.length} of its ` +
          `${own.length} trials`;
    return [`${what} (${named.join('; ')}${more})`];
  });
}
