/** A plot of lines over a factor, with intervals over trials, a panel for each metric. */
import * as Plot from '@observablehq/plot';
import type { NumericMetric, PlotSpec } from '../experiment.ts';
import type { ResultDocument } from '../results.ts';
import { COLORS, PALETTE } from './colors.ts';
import { metricLabel } from './metric-names.ts';
import { AXIS_X, type Domain, logDomain, logTicks, yAxis } from './plot-axes.ts';
import {
  BOLD,
  emptyPlot,
  fittingTicks,
  GAP,
  group,
  header,
  type LegendItem,
  MARGIN,
  type Mark,
  type PlotLayout,
  plotBody,
  SYMBOLS,
  svg,
  text,
  WIDTHS,
} from './plot-parts.ts';
import {
  type Cell,
  cellsOf,
  factorNames,
  factorsKey,
  factorValues,
  metricInterval,
  variedFactors,
} from './stats.ts';
import { factorLabel, factorsText, factorText } from './table.ts';

/** More panels than this are not a picture any more. */
const PANELS_MAX = 12;
type LinesSpec = Extract<PlotSpec, { kind: 'lines' }>;

/** A point of a line; `low` and `high` are null with fewer than two trials. */
type Point = { x: string; mean: number; low: number | null; high: number | null };
type Series = { color: string; symbol: Mark; points: readonly Point[] };
type Panel = { metric: NumericMetric; heading: string; series: readonly Series[] };

export function linesPlot(spec: LinesSpec, result: ResultDocument, layout: PlotLayout): string {
  const all = linePanels(spec, result);
  const panels = all.slice(0, PANELS_MAX);
  if (panels.length === 0) return emptyPlot(spec.title, 'Nothing was measured.', layout);
  const width = WIDTHS[layout];
  const columns = columnsOf(panels, layout);
  // One panel alone need not fill the page.
  const pageWidth = columns === 1 ? Math.min(width, 620) : width;
  const panelWidth = (pageWidth - GAP * (columns - 1)) / columns;
  const panelHeight = layout === 'narrow' ? 230 : columns < 3 ? 290 : 250;
  const head = header(spec.title, legendItems(spec, result), factorLabel(spec.lines), pageWidth);
  const scale = spec.scale ?? 'linear';
  const domains = domainsOf(panels, scale);
  const xDomain = factorValues(result, spec.x).map((value) => factorText(spec.x, value));
  const headingHeight = 40;
  const rowHeight = panelHeight + headingHeight + 16;
  const drawn = panels.map((panel, i) => {
    const left = (i % columns) * (panelWidth + GAP);
    const top = head.height + Math.floor(i / columns) * rowHeight;
    const body = linesPanel(panel, {
      x: { domain: xDomain, label: factorLabel(spec.x) },
      y: { domain: domains[i] ?? [0, 1], scale },
      width: panelWidth,
      height: panelHeight,
    });
    return group(left, top, panelHeading(panel) + group(0, headingHeight, body));
  });
  const rows = Math.ceil(panels.length / columns);
  const bottom = head.height + rows * rowHeight - 16;
  const note =
    all.length > panels.length
      ? text(0, bottom + 14, `${panels.length} of ${all.length} panels are shown.`, COLORS.quiet)
      : '';
  return svg(spec.title, pageWidth, bottom + (note ? 24 : 0), head.body + drawn.join('') + note);
}

/**
 * A panel per metric and per value of the panel factor. Factors that vary beside those the plot
 * names (a flag may add some) get panels too: averaging over them would mix what the sweep kept
 * apart.
 */
