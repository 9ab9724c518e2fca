/**
 * How far a sweep is: a bar with the time left on a terminal, a line per finished trial elsewhere.
 */
import type { Writable } from 'node:stream';
import { SingleBar } from 'cli-progress';
import type { Row } from '../results.ts';

export type Progress = {
  start(): void;
  /** A trial begins; `cell` says which. */
  begin(cell: string): void;
  /** That trial ended: with its row, or with `undefined` when it failed. */
  end(cell: string, row: Row | undefined): void;
  stop(): void;
};

/** A stream that may be a terminal. */
export type Output = Writable & { isTTY?: boolean; columns?: number };

export type ProgressPlan = { total: number; done: number; secondsPerTrial: number };

/** Progress of a silent run. */
export const noProgress: Progress = { start() {}, begin() {}, end() {}, stop() {} };

export function progressOn(output: Output, plan: ProgressPlan): Progress {
  return output.isTTY === true ? barOn(output, plan) : linesOn(output, plan);
}

/** Seconds as a person reads them at a glance: `0:07`, `3:25`, `1:02:03`. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  const tail = two(whole % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${tail}` : `${minutes}:${tail}`;
}

/** One line that never wraps: bar, count, time left, and as much of the cell as fits. */
export function barLine(
  columns: number,
  at: { done: number; total: number; secondsLeft: number; cell: string },
): string {
  const size = Math.max(8, Math.min(30, Math.floor(columns / 5)));
  const full = at.total === 0 ? size : Math.floor((size * at.done) / at.total);
  const bar = `[${'='.repeat(full)}${'-'.repeat(size - full)}]`;
  const head = `${bar} ${at.done}/${at.total}  ${clockText(at.secondsLeft)} left  `;
  return shortened(`${head}${at.cell}`.trimEnd(), columns - 1);
}

function shortened(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Time left from the mean of the trials that this run has finished. */
function stopwatch(plan: ProgressPlan) {
  let done = plan.done;
  let finished = 0;
  let spentS = 0;
  let beganMs = performance.now();
  const elapsedS = (): number => (performance.now() - beganMs) / 1000;
  return {
    done: () => done,
    begin: () => {
      beganMs = performance.now();
    },
    end: () => {
      done++;
      finished++;
      spentS += elapsedS();
      beganMs = performance.now();
    },
    secondsLeft: () => {
      const mean = finished === 0 ? plan.secondsPerTrial : spentS / finished;
      const left = plan.total - done;
      // A trial that takes longer than the mean does not make the others longer.
      return left === 0 ? 0 : mean * (left - 1) + Math.max(0, mean - elapsedS());
    },
  };
}

function barOn(output: Output, plan: ProgressPlan): Progress {
  const watch = stopwatch(plan);
  const bar = new SingleBar({
    stream: output,
    fps: 4,
    // The line is cut to the width here; switching wrapping off would outlive a killed process.
    linewrap: true,
    clearOnComplete: true,
    format: (_options, params, payload: { cell?: string }) =>
      barLine(output.columns ?? 80, {
        done: params.value,
        total: params.total,
        secondsLeft: watch.secondsLeft(),
        cell: payload.cell ?? '',
      }),
  });
  const stop = (): void => bar.stop();
  return {
    start: () => {
      bar.start(plan.total, plan.done, { cell: '' });
      process.once('exit', stop);
    },
    begin: (cell) => {
      watch.begin();
      bar.update(watch.done(), { cell });
    },
    end: (cell) => {
      watch.end();
      bar.update(watch.done(), { cell });
    },
    stop: () => {
      process.off('exit', stop);
      stop();
    },
  };
}

function linesOn(output: Output, plan: ProgressPlan): Progress {
  const watch = stopwatch(plan);
  return {
    start: () => {},
    begin: () => watch.begin(),
    end: (cell, row) => {
      watch.end();
      const left = `${watch.done()}/${plan.total}  ${clockText(watch.secondsLeft())} left`;
      output.write(`${left}  ${cell}: ${outcome(row)}\n`);
    },
    stop: () => {},
  };
}

function outcome(row: Row | undefined): string {
  if (row === undefined) return 'FAILED';
  if (row.audit !== 'ok') return 'AUDIT NOT OK';
  return `${Math.round(row.metrics.committedOpsPerSecond).toLocaleString('en')} ops/s`;
}
