/** Cells beside the formula: which counts of split votes it allows. */
import { acceptance, simultaneous } from '../../lab/statistics/proportion.ts';
import type { FirstElection } from '../../lab/study/first-election.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { splitProbability } from './formula.ts';
import type { Cell } from './trial.ts';

export type Result = CellResult<Cell, FirstElection>;

/** Of all cells together: one study in a hundred has any cell outside by chance. */
export const CONFIDENCE = 0.99;

export type Judged = {
  readonly result: Result;
  readonly splits: number;
  readonly formula: number;
  /** Counts that the formula gives with that confidence in all cells at once. */
  readonly allowed: readonly [low: number, high: number];
  readonly isWithin: boolean;
};

export function judge(results: readonly Result[]): Judged[] {
  const measured = results.filter(({ samples }) => samples.length > 0);
  const each = simultaneous(CONFIDENCE, Math.max(1, measured.length));
  return measured.map((result) => {
    const splits = result.samples.filter(({ terms }) => terms > 1).length;
    const formula = splitProbability(result.cell);
    const allowed = acceptance(formula, result.samples.length, each);
    const isWithin = splits >= allowed[0] && splits <= allowed[1];
    return { result, splits, formula, allowed, isWithin };
  });
}
