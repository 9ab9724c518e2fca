/** One panel of a chart: axes, grid, and the series over them. */
import * as Plot from '@observablehq/plot';
import type { ChartPanel, ChartSeries } from './chart.ts';
import { type Axis, TICK_SIZE, type Tick } from './chart-axes.ts';
import { clippedLine, type LinePoint, staircase, thinned } from './chart-lines.ts';
import { type ChartStyle, dots, type Styles } from './chart-styles.ts';
import { COLORS } from './colors.ts';
import { plotBody } from './plot-parts.ts';

export type Margins = {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
};

export type PanelFrame = {
  readonly x: Axis;
  readonly y: Axis;
  readonly ticksX: readonly Tick[];
  readonly ticksY: readonly Tick[];
  /** Where there are marks without labels. */
  readonly minorX: readonly number[];
  readonly minorY: readonly number[];
  readonly width: number;
  readonly height: number;
  readonly margins: Margins;
  /** Between the axes and what lies at their ends, so that dots do not stand on them. */
  readonly inset: number;
  readonly styles: Styles;
};

export function chartPanel(panel: ChartPanel, frame: PanelFrame): string {
  const { height, inset, margins, width, x, y } = frame;
  const lines = panel.series.map((series) => seriesLine(series, frame));
  const points = panel.series.map((series) => seriesDots(series, frame));
  return plotBody({
    width,
    height,
    marginTop: margins.top,
    marginRight: margins.right,
    marginBottom: margins.bottom,
    marginLeft: margins.left,
    x: { type: x.scale, domain: x.domain, insetLeft: inset, insetRight: inset },
    y: { type: y.scale, domain: y.domain },
    marks: [
      ...gridMarks(frame),
      ...lines.flat(),
      ...points.flat(),
      panel.series.every((series) => series.points.length === 0) ? [nothing()] : [],
    ],
  });
}

function gridMarks({ minorX, minorY, ticksX, ticksY, y }: PanelFrame): Plot.Markish[] {
  const labelsX = new Map(ticksX.map(({ at, label }) => [at, label]));
  const labelsY = new Map(ticksY.map(({ at, label }) => [at, label]));
  const xs = [...labelsX.keys()];
  const ys = [...labelsY.keys()];
  const grid = { stroke: COLORS.grid, strokeOpacity: 1 };
  // Not `tickFormat`, which a logarithmic scale asks for some of its ticks only.
  const words = (labels: ReadonlyMap<number, string>) => ({
    text: (at: number) => labels.get(at) ?? '',
    fill: COLORS.quiet,
    stroke: COLORS.axis,
    fontSize: TICK_SIZE,
    label: null,
  });
  const minor = { text: null, tickSize: 3, stroke: COLORS.axis, label: null };
  return [
    Plot.gridX({ ticks: xs, ...grid } as Plot.GridXOptions),
    Plot.gridY({ ticks: ys, ...grid } as Plot.GridYOptions),
    Plot.frame({ anchor: 'bottom', stroke: COLORS.axis }),
    Plot.axisX({ ...minor, ticks: minorX }),
    Plot.axisX({ ...words(labelsX), ticks: xs, tickSize: 5 }),
    Plot.axisY({ ...minor, ticks: minorY }),
    Plot.axisY({ ...words(labelsY), ticks: ys, tickSize: y.scale === 'log' ? 5 : 0 }),
  ];
}

function seriesLine(series: ChartSeries, frame: PanelFrame): Plot.Markish[] {
  const { x, y } = frame;
  if (series.points.length === 0 || series.kind === 'dots') return intervals(series, frame);
  const sorted = [...series.points].sort((a, b) => a.x - b.x);
  const few = thinned(sorted, x.ruler, y.ruler, frame);
  const ground = y.scale === 'log' ? y.domain[0] : Math.max(0, y.domain[0]);
  const path = series.kind === 'steps' ? staircase(few, Math.min(ground, few[0]?.y ?? 0)) : few;
  const line = Plot.line(clippedLine(path, x.ruler, y.ruler), {
    x: 'x',
    y: 'y',
    stroke: series.color,
    strokeWidth: 1.75,
    strokeLinejoin: 'round',
    ...dashOptions(frame.styles.get(series.label)),
  });
  return [...intervals(series, frame), line];
}

function dashOptions(style: ChartStyle | undefined): { strokeDasharray?: string } {
  return style?.dash === undefined ? {} : { strokeDasharray: style.dash };
}

type Interval = { readonly x: number; readonly low: number; readonly high: number };

/** A bar at each point; for curves without points, a band. What is outside is cut off. */
function intervals(series: ChartSeries, frame: PanelFrame): Plot.Markish[] {
  const { x, y } = frame;
  const into = (value: number): number => Math.min(Math.max(value, y.domain[0]), y.domain[1]);
  const found = series.points.flatMap(({ high, low, x: at }): Interval[] => {
    if (low === undefined || high === undefined || !inside(x, at)) return [];
    if (high < y.domain[0] || low > y.domain[1]) return [];
    return [{ x: at, low: into(low), high: into(high) }];
  });
  if (found.length === 0) return [];
  const channels = { x: 'x', y1: 'low', y2: 'high' };
  if (series.kind === 'line' || series.kind === 'dots') {
    const look = { stroke: series.color, strokeWidth: 1.5, strokeOpacity: 0.65 };
    return [Plot.ruleX(found, { ...channels, ...look })];
  }
  const curve = series.kind === 'steps' ? 'step-after' : 'linear';
  const sorted = [...found].sort((a, b) => a.x - b.x);
  return [Plot.areaY(sorted, { ...channels, curve, fill: series.color, fillOpacity: 0.15 })];
}

function seriesDots(series: ChartSeries, frame: PanelFrame): Plot.Markish[] {
  if (series.kind === 'steps' || series.kind === 'dashes') return [];
  const shown = series.points.filter(
    (point: LinePoint) => inside(frame.x, point.x) && inside(frame.y, point.y),
  );
  return shown.length === 0 ? [] : [dots(shown, series, frame.styles.get(series.label))];
}

function inside({ ruler }: Axis, value: number): boolean {
  const place = ruler.place(value);
  return place > -1e-9 && place < 1 + 1e-9;
}

function nothing(): Plot.Markish {
  return Plot.text(['Nothing was measured.'], {
    frameAnchor: 'middle',
    fontSize: 13,
    fill: COLORS.quiet,
  });
}
