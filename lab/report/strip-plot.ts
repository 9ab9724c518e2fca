/** A dot for each sample, a row for each group, on one logarithmic scale of milliseconds. */

import { axisText, picture, type Scale, SIZE, WIDTH } from './picture.ts';
import { COLORS } from './plot.ts';
import { round, svgText, textWidth } from './svg.ts';

export type StripRow = {
  readonly label: string;
  readonly color: string;
  readonly samplesMs: readonly number[];
};
export type StripLegend = {
  readonly title: string;
  readonly x: string;
  /** A line at what is allowed, and what it says. */
  readonly bound: { readonly ms: number; readonly label: string } | null;
};

const ROW = 34;
const HEAD = 46;
const FOOT = 44;
const RIGHT = 16;
/** Dots stand above and below the middle of their row, in turn, so that equal ones show. */
const LEVELS = [0, -6, 6, -3, 3, -9, 9];

export function stripPlot(rows: readonly StripRow[], legend: StripLegend): string {
  const left = Math.max(0, ...rows.map(({ label }) => textWidth(label, SIZE))) + 16;
  const samples = rows.flatMap(({ samplesMs }) => samplesMs);
  const bound = legend.bound === null ? [] : [legend.bound.ms];
  const low = 10 ** Math.floor(Math.log10(Math.max(1, Math.min(...samples, ...bound))));
  const high = Math.max(low * 10, ...samples, ...bound) * 1.15;
  const x: Scale = (ms) =>
    left + (Math.log(Math.max(ms, low) / low) / Math.log(high / low)) * (WIDTH - left - RIGHT);
  const bottom = HEAD + rows.length * ROW;
  const body = [
    svgText(0, 14, legend.title, { bold: true, size: 15 }),
    ...gridOf(low, high, x, bottom),
    legend.bound === null ? '' : boundOf(x(legend.bound.ms), legend.bound.label, bottom),
    ...rows.map((row, i) => rowOf(row, x, HEAD + (i + 0.5) * ROW)),
    axisText((left + WIDTH) / 2, bottom + 36, legend.x),
  ];
  return picture(legend.title, bottom + FOOT, body.join(''));
}

function gridOf(low: number, high: number, x: Scale, bottom: number): string[] {
  const lines: string[] = [];
  for (let power = low; power <= high; power *= 10) {
    for (const ms of [power, 2 * power, 5 * power]) {
      if (ms > high) continue;
      const at = round(x(ms));
      lines.push(`<path d="M${at},${HEAD}V${bottom}" stroke="${COLORS.grid}"/>`);
      lines.push(axisText(at, bottom + 16, String(ms)));
    }
  }
  return lines;
}

/** Its words stand behind the line, or before it where there is no room. */
function boundOf(x: number, label: string, bottom: number): string {
  const width = textWidth(label, SIZE);
  const at = x + 6 + width < WIDTH ? x + 6 : x - 6 - width;
  return (
    `<path d="M${round(x)},${HEAD - 8}V${bottom}" stroke="${COLORS.outage}" ` +
    `stroke-width="1.5" stroke-dasharray="4 3"/>` +
    svgText(at, HEAD - 8, label, { fill: COLORS.outage, size: 12 })
  );
}

function rowOf({ color, label, samplesMs }: StripRow, x: Scale, y: number): string {
  const dots = samplesMs.map((ms, i) => {
    const level = LEVELS[i % LEVELS.length] ?? 0;
    return (
      `<circle cx="${round(x(ms))}" cy="${round(y + level)}" r="3" fill="${color}" ` +
      `fill-opacity="0.6"/>`
    );
  });
  return svgText(0, y + 4, label) + dots.join('');
}
