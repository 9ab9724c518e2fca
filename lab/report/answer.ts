/** What a sweep answers to its question, a sentence from its data, and what else stands out. */

import type { Experiment, PlotSpec } from '../experiment.ts';
import type { ResultDocument, Timeline } from '../results.ts';
import { metricName, outagesOf, timelineRow } from './plot.ts';
import { type Cell, factorValues, type Interval, metricInterval } from './stats.ts';
import {
  exactNumber,
  factorLabel,
  factorsText,
  factorText,
  meanAndHalf,
  milliseconds,
  percent,
  shortNumber,
} from './table.ts';

/** Text in which `**…**` marks what matters; nothing else in it is markup. */
export type Marked = string;

type Lines = Extract<PlotSpec, { kind: 'lines' }>;

/** The first plot is what the question is about: over time, of latency, or of throughput. */
export function answerOf(
  cells: readonly Cell[],
  names: readonly string[],
  experiment: Experiment,
  result: ResultDocument,
): { answer: Marked; headline: Marked[] } {
  const fastest = fastestOf(cells);
  if (fastest === undefined) {
    return { answer: 'No operation was committed in any trial.', headline: [] };
  }
  const speed = speedOf(fastest, cells, names);
  const [first] = experiment.plots;
  const lines = experiment.plots.find((spec) => spec.kind === 'lines');
  const cost = lines === undefined ? '' : costOf(cells, fastest, lines.lines, result);
  const outage = outageOf(result);
  if (first?.kind === 'timeline' && outage !== '') {
    return { answer: sentence(outage), headline: [speed, cost].filter(Boolean).map(sentence) };
  }
  const growth = first?.kind === 'lines' ? growthOf(cells, fastest, first, result) : '';
  if (growth !== '') {
    const headline = [speed, cost, outage].filter(Boolean).map(sentence);
    return { answer: sentence(growth), headline };
  }
  const answer = cost === '' ? speed : `${speed}; ${cost}`;
  return { answer: sentence(answer), headline: outage === '' ? [] : [sentence(outage)] };
}

function sentence(clause: Marked): Marked {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`;
}

/** A single node replicates nothing, so clusters speak first where there are any. */
function fastestOf(cells: readonly Cell[]): Cell | undefined {
  const clusters = cells.filter((cell) => Number(cell.factors.nodes ?? 0) > 1);
  return [...(clusters.length > 0 ? clusters : cells)]
    .filter((cell) => throughputOf(cell) > 0)
    .sort((a, b) => throughputOf(b) - throughputOf(a))[0];
}

function throughputOf(cell: Cell): number {
  return metricInterval(cell, 'committedOpsPerSecond').mean ?? 0;
}

function speedOf(fastest: Cell, cells: readonly Cell[], names: readonly string[]): Marked {
  const where = factorsText(fastest.factors, names);
  const subject = cells.length === 1 ? 'the cluster' : 'the fastest cluster';
  const p50 = metricInterval(fastest, 'latencyMsP50').mean;
  const p99 = metricInterval(fastest, 'latencyMsP99').mean;
  return (
    `${subject}${where && ` (${where})`} commits **${withHalf(
      metricInterval(fastest, 'committedOpsPerSecond'),
    )}** operations per second at a latency of **${milliseconds(p50)}** (p50) and ` +
    `**${milliseconds(p99)}** (p99)`
  );
}

/** What the factor that the plots draw as lines costs the fastest cell. */
function costOf(
  cells: readonly Cell[],
  fastest: Cell,
  lines: string,
  result: ResultDocument,
): Marked {
  const ends = endsOf(cells, fastest, lines, result);
  if (ends === undefined) return '';
  const [from, to] = ends.cells.map(throughputOf);
  if (from === undefined || to === undefined || from === 0 || to === 0) return '';
  return (
    `as ${ends.change} there, throughput goes from ` +
    `${shortNumber(from)} to **${shortNumber(to)}** operations per second, ` +
    `**${percent(Number((to / from).toPrecision(2)))}** of it`
  );
}

/** How latency grows along the fastest cell's line, where the plot is of latencies. */
function growthOf(
  cells: readonly Cell[],
  fastest: Cell,
  { x, y, lines }: Lines,
  result: ResultDocument,
): Marked {
  const latencies = y.filter((metric) => metric.startsWith('latencyMs'));
  const ends = latencies.length < y.length ? undefined : endsOf(cells, fastest, x, result);
  if (ends === undefined) return '';
  const changes = latencies.map((metric) => {
    const [from, to] = ends.cells.map((cell) => milliseconds(metricInterval(cell, metric).mean));
    const name = metricName(metric).replace('Latency ', '');
    return `from **${from}** to **${to}** (${name})`;
  });
  const where = factorsText(fastest.factors, [lines]);
  return `with ${where}, as ${ends.change}, latency goes ${changes.join(' and ')}`;
}

/** The cell with a factor's first value and the one with its last, all else as in a given one. */
function endsOf(
  cells: readonly Cell[],
  given: Cell,
  factor: string,
  result: ResultDocument,
): { change: string; cells: readonly [Cell, Cell] } | undefined {
  const values = factorValues(result, factor);
  const at = (value: (typeof values)[number] | undefined): Cell | undefined =>
    cells.find((cell) =>
      Object.keys(given.factors).every((name) =>
        name === factor
          ? (cell.factors[name] ?? null) === value
          : cell.factors[name] === given.factors[name],
      ),
    );
  const [first, last] = [at(values[0]), at(values.at(-1))];
  if (first === undefined || last === undefined || first === last) return undefined;
  const [low, high] = [values[0], values.at(-1)].map((value) => factorText(factor, value));
  return { change: `${factorLabel(factor)} goes from ${low} to ${high}`, cells: [first, last] };
}

/** How long nothing completed in the run whose time line is drawn, in all and at the longest. */
function outageOf(result: ResultDocument): Marked {
  const timeline = timelineRow(result)?.timeline;
  if (timeline === undefined || timeline.points.length === 0) return '';
  const outages = outagesOf(timeline);
  const lengths = outages.map((outage) => outage.toMs - outage.fromMs);
  const longest = outages[lengths.indexOf(Math.max(...lengths))];
  if (longest === undefined) {
    return `in the run that is drawn, every ${timeline.bucketMs} ms saw operations complete`;
  }
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return (
    `in the run that is drawn, no operation completed for **${exactNumber(total)} ms** in all; ` +
    `the longest stretch, **${exactNumber(longest.toMs - longest.fromMs)} ms**, began ` +
    `${(longest.fromMs / 1000).toFixed(2)} s into it${faultAt(timeline, longest.fromMs)}`
  );
}

/** The fault that began last before a moment and was in force then. */
function faultAt(timeline: Timeline, atMs: number): string {
  const band = timeline.bands
    .filter((each) => each.fromMs - timeline.bucketMs <= atMs && atMs < each.toMs)
    .sort((a, b) => b.fromMs - a.fromMs)[0];
  if (band === undefined) return '';
  const nodes = band.nodes.join(', ');
  return `, under the ${band.kind}${nodes === '' ? '' : ` of ${nodes}`}`;
}

function withHalf(of: Interval): string {
  const [text, half] = meanAndHalf(of, shortNumber);
  return half === '' || half === undefined ? `${text}` : `${text} ± ${half}`;
}
