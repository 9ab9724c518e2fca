/** Measured curves with the published quantiles over them. */
import { type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { quantile } from '../../lab/report/stats.ts';
import { milliseconds } from '../../lab/report/table.ts';
import { cdfPoints } from '../../lab/statistics/distance.ts';
import { sortedMs } from '../../lab/study/leaderless.ts';
import { labelOf, type Result } from './compared.ts';
import { PANELS, PUBLISHED, QUANTILES } from './published.ts';

export function figuresOf(results: readonly Result[]): Figure[] {
  const measured = results.filter(({ samples }) => samples.length > 0);
  const known = PANELS.map(({ ranges, title }) => {
    const own = ranges.flatMap((range) =>
      measured.filter(({ cell }) => cell.electionTimeoutMs === range),
    );
    return { title, own };
  });
  const others = {
    title: 'Time without a leader, with ranges that were not published',
    own: measured.filter(({ cell }) => PUBLISHED[cell.electionTimeoutMs] === undefined),
  };
  return [...known, others]
    .filter(({ own }) => own.length > 0)
    .map(({ own, title }, i) => figureOf(title, own, results, `leaderless-${i + 1}.svg`));
}

function figureOf(
  title: string,
  own: readonly Result[],
  results: readonly Result[],
  file: string,
): Figure {
  const series = own.flatMap((result, i) => seriesOf(result, labelOf(result.cell, results), i));
  const medians = own.map(({ cell, samples }) => {
    const median = milliseconds(quantile(sortedMs(samples), 0.5));
    return `${labelOf(cell, results)} ms: ${median}`;
  });
  const spec = {
    title,
    alt: `${title}: a curve for each range, with medians of ${medians.join(', ')}.`,
    x: { label: 'milliseconds without a leader', scale: 'log' },
    y: { label: 'share of trials that have a leader', domain: [0, 1] },
    panels: [{ title: '', series }],
  } as const;
  return chartFigure(spec, file, 'Lines are measured; marks are the published quantiles.');
}

function seriesOf({ cell, samples }: Result, label: string, i: number): ChartSeries[] {
  const color = PALETTE[i % PALETTE.length] ?? PALETTE[0];
  const curve: ChartSeries = {
    label: `${label} ms`,
    color,
    kind: 'steps',
    points: cdfPoints(sortedMs(samples)),
  };
  const published = PUBLISHED[cell.electionTimeoutMs]?.quantilesMs ?? [];
  if (published.length === 0) return [curve];
  const points = published.map((x, at) => ({ x, y: QUANTILES[at] ?? 0 }));
  return [curve, { label: `${label} ms, published`, color, kind: 'dots', hollow: true, points }];
}
