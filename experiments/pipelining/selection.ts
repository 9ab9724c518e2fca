/** Which of the measured cells stand in the pictures and sentences. */
import type { Measured } from './bounds.ts';
import type { Cell } from './trial.ts';

/** The values of a factor that were measured, ascending. */
export function valuesOf(all: readonly Measured[], factor: keyof Cell): number[] {
  return [...new Set(all.map(({ cell }) => cell[factor]))].sort((a, b) => a - b);
}

/** The value in the middle: neither what hardly matters nor what hides all else. */
export function middle(values: readonly number[]): number {
  return values[Math.floor(values.length / 2)] ?? 0;
}

export function find(all: readonly Measured[], wanted: Partial<Cell>): Measured | undefined {
  return matching(all, wanted)[0];
}

export function matching(all: readonly Measured[], wanted: Partial<Cell>): Measured[] {
  const factors = Object.keys(wanted) as (keyof Cell)[];
  return all.filter(({ cell }) => factors.every((factor) => cell[factor] === wanted[factor]));
}
