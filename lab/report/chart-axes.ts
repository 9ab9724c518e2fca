/** The axes of a chart: what they span if nothing else is asked for, and which ticks have room. */
import type { Chart, ChartAxis, ChartPoint } from './chart.ts';
import type { Ruler } from './chart-lines.ts';
import { niceStep } from './picture.ts';
import { type Domain, least, most } from './plot-axes.ts';
import { textWidth } from './plot-parts.ts';
import { exactNumber } from './table.ts';

export const TICK_SIZE = 12;

export type Tick = { readonly at: number; readonly label: string };
export type Axis = {
  readonly domain: Domain;
  readonly scale: 'linear' | 'log';
  readonly ruler: Ruler;
};

/** The points that can be drawn: a logarithmic axis has no place for zero. */
export function drawable(points: readonly ChartPoint[], { x, y }: Chart): ChartPoint[] {
  const has = ({ scale }: ChartAxis, value: number): boolean =>
    Number.isFinite(value) && (scale !== 'log' || value > 0);
  return points.filter((point) => has(x, point.x) && has(y, point.y));
}

/** All panels share it. */
export function axisX(axis: ChartAxis, points: readonly ChartPoint[]): Axis {
  const values = points.map(({ x }) => x);
  if (values.length === 0) return axisOf(axis, defaultDomain(axis));
  const [low, high] = [least(values), most(values)];
  if (axis.scale === 'log' && axis.ticks === undefined) {
    return axisOf(axis, logDomainAround(low, high));
  }
  if (axis.scale === 'log') return axisOf(axis, low < high ? [low, high] : [low / 2, high * 2]);
  return axisOf(axis, low < high ? [low, high] : [low - 1, high + 1]);
}

/**
 * All panels share it. Intervals of few trials can be huge: they must not press the values into a
 * corner, so they are cut off at the edge. A linear axis begins at zero.
 */
export function axisY(axis: ChartAxis, points: readonly ChartPoint[]): Axis {
  if (points.length === 0) return axisOf(axis, defaultDomain(axis));
  const values = points.map(({ y }) => y);
  if (axis.scale === 'log') {
    const lows = points.map(({ low, y }) => Math.max(low ?? y, y / 2));
    const highs = points.map(({ high, y }) => Math.min(high ?? y, y * 2));
    return axisOf(axis, logDomainAround(least(lows), most(highs)));
  }
  const [bottom, top] = [Math.min(0, least(values)), Math.max(0, most(values))];
  const room = (top - bottom) / 2;
  const low = Math.max(Math.min(bottom, ...points.map((point) => point.low ?? 0)), bottom - room);
  const high = Math.min(Math.max(top, ...points.map((point) => point.high ?? 0)), top + room);
  if (low === high) return axisOf(axis, [0, 1]);
  // A tick above the greatest value, unless that would leave the panel half empty.
  const step = niceStep(high - low, 5) / 2;
  return axisOf(axis, [Math.floor(low / step) * step, Math.ceil(high / step) * step]);
}

