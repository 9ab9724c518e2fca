/**
 * Charts of what a study measured beside what was published: panels of lines, curves and dots over
 * two numeric axes that the panels share, as standalone SVG.
 */
import {
  type Axis,
  axisX,
  axisY,
  drawable,
  minorTicks,
  TICK_SIZE,
  type Tick,
  ticksX,
  ticksY,
} from './chart-axes.ts';
import { chartPanel, type Margins } from './chart-panel.ts';
import { legendOf, type Styles, stylesOf } from './chart-styles.ts';
import { COLORS } from './colors.ts';
import type { Figure } from './content.ts';
import {
  BOLD,
  emptyPlot,
  fittingLines,
  GAP,
  group,
  heading,
  type PlotLayout,
  svg,
  text,
  textWidth,
  WIDTHS,
} from './plot-parts.ts';

export type ChartPoint = {
  readonly x: number;
  readonly y: number;
  /** The ends of an interval. */
  readonly low?: number;
  readonly high?: number;
};

export type ChartSeries = {
  /** Equal labels in several panels share one entry of the legend. */
  readonly label: string;
  /** Of PALETTE or COLORS. */
  readonly color: string;
  /** `line` joins dots, `steps` is an empirical CDF, `dashes` a line that was not measured here. */
  readonly kind: 'line' | 'steps' | 'dashes' | 'dots';
  /** Of dots: for published values. */
  readonly hollow?: boolean;
  readonly points: readonly ChartPoint[];
};

export type ChartPanel = { readonly title: string; readonly series: readonly ChartSeries[] };

export type ChartAxis = {
  readonly label: string;
  readonly scale?: 'linear' | 'log';
  readonly domain?: readonly [number, number];
  readonly ticks?: readonly number[];
  readonly format?: (value: number) => string;
};

export type Chart = {
  readonly title: string;
  /** What it shows, for those who do not see it. */
  readonly alt: string;
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  readonly panels: readonly ChartPanel[];
  /** Of the wide layout; without: 1 for one panel, 2 for two or four, else 3. */
  readonly columns?: number;
};

/** Both layouts, for a report. */
export function chartFigure(spec: Chart, file: string, caption: string): Figure {
  const { alt, title } = spec;
  return { title, file, svg: chart(spec, 'wide'), narrow: chart(spec, 'narrow'), alt, caption };
}

/** A chart as a standalone SVG document. */
export function chart(spec: Chart, layout: PlotLayout): string {
  const panels = spec.panels.map(({ series, title }) => ({
    title,
    series: series.map((each) => ({ ...each, points: drawable(each.points, spec) })),
  }));
  if (panels.length === 0) return emptyPlot(spec.title, 'Nothing was measured.', layout, spec.alt);
  const plan = planOf({ ...spec, panels }, layout);
  const head = heading(spec.title, WIDTHS[layout]);
  const legend = legendOf(panels, plan.styles, WIDTHS[layout]);
  const top = head.height + legend.height;
  const drawn = panels.map((panel, i) => {
    const [column, row] = [i % plan.columns, Math.floor(i / plan.columns)];
    const body = panelWithWords(panel, plan, {
      y: column === 0,
      x: layout === 'narrow' || i + plan.columns >= panels.length,
    });
    return group(column * (plan.width + GAP), top + row * plan.rowHeight, body);
  });
  const height = top + Math.ceil(panels.length / plan.columns) * plan.rowHeight - ROW_GAP;
  const body = head.body + group(0, head.height, legend.body) + drawn.join('');
  return svg(spec.title, WIDTHS[layout], height, body, spec.alt);
}

const LINE = 17;
const ROW_GAP = 18;
const TICK_ROOM = 24;
const TOP = 10;

type Words = {
  readonly title: number;
  readonly y: readonly string[];
  readonly x: readonly string[];
};

