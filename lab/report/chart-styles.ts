/** How the series of a chart differ beside their colours, and the legend that says so. */
import * as Plot from '@observablehq/plot';
import type { ChartPanel, ChartSeries } from './chart.ts';
import { COLORS } from './colors.ts';
import {
  fittingLines,
  group,
  type Mark,
  plotBody,
  SYMBOLS,
  text,
  textWidth,
} from './plot-parts.ts';

/** `dash` as in `stroke-dasharray`; lines without one are whole. */
export type ChartStyle = { readonly symbol: Mark; readonly dash: string | undefined };
export type Styles = ReadonlyMap<string, ChartStyle>;

/** Of measured curves: whole, or all but whole. */
const STEP_DASHES = [undefined, '9 2', '4 2', '12 2 3 2', '2 2', '9 2 2 2 2 2', '6 4', '1 2'];
/** Of published ones and of formulas: with gaps that show. */
const LINE_DASHES = ['6 4', '2 4', '10 4', '8 4 2 4', '4 8', '10 4 2 4 2 4', '14 6', '1 6'];
const SIZE = 13;
const LINE = 20;
const KEY = 30;
const GAP = 20;

/**
 * Series of one colour, as the published and the measured values of one thing, share a symbol;
 * those that would look alike do not.
 */
export function stylesOf(panels: readonly ChartPanel[]): Styles {
  const series = entriesOf(panels);
  const colors = [...new Set(series.map(({ color }) => color))];
  const taken = new Set<string>();
  return new Map(
    series.map((each) => {
      const looks = `${each.kind} ${each.hollow ?? false} ${each.color}`;
      let i = colors.indexOf(each.color);
      while (taken.has(`${looks} ${i % SYMBOLS.length}`) && i < colors.length + SYMBOLS.length) i++;
      i %= SYMBOLS.length;
      taken.add(`${looks} ${i}`);
      return [each.label, { symbol: SYMBOLS[i] ?? 'circle', dash: dashOf(each, i) }];
    }),
  );
}

function dashOf({ kind }: ChartSeries, i: number): string | undefined {
  if (kind === 'steps') return STEP_DASHES[i];
  return kind === 'dashes' ? LINE_DASHES[i] : undefined;
}

/** The first series of each label. */
function entriesOf(panels: readonly ChartPanel[]): ChartSeries[] {
  const all = panels.flatMap(({ series }) => series);
  return all.filter((each, i) => all.findIndex(({ label }) => label === each.label) === i);
}

/** In one line where it fits, else in columns. What has no label is not explained. */
export function legendOf(
  panels: readonly ChartPanel[],
  styles: Styles,
  width: number,
): { body: string; height: number } {
  const entries = entriesOf(panels).filter(({ label }) => label !== '');
  const sizes = entries.map(({ label }) => KEY + textWidth(label, SIZE) + GAP);
  const inLine = sizes.reduce((sum, size) => sum + size, 0) - GAP <= width;
  const columnWidth = Math.min(Math.max(0, ...sizes), width + GAP);
  const columns = Math.max(Math.floor((width + GAP) / columnWidth), 1);
  let [x, y, lines] = [0, 0, 0];
  const drawn = entries.map((each, i) => {
    if (!inLine && i % columns === 0) {
      [x, y, lines] = [0, y + lines * LINE, 0];
    }
    const words = fittingLines(each.label, columnWidth - KEY - GAP, SIZE);
    lines = Math.max(lines, inLine ? 1 : words.length);
    const shown = inLine ? [each.label] : words;
    const body = shown.map((line, n) => text(KEY, n * LINE, line)).join('');
    const at = group(x, y, keyOf(each, styles.get(each.label)) + body);
    x += inLine ? (sizes[i] ?? 0) : columnWidth;
    return at;
  });
  return { body: drawn.join(''), height: y + lines * LINE };
}

function keyOf(series: ChartSeries, style: ChartStyle | undefined): string {
  const dash = style?.dash === undefined ? '' : ` stroke-dasharray="${style.dash}"`;
  const line = `<path d="M0,-4H24" stroke="${series.color}" stroke-width="1.75"${dash}/>`;
  const lined = series.kind === 'dots' ? '' : line;
  if (series.kind === 'steps' || series.kind === 'dashes') return lined;
  const mark = plotBody({
    width: 24,
    height: 14,
    margin: 0,
    x: { type: 'identity', axis: null },
    y: { type: 'identity', axis: null },
    marks: [dots([{ x: 12, y: 7 }], series, style)],
  });
  return lined + group(0, -11, mark);
}

/** The dots of a series; hollow ones stand for what was not measured here. */
export function dots(
  points: readonly { readonly x: number; readonly y: number }[],
  { color, hollow }: ChartSeries,
  style: ChartStyle | undefined,
): Plot.Markish {
  const symbol = style?.symbol ?? 'circle';
  const look = hollow
    ? { fill: COLORS.paper, stroke: color, strokeWidth: 1.75, r: 4 }
    : { fill: color, stroke: COLORS.paper, strokeWidth: 1, r: 4.5 };
  return Plot.dot(points, { x: 'x', y: 'y', symbol, ...look });
}
