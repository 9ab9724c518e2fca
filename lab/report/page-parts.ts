/** What pages of reports are made of, whatever they report. */
import { COLORS, escapeMarkup, PALETTE } from './plot.ts';

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

/** What the colours of plots become on a dark page. */
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
  [PALETTE[6]]: '#b8bec6',
};

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
