/** The pictures of the study. */
import { type ChartPanel, type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { quantile } from '../../lab/report/stats.ts';
import { milliseconds } from '../../lab/report/table.ts';
import { expectedCatchUpMs } from './expected.ts';
import { ascending, hardest, medianOf, NAMES, type Result } from './numbers.ts';
import { CHANGES, type Change, hasNewcomers } from './setup.ts';

/** Writes called within so many milliseconds are one point. */
const BIN_MS = 50;
const SHOWN_BEFORE_MS = 200;
/** Of what is shown behind the end of the longest change. */
const SHOWN_AFTER_MS = 300;
const COLORS: Readonly<Record<Change, string>> = {
  add: PALETTE[0],
  replace: PALETTE[2],
  'replace-two': PALETTE[1],
  remove: PALETTE[3],
  'remove-leader': PALETTE[4],
};

export function figuresOf(results: readonly Result[]): Figure[] {
  return [...timeFigure(results), ...writesFigure(results)];
}

function timeFigure(results: readonly Result[]): Figure[] {
  const shown = results.filter(({ cell, samples }) => {
    return hasNewcomers(cell.change) && samples.length > 0;
  });
  const rates = [...new Set(shown.map(({ cell }) => cell.megabytesPerSecond))];
  if (rates.length === 0) return [];
  const panels = rates.map((rate): ChartPanel => {
    const own = shown.filter(({ cell }) => cell.megabytesPerSecond === rate);
    const changes = CHANGES.filter((change) => own.some(({ cell }) => cell.change === change));
    return {
      title: `a line of ${rate} MB/s`,
      series: changes.flatMap((change) =>
        timeSeries(
          change,
          own.filter(({ cell }) => cell.change === change),
        ),
      ),
    };
  });
  const told = rates.flatMap((rate) => {
    const own = shown.filter(({ cell }) => cell.megabytesPerSecond === rate);
    const result = hardest(own, 'replace-two') ?? hardest(own, 'add');
    if (result === null) return [];
    const ms = milliseconds(medianOf(result.samples, ({ doneMs }) => doneMs)?.value ?? null);
    return [`to ${NAMES[result.cell.change]} with ${result.cell.stateMb} MB at ${rate} MB/s ${ms}`];
  });
  const spec = {
    title: 'How long a change takes, by the state to be sent',
    alt: `Time until a change is through, rising with the state; it takes ${told.join(', ')}.`,
    x: { label: 'megabytes of state' },
    y: { label: 'milliseconds until the change is through', scale: 'log' as const },
    panels,
  };
  const caption =
    'Medians over trials with their 95 % intervals; dashes are expected from the line, the ' +
    'chunks and the way there and back.';
  return [chartFigure(spec, 'time.svg', caption)];
}

function timeSeries(change: Change, results: readonly Result[]): ChartSeries[] {
  const points = results.flatMap(({ cell, samples }) => {
    const done = medianOf(samples, ({ doneMs }) => doneMs);
    if (done === null) return [];
    return [{ x: cell.stateMb, y: done.value, low: done.low, high: done.high }];
  });
  const expected = results.map(({ cell }) => ({ x: cell.stateMb, y: expectedCatchUpMs(cell) }));
  const color = COLORS[change];
  const measured: ChartSeries = { label: NAMES[change], color, kind: 'line', points };
  // Whoever else is replaced, one that comes takes as long as another.
  if (change === 'replace') return [measured];
  return [
    measured,
    { label: `${NAMES[change]}, expected`, color, kind: 'dashes', points: expected },
  ];
}

function writesFigure(results: readonly Result[]): Figure[] {
  const shown = (['add', 'replace-two', 'remove', 'remove-leader'] as const).flatMap((change) => {
    return hardest(results, change) ?? [];
  });
  if (shown.length === 0) return [];
  const last = Math.max(...shown.flatMap(({ samples }) => samples.map(({ doneMs }) => doneMs)));
  const untilMs = Math.ceil((last + SHOWN_AFTER_MS) / BIN_MS) * BIN_MS;
  const panels = shown.map((result): ChartPanel => {
    const { change, stateMb } = result.cell;
    const state = hasNewcomers(change) ? `, ${stateMb} MB` : '';
    return { title: `${NAMES[change]}${state}`, series: writesSeries(result, untilMs) };
  });
  const peaks = panels.map(({ series, title }) => {
    const longest = Math.max(...series.flatMap(({ points }) => points.map(({ y }) => y)));
    return `${title} ${milliseconds(longest)}`;
  });
  const rate = Math.min(...shown.map(({ cell }) => cell.megabytesPerSecond));
  const spec = {
    title: `What writes take around a change, over a line of ${rate} MB/s`,
    alt:
      'Median and longest latency of writes against the time since the change was asked for, in ' +
      `bins of ${BIN_MS} ms; the longest of all: ${peaks.join(', ')}.`,
    x: {
      label: 'milliseconds since the change was asked for',
      domain: [-SHOWN_BEFORE_MS, untilMs] as const,
    },
    y: { label: 'milliseconds a write takes', scale: 'log' as const },
    panels,
  };
  const caption = `All trials together; a point is what was called within ${BIN_MS} ms.`;
  return [chartFigure(spec, 'writes.svg', caption)];
}

function writesSeries({ samples }: Result, untilMs: number): ChartSeries[] {
  const bins = new Map<number, number[]>();
  for (const { atMs, tookMs } of samples.flatMap(({ writes }) => writes)) {
    if (atMs < -SHOWN_BEFORE_MS || atMs >= untilMs) continue;
    const bin = Math.floor(atMs / BIN_MS);
    const own = bins.get(bin);
    if (own === undefined) bins.set(bin, [tookMs]);
    else own.push(tookMs);
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
