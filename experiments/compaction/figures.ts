/** The pictures of the study. */
import { type ChartPanel, type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { milliseconds, shortNumber } from '../../lab/report/table.ts';
import { howOftenText, mostOf, type Result, stateText, throughputOf } from './numbers.ts';
import { MEASURED_MS, NEVER } from './setup.ts';

const STATE_COLORS = [PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[3]] as const;

export function figuresOf(results: readonly Result[]): Figure[] {
  const shown = results.filter(({ samples }) => samples.length > 0);
  if (shown.length === 0) return [];
  return [...throughputFigure(shown), ...timelineFigure(shown)];
}

function throughputFigure(results: readonly Result[]): Figure[] {
  const distances = distancesOf(results);
  if (distances.length === 0) return [];
  const storages = [...new Set(results.map(({ cell }) => cell.storage))];
  const panels = storages.map((storage): ChartPanel => {
    const own = results.filter(({ cell }) => cell.storage === storage);
    const states = [...new Set(own.map(({ cell }) => cell.keys))];
    return {
      title: storage,
      series: states.flatMap((keys, i) =>
        throughputSeries(
          own.filter(({ cell }) => cell.keys === keys),
          STATE_COLORS[i % STATE_COLORS.length] ?? PALETTE[0],
          distances,
        ),
      ),
    };
  });
  const told = results.map((result) => {
    const { cell } = result;
    const operations = shortNumber(throughputOf(result).mean);
    return `${operations} with ${stateText(cell)}, ${howOftenText(cell)}`;
  });
  const spec = {
    title: 'Writes a second, by the entries between two snapshots',
    alt: `Throughput against how often the log is compacted: ${told.join('; ')}.`,
    x: { label: 'entries between two snapshots', scale: 'log' as const, ticks: distances },
    y: {
      label: 'writes a second',
      domain: [0, 1.1 * Math.max(...results.map(mostOperations))] as const,
    },
    panels,
  };
  const caption =
    'Means over trials with Student’s 95 % interval; dashes: the log is never compacted.';
  return [chartFigure(spec, 'throughput.svg', caption)];
}

function mostOperations(result: Result): number {
  const { high, mean } = throughputOf(result);
  return high ?? mean ?? 0;
}

function distancesOf(results: readonly Result[]): number[] {
  const all = results.map(({ cell }) => cell.snapshotEntries).filter((each) => each !== NEVER);
  return [...new Set(all)].sort((a, b) => a - b);
}

function throughputSeries(
  results: readonly Result[],
  color: string,
  distances: readonly number[],
): ChartSeries[] {
  const [first] = results;
  if (first === undefined) return [];
  const label = `a state of ${stateText(first.cell)}`;
  const points = results.flatMap((result) => {
    const { high, low, mean } = throughputOf(result);
    const x = result.cell.snapshotEntries;
    if (mean === null || x === NEVER) return [];
    return [
      { x, y: mean, ...(low === null || high === null ? {} : { low: Math.max(low, 0), high }) },
    ];
  });
  const never = results.find(({ cell }) => cell.snapshotEntries === NEVER);
  const level = never === undefined ? null : throughputOf(never).mean;
  const measured: ChartSeries = { label, color, kind: 'line', points };
  if (level === null) return [measured];
  const [least, most] = [distances[0] ?? 1, distances.at(-1) ?? 1];
  // Dashes need a way to go, even where but one distance was run.
  const reach = least === most ? [least / 2, most * 2] : [least, most];
  const ends = reach.map((x) => ({ x, y: level }));
  return [measured, { label: `${label}, never compacted`, color, kind: 'dashes', points: ends }];
}

/** The first trial of each cell of the largest state, and the snapshots of its leader. */
function timelineFigure(results: readonly Result[]): Figure[] {
  const storage = results[0]?.cell.storage;
  const keys = Math.max(...results.map(({ cell }) => cell.keys));
  const shown = results.filter(({ cell }) => cell.keys === keys && cell.storage === storage);
  const all = shown.flatMap(({ samples }) => samples[0]?.timeline ?? []);
  const lowest = Math.min(...all.flatMap(({ p99 }) => p99 ?? []));
  if (!Number.isFinite(lowest)) return [];
  const panels = shown.map(({ cell, samples }): ChartPanel => {
    const [sample] = samples;
    const points = (sample?.timeline ?? []).flatMap(({ atMs, p99 }) =>
      p99 === null ? [] : [{ x: atMs, y: p99 }],
    );
    const title = cell.snapshotEntries === NEVER ? 'never' : howOftenText(cell);
    const taken = (sample?.taken ?? []).map(({ fromMs, toMs }, i): ChartSeries => {
      const ends = [fromMs, toMs].map((x) => ({ x, y: lowest * (i % 2 === 0 ? 0.7 : 0.6) }));
      return {
        label: 'the leader takes a snapshot',
        color: PALETTE[1],
        kind: 'dashes',
        points: ends,
      };
    });
    return {
      title,
      series: [{ label: 'p99 of 50 ms', color: PALETTE[0], kind: 'line', points }, ...taken],
    };
  });
  const peaks = panels.map(({ series, title }) => {
    const longest = Math.max(...(series[0]?.points ?? []).map(({ y }) => y));
    return `compacted ${title} ${milliseconds(longest)}`;
  });
  const spec = {
    title: `Latency while the log is compacted, a state of ${stateText({ keys })}`,
    alt:
      'The 99th percentile of the latency of writes every 50 ms of a run, and when its leader ' +
      `took snapshots; the highest: ${peaks.join(', ')}.`,
    x: { label: 'milliseconds of the run', domain: [0, MEASURED_MS] as const },
    y: { label: 'milliseconds', scale: 'log' as const },
    panels,
  };
  const { max } = mostOf(
    shown.flatMap(({ samples }) => samples),
    ({ snapshotMs }) => snapshotMs,
  );
  const caption =
    'The first trial of each; where nothing ended within 50 ms there is no point. The longest ' +
    `snapshot of all trials took ${milliseconds(max)}.`;
  return [chartFigure(spec, 'timeline.svg', caption)];
}
