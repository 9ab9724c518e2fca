/** Curves of times without a leader, and of their tails. */
import { type Chart, type ChartSeries, chartFigure } from '../report/chart.ts';
import { PALETTE } from '../report/colors.ts';
import type { Figure } from '../report/content.ts';
import { quantile } from '../report/stats.ts';
import { milliseconds } from '../report/table.ts';
import { cdfPoints } from '../statistics/distance.ts';

/** The samples of one curve, ascending. */
export type Curve = { readonly label: string; readonly ms: readonly number[] };
export type CurvePanel = { readonly title: string; readonly curves: readonly Curve[] };

const X = 'milliseconds without a leader';

/** The share of trials that have a leader by a moment. */
export function curvesFigure(
  panels: readonly CurvePanel[],
  title: string,
  file: string,
  columns = 2,
): Figure {
  const caption = 'Each curve is the distribution of its trials; a step up is a trial.';
  return figureOf(panels, { title, file, caption, columns }, (ms) => cdfPoints(ms), {
    label: 'share of trials that have a leader',
    domain: [0, 1],
  });
}

/** The share of trials that have no leader yet, where it is small: an axis of powers of ten. */
export function tailsFigure(
  panels: readonly CurvePanel[],
  title: string,
  file: string,
  columns = 2,
): Figure {
  const fewest = Math.max(1, ...panels.flatMap(({ curves }) => curves.map(({ ms }) => ms.length)));
  const caption =
    'The same trials, those without a leader yet, on an axis of powers of ten: one in a thousand ' +
    'elections takes longer than where a curve crosses 0.001.';
  return figureOf(panels, { title, file, caption, columns }, tailPoints, {
    label: 'share of trials that have no leader yet',
    scale: 'log',
    domain: [1 / fewest, 1],
  });
}

function tailPoints(ms: readonly number[]) {
  return cdfPoints(ms).flatMap(({ x, y }) => (y < 1 ? [{ x, y: 1 - y }] : []));
}

function figureOf(
  panels: readonly CurvePanel[],
  {
    caption,
    columns,
    file,
    title,
  }: {
    readonly title: string;
    readonly file: string;
    readonly caption: string;
    readonly columns: number;
  },
  pointsOf: (ms: readonly number[]) => { readonly x: number; readonly y: number }[],
  y: Chart['y'],
): Figure {
  const drawn = panels.map((panel) => ({
    title: panel.title,
    series: panel.curves.map(
      ({ label, ms }, i): ChartSeries => ({
        label,
        color: PALETTE[i % PALETTE.length] ?? PALETTE[0],
        kind: 'steps',
        points: pointsOf(ms),
      }),
    ),
  }));
  const medians = panels.flatMap((panel) =>
    panel.curves.map(({ label, ms }) => {
      const where = panel.title === '' ? label : `${panel.title}, ${label}`;
      return (
        `${where}: median ${milliseconds(quantile(ms, 0.5))}, p99 ` +
        `${milliseconds(quantile(ms, 0.99))}`
      );
    }),
  );
  const alt = `${title}. ${medians.join('; ')}.`;
  return chartFigure(
    { title, alt, x: { label: X }, y, panels: drawn, columns: Math.min(columns, panels.length) },
    file,
    caption,
  );
}
