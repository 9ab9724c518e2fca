/** What pictures that need no plotting library are drawn with: rounded numbers and text. */
import { COLORS, escapeMarkup } from './plot.ts';

export const FONT =
  "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** A tenth of a pixel is as fine as anyone sees. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export type TextStyle = {
  readonly fill?: string;
  readonly size?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly bold?: boolean;
  /** A rim in the colour of the paper, for text that lines may cross. */
  readonly halo?: boolean;
};

export function svgText(x: number, y: number, content: string, style: TextStyle = {}): string {
  const attributes = [
    `x="${round(x)}" y="${round(y)}"`,
    `fill="${style.fill ?? COLORS.ink}"`,
    style.size === undefined ? '' : `font-size="${style.size}"`,
    style.anchor === undefined ? '' : `text-anchor="${style.anchor}"`,
    style.bold ? 'font-weight="600"' : '',
    style.halo ? `stroke="${COLORS.paper}" stroke-width="3.5" paint-order="stroke"` : '',
  ];
  const written = attributes.filter((attribute) => attribute !== '').join(' ');
  return `<text ${written}>${escapeMarkup(content)}</text>`;
}

/** A generous guess: the reader's font is not known here, and too much room does not overlap. */
export function textWidth(content: string, size: number): number {
  return content.length * size * 0.58;
}

/** The words in lines that fit; a single word that does not fit has a line of its own. */
export function textLines(content: string, width: number, size: number): string[] {
  const lines: string[] = [];
  for (const word of content.split(' ')) {
    const last = lines.at(-1);
    const longer = last === undefined ? word : `${last} ${word}`;
    if (last === undefined || textWidth(longer, size) > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
