/** The axes of plots: how they look, and where logarithmic ones begin, end and have their ticks. */
import * as Plot from '@observablehq/plot';
import { COLORS } from './colors.ts';
import { exactNumber } from './table.ts';

export type Domain = readonly [number, number];

export const AXIS_X = {
  color: COLORS.quiet,
  stroke: COLORS.axis,
  fill: COLORS.quiet,
  fontSize: 12,
  tickSize: 4,
  labelAnchor: 'center',
  labelArrow: 'none',
  labelOffset: 36,
} as const;

export function yAxis(ticks: number | readonly number[]): Plot.Markish[] {
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

/** The domain of a logarithmic axis: the bounds of 1, 2, 5, 10, … that hold all values. */
export function logDomain(low: number, high: number): Domain {
  const steps = [1, 2, 5, 10];
  const power = (value: number): number => 10 ** Math.floor(Math.log10(value));
  const under = [...steps].reverse().find((step) => step * power(low) <= low * 1.0001) ?? 1;
  const over = steps.find((step) => step * power(high) >= high * 0.9999) ?? 10;
  const from = Number((under * power(low)).toPrecision(1));
  const to = Number((over * power(high)).toPrecision(1));
  return from < to ? [from, to] : [from, Number((from * 10).toPrecision(1))];
}

/** Decades; where they are few, with 2 and 5 between them. */
export function logTicks([low, high]: Domain): number[] {
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

export function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b));
}

export function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b));
}
