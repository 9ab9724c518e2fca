/** Runs the cells of a sweep one after the other and stores each as it ends. */
import { debuglog } from 'node:util';
import { messageOf, oneLine } from '../../src/user-error.ts';
import type { Experiment } from '../experiment.ts';
import type { Row } from '../results.ts';
import type { CellStore, StoredRow } from './cell-store.ts';
import { type Cell, cellKey, describeCell } from './cells.ts';
import type { Progress } from './progress.ts';

/** Runs one trial on some host; rejects when the signal aborts it. */
export type RunCell = (cell: Cell, options: { signal: AbortSignal }) => Promise<Row>;

export type Run = {
  experiment: Experiment;
  cells: readonly Cell[];
  runCell: RunCell;
  store: CellStore;
  /** Code and machine, kept with every row. */
  origin: string;
  progress: Progress;
  signal: AbortSignal;
};

export type RunOutcome = {
  /** How many trials ran to their end. */
  finished: number;
  /** Trials that ended without a row, each with the reason. */
  failures: readonly { cell: Cell; reason: string }[];
  /** True when the signal came before the last trial had ended. */
  interrupted: boolean;
};

const debug = debuglog('experiment');

/**
 * A trial that fails is noted and the next one runs: a night's sweep must not end at its first bad
 * cell. It is not stored, so `--resume` tries it again.
 */
export async function runCells(run: Run): Promise<RunOutcome> {
  const { cells, runCell, store, origin, progress, signal } = run;
  const failures: { cell: Cell; reason: string }[] = [];
  let finished = 0;
  for (const cell of cells) {
    if (signal.aborted) return { finished, failures, interrupted: true };
    const name = describeCell(cell, run.experiment);
    progress.begin(name);
    let row: Row | undefined;
    try {
      row = await runCell(cell, { signal });
    } catch (error) {
      if (signal.aborted) return { finished, failures, interrupted: true };
      debug('%s: %O', name, error);
      failures.push({ cell, reason: oneLine(messageOf(error)) });
    }
    if (row !== undefined) {
      // Not within the `try`: a store that cannot be written ends the sweep.
      await store.put({ row, durationS: cell.durationS, origin });
      finished++;
    }
    progress.end(name, row);
  }
  return { finished, failures, interrupted: false };
}

/** Splits the cells of a sweep into those that are stored and those still to run. */
export function remaining(
  cells: readonly Cell[],
  stored: ReadonlyMap<string, StoredRow>,
): { done: StoredRow[]; rest: Cell[] } {
  const done: StoredRow[] = [];
  const rest: Cell[] = [];
  for (const cell of cells) {
    const found = stored.get(cellKey(cell));
    if (found === undefined) rest.push(cell);
    else done.push(found);
  }
  return { done, rest };
}
