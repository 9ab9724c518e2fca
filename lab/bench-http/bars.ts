/** Bars side by side: a panel for each operation, a group for each number of connections. */

import { axisText, niceStep, picture, type Scale, SIZE, WIDTH } from '../report/picture.ts';
import { COLORS } from '../report/plot.ts';
import { round, svgText, textWidth } from '../report/svg.ts';

export type Bar = {
  readonly label: string;
  readonly color: string;
  readonly value: number;
  /** A thin line from the one to the other, as of rounds or percentiles. */
  readonly span: readonly [low: number, high: number] | null;
  /** At its end. */
  readonly text: string;
};
export type Group = { readonly label: string; readonly bars: readonly Bar[] };
export type BarPanel = { readonly title: string; readonly groups: readonly Group[] };
export type BarLegend = { readonly title: string; readonly x: string };

const COLUMNS = 2;
const GAP = 40;
const LEFT = 96;
/** For the text at the end of the longest bar. */
const RIGHT = 64;
const BAR = 16;
const GROUP_GAP = 14;
const HEAD = 52;
const PANEL_HEAD = 24;
const FOOT = 44;

export function barPlot(panels: readonly BarPanel[], legend: BarLegend): string {
  const width = (WIDTH - GAP * (COLUMNS - 1)) / COLUMNS;
  const height = Math.max(0, ...panels.map(heightOf));
  const drawn = panels.map((panel, i) => {
    const x = (i % COLUMNS) * (width + GAP);
    const y = HEAD + Math.floor(i / COLUMNS) * height;
    const body = panelOf(panel, width, legend.x);
    return `<g transform="translate(${round(x)},${round(y)})">${body}</g>`;
  });
  const title = svgText(0, 14, legend.title, { bold: true, size: 15 });
  const total = HEAD + Math.ceil(panels.length / COLUMNS) * height;
  return picture(legend.title, total, title + keyOf(panels) + drawn.join(''));
}

function heightOf({ groups }: BarPanel): number {
  const bars = groups.reduce((sum, group) => sum + group.bars.length * BAR + GROUP_GAP, 0);
  return PANEL_HEAD + bars + FOOT;
}

function keyOf(panels: readonly BarPanel[]): string {
  let x = 0;
  const items = (panels[0]?.groups[0]?.bars ?? []).map(({ color, label }) => {
    const at = x;
    x += 20 + textWidth(label, SIZE) + 16;
    const box = `<rect x="${round(at)}" y="26" width="12" height="12" fill="${color}"/>`;
    return box + svgText(at + 18, 36, label);
  });
  return items.join('');
}

function panelOf({ title, groups }: BarPanel, width: number, xLabel: string): string {
  const bars = groups.flatMap((group) => group.bars);
  const high = Math.max(1e-9, ...bars.flatMap(({ value, span }) => [value, ...(span ?? [])]));
  const x: Scale = (value) => LEFT + (value / high) * (width - LEFT - RIGHT);
  let y = PANEL_HEAD;
  const drawn = groups.map((group) => {
    const top = y;
    y += group.bars.length * BAR + GROUP_GAP;
    const middle = top + (group.bars.length * BAR) / 2 + 4;
    const label = axisText(LEFT - 8, middle, group.label, 'end');
    return label + group.bars.map((bar, i) => barOf(bar, x, top + i * BAR)).join('');
  });
  return [
    svgText(0, 12, title, { bold: true }),
    ...gridOf(high, x, y),
    ...drawn,
    axisText(LEFT + (width - LEFT - RIGHT) / 2, y + 36, xLabel),
  ].join('');
}

function gridOf(high: number, x: Scale, bottom: number): string[] {
  const lines: string[] = [];
  const step = niceStep(high, 5);
  for (let i = 0; i * step <= high; i++) {
    const value = Number((i * step).toPrecision(6));
    const at = round(x(value));
    lines.push(`<path d="M${at},${PANEL_HEAD}V${round(bottom)}" stroke="${COLORS.grid}"/>`);
    lines.push(axisText(at, bottom + 16, value.toLocaleString('en')));
  }
  return lines;
}

function barOf({ color, value, span, text }: Bar, x: Scale, y: number): string {
  const end = x(value);
  const bar =
    `<rect x="${LEFT}" y="${round(y)}" width="${round(Math.max(1, end - LEFT))}" ` +
    `height="${BAR - 3}" fill="${color}"/>`;
  const middle = round(y + (BAR - 3) / 2);
  const line =
    span === null
      ? ''
      : `<path d="M${round(x(span[0]))},${middle}H${round(x(span[1]))}" ` +
        `stroke="${COLORS.ink}" stroke-width="1.5"/>`;
  const from = Math.max(end, span === null ? 0 : x(span[1]));
  return bar + line + svgText(from + 5, y + BAR - 6, text, { size: 11, halo: true });
}
