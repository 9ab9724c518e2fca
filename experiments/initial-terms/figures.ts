/** The pictures of the study. */
import { type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { COLORS, PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { exactNumber, milliseconds } from '../../lab/report/table.ts';
import { cdfPoints } from '../../lab/statistics/distance.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { sortedMs } from '../../lab/study/leaderless.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { startOf, startText } from './starts.ts';
import type { Cell, Sample } from './trial.ts';

type Result = CellResult<Cell, Sample>;

/** Of the other spreads there are medians in the other picture. */
const DRAWN: Readonly<Record<string, string>> = {
  'spread-0': COLORS.ink,
  'spread-2': PALETTE[0],
  'spread-10': PALETTE[2],
  'spread-1000': PALETTE[1],
  'one-ahead': PALETTE[3],
  'one-ahead-behind': PALETTE[4],
};

const CURVE_POINTS = 150;

export function curvesFigure(results: readonly Result[]): Figure {
  const panels = switches(results).map((preVote) => ({
    title: preVoteText(preVote),
    series: results
      .filter(({ cell }) => cell.preVote === preVote)
      .flatMap(({ cell, samples }): ChartSeries[] => {
        const color = DRAWN[cell.terms];
        if (color === undefined) return [];
        const points = cdfPoints(sortedMs(samples), CURVE_POINTS);
        return [{ label: startText(cell.terms), color, kind: 'steps', points }];
      }),
  }));
  return chartFigure(
    {
      title: 'Time to a lasting leader',
      alt: `Curves of the time to a lasting leader; medians: ${mediansText(results)}.`,
      x: { label: 'milliseconds since the start' },
      y: { label: 'share of starts that have one', domain: [0, 1], format: percentTick },
      panels,
    },
    'lasting-leader.svg',
    'A second rise is a second election timeout: the first candidate was in too low a term, or ' +
      'the first leader met a server in a later one.',
  );
}

export function spreadFigure(results: readonly Result[]): Figure {
  const series = switches(results).map((preVote, i): ChartSeries => {
    const points = results
      .filter(({ cell }) => cell.preVote === preVote)
      .flatMap(({ cell, samples }) => {
        const start = startOf(cell.terms);
        const median = quantileEstimate(sortedMs(samples), 0.5);
        if (start?.kind !== 'spread' || median === null) return [];
        const { high, low, value } = median;
        return [{ x: start.spread + 1, y: value, low, high }];
      })
      .sort((a, b) => a.x - b.x);
    const color = i === 0 ? PALETTE[0] : PALETTE[1];
    return { label: preVoteText(preVote), color, kind: 'line', points };
  });
  const spreads = results.filter(({ cell }) => startOf(cell.terms)?.kind === 'spread');
  return chartFigure(
    {
      title: 'What the spread of the terms costs',
      alt: `Medians of the time to a lasting leader against the spread: ${mediansText(spreads)}.`,
      x: {
        label: 'terms that each server’s is drawn from, logarithmic',
        scale: 'log',
        format: (value) => exactNumber(value),
      },
      y: { label: 'median milliseconds to a lasting leader' },
      panels: [{ title: '', series }],
    },
    'spread.svg',
    'With 95 % intervals by order statistics. Once five servers hardly ever draw the same term, ' +
      'a wider spread changes nothing.',
  );
}

export function preVoteText(preVote: boolean): string {
  return preVote ? 'with PreVote' : 'without PreVote';
}

function switches(results: readonly Result[]): boolean[] {
  return [...new Set(results.map(({ cell }) => cell.preVote))];
}

function mediansText(results: readonly Result[]): string {
  return results
    .map(({ cell, samples }) => {
      const median = quantileEstimate(sortedMs(samples), 0.5)?.value ?? null;
      return `${startText(cell.terms)} ${preVoteText(cell.preVote)} ${milliseconds(median)}`;
    })
    .join(', ');
}

function percentTick(share: number): string {
  return `${Math.round(share * 100)} %`;
}
