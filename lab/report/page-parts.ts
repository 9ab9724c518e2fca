/** What pages of reports are made of, whatever they report. */
import { COLORS, PALETTE, SHADES } from './colors.ts';
import { escapeMarkup } from './plot-parts.ts';

export function definitions(pairs: readonly (readonly [string, string])[]): string {
  if (pairs.length === 0) return '';
  const items = pairs.map(
    ([name, value]) => `<div><dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd></div>`,
  );
  return `<dl>${items.join('')}</dl>`;
}

export function list(items: readonly string[]): string {
  if (items.length === 0) return '';
  return `<ul>${items.map((item) => `<li>${escapeMarkup(item)}</li>`).join('')}</ul>`;
}

/** Text between two pairs of asterisks stands out. */
export function marked(text: string): string {
  return text
    .split('**')
    .map((part, i) => (i % 2 === 1 ? `<strong>${escapeMarkup(part)}</strong>` : escapeMarkup(part)))
    .join('');
}

/** What the colours of pictures become on a dark page, where their text is light. */
const DARK: Readonly<Record<string, string>> = {
  [COLORS.paper]: '#16191d',
  [COLORS.ink]: '#e8eaed',
  [COLORS.quiet]: '#a3abb5',
  [COLORS.grid]: '#2c3138',
  [COLORS.axis]: '#6b7480',
  [COLORS.outage]: '#ff5a6e',
  [PALETTE[0]]: '#4aa3e0',
  [PALETTE[1]]: '#f0803c',
  [PALETTE[2]]: '#2fc197',
  [PALETTE[3]]: '#dd93bb',
  [PALETTE[4]]: '#f2b632',
  [PALETTE[5]]: '#7fc9f2',
  [PALETTE[6]]: '#b8bec6',
  [PALETTE[7]]: '#d6cb3e',
  [SHADES[0]]: '#a0490c',
  [SHADES[1]]: '#7a3d14',
  [SHADES[2]]: '#4d3220',
  [SHADES[3]]: '#2f3337',
  [SHADES[4]]: '#1f3a50',
  [SHADES[5]]: '#205075',
  [SHADES[6]]: '#2a6ca1',
};

/** Of the colours that a dark page replaces, those with which one of the pictures draws. */
export function colorsIn(pictures: readonly string[]): string[] {
  return Object.keys(DARK).filter((light) => pictures.some((one) => one.includes(`"${light}"`)));
}

/**
 * On a dark page the plots' explicit colours give way to ones that stand out there. `filled` is the
 * selector of what is filled with a colour, within `within`.
 */
export function darkPlots(
  colors: readonly string[],
  within: string,
  filled: (light: string) => string,
): string {
  const rules = colors.flatMap((light) => [
    `${filled(light)}{fill:${DARK[light]}}`,
    `${within} [stroke="${light}"]{stroke:${DARK[light]}}`,
  ]);
  return `@media screen and (prefers-color-scheme:dark){${rules.join('')}}\n`;
}
