/**
 * What changed between two results: cells matched by their factors, and for each metric Welch's 95
 * % interval of the difference. A difference counts as one only when that interval excludes zero.
 */
import type { NumericMetric } from '../experiment.ts';
import type { Factors, ResultDocument } from '../results.ts';
import {
  type Cell,
  cellsOf,
  differenceInterval,
  factorNames,
  factorsKey,
  mean,
  metricSamples,
  variedFactors,
} from './stats.ts';
import {
  type Column,
  factorLabel,
  factorsText,
  factorText,
  failedRows,
  milliseconds,
  NOTHING,
  shortMs,
  shortNumber,
  textTable,
  wrap,
} from './table.ts';

const COMPARED = ['committedOpsPerSecond', 'latencyMsP50', 'latencyMsP99'] as const;

const NAMES: Readonly<Record<(typeof COMPARED)[number], string>> = {
  committedOpsPerSecond: 'ops/s',
  latencyMsP50: 'p50',
  latencyMsP99: 'p99',
};

/** `no clear change` also stands where there are too few trials to say. */
export type Verdict = 'higher' | 'lower' | 'no clear change';

/** One metric of one cell, before and after. */
export type MetricChange = {
  factors: Factors;
  metric: (typeof COMPARED)[number];
  before: number | null;
  after: number | null;
  /** After over before; null where that cannot be said. */
  ratio: number | null;
  /** The 95 % interval of after minus before; null with fewer than two trials on a side. */
  low: number | null;
  high: number | null;
  verdict: Verdict;
};

/** A cell whose audit came out differently; a side is `ok` or what did not hold. */
export type AuditChange = { factors: Factors; before: string; after: string };

export type Comparison = {
  before: string;
  after: string;
  /** Factors that vary between the compared cells: what names a cell in the text. */
  varied: readonly string[];
  cells: number;
  /** What changed first, the largest ratio first; then all else. */
  changes: readonly MetricChange[];
  audits: readonly AuditChange[];
  onlyBefore: readonly Factors[];
  onlyAfter: readonly Factors[];
  /** Factors of one side that the other does not have. */
  factorsOnlyBefore: readonly string[];
  factorsOnlyAfter: readonly string[];
};

/** Compares two results cell by cell. */
export function compareResults(before: ResultDocument, after: ResultDocument): Comparison {
  const [namesBefore, namesAfter] = [factorNames(before), factorNames(after)];
  const shared = namesBefore.filter((name) => namesAfter.includes(name));
  const left = uniqueCells(before, shared);
  const right = uniqueCells(after, shared);
  const matched = [...left.unique].flatMap(([key, a]): [Cell, Cell][] => {
    const b = right.unique.get(key);
    return b === undefined ? [] : [[a, b]];
  });
  const changes = matched.flatMap(([a, b]) => COMPARED.map((metric) => changeOf(a, b, metric)));
  return {
    before: before.experiment,
    after: after.experiment,
    varied: [...new Set([...variedFactors(before), ...variedFactors(after)])],
    cells: matched.length,
    changes: changes
      .map((change, i) => ({ change, i }))
      .sort((a, b) => weight(b.change) - weight(a.change) || a.i - b.i)
      .map(({ change }) => change),
    audits: matched.flatMap(([a, b]) => auditChange(a, b)),
    onlyBefore: unmatched(left, right.unique),
    onlyAfter: unmatched(right, left.unique),
    factorsOnlyBefore: namesBefore.filter((name) => !namesAfter.includes(name)),
    factorsOnlyAfter: namesAfter.filter((name) => !namesBefore.includes(name)),
  };
}

/** The comparison as text of at most `columns` characters a line: a summary, then a table. */
export function comparisonText(comparison: Comparison, columns: number): string {
  const paragraphs = [summary(comparison), ...auditLines(comparison), ...sideLines(comparison)];
  const lines = paragraphs.flatMap((text) => wrap(text, columns, '  '));
  if (comparison.changes.length > 0) {
    lines.push('', ...textTable(changeColumns(comparison), columns));
  }
  return lines.join('\n');
}

type CellsByKey = { unique: Map<string, Cell>; ambiguous: Cell[] };

/**
 * The cells of a side by the factors that both sides have. Where a factor of this side alone
 * varies, several cells share a key, and none of them is the other side's counterpart.
 */
