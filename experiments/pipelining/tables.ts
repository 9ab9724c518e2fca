/** The cells in numbers: which limit holds, throughput with intervals, and latency. */
import type { Table, TableCell, Tone } from '../../lab/report/content.ts';
import { quantile } from '../../lab/report/stats.ts';
import { meanAndHalf, sharePercent, shortMs, shortNumber } from '../../lab/report/table.ts';
import { type Bound, type Measured, standingOf, TOLERANCE } from './bounds.ts';
import { find, middle, valuesOf } from './selection.ts';
import { OUTSTANDING } from './trial.ts';

const TONES: Readonly<Record<ReturnType<typeof standingOf>, Tone>> = {
  at: 'good',
  between: 'fair',
  outside: 'bad',
};

const BOUNDS: readonly (readonly [Bound, string])[] = [
  ['window', `window × batch, below ${OUTSTANDING}`],
  ['clients', `${OUTSTANDING} outstanding`],
];

export function tablesOf(all: readonly Measured[]): Table[] {
  if (all.length === 0) return [];
  const diskMs = middle(valuesOf(all, 'diskMs'));
  return [boundTable(all), throughputTable(all, diskMs), latencyTable(all, diskMs)];
}

function boundTable(all: readonly Measured[]): Table {
  const kinds = BOUNDS.flatMap(([bound, words]) =>
    [false, true].map((slow) => ({
      words,
      disk: slow ? 'longer than both links' : 'shorter',
      cells: all.filter(
        ({ bound: own, cell }) => own === bound && slow === cell.diskMs > 2 * cell.delayMs,
      ),
    })),
  );
  return {
    title: 'Which limit holds',
    heads: ['lowest limit', 'a write is', 'cells', 'at the ceiling', 'between', 'outside', 'share'],
    words: 2,
    rows: kinds
      .filter(({ cells }) => cells.length > 0)
      .map(({ cells, disk, words }): TableCell[] => {
        const shares = cells.map(({ share }) => share);
        const counted = (['at', 'between', 'outside'] as const).map((standing): TableCell => {
          const number = cells.filter((cell) => standingOf(cell) === standing).length;
          return number === 0 ? '0' : { text: String(number), tone: TONES[standing] };
        });
        const [least, most] = [Math.min(...shares), Math.max(...shares)].map(sharePercent);
        return [words, disk, String(cells.length), ...counted, `${least} to ${most}`];
      }),
    note:
      `At the ceiling: within ${TOLERANCE * 100} % of min(window × batch, ${OUTSTANDING}) in ` +
      'each round trip, which is two delays and a write. Between: no less than that with another ' +
      `write, which a message may wait for, and with half of the ${OUTSTANDING}, since a command ` +
      'may wait a round trip for room in the window; the same tolerance. Share: of the ceiling, ' +
      'from the lowest cell to the highest.',
  };
}

function throughputTable(all: readonly Measured[], diskMs: number): Table {
  return byDelay(all, diskMs, {
    title: `Commands a second, ${diskMs} ms for a write`,
    cellOf: (found) => {
      const [text = '', half = ''] = meanAndHalf(found.throughput, shortNumber);
      return { text: half === '' ? text : `${text} ± ${half}`, tone: TONES[standingOf(found)] };
    },
    note:
      'Means of the trials with 95 % intervals (Student’s: a trial is itself a mean over more ' +
      'than a hundred commands, mostly 1,500). Green: at the ceiling, yellow: between the ' +
      'bounds, red: outside.',
  });
}

function latencyTable(all: readonly Measured[], diskMs: number): Table {
  return byDelay(all, diskMs, {
    title: `Latency, ${diskMs} ms for a write: p50 / p99 ms`,
    cellOf: ({ latencies }) =>
      `${shortMs(quantile(latencies, 0.5))} / ${shortMs(quantile(latencies, 0.99))}`,
    note: 'Quantiles of the commands of all trials together, from the call to the answer.',
  });
}

type Kind = {
  readonly title: string;
  readonly note: string;
  cellOf(found: Measured): TableCell;
};

function byDelay(all: readonly Measured[], diskMs: number, { cellOf, note, title }: Kind): Table {
  const delays = valuesOf(all, 'delayMs');
  return {
    title,
    heads: ['window', 'batch', ...delays.map((delayMs) => `${delayMs} ms one way`)],
    words: 0,
    rows: valuesOf(all, 'batch').flatMap((batch) =>
      valuesOf(all, 'windowMessages').map((windowMessages): TableCell[] => [
        String(windowMessages),
        String(batch),
        ...delays.map((delayMs) => {
          const found = find(all, { windowMessages, batch, delayMs, diskMs });
          return found === undefined ? '' : cellOf(found);
        }),
      ]),
    ),
    note,
  };
}
