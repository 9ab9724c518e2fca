/**
 * Results as text: numbers the way a person reads them, and a table that fits the terminal.
 * Reports, plots and `compare` write their numbers through here, so that a value looks alike
 * everywhere.
 */
import type { Experiment } from '../experiment.ts';
import type { Factors, FactorValue, ResultDocument, Row } from '../results.ts';
import { FACTORS, isFactorName } from '../sweep/factors.ts';
import {
  type Cell,
  cellsOf,
  factorNames,
  halfWidth,
  type Interval,
  metricInterval,
  metricTotal,
  variedFactors,
} from './stats.ts';

/** What stands where there is no number. */
export const NOTHING = '–';

/** A column of a text table; a column with a `drop` may be left out, the highest first. */
export type Column = { head: string; cells: readonly string[]; left?: boolean; drop?: number };

const SCALES: readonly (readonly [number, string])[] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** Factors that are probabilities or shares, and read best in per cent. */
const FRACTIONS = new Set(['loss', 'duplicate', 'reorder', 'correlation', 'corrupt', 'readRatio']);

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/Ms$/, ' ms'],
  [/Us$/, ' µs'],
  [/S$/, ' s'],
  [/Bytes$/, ' B'],
  [/^bandwidth$/, ' B/s'],
  [/^rate$/, '/s'],
];

/** A number in three significant digits: `312k`, `1.24M`, `98.3`, `0.052`; counts stay whole. */
export function shortNumber(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return NOTHING;
  const [size, suffix] = scaleOf(value);
  if (size === 1 && Number.isInteger(value)) return String(value);
  return fixed(value / size, decimalsOf(value / size)) + suffix;
}

/** A whole number in short where that loses nothing (`100k`), else in full (`65536`). */
export function exactNumber(value: number): string {
  if (!Number.isFinite(value)) return NOTHING;
  const [size, suffix] = scaleOf(value);
  const scaled = String(value / size);
  return scaled.length <= 4 ? scaled + suffix : String(value);
}

/** Milliseconds in three significant digits, without the unit: `1.24`, `0.082`, `1240`. */
export function shortMs(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return NOTHING;
  return fixed(value, decimalsOf(value));
}

/** Milliseconds with their unit: `1.24 ms`. */
export function milliseconds(value: number | null): string {
  const text = shortMs(value);
  return text === NOTHING ? text : `${text} ms`;
}

/** A share in per cent: `5 %`, `0.1 %`, `12.3 %`. */
export function percent(fraction: number | null): string {
  if (fraction === null || !Number.isFinite(fraction)) return NOTHING;
  return `${Number((fraction * 100).toPrecision(3))} %`;
}

/** A measured share in per cent to one decimal, so that shares stand below each other: `5.0 %`. */
export function sharePercent(fraction: number | null): string {
  if (fraction === null || !Number.isFinite(fraction)) return NOTHING;
  if (fraction === 0) return '0 %';
  if (fraction > 0 && fraction < 0.0005) return '<0.1 %';
  return `${(fraction * 100).toFixed(1)} %`;
}

/**
 * Mean and half interval to the same decimals: `['312k', '4k']`; the half is '' without interval.
 */
export function meanAndHalf(of: Interval, write: (value: number | null) => string): string[] {
  const half = halfWidth(of);
  const text = write(of.mean);
  if (of.mean === null || half === null) return [text, ''];
  const [size, suffix] = write === shortNumber ? scaleOf(of.mean) : [1, ''];
  const decimals = decimalsOf(of.mean / size);
  const halfText = fixed(half / size, decimals);
  // A spread below the last digit shown: one digit says more than zero.
  if (Number(halfText) === 0 && half > 0)
    return [text, `<${fixed(10 ** -decimals, decimals)}${suffix}`];
  return [text, halfText + suffix];
}

/** A factor's name as words, its unit left to the value: `delayMs` is `delay`. */
export function factorLabel(name: string): string {
  if (name.endsWith('Bytes')) return factorLabel(name.replace(/Bytes$/, 'Size'));
  const bare = UNITS.reduce((text, [unit]) => text.replace(unit, '') || text, name);
  return bare.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
}

/** A factor's value with its unit: `5 %`, `20 ms`, `on`, `100k`, `never`. */
export function factorText(name: string, value: FactorValue | undefined): string {
  if (value === undefined) return 'none';
  if (value === null) return (isFactorName(name) ? FACTORS[name].unset : undefined) ?? 'none';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (name.endsWith('EveryS') && value === 0) return 'never';
  if (typeof value === 'number' && FRACTIONS.has(name)) return percent(value);
  const unit = UNITS.find(([ending]) => ending.test(name))?.[1] ?? '';
  return (typeof value === 'number' ? exactNumber(value) : value) + unit;
}

/** A combination of factors in one line: `nodes 3 · loss 5 %`. */
export function factorsText(factors: Factors, names: readonly string[]): string {
  return names.map((name) => `${factorLabel(name)} ${factorText(name, factors[name])}`).join(' · ');
}

/** The factors worth a column: those that vary, and always the number of nodes, which leads. */
export function shownFactors(result: ResultDocument, experiment: Experiment): string[] {
  const varied = variedFactors(result, Object.keys(experiment.vary));
  const nodes = factorNames(result).includes('nodes') ? ['nodes'] : [];
  return [...new Set([...nodes, ...varied])];
}