function linePanels(spec: LinesSpec, result: ResultDocument): Panel[] {
  const known = factorNames(result);
  const others = variedFactors(result).filter((name) => name !== spec.x && name !== spec.lines);
  const first = spec.panels !== undefined && known.includes(spec.panels) ? [spec.panels] : [];
  const names = [...new Set([...first, ...others])];
  const groups = new Map<string, Cell[]>();
  for (const cell of cellsOf(result, names)) {
    const key = factorsKey(cell.factors, names);
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  return spec.y.flatMap((metric) =>
    [...groups.values()].map((cells) => ({
      metric,
      heading: factorsText(cells[0]?.factors ?? {}, names),
      series: seriesOf(spec, result, cells, metric),
    })),
  );
}

function seriesOf(
  spec: LinesSpec,
  result: ResultDocument,
  cells: readonly Cell[],
  metric: NumericMetric,
): Series[] {
  const xValues = factorValues(result, spec.x);
  return factorValues(result, spec.lines).map((value, i) => {
    const own = cells.filter((cell) => (cell.factors[spec.lines] ?? null) === value);
    const points = xValues.flatMap((x): Point[] => {
      const cell = own.find((each) => (each.factors[spec.x] ?? null) === x);
      if (cell === undefined) return [];
      const { mean, low, high } = metricInterval(cell, metric);
      return mean === null ? [] : [{ x: factorText(spec.x, x), mean, low, high }];
    });
    return { ...styleOf(i), points };
  });
}

function styleOf(i: number): { color: string; symbol: Mark } {
  return {
    color: PALETTE[i % PALETTE.length] ?? COLORS.ink,
    symbol: SYMBOLS[i % SYMBOLS.length] ?? 'circle',
  };
}

function legendItems(spec: LinesSpec, result: ResultDocument): LegendItem[] {
  if (!factorNames(result).includes(spec.lines)) return [];
  return factorValues(result, spec.lines).map((value, i) => ({
    label: factorText(spec.lines, value),
    ...styleOf(i),
  }));
}

/** Panels of one metric stand in a row where they fit; a metric each, likewise. */
function columnsOf(panels: readonly Panel[], layout: PlotLayout): number {
  if (layout === 'narrow') return 1;
  const metrics = new Set(panels.map((panel) => panel.metric)).size;
  const perMetric = Math.ceil(panels.length / metrics);
  const wanted = perMetric === 1 ? metrics : perMetric;
  if (wanted <= 3) return wanted;
  return wanted % 3 === 0 ? 3 : 2;
}

/**
 * Logarithmic panels share a scale, so that they can be compared; linear ones start at zero and
 * have their own, since cells differ by orders of magnitude. Intervals of two or three trials can
 * be huge: they must not press the means into a corner, so they are cut off at the edge.
 */
function domainsOf(panels: readonly Panel[], scale: 'linear' | 'log'): Domain[] {
  const pointsOf = (of: readonly Panel[]): Point[] =>
    of.flatMap((panel) => panel.series.flatMap((series) => series.points));
  if (scale === 'linear') {
    return panels.map((panel) => {
      const points = pointsOf([panel]);
      const top = Math.max(0, ...points.map((point) => point.mean));
      const reach = Math.max(top, ...points.map((point) => point.high ?? 0));
      return [0, Math.max(Math.min(reach, top * 1.5) * 1.04, Number.MIN_VALUE) || 1];
    });
  }
  const points = pointsOf(panels).filter((point) => point.mean > 0);
  if (points.length === 0) return panels.map(() => [0.1, 1]);
  const low = Math.min(...points.map(({ mean, low }) => Math.max(low ?? mean, mean / 1.5)));
  const high = Math.max(...points.map(({ mean, high }) => Math.min(high ?? mean, mean * 1.5)));
  const domain = logDomain(low, high);
  return panels.map(() => domain);
}

type PanelFrame = {
  x: { domain: readonly string[]; label: string };
  y: { domain: Domain; scale: 'linear' | 'log' };
  width: number;
  height: number;
};

function linesPanel(panel: Panel, frame: PanelFrame): string {
  const { x, y, width, height } = frame;
  const yTicks = y.scale === 'log' ? logTicks(y.domain) : 5;
  const visible = (points: readonly Point[]): Point[] =>
    points.filter((point) => y.scale === 'linear' || point.mean > 0);
  const into = (value: number): number => Math.min(Math.max(value, y.domain[0]), y.domain[1]);
  const marks = panel.series.flatMap((series, i) => {
    // Beside one another, so that intervals at the same x do not cover each other.
    const dx = (i - (panel.series.length - 1) / 2) * 5;
    const points = visible(series.points);
    const barred = points.filter((point) => point.low !== null && point.high !== null);
    return [
      Plot.lineY(points, { x: 'x', y: 'mean', stroke: series.color, strokeWidth: 1.75, dx }),
      Plot.ruleX(barred, {
        x: 'x',
        y1: (point: Point) => into(point.low ?? point.mean),
        y2: (point: Point) => into(point.high ?? point.mean),
        stroke: series.color,
        strokeWidth: 1.5,
        strokeOpacity: 0.65,
        dx,
      }),
      Plot.dot(points, {
        x: 'x',
        y: 'mean',
        symbol: series.symbol,
        fill: series.color,
        stroke: COLORS.paper,
        strokeWidth: 1,
        r: 4.5,
        dx,
      }),
    ];
  });
  return plotBody({
    width,
    height,
    x: { type: 'point', domain: x.domain, padding: 0.35 },
    y: { type: y.scale, domain: y.domain },
    marks: [
      ...yAxis(yTicks),
      Plot.ruleY([y.domain[0]], { stroke: COLORS.axis }),
      Plot.axisX({
        ...AXIS_X,
        label: x.label,
        ticks: fittingTicks(x.domain, width - MARGIN.left - MARGIN.right),
      }),
      ...marks,
    ],
  });
}

function panelHeading(panel: Panel): string {
  const metric = metricLabel(panel.metric);
  if (panel.heading === '') return text(0, 24, metric, COLORS.ink, BOLD);
  return text(0, 12, panel.heading, COLORS.ink, BOLD) + text(0, 30, metric, COLORS.quiet);
}
