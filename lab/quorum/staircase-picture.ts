/** The matrix of the staircases: a row each, a cell for each step, every server in it. */
import { axisText, picture, SIZE, WIDTH } from '../report/picture.ts';
import { COLORS, PALETTE } from '../report/plot.ts';
import { round, svgText, textWidth } from '../report/svg.ts';
import { milliseconds } from '../report/table.ts';
import type { StaircaseResult, StaircaseStep } from './staircase.ts';

export const SERVED_COLOR = PALETTE[2];
export const WRITER_COLOR = PALETTE[0];

const HEAD = 78;
const ROW = 62;
const GAP = 3;
const MARK = 4.5;

export function staircasePicture(staircases: readonly StaircaseResult[]): string {
  const title = 'Who serves at each step, by how servers are taken away';
  const label = ({ nodes, way }: StaircaseResult): string => `${nodes} servers, ${way}`;
  const left = Math.max(0, ...staircases.map((each) => textWidth(label(each), SIZE))) + 8;
  const columns = Math.max(1, ...staircases.map(({ steps }) => steps.length));
  const width = (WIDTH - left) / columns;
  const rows = staircases.map((staircase, i) => {
    const y = HEAD + i * ROW;
    const cells = staircase.steps.map((step, column) =>
      cellOf(step, left + column * width, y, width - GAP),
    );
    return svgText(0, y + ROW / 2, label(staircase)) + cells.join('');
  });
  const bottom = HEAD + staircases.length * ROW;
  return picture(
    title,
    bottom + 24,
    [
      svgText(0, 14, title, { bold: true, size: 15 }),
      keyOf(),
      ...rows,
      axisText(left, bottom + 16, 'one step after the other →', 'start'),
    ].join(''),
  );
}

function keyOf(): string {
  const items: readonly (readonly [string, (x: number, y: number) => string])[] = [
    ['acknowledged a write, and served a read', writerMark],
    ['served a linearizable read', readerMark],
    ['runs and serves neither', idleMark],
    ['is stopped', stoppedMark],
    ['stands still', pausedMark],
  ];
  let x = 6;
  let y = 36;
  return items
    .map(([text, mark]) => {
      const needed = 26 + textWidth(text, 12);
      if (x + needed > WIDTH) {
        x = 6;
        y += 20;
      }
      const at = x;
      x += needed;
      return mark(at, y) + svgText(at + 12, y + 4, text, { size: 12, fill: COLORS.quiet });
    })
    .join('');
}

function cellOf(step: StaircaseStep, x: number, y: number, width: number): string {
  const { expectedServed, failure, standings, up, writeAfterMs, writer } = step;
  const served = writer !== null;
  const color = failure !== '' ? COLORS.outage : served ? SERVED_COLOR : COLORS.quiet;
  const strokeWidth = failure === '' ? 1 : 3;
  const middle = x + width / 2;
  const pitch = Math.min(15, (width - 6) / standings.length);
  const marks = standings.map((standing, i) => {
    const at = middle + (i - (standings.length - 1) / 2) * pitch;
    const id = `node${i + 1}`;
    if (standing === 'stopped') return stoppedMark(at, y + 12);
    if (standing === 'paused') return pausedMark(at, y + 12);
    if (id === writer) return writerMark(at, y + 12);
    return step.readers.includes(id) ? readerMark(at, y + 12) : idleMark(at, y + 12);
  });
  const said = served ? milliseconds(writeAfterMs) : expectedServed ? 'nothing' : 'not served';
  const wrong = failure === '' ? '' : `<title>${escapeTitle(failure)}</title>`;
  return (
    `<g>${wrong}<rect x="${round(x)}" y="${y}" width="${round(width)}" height="${ROW - GAP - 3}" ` +
    `rx="4" fill="${color}" fill-opacity="${served ? 0.16 : 0.08}" stroke="${color}" ` +
    `stroke-width="${strokeWidth}"/>${marks.join('')}` +
    svgText(middle, y + 33, `${up} up`, { size: 12, anchor: 'middle' }) +
    svgText(middle, y + 48, said, { size: 11, anchor: 'middle', fill: COLORS.quiet }) +
    '</g>'
  );
}

function escapeTitle(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
}

function writerMark(x: number, y: number): string {
  const size = 2 * MARK;
  return (
    `<rect x="${round(x - MARK)}" y="${round(y - MARK)}" width="${size}" height="${size}" ` +
    `fill="${WRITER_COLOR}"/>`
  );
}

function readerMark(x: number, y: number): string {
  return `<circle cx="${round(x)}" cy="${round(y)}" r="${MARK}" fill="${SERVED_COLOR}"/>`;
}

function idleMark(x: number, y: number): string {
  return (
    `<circle cx="${round(x)}" cy="${round(y)}" r="${MARK - 0.75}" fill="none" ` +
    `stroke="${COLORS.quiet}" stroke-width="1.5"/>`
  );
}

function stoppedMark(x: number, y: number): string {
  const r = MARK - 1;
  return path(
    `M${round(x - r)},${round(y - r)}L${round(x + r)},${round(y + r)}` +
      `M${round(x - r)},${round(y + r)}L${round(x + r)},${round(y - r)}`,
  );
}

function pausedMark(x: number, y: number): string {
  const [r, half] = [2, MARK];
  const bar = (at: number): string => `M${round(at)},${round(y - half)}v${2 * half}`;
  return path(bar(x - r) + bar(x + r));
}

function path(d: string): string {
  return `<path d="${d}" stroke="${COLORS.quiet}" stroke-width="1.75" fill="none"/>`;
}
