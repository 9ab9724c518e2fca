/** Where the texts of a picture stand, with a guess at their widths, to find those that collide. */
import { parseHTML } from 'linkedom';

export type PlacedText = {
  readonly content: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly slanted: boolean;
};

/** Of an element, what is looked at here. */
type Markup = {
  readonly parentElement: Markup | null;
  getAttribute(name: string): string | null;
};

type Look = { x: number; y: number; size: number; anchor: string; slanted: boolean };

/** As wide as letters of usual fonts are on average. */
const LETTER = 0.56;

export function textsOf(svg: string): PlacedText[] {
  const { document } = parseHTML(svg);
  return [...document.querySelectorAll('text')]
    .filter((element) => (element.textContent ?? '') !== '')
    .map((element) => placed(element.textContent ?? '', lookOf(element)));
}

function lookOf(element: Markup): Look {
  const look = { x: 0, y: 0, size: 0, anchor: '', slanted: false };
  let at: Markup | null = element;
  look.x = Number(element.getAttribute('x') ?? 0);
  const y = element.getAttribute('y') ?? '0';
  look.y = y.endsWith('em') ? Number.parseFloat(y) * 12 : Number(y);
  while (at !== null) {
    const transform: string = at.getAttribute('transform') ?? '';
    const [, dx = '0', dy = '0'] = /translate\(([-\d.]+),([-\d.]+)\)/.exec(transform) ?? [];
    look.x += Number(dx);
    look.y += Number(dy);
    look.slanted ||= transform.includes('rotate');
    look.size ||= Number(at.getAttribute('font-size') ?? 0);
    look.anchor ||= at.getAttribute('text-anchor') ?? '';
    at = at.parentElement;
  }
  return look;
}

function placed(content: string, { anchor, size, slanted, x, y }: Look): PlacedText {
  const width = content.length * size * LETTER;
  const along = slanted ? width * Math.SQRT1_2 : width;
  const left = anchor === 'middle' ? x - along / 2 : anchor === 'end' ? x - along : x;
  const top = y - size * 0.75 - (slanted ? along : 0);
  return { content, left, right: left + along, top, bottom: y + size * 0.1, slanted };
}

/** Texts that leave the picture. */
export function strays(svg: string): string[] {
  const [left = 0, top = 0, width = 0, height = 0] = (/viewBox="([^"]*)"/.exec(svg)?.[1] ?? '')
    .split(' ')
    .map(Number);
  return textsOf(svg)
    .filter(
      (text) =>
        text.left < left ||
        text.right > left + width ||
        text.top < top ||
        text.bottom > top + height,
    )
    .map(({ content }) => content);
}

/** Pairs of texts that lie on one another. */
export function overlaps(svg: string): string[] {
  const texts = textsOf(svg).filter(({ slanted }) => !slanted);
  return texts.flatMap((a, i) =>
    texts
      .slice(i + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      .map((b) => `${a.content} | ${b.content}`),
  );
}
