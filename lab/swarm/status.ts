/**
 * How far a long command is: a bar on a terminal, elsewhere a line every few seconds.
 */
import { SingleBar } from 'cli-progress';
import { clockText, type Output } from '../sweep/progress.ts';

export type Status = {
  /** `share` is how much is done, 0 … 1. */
  update(share: number, text: string): void;
  stop(): void;
};

const STEPS = 1000;
const LINE_EVERY_MS = 5000;

export function statusOn(output: Output, nowMs: () => number): Status {
  const beganMs = nowMs();
  const timeLeft = (share: number): string => {
    const elapsedMs = nowMs() - beganMs;
    return share <= 0 ? '' : clockText((elapsedMs * (1 - share)) / share / 1000);
  };
  return output.isTTY === true ? barOn(output, timeLeft) : linesOn(output, timeLeft, nowMs);
}

function barOn(output: Output, timeLeft: (share: number) => string): Status {
  const bar = new SingleBar({
    stream: output,
    fps: 4,
    // The line is cut to the width here; switching wrapping off would outlive a killed process.
    linewrap: true,
    clearOnComplete: true,
    format: (_options, params, payload: { text?: string; left?: string }) =>
      lineOf(params.value / STEPS, payload.left ?? '', payload.text ?? '', output.columns ?? 80),
  });
  const stop = (): void => bar.stop();
  bar.start(STEPS, 0, {});
  process.once('exit', stop);
  return {
    update: (share, text) => bar.update(Math.floor(share * STEPS), { text, left: timeLeft(share) }),
    stop: () => {
      process.off('exit', stop);
      stop();
    },
  };
}

function linesOn(output: Output, timeLeft: (share: number) => string, nowMs: () => number): Status {
  let lastMs = nowMs();
  return {
    update: (share, text) => {
      if (nowMs() - lastMs < LINE_EVERY_MS) return;
      lastMs = nowMs();
      output.write(`${timeLeft(share)} left  ${text}\n`);
    },
    stop: () => {},
  };
}

/** One line that never wraps. */
function lineOf(share: number, left: string, text: string, columns: number): string {
  const size = Math.max(8, Math.min(30, Math.floor(columns / 5)));
  const full = Math.min(size, Math.floor(size * share));
  const bar = `[${'='.repeat(full)}${'-'.repeat(size - full)}]`;
  const line = `${bar}  ${left === '' ? '' : `${left} left  `}${text}`;
  return line.length < columns ? line : `${line.slice(0, Math.max(0, columns - 2))}…`;
}
