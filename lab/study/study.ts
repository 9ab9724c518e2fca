/**
 * A study asks one question of many small runs: cells span its factors, each cell is run many times
 * with a seed for each trial, and what came out is laid beside what was published. Its directory is
 * `experiments/<name>/`: `study.ts` has one of these as its default, and `trial.ts` exports the
 * function `trial`, which threads load alone.
 */
import type { Findings } from '../report/content.ts';
import type { Factors, FactorValue } from '../results.ts';

/** A factor: how a flag writes it, and the values that make up the study. */
export type StudyFactor<V extends FactorValue> = {
  readonly about: string;
  /** What the flag accepts, as a phrase behind `allowed:`. */
  readonly allowed: string;
  readonly values: readonly V[];
  /** What `--quick` puts in their place. */
  readonly quick: readonly V[];
  /** `undefined` for what is not allowed. */
  parse(text: string): V | undefined;
  print(value: V): string;
};

/** One run, for a thread or for the threads host; throws where the run itself went wrong. */
export type Trial<C extends Factors, S> = (cell: C, seed: number) => S | Promise<S>;

/** All trials of one cell. */
export type CellResult<C, S> = {
  readonly cell: C;
  /** In the order of the trials; those that failed are missing. */
  readonly samples: readonly S[];
  /** How many failed; with any, samples of paired cells no longer stand side by side. */
  readonly failed?: number;
};

export type About = {
  readonly seed: number;
  /** The command that regenerates the result. */
  readonly command: string;
};

export type Study<C extends Factors, S> = {
  /** In one sentence, as a person would ask it. */
  readonly question: string;
  /**
   * `sim`: virtual time, on as many threads as there are cores, the same bytes whenever it is run.
   * `threads`: worker threads in real time, one trial after the other.
   */
  readonly host: 'sim' | 'threads';
  readonly factors: { readonly [K in keyof C]: StudyFactor<C[K]> };
  /** Of each cell. */
  readonly trials: number;
  readonly quickTrials: number;
  /** Factors whose values meet the same chance: the trials of such cells share their seeds. */
  readonly paired?: readonly (keyof C & string)[];
  /** Leaves out combinations that make no sense. */
  isCell?(cell: C): boolean;
  /** Of so many that are asked for, how many a cell is run. */
  trialsOf?(cell: C, trials: number): number;
  /** What of a cell stands in `results.json`; times are in milliseconds. */
  metrics(samples: readonly S[], cell: C): Readonly<Record<string, number | null>>;
  /** Metrics that a terminal shows, and their heads. */
  readonly terminal: readonly (readonly [metric: string, head: string])[];
  findings(results: readonly CellResult<C, S>[], about: About): Findings;
};

/** Any study, for those who run it. */
export type AnyStudy = Study<Factors, unknown>;

/** Checks a study against its types, and keeps what they say of its cells. */
export function study<C extends Factors, S>(definition: Study<C, S>): Study<C, S> {
  return definition;
}
