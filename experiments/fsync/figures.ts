/** The study's pictures. */
import { type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { COLORS, PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { matrixFigure } from '../../lab/report/matrix.ts';
import { exactNumber, milliseconds, sharePercent, shortNumber } from '../../lab/report/table.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import {
  costSamples,
  countedOf,
  middleOf,
  nameOf,
  ofWay,
  type Result,
  shareOf,
  waysOf,
} from './counts.ts';
import { LOSSES } from './policies.ts';
import { LOSS_NAMES } from './tables.ts';

export function figuresOf(results: readonly Result[]): Figure[] {
  return [...matrixOf(results), ...ageChart(results), ...costChart(results)];
}

function colorOf(i: number): string {
  return PALETTE[i % PALETTE.length] ?? PALETTE[0];
}

// ---- What is lost -------------------------------------------------------------------------------

function matrixOf(results: readonly Result[]): Figure[] {
  const losses = LOSSES.filter(
    (loss) => countedOf(results, ({ loss: own }) => own === loss).trials > 0,
  );
  if (losses.length === 0) return [];
  const columns = losses.map((loss) =>
    loss === 'voter' ? 'a voter: two leaders' : LOSS_NAMES[loss],
  );
  const rows = waysOf(results).map((way) => ({
    label: nameOf(way),
    cells: losses.map((loss) => {
      const share = shareOf(countedOf(results, ofWay(way, loss)));
      if (share === null) return { text: '–', shade: null };
      return { text: sharePercent(share.value), shade: 1 - share.value };
    }),
  }));
  const told = rows.map(({ cells, label }) => {
    const shares = cells.map(({ text }, i) => `${columns[i] ?? ''} ${text}`);
    return `${label}: ${shares.join(', ')}`;
  });
  const title = 'Trials in which something acknowledged was lost';
  return [
    matrixFigure(
      {
        title,
        alt: `${title}, by policy and by whose power failed. ${told.join('. ')}.`,
        columns,
        rows,
        scale: ['every trial', 'no trial'],
        rowsTitle: 'synced',
        columnsTitle: 'whose power fails',
      },
      'lost.svg',
      'Of a voter what is lost is its vote: the trials are those in which two servers led in ' +
        'one term.',
    ),
  ];
}

// ---- How far back -------------------------------------------------------------------------------

function ageChart(results: readonly Result[]): Figure[] {
  const lazy = waysOf(results).filter(({ policy }) => policy === 'lazy');
  const ages = lazy.flatMap((way) => {
    const { oldestMs } = countedOf(results, ofWay(way, 'all'));
    const median = quantileEstimate(oldestMs, 0.5);
    return median === null ? [] : [{ x: way.flushMs, median, most: oldestMs.at(-1) ?? 0 }];
  });
  if (ages.length < 2) return [];
  const syncMs = results.reduce((most, { cell }) => Math.max(most, cell.syncMs), 0);
  const series: ChartSeries[] = [
    {
      label: 'oldest lost write, median trial',
      color: colorOf(0),
      kind: 'line',
      points: ages.map(({ median, x }) => ({
        x,
        y: median.value,
        low: median.low,
        high: median.high,
      })),
    },
    {
      label: 'oldest of all trials',
      color: colorOf(1),
      kind: 'dots',
      points: ages.map(({ most, x }) => ({ x, y: most })),
    },
    {
      label: 'theory: at most a flush and a sync',
      color: COLORS.quiet,
      kind: 'dashes',
      points: ages.map(({ x }) => ({ x, y: x + syncMs * 1.1 })),
    },
  ];
  const told = ages.map(
    ({ median, most, x }) =>
      `flushed every ${x} ms, ${milliseconds(median.value)} in the median and ` +
      `${milliseconds(most)} at most`,
  );
  return [
    chartFigure(
      {
        title: 'How far back writes are lost when all servers lose their power',
        alt: `Age of the oldest lost write by flush interval: ${told.join('; ')}.`,
        x: { label: 'flush interval, ms', scale: 'log', ticks: ages.map(({ x }) => x) },
        y: { label: 'age of the oldest lost write, ms', scale: 'log' },
        panels: [{ title: '', series }],
      },
      'age.svg',
      'Servers flush at different moments, and the next leader must have a log as late as a ' +
        'majority’s. The line has 95 % intervals, by order statistics.',
    ),
  ];
}

// ---- What writes cost ---------------------------------------------------------------------------

function costChart(results: readonly Result[]): Figure[] {
  const costs = results.filter((result) => costSamples(result).length > 0);
  const syncs = [...new Set(costs.map(({ cell }) => cell.syncMs))];
  const panels = syncs.map((syncMs) => ({
    title: `a sync takes ${syncMs} ms`,
    series: waysOf(costs).flatMap((way, i): ChartSeries[] => {
      const found = costs.find(
        ({ cell }) => nameOf(cell) === nameOf(way) && cell.syncMs === syncMs,
      );
      const samples = found === undefined ? [] : costSamples(found);
      const x = middleOf(samples, 'writesPerSecond')?.value;
      const y = middleOf(samples, 'p50Ms');
      if (x === undefined || y === null) return [];
      const points = [{ x, y: y.value, low: y.low, high: y.high }];
      return [{ label: nameOf(way), color: colorOf(i), kind: 'dots', points }];
    }),
  }));
  if (panels.length === 0) return [];
  const told = panels.map(({ series, title }) => {
    const dots = series.map(({ label, points: [point] }) => {
      const rate = shortNumber(point?.x ?? null);
      return `${label} ${rate} writes a second at ${milliseconds(point?.y ?? null)}`;
    });
    return `${title}: ${dots.join(', ')}`;
  });
  return [
    chartFigure(
      {
        title: 'What a write costs',
        alt: `Median latency by throughput. ${told.join('. ')}.`,
        x: { label: 'writes a second', scale: 'log', format: exactNumber },
        y: { label: 'median latency, ms', scale: 'log' },
        panels,
      },
      'cost.svg',
      'Further right and further down is better. The lazy do not wait for their flushes, however ' +
        'often these come.',
    ),
  ];
}
