/** The pictures of the study. */
import { type ChartPanel, type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { quantile } from '../../lab/report/stats.ts';
import { milliseconds } from '../../lab/report/table.ts';
import { cdfPoints } from '../../lab/statistics/distance.ts';
import { expectedCurve } from './expected.ts';
import { ascending, find, medianMs, pooled, type Result } from './numbers.ts';
import { AFTER_RETURN_MS, BEFORE_RETURN_MS, type How } from './setup.ts';

/** Of the moments around the return, writes within so many milliseconds are one point. */
const BIN_MS = 10;
const CDF_POINTS = 80;
const RETURNS: readonly { readonly how: How; readonly title: string }[] = [
  { how: 'crash', title: 'Crashed' },
  { how: 'pause', title: 'Paused' },
  { how: 'slow-disk', title: 'Slow disk' },
  { how: 'slow-link', title: 'Slow link' },
];

export function figuresOf(results: readonly Result[]): Figure[] {
  return [...latencyFigure(results), ...returnFigure(results)];
}

/** By number of servers, one curve for each number that failed, in the first way there is. */
function latencyFigure(results: readonly Result[]): Figure[] {
  const shown = results.filter((result, i) => {
    const { failed, nodes } = result.cell;
    const first = results.findIndex(({ cell }) => cell.nodes === nodes && cell.failed === failed);
    return first === i && result.samples.length > 0;
  });
  const sizes = [...new Set(shown.map(({ cell }) => cell.nodes))];
  if (sizes.length === 0) return [];
  const panels = sizes.map((nodes): ChartPanel => {
    const own = shown.filter(({ cell }) => cell.nodes === nodes);
    return { title: `${nodes} servers`, series: own.flatMap(latencySeries) };
  });
  const told = shown.map((result) => {
    const { failed, nodes } = result.cell;
    return `${milliseconds(medianMs(result))} with ${failed} of ${nodes} failed`;
  });
  const spec = {
    title: 'Latency of a write, by the number of followers that failed',
    alt:
      'Cumulative distributions of the latency of writes for each size of cluster, further to ' +
      `the right with every follower that fails; medians ${told.join(', ')}.`,
    x: { label: 'milliseconds until the write was acknowledged' },
    y: { label: 'share of writes', domain: [0, 1] as const },
    panels,
  };
  const caption =
    'Steps are measured; dashes are what the order of the answers alone makes of the ranges of ' +
    'links and disks.';
  return [chartFigure(spec, 'latency.svg', caption)];
}

function latencySeries({ cell, samples }: Result): ChartSeries[] {
  const { failed, nodes } = cell;
  const color = PALETTE[failed % PALETTE.length] ?? PALETTE[0];
  const latencies = pooled(samples, ({ latenciesMs }) => latenciesMs);
  return [
    { label: `${failed} failed`, color, kind: 'steps', points: cdfPoints(latencies, CDF_POINTS) },
    {
      label: `${failed} failed, expected`,
      color,
      kind: 'dashes',
      points: expectedCurve(nodes, failed),
    },
  ];
}

/** Of five servers two, or what comes next to it, and what writes take before and after. */
function returnFigure(results: readonly Result[]): Figure[] {
  const [size] = [5, 3, 7].filter((nodes) => results.some(({ cell }) => cell.nodes === nodes));
  const nodes = size ?? results.at(-1)?.cell.nodes ?? 0;
  const failed = Math.max(
    0,
    ...results.flatMap(({ cell }) => (cell.nodes === nodes ? [cell.failed] : [])),
  );
  const panels = RETURNS.flatMap(({ how, title }): ChartPanel[] => {
    const result = find(results, nodes, how, failed);
    if (result === undefined || result.samples.length === 0) return [];
    return [{ title, series: returnSeries(result) }];
  });
  if (panels.length === 0) return [];
  const peaks = panels.map(({ series, title }) => {
    const longest = Math.max(...series.flatMap(({ points }) => points.map(({ y }) => y)));
    return `${title.toLowerCase()} ${milliseconds(longest)}`;
  });
  const spec = {
    title: `Writes around the return of ${failed} of ${nodes} servers`,
    alt:
      'Median and longest latency of writes against the time since the failed servers are back, ' +
      `in bins of ${BIN_MS} ms; the longest of all: ${peaks.join(', ')}.`,
    x: {
      label: 'milliseconds since they are back',
      domain: [-BEFORE_RETURN_MS, AFTER_RETURN_MS] as const,
    },
    y: { label: 'milliseconds a write takes', scale: 'log' as const },
    panels,
  };
  const caption = `All trials together; a point is what was called within ${BIN_MS} ms.`;
  return [chartFigure(spec, 'return.svg', caption)];
}

function returnSeries({ samples }: Result): ChartSeries[] {
  const bins = new Map<number, number[]>();
  for (const { atMs, tookMs } of samples.flatMap(({ aroundReturn }) => aroundReturn)) {
    const bin = Math.floor(atMs / BIN_MS);
    bins.set(bin, [...(bins.get(bin) ?? []), tookMs]);
  }
  const points = [...bins]
    .sort(([a], [b]) => a - b)
    .map(([bin, took]) => ({ x: (bin + 0.5) * BIN_MS, took: ascending(took) }));
  const at = (share: number) =>
    points.map(({ took, x }) => ({ x, y: quantile(took, share) ?? Number.NaN }));
  return [
    { label: 'median', color: PALETTE[0], kind: 'line', points: at(0.5) },
    { label: 'longest', color: PALETTE[1], kind: 'line', points: at(1) },
  ];
}