/** From a round number to a round number. */
function logDomainAround(low: number, high: number): Domain {
  const steps = [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const power = (value: number): number => 10 ** Math.floor(Math.log10(value));
  const under = [...steps].reverse().find((step) => step * power(low) <= low * 1.0001) ?? 1;
  const over = steps.find((step) => step * power(high) >= high * 0.9999) ?? 10;
  const from = Number((under * power(low)).toPrecision(2));
  const to = Number((over * power(high)).toPrecision(2));
  return from < to ? [from, to] : [from, from * 10];
}

function defaultDomain({ scale }: ChartAxis): Domain {
  return scale === 'log' ? [0.1, 1] : [0, 1];
}

function axisOf({ domain: asked, scale = 'linear' }: ChartAxis, found: Domain): Axis {
  const domain = asked ?? found;
  const [low, high] = domain;
  const ruler: Ruler =
    scale === 'log'
      ? {
          place: (value) => Math.log10(value / low) / Math.log10(high / low),
          value: (at) => low * (high / low) ** at,
        }
      : {
          place: (value) => (value - low) / (high - low),
          value: (at) => low + at * (high - low),
        };
  return { domain, scale, ruler };
}

/** Ticks below an axis `width` long, as many as have room for their labels side by side. */
export function ticksX(asked: ChartAxis, axis: Axis, width: number): Tick[] {
  return fitting(asked, axis, 8, (ticks) =>
    ticks.every((tick, i) => {
      const before = ticks[i - 1];
      if (before === undefined) return true;
      const room = (textWidth(tick.label, TICK_SIZE) + textWidth(before.label, TICK_SIZE)) / 2 + 8;
      return (axis.ruler.place(tick.at) - axis.ruler.place(before.at)) * width >= room;
    }),
  );
}

/** Ticks beside an axis `height` long. */
export function ticksY(asked: ChartAxis, axis: Axis, height: number): Tick[] {
  return fitting(asked, axis, 6, (ticks) =>
    ticks.every((tick, i) => {
      const before = ticks[i - 1];
      if (before === undefined) return true;
      return (axis.ruler.place(tick.at) - axis.ruler.place(before.at)) * height >= 18;
    }),
  );
}

/** The finest ticks that fit; where none do, the first and last of the coarsest, or one. */
function fitting(
  asked: ChartAxis,
  axis: Axis,
  most: number,
  fits: (ticks: readonly Tick[]) => boolean,
): Tick[] {
  const format = asked.format ?? ((value) => exactNumber(Number(value.toPrecision(6))));
  const choices = tickChoices(asked, axis, most).map((values) =>
    values.map((at) => ({ at, label: format(at) })),
  );
  const chosen = choices.find((ticks) => ticks.length > 0 && fits(ticks));
  return chosen ?? choices.at(-1)?.slice(0, 1) ?? [];
}

/** From fine to coarse. */
function tickChoices(asked: ChartAxis, axis: Axis, most: number): number[][] {
  const within = (value: number): boolean => {
    const place = axis.ruler.place(value);
    return place > -1e-9 && place < 1 + 1e-9;
  };
  if (asked.ticks !== undefined) return everySecond(asked.ticks.filter(within));
  if (axis.scale === 'linear') {
    return Array.from({ length: most - 1 }, (_, i) => linearTicks(axis.domain, most - i));
  }
  const choices = LOG_STEPS.map((steps) => logSteps(axis.domain, steps).filter(within));
  const few = choices.filter((ticks) => ticks.length >= 2 && ticks.length <= most);
  const decades = logSteps(axis.domain, [1]).filter(within);
  return [...few, ...(decades.length < 2 ? choices.slice(0, 1) : everySecond(decades))];
}

/** All, every second, every third, … */
function everySecond(values: readonly number[]): number[][] {
  return values.map((_, skip) => values.filter((_, i) => i % (skip + 1) === 0));
}

function linearTicks([low, high]: Domain, count: number): number[] {
  const step = niceStep(high - low, count);
  const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

/** Steps of a decade, from fine to coarse. */
const LOG_STEPS: readonly (readonly number[])[] = [
  [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9],
  [1, 1.5, 2, 3, 5, 7],
  [1, 2, 5],
  [1, 3],
  [1],
];

function logSteps([low, high]: Domain, steps: readonly number[]): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  return Array.from({ length: last - first + 1 }, (_, i) => first + i).flatMap((power) =>
    steps.map((step) => Number((step * 10 ** power).toPrecision(2))),
  );
}

/** Where a logarithmic axis has a mark without a label, so that its decades can be read. */
export function minorTicks(asked: ChartAxis, { domain, ruler, scale }: Axis): number[] {
  if (scale === 'linear' || asked.ticks !== undefined) return [];
  if (Math.log10(domain[1] / domain[0]) > 5) return [];
  return logSteps(domain, [1, 2, 3, 4, 5, 6, 7, 8, 9]).filter((value) => {
    const place = ruler.place(value);
    return place >= 0 && place <= 1;
  });
}
