/** How far the searches are: a bar on a terminal, a line for each mutant elsewhere. */
import { SingleBar } from 'cli-progress';
import { barLine, clockText, type Output } from '../sweep/progress.ts';
import { NO_MUTANT } from './catalogue.ts';
import type { GroupResult } from './search.ts';

export type Progress = { ended(result: GroupResult): void; stop(): void };

export function progressOn(output: Output, total: number): Progress {
  const startedMs = performance.now();
  let done = 0;
  // The mutants differ a lot, so this is a guess until most are done.
  const secondsLeft = (): number => {
    const spentS = (performance.now() - startedMs) / 1000;
    return done === 0 ? 0 : (spentS / done) * (total - done);
  };
  if (output.isTTY !== true) {
    return {
      ended: (result) => {
        done++;
        output.write(`${done}/${total}  ${clockText(secondsLeft())} left  ${outcomeOf(result)}\n`);
      },
      stop: () => {},
    };
  }
  const bar = new SingleBar({
    stream: output,
    fps: 4,
    linewrap: true,
    clearOnComplete: true,
    format: (_options, { value }, payload: { cell?: string }) =>
      barLine(output.columns ?? 80, {
        done: value,
        total,
        secondsLeft: secondsLeft(),
        cell: payload.cell ?? '',
      }),
  });
  bar.start(total, 0, { cell: '' });
  return {
    ended: (result) => {
      done++;
      bar.update(done, { cell: outcomeOf(result) });
    },
    stop: () => bar.stop(),
  };
}

function outcomeOf({ mutant, found }: GroupResult): string {
  const caught = found.flatMap(({ result }) => (result.caught === null ? [] : [result]));
  const seeds = found.reduce((sum, { result }) => sum + result.seedsRun, 0);
  const [first] = caught;
  if (mutant === NO_MUTANT) {
    const from = found[0]?.from ?? 0;
    const what = first === undefined ? 'no alarm' : `ALARM at seed ${first.caught?.seed}`;
    return `the code as it is, ${seeds} seeds from ${from} on: ${what}`;
  }
  if (first === undefined) return `${mutant}: NOT CAUGHT in ${seeds} seeds`;
  const how =
    found.length === 1
      ? `at seed ${first.caught?.seed}`
      : `${caught.length} of ${found.length} times in ${seeds} seeds`;
  return `${mutant}: caught ${how} by ${first.caught?.violation.property}`;
}
