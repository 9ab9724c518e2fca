/**
 * Plots as standalone SVG: `lines` over a factor with intervals over trials, and the `timeline` of
 * one run with its faults drawn in. Panels are drawn by Observable Plot and laid out here; colours
 * are explicit attributes, so that a picture reads alike on its own, in a report and on a dark
 * page, and coordinates are rounded, so that equal input gives equal bytes.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { NumericMetric, PlotSpec } from '../experiment.ts';
import type { Factors, FaultBand, ResultDocument, Row, Timeline } from '../results.ts';
import {
  type Cell,
  cellsOf,
  factorNames,
  factorsKey,
  factorValues,
  metricInterval,
  variedFactors,
} from './stats.ts';
import { exactNumber, factorLabel, factorsText, factorText } from './table.ts';

/** `wide` for a page, `narrow` for a telephone: panels stand one below the other. */
export type PlotLayout = 'wide' | 'narrow';

/** Every colour a plot draws with; a dark page maps them to its own. */
export const COLORS = {
  paper: '#ffffff',
  ink: '#1b1f24',
  quiet: '#5b6470',
  grid: '#e3e6ea',
  axis: '#9aa2ad',
  outage: '#b3001b',
} as const;

/** Okabe and Ito's palette, which colour-blind readers can tell apart; dark enough ones first. */
export const PALETTE = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#4d4d4d',
  '#b5a900',
] as const;

const BAND_COLORS: Readonly<Record<FaultBand['kind'], string>> = {
  crash: '#d55e00',
  pause: '#e69f00',
  partition: '#cc79a7',
  link: '#56b4e9',
};

const SYMBOLS = [
  'circle',
  'square',
  'triangle',
  'diamond2',
  'star',
  'wye',
  'cross',
  'times',
] as const;

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

const WIDTHS: Readonly<Record<PlotLayout, number>> = { wide: 952, narrow: 400 };
const MARGIN = { top: 8, right: 12, bottom: 42, left: 52 } as const;
const GAP = 20;
const BOLD = 'font-weight="600"';
/** More panels than this are not a picture any more. */
const PANELS_MAX = 12;

const METRICS: Readonly<Record<NumericMetric, readonly [string, string]>> = {
  committedOpsPerSecond: ['Throughput', 'operations/s'],
  latencyMsP50: ['Latency p50', 'ms'],
  latencyMsP90: ['Latency p90', 'ms'],
  latencyMsP99: ['Latency p99', 'ms'],
  latencyMsP999: ['Latency p99.9', 'ms'],
  latencyMsMax: ['Longest latency', 'ms'],
  failed: ['Failed operations', ''],
  unknown: ['Operations of unknown outcome', ''],
  leaderChanges: ['Leader changes', ''],
  messagesSent: ['Messages sent', ''],
  messagesDropped: ['Messages dropped', ''],
  bytesSent: ['Bytes sent', 'B'],
  acknowledgedWritesLost: ['Acknowledged writes lost', ''],
  writesAppliedTwice: ['Writes applied twice', ''],
};

type LinesSpec = Extract<PlotSpec, { kind: 'lines' }>;
type Domain = readonly [number, number];

/** A point of a line; `low` and `high` are null with fewer than two trials. */
type Point = { x: string; mean: number; low: number | null; high: number | null };
type Series = { color: string; symbol: (typeof SYMBOLS)[number]; points: readonly Point[] };
type Panel = { metric: NumericMetric; heading: string; series: readonly Series[] };
type LegendItem = { label: string; color: string; symbol: Series['symbol'] | 'line' | 'bar' };

/** A time during which no operation completed. */
export type Outage = { fromMs: number; toMs: number };

/** A plot of a result as a standalone SVG document. */
export function renderPlot(
  spec: PlotSpec,
  result: ResultDocument,
  layout: PlotLayout = 'wide',
): string {
  if (spec.kind === 'lines') return linesPlot(spec, result, layout);
  const row = timelineRow(result);
  if (row?.timeline === undefined || row.timeline.points.length === 0) {
    return emptyPlot(spec.title, 'No time line was recorded.', layout);
  }
  return timelinePlot(spec.title, row.timeline, row.factors, layout);
}

