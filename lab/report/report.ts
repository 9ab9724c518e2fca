/**
 * The report of an experiment: what it says is put together here once, as data, and written as
 * Markdown, as a self-contained page, and as pictures beside the result's own JSON.
 */

import type { Experiment, PlotSpec } from '../experiment.ts';
import { describeFault, type Fault, type FaultAction } from '../faults.ts';
import type { Manifest, ResultDocument, Row } from '../results.ts';
import { answerOf, type Marked } from './answer.ts';
import { reportHtml } from './html.ts';
import { reportMarkdown } from './markdown.ts';
import { metricName, renderPlot, timelineRow } from './plot.ts';
import {
  type Cell,
  cellsOf,
  factorNames,
  factorValues,
  type Interval,
  metricInterval,
  metricTotal,
} from './stats.ts';
import {
  droppedShare,
  exactNumber,
  factorLabel,
  factorsText,
  factorText,
  failedRows,
  meanAndHalf,
  sharePercent,
  shortMs,
  shortNumber,
  shownFactors,
} from './table.ts';
import { writeWhole } from './write-whole.ts';

export { terminalTable } from './table.ts';

export type ReportFigure = { file: string; title: string; caption: string; spec: PlotSpec };

/** A table cell: a value and, for means, what stands after the ±; `bar` is 0 … 1 of the largest. */
export type ReportValue = { text: string; half?: string; bar?: number; failed?: boolean };

/** Everything a report says, in the order in which it says it. */
export type ReportContent = {
  name: string;
  question: string;
  /** What is missing of the sweep, in phrases; comes before all that is said of the rest. */
  incomplete: readonly string[];
  audit: { state: 'passed' | 'failed' | 'none'; sentence: string; failures: readonly string[] };
  /** The question's, in one sentence, taken from the data; the index of all results quotes it. */
  answer: Marked;
  /** What else stands out. */
  headline: readonly Marked[];
  setup: readonly (readonly [string, string])[];
  /** Factors that were left at one value nobody asked about. */
  constants: readonly (readonly [string, string])[];
  figures: readonly ReportFigure[];
  table: { heads: readonly string[]; factorCount: number; rows: readonly ReportValue[][] };
  tableNote: string;
  caveats: readonly string[];
  provenance: readonly (readonly [string, string])[];
  command: string;
};

/**
 * Writes `report.md`, `report.html`, one SVG per plot, `results.json` and `manifest.json` into
 * `directory`, each whole or not at all, and returns the path of `report.html`. The page comes
 * last, so that whoever sees a new one finds all else in place.
 */