function uniqueCells(result: ResultDocument, shared: readonly string[]): CellsByKey {
  const groups = new Map<string, Cell[]>();
  for (const cell of cellsOf(result)) {
    const key = factorsKey(cell.factors, shared);
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  const found: CellsByKey = { unique: new Map(), ambiguous: [] };
  for (const [key, cells] of groups) {
    const [first] = cells;
    if (cells.length === 1 && first !== undefined) found.unique.set(key, first);
    else found.ambiguous.push(...cells);
  }
  return found;
}

function unmatched(side: CellsByKey, other: ReadonlyMap<string, Cell>): Factors[] {
  const alone = [...side.unique].filter(([key]) => !other.has(key)).map(([, cell]) => cell);
  return [...alone, ...side.ambiguous].map((cell) => cell.factors);
}

function changeOf(a: Cell, b: Cell, metric: MetricChange['metric']): MetricChange {
  const [samplesA, samplesB] = [samples(a, metric), samples(b, metric)];
  const [before, after] = [mean(samplesA), mean(samplesB)];
  const { low, high } = differenceInterval(samplesA, samplesB);
  const ratio = before === null || after === null || before === 0 ? null : after / before;
  const verdict: Verdict =
    low === null || high === null || (low <= 0 && high >= 0)
      ? 'no clear change'
      : low > 0
        ? 'higher'
        : 'lower';
  return { factors: a.factors, metric, before, after, ratio, low, high, verdict };
}

function samples(cell: Cell, metric: NumericMetric): number[] {
  return metricSamples(cell.rows, metric);
}

/** Changed before unchanged, then by how far the ratio lies from one, either way. */
function weight(change: MetricChange): number {
  const { ratio } = change;
  const size = ratio === null || ratio <= 0 ? 1 : Math.min(Math.abs(Math.log(ratio)) / 100, 1);
  return change.verdict === 'no clear change' ? (ratio === null ? -1 : 0) : 1 + size;
}

function auditChange(a: Cell, b: Cell): AuditChange[] {
  const verdict = (cell: Cell): string => {
    const failed = failedRows(cell.rows);
    const [first] = failed;
    if (first === undefined) return 'ok';
    return `${failed.length} of ${cell.rows.length} trials failed: ${first.audit}`;
  };
  const [before, after] = [verdict(a), verdict(b)];
  return before === after ? [] : [{ factors: a.factors, before, after }];
}

function summary(comparison: Comparison): string {
  const { changes, cells } = comparison;
  if (cells === 0) return 'The two results share no cell; nothing could be compared.';
  const parts = COMPARED.map((metric) => {
    const of = changes.filter((change) => change.metric === metric);
    const count = (verdict: Verdict): number =>
      of.filter((change) => change.verdict === verdict).length;
    const [higher, lower] = [count('higher'), count('lower')];
    if (higher + lower === 0) return `${NAMES[metric]} shows no clear change`;
    return `${NAMES[metric]} is higher in ${higher} and lower in ${lower}`;
  });
  const tested = changes.filter((change) => change.low !== null).length;
  const expected = tested * 0.05;
  const chance =
    tested === 0
      ? 'With fewer than two trials a cell on a side, no interval can be given.'
      : `Of ${tested} differences tested at 95 %, chance alone would show about ` +
        `${expected < 1 ? 'none' : Math.round(expected)} as changed.`;
  return `${cells === 1 ? 'One cell' : `${cells} cells`} compared: ${parts.join('; ')}. ${chance}`;
}

function auditLines(comparison: Comparison): string[] {
  return comparison.audits.map(({ factors, before, after }) => {
    const where = factorsText(factors, comparison.varied);
    return `AUDIT CHANGED${where && ` (${where})`}: before ${before}; after ${after}`;
  });
}

function sideLines(comparison: Comparison): string[] {
  const { factorsOnlyBefore, factorsOnlyAfter, onlyBefore, onlyAfter, varied } = comparison;
  const factors = (side: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`Factors only ${side}: ${names.map(factorLabel).join(', ')}.`];
  const cells = (side: string, all: readonly Factors[]): string[] => {
    const names = varied.filter((name) => all.some((each) => each[name] !== undefined));
    return all.map((each) => `Cell only ${side}: ${factorsText(each, names) || 'the only one'}`);
  };
  return [
    ...factors('before', factorsOnlyBefore),
    ...factors('after', factorsOnlyAfter),
    ...cells('before', onlyBefore),
    ...cells('after', onlyAfter),
  ];
}

function changeColumns(comparison: Comparison): Column[] {
  const { changes, varied } = comparison;
  const value = (change: MetricChange, side: 'before' | 'after'): string =>
    change.metric === 'committedOpsPerSecond'
      ? shortNumber(change[side])
      : milliseconds(change[side]);
  const range = ({ metric, low, high }: MetricChange): string => {
    if (low === null || high === null) return 'too few trials';
    const write = metric === 'committedOpsPerSecond' ? shortNumber : shortMs;
    const signed = (bound: number): string => (bound > 0 ? '+' : '') + write(bound);
    return `${signed(low)} … ${signed(high)}`;
  };
  const factors = varied
    .filter((name) => changes.some((change) => change.factors[name] !== undefined))
    .map((name) => ({
      head: factorLabel(name),
      cells: changes.map((change) => factorText(name, change.factors[name])),
    }));
  const ratio = (change: MetricChange): string =>
    change.ratio === null ? NOTHING : `×${change.ratio.toFixed(change.ratio < 0.1 ? 3 : 2)}`;
  return [
    ...factors,
    { head: 'metric', cells: changes.map((change) => NAMES[change.metric]), left: true },
    { head: 'before', cells: changes.map((change) => value(change, 'before')), drop: 2 },
    { head: 'after', cells: changes.map((change) => value(change, 'after')), drop: 1 },
    { head: 'ratio', cells: changes.map(ratio) },
    { head: '95 % interval', cells: changes.map(range), drop: 3 },
    { head: 'change', cells: changes.map((change) => change.verdict), left: true },
  ];
}
