/** A thread that runs trials of studies. */
import { pathToFileURL } from 'node:url';
import { messageOf, oneLine } from '../../src/user-error.ts';
import type { Factors } from '../results.ts';
import type { Trial } from './study.ts';

export type Task = {
  /** The file that exports `trial`. */
  readonly file: string;
  readonly cell: Factors;
  readonly trials: readonly { readonly trial: number; readonly seed: number }[];
};

/** What came of one trial. */
export type Outcome =
  | { readonly trial: number; readonly sample: unknown }
  | { readonly trial: number; readonly problem: string };

export async function runTrials({ cell, file, trials }: Task): Promise<Outcome[]> {
  const { trial: run } = (await import(pathToFileURL(file).href)) as {
    trial: Trial<Factors, unknown>;
  };
  const outcomes: Outcome[] = [];
  for (const { seed, trial } of trials) {
    try {
      outcomes.push({ trial, sample: await run(cell, seed) });
    } catch (error) {
      outcomes.push({ trial, problem: oneLine(messageOf(error)) });
    }
  }
  return outcomes;
}
