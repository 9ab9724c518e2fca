/**
 * A matrix as a picture: rows and columns of cells whose colour says how good it was and whose text
 * says what was measured. Where the columns do not fit side by side, they go on in a block below.
 */
import { COLORS, SHADES } from './colors.ts';
import type { Figure } from './content.ts';
import { type MatrixPlan, matrixPlan } from './matrix-plan.ts';
import {
  BOLD,
  emptyPlot,
  escapeMarkup,
  fittingLines,
  group,
  heading,
  type PlotLayout,
  round,
  shortened,
  svg,
  text,
  textWidth,
  WIDTHS,
} from './plot-parts.ts';

export type MatrixCell = {
  readonly text: string;
  /** 0 is bad, 1 is good; null: nothing was measured. */
  readonly shade: number | null;
};

export type Matrix = {
  readonly title: string;
  /** What it shows, for those who do not see it. */
  readonly alt: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly label: string; readonly cells: readonly MatrixCell[] }[];
  /** What the ends of the colour scale stand for. */
  readonly scale: readonly [bad: string, good: string];
  readonly rowsTitle?: string;
  readonly columnsTitle?: string;
};

/** Both layouts, for a report. */
export function matrixFigure(spec: Matrix, file: string, caption: string): Figure {
  const { alt, title } = spec;
  return { title, file, svg: matrix(spec, 'wide'), narrow: matrix(spec, 'narrow'), alt, caption };
}

/** A matrix as a standalone SVG document. */
export function matrix(spec: Matrix, layout: PlotLayout): string {
  if (spec.rows.length === 0 || spec.columns.length === 0) {
    return emptyPlot(spec.title, 'Nothing was measured.', layout, spec.alt);
  }
  const plan = matrixPlan(spec, WIDTHS[layout], layout);
  const head = heading(spec.title, WIDTHS[layout]);
  const scale = scaleKey(spec, WIDTHS[layout]);
  let y = head.height + scale.height;
  let body = head.body + group(0, head.height, scale.body);
  for (let first = 0; first < spec.columns.length; first += plan.columns) {
    const block = blockOf(spec, plan, first);
    body += group(0, y, block.body);
    y += block.height + BLOCK_GAP;
  }
  return svg(spec.title, WIDTHS[layout], y - BLOCK_GAP, body, spec.alt);
}

const BLOCK_GAP = 22;
const LINE = 17;
const SWATCH = { width: 22, height: 13 } as const;

/** The shades from bad to good with words at both ends; on two lines where they do not fit. */
function scaleKey(spec: Matrix, width: number): { body: string; height: number } {
  const [bad, good] = spec.scale;
  const shades = SHADES.map((shade, i) => swatch(i * SWATCH.width, shade)).join('');
  const ramp = SHADES.length * SWATCH.width;
  const start = textWidth(bad) + 8;
  const length = start + ramp + 8 + textWidth(good);
  const missing = spec.rows.some(({ cells }) => cells.some((cell) => isMissing(cell)));
  const none = swatch(0, null) + text(SWATCH.width + 8, 0, 'not measured', COLORS.quiet);
  const noneWidth = SWATCH.width + 8 + textWidth('not measured');
  if (length > width) return tallScaleKey(spec, width, missing ? none : '');
  const line = text(0, 0, bad) + group(start, 0, shades) + text(start + ramp + 8, 0, good);
  if (!missing) return { body: line, height: 26 };
  const fits = length + 28 + noneWidth <= width;
  const at = fits ? group(length + 28, 0, none) : group(0, 22, none);
  return { body: line + at, height: fits ? 26 : 48 };
}

function tallScaleKey(
  { scale }: Matrix,
  width: number,
  none: string,
): { body: string; height: number } {
  const room = width - SWATCH.width - 8;
  let y = 0;
  let body = '';
  scale.forEach((words, end) => {
    body += group(0, y, swatch(0, end === 0 ? SHADES[0] : (SHADES[SHADES.length - 1] ?? null)));
    for (const line of fittingLines(words, room, 13)) {
      body += text(SWATCH.width + 8, y, line);
      y += LINE;
    }
    y += 4;
  });
  if (none === '') return { body, height: y + 6 };
  return { body: body + group(0, y, none), height: y + 27 };
}

/** A cell without a text is none: nothing could be measured there. */
function isMissing({ shade, text: words }: MatrixCell): boolean {
  return shade === null && words !== '';
}

