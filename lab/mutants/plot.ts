/** The plot of the experiment: a dot for each mutant, its interval, on a logarithmic scale. */
import { COLORS, escapeMarkup, PALETTE } from '../report/plot.ts';
import { FONT, round, svgText, textWidth } from '../report/svg.ts';
import type { Summary } from './document.ts';

const WIDTH = 860;
const ROW = 22;
const TOP = 34;
const BOTTOM = 44;
const PAD = 16;
const SIZE = 13;

type Scale = (seeds: number) => number;

/** `limit` is the length of a search: what was not caught stands behind it. */
export function seedsPlot(summaries: readonly Summary[], limit: number): string {
  const left = Math.max(0, ...summaries.map(({ mutant }) => textWidth(mutant, SIZE))) + 16;
  const right = WIDTH - 40;
  const decades = Math.max(1, Math.log10(limit));
  const x: Scale = (seeds) =>
    left + (Math.log10(Math.min(seeds, limit)) / decades) * (right - left);
  const height = TOP + summaries.length * ROW + BOTTOM;
  const title = 'Seeds until caught, by mutant';
  const body = [
    svgText(0, 14, title, { bold: true, size: 15 }),
    ...gridOf(limit, x, height - BOTTOM),
    ...summaries.map((summary, i) => rowOf(summary, limit, x, TOP + (i + 0.5) * ROW)),
    svgText((left + right) / 2, height - 8, 'seeds, median and 95 % interval', {
      fill: COLORS.quiet,
      anchor: 'middle',
      size: 12,
    }),
  ].join('');
  const box = `${-PAD} ${-PAD} ${WIDTH + 2 * PAD} ${height + 2 * PAD}`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" width="${WIDTH + 2 * PAD}" ` +
    `height="${height + 2 * PAD}" role="img" aria-label="${escapeMarkup(title)}" ` +
    `font-family="${FONT}" font-size="${SIZE}" fill="${COLORS.ink}">` +
    `<rect x="${-PAD}" y="${-PAD}" width="100%" height="100%" fill="${COLORS.paper}"/>` +
    `${body}</svg>\n`
  );
}

function gridOf(limit: number, x: Scale, bottom: number): string[] {
  const ticks: number[] = [];
  for (let tick = 1; tick <= limit; tick *= 10) ticks.push(tick);
  return ticks.map((tick) => {
    const at = round(x(tick));
    return (
      `<path d="M${at},${TOP}V${bottom}" stroke="${COLORS.grid}"/>` +
      svgText(at, bottom + 16, tick.toLocaleString('en'), {
        fill: COLORS.quiet,
        anchor: 'middle',
        size: 12,
      })
    );
  });
}

function rowOf(summary: Summary, limit: number, x: Scale, y: number): string {
  const { mutant, seeds } = summary;
  const name = svgText(0, y + 4, mutant);
  const color = seeds.median > limit ? COLORS.outage : PALETTE[0];
  const line =
    seeds.low === null || seeds.high === null
      ? ''
      : `<path d="M${round(x(seeds.low))},${y}H${round(x(seeds.high))}" ` +
        `stroke="${color}" stroke-width="1.75"/>`;
  const dot = `<circle cx="${round(x(seeds.median))}" cy="${y}" r="4.5" fill="${color}"/>`;
  if (seeds.median <= limit) return name + line + dot;
  const beyond = svgText(x(limit) + 8, y + 4, '>', { fill: color, bold: true });
  return name + line + dot + beyond;
}
