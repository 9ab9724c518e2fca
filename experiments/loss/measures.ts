/** What the trials of one cell come to, with intervals. */
import { bootstrapMean, bootstrapRatio } from '../../lab/statistics/bootstrap.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { type Cell, ELECTION_MAX_MS, IDLE_MS, type Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

/** What is there without an interval where there is but one trial. */
export type Value = { readonly value: number; readonly low?: number; readonly high?: number };

const MS_PER_MINUTE = 60_000;

/** The values of a factor that were run, ascending. */
export function valuesOf(
  results: readonly Result[],
  factor: 'loss' | 'nodes' | 'outstanding',
): number[] {
  return [...new Set(results.map(({ cell }) => cell[factor]))].sort((a, b) => a - b);
}

export function perSecond(samples: readonly Sample[]): number | null {
  const ms = sum(samples.map(({ loadedMs }) => loadedMs));
  return ms === 0 ? null : (sum(samples.map(({ acknowledged }) => acknowledged)) * 1000) / ms;
}

/** Acknowledged writes a second, over all trials. */
export function goodput(samples: readonly Sample[], seed: number): Value | null {
  const pairs = samples.map(
    ({ acknowledged, loadedMs }) => [acknowledged, loadedMs / 1000] as const,
  );
  return bootstrapRatio(pairs, seed) ?? alone(perSecond(samples));
}

export function changesPerMinute(
  samples: readonly Sample[],
  when: 'idle' | 'loaded',
): number | null {
  const changes = samples.map(when === 'idle' ? (of) => of.idleChanges : (of) => of.loadedChanges);
  const ms = sum(samples.map(({ loadedMs }) => (when === 'idle' ? IDLE_MS : loadedMs)));
  return ms === 0 ? null : (sum(changes) * MS_PER_MINUTE) / ms;
}

/** Of a cluster that has nothing to do but to keep its leader. */
export function idleChanges(results: readonly Result[], seed: number): Value | null {
  const samples = samplesOf(results);
  const rates = samples.map((sample) => (sample.idleChanges * MS_PER_MINUTE) / IDLE_MS);
  return bootstrapMean(rates, seed) ?? alone(changesPerMinute(samples, 'idle'));
}

/** A quantile of the time to elect, whatever the load had been before. */
export function election(results: readonly Result[], q: number): Estimate | null {
  return quantileEstimate(electionsOf(results), q);
}

/** Ascending. */
function electionsOf(results: readonly Result[]): number[] {
  return samplesOf(results)
    .flatMap(({ electionsMs }) => electionsMs)
    .sort((a, b) => a - b);
}

/** Elections that had no winner for as long as anybody waited. */
export function undecided(results: readonly Result[]): number {
  return electionsOf(results).filter((ms) => ms >= ELECTION_MAX_MS).length;
}

function samplesOf(results: readonly Result[]): Sample[] {
  return results.flatMap(({ samples }) => samples);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function alone(value: number | null): Value | null {
  return value === null ? null : { value };
}
