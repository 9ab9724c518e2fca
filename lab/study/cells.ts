/** The cells of a study, and the seeds of their trials. */
import { fork, nextUint32 } from '../../src/raft/random.ts';
import type { Factors, FactorValue } from '../results.ts';
import type { AnyStudy } from './study.ts';

/** A cell and how often it is run. */
export type PlannedCell = { readonly cell: Factors; readonly trials: number };

/** What of a study is run. */
export type Plan = {
  readonly cells: readonly PlannedCell[];
  readonly seed: number;
  /** One trial of each cell alone, counted from 0. */
  readonly onlyTrial: number | null;
};

export function cellsOf(
  study: AnyStudy,
  values: Readonly<Record<string, readonly FactorValue[]>>,
  trials: number,
): PlannedCell[] {
  let cells: Record<string, FactorValue>[] = [{}];
  for (const name of Object.keys(study.factors)) {
    const own = values[name] ?? [];
    cells = cells.flatMap((cell) => own.map((value) => ({ ...cell, [name]: value })));
  }
  return cells
    .filter((cell) => study.isCell?.(cell) ?? true)
    .map((cell) => ({ cell, trials: study.trialsOf?.(cell, trials) ?? trials }));
}

/**
 * The seed of a trial depends on the study's seed, the trial and the cell, but not on factors that
 * are paired: cells that differ in these alone meet the same chance.
 */
export function seedOf(name: string, study: AnyStudy, cell: Factors, seed: number, trial: number) {
  const told = Object.keys(study.factors).filter((factor) => !study.paired?.includes(factor));
  const key = JSON.stringify([trial, ...told.map((factor) => [factor, cell[factor]])]);
  const rng = fork(seed, `study ${name} ${key}`);
  // 21 and 32 bits: as many as a double holds exactly.
  return (nextUint32(rng) >>> 11) * 0x1_0000_0000 + nextUint32(rng);
}

/** A cell in words: the factors that take more than one value, or all of them if none does. */
export function cellText(study: AnyStudy, cell: Factors, cells: readonly Factors[]): string {
  const names = Object.keys(study.factors);
  const varied = variedFactors(study, cells);
  return (varied.length === 0 ? names : varied)
    .map((name) => `${name} ${printed(study, name, cell[name] ?? null)}`)
    .join(', ');
}

export function variedFactors(study: AnyStudy, cells: readonly Factors[]): string[] {
  return Object.keys(study.factors).filter(
    (name) => new Set(cells.map((cell) => cell[name])).size > 1,
  );
}

export function printed(study: AnyStudy, name: string, value: FactorValue): string {
  return study.factors[name]?.print(value) ?? String(value);
}

/** The flag of a factor: `electionTimeoutMs` is `--election-timeout-ms`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
