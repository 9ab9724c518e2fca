/** One run of the study: what writes cost, or what a power failure costs. */
import { type CostSample, costTrial } from './cost-trial.ts';
import { type LossSample, lossTrial } from './loss-trial.ts';
import type { Cell } from './policies.ts';
import { type VoteSample, voteTrial } from './vote-trial.ts';

export type Sample = CostSample | LossSample | VoteSample;

export function trial(cell: Cell, seed: number): Sample {
  if (cell.loss === 'none') return costTrial(cell, seed);
  return cell.loss === 'voter' ? voteTrial(cell, seed) : lossTrial(cell, seed);
}
