/**
 * What went wrong in a sweep, in sentences, each with the command that runs that one trial again.
 */

import type { Experiment } from '../experiment.ts';
import type { Factors, Row } from '../results.ts';
import { describeCell, seedOf } from './cells.ts';
import { flagsOfCell } from './sweep.ts';

/** What a complaint must know of the sweep it is about. */
export type SweepFacts = {
  name: string;
  /** The experiment as it is written, which the commands start from. */
  written: Experiment;
  /** The experiment as it was run. */
  experiment: Experiment;
  /** The `--seed` of the sweep, or of each of its parts. */
  baseSeeds: readonly number[];
};

/** A trial whose run ended without a row. */
export type Failure = { trial: { factors: Factors; trial: number; seed: number }; reason: string };

/** Two lines for each row whose audit is not `ok` and for each failure. */
export function complaintsOf(
  facts: SweepFacts,
  rows: readonly Row[],
  failures: readonly Failure[],
): string[] {
  const audits = rows
    .filter((row) => row.audit !== 'ok')
    .map((row) => complaint(facts, row, `the audit did not hold: ${row.audit}`));
  const failed = failures.map(({ trial, reason }) =>
    complaint(facts, trial, `the run failed: ${reason}`),
  );
  return [...audits, ...failed];
}

function complaint(facts: SweepFacts, trial: Failure['trial'], what: string): string {
  const { name, written, experiment, baseSeeds } = facts;
  const baseSeed = baseSeeds.find(
    (seed) => seedOf(seed, trial.factors, trial.trial) === trial.seed,
  );
  const sentence = `${describeCell(trial, experiment)}: ${what}`;
  if (baseSeed === undefined) return `${sentence}\n  (seed ${trial.seed})`;
  const flags = flagsOfCell(written, baseSeed, trial, experiment.durationS);
  return `${sentence}\n  again: ${commandText([name, ...flags])}`;
}

/** A command that can be pasted into a shell. */
export function commandText(words: readonly string[]): string {
  const quoted = words.map((word) =>
    /^[\w./:,@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`,
  );
  return ['npm run experiment --', ...quoted].join(' ');
}
