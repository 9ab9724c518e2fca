/** How far the trials are: a bar on a terminal, a line for each tenth of them elsewhere. */
import { SingleBar } from 'cli-progress';
import { barLine, clockText, type Output } from './progress.ts';

export type Progress = { ended(runs?: number): void; stop(): void };

export function progressOn(output: Output, total: number): Progress {
  const startedMs = performance.now();
  let done = 0;
  const secondsLeft = (): number => {
    const spentS = (performance.now() - startedMs) / 1000;
    return done === 0 ? 0 : (spentS / done) * (total - done);
  };
  if (output.isTTY !== true) {
    let told = 0;
    return {
      ended: (runs = 1) => {
        done += runs;
        const tenths = Math.floor((10 * done) / total);
        if (tenths === told) return;
        told = tenths;
        output.write(`${done}/${total}  ${clockText(secondsLeft())} left\n`);
      },
      stop: () => {},
    };
  }
  const bar = new SingleBar({
    stream: output,
    fps: 4,
    linewrap: true,
    clearOnComplete: true,
    format: (_options, { value }) =>
      barLine(output.columns ?? 80, { done: value, total, secondsLeft: secondsLeft(), cell: '' }),
  });
  bar.start(total, 0);
  return {
    ended: (runs = 1) => {
      done += runs;
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}
