/** Split votes and the time of elections, simulated over the closed formulas. */
import { type Chart, type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { mean } from '../../lab/report/stats.ts';
import { sharePercent, shortNumber } from '../../lab/report/table.ts';
import { bootstrapMean } from '../../lab/statistics/bootstrap.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { expectedElection, splitProbability } from './formula.ts';
import type { Judged } from './judged.ts';
import { type Cell, RANGE_MS } from './trial.ts';

const FORMULA_POINTS = 40;
/** A bootstrap of this many cells: fewer resamples, whose intervals are drawn and not quoted. */
const RESAMPLES = 200;

export function figuresOf(judged: readonly Judged[], seed: number): Figure[] {
  if (judged.length === 0) return [];
  return [splitFigure(judged), timeFigure(judged, seed)];
}

function splitFigure(judged: readonly Judged[]): Figure {
  const most = Math.max(...judged.map(({ result }) => result.cell.latency));
  const latencies = Array.from(
    { length: FORMULA_POINTS + 1 },
    (_, i) => (i * most) / FORMULA_POINTS,
  );
  const chart: Chart = {
    title: 'Split votes by latency',
    alt: altOf(judged),
    x: { label: 'one-way latency over the range of the timeouts' },
    y: { label: 'share of elections split in their first term', domain: [0, 1] },
    panels: panelsOf(judged, (cell) => ({
      formula: latencies.map((latency) => ({
        x: latency,
        y: splitProbability({ ...cell, latency }),
      })),
      measured: judgedOf(judged, cell).map(({ result, splits }) => {
        const { high, low, value } = proportion(splits, result.samples.length);
        return { x: result.cell.latency, y: value, low, high };
      }),
    })),
    columns: 2,
  };
  const caption = 'Lines are the formula of §9.2, dots what was simulated, with 95 % intervals.';
  return chartFigure(chart, 'split-votes.svg', caption);
}

function timeFigure(judged: readonly Judged[], seed: number): Figure {
  const ratios = judged.map(({ result }) => 1 / result.cell.latency);
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  const steps = Array.from({ length: FORMULA_POINTS + 1 }, (_, i) => {
    return least * (most / least) ** (i / FORMULA_POINTS);
  });
  const chart: Chart = {
    title: 'Expected time of an election, by how wide the range of the timeouts is',
    alt: timeAltOf(judged),
    x: {
      label: 'range of the timeouts over one-way latency',
      scale: 'log',
      ticks: ticksOf(ratios),
    },
    y: { label: 'mean time until a server leads, in latencies', scale: 'log' },
    panels: panelsOf(judged, (cell) => ({
      formula: steps.map((ratio) => {
        return { x: ratio, y: expectedElection({ ...cell, latency: 1 / ratio }) * ratio };
      }),
      measured: judgedOf(judged, cell).flatMap(({ result: { cell: own, samples } }) => {
        const ms = samples.map(({ leaderlessMs }) => leaderlessMs);
        const average = bootstrapMean(ms, seed, RESAMPLES);
        if (average === null) return [];
        const inLatencies = (value: number): number => value / (own.latency * RANGE_MS);
        const [low, high] = [inLatencies(average.low), inLatencies(average.high)];
        return [{ x: 1 / own.latency, y: inLatencies(average.value), low, high }];
      }),
    })),
    columns: 2,
  };
  const caption =
    'Lines are the formula of §9.3 without the old leader’s heartbeat and without disks, dots ' +
    'what was simulated, with 95 % intervals.';
  return chartFigure(chart, 'election-time.svg', caption);
}

type Points = ChartSeries['points'];

/** A panel for each size of a cluster, a colour for each number of servers down. */
function panelsOf(
  judged: readonly Judged[],
  pointsOf: (cell: Cell) => { readonly formula: Points; readonly measured: Points },
): Chart['panels'] {
  const cells = judged.map(({ result }) => result.cell);
  const sizes = [...new Set(cells.map(({ servers }) => servers))];
  return sizes.map((servers) => {
    const own = cells.filter((cell) => cell.servers === servers);
    const alive = [...new Set(own.map((cell) => cell.alive))].sort((a, b) => b - a);
    const series = alive.flatMap((each): ChartSeries[] => {
      const cell = own.find((found) => found.alive === each);
      if (cell === undefined) return [];
      const down = servers - each;
      const color = PALETTE[down % PALETTE.length] ?? PALETTE[0];
      const { formula, measured } = pointsOf(cell);
      return [
        { label: `${down} down, formula`, color, kind: 'dashes', points: formula },
        { label: `${down} down, simulated`, color, kind: 'dots', points: measured },
      ];
    });
    return { title: `${servers} servers`, series };
  });
}

function judgedOf(judged: readonly Judged[], { alive, servers }: Cell): Judged[] {
  return judged.filter(({ result: { cell } }) => cell.alive === alive && cell.servers === servers);
}

function ticksOf(ratios: readonly number[]): number[] {
  return [...new Set(ratios.map((ratio) => Number(ratio.toPrecision(3))))].sort((a, b) => a - b);
}

function altOf(judged: readonly Judged[]): string {
  const worst = judged.reduce((a, b) => (b.formula > a.formula ? b : a));
  const { alive, latency, servers } = worst.result.cell;
  const share = sharePercent(worst.splits / worst.result.samples.length);
  const agree = judged.filter(({ isWithin }) => isWithin).length;
  return (
    'The share of elections with a split vote by latency and by the servers that are down: up to ' +
    `${share} with ${alive} of ${servers} servers alive and a latency of ${latency} ranges. ` +
    `Of ${judged.length} simulated values ${agree} agree with the formula.`
  );
}

function timeAltOf(judged: readonly Judged[]): string {
  const times = judged.map(({ result: { cell, samples } }) => {
    const ms = mean(samples.map(({ leaderlessMs }) => leaderlessMs)) ?? 0;
    return { cell, latencies: ms / (cell.latency * RANGE_MS) };
  });
  const sorted = times.toSorted((a, b) => a.latencies - b.latencies);
  const told = [sorted[0], sorted.at(-1)].flatMap((each) => {
    if (each === undefined) return [];
    const { alive, latency, servers } = each.cell;
    const where = `${alive} of ${servers} alive and a range of ${shortNumber(1 / latency)}`;
    return `${shortNumber(each.latencies)} latencies with ${where}`;
  });
  return (
    'The mean time of an election over the range of the timeouts, both in latencies: from ' +
    `${told.join(' to ')}.`
  );
}