function swatch(x: number, shade: string | null): string {
  return cellRect(x, 1 - SWATCH.height, SWATCH.width - 1, SWATCH.height, shade);
}

/** Without a shade: an outline, since no shade must look like one. */
function cellRect(
  x: number,
  y: number,
  width: number,
  height: number,
  shade: string | null,
): string {
  const inset = shade === null ? 0.5 : 0;
  const look =
    shade === null
      ? `fill="none" stroke="${COLORS.axis}" stroke-dasharray="2 3"`
      : `fill="${shade}"`;
  return (
    `<rect x="${round(x + inset)}" y="${round(y + inset)}" width="${round(width - 2 * inset)}" ` +
    `height="${round(height - 2 * inset)}" rx="3" ${look}/>`
  );
}

/** Some of the columns with all rows. */
function blockOf(spec: Matrix, plan: MatrixPlan, first: number): { body: string; height: number } {
  const columns = spec.columns.slice(first, first + plan.columns);
  const headHeight = plan.headHeight(columns);
  const heads = columns.map((label, i) => columnHead(label, plan, i, headHeight)).join('');
  let y = plan.titleHeight + headHeight;
  const rows = spec.rows.map((row, i) => {
    const lines = plan.rowLines[i] ?? [];
    const above = plan.stacked ? lines.length * 15 + 12 : 0;
    const height = plan.stacked ? 28 : Math.max(30, lines.length * 15 + 10);
    const cells = columns.map((_, n) => cellOf(row.cells[first + n], plan, n, height)).join('');
    const label = rowLabel(lines, plan.stacked ? above + 4 : height);
    const at = group(0, y, label + group(0, above, cells));
    y += above + height;
    return at;
  });
  const titles = blockTitles(plan, headHeight);
  return { body: titles + group(0, plan.titleHeight, heads) + rows.join(''), height: y };
}

function blockTitles(plan: MatrixPlan, headHeight: number): string {
  const columns = plan.columnsTitle.map((line, i) =>
    text(plan.left, 13 + i * LINE, line, COLORS.quiet),
  );
  const bottom = plan.titleHeight + headHeight - 8 - (plan.rowsTitle.length - 1) * LINE;
  const rows = plan.rowsTitle.map((line, i) => text(0, bottom + i * LINE, line, COLORS.quiet));
  return columns.join('') + rows.join('');
}

function columnHead(label: string, plan: MatrixPlan, i: number, height: number): string {
  const middle = plan.left + (i + 0.5) * plan.cellWidth;
  const bottom = height - 8;
  const size = `font-size="${plan.headSize}"`;
  if (plan.slanted) {
    const shown = shortened(label, plan.slantLength, plan.headSize);
    const at = `translate(${round(middle + 4)},${round(bottom + 2)}) rotate(-45)`;
    const full = shown === label ? '' : `<title>${escapeMarkup(label)}</title>`;
    return `<g transform="${at}">${full}${text(0, 0, shown, COLORS.ink, size)}</g>`;
  }
  const lines = fittingLines(label, plan.cellWidth - 4, plan.headSize);
  const top = bottom - (lines.length - 1) * 15;
  return lines
    .map((line, n) => text(middle, top + n * 15, line, COLORS.ink, `${size} text-anchor="middle"`))
    .join('');
}

function rowLabel(lines: readonly string[], height: number): string {
  const top = height / 2 + 4 - ((lines.length - 1) * 15) / 2;
  return lines.map((line, i) => text(0, top + i * 15, line)).join('');
}

function cellOf(cell: MatrixCell | undefined, plan: MatrixPlan, i: number, height: number): string {
  const { shade = null, text: words = '' } = cell ?? {};
  if (shade === null && words === '') return '';
  const x = plan.left + i * plan.cellWidth;
  const rect = cellRect(x + 1, 1, plan.cellWidth - 2, height - 2, shadeOf(shade));
  const shown = shortened(words, plan.cellWidth - 4, plan.fontSize);
  const weight = shade === null ? '' : ` ${BOLD}`;
  const look = `font-size="${plan.fontSize}" text-anchor="middle"${weight}`;
  const fill = shade === null ? COLORS.quiet : COLORS.ink;
  return rect + text(x + plan.cellWidth / 2, height / 2 + 4, shown, fill, look);
}

function shadeOf(shade: number | null): string | null {
  if (shade === null || !Number.isFinite(shade)) return null;
  const within = Math.min(Math.max(shade, 0), 1);
  return SHADES[Math.round(within * (SHADES.length - 1))] ?? null;
}