type Plan = {
  readonly columns: number;
  /** Of a panel. */
  readonly width: number;
  readonly height: number;
  readonly rowHeight: number;
  readonly margins: Margins;
  readonly inset: number;
  readonly x: Axis;
  readonly y: Axis;
  readonly ticksX: readonly Tick[];
  readonly ticksY: readonly Tick[];
  readonly minorX: readonly number[];
  readonly minorY: readonly number[];
  readonly styles: Styles;
  /** How many lines the titles of the panels take, and what the axes say. */
  readonly words: Words;
};

/** What all panels have in common. */
function planOf(spec: Chart, layout: PlotLayout): Plan {
  const columns = columnsOf(spec, layout);
  const width = (WIDTHS[layout] - GAP * (columns - 1)) / columns;
  const all = spec.panels.flatMap(({ series }) => series);
  const points = all.flatMap((each) => each.points);
  const [x, y] = [axisX(spec.x, points), axisY(spec.y, points)];
  const height = layout === 'narrow' ? 230 : ([360, 250][columns - 1] ?? 200);
  const yTicks = ticksY(spec.y, y, height);
  const inset = all.some(({ kind }) => kind === 'line' || kind === 'dots') ? 10 : 0;
  const left = Math.max(...yTicks.map(({ label }) => textWidth(label, TICK_SIZE)), 8) + 12;
  const marginless = width - left - 2 * inset;
  const lastTick = ticksX(spec.x, x, marginless).at(-1)?.label ?? '';
  const right = Math.max(textWidth(lastTick, TICK_SIZE) / 2 - inset, 6);
  const margins = { top: TOP, right, bottom: TICK_ROOM, left };
  const words = {
    title: Math.max(...spec.panels.map(({ title }) => titleLines(title, width).length)),
    y: fittingLines(spec.y.label, width, 13),
    x: fittingLines(spec.x.label, width - left, 13),
  };
  const aroundX = words.x.length * LINE + 4;
  const rowHeight =
    (words.title + words.y.length) * LINE + TOP + height + TICK_ROOM + aroundX + ROW_GAP;
  return {
    columns,
    width,
    height: TOP + height + TICK_ROOM,
    rowHeight,
    margins,
    inset,
    x,
    y,
    ticksX: ticksX(spec.x, x, marginless - right),
    ticksY: yTicks,
    minorX: minorTicks(spec.x, x),
    minorY: minorTicks(spec.y, y),
    styles: stylesOf(spec.panels),
    words,
  };
}

function columnsOf({ columns, panels }: Chart, layout: PlotLayout): number {
  if (layout === 'narrow') return 1;
  const usual = panels.length === 1 ? 1 : panels.length === 2 || panels.length === 4 ? 2 : 3;
  return Math.max(Math.min(columns ?? usual, panels.length), 1);
}

function titleLines(title: string, width: number): string[] {
  return title === '' ? [] : fittingLines(title, width, 13.5);
}

/** A panel below its title; the labels of its axes where it is the one to carry them. */
function panelWithWords(
  panel: ChartPanel,
  plan: Plan,
  carries: { readonly x: boolean; readonly y: boolean },
): string {
  const { height, margins, width, words } = plan;
  const lines = titleLines(panel.title, width);
  // The last line stands above the panel, also where the titles of others take more.
  const first = 13 + (words.title - lines.length) * LINE;
  const title = lines.map((line, i) => text(0, first + i * LINE, line, COLORS.ink, BOLD));
  const yTop = 13 + words.title * LINE;
  const y = carries.y ? words.y.map((line, i) => text(0, yTop + i * LINE, line, COLORS.quiet)) : [];
  const top = (words.title + words.y.length) * LINE;
  const middle = (margins.left + width - margins.right) / 2;
  const x = carries.x
    ? words.x.map((line, i) =>
        text(middle, top + height + 13 + i * LINE, line, COLORS.quiet, 'text-anchor="middle"'),
      )
    : [];
  return [...title, ...y, ...x, group(0, top, chartPanel(panel, plan))].join('');
}
