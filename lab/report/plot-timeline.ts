/** The time line of one run with its faults drawn in. */
import * as Plot from '@observablehq/plot';
import type { Factors, FaultBand, ResultDocument, Row, Timeline } from '../results.ts';
import { COLORS, PALETTE } from './colors.ts';
import { metricLabel } from './metric-names.ts';
import { AXIS_X, least, logDomain, logTicks, most, yAxis } from './plot-axes.ts';
import {
  BOLD,
  group,
  header,
  type LegendItem,
  MARGIN,
  type PlotLayout,
  plotBody,
  round,
  svg,
  text,
  textWidth,
  WIDTHS,
} from './plot-parts.ts';
import { exactNumber } from './table.ts';

const BAND_COLORS: Readonly<Record<FaultBand['kind'], string>> = {
  crash: '#d55e00',
  pause: '#e69f00',
  partition: '#cc79a7',
  link: '#56b4e9',
};
/** A time during which no operation completed. */
export type Outage = { fromMs: number; toMs: number };

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

export function timelinePlot(
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
