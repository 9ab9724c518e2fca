/**
 * The commit index over time, a panel for each situation and a line for each way to go about it;
 * above the lines, when what was done began and ended. A flat stretch is a time without commits.
 */

import { axisText, niceStep, picture, type Scale, SIZE, WIDTH } from '../report/picture.ts';
import { COLORS } from '../report/plot.ts';
import { round, svgText, textWidth } from '../report/svg.ts';
import type { Curve } from './trial.ts';

export type Series = {
  readonly label: string;
  readonly color: string;
  /** Drawn over another that may lie where this one does. */
  readonly dashed: boolean;
  readonly curve: Curve;
};
export type Panel = { readonly title: string; readonly series: readonly Series[] };
export type CurveLegend = { readonly title: string; readonly x: string; readonly strong: string };

const COLUMNS = 2;
const GAP = 36;
const LEFT = 44;
const LANE = 18;
const PLOT_HEIGHT = 170;
const HEAD = 44;
const FOOT = 48;

export function curvePlot(panels: readonly Panel[], legend: CurveLegend): string {
  const lanes = Math.max(0, ...panels.map(({ series }) => series.length));
  const panelHeight = 24 + lanes * LANE + 8 + PLOT_HEIGHT + FOOT;
  const panelWidth = (WIDTH - GAP * (COLUMNS - 1)) / COLUMNS;
  const drawn = panels.map((panel, i) => {
    const x = (i % COLUMNS) * (panelWidth + GAP);
    const y = HEAD + Math.floor(i / COLUMNS) * panelHeight;
    const body = panelOf(panel, panelWidth, lanes, legend.x);
    return `<g transform="translate(${round(x)},${round(y)})">${body}</g>`;
  });
  const height = HEAD + Math.ceil(panels.length / COLUMNS) * panelHeight;
  const title = svgText(0, 14, legend.title, { bold: true, size: 15 });
  return picture(legend.title, height, title + keyOf(panels, legend.strong) + drawn.join(''));
}

function keyOf(panels: readonly Panel[], strong: string): string {
  let x = 0;
  const items = (panels[0]?.series ?? []).map(({ color, dashed, label }) => {
    const at = x;
    x += 28 + textWidth(label, SIZE) + 16;
    return (
      `<path d="M${round(at)},32h20" stroke="${color}" stroke-width="2"${dash(dashed)}/>` +
      svgText(at + 26, 36, label)
    );
  });
  if (strong === '') return items.join('');
  const box = `<rect x="${round(x)}" y="27" width="20" height="11" fill="${COLORS.quiet}"/>`;
  return items.join('') + box + svgText(x + 26, 36, strong);
}

function panelOf({ series, title }: Panel, width: number, lanes: number, xLabel: string): string {
  const curves = series.map(({ curve }) => curve);
  const times = curves.flatMap(({ points }) => points.map(({ atMs }) => atMs));
  const [fromMs, toMs] = [Math.min(0, ...times), Math.max(1, ...times)];
  const indexes = curves.flatMap(({ points }) => points.map(({ index }) => index));
  const [low, high] = [Math.min(0, ...indexes), Math.max(1, ...indexes)];
  const top = 24 + lanes * LANE + 8;
  const bottom = top + PLOT_HEIGHT;
  const x: Scale = (ms) => LEFT + ((ms - fromMs) / (toMs - fromMs)) * (width - LEFT);
  const y: Scale = (index) => bottom - ((index - low) / (high - low)) * PLOT_HEIGHT;
  return [
    svgText(0, 12, title, { bold: true }),
    ...gridOf(x, y, { fromMs, toMs, low, high, width, bottom }),
    ...series.map((each, i) => barsOf(each, x, 24 + i * LANE)),
    ...series.map((each) => lineOf(each, x, y, toMs)),
    axisText(LEFT + (width - LEFT) / 2, bottom + 36, xLabel),
  ].join('');
}

type Extent = {
  readonly fromMs: number;
  readonly toMs: number;
  readonly low: number;
  readonly high: number;
  readonly width: number;
  readonly bottom: number;
};

function gridOf(x: Scale, y: Scale, extent: Extent): string[] {
  const { fromMs, toMs, low, high, width, bottom } = extent;
  const lines: string[] = [];
  const step = niceStep(high - low, 5);
  for (let index = Math.ceil(low / step) * step; index <= high; index += step) {
    const at = round(y(index));
    lines.push(`<path d="M${LEFT},${at}H${round(width)}" stroke="${COLORS.grid}"/>`);
    lines.push(axisText(LEFT - 6, at + 4, String(index), 'end'));
  }
  const stepMs = niceStep(toMs - fromMs, 8);
  for (let ms = Math.ceil(fromMs / stepMs) * stepMs; ms <= toMs; ms += stepMs) {
    const at = round(x(ms));
    lines.push(`<path d="M${at},${bottom}v4" stroke="${COLORS.axis}"/>`);
    lines.push(axisText(at, bottom + 18, String(ms / 1000)));
  }
  lines.push(`<path d="M${LEFT},${bottom}H${round(width)}" stroke="${COLORS.axis}"/>`);
  return lines;
}

function barsOf({ color, curve }: Series, x: Scale, y: number): string {
  return curve.bars
    .map(({ fromMs, label, strong, toMs }) => {
      const from = x(fromMs);
      const width = Math.max(3, x(toMs) - from);
      const opacity = strong ? 1 : 0.35;
      const rect =
        `<rect x="${round(from)}" y="${y}" width="${round(width)}" height="12" fill="${color}" ` +
        `fill-opacity="${opacity}"/>`;
      return rect + svgText(from + width + 3, y + 10, label, { size: 11, halo: true });
    })
    .join('');
}

/** Steps; of those within half a pixel one is drawn. The last one lasts to the end. */
function lineOf({ color, curve, dashed }: Series, x: Scale, y: Scale, toMs: number): string {
  let path = '';
  let drawnAt = Number.NEGATIVE_INFINITY;
  let level = '';
  for (const { atMs, index } of curve.points) {
    const at = x(atMs);
    if (at - drawnAt < 0.5) continue;
    level = String(round(y(index)));
    path += path === '' ? `M${round(at)},${level}` : `H${round(at)}V${level}`;
    drawnAt = at;
  }
  if (path === '') return '';
  return (
    `<path d="${path}H${round(x(toMs))}" fill="none" stroke="${color}" stroke-width="2"` +
    `${dash(dashed)}/>`
  );
}

function dash(dashed: boolean): string {
  return dashed ? ' stroke-dasharray="5 4"' : '';
}
