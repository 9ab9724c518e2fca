/** Throughput and latency over the window, and every cell beside its ceiling. */
import { type ChartPanel, type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { matrixFigure } from '../../lab/report/matrix.ts';
import { quantile } from '../../lab/report/stats.ts';
import { milliseconds, sharePercent, shortNumber } from '../../lab/report/table.ts';
import type { Measured } from './bounds.ts';
import { find, matching, middle, valuesOf } from './selection.ts';
import { OUTSTANDING } from './trial.ts';

/** Shares of the ceiling from here on are told apart by colour. */
const SHADE_FROM = 0.5;

export function figuresOf(all: readonly Measured[]): Figure[] {
  if (all.length === 0) return [];
  const diskMs = middle(valuesOf(all, 'diskMs'));
  return [throughput(all, diskMs), everyCell(all), latency(all, diskMs)];
}

function throughput(all: readonly Measured[], diskMs: number): Figure {
  const panels = panelsOf(all, diskMs, (batch, cells, color): ChartSeries[] => [
    {
      label: `batch ${batch}`,
      color,
      kind: 'line',
      points: cells.map(({ cell, throughput: { high, low, mean } }) => ({
        x: cell.windowMessages,
        y: mean ?? 0,
        ...(low === null || high === null ? {} : { low, high }),
      })),
    },
    {
      label: `batch ${batch}, ceiling`,
      color,
      kind: 'dashes',
      points: cells.map(({ ceiling, cell }) => ({ x: cell.windowMessages, y: ceiling })),
    },
  ]);
  const shares = matching(all, { diskMs }).map(({ share }) => share);
  return chartFigure(
    {
      title: 'Commands a second by window and batch',
      alt:
        `Commands a second over the window, a panel for each link delay, with ${diskMs} ms for a ` +
        'write. Every line rises with its ceiling, window times batch in each round trip, and ' +
        `ends where the ${OUTSTANDING} outstanding commands do; the cells reach ` +
        `${sharePercent(Math.min(...shares))} to ${sharePercent(Math.max(...shares))} of it.`,
      x: windowAxis(all),
      y: { label: 'commands a second', scale: 'log' },
      panels,
    },
    'throughput.svg',
    `Writes of the disk take ${diskMs} ms. Dashed: window × batch in each round trip, and no ` +
      `more than the ${OUTSTANDING} that the clients have outstanding. Intervals at 95 %, most ` +
      'of them smaller than the dots.',
  );
}

function latency(all: readonly Measured[], diskMs: number): Figure {
  const panels = panelsOf(all, diskMs, (batch, cells, color) => [
    {
      label: `batch ${batch}`,
      color,
      kind: 'line',
      points: cells.flatMap(({ cell, latencies }) => {
        const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
        if (p50 === null || p99 === null) return [];
        return [{ x: cell.windowMessages, y: p50, low: p50, high: p99 }];
      }),
    },
  ]);
  return chartFigure(
    {
      title: `Latency with ${OUTSTANDING} outstanding`,
      alt:
        'Median latency over the window, a panel for each link delay; it falls as throughput ' +
        'rises, since the same number of commands is always outstanding.',
      x: windowAxis(all),
      y: { label: 'milliseconds, median up to p99', scale: 'log' },
      panels,
    },
    'latency.svg',
    'Dots are medians, and the lines above them reach to p99. The outstanding commands divided ' +
      'by the throughput are the mean latency (Little’s law), so most of it is waiting for the ' +
      'window.',
  );
}

function panelsOf(
  all: readonly Measured[],
  diskMs: number,
  seriesOf: (batch: number, cells: readonly Measured[], color: string) => ChartSeries[],
): ChartPanel[] {
  return valuesOf(all, 'delayMs').map((delayMs) => ({
    title: `${delayMs} ms one way`,
    series: valuesOf(all, 'batch').flatMap((batch, i) => {
      const cells = matching(all, { diskMs, delayMs, batch }).toSorted(
        (a, b) => a.cell.windowMessages - b.cell.windowMessages,
      );
      return seriesOf(batch, cells, PALETTE[i % PALETTE.length] ?? PALETTE[0]);
    }),
  }));
}

function windowAxis(all: readonly Measured[]) {
  return {
    label: 'window: messages in flight to a follower',
    scale: 'log',
    ticks: valuesOf(all, 'windowMessages'),
  } as const;
}

function everyCell(all: readonly Measured[]): Figure {
  const columns = valuesOf(all, 'diskMs').flatMap((diskMs) =>
    valuesOf(all, 'delayMs').map((delayMs) => ({ diskMs, delayMs })),
  );
  const rows = valuesOf(all, 'batch').flatMap((batch) =>
    valuesOf(all, 'windowMessages').map((windowMessages) => ({ batch, windowMessages })),
  );
  const lowest = all.reduce((a, b) => (b.share < a.share ? b : a));
  const { batch, delayMs, diskMs, windowMessages } = lowest.cell;
  return matrixFigure(
    {
      title: 'Every cell beside its ceiling',
      alt:
        'Commands a second of every combination of window, batch, link delay and disk, coloured ' +
        `by its share of the ceiling. The lowest share, ${sharePercent(lowest.share)}, is that ` +
        `of window ${windowMessages} and batch ${batch} at ${milliseconds(delayMs)} one way and ` +
        `${milliseconds(diskMs)} for a write.`,
      columns: columns.map((column) => `${column.diskMs} / ${column.delayMs}`),
      rows: rows.map((row) => ({
        label: `window ${row.windowMessages}, batch ${row.batch}`,
        cells: columns.map((column) => {
          const found = find(all, { ...row, ...column });
          if (found === undefined) return { text: '', shade: null };
          const shade = (found.share - SHADE_FROM) / (1 - SHADE_FROM);
          return { text: shortNumber(found.throughput.mean), shade };
        }),
      })),
      scale: [`${SHADE_FROM * 100} % of the ceiling or less`, 'the ceiling'],
      columnsTitle: 'milliseconds for a write / one way',
    },
    'cells.svg',
    'Commands a second. Where a write takes longer than a round trip of the links, messages wait ' +
      'for the write before their own; where window × batch exceeds what is outstanding, ' +
      'messages leave before they are full.',
  );
}
