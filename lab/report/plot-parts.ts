/**
 * What plots are laid out with: the frame, title and legend, and text whose room is guessed. Panels
 * are drawn by Observable Plot; coordinates are rounded, so that equal input gives equal bytes.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { COLORS } from './colors.ts';

/** `wide` for a page, `narrow` for a telephone: panels stand one below the other. */
export type PlotLayout = 'wide' | 'narrow';

/** Marks that differ in shape, for those who cannot tell the colours apart. */
export const SYMBOLS = [
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

export const WIDTHS: Readonly<Record<PlotLayout, number>> = { wide: 952, narrow: 400 };
export const MARGIN = { top: 8, right: 12, bottom: 42, left: 52 } as const;
export const GAP = 20;
export const BOLD = 'font-weight="600"';

export type Mark = (typeof SYMBOLS)[number];
export type LegendItem = { label: string; color: string; symbol: Mark | 'line' | 'bar' };

/** The marks of a plot without its frame: what stands inside the `svg` element. */
export function plotBody(options: Plot.PlotOptions): string {
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

/** The title; what follows may have its base line at `height`. */
export function heading(title: string, width: number): { body: string; height: number } {
  const lines = fittingLines(title, width, 17);
  const body = lines
    .map((line, i) => text(0, 18 + i * 22, line, COLORS.ink, 'font-weight="650" font-size="17"'))
    .join('');
  return { body, height: 46 + (lines.length - 1) * 22 };
}

/** Title and legend; `name` says what the legend's entries are values of. */
export function header(
  title: string,
  items: readonly LegendItem[],
  name: string,
  width: number,
): { body: string; height: number } {
  const first = heading(title, width);
  let { body } = first;
  let y = first.height;
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

export function emptyPlot(
  title: string,
  message: string,
  layout: PlotLayout,
  alt?: string,
): string {
  const width = WIDTHS[layout];
  const head = header(title, [], '', width);
  return svg(title, width, head.height + 40, head.body + text(0, head.height + 16, message), alt);
}

/** With `alt`, that is what the picture says to those who do not see it; else its title is. */
export function svg(
  title: string,
  width: number,
  height: number,
  body: string,
  alt?: string,
): string {
  const name = alt === undefined ? '' : `<title>${escapeMarkup(title)}</title>`;
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  const pad = 16;
  const box = `${-pad} ${-pad} ${w + 2 * pad} ${h + 2 * pad}`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" width="${w + 2 * pad}" ` +
    `height="${h + 2 * pad}" role="img" aria-label="${escapeMarkup(alt ?? title)}" ` +
    `font-family="${FONT}" font-size="13" fill="${COLORS.ink}">${name}` +
    `<rect x="${-pad}" y="${-pad}" width="100%" height="100%" fill="${COLORS.paper}"/>` +
    `${body}</svg>\n`
  );
}

export function group(x: number, y: number, body: string): string {
  return `<g transform="translate(${round(x)},${round(y)})">${body}</g>`;
}

export function text(
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
export function textWidth(content: string, fontSize = 13): number {
  return content.length * fontSize * 0.6;
}

/** The words in lines that fit; a word that fits no line is shortened. */
export function fittingLines(content: string, width: number, fontSize: number): string[] {
  return breakText(content, width, fontSize).map((line) => shortened(line, width, fontSize));
}

/** As much of a text as fits, with an ellipsis for what does not. */
export function shortened(content: string, width: number, fontSize: number): string {
  if (textWidth(content, fontSize) <= width + 0.01) return content;
  const room = Math.floor(width / textWidth('x', fontSize)) - 1;
  return `${content.slice(0, Math.max(room, 1)).trimEnd()}…`;
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
export function fittingTicks(labels: readonly string[], width: number): string[] {
  const room = Math.max(...labels.map((label) => textWidth(label, 12))) + 8;
  const every = Math.max(Math.ceil((labels.length * room) / width), 1);
  return labels.filter((_, i) => i % every === 0);
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
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
