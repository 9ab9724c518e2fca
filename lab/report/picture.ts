/** The frame of a picture, and what its axes need. */
import { COLORS, escapeMarkup } from './plot.ts';
import { FONT, round, svgText } from './svg.ts';

export const WIDTH = 920;
export const SIZE = 13;
const PAD = 16;

/** From a value to pixels. */
export type Scale = (value: number) => number;

export function picture(title: string, height: number, body: string): string {
  const box = `${-PAD} ${-PAD} ${WIDTH + 2 * PAD} ${round(height) + 2 * PAD}`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" width="${WIDTH + 2 * PAD}" ` +
    `height="${round(height) + 2 * PAD}" role="img" aria-label="${escapeMarkup(title)}" ` +
    `font-family="${FONT}" font-size="${SIZE}" fill="${COLORS.ink}">` +
    `<rect x="${-PAD}" y="${-PAD}" width="100%" height="100%" fill="${COLORS.paper}"/>` +
    `${body}</svg>\n`
  );
}

export function axisText(
  x: number,
  y: number,
  text: string,
  anchor: 'start' | 'middle' | 'end' = 'middle',
): string {
  return svgText(x, y, text, { fill: COLORS.quiet, anchor, size: 12 });
}

/** A step of 1, 2 or 5 times a power of ten that divides the range into at most `count` parts. */
export function niceStep(range: number, count: number): number {
  const least = range / count;
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((each) => each * power >= least * 0.9999) ?? 10;
  return factor * power;
}
