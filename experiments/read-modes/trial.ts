/** One run of the study: what reads cost, or whether they are stale. */
import { type CostSample, costTrial } from './cost-trial.ts';
import type { Cell } from './situations.ts';
import { type StaleSample, staleTrial } from './stale-trial.ts';

export type Sample = CostSample | StaleSample;

export function trial(cell: Cell, seed: number): Sample {
  return cell.situation === 'healthy' ? costTrial(cell, seed) : staleTrial(cell, seed);
}
