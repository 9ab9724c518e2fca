/** The pictures of the study: measured and published, both relative to three servers. */
import { type ChartPanel, type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import {
  MEASURES,
  type Measure,
  publishedRatio,
  type Result,
  ratiosOf,
  STORAGE_NAMES,
} from './numbers.ts';
import { PUBLISHED_LATENCY_MS, REFERENCE_SIZE } from './published.ts';

const COLORS = { sqlite: PALETTE[0], memory: PALETTE[2] } as const;

export function figuresOf(results: readonly Result[]): Figure[] {
  const panels = MEASURES.flatMap((measure): ChartPanel[] => {
    const measured = measuredSeries(results, measure);
    if (measured.length === 0) return [];
    const clients = `${measure.clients} ${measure.clients === 1 ? 'client' : 'clients'}`;
    const title = `${measure.name}, ${clients}`;
    return [{ title, series: [...measured, publishedSeries(measure.name)] }];
  });
  if (panels.length === 0) return [];
  const spec = {
    title: `Relative to ${REFERENCE_SIZE} servers`,
    alt: `${panels.map(panelText).join('. ')}.`,
    x: { label: 'servers', ticks: sizesOf(results) },
    y: { label: `of what ${REFERENCE_SIZE} servers have`, scale: 'log' as const },
    panels,
  };
  const caption =
    'Geometric means over trials; bars are 95 % intervals of the ratio (Welch’s, of logarithms). ' +
    'Hollow marks are published, of clusters of up to five.';
  return [chartFigure(spec, 'by-size.svg', caption)];
}

function measuredSeries(
  results: readonly Result[],
  measure: (typeof MEASURES)[number],
): ChartSeries[] {
  const storages = [...new Set(results.map(({ cell }) => cell.storage))];
  return storages.flatMap((storage): ChartSeries[] => {
    const points = ratiosOf(results, storage, measure).map(({ high, low, nodes, value }) => {
      const ends = low === null || high === null ? {} : { low, high };
      return { x: nodes, y: value, ...ends };
    });
    if (points.length === 0) return [];
    return [{ label: STORAGE_NAMES[storage], color: COLORS[storage], kind: 'line', points }];
  });
}

function publishedSeries(measure: Measure): ChartSeries {
  const points = PUBLISHED_LATENCY_MS.flatMap((_, i) => {
    const y = publishedRatio(i + 1, measure);
    return y === null ? [] : [{ x: i + 1, y }];
  });
  return { label: 'LogCabin, published', color: PALETTE[1], kind: 'dots', hollow: true, points };
}

function sizesOf(results: readonly Result[]): number[] {
  return [...new Set([...results.map(({ cell }) => cell.nodes), 1, 2, 3, 4, 5])].sort(
    (a, b) => a - b,
  );
}

function panelText({ series, title }: ChartPanel): string {
  const each = series.map(({ label, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined) return label;
    return `${label} from ${first.y.toFixed(2)} at ${first.x} to ${last.y.toFixed(2)} at ${last.x}`;
  });
  return `${title}, relative to ${REFERENCE_SIZE} servers: ${each.join(', ')}`;
}