/** What a metric is called in words. */
export function metricName(metric: NumericMetric): string {
  return METRICS[metric][0];
}

/** What a metric is called in words, with its unit. */
function metricLabel(metric: NumericMetric): string {
  const [name, unit] = METRICS[metric];
  return unit === '' ? name : `${name}, ${unit}`;
}

/** The row whose time line is drawn: the first that has one. */
export function timelineRow(result: ResultDocument): Row | undefined {
  return result.rows.find((row) => row.timeline !== undefined);
}

/** The stretches of a time line in which nothing completed. */
export function outagesOf(timeline: Timeline): Outage[] {
  const outages: Outage[] = [];
  for (const point of timeline.points) {
    if (point.opsPerSecond > 0) continue;
    const last = outages.at(-1);
    const toMs = point.atMs + timeline.bucketMs;
    if (last !== undefined && last.toMs === point.atMs) last.toMs = toMs;
    else outages.push({ fromMs: point.atMs, toMs });
  }
  return outages;
}

/** Text as it may stand in SVG and HTML, in attributes too. */
export function escapeMarkup(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

// ------------------------------------------------------------------------------------------- lines

function linesPlot(spec: LinesSpec, result: ResultDocument, layout: PlotLayout): string {
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

function styleOf(i: number): { color: string; symbol: Series['symbol'] } {
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

// ---------------------------------------------------------------------------------------- timeline

function timelinePlot(
  title: string,
  timeline: Timeline,
  factors: Factors,
  layout: PlotLayout,
): string {
  const width = WIDTHS[layout];
  const lastMs = timeline.points.at(-1)?.atMs ?? 0;
  const endS = (lastMs + timeline.bucketMs) / 1000;
  const toX = (ms: number): number =>
    MARGIN.left + Math.min(Math.max(ms / 1000 / endS, 0), 1) * (width - MARGIN.left - MARGIN.right);
  const head = header(title, TIMELINE_LEGEND, '', width);
  const lanes = faultLanes(timeline.bands, toX, factors, width);
  const frame = { width, endS, bands: timeline.bands };
  const throughput = { ...frame, height: layout === 'wide' ? 190 : 170 };
  const latency = { ...frame, height: layout === 'wide' ? 230 : 200 };
  const top = head.height + 20 + lanes.height;
  const second = top + throughput.height + 10;
  const body =
    head.body +
    text(0, head.height + 12, metricLabel('committedOpsPerSecond'), COLORS.ink, BOLD) +
    group(0, head.height + 24, lanes.body) +
    group(0, top, throughputPanel(timeline, throughput)) +
    text(0, second + 14, 'Latency, ms', COLORS.ink, BOLD) +
    group(0, second + 22, latencyPanel(timeline, latency));
  return svg(title, width, second + 22 + latency.height, body);
}

const TIMELINE_LEGEND: readonly LegendItem[] = [
  { label: 'p50', color: PALETTE[0], symbol: 'line' },
  { label: 'p99', color: PALETTE[2], symbol: 'line' },
  { label: 'no operation completed', color: COLORS.outage, symbol: 'bar' },
];

type TimeFrame = { width: number; height: number; endS: number; bands: readonly FaultBand[] };

function throughputPanel(timeline: Timeline, frame: TimeFrame): string {
  const top = Math.max(1, ...timeline.points.map((point) => point.opsPerSecond)) * 1.12;
  const steps = stepsOf(timeline, (point) => point.opsPerSecond);
  const outages = outagesOf(timeline);
  return plotBody({
    ...frameOptions(frame, 26),
    y: { type: 'linear', domain: [0, top] },
    marks: [
      ...bandMarks(frame.bands, frame.endS, 0, top),
      ...yAxis(4),
      // Two channels instead of one: a single `y` would be stacked.
      Plot.areaY(steps, { x: 's', y1: 0, y2: 'value', fill: COLORS.ink, fillOpacity: 0.08 }),
      Plot.lineY(steps, { x: 's', y: 'value', stroke: COLORS.ink, strokeWidth: 1.25 }),
      Plot.ruleY([0], { stroke: COLORS.axis }),
      Plot.axisX({ ...AXIS_X, label: null, ticks: timeTicks(frame), tickFormat: () => '' }),
      Plot.rect(outages, {
        x1: (outage: Outage) => outage.fromMs / 1000,
        x2: (outage: Outage) => outage.toMs / 1000,
        y1: 0,
        y2: top * 0.045,
        fill: COLORS.outage,
      }),
      ...outageLabels(outages, frame, top),
    ],
  });
}

/**
 * How long nothing completed, above each stretch; short ones and those that would collide go bare.
 */
function outageLabels(outages: readonly Outage[], frame: TimeFrame, top: number): Plot.Markish[] {
  const inner = frame.width - MARGIN.left - MARGIN.right;
  let free = Number.NEGATIVE_INFINITY;
  const shown = [];
  for (const outage of outages) {
    const lengthMs = outage.toMs - outage.fromMs;
    const middle = ((outage.fromMs + outage.toMs) / 2000 / frame.endS) * inner;
    const label = `${exactNumber(Math.round(lengthMs))} ms`;
    const half = textWidth(label) / 2;
    if (lengthMs / 1000 < frame.endS * 0.012 || middle - half < free) continue;
    if (middle < half || middle > inner - half) continue;
    free = middle + half + 4;
    shown.push({ s: (outage.fromMs + outage.toMs) / 2000, label });
  }
  return [
    Plot.text(shown, {
      x: 's',
      y: top * 0.045,
      text: 'label',
      dy: -8,
      fill: COLORS.outage,
      stroke: COLORS.paper,
      strokeWidth: 3,
      fontWeight: 600,
    }),
  ];
}

function latencyPanel(timeline: Timeline, frame: TimeFrame): string {
  const values = timeline.points
    .flatMap((point) => [point.latencyMsP50, point.latencyMsP99])
    .filter((value): value is number => value !== null && value > 0);
  const domain = values.length === 0 ? ([0.1, 1] as const) : logDomain(least(values), most(values));
  const positive = (value: number | null): number | null =>
    value !== null && value > 0 ? value : null;
  const line = (read: (point: Timeline['points'][number]) => number | null, i: number) =>
    Plot.lineY(stepsOf(timeline, read), {
      x: 's',
      y: 'value',
      stroke: PALETTE[i] ?? COLORS.ink,
      strokeWidth: 1.5,
    });
  return plotBody({
    ...frameOptions(frame, MARGIN.bottom),
    y: { type: 'log', domain },
    marks: [
      ...bandMarks(frame.bands, frame.endS, domain[0], domain[1]),
      ...yAxis(logTicks(domain)),
      Plot.ruleY([domain[0]], { stroke: COLORS.axis }),
      Plot.axisX({ ...AXIS_X, label: 'time, s', ticks: timeTicks(frame) }),
      line((point) => positive(point.latencyMsP99), 2),
      line((point) => positive(point.latencyMsP50), 0),
    ],
  });
}

function frameOptions(frame: TimeFrame, marginBottom: number): Plot.PlotOptions {
  const { width, height, endS } = frame;
  return { width, height, marginBottom, x: { type: 'linear', domain: [0, endS] } };
}

/** A bucket as a level from its start to its end; a bucket without a value breaks the line. */
function stepsOf(
  timeline: Timeline,
  read: (point: Timeline['points'][number]) => number | null,
): { s: number; value: number }[] {
  return timeline.points.flatMap((point) => {
    const value = read(point) ?? Number.NaN;
    return [
      { s: point.atMs / 1000, value },
      { s: (point.atMs + timeline.bucketMs) / 1000, value },
    ];
  });
}

function bandMarks(
  bands: readonly FaultBand[],
  endS: number,
  low: number,
  high: number,
): Plot.Markish[] {
  const within = (ms: number): number => Math.min(Math.max(ms / 1000, 0), endS);
  return [
    Plot.rect(bands, {
      x1: (band: FaultBand) => within(band.fromMs),
      x2: (band: FaultBand) => within(band.toMs),
      y1: low,
      y2: high,
      fill: (band: FaultBand) => BAND_COLORS[band.kind],
      fillOpacity: 0.16,
    }),
  ];
}

/** A strip above the panels: each fault a bar with its name, in as many lanes as do not collide. */
function faultLanes(
  bands: readonly FaultBand[],
  toX: (ms: number) => number,
  factors: Factors,
  width: number,
): { body: string; height: number } {
  const laneHeight = 24;
  const lanes: number[] = [];
  const drawn = [...bands]
    .sort((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs)
    .map((band) => {
      const label = bandLabel(band, factors);
      const [from, to] = [toX(band.fromMs), Math.max(toX(band.toMs), toX(band.fromMs) + 2)];
      // A label that would leave the picture on the right is shifted back into it.
      const start = Math.max(Math.min(from, width - MARGIN.right - textWidth(label)), 0);
      const free = lanes.findIndex((end) => end + 8 <= Math.min(start, from));
      const lane = free === -1 ? lanes.length : free;
      lanes[lane] = Math.max(to, start + textWidth(label));
      const y = lane * laneHeight;
      const bar =
        `<rect x="${round(from)}" y="${y + 16}" width="${round(to - from)}" height="5" rx="1" ` +
        `fill="${BAND_COLORS[band.kind]}"/>`;
      return text(start, y + 12, label, COLORS.ink) + bar;
    });
  return { body: drawn.join(''), height: lanes.length === 0 ? 0 : lanes.length * laneHeight + 2 };
}

function bandLabel(band: FaultBand, factors: Factors): string {
  const names: Record<FaultBand['kind'], string> = {
    crash: 'crash',
    pause: 'pause',
    partition: 'cut off',
    link: 'links',
  };
  const { nodes } = band;
  if (nodes.length > 1 && nodes.length === factors.nodes) return `${names[band.kind]}: all nodes`;
  const shown = nodes.length > 3 ? [...nodes.slice(0, 2), `+${nodes.length - 2}`] : nodes;
  return shown.length === 0 ? names[band.kind] : `${names[band.kind]}: ${shown.join(' ')}`;
}

function timeTicks(frame: TimeFrame): number[] {
  const room = Math.max(Math.floor((frame.width - MARGIN.left) / 60), 1);
  const steps = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((each) => frame.endS / each <= room) ?? frame.endS;
  const count = Math.floor(frame.endS / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toFixed(3)));
}

// ----------------------------------------------------------------------------------------- drawing

const AXIS_X = {
  color: COLORS.quiet,
  stroke: COLORS.axis,
  fill: COLORS.quiet,
  fontSize: 12,
  tickSize: 4,
  labelAnchor: 'center',
  labelArrow: 'none',
  labelOffset: 36,
} as const;

function yAxis(ticks: number | readonly number[]): Plot.Markish[] {
  return [
    Plot.gridY({ ticks, stroke: COLORS.grid, strokeOpacity: 1 } as Plot.GridYOptions),
    Plot.axisY({
      ticks,
      tickFormat: (value: number) => exactNumber(Number(value.toPrecision(6))),
      tickSize: 0,
      fill: COLORS.quiet,
      fontSize: 12,
      label: null,
    } as Plot.AxisYOptions),
  ];
}

/** The marks of a plot without its frame: what stands inside the `svg` element. */
function plotBody(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const drawn = Plot.plot({
    marginTop: MARGIN.top,
    marginRight: MARGIN.right,
    marginBottom: MARGIN.bottom,
    marginLeft: MARGIN.left,
    className: 'panel',
    ...options,
    document,
  });
  const inner = String(drawn.innerHTML).replace(/<style>[\s\S]*?<\/style>/g, '');
  const rounded = inner.replace(/="[^"]*"/g, (attribute) =>
    attribute.replace(/-?\d+\.\d{3,}/g, (digits) => String(round(Number(digits)))),
  );
  return `<g text-anchor="middle" fill="${COLORS.ink}">${rounded}</g>`;
}

/** Title and legend; `name` says what the legend's entries are values of. */
function header(
  title: string,
  items: readonly LegendItem[],
  name: string,
  width: number,
): { body: string; height: number } {
  const titleLines = breakText(title, width, 17);
  let body = titleLines
    .map((line, i) => text(0, 18 + i * 22, line, COLORS.ink, 'font-weight="650" font-size="17"'))
    .join('');
  let y = 18 + (titleLines.length - 1) * 22 + 28;
  let x = 0;
  if (items.length > 0 && name !== '') {
    body += text(0, y, name, COLORS.quiet);
    x = textWidth(name) + 16;
  }
  const indent = x;
  for (const item of items) {
    const size = 30 + textWidth(item.label);
    if (x > indent && x + size > width) {
      x = indent;
      y += 22;
    }
    body += group(x, y, legendKey(item) + text(30, 0, item.label, COLORS.ink));
    x += size + 20;
  }
  return { body, height: items.length > 0 ? y + 24 : y - 4 };
}

function legendKey(item: LegendItem): string {
  if (item.symbol === 'bar') {
    return `<rect x="0" y="-7" width="22" height="6" fill="${item.color}"/>`;
  }
  const line = `<path d="M0,-4H22" stroke="${item.color}" stroke-width="1.75"/>`;
  if (item.symbol === 'line') return line;
  const mark = plotBody({
    width: 22,
    height: 12,
    margin: 0,
    x: { type: 'identity', axis: null },
    y: { type: 'identity', axis: null },
    marks: [
      Plot.dot([[11, 6]], {
        symbol: item.symbol,
        fill: item.color,
        stroke: COLORS.paper,
        strokeWidth: 1,
        r: 4.5,
      }),
    ],
  });
  return line + group(0, -10, mark);
}

function emptyPlot(title: string, message: string, layout: PlotLayout): string {
  const width = WIDTHS[layout];
  const head = header(title, [], '', width);
  return svg(title, width, head.height + 40, head.body + text(0, head.height + 16, message));
}

function svg(title: string, width: number, height: number, body: string): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  const pad = 16;
  const box = `${-pad} ${-pad} ${w + 2 * pad} ${h + 2 * pad}`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" width="${w + 2 * pad}" ` +
    `height="${h + 2 * pad}" role="img" aria-label="${escapeMarkup(title)}" ` +
    `font-family="${FONT}" font-size="13" fill="${COLORS.ink}">` +
    `<rect x="${-pad}" y="${-pad}" width="100%" height="100%" fill="${COLORS.paper}"/>` +
    `${body}</svg>\n`
  );
}