/** The share of messages that the network dropped, over all trials of a cell. */
export function droppedShare(cell: Cell): number | null {
  const sent = metricTotal(cell, 'messagesSent');
  return sent === 0 ? null : metricTotal(cell, 'messagesDropped') / sent;
}

/** The trials whose audit did not hold. */
export function failedRows(rows: readonly Row[]): Row[] {
  return rows.filter((row) => row.audit !== 'ok');
}

/**
 * The result as a table of one line per cell, at most `columns` wide: what matters least is left
 * out until it fits. Trials that failed their audit are listed below with what did not hold.
 */
export function terminalTable(
  result: ResultDocument,
  experiment: Experiment,
  columns: number,
): string {
  const names = shownFactors(result, experiment);
  const cells = cellsOf(result, names);
  if (cells.length === 0) return wrap('No trials were completed.', columns, '').join('\n');
  const lines = textTable([...factorColumns(cells, names), ...metricColumns(cells)], columns);
  for (const row of failedRows(result.rows)) {
    const where = factorsText(row.factors, names);
    const text = `FAILED  ${where} · trial ${row.trial} (seed ${row.seed}): ${row.audit}`;
    lines.push(...wrap(text, columns, '        '));
  }
  return lines.join('\n');
}

/** Aligned lines of at most `columns` characters; optional columns go until they fit. */
export function textTable(all: readonly Column[], columns: number): string[] {
  const gap = 2;
  let kept = [...all];
  const width = (column: Column): number =>
    Math.max(column.head.length, ...column.cells.map((cell) => cell.length));
  const total = (): number => kept.reduce((sum, column) => sum + width(column) + gap, -gap);
  while (total() > columns) {
    const drop = Math.max(...kept.map((column) => column.drop ?? 0));
    if (drop <= 0) break;
    kept = kept.filter((column) => (column.drop ?? 0) < drop);
  }
  const line = (text: (column: Column) => string): string =>
    clip(
      kept
        .map((column) => {
          const size = width(column);
          return column.left ? text(column).padEnd(size) : text(column).padStart(size);
        })
        .join(' '.repeat(gap))
        .trimEnd(),
      columns,
    );
  const count = kept[0]?.cells.length ?? 0;
  const rule = '─'.repeat(Math.min(Math.max(total(), 0), columns));
  const body = Array.from({ length: count }, (_, i) => line((column) => column.cells[i] ?? ''));
  return [line((column) => column.head), rule, ...body];
}

/** Breaks a text at spaces into lines of at most `columns`; later lines start with `indent`. */
export function wrap(text: string, columns: number, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+(?=\S)/)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= columns || line.trim() === '') line = longer;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line].map((each) => clip(each, columns));
}

/** The last factors go first, and the number of nodes never. */
function factorColumns(cells: readonly Cell[], names: readonly string[]): Column[] {
  return names.map((name, i) => {
    const column = {
      head: factorLabel(name),
      cells: cells.map((cell) => factorText(name, cell.factors[name])),
    };
    return name === 'nodes' ? column : { ...column, drop: 1 + i / names.length };
  });
}

function metricColumns(cells: readonly Cell[]): Column[] {
  const total = (metric: Parameters<typeof metricTotal>[1]): string[] =>
    cells.map((cell) => exactNumber(metricTotal(cell, metric)));
  const ms = (metric: 'latencyMsP50' | 'latencyMsP99'): string[] =>
    cells.map((cell) => milliseconds(metricInterval(cell, metric).mean));
  const throughput = cells.map((cell) =>
    meanAndHalf(metricInterval(cell, 'committedOpsPerSecond'), shortNumber),
  );
  const failed = cells.map((cell) => failedRows(cell.rows).length);
  const audits = cells.map((cell, i) =>
    !failed[i] ? 'ok' : cell.rows.length > 1 ? `FAILED ${failed[i]}/${cell.rows.length}` : 'FAILED',
  );
  return [
    { head: 'ops/s', cells: throughput.map(([center]) => center ?? '') },
    { head: '±', cells: throughput.map(([, half]) => half || NOTHING), drop: 5 },
    { head: 'p50', cells: ms('latencyMsP50'), drop: 3 },
    { head: 'p99', cells: ms('latencyMsP99'), drop: 4 },
    { head: 'dropped', cells: cells.map((cell) => sharePercent(droppedShare(cell))), drop: 8 },
    { head: 'changes', cells: total('leaderChanges'), drop: 7 },
    { head: 'failed', cells: total('failed'), drop: 10 },
    { head: 'unknown', cells: total('unknown'), drop: 9 },
    { head: 'lost', cells: total('acknowledgedWritesLost'), drop: 6 },
    { head: 'audit', cells: audits, left: true },
  ];
}

function clip(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(columns - 1, 0))}…`;
}

/** The scale at which a number has one to three digits before the point, after rounding. */
function scaleOf(value: number): readonly [number, string] {
  const rounded = Math.abs(Number(value.toPrecision(3)));
  return SCALES.find(([size]) => rounded >= size) ?? [1, ''];
}

/** Decimals that leave three significant digits; two below 0.1, where digits get long. */
function decimalsOf(value: number): number {
  const size = Math.abs(Number(value.toPrecision(3)));
  if (size === 0 || size >= 100) return 0;
  if (size >= 10) return 1;
  if (size >= 0.1) return 2;
  return Math.min(1 - Math.floor(Math.log10(size)), 6);
}

function fixed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  // A negative number that rounds to zero must not read "-0".
  return Number(text) === 0 ? text.replace('-', '') : text;
}
