/** Where the parts of a matrix stand, so that every text has room. */
import type { Matrix } from './matrix.ts';
import { fittingLines, type PlotLayout, textWidth } from './plot-parts.ts';

export type MatrixPlan = {
  /** Of one block. */
  readonly columns: number;
  /** What the labels of the rows take; nothing if they stand above their cells. */
  readonly left: number;
  readonly stacked: boolean;
  readonly cellWidth: number;
  /** Of the heads of the columns, and of the cells. */
  readonly headSize: number;
  readonly fontSize: number;
  readonly titleHeight: number;
  /** Of a block with these heads. */
  readonly headHeight: (heads: readonly string[]) => number;
  /** Whether the heads of the columns are slanted, and how long they may then be. */
  readonly slanted: boolean;
  readonly slantLength: number;
  readonly columnsTitle: readonly string[];
  readonly rowsTitle: readonly string[];
  readonly rowLines: readonly (readonly string[])[];
};

const LINE = 17;
const CELL_SIZE = 12;
const CELL_WIDTH_MAX = 132;
/** Slanted heads take at most this, and are no use if they get less than the other. */
const SLANT_LENGTH_MAX = 230;
const SLANT_LENGTH_MIN = 130;
const DIAGONAL = Math.SQRT1_2;
/** Bold letters are wider. */
const BOLDER = 1.12;
/** Between the labels of the rows and the cells. */
const GAP = 12;

type Columns = Pick<
  MatrixPlan,
  'columns' | 'cellWidth' | 'headSize' | 'fontSize' | 'slanted' | 'slantLength'
>;

export function matrixPlan(spec: Matrix, width: number, layout: PlotLayout): MatrixPlan {
  const wanted = labelWidth(spec);
  // Where labels would take the room of the cells, they stand above them.
  const stacked = layout === 'narrow' && wanted > width / 4;
  const left = stacked ? 0 : Math.min(wanted, width * 0.28) + GAP;
  const columns = columnsOf(spec, width - left, layout);
  const linesOf = (words: string, room: number): string[] =>
    words === '' ? [] : fittingLines(words, room, 13);
  const titles = stacked ? [spec.rowsTitle, spec.columnsTitle] : [spec.columnsTitle];
  const columnsTitle = linesOf(titles.filter((each) => each).join(' × '), width - left);
  const rowsTitle = stacked ? [] : linesOf(spec.rowsTitle ?? '', left - GAP);
  return {
    ...columns,
    left,
    stacked,
    titleHeight: columnsTitle.length * LINE + (columnsTitle.length > 0 ? 6 : 0),
    headHeight: (heads) => Math.max(headHeightOf(heads, columns), rowsTitle.length * LINE + 8),
    columnsTitle,
    rowsTitle,
    rowLines: spec.rows.map(({ label }) => linesOf(label, stacked ? width : left - GAP)),
  };
}

function labelWidth({ rows, rowsTitle = '' }: Matrix): number {
  const words = rowsTitle.split(' ').map((word) => textWidth(word));
  return Math.max(...rows.map(({ label }) => textWidth(label)), ...words);
}

/** Straight heads in one block, else slanted ones, else blocks of columns with straight heads. */
function columnsOf({ columns: heads, rows }: Matrix, room: number, layout: PlotLayout): Columns {
  const headSize = layout === 'wide' ? 12 : 10.5;
  const texts = rows.flatMap(({ cells }) => cells.map(({ text }) => text.length));
  const cellOf = (fontSize: number): number =>
    Math.min(textWidth('x'.repeat(Math.max(...texts, 3)), fontSize) * BOLDER + 8, room);
  const words = heads.flatMap((head) => head.split(' '));
  const word = Math.max(...words.map((each) => textWidth(each, headSize)));
  const straight = Math.max(cellOf(CELL_SIZE), Math.min(word + 6, room / 2));
  const count = heads.length;
  const look = { headSize, fontSize: CELL_SIZE, slanted: false, slantLength: 0 };
  if (count * straight <= room) {
    const cellWidth = Math.min(room / count, Math.max(CELL_WIDTH_MAX, straight));
    return { ...look, columns: count, cellWidth };
  }
  const longest = Math.max(...heads.map((head) => textWidth(head, headSize)));
  // The last head leans out over the end of the last column.
  const inside = count - 0.5;
  const spare = (room - cellOf(CELL_SIZE - 1) * inside) / DIAGONAL;
  const slantLength = Math.min(longest, SLANT_LENGTH_MAX, spare);
  if (layout === 'wide' && slantLength >= Math.min(longest, SLANT_LENGTH_MIN)) {
    const cellWidth = (room - slantLength * DIAGONAL) / inside;
    const fontSize = cellWidth >= cellOf(CELL_SIZE) ? CELL_SIZE : CELL_SIZE - 1;
    return { columns: count, cellWidth, headSize, fontSize, slanted: true, slantLength };
  }
  const blocks = Math.ceil(count / Math.max(Math.floor(room / straight), 1));
  const columns = Math.ceil(count / blocks);
  const wide = Math.min(room / columns, Math.max(CELL_WIDTH_MAX, straight));
  return { ...look, columns, cellWidth: wide };
}

function headHeightOf(heads: readonly string[], columns: Columns): number {
  if (columns.slanted) return columns.slantLength * DIAGONAL + 18;
  const lines = heads.map(
    (head) => fittingLines(head, columns.cellWidth - 4, columns.headSize).length,
  );
  return Math.max(...lines) * 15 + 8;
}