export async function writeReport(
  directory: string,
  name: string,
  experiment: Experiment,
  result: ResultDocument,
  manifest: Manifest,
): Promise<string> {
  const content = reportContent(name, experiment, result, manifest);
  await writeWhole(directory, 'results.json', resultsJson(result));
  await writeWhole(directory, 'manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
  for (const figure of content.figures) {
    await writeWhole(directory, `${figure.file}.svg`, renderPlot(figure.spec, result));
  }
  await writeWhole(directory, 'report.md', reportMarkdown(content));
  return writeWhole(directory, 'report.html', reportHtml(content, result));
}

/** The result as JSON with a line for each row, so that a change to one cell is one to one line. */
export function resultsJson(result: ResultDocument): string {
  const { rows, ...head } = result;
  const fields = Object.entries(head).map(
    ([name, value]) => `  "${name}": ${JSON.stringify(value)}`,
  );
  const lines = rows.map((row) => `\n    ${JSON.stringify(row)}`);
  const end = lines.length > 0 ? '\n  ' : '';
  return `{\n${fields.join(',\n')},\n  "rows": [${lines.join(',')}${end}]\n}\n`;
}

/** What the report says. */
export function reportContent(
  name: string,
  experiment: Experiment,
  result: ResultDocument,
  manifest: Manifest,
): ReportContent {
  const names = shownFactors(result, experiment);
  const cells = cellsOf(result, names);
  return {
    name,
    question: experiment.question,
    incomplete: incompleteOf(result),
    audit: auditOf(result.rows, names),
    ...answerOf(cells, names, experiment, result),
    setup: setupOf(experiment, result, cells),
    constants: constantsOf(experiment, result),
    figures: experiment.plots.map((spec) => ({
      file: spec.file,
      title: spec.title,
      caption: captionOf(spec, result, cells),
      spec,
    })),
    table: tableOf(cells, names),
    tableNote: tableNote(cells),
    caveats: experiment.caveats,
    provenance: provenanceOf(manifest),
    command: manifest.command,
  };
}

function incompleteOf({ missing = [], part }: ResultDocument): string[] {
  if (part === undefined || part.of === 1) return [...missing];
  const { index, of, plan } = part;
  return [`this is part ${index} of ${of} of the sweep (plan ${plan.digest}) alone`, ...missing];
}

function auditOf(rows: readonly Row[], names: readonly string[]): ReportContent['audit'] {
  const failed = failedRows(rows);
  if (rows.length === 0) {
    return {
      state: 'none',
      sentence: 'No trials were completed, so none was audited.',
      failures: [],
    };
  }
  if (failed.length === 0) {
    const all = rows.length === 1 ? 'The one trial' : `All ${rows.length} trials`;
    const sentence =
      `${all} passed the audit: no acknowledged write was lost, ` +
      'none was applied twice, and all replicas ended equal.';
    return { state: 'passed', sentence: `${sentence}${countedOf(rows)}`, failures: [] };
  }
  return {
    state: 'failed',
    sentence: `${failed.length} of ${rows.length} trials failed the audit.`,
    failures: failed.map(
      (row) =>
        `${factorsText(row.factors, names)} · trial ${row.trial} (seed ${row.seed}): ${row.audit}`,
    ),
  };
}

/** How many trials were audited without all of their log, if any were. */
function countedOf(rows: readonly Row[]): string {
  const counted = rows.filter(({ auditedBy }) => auditedBy === 'counts').length;
  if (counted === 0) return '';
  const which = counted === rows.length ? 'All' : `${counted}`;
  return (
    ` ${which} of them had compacted logs: there writes were counted for each client, not looked ` +
    'for one by one.'
  );
}

function setupOf(
  experiment: Experiment,
  result: ResultDocument,
  cells: readonly Cell[],
): [string, string][] {
  const entries: [string, string][] = [];
  for (const name of interestingFactors(experiment, result)) {
    const values = factorValues(result, name).map((value) => factorText(name, value));
    entries.push([factorLabel(name), values.join(', ')]);
  }
  const counts = cells.map((cell) => cell.rows.length);
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  const trials = fewest === most ? String(most) : `${fewest} to ${most}`;
  if (cells.length > 0) entries.push(['trials per cell', trials]);
  entries.push(['measured per trial', `${experiment.durationS} s`]);
  for (const action of experiment.faults ?? []) entries.push(faultEntry(action));
  const machines = { threads: 'worker threads' };
  entries.push(['nodes run as', machines[experiment.host]]);
  return entries;
}

/** Factors that the experiment names, and those that vary although it does not. */
function interestingFactors(experiment: Experiment, result: ResultDocument): string[] {
  const known = factorNames(result);
  const named = [...shownFactors(result, experiment), ...Object.keys(experiment.vary)];
  return [...new Set([...named, ...Object.keys(experiment.fixed)])].filter((name) =>
    known.includes(name),
  );
}

function constantsOf(experiment: Experiment, result: ResultDocument): [string, string][] {
  const interesting = interestingFactors(experiment, result);
  return factorNames(result)
    .filter((name) => !interesting.includes(name))
    .map((name) => [factorLabel(name), factorText(name, factorValues(result, name)[0])]);
}

function faultEntry({ atMs, fault, forMs }: FaultAction): [string, string] {
  const length = forMs === undefined ? '' : `, for ${forMs / 1000} s`;
  return [`fault at ${atMs / 1000} s`, faultText(fault) + length];
}

/** As `describeFault`, with the labels that the report has for factors. */
function faultText(fault: Fault): string {
  if (fault.kind !== 'link') return describeFault(fault);
  const settings = Object.entries(fault.settings).map(
    ([name, value]) =>
      `${factorLabel(name)} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
  );
  return `links ${fault.from} → ${fault.to}: ${settings.join(', ')}`;
}

function captionOf(spec: PlotSpec, result: ResultDocument, cells: readonly Cell[]): string {
  if (spec.kind === 'timeline') return timelineCaption(result);
  const trials = Math.max(0, ...cells.map((cell) => cell.rows.length));
  const points =
    trials > 1
      ? `A point is the mean of ${trials} trials, its bar the 95 % interval.`
      : 'A point is a single trial, so there are no intervals.';
  const metrics = spec.y.map((metric) => metricName(metric).toLowerCase()).join(' and ');
  const look =
    factorValues(result, spec.lines).length > 1
      ? `Follow a line for the effect of ${factorLabel(spec.x)} on ${metrics}; ` +
        `the distance between lines is the effect of ${factorLabel(spec.lines)}.`
      : `Follow the line for the effect of ${factorLabel(spec.x)} on ${metrics}.`;
  const scale =
    spec.scale === 'log'
      ? 'The scale is logarithmic and the same in all panels.'
      : 'Each panel has a scale of its own, from zero.';
  return `${look} ${points} ${scale}`;
}

function timelineCaption(result: ResultDocument): string {
  const row = timelineRow(result);
  if (row?.timeline === undefined) return 'No trial recorded a time line.';
  return (
    `One trial (seed ${row.seed}) in steps of ${row.timeline.bucketMs} ms. Tinted bands are ` +
    'faults in force. Look for the red foot, where no operation completed, and for how soon ' +
    'throughput and latency return after each fault begins and ends.'
  );
}

function tableOf(cells: readonly Cell[], names: readonly string[]): ReportContent['table'] {
  const fastest = Math.max(
    0,
    ...cells.map((cell) => metricInterval(cell, 'committedOpsPerSecond').mean ?? 0),
  );
  const heads = ['operations/s', 'p50, ms', 'p99, ms', 'dropped', 'leader changes'];
  return {
    heads: [...names.map(factorLabel), ...heads, 'failed', 'unknown', 'audit'],
    factorCount: names.length,
    rows: cells.map((cell) => {
      const speed = metricInterval(cell, 'committedOpsPerSecond');
      const failed = failedRows(cell.rows).length;
      return [
        ...names.map((name) => ({ text: factorText(name, cell.factors[name]) })),
        { ...withParts(speed, shortNumber), bar: fastest > 0 ? (speed.mean ?? 0) / fastest : 0 },
        withParts(metricInterval(cell, 'latencyMsP50'), shortMs),
        withParts(metricInterval(cell, 'latencyMsP99'), shortMs),
        { text: sharePercent(droppedShare(cell)) },
        { text: exactNumber(metricTotal(cell, 'leaderChanges')) },
        { text: exactNumber(metricTotal(cell, 'failed')) },
        { text: exactNumber(metricTotal(cell, 'unknown')) },
        failed === 0
          ? { text: 'ok' }
          : { text: `FAILED ${failed}/${cell.rows.length}`, failed: true },
      ];
    }),
  };
}

function tableNote(cells: readonly Cell[]): string {
  const trials = Math.max(0, ...cells.map((cell) => cell.rows.length));
  const means =
    trials > 1
      ? 'Throughput and latency are means over trials ± half the 95 % interval (Student’s t). '
      : '';
  return (
    `${means}Leader changes, failed and unknown operations are totals over the trials of a ` +
    'cell; “dropped” is the share of messages that the network lost.'
  );
}

function provenanceOf(manifest: Manifest): [string, string][] {
  const { machine } = manifest;
  return [
    ['commit', manifest.commit ?? 'not in a repository'],
    ['Node', manifest.nodeVersion],
    [
      'machine',
      `${machine.cpu}, ${machine.cores} cores, ${Math.round(machine.memoryGiB * 10) / 10} GiB, ` +
        `${machine.platform} ${machine.arch}`,
    ],
    ['seed', String(manifest.seed)],
    ['started', manifest.startedAt],
    ['finished', manifest.finishedAt],
  ];
}

function withParts(of: Interval, write: (value: number | null) => string): ReportValue {
  const [text = '', half = ''] = meanAndHalf(of, write);
  return { text, half };
}