function group(x: number, y: number, body: string): string {
  return `<g transform="translate(${round(x)},${round(y)})">${body}</g>`;
}

function text(
  x: number,
  y: number,
  content: string,
  fill: string = COLORS.ink,
  attributes = '',
): string {
  const more = attributes === '' ? '' : ` ${attributes}`;
  const start = `<text x="${round(x)}" y="${round(y)}" fill="${fill}"${more}>`;
  return `${start}${escapeMarkup(content)}</text>`;
}

/** A generous guess: the reader's font is not known here, and too much room does not overlap. */
function textWidth(content: string, fontSize = 13): number {
  return content.length * fontSize * 0.6;
}

function breakText(content: string, width: number, fontSize: number): string[] {
  const lines: string[] = [];
  for (const word of content.split(' ')) {
    const last = lines.at(-1);
    const longer = last === undefined ? word : `${last} ${word}`;
    if (last === undefined || textWidth(longer, fontSize) > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

/** Every tick, or every second, third, …, as many as have room for their text. */
function fittingTicks(labels: readonly string[], width: number): string[] {
  const room = Math.max(...labels.map((label) => textWidth(label, 12))) + 8;
  const every = Math.max(Math.ceil((labels.length * room) / width), 1);
  return labels.filter((_, i) => i % every === 0);
}

/** The domain of a logarithmic axis: the bounds of 1, 2, 5, 10, … that hold all values. */
function logDomain(low: number, high: number): Domain {
  const steps = [1, 2, 5, 10];
  const power = (value: number): number => 10 ** Math.floor(Math.log10(value));
  const under = [...steps].reverse().find((step) => step * power(low) <= low * 1.0001) ?? 1;
  const over = steps.find((step) => step * power(high) >= high * 0.9999) ?? 10;
  const from = Number((under * power(low)).toPrecision(1));
  const to = Number((over * power(high)).toPrecision(1));
  return from < to ? [from, to] : [from, Number((from * 10).toPrecision(1))];
}

/** Decades; where they are few, with 2 and 5 between them. */
function logTicks([low, high]: Domain): number[] {
  const decades = Math.log10(high / low);
  const steps = decades <= 2.5 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) {
      const tick = Number((step * 10 ** power).toPrecision(1));
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b));
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
